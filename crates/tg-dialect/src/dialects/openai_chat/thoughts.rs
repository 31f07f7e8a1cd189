//! Reasoning in this dialect: no member of OpenAI's own holds it, so it travels in the extensions that clients and
//! servers have agreed on: `reasoning_content` (text), and `thinking_blocks` (Anthropic's blocks, with signatures).

use crate::walk::{self, Fields};
use serde_json::{Value, json};
use tg_kernel::chat::Thought;
use tg_kernel::fault::Fault;

/// Takes the reasoning of an assistant message. Blocks win over text, which says the same without proof.
pub(super) fn read(message: &mut Fields) -> Result<Vec<Thought>, Fault> {
    let path = message.path_of("thinking_blocks");
    let text = message.string("reasoning_content")?;
    let mut thoughts = Vec::new();
    for (index, block) in message.array("thinking_blocks")?.into_iter().enumerate() {
        let mut block = Fields::new(walk::join(&path, index), block)?;
        thoughts.push(match block.required_string("type")?.as_str() {
            "thinking" => Thought {
                text: block.string("thinking")?.unwrap_or_default(),
                signature: block.string("signature")?.filter(|s| !s.is_empty()),
                redacted: None,
            },
            "redacted_thinking" => Thought { redacted: Some(block.required_string("data")?), ..Thought::default() },
            _ => return Err(block.invalid("type", "expected 'thinking' or 'redacted_thinking'")),
        });
    }
    if let (true, Some(text)) = (thoughts.is_empty(), text.filter(|text| !text.is_empty())) {
        thoughts.push(Thought { text, ..Thought::default() });
    }
    Ok(thoughts)
}

/// One reasoning part as a `thinking_blocks` item. `None` where there is nothing to prove: `reasoning_content` says all.
pub(super) fn block(thought: &Thought) -> Option<Value> {
    match (&thought.redacted, &thought.signature) {
        (Some(data), _) => Some(json!({ "type": "redacted_thinking", "data": data })),
        (None, Some(signature)) => {
            Some(json!({ "type": "thinking", "thinking": thought.text, "signature": signature }))
        }
        (None, None) => None,
    }
}

/// The reasoning of a provider's message, in whichever of the known members it stands.
pub(super) fn of_message(message: &Value) -> Vec<Thought> {
    let mut thoughts: Vec<Thought> = blocks(message).collect();
    if thoughts.is_empty()
        && let Some(text) = text_of(message)
    {
        thoughts.push(Thought { text: text.to_owned(), ..Thought::default() });
    }
    thoughts
}

/// The plain reasoning text of a message or delta.
pub(super) fn text_of(message: &Value) -> Option<&str> {
    let text = |name: &str| message.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("reasoning_content").or_else(|| text("reasoning"))
}

/// The typed reasoning of a message or delta: `thinking_blocks`, or the similar `reasoning_details`.
pub(super) fn blocks(message: &Value) -> impl Iterator<Item = Thought> {
    let list = |name: &str| message.get(name).and_then(Value::as_array).filter(|items| !items.is_empty());
    let items = list("thinking_blocks").or_else(|| list("reasoning_details")).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| {
        let text = |name: &str| item.get(name).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let thought = match item.get("type").and_then(Value::as_str)? {
            "thinking" => {
                Thought { text: text("thinking").unwrap_or_default(), signature: text("signature"), redacted: None }
            }
            "reasoning.text" => {
                Thought { text: text("text").unwrap_or_default(), signature: text("signature"), redacted: None }
            }
            "reasoning.summary" => Thought { text: text("summary").unwrap_or_default(), ..Thought::default() },
            "redacted_thinking" | "reasoning.encrypted" => Thought { redacted: text("data"), ..Thought::default() },
            _ => return None,
        };
        (thought != Thought::default()).then_some(thought)
    })
}
