//! Moderations: a score for each category, by words of the text.

use super::Vendor;
use crate::books::Operation;
use crate::directive;
use crate::exchange::{Outcome, Received};
use crate::media;
use crate::refusal::Refusal;
use crate::shape::{Flaw, Node};
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

/// Categories that are scored of pictures, too.
const OF_IMAGES: [&str; 6] =
    ["self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "violence", "violence/graphic"];

/// Most bytes of a picture.
const IMAGE_BYTES_MAX: usize = 20 << 20;

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
    if input.items().is_ok_and(|items| items.first().is_some_and(|item| item.value.is_object())) {
        let result = mixed(&input, model)?;
        return Ok(Outcome::done(
            model.to_owned(),
            json!({ "id": "modr-simulated", "model": model, "results": [result] }),
        ));
    }
    let texts: Vec<&str> = match input.value {
        Value::String(text) => vec![text],
        _ => input.items()?.iter().map(Node::text).collect::<Result<_, _>>()?,
    };
    if let Some(scripted) = texts.iter().filter_map(|text| directive::read(text).ok()?.1.refusal).next() {
        return Err(Refusal::new(scripted.status, "as the script has it"));
    }
    let results: Vec<Value> = texts.iter().map(|text| result(scored(text), Some("text"))).collect();
    let body = json!({ "id": "modr-simulated", "model": model, "results": results });
    Ok(Outcome::done(model.to_owned(), body))
}

/// Texts and a picture that belong together.
fn mixed(input: &Node<'_>, model: &str) -> Result<Value, Refusal> {
    let (mut score, mut images, mut has_text) = (0.0_f64, 0, false);
    for part in input.items()? {
        match part.need("type")?.one_of(&["text", "image_url"])? {
            "text" => {
                part.only(&["type", "text"])?;
                score = score.max(scored(part.need("text")?.text()?));
                has_text = true;
            }
            _ => {
                images += 1;
                score = score.max(if picture(&part)? { 0.9 } else { 0.01 });
            }
        }
    }
    if images > 1 {
        return Err(Refusal::new(400, "Too many images: at most 1 is supported."));
    }
    if images > 0 && !model.contains("omni-moderation") {
        return Err(Refusal::new(400, format!("The model '{model}' does not support image inputs.")));
    }
    Ok(result(score, if has_text { None } else { Some("image") }))
}

/// Whether a picture is flagged.
fn picture(part: &Node<'_>) -> Result<bool, Flaw> {
    part.only(&["type", "image_url"])?;
    let image = part.need("image_url")?;
    image.only(&["url"])?;
    let url = image.need("url")?;
    let Some((kind, bytes)) = media::data_url(&url)? else {
        let is_web = ["https://", "http://"].iter().any(|scheme| url.text().is_ok_and(|url| url.starts_with(scheme)));
        return if is_web { Ok(false) } else { Err(url.flaw("Invalid image URL")) };
    };
    let format = kind.strip_prefix("image/").ok_or_else(|| url.flaw("Invalid MIME type"))?;
    media::check_image(&url, format, &bytes)?;
    if bytes.len() > IMAGE_BYTES_MAX {
        return Err(url.flaw("The image is larger than 20 MB"));
    }
    Ok(media::is_flagged(&bytes))
}

fn scored(text: &str) -> f64 {
    match () {
        () if text.contains(FLAGGED) => 0.9,
        () if text.contains(DOUBTFUL) => 0.4,
        () => 0.01,
    }
}

/// `kind` is what the score applies to; `None`: texts and a picture.
fn result(score: f64, kind: Option<&str>) -> Value {
    let (mut categories, mut scores, mut applied) = (Map::new(), Map::new(), Map::new());
    for name in CATEGORIES {
        let score = if name == "violence" { score } else { 0.001 };
        categories.insert(name.to_owned(), json!(score >= 0.5));
        scores.insert(name.to_owned(), json!(score));
        let kinds = match kind {
            Some("image") if !OF_IMAGES.contains(&name) => json!([]),
            Some(kind) => json!([kind]),
            None if OF_IMAGES.contains(&name) => json!(["text", "image"]),
            None => json!(["text"]),
        };
        applied.insert(name.to_owned(), kinds);
    }
    json!({ "flagged": score >= 0.5, "categories": categories, "category_scores": scores,
        "category_applied_input_types": applied })
}
