//! Request metadata: what the gateway says of a call in AWS's invocation logs, before the caller's own pairs.

use bytes::Bytes;
use std::collections::BTreeMap;
use tg_kernel::chat::ChatRequest;
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;

use crate::loss::Loss;
use crate::scan::Members;
use crate::splice::{Splice, json_string};

/// What the names of the gateway's own pairs begin with. Callers cannot write such names, in any case of letters.
const RESERVED: &str = "tallygate:";

/// Converse's member.
const MEMBER: &str = "requestMetadata";

/// The most pairs that AWS takes.
pub(super) const PAIRS_MAX: usize = 16;

/// The most characters that AWS takes in a name or value.
const CHARS_MAX: usize = 256;

/// The most characters that AWS takes in InvokeModel's header.
const HEADER_CHARS_MAX: usize = 8500;

/// The gateway's own pairs for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMetadata {
    pairs: Vec<(String, String)>,
}

impl RequestMetadata {
    /// The call's id and to whom it is booked, then its tags as far as there is room.
    #[must_use]
    pub fn of(id: CallId, attribution: &Attribution) -> Self {
        let Attribution { key_id, team, project, environment, tags } = attribution;
        let mut pairs = vec![pair("request_id", &id.to_string())];
        let known = [
            ("team", Some(&**team)),
            ("project", project.as_deref()),
            ("environment", environment.as_deref()),
            ("key_id", Some(&**key_id)),
        ];
        let stated = known.into_iter().filter_map(|(name, value)| Some((name, value.filter(|v| !v.is_empty())?)));
        pairs.extend(stated.map(|(name, value)| pair(name, value)));
        // A name may stand once only.
        let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for tag in tags {
            let (name, value) = tag.split_once('=').unwrap_or((tag, ""));
            values.entry(name).or_default().push(value);
        }
        for (name, values) in values {
            let (name, value) = pair(&format!("tag:{name}"), &values.join(","));
            if pairs.len() < PAIRS_MAX && pairs.iter().all(|(known, _)| *known != name) {
                pairs.push((name, value));
            }
        }
        Self { pairs }
    }

    /// A Converse body with these pairs before the caller's own; every byte outside the member stays. A caller's member
    /// that is no map is left to AWS to refuse, and so is a pair beyond its rules.
    #[must_use]
    pub fn in_body(&self, members: &Members<'_>) -> (Bytes, Option<Loss>) {
        let Ok(theirs) = members.object(MEMBER) else {
            return (Bytes::copy_from_slice(members.body()), None);
        };
        let (json, whole) = self.merged(theirs.as_ref(), usize::MAX);
        (Splice::new(members).set(MEMBER, json).finish(), (!whole).then(|| Loss::dropped(MEMBER)))
    }

    /// The value of InvokeModel's header, with these pairs before those of the caller's value. `None` where that is no
    /// map: AWS shall refuse it.
    #[must_use]
    pub fn in_header(&self, theirs: Option<&str>) -> Option<(Vec<u8>, Option<Loss>)> {
        let theirs = match theirs {
            Some(text) => Some(Members::scan(text.as_bytes()).ok()?),
            None => None,
        };
        let (json, whole) = self.merged(theirs.as_ref(), HEADER_CHARS_MAX);
        Some((json, (!whole).then(|| Loss::dropped(MEMBER))))
    }

    /// A request that is yet to be written for Converse, with these pairs before the caller's own.
    #[must_use]
    pub fn in_request(&self, request: &mut ChatRequest) -> Option<Loss> {
        let theirs = &mut request.caller.metadata;
        let before = theirs.len();
        theirs.retain(|(name, _)| !is_reserved(name));
        let whole = theirs.len() == before;
        theirs.splice(0..0, self.pairs.iter().cloned());
        (!whole).then(|| Loss::dropped("metadata"))
    }

    /// The pairs as a JSON object of at most so many bytes, and whether all of the caller's are in it. The caller's
    /// keep their spelling.
    fn merged(&self, theirs: Option<&Members<'_>>, bytes_max: usize) -> (Vec<u8>, bool) {
        let mut out = vec![b'{'];
        for (name, value) in &self.pairs {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(&json_string(name));
            out.push(b':');
            out.extend_from_slice(&json_string(value));
        }
        let (mut room, mut whole) = (PAIRS_MAX - self.pairs.len(), true);
        for member in theirs.iter().flat_map(|members| members.list().iter().map(|m| (m, members.body()))) {
            let (member, body) = member;
            let text = body.get(member.key.start..member.value.end).unwrap_or_default();
            if is_reserved(&member.name) || room == 0 || out.len() + text.len() + 2 > bytes_max {
                whole = false;
                continue;
            }
            out.push(b',');
            out.extend_from_slice(text);
            room -= 1;
        }
        out.push(b'}');
        (out, whole)
    }
}

/// One of the gateway's own pairs, within AWS's rules.
fn pair(name: &str, value: &str) -> (String, String) {
    let fit = |text: &str| text.chars().take(CHARS_MAX).map(|c| if is_allowed(c) { c } else { '_' }).collect();
    (fit(&format!("{RESERVED}{name}")), fit(value))
}

fn is_reserved(name: &str) -> bool {
    name.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED))
}

/// Whether AWS takes this pair. One that it does not take fails the whole call.
pub(super) fn is_pair(name: &str, value: &str) -> bool {
    let fine = |text: &str| text.len() <= CHARS_MAX && text.chars().all(is_allowed);
    !name.is_empty() && fine(name) && fine(value)
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || " :_@$#=/+,-.".contains(c)
}

#[cfg(test)]
mod tests {
    use super::{HEADER_CHARS_MAX, PAIRS_MAX, RequestMetadata};
    use crate::loss::Loss;
    use crate::scan::Members;
    use serde_json::{Map, Value};
    use tg_kernel::ids::CallId;
    use tg_kernel::principal::Attribution;

    fn attribution(tags: &[&str]) -> Attribution {
        Attribution {
            key_id: "k1".into(),
            team: "red".into(),
            project: Some("alpha".into()),
            environment: None,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        }
    }

    fn short() -> RequestMetadata {
        RequestMetadata { pairs: vec![("tallygate:team".to_owned(), "red".to_owned())] }
    }

    #[test]
    fn own_pairs_keep_to_the_rules_of_aws() {
        let id = CallId::fresh();
        let own = RequestMetadata::of(id, &attribution(&["feature=a b", "feature=c", "läng=é\n", "plain"]));
        let expected = [
            ("tallygate:request_id", id.to_string()),
            ("tallygate:team", "red".to_owned()),
            ("tallygate:project", "alpha".to_owned()),
            ("tallygate:key_id", "k1".to_owned()),
            ("tallygate:tag:feature", "a b,c".to_owned()),
            ("tallygate:tag:l_ng", "__".to_owned()),
            ("tallygate:tag:plain", String::new()),
        ];
        assert_eq!(own.pairs, expected.map(|(name, value)| (name.to_owned(), value)));
        let many: Vec<String> = (0..40).map(|n| format!("t{n}={}", "v".repeat(300))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let own = RequestMetadata::of(id, &attribution(&many));
        assert_eq!(own.pairs.len(), PAIRS_MAX);
        assert!(own.pairs.iter().all(|(name, value)| super::is_pair(name, value)));
        assert!(own.in_header(None).unwrap().0.len() <= HEADER_CHARS_MAX);
    }

    #[test]
    fn a_body_keeps_every_byte_outside_the_member() {
        let lost = Some(Loss::dropped("requestMetadata"));
        for (body, expected, loss) in [
            (r#"{ "a" : 1.0 }"#, r#"{ "a" : 1.0,"requestMetadata":{"tallygate:team":"red"} }"#, None),
            ("{}", r#"{"requestMetadata":{"tallygate:team":"red"}}"#, None),
            (r#"{"requestMetadata": null , "a":2}"#, r#"{"requestMetadata": {"tallygate:team":"red"} , "a":2}"#, None),
            (
                r#"{"requestMetadata":{"own" : "\u0061", "bad":7},"a":2}"#,
                r#"{"requestMetadata":{"tallygate:team":"red","own" : "\u0061","bad":7},"a":2}"#,
                None,
            ),
            (
                r#"{"requestMetadata":{"Tallygate:team":"blue","tallygate:x":"y","own":"o"}}"#,
                r#"{"requestMetadata":{"tallygate:team":"red","own":"o"}}"#,
                lost,
            ),
            (r#"{"requestMetadata":["no map"]}"#, r#"{"requestMetadata":["no map"]}"#, None),
        ] {
            let (got, told) = short().in_body(&Members::scan(body.as_bytes()).unwrap());
            assert_eq!((std::str::from_utf8(&got).unwrap(), told), (expected, loss), "{body}");
        }
    }

    #[test]
    fn callers_pairs_are_kept_as_far_as_they_fit() {
        let theirs: Map<String, Value> = (0..20).map(|n| (format!("k{n:02}"), "v".into())).collect();
        let (json, loss) = short().in_header(Some(&Value::Object(theirs).to_string())).unwrap();
        let sent: Map<String, Value> = serde_json::from_slice(&json).unwrap();
        assert_eq!((sent.len(), sent["k14"].as_str(), sent.get("k15")), (PAIRS_MAX, Some("v"), None));
        assert_eq!(loss, Some(Loss::dropped("requestMetadata")));
        let long = format!(r#"{{"a":"{}","b":"w"}}"#, "v".repeat(HEADER_CHARS_MAX));
        let (json, loss) = short().in_header(Some(&long)).unwrap();
        assert_eq!((json.as_slice(), loss.is_some()), (br#"{"tallygate:team":"red","b":"w"}"#.as_slice(), true));
        assert_eq!(short().in_header(Some("no map")), None);
    }
}
