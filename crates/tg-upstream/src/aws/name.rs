//! What a role's session is called and which tags it has: stable, within STS's limits, different for different callers.

use super::Role;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// Longest name of a session.
const NAME_CHARS_MAX: usize = 64;

/// How many characters of a digest tell apart what sanitising made alike.
const DIGEST_CHARS: usize = 10;

/// How names begin, so that a reader of the bill knows who made the session.
const PREFIX: &str = "tg-";

/// Between the parts of a name. Names in configurations cannot have it, hyphens they may.
const BETWEEN: char = '.';

/// Longest value of a tag.
const VALUE_CHARS_MAX: usize = 256;

/// What each session of a role stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A team.
    Team,
    /// A team's project in one environment.
    Project,
    /// A key; and its project, where callers choose among several.
    Key,
}

/// On whose account a call goes, as far as AWS shall see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The team.
    pub team: Arc<str>,
    /// The project.
    pub project: Option<Arc<str>>,
    /// The environment.
    pub environment: Option<Arc<str>>,
    /// The key's public id; of a role that calls, its ARN.
    pub key_id: Option<Arc<str>>,
    /// The team's cost centre.
    pub cost_centre: Option<Arc<str>>,
}

impl Caller {
    /// The same caller, without what a session of this kind does not tell apart.
    pub(super) fn seen_as(&self, per: Per) -> Self {
        let finer = per != Per::Team;
        Self {
            team: Arc::clone(&self.team),
            project: self.project.clone().filter(|_| finer),
            environment: self.environment.clone().filter(|_| finer),
            key_id: self.key_id.clone().filter(|_| per == Per::Key),
            cost_centre: self.cost_centre.clone(),
        }
    }

    /// The session's name.
    pub(super) fn session_name(&self) -> Arc<str> {
        let parts = [Some(&self.team), self.project.as_ref(), self.environment.as_ref(), self.key_id.as_ref()];
        session_name(&parts.map(|part| part.map_or("", |part| &**part)))
    }

    /// The session's tags, sorted by name: the caller's, and those of the role.
    pub(super) fn session_tags(&self, role: &Role) -> Vec<(String, String)> {
        let own = [
            ("team", Some(&self.team)),
            ("project", self.project.as_ref()),
            ("environment", self.environment.as_ref()),
            ("cost-centre", self.cost_centre.as_ref()),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), tag_value(value?))));
        let mut tags: Vec<_> = own.chain(role.tags.iter().map(|(name, value)| (name.clone(), value.clone()))).collect();
        tags.sort();
        tags
    }
}

/// `tg-` and the parts, without empty ones at the end. What STS would not take is replaced or cut, of a role's ARN only
/// the name is shown; a digest of the parts is then added, so that no two callers share a name.
fn session_name(parts: &[&str]) -> Arc<str> {
    let kept = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
    let parts = &parts[..kept];
    let mut ambiguous = false;
    let mut name = PREFIX.to_owned();
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            name.push(BETWEEN);
        }
        let shown = if part.starts_with("arn:") { part.rsplit('/').next().unwrap_or(part) } else { part };
        ambiguous |= shown.len() != part.len();
        for character in shown.chars() {
            let allowed = character.is_ascii_alphanumeric() || "_+=,@-".contains(character);
            ambiguous |= !allowed;
            name.push(if allowed { character } else { '_' });
        }
    }
    if !ambiguous && name.len() <= NAME_CHARS_MAX {
        return name.into();
    }
    // Every character is ASCII here.
    name.truncate(NAME_CHARS_MAX - DIGEST_CHARS - 1);
    let digest = hex::encode(Sha256::digest(parts.join("\0")));
    format!("{name}{BETWEEN}{}", &digest[..DIGEST_CHARS]).into()
}

/// A value that STS takes as a tag's.
fn tag_value(text: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    text.chars().take(VALUE_CHARS_MAX).map(|c| if allowed(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashSet};
    use std::time::Duration;

    fn caller(team: &str, project: &str, environment: &str) -> Caller {
        let some = |text: &str| (!text.is_empty()).then(|| Arc::from(text));
        Caller {
            team: team.into(),
            project: some(project),
            environment: some(environment),
            key_id: Some("k1".into()),
            cost_centre: Some("CC 4711 & co".into()),
        }
    }

    #[test]
    fn names_are_stable_and_within_the_limits() {
        for (team, project, environment, per, name) in [
            ("red", "alpha", "prod", Per::Project, "tg-red.alpha.prod"),
            ("red", "alpha", "prod", Per::Team, "tg-red"),
            ("red", "alpha", "prod", Per::Key, "tg-red.alpha.prod.k1"),
            ("red", "", "prod", Per::Project, "tg-red..prod"),
            ("red", "prod", "", Per::Project, "tg-red.prod"),
            ("data-science", "a_b", "", Per::Project, "tg-data-science.a_b"),
            ("R & D", "", "", Per::Team, "tg-R___D.22601ba197"),
            ("v1.2", "", "", Per::Team, "tg-v1_2.0e4f5bced9"),
        ] {
            let found = caller(team, project, environment).seen_as(per).session_name();
            assert_eq!(&*found, name);
        }
    }

    #[test]
    fn a_role_that_calls_is_shown_by_its_name() {
        let named = |arn: &str| {
            let caller = Caller { key_id: Some(arn.into()), ..caller("red", "alpha", "prod") };
            caller.seen_as(Per::Key).session_name()
        };
        let role = named("arn:aws:iam::123456789012:role/search-batch");
        assert!(role.starts_with("tg-red.alpha.prod.search-batch.") && role.len() == 41, "{role}");
        assert_ne!(role, named("arn:aws:iam::999999999999:role/search-batch"), "the digest is of the whole");
        assert_ne!(role, named("arn:aws:iam::123456789012:user/search-batch"));
        assert_ne!(role, named("search-batch"));
    }

    #[test]
    fn different_callers_never_share_a_name() {
        let texts = ["a", "a.b", "a-b", "b", "", "ä", "ö", &"x".repeat(64), &"y".repeat(200)];
        let mut seen = HashSet::new();
        for team in &texts {
            for project in &texts {
                for environment in &texts {
                    let name = caller(team, project, environment).seen_as(Per::Project).session_name();
                    let sound = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
                    assert!((2..=64).contains(&name.len()) && name.chars().all(sound), "{name}");
                    assert!(seen.insert(name.clone()), "{name} twice: {team} {project} {environment}");
                }
            }
        }
    }

    #[test]
    fn tags_are_those_of_the_caller_and_of_the_role() {
        let role = Role {
            arn: String::new(),
            per: Per::Project,
            external_id: None,
            duration: Duration::from_secs(3600),
            tags: BTreeMap::from([("owner".to_owned(), "platform".to_owned())]),
            sessions_max: 1,
            sts_url: None,
        };
        let tags = |per| {
            let tags = caller("red", "alpha", "prod").seen_as(per).session_tags(&role);
            tags.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
        };
        let all = "cost-centre=CC 4711 _ co;environment=prod;owner=platform;project=alpha;team=red";
        assert_eq!(tags(Per::Project), all);
        assert_eq!(tags(Per::Key), all);
        assert_eq!(tags(Per::Team), "cost-centre=CC 4711 _ co;owner=platform;team=red");
        assert_eq!(tag_value(&"ü".repeat(300)).chars().count(), 256);
    }
}
