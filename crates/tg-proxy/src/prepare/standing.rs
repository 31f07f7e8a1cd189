//! The guardrail with which all calls of a provider are made: added to each, and weakened by nothing that a caller writes.

use super::Prepared;
use crate::send::Outgoing;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use tg_dialect::scan::Members;
use tg_dialect::splice::Splice;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_upstream::providers::bedrock::{GuardrailPlace, StandingGuardrail};

/// InvokeModel's names of a guardrail and its version.
const ID: HeaderName = HeaderName::from_static("x-amzn-bedrock-guardrailidentifier");
const VERSION: HeaderName = HeaderName::from_static("x-amzn-bedrock-guardrailversion");

/// InvokeModel's settings of a guardrail: with a `tagSuffix` it looks only at what stands between tags, with
/// `streamProcessingMode: async` it lets an answer out before it has looked at it.
const INVOKE_SETTINGS: &str = "amazon-bedrock-guardrailConfig";

/// Converse's.
const CONVERSE_SETTINGS: &str = "guardrailConfig";

/// A block of Converse beside which the guardrail looks at nothing else.
const GUARDED_BLOCK: &str = "guardContent";

/// Names the guardrail in a written request.
///
/// # Errors
/// `Class::Unsupported` (`guardrail_unsupported`): the request cannot name it, names another one, or narrows what it looks
/// at. Another target may take it.
pub(super) fn add(standing: &StandingGuardrail, outgoing: &Outgoing<'_>, prepared: &mut Prepared) -> Result<(), Fault> {
    match outgoing.call.operation {
        Operation::Chat => {}
        Operation::AsyncInvoke => return Err(refused(NO_PLACE, None)),
        // Nothing is generated.
        Operation::Embeddings | Operation::CountTokens | Operation::Guardrail => return Ok(()),
    }
    match StandingGuardrail::place(prepared.road) {
        Some(GuardrailPlace::Member) => {
            let body = in_body(standing, &Members::scan(&prepared.body)?)?;
            prepared.body = body;
            Ok(())
        }
        Some(GuardrailPlace::Headers) => in_headers(standing, &Members::scan(&prepared.body)?, &mut prepared.headers),
        None => Err(refused(NO_PLACE, None)),
    }
}

const NO_PLACE: &str = "Calls of this model's provider are made with a guardrail of Amazon Bedrock, and this one cannot be; \
                        nothing was sent. Use another API or model.";
const ANOTHER: &str = "Calls of this model's provider are made with its operator's guardrail of Amazon Bedrock, and Bedrock \
                       takes one. Leave out the guardrail that the request names.";
const NARROWED: &str = "Calls of this model's provider are made with its operator's guardrail of Amazon Bedrock, which looks \
                        at all of a call. Leave out what narrows it.";

fn refused(message: &'static str, place: Option<&str>) -> Fault {
    let fault = Fault::new(Class::Unsupported, Origin::Caller, "guardrail_unsupported", message);
    let fault = fault.retry(Retry::Elsewhere);
    place.iter().fold(fault, |fault, place| fault.at(*place))
}

fn in_body(standing: &StandingGuardrail, members: &Members<'_>) -> Result<bytes::Bytes, Fault> {
    if ["messages", "system"].into_iter().any(|name| members.get(name).is_some_and(has_guarded_block)) {
        return Err(refused(NARROWED, Some(GUARDED_BLOCK)));
    }
    let mut config = json!({ "guardrailIdentifier": &*standing.id, "guardrailVersion": &*standing.version });
    if let Some(theirs) = members.object(CONVERSE_SETTINGS)? {
        let (id, version) = (theirs.string("guardrailIdentifier")?, theirs.string("guardrailVersion")?);
        if !standing.is(&id.unwrap_or_default(), &version.unwrap_or_default()) {
            return Err(refused(ANOTHER, Some(CONVERSE_SETTINGS)));
        }
        // Of the rest only this is harmless.
        if let Some(trace) = theirs.string("trace")? {
            config["trace"] = json!(trace);
        }
    }
    Ok(Splice::new(members).set(CONVERSE_SETTINGS, config.to_string()).finish())
}

/// Whether a list of turns or blocks has a block that narrows what a guardrail looks at. Bodies without the word, however
/// it is written, are not read again.
fn has_guarded_block(raw: &[u8]) -> bool {
    let text = std::str::from_utf8(raw).unwrap_or_default();
    if !text.contains(GUARDED_BLOCK) && !text.contains("\\u") {
        return false;
    }
    let list: Vec<Map<String, Value>> = serde_json::from_slice(raw).unwrap_or_default();
    let is_guarded = |block: &Value| block.get(GUARDED_BLOCK).is_some_and(|value| !value.is_null());
    list.into_iter().any(|mut entry| {
        let blocks = entry.remove("content");
        is_guarded(&Value::Object(entry))
            || blocks.as_ref().and_then(Value::as_array).is_some_and(|all| all.iter().any(is_guarded))
    })
}

fn in_headers(standing: &StandingGuardrail, members: &Members<'_>, headers: &mut HeaderMap) -> Result<(), Fault> {
    if members.get(INVOKE_SETTINGS).is_some_and(|raw| raw != b"null") {
        return Err(refused(NARROWED, Some(INVOKE_SETTINGS)));
    }
    let theirs = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        (values.next(), values.next())
    };
    match (theirs(&ID), theirs(&VERSION)) {
        ((None, _), (None, _)) => {}
        ((Some(id), None), (Some(version), None))
            if id.to_str().is_ok_and(|id| version.to_str().is_ok_and(|version| standing.is(id, version))) => {}
        _ => return Err(refused(ANOTHER, Some(ID.as_str()))),
    }
    headers.insert(ID, HeaderValue::from_str(&standing.id).map_err(Fault::internal)?);
    headers.insert(VERSION, HeaderValue::from_str(&standing.version).map_err(Fault::internal)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> StandingGuardrail {
        StandingGuardrail { id: "gr1".into(), version: "3".into() }
    }

    #[test]
    fn nothing_in_a_converse_body_takes_its_place_or_narrows_it() {
        let with = |config: &str| format!(r#"{{"messages":[{{"role":"user","content":[{{"text":"hi"}}]}}]{config}}}"#);
        let named = r#","guardrailConfig":{"guardrailIdentifier":"gr1","guardrailVersion":"3""#;
        let own = r#"{"guardrailIdentifier":"gr1","guardrailVersion":"3"}"#;
        let traced = r#"{"guardrailIdentifier":"gr1","guardrailVersion":"3","trace":"enabled"}"#;
        for (body, config) in [
            (with(""), Some(own)),
            (with(r#","guardrailConfig":null"#), Some(own)),
            (with(&format!("{named}}}")), Some(own)),
            (with(&format!(r#"{named},"streamProcessingMode":"async"}}"#)), Some(own)),
            (with(&format!(r#"{named},"trace":"enabled"}}"#)), Some(traced)),
            (with(r#","guardrailConfig":{"guardrailIdentifier":"gr2","guardrailVersion":"3"}"#), None),
            (with(r#","guardrailConfig":{"guardrailIdentifier":"gr1"}"#), None),
            (with(r#","guardrailConfig":{}"#), None),
            (with(r#","system":[{"guardContent":{"text":{"text":"hi"}}}]"#), None),
            (with(r#","system":[{"text":"guardContent \u0067"}]"#), Some(own)),
            (
                r#"{"messages":[{"role":"user","content":[{"\u0067uardContent":{"text":{"text":"hi"}}}]}]}"#.to_owned(),
                None,
            ),
        ] {
            let written = in_body(&standing(), &Members::scan(body.as_bytes()).unwrap());
            let found = written.as_ref().ok().map(|body| {
                let members = Members::scan(body).unwrap();
                String::from_utf8(members.get("guardrailConfig").unwrap().to_vec()).unwrap()
            });
            assert_eq!(found.as_deref(), config, "{body}");
        }
    }

    #[test]
    fn nothing_in_an_invocation_takes_its_place_or_narrows_it() {
        let (id, version) = ("x-amzn-bedrock-guardrailidentifier", "x-amzn-bedrock-guardrailversion");
        for (headers, body, is_taken) in [
            (vec![], "{}", true),
            (vec![(id, "gr1"), (version, "3")], "{}", true),
            (vec![(id, "gr1")], "{}", false),
            (vec![(version, "3")], "{}", false),
            (vec![(id, "gr2"), (version, "3")], "{}", false),
            (vec![(id, "gr1"), (id, "gr2"), (version, "3")], "{}", false),
            (vec![], r#"{"amazon-bedrock-guardrailConfig":{"tagSuffix":"x"}}"#, false),
            (vec![], r#"{"amazon-bedrock-guardrailConfig":null}"#, true),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                map.append(*name, HeaderValue::from_static(value));
            }
            let added = in_headers(&standing(), &Members::scan(body.as_bytes()).unwrap(), &mut map);
            assert_eq!(added.is_ok(), is_taken, "{headers:?} {body}");
            if is_taken {
                assert_eq!((&map[id], &map[version], map.len()), (&"gr1".parse().unwrap(), &"3".parse().unwrap(), 2));
            }
        }
    }
}
