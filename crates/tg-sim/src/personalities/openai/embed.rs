//! Embeddings, as floats or base64.

use super::{Vendor, model_of};
use crate::books::Operation;
use crate::counts::{Counts, tokens_of};
use crate::directive;
use crate::exchange::{Outcome, Received};
use crate::refusal::Refusal;
use crate::shape::{Flaw, Node};
use crate::vector;
use serde_json::{Value, json};
use std::time::Duration;

const DIMENSIONS: usize = 16;
const DIMENSIONS_MAX: u64 = 3072;
const INPUTS_MAX: usize = 2048;

pub(crate) fn answer(received: &Received, vendor: Vendor) -> Result<Outcome, Refusal> {
    received.note(Operation::Embeddings);
    received.content_type_is_json()?;
    let body = received.json()?;
    let root = Node::root(&body);
    let model = model_of(&root, vendor)?;
    received.note_model(&model);
    root.only(&["model", "input", "encoding_format", "dimensions", "user"])?;
    let dimensions = match root.get("dimensions") {
        None => DIMENSIONS,
        Some(node) if (1..=DIMENSIONS_MAX).contains(&node.whole()?) => {
            usize::try_from(node.whole()?).unwrap_or(DIMENSIONS)
        }
        Some(node) => return Err(node.flaw("must be between 1 and 3072").into()),
    };
    let format = root.get("encoding_format").map_or(Ok("float"), |n| n.one_of(&["float", "base64"]))?;
    let inputs = inputs(&root.need("input")?)?;
    let mut delay = Duration::ZERO;
    // Texts are often those of chats, with scripts for these: only what is for this very model counts.
    let own = format!("[[sim@{model}:");
    for (text, _) in inputs.iter().filter(|(text, _)| text.contains(&own)) {
        let only = text.replace("[[sim:", "[[sim@:");
        let (_, script) = directive::read_for(&only, &model).map_err(|message| Refusal::new(400, message))?;
        if let Some(scripted) = script.refusal {
            return Err(Refusal::new(scripted.status, "as the script has it"));
        }
        delay = delay.max(script.delay);
    }
    let mut tokens = 0;
    let mut data = Vec::with_capacity(inputs.len());
    for (index, (text, count)) in inputs.iter().enumerate() {
        tokens += count;
        let vector = vector::of(text, dimensions);
        let embedding = if format == "base64" { json!(vector::base64(&vector)) } else { json!(vector) };
        data.push(json!({ "object": "embedding", "index": index, "embedding": embedding }));
    }
    let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
    Ok(Outcome::Done {
        status: 200,
        counts: Counts { input: tokens, ..Counts::default() },
        body: json!({ "object": "list", "data": data, "model": model, "usage": usage }),
        model,
        headers: Vec::new(),
        delay,
    })
}

/// Each input as text with its tokens; token arrays count their entries.
fn inputs(input: &Node<'_>) -> Result<Vec<(String, u64)>, Flaw> {
    let one = |node: &Node<'_>| match node.value {
        Value::String(text) if text.is_empty() => Err(node.flaw("input must not be an empty string")),
        Value::String(text) => Ok((text.clone(), tokens_of(text))),
        Value::Array(tokens) if !tokens.is_empty() && tokens.iter().all(Value::is_u64) => {
            Ok((node.value.to_string(), tokens.len() as u64))
        }
        _ => Err(node.flaw("input must be a string, or an array of strings or tokens")),
    };
    match input.value {
        Value::Array(items) if !items.is_empty() && !items.iter().all(Value::is_u64) => {
            if items.len() > INPUTS_MAX {
                return Err(input.flaw("at most 2048 inputs are permitted"));
            }
            input.items()?.iter().map(one).collect()
        }
        _ => Ok(vec![one(input)?]),
    }
}
