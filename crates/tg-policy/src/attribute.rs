//! To whom a call is booked: project and tags that the call states, as far as the team's policy allows.

use http::HeaderMap;
use std::sync::Arc;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::pattern;
use tg_kernel::principal::{Attribution, Principal};
use tg_store::team::{TagPolicy, TeamPolicy, UnknownProject};

/// Headers that name the project of one call; the first that is there counts.
pub const PROJECT_HEADERS: [&str; 2] = ["x-project-id", "openai-project"];

/// Headers that carry tags, as comma-separated `name` or `name=value`.
pub const TAG_HEADERS: [&str; 2] = ["x-tallygate-tags", "x-litellm-tags"];

/// Headers in which coding agents name their session: Claude Code's, Codex's, others'. It is booked as the tag `session`.
pub const SESSION_HEADERS: [&str; 3] = ["x-claude-code-session-id", "session_id", "x-session-id"];

/// Longest tag kept, in bytes; longer ones are left out.
const TAG_BYTES_MAX: usize = 256;

/// Books a caller that is known by its key alone: before the body is read, and for calls refused there.
#[must_use]
pub fn by_key(principal: &Principal, policy: &TeamPolicy) -> Attribution {
    Attribution {
        key_id: principal.key_id.clone(),
        team: principal.team.clone(),
        project: principal.project.clone().or_else(|| policy.default_project.as_deref().map(Arc::from)),
        environment: principal.environment.clone(),
        tags: Vec::new(),
    }
}

/// Books a call: the key's own project stands; else the one that the call names, if the team has it; else the default.
///
/// # Errors
/// `Class::Forbidden` with code `project_not_allowed` when the call names a project that the key or team does not have,
/// unless the team's policy books such calls to its default project.
pub fn attribute(
    principal: &Principal,
    policy: &TeamPolicy,
    headers: &HeaderMap,
    metadata: &[(String, String)],
) -> Result<Attribution, Fault> {
    let mut attribution = by_key(principal, policy);
    if let Some(named) = named_project(headers)? {
        attribution.project = project(named, principal, policy)?;
    }
    attribution.tags = tags(&policy.tags, headers, metadata);
    Ok(attribution)
}

/// The project that a call names. A value that is not text names a project that nobody has.
fn named_project(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    for value in PROJECT_HEADERS.iter().filter_map(|name| headers.get(*name)) {
        let named = value.to_str().map_err(|_| not_allowed("The project header is not plain text."))?.trim();
        if !named.is_empty() {
            return Ok(Some(named));
        }
    }
    Ok(None)
}

fn project(named: &str, principal: &Principal, policy: &TeamPolicy) -> Result<Option<Arc<str>>, Fault> {
    let fallback = policy.unknown_project == UnknownProject::BookToDefault;
    match &principal.project {
        Some(bound) if **bound == *named || fallback => Ok(Some(bound.clone())),
        Some(_) => Err(not_allowed("This caller is bound to another project; leave the project header out.")),
        None if policy.projects.iter().any(|p| p == named) => Ok(Some(Arc::from(named))),
        None if fallback => Ok(policy.default_project.as_deref().map(Arc::from)),
        None => Err(not_allowed("The caller's team has no such project; ask your platform team to add it.")),
    }
}

fn not_allowed(message: &'static str) -> Fault {
    Fault::new(Class::Forbidden, Origin::Caller, "project_not_allowed", message).at("x-project-id")
}

fn tags(policy: &TagPolicy, headers: &HeaderMap, metadata: &[(String, String)]) -> Vec<String> {
    if policy.allowed.is_empty() || policy.count_max == 0 {
        return Vec::new();
    }
    let named = |names: &'static [&'static str]| if policy.sources.header { names } else { &[] };
    let text = |name: &&'static str| headers.get(*name)?.to_str().ok().map(str::trim);
    let pairs = if policy.sources.body { metadata } else { &[] };
    let session = named(&SESSION_HEADERS).iter().find_map(text).filter(|id| !id.is_empty());
    let lists =
        named(&TAG_HEADERS).iter().flat_map(|name| headers.get_all(*name)).filter_map(|value| value.to_str().ok());
    let stated = lists.flat_map(|list| list.split(',')).map(|tag| tag.trim().to_owned());
    let mut tags: Vec<String> = stated
        .chain(pairs.iter().map(|(name, value)| format!("{name}={value}")))
        .chain(session.map(|id| format!("session={id}")))
        .filter(|tag| tag.len() <= TAG_BYTES_MAX && allows(policy, tag))
        .collect();
    tags.sort_unstable();
    tags.dedup();
    tags.truncate(usize::from(policy.count_max));
    tags
}

fn allows(policy: &TagPolicy, tag: &str) -> bool {
    let name = tag.split('=').next().unwrap_or_default();
    !name.is_empty()
        && !tag.chars().any(char::is_control)
        && policy.allowed.iter().any(|allowed| pattern::matches(allowed, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use tg_store::team::TagSources;

    fn principal(project: Option<&str>) -> Principal {
        Principal {
            key_id: "k".into(),
            team: "t".into(),
            project: project.map(Arc::from),
            environment: None,
            models: Arc::new([]),
        }
    }

    fn policy(unknown_project: UnknownProject) -> TeamPolicy {
        TeamPolicy {
            projects: vec!["a".into(), "b".into()],
            default_project: Some("a".into()),
            unknown_project,
            tags: TagPolicy { allowed: vec!["feature".into()], count_max: 2, ..TagPolicy::default() },
            ..TeamPolicy::default()
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn projects_are_never_invented() {
        use UnknownProject::{BookToDefault, Refuse};
        for (bound, named, unknown, expected) in [
            (None, None, Refuse, Ok(Some("a"))),
            (None, Some("b"), Refuse, Ok(Some("b"))),
            (None, Some("zzz"), Refuse, Err(())),
            (None, Some("zzz"), BookToDefault, Ok(Some("a"))),
            (Some("b"), None, Refuse, Ok(Some("b"))),
            (Some("b"), Some("b"), Refuse, Ok(Some("b"))),
            (Some("b"), Some("a"), Refuse, Err(())),
            (Some("b"), Some("a"), BookToDefault, Ok(Some("b"))),
        ] {
            let sent = named.map(|n| headers(&[("x-project-id", n)])).unwrap_or_default();
            let got = attribute(&principal(bound), &policy(unknown), &sent, &[]);
            let got = got.map(|a| a.project.as_deref().map(str::to_owned)).map_err(|_| ());
            assert_eq!(got, expected.map(|p| p.map(str::to_owned)), "{bound:?} {named:?} {unknown:?}");
        }
    }

    #[test]
    fn a_project_header_that_is_not_text_is_refused_and_an_empty_one_is_none() {
        let policy = policy(UnknownProject::Refuse);
        let mut sent = headers(&[("x-project-id", ""), ("openai-project", "b")]);
        let got = attribute(&principal(None), &policy, &sent, &[]).unwrap();
        assert_eq!(got.project.as_deref(), Some("b"));
        sent.insert("x-project-id", HeaderValue::from_bytes(b"\xc3\xa9").unwrap());
        assert_eq!(attribute(&principal(None), &policy, &sent, &[]).unwrap_err().code, "project_not_allowed");
    }

    #[test]
    fn only_allowed_tags_are_kept() {
        let sent = headers(&[("x-tallygate-tags", "feature=x, secret=y,,feature=x"), ("x-litellm-tags", "feature=w")]);
        let pairs = [("feature".to_owned(), "z".to_owned()), ("user_id".to_owned(), "u".to_owned())];
        let got = attribute(&principal(None), &policy(UnknownProject::Refuse), &sent, &pairs).unwrap();
        assert_eq!(got.tags, ["feature=w", "feature=x"]);
    }

    #[test]
    fn a_coding_agents_session_is_a_tag() {
        let tags = |allowed: &[&str], header| TagPolicy {
            allowed: allowed.iter().map(|name| (*name).to_owned()).collect(),
            sources: TagSources { header, body: true },
            count_max: 2,
        };
        let pair = [("session".to_owned(), "s-1".to_owned())];
        for (policy, sent, pairs, kept) in [
            (tags(&["*"], true), headers(&[("x-claude-code-session-id", " s-1 ")]), &pair[..], &["session=s-1"][..]),
            (tags(&["session"], true), headers(&[("session_id", "s-2")]), &[], &["session=s-2"]),
            (tags(&["session"], false), headers(&[("session_id", "s-2")]), &pair, &["session=s-1"]),
            (tags(&["feature"], true), headers(&[("x-session-id", "s-2")]), &pair, &[]),
            (tags(&["*"], true), headers(&[("x-session-id", "")]), &[], &[]),
        ] {
            let team = TeamPolicy { tags: policy, ..TeamPolicy::default() };
            let got = attribute(&principal(None), &team, &sent, pairs).unwrap();
            assert_eq!(got.tags, kept, "{sent:?} {pairs:?}");
        }
    }
}
