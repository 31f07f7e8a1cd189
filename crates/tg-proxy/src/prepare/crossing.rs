//! Bodies that leave their own provider: what the other side cannot take is refused here, before anything is sent.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use tg_dialect::dialects::bedrock_converse::ModelFamily;
use tg_dialect::dialects::bedrock_invoke;
use tg_dialect::scan::Members;
use tg_kernel::fault::{Class, Fault, Origin, Retry};

/// Refuses an InvokeModel body that is not Claude's: no other provider knows what it means.
///
/// # Errors
/// `Class::Unsupported`; Bedrock itself, as a later target, may take it.
pub(super) fn only_claudes(model: &str, members: &Members<'_>) -> Result<(), Fault> {
    if bedrock_invoke::family(model, members) == ModelFamily::Claude && members.get("messages").is_some() {
        return Ok(());
    }
    let message = "Only InvokeModel bodies for Anthropic Claude ('anthropic_version' and 'messages') can be carried \
                   to another provider. Use Converse for this model.";
    Err(Fault::new(Class::Unsupported, Origin::Caller, "unsupported_body", message).retry(Retry::Elsewhere))
}

/// Refuses an Anthropic Messages body with media that stand elsewhere: inside InvokeModel, Claude takes bytes only.
///
/// # Errors
/// `Class::Unsupported`, with the place of the first such source; another target may take it.
pub(super) fn only_bytes(members: &Members<'_>) -> Result<(), Fault> {
    let messages = members.get("messages").and_then(|raw| std::str::from_utf8(raw).ok());
    let Some(place) = messages.and_then(|messages| first_elsewhere(messages, "messages", LEVELS_MAX)) else {
        return Ok(());
    };
    let message = format!(
        "Invalid value for '{place}': on Amazon Bedrock, Claude takes pictures and documents as bytes only (type \
         'base64'), not by URL or file id."
    );
    let fault = Fault::new(Class::Unsupported, Origin::Caller, "unsupported_input", message);
    Err(fault.at(place).retry(Retry::Elsewhere))
}

/// A turn, a block or a block's source, as far as it matters here. What stands in it is read when it is looked at: most
/// of a body is text and base64, and is passed over.
#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

impl<'a> Piece<'a> {
    /// What has another shape is the provider's to judge.
    fn read(raw: &'a RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }
}

/// Lists within lists: turns, their blocks, those of a tool's result, those of a document in it. What lies deeper is no
/// shape that Claude takes, and each level is one more reading of what is in it.
const LEVELS_MAX: usize = 4;

/// The place of the first source in `list` (turns, or blocks) that is a URL or a file id. `list` may be a plain text.
fn first_elsewhere(list: &str, path: &str, levels: usize) -> Option<String> {
    let below = levels.checked_sub(1)?;
    let list: Vec<&RawValue> = serde_json::from_str(list).ok()?;
    list.into_iter().enumerate().find_map(|(number, raw)| {
        let path = format!("{path}.{number}");
        let piece = Piece::read(raw)?;
        let within =
            |content: Option<&RawValue>, path: &str| first_elsewhere(content?.get(), &format!("{path}.content"), below);
        if let Some(source) = piece.source.and_then(Piece::read) {
            let path = format!("{path}.source");
            if matches!(&*source.kind, "url" | "file") {
                return Some(path);
            }
            // A document may be made of blocks.
            return within(source.content, &path);
        }
        within(piece.content, &path)
    })
}

#[cfg(test)]
mod tests {
    use super::{only_bytes, only_claudes};
    use tg_dialect::scan::Members;
    use tg_kernel::fault::Retry;

    #[test]
    fn a_body_is_claudes_by_its_model_or_its_version() {
        let claude = "anthropic.claude-haiku-4-5-20251001-v1:0";
        let opaque = "arn:aws:bedrock:us-east-1:1:application-inference-profile/x";
        for (model, body, is_claudes) in [
            ("ours", r#"{"anthropic_version":"bedrock-2023-05-31","messages":[]}"#, true),
            (opaque, r#"{"anthropic_version":"bedrock-2023-05-31","messages":[]}"#, true),
            (claude, r#"{"messages":[]}"#, true),
            (claude, r#"{"inputText":"hi"}"#, false),
            ("ours", r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#, false),
            (opaque, r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#, false),
            ("amazon.nova-lite-v1:0", r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#, false),
            ("meta.llama3-8b", r#"{"prompt":"hi"}"#, false),
        ] {
            let members = Members::scan(body.as_bytes()).unwrap();
            let judged = only_claudes(model, &members).map_err(|fault| (fault.code, fault.retry));
            let wanted = if is_claudes { Ok(()) } else { Err(("unsupported_body", Retry::Elsewhere)) };
            assert_eq!(judged, wanted, "{model} {body}");
        }
    }

    #[test]
    fn a_source_that_stands_elsewhere_is_found_wherever_it_hides() {
        let url = r#"{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}"#;
        let file = r#"{"type":"document","source":{"file_id":"file_1","type":"\u0066ile"}}"#;
        let bytes = r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}"#;
        let custom = format!(r#"{{"type":"document","source":{{"type":"content","content":[{url}]}}}}"#);
        let result = format!(r#"{{"type":"tool_result","tool_use_id":"t","content":[{bytes},{file}]}}"#);
        let innocent = r#"{"type":"tool_use","id":"t","name":"n","input":{"source":{"type":"url"}}},
            {"type":"search_result","source":"https://example.com","content":[{"type":"text","text":"url"}]},
            {"type":"text","text":"\"source\":{\"type\":\"url\"}"}"#;
        for (content, place) in [
            (r#""hi""#.to_owned(), None),
            ("7".to_owned(), None),
            (format!("[{bytes},{innocent}]"), None),
            (format!("[{url}]"), Some("messages.1.content.0.source")),
            (format!("[{innocent},{file}]"), Some("messages.1.content.3.source")),
            (format!("[{bytes},{custom}]"), Some("messages.1.content.1.source.content.0.source")),
            (format!("[{result}]"), Some("messages.1.content.0.content.1.source")),
        ] {
            let body = format!(
                r#"{{"system":"url","messages":[{{"role":"user","content":"hi"}},{{"role":"user","content":{content}}}]}}"#
            );
            let members = Members::scan(body.as_bytes()).unwrap();
            let found = only_bytes(&members).map_err(|fault| (fault.code, fault.retry, fault.param.unwrap()));
            let wanted = place.map_or(Ok(()), |place| Err(("unsupported_input", Retry::Elsewhere, place.to_owned())));
            assert_eq!(found, wanted, "{content}");
        }
    }
}
