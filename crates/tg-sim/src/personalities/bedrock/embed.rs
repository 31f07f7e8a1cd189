//! InvokeModel for the embedding families Titan and Cohere.

use crate::books::Operation;
use crate::counts::{Counts, tokens_of};
use crate::exchange::{Outcome, Received};
use crate::refusal::Refusal;
use crate::shape::{Flaw, Node};
use crate::vector;
use serde_json::{Value, json};
use std::time::Duration;

const TITAN_DIMENSIONS: usize = 1024;
const COHERE_DIMENSIONS: usize = 1024;
const COHERE_TEXTS_MAX: usize = 96;

pub(crate) fn answer(received: &Received, root: &Node<'_>, model: &str, base: &str) -> Result<Outcome, Refusal> {
    received.note(Operation::Embeddings);
    let (body, tokens) = if base.starts_with("amazon.titan-embed") {
        titan(root)?
    } else if base.starts_with("cohere.embed") {
        cohere(root)?
    } else {
        return Err(Refusal::new(400, format!("the simulator does not play {base}")));
    };
    Ok(Outcome::Done {
        delay: Duration::ZERO,
        status: 200,
        model: model.to_owned(),
        counts: Counts { input: tokens, ..Counts::default() },
        body,
        headers: vec![
            ("x-amzn-bedrock-input-token-count", tokens.to_string()),
            ("x-amzn-bedrock-invocation-latency", "5".to_owned()),
        ],
    })
}

fn titan(root: &Node<'_>) -> Result<(Value, u64), Flaw> {
    root.only(&["inputText", "dimensions", "normalize", "embeddingTypes"])?;
    let input = root.need("inputText")?;
    let text = input.text()?;
    if text.is_empty() {
        return Err(input.flaw("expected minLength: 1, actual: 0"));
    }
    let dimensions = match root.get("dimensions") {
        None => TITAN_DIMENSIONS,
        Some(node) => match node.whole()? {
            256 => 256,
            512 => 512,
            1024 => 1024,
            _ => return Err(node.flaw("dimensions must be 256, 512 or 1024")),
        },
    };
    let vector = vector::of(text, dimensions);
    let tokens = tokens_of(text);
    Ok((json!({ "embedding": vector, "embeddingsByType": { "float": vector }, "inputTextTokenCount": tokens }), tokens))
}

fn cohere(root: &Node<'_>) -> Result<(Value, u64), Flaw> {
    root.only(&["texts", "input_type", "truncate", "embedding_types", "output_dimension", "images", "inputs"])?;
    root.need("input_type")?.one_of(&["search_document", "search_query", "classification", "clustering", "image"])?;
    let texts = root.need("texts")?;
    let items = texts.items()?;
    if items.is_empty() || items.len() > COHERE_TEXTS_MAX {
        return Err(texts.flaw("texts must have 1 to 96 entries"));
    }
    let (mut vectors, mut echoed, mut tokens) = (Vec::new(), Vec::new(), 0);
    for item in &items {
        let text = item.text()?;
        tokens += tokens_of(text);
        vectors.push(vector::of(text, COHERE_DIMENSIONS));
        echoed.push(text);
    }
    let typed = root.get("embedding_types").is_some();
    let embeddings = if typed { json!({ "float": vectors }) } else { json!(vectors) };
    let response_type = if typed { "embeddings_by_type" } else { "embeddings_floats" };
    Ok((json!({ "id": "sim", "texts": echoed, "embeddings": embeddings, "response_type": response_type }), tokens))
}
