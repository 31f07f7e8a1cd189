//! The last question of a request: its text, and the request without it; of requests alone that consist of texts.

use serde_json::{Map, Value};
use tg_kernel::dialect::Dialect;

/// Longest text of which a vector is believed, in bytes: in a longer one a small difference moves it too little.
pub const TEXT_BYTES_MAX: usize = 2 << 10;

/// Members of a request that give the model something to do, or to look at, beside texts.
const BEYOND_TEXTS: [&str; 9] = [
    "tools",
    "toolConfig",
    "tool_choice",
    "functions",
    "function_call",
    "audio",
    "modalities",
    "previous_response_id",
    "documents",
];

/// What a message may have beside its texts, and
const OF_MESSAGES: [&str; 6] = ["role", "content", "type", "name", "id", "status"];

/// what a part of one may have beside its text.
const OF_PARTS: [&str; 5] = ["type", "text", "cache_control", "annotations", "logprobs"];

/// The last question.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Its text.
    pub text: String,
    /// The request with nothing in the text's place.
    pub rest: Value,
}

/// The last question of a request; `None` where the last that was said is no question of one text, the text is blank or longer
/// than [`TEXT_BYTES_MAX`], or anything in the request is no text: tools, pictures, documents, results.
#[must_use]
pub fn asked(dialect: Dialect, body: Value) -> Option<Asked> {
    let mut rest = body;
    let members = rest.as_object()?;
    let stands = |name: &str| members.get(name).is_some_and(|value| !is_nothing(value));
    if BEYOND_TEXTS.iter().any(|name| stands(name)) {
        return None;
    }
    let place = match dialect {
        Dialect::OpenaiResponses => "input",
        Dialect::OpenaiEmbeddings => return None,
        _ => "messages",
    };
    let said = rest.get_mut(place)?;
    let text = match said {
        // The whole input of a response.
        Value::String(_) if dialect == Dialect::OpenaiResponses => said,
        Value::Array(turns) => {
            let all_texts = turns.iter().all(|turn| turn.as_object().is_some_and(is_of_texts));
            last_text(turns.last_mut().filter(|_| all_texts)?)?
        }
        _ => return None,
    };
    let Value::String(text) = text.take() else { return None };
    let is_fit = text.len() <= TEXT_BYTES_MAX && !text.trim().is_empty();
    is_fit.then_some(Asked { text, rest })
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        _ => false,
    }
}

fn only(members: &Map<String, Value>, known: &[&str]) -> bool {
    members.iter().all(|(name, value)| known.contains(&name.as_str()) || is_nothing(value))
}

/// Whether a turn says texts and nothing else.
fn is_of_texts(turn: &Map<String, Value>) -> bool {
    let speaks = |role: &str| matches!(role, "system" | "developer" | "user" | "assistant");
    let is_message = turn.get("type").is_none_or(|kind| kind == "message");
    let is_known = turn.get("role").and_then(Value::as_str).is_some_and(speaks) && only(turn, &OF_MESSAGES);
    is_known
        && is_message
        && match turn.get("content") {
            Some(Value::String(_)) => true,
            Some(Value::Array(parts)) => {
                parts.iter().all(|part| part.as_object().is_some_and(|part| is_text(part) || is_point(part)))
            }
            _ => false,
        }
}

fn is_text(part: &Map<String, Value>) -> bool {
    let kind = part.get("type").and_then(Value::as_str);
    let is_known = kind.is_none_or(|kind| matches!(kind, "text" | "input_text" | "output_text"));
    is_known && part.get("text").is_some_and(Value::is_string) && only(part, &OF_PARTS)
}

/// Whether it only marks a place for the provider's cache.
fn is_point(part: &Map<String, Value>) -> bool {
    part.len() == 1 && part.contains_key("cachePoint")
}

/// The only text of what a user said.
fn last_text(turn: &mut Value) -> Option<&mut Value> {
    if turn.get("role").and_then(Value::as_str) != Some("user") {
        return None;
    }
    match turn.get_mut("content")? {
        text @ Value::String(_) => Some(text),
        Value::Array(parts) => {
            let mut texts = parts.iter_mut().filter_map(|part| part.get_mut("text"));
            let first = texts.next()?;
            texts.next().is_none().then_some(first)
        }
        _ => None,
    }
}
