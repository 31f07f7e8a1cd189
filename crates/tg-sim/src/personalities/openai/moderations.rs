//! Moderations: a score for each category, by words of the text.

use super::Vendor;
use crate::books::Operation;
use crate::directive;
use crate::exchange::{Outcome, Received};
use crate::refusal::Refusal;
use crate::shape::Node;
use serde_json::{Map, Value, json};

const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// Text that is violent.
const FLAGGED: &str = "forbidden";

/// Text that is somewhat violent, and not flagged.
const DOUBTFUL: &str = "doubtful";

pub(crate) fn answer(received: &Received, vendor: Vendor) -> Result<Outcome, Refusal> {
    received.note(Operation::Moderation);
    received.content_type_is_json()?;
    let body = received.json()?;
    let root = Node::root(&body);
    root.only(&["model", "input"])?;
    let model = root.get("model").map_or(Ok("omni-moderation-latest"), |node| node.text())?;
    received.note_model(model);
    if vendor == Vendor::Openai && !model.contains("-moderation-") {
        let message = format!("The model '{model}' is not allowed for moderation.");
        return Err(Refusal::named(400, "model_not_found", message));
    }
    let input = root.need("input")?;
    let texts: Vec<&str> = match input.value {
        Value::String(text) => vec![text],
        _ => input.items()?.iter().map(Node::text).collect::<Result<_, _>>()?,
    };
    if let Some(scripted) = texts.iter().filter_map(|text| directive::read(text).ok()?.1.refusal).next() {
        return Err(Refusal::new(scripted.status, "as the script has it"));
    }
    let results: Vec<Value> = texts.iter().map(|text| result(text)).collect();
    let body = json!({ "id": "modr-simulated", "model": model, "results": results });
    Ok(Outcome::done(model.to_owned(), body))
}

fn result(text: &str) -> Value {
    let score = match () {
        () if text.contains(FLAGGED) => 0.9,
        () if text.contains(DOUBTFUL) => 0.4,
        () => 0.01,
    };
    let (mut categories, mut scores, mut applied) = (Map::new(), Map::new(), Map::new());
    for name in CATEGORIES {
        let score = if name == "violence" { score } else { 0.001 };
        categories.insert(name.to_owned(), json!(score >= 0.5));
        scores.insert(name.to_owned(), json!(score));
        applied.insert(name.to_owned(), json!(["text"]));
    }
    json!({ "flagged": score >= 0.5, "categories": categories, "category_scores": scores,
        "category_applied_input_types": applied })
}
