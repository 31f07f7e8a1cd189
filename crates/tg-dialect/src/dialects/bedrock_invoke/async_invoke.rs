//! StartAsyncInvoke: what its body names, and the tags that tell afterwards whose an invocation is.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::peek::Peek;
use tg_kernel::principal::{Attribution, Principal};

use crate::loss::Loss;
use crate::scan::Members;
use crate::splice::{Splice, json_string};

/// What the keys of the gateway's own tags begin with. Callers cannot write such keys, in any case of letters.
const RESERVED: &str = "tallygate:";

/// Of which team the invocation is.
const TEAM: &str = "tallygate:team";

/// Of which project.
const PROJECT: &str = "tallygate:project";

/// The body's list of tags.
const MEMBER: &str = "tags";

/// Where the body says where the output goes.
const OUTPUT: &str = "outputDataConfig";

/// The only kind of place that is known for the output.
const S3: &str = "s3OutputDataConfig";

/// The most tags that AWS takes.
const TAGS_MAX: usize = 200;

/// The most characters that AWS takes in a tag's value.
const VALUE_CHARS_MAX: usize = 256;

/// The cheap facts of a StartAsyncInvoke body, which names its model itself.
///
/// # Errors
/// `Class::Malformed` when it names none.
pub(super) fn peek(members: &Members<'_>) -> Result<Peek, Fault> {
    let model = members.string("modelId")?.filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| Fault::malformed_at("modelId", "Missing required parameter: 'modelId'."))?;
    Ok(Peek { model: model.into_owned(), ..Peek::default() })
}

/// Where the output of an invocation goes: an S3 URI, unescaped. It has not been judged.
///
/// # Errors
/// `Class::Malformed` when the body names no such place, or another one beside it.
pub fn output_uri<'a>(members: &Members<'a>) -> Result<Cow<'a, str>, Fault> {
    let path = format!("{OUTPUT}.{S3}.s3Uri");
    let missing = |path: &str| Fault::malformed_at(path, format!("Missing required parameter: '{path}'."));
    let output = members.object(OUTPUT)?.ok_or_else(|| missing(&path))?;
    // A place that is not known here cannot be judged here.
    if let Some(other) = output.names().find(|name| *name != S3) {
        let shown: String = other.chars().filter(|c| !c.is_control()).take(64).collect();
        let message = format!("Output can be written to S3 only ('{OUTPUT}.{S3}'), not to '{shown}'.");
        return Err(Fault::malformed_at(OUTPUT, message));
    }
    let place = output.object(S3)?.ok_or_else(|| missing(&path))?;
    place.string("s3Uri")?.ok_or_else(|| missing(&path))
}

/// Whose an asynchronous invocation is, as its tags say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    team: String,
    project: Option<String>,
}

impl Owner {
    /// The owner of an invocation that is booked so.
    #[must_use]
    pub fn of(booked: &Attribution) -> Self {
        Self { team: exact(&booked.team), project: booked.project.as_deref().map(exact) }
    }

    /// What these tags of an invocation say (`[{"key": …, "value": …}]`). `None`: no team of a gateway's.
    #[must_use]
    pub fn tagged(tags: &Value) -> Option<Self> {
        let value = |key: &str| {
            let tag = tags.as_array()?.iter().find(|tag| tag["key"] == key)?;
            tag["value"].as_str().filter(|value| !value.is_empty()).map(str::to_owned)
        };
        Some(Self { team: value(TEAM)?, project: value(PROJECT) })
    }

    /// Whether a caller may see what is this owner's: its team, and its project where the key is bound to one.
    #[must_use]
    pub fn admits(&self, caller: &Principal) -> bool {
        let bound = caller.project.as_deref().map(exact);
        self.team == exact(&caller.team) && (bound.is_none() || bound == self.project)
    }
}

/// A StartAsyncInvoke body for a target: the model under its name there, and the gateway's tags before the caller's own.
/// Every byte outside these members stays; the caller's tags keep their spelling.
///
/// The tags are the same whenever the same key sends the same body, so that a repetition with the same
/// `clientRequestToken` stays one for AWS.
///
/// # Errors
/// `Class::Malformed` when `tags` is no list of tags; `Class::Unsupported` when the team's or project's name has no room
/// in a tag: then nobody could tell afterwards whose the invocation is.
pub fn start_body(
    members: &Members<'_>,
    model: &str,
    named: &str,
    booked: &Attribution,
) -> Result<(Bytes, Option<Loss>), Fault> {
    let (json, whole) = merged(members, booked)?;
    let mut splice = Splice::new(members).set(MEMBER, json);
    if model != named {
        splice = splice.set("modelId", json_string(model));
    }
    Ok((splice.finish(), (!whole).then(|| Loss::dropped(MEMBER))))
}

/// A tag, as far as it matters here.
#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
}

/// The list of tags as JSON, and whether all of the caller's are in it.
fn merged(members: &Members<'_>, booked: &Attribution) -> Result<(Vec<u8>, bool), Fault> {
    let mut out = vec![b'['];
    let mut count = 0;
    let mut push = |json: &[u8], out: &mut Vec<u8>| {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(json);
        count += 1;
        count
    };
    let own = [
        (TEAM, Some(&*booked.team)),
        (PROJECT, booked.project.as_deref()),
        ("tallygate:environment", booked.environment.as_deref()),
        ("tallygate:key_id", Some(&*booked.key_id)),
    ];
    let mut room = TAGS_MAX;
    for (key, value) in own.into_iter().filter_map(|(key, value)| Some((key, value.filter(|v| !v.is_empty())?))) {
        let value = exact(value);
        if value.len() > VALUE_CHARS_MAX {
            let message =
                format!("The name for the tag '{key}' has no room in a tag of AWS, which takes 256 characters.");
            return Err(Fault::new(Class::Unsupported, Origin::Gateway, "operation_unsupported", message));
        }
        room = TAGS_MAX - push(serde_json::json!({ "key": key, "value": value }).to_string().as_bytes(), &mut out);
    }
    let mut whole = true;
    for (number, raw) in theirs(members)?.into_iter().enumerate() {
        let tag: Tag<'_> = serde_json::from_str(raw.get()).map_err(|_| {
            Fault::malformed_at(
                format!("{MEMBER}.{number}"),
                "A tag must be an object with a string 'key' and 'value'.",
            )
        })?;
        if is_reserved(&tag.key) || room == 0 {
            whole = false;
            continue;
        }
        room = TAGS_MAX - push(raw.get().as_bytes(), &mut out);
    }
    out.push(b']');
    Ok((out, whole))
}

fn theirs<'a>(members: &Members<'a>) -> Result<Vec<&'a RawValue>, Fault> {
    match members.get(MEMBER) {
        None | Some(b"null") => Ok(Vec::new()),
        Some(raw) => {
            let wrong = |_| Fault::malformed_at(MEMBER, "Invalid type for 'tags': it must be an array of tags.");
            serde_json::from_slice(raw).map_err(wrong)
        }
    }
}

fn is_reserved(key: &str) -> bool {
    key.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED))
}

/// A name within AWS's alphabet for the values of tags. No two names come to the same text: what AWS does not take is
/// written as `=` and two hexadecimal digits for each byte, and so is `=` itself.
fn exact(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for &byte in name.as_bytes() {
        if byte.is_ascii_alphanumeric() || b" ._:/+@-".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("={byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn booked(team: &str, project: Option<&str>) -> Attribution {
        let project = project.map(Into::into);
        Attribution { key_id: "k1".into(), team: team.into(), project, ..Attribution::default() }
    }

    fn principal(team: &str, project: Option<&str>) -> Principal {
        let models = Vec::new().into();
        Principal { key_id: "k".into(), team: team.into(), project: project.map(Into::into), environment: None, models }
    }

    fn started(body: &str) -> Result<(String, Option<Loss>), &'static str> {
        let members = Members::scan(body.as_bytes()).unwrap();
        let (body, loss) = start_body(&members, "m", "m", &booked("red", Some("alpha"))).map_err(|fault| fault.code)?;
        Ok((String::from_utf8(body.to_vec()).unwrap(), loss))
    }

    #[test]
    fn a_body_keeps_every_byte_outside_the_tags() {
        let own = r#"{"key":"tallygate:team","value":"red"},{"key":"tallygate:project","value":"alpha"},{"key":"tallygate:key_id","value":"k1"}"#;
        for (body, expected, whole) in [
            (r#"{ "modelInput" : 1.0 }"#, format!(r#"{{ "modelInput" : 1.0,"tags":[{own}] }}"#), true),
            (r#"{"tags": null ,"a":2}"#, format!(r#"{{"tags": [{own}] ,"a":2}}"#), true),
            (
                r#"{"tags":[ {"value":"b", "key":"\u0061"} ]}"#,
                format!(r#"{{"tags":[{own},{{"value":"b", "key":"\u0061"}}]}}"#),
                true,
            ),
            (
                r#"{"tags":[{"key":"TallyGate:team","value":"blue"},{"key":"\u0074allygate:x","value":""},{"key":"c","value":"d"}]}"#,
                format!(r#"{{"tags":[{own},{{"key":"c","value":"d"}}]}}"#),
                false,
            ),
        ] {
            assert_eq!(started(body), Ok((expected, (!whole).then(|| Loss::dropped("tags")))), "{body}");
        }
        for body in [r#"{"tags":{}}"#, r#"{"tags":["a"]}"#, r#"{"tags":[{"value":"b"}]}"#, r#"{"tags":[{"key":1}]}"#] {
            assert_eq!(started(body), Err("invalid_request"), "{body}");
        }
    }

    #[test]
    fn a_model_of_another_name_is_put_in_its_place() {
        let members = Members::scan(br#"{"modelId" : "reel","tags":[]}"#).unwrap();
        let (body, _) = start_body(&members, "amazon.nova-reel-v1:1", "reel", &booked("red", None)).unwrap();
        assert!(body.starts_with(br#"{"modelId" : "amazon.nova-reel-v1:1","tags":[{"#), "{body:?}");
    }

    #[test]
    fn callers_tags_are_kept_as_far_as_they_fit() {
        let tags: Vec<Value> = (0..TAGS_MAX).map(|n| json!({"key": format!("k{n}"), "value": "v"})).collect();
        let (body, loss) = started(&json!({ "tags": tags }).to_string()).unwrap();
        let sent: Value = serde_json::from_str(&body).unwrap();
        let sent = sent["tags"].as_array().unwrap();
        assert_eq!((sent.len(), sent[TAGS_MAX - 1]["key"].as_str()), (TAGS_MAX, Some("k196")));
        assert_eq!(loss, Some(Loss::dropped("tags")));
    }

    #[test]
    fn what_is_tagged_is_read_again_and_by_nobody_else() {
        for team in ["red", "R&D", "R_D", "R=26D", "é", "a b"] {
            for project in [None, Some("alpha"), Some("ä")] {
                let body = br#"{"tags":[{"key":"mine","value":"x"}]}"#;
                let members = Members::scan(body).unwrap();
                let (body, _) = start_body(&members, "m", "m", &booked(team, project)).unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap();
                let owner = Owner::tagged(&body["tags"]).unwrap();
                assert_eq!(owner, Owner::of(&booked(team, project)));
                for (other, bound, admitted) in [
                    (team, None, true),
                    (team, project, true),
                    (team, Some("beta"), false),
                    ("blue", None, false),
                    ("R&D", None, team == "R&D"),
                ] {
                    assert_eq!(
                        owner.admits(&principal(other, bound)),
                        admitted,
                        "{team} {project:?} {other} {bound:?}"
                    );
                }
            }
        }
        assert_eq!(
            Owner::tagged(&json!([{"key": "team", "value": "red"}, {"key": "tallygate:team", "value": ""}])),
            None
        );
        assert_eq!(Owner::tagged(&json!(null)), None);
        let long = "é".repeat(60);
        let fault = start_body(&Members::scan(b"{}").unwrap(), "m", "m", &booked(&long, None)).unwrap_err();
        assert_eq!(fault.code, "operation_unsupported");
    }

    #[test]
    fn the_output_goes_to_one_place_in_s3() {
        let uri = |body: &str| output_uri(&Members::scan(body.as_bytes()).unwrap()).map(Cow::into_owned);
        let body = r#"{"outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3:\/\/b/k","bucketOwner":"1"}}}"#;
        assert_eq!(uri(body).unwrap(), "s3://b/k");
        for (body, place) in [
            ("{}", "outputDataConfig.s3OutputDataConfig.s3Uri"),
            (r#"{"outputDataConfig":{"s3OutputDataConfig":{}}}"#, "outputDataConfig.s3OutputDataConfig.s3Uri"),
            (r#"{"outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3://b"},"x":null}}"#, "outputDataConfig"),
            (r#"{"outputDataConfig":[]}"#, "outputDataConfig"),
        ] {
            assert_eq!(uri(body).unwrap_err().param.as_deref(), Some(place), "{body}");
        }
    }
}
