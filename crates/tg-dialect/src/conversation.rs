//! Rules that several dialects share: how turns merge, what tool arguments are, what has no form outside its dialect.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tg_kernel::chat::{ChatRequest, Content, Part, Reasoning, Role, Turn};

use crate::loss::Loss;

/// Losses while they are collected: sorted, no doubles.
pub type Losses = BTreeSet<Loss>;

/// Appends parts to a conversation: to the last turn if the same side speaks on. No parts, no turn.
pub fn push(turns: &mut Vec<Turn>, role: Role, parts: Vec<Part>) {
    if parts.is_empty() {
        return;
    }
    match turns.last_mut() {
        Some(last) if last.role == role => last.parts.extend(parts),
        _ => turns.push(Turn { role, parts }),
    }
}

/// Puts the tool results of every turn first, keeping the order otherwise: some models refuse them after text.
pub fn results_first(turns: &mut [Turn]) {
    for turn in turns {
        turn.parts.sort_by_key(|part| !matches!(part.content, Content::ToolResult(_)));
    }
}

/// The loss of a whole part, by the same name for every target.
pub fn dropped(content: &Content) -> Loss {
    Loss::dropped(match content {
        Content::Text(_) => "content.text",
        Content::Refusal(_) => "content.refusal",
        Content::Image(_) => "content.image",
        Content::Document(_) => "content.document",
        Content::Audio(_) => "content.audio",
        Content::ToolUse(_) => "content.tool_use",
        Content::ToolResult(_) => "content.tool_result",
        Content::Reasoning(_) => "content.reasoning",
        Content::Other(kind, _) => return Loss::dropped(format!("content.{kind}")),
    })
}

/// Whether a text is blank, which providers refuse as a block of its own.
pub fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Arguments of a tool call as the object that block-shaped dialects want, and whether they had to be wrapped because
/// they are not an object (a model cut off in the middle of writing them).
pub fn arguments_object(text: &str) -> (Value, bool) {
    if is_blank(text) {
        return (Value::Object(Map::new()), false);
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => (Value::Object(map), false),
        _ => (json!({ "arguments": text }), true),
    }
}

/// A schema in the form that providers ask of tools: an object that says `"type": "object"`.
pub fn tool_schema(schema: &Value) -> Value {
    let mut map = schema.as_object().cloned().unwrap_or_default();
    if !map.contains_key("type") {
        map.insert("type".into(), "object".into());
    }
    Value::Object(map)
}

/// The names of the tools that were called in a conversation, each once, in order.
pub fn tools_called(turns: &[Turn]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for part in turns.iter().flat_map(|turn| &turn.parts) {
        if let Content::ToolUse(call) = &part.content
            && !names.contains(&call.name.as_str())
        {
            names.push(&call.name);
        }
    }
    names
}

/// Whether a conversation holds calls of tools or their outcomes.
pub fn has_tool_parts(turns: &[Turn]) -> bool {
    let mut parts = turns.iter().flat_map(|turn| &turn.parts);
    parts.any(|part| matches!(part.content, Content::ToolUse(_) | Content::ToolResult(_)))
}

/// Notes the sampling members that only OpenAI's dialects have.
pub fn drop_openai_sampling(request: &ChatRequest, losses: &mut Losses) {
    let sampling = &request.sampling;
    let asked = [
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some_and(|weight| weight != 0.0)),
        ("presence_penalty", sampling.presence_penalty.is_some_and(|weight| weight != 0.0)),
        ("logprobs", sampling.logprobs.is_some()),
    ];
    losses.extend(asked.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| Loss::dropped(name)));
}

/// Notes the output members that only OpenAI's dialects have.
pub fn drop_openai_output(request: &ChatRequest, losses: &mut Losses) {
    if request.output.choices.is_some_and(|choices| choices > 1) {
        losses.insert(Loss::dropped("n"));
    }
    if request.output.verbosity.as_deref().is_some_and(|verbosity| verbosity != "medium") {
        losses.insert(Loss::dropped("verbosity"));
    }
}

/// The effort in the words that Anthropic and Bedrock share.
pub fn effort<'a>(reasoning: &'a Reasoning, losses: &mut Losses) -> Option<&'a str> {
    match reasoning.effort.as_deref()? {
        "none" => None,
        "minimal" => {
            losses.insert(Loss::changed("reasoning_effort"));
            Some("low")
        }
        known @ ("low" | "medium" | "high" | "xhigh" | "max") => Some(known),
        _ => {
            losses.insert(Loss::dropped("reasoning_effort"));
            None
        }
    }
}

/// The type of a picture, by its first bytes; `None` for what no provider takes.
pub fn sniff_image(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{arguments_object, push, results_first, sniff_image, tool_schema};
    use serde_json::json;
    use tg_kernel::chat::{Content, Part, Role, ToolResult};

    #[test]
    fn neighbours_of_one_role_merge_and_results_come_first() {
        let result = Part::new(Content::ToolResult(ToolResult { id: "1".into(), parts: vec![], is_error: false }));
        let mut turns = Vec::new();
        push(&mut turns, Role::User, vec![Part::text("a")]);
        push(&mut turns, Role::User, vec![]);
        push(&mut turns, Role::User, vec![Part::text("b"), result.clone()]);
        push(&mut turns, Role::Assistant, vec![Part::text("c")]);
        results_first(&mut turns);
        assert_eq!(turns.len(), 2);
        assert_eq!(turns[0].parts, [result, Part::text("a"), Part::text("b")]);
    }

    #[test]
    fn arguments_are_always_an_object() {
        for (text, object, wrapped) in [
            ("", json!({}), false),
            (" ", json!({}), false),
            (r#"{"a":1}"#, json!({"a": 1}), false),
            ("[1]", json!({"arguments": "[1]"}), true),
            (r#"{"a":"#, json!({"arguments": "{\"a\":"}), true),
        ] {
            assert_eq!(arguments_object(text), (object, wrapped), "{text}");
        }
    }

    #[test]
    fn a_tool_schema_says_that_it_is_an_object() {
        assert_eq!(tool_schema(&json!(null)), json!({"type": "object"}));
        assert_eq!(tool_schema(&json!({"properties": {}})), json!({"properties": {}, "type": "object"}));
    }

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        assert_eq!(sniff_image(b"\x89PNG\r\n\x1a\n"), Some("image/png"));
        assert_eq!(sniff_image(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(sniff_image(b"<svg"), None);
    }
}
