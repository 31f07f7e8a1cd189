//! Requests for a server of this dialect that answers at once and runs no tools of its own, as Bedrock's runtime.

use crate::loss::{Encoded, Loss};
use crate::scan::Members;
use crate::splice::Splice;
use crate::walk;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use tg_kernel::fault::{Class, Fault, Origin, Retry};

/// Types of tools that a server runs itself; more may follow behind a `_` (`web_search_preview`).
const HOSTED_TOOLS: [&str; 5] = ["code_interpreter", "file_search", "image_generation", "mcp", "web_search"];

/// A body without tools that the server would have to run. They are losses; so is a choice that demands one of them.
/// Every other byte outside of `tools` and `tool_choice` stays, and so does each tool. What has no such shape is left to
/// the server to refuse.
///
/// # Errors
/// `Class::Unsupported` for `background`: its caller would wait for a response that is not kept.
pub fn answered_at_once(body: &Bytes) -> Result<Encoded, Fault> {
    let members = Members::scan(body)?;
    if members.get("background") == Some(b"true") {
        let message = "The server of this model answers at once and keeps no response to be fetched later: \
                       'background' must be left out.";
        let fault = Fault::new(Class::Unsupported, Origin::Caller, "stateful_unsupported", message);
        return Err(fault.at("background").retry(Retry::Elsewhere));
    }
    let Some(tools) = members.get("tools").and_then(|raw| split(raw, "tools")).filter(Split::is_partial) else {
        return Ok(Encoded { body: body.clone(), ..Encoded::default() });
    };
    let mut losses = tools.losses;
    let choice = members.get("tool_choice").map_or(Choice::Stays, |raw| choice(raw, tools.kept.is_empty()));
    let mut splice = Splice::new(&members);
    splice = if tools.kept.is_empty() { splice.remove("tools") } else { splice.set("tools", list(&tools.kept)) };
    match choice {
        Choice::Stays => {}
        Choice::Idle => splice = splice.remove("tool_choice"),
        Choice::Lost => {
            splice = splice.remove("tool_choice");
            losses.push(Loss::dropped("tool_choice"));
        }
        Choice::Narrowed(json, lost) => {
            splice = splice.set("tool_choice", json);
            losses.extend(lost);
        }
    }
    losses.sort();
    Ok(Encoded { body: splice.finish(), losses, ..Encoded::default() })
}

/// A list of tools, as far as the server can call them.
struct Split<'a> {
    kept: Vec<&'a RawValue>,
    losses: Vec<Loss>,
}

impl Split<'_> {
    fn is_partial(&self) -> bool {
        !self.losses.is_empty()
    }
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
}

fn is_hosted(raw: &str) -> bool {
    let kind = serde_json::from_str::<Kind<'_>>(raw).map(|tool| tool.kind).unwrap_or_default();
    HOSTED_TOOLS.iter().any(|name| kind.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
}

fn split<'a>(raw: &'a [u8], path: &str) -> Option<Split<'a>> {
    let list: Vec<&RawValue> = serde_json::from_slice(raw).ok()?;
    let mut split = Split { kept: Vec::with_capacity(list.len()), losses: Vec::new() };
    for (index, tool) in list.into_iter().enumerate() {
        if is_hosted(tool.get()) {
            split.losses.push(Loss::dropped(walk::join(path, index)));
        } else {
            split.kept.push(tool);
        }
    }
    Some(split)
}

fn list(tools: &[&RawValue]) -> Vec<u8> {
    let texts: Vec<&str> = tools.iter().map(|tool| tool.get()).collect();
    format!("[{}]", texts.join(",")).into_bytes()
}

/// What becomes of `tool_choice`.
enum Choice {
    Stays,
    /// It means nothing any more, and nothing is lost.
    Idle,
    Lost,
    /// Some of the tools that it allows are gone.
    Narrowed(Vec<u8>, Vec<Loss>),
}

fn choice(raw: &[u8], no_tools: bool) -> Choice {
    let text = std::str::from_utf8(raw).unwrap_or_default();
    if text.starts_with('"') {
        return match (no_tools, text) {
            (false, _) => Choice::Stays,
            (true, "\"required\"") => Choice::Lost,
            (true, _) => Choice::Idle,
        };
    }
    if no_tools || is_hosted(text) {
        return Choice::Lost;
    }
    let Ok(members) = Members::scan(raw) else { return Choice::Stays };
    match members.get("tools").and_then(|raw| split(raw, "tool_choice.tools")).filter(Split::is_partial) {
        None => Choice::Stays,
        Some(tools) if tools.kept.is_empty() => Choice::Lost,
        Some(tools) => {
            let narrowed = Splice::new(&members).set("tools", list(&tools.kept)).finish();
            Choice::Narrowed(narrowed.to_vec(), tools.losses)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::answered_at_once;
    use bytes::Bytes;
    use tg_kernel::fault::{Class, Retry};

    const SHELL: &str = r#"{ "type":"function", "name":"shell","x":1.0e2 }"#;
    const PATCH: &str = r#"{"type":"custom","name":"apply_patch"}"#;
    const SEARCH: &str = r#"{"type":"web_search"}"#;

    #[test]
    fn tools_that_the_server_would_run_are_left_out_and_no_other_byte() {
        for (sent, arrives, losses) in [
            (
                format!(r#"{{"tools":[{SHELL},{SEARCH}, {PATCH}],"z":1.0}}"#),
                format!(r#"{{"tools":[{SHELL},{PATCH}],"z":1.0}}"#),
                "tools.1",
            ),
            (format!(r#"{{ "tools" : [ {SHELL} ,{PATCH}] }}"#), format!(r#"{{ "tools" : [ {SHELL} ,{PATCH}] }}"#), ""),
            (format!(r#"{{"a":1, "tools":[{SEARCH}], "tool_choice":"auto"}}"#), r#"{"a":1}"#.to_owned(), "tools.0"),
            (
                format!(r#"{{"tools":[{SEARCH}],"a":1,"tool_choice":"required"}}"#),
                r#"{"a":1}"#.to_owned(),
                "tool_choice,tools.0",
            ),
            (
                format!(
                    r#"{{"tools":[{SHELL},{{"type":"web_search_preview_2025_03_11"}}],"tool_choice":{{"type":"web_search_preview"}}}}"#
                ),
                format!(r#"{{"tools":[{SHELL}]}}"#),
                "tool_choice,tools.1",
            ),
            (
                format!(
                    r#"{{"tools":[{SHELL},{{"type":"mcp","server_label":"x"}}],"tool_choice":{{"type":"allowed_tools","mode":"auto","tools":[{{"type":"mcp"}},{{"type":"function","name":"shell"}}]}}}}"#
                ),
                format!(
                    r#"{{"tools":[{SHELL}],"tool_choice":{{"type":"allowed_tools","mode":"auto","tools":[{{"type":"function","name":"shell"}}]}}}}"#
                ),
                "tool_choice.tools.0,tools.1",
            ),
            (r#"{"tools":{"type":"web_search"}}"#.to_owned(), r#"{"tools":{"type":"web_search"}}"#.to_owned(), ""),
            (
                r#"{"tools":[{"type":"web_searcher"},7],"background":false}"#.to_owned(),
                r#"{"tools":[{"type":"web_searcher"},7],"background":false}"#.to_owned(),
                "",
            ),
        ] {
            let encoded = answered_at_once(&Bytes::from(sent.clone())).unwrap();
            let found: Vec<String> = encoded.losses.iter().map(ToString::to_string).collect();
            assert_eq!(
                (std::str::from_utf8(&encoded.body).unwrap(), found.join(",").as_str()),
                (arrives.as_str(), losses),
                "{sent}"
            );
        }
    }

    #[test]
    fn a_response_to_be_fetched_later_is_refused() {
        let fault = answered_at_once(&Bytes::from_static(br#"{"background" : true}"#)).unwrap_err();
        assert_eq!(
            (fault.class, fault.code, fault.retry),
            (Class::Unsupported, "stateful_unsupported", Retry::Elsewhere)
        );
        assert_eq!(fault.param.as_deref(), Some("background"));
    }
}
