//! Anthropic: Messages, token counts and models.

pub(crate) mod pairing;
pub(crate) mod read;
pub(crate) mod write;

use crate::books::Operation;
use crate::exchange::{Outcome, Received};
use crate::options::SimOptions;
use crate::refusal::Refusal;
use crate::shape::{FlawKind, Node};
use read::Surface;
use serde_json::{Value, json};

/// Models that the list shows; every id that begins with `claude-` is served.
const MODELS: [&str; 3] = ["claude-opus-5-5", "claude-sonnet-4-5", "claude-haiku-4-5"];
/// An id that ends so is refused as unknown.
pub(crate) const MISSING_SUFFIX: &str = "-missing";

pub(crate) fn request_id(number: u64) -> String {
    format!("req_sim{number:020}")
}

fn surface(received: &Received) -> Result<Surface, Refusal> {
    match received.header("anthropic-version") {
        "2023-06-01" => Ok(Surface::Version2023),
        "2026-10-21" => Ok(Surface::Version2026),
        "" => Err(Refusal::new(400, "anthropic-version: header is required")),
        other => Err(Refusal::new(400, format!("anthropic-version: {other:?} is not a valid version"))),
    }
}

pub(crate) fn authenticate(received: &Received, options: &SimOptions) -> Result<(), Refusal> {
    let api_key = received.header("x-api-key");
    let bearer = received.bearer();
    if api_key.is_empty() && bearer.is_none() {
        return Err(Refusal::new(401, "x-api-key header is required"));
    }
    let held = |key: &str| options.keys.iter().any(|k| k == key);
    if (!api_key.is_empty() && !held(api_key)) || bearer.is_some_and(|b| !held(b)) {
        return Err(Refusal::new(401, "invalid x-api-key"));
    }
    Ok(())
}

pub(crate) fn answer(received: &Received) -> Result<Outcome, Refusal> {
    match (received.method(), received.path()) {
        ("POST", "/v1/messages") => messages(received, &model_of),
        ("POST", "/v1/messages/count_tokens") => count_tokens(received, &model_of),
        ("GET", "/v1/models") => {
            surface(received)?;
            Ok(models())
        }
        (_, "/v1/messages" | "/v1/messages/count_tokens" | "/v1/models") => {
            Err(Refusal::new(405, "Method Not Allowed"))
        }
        _ => Err(Refusal::new(404, "Not Found")),
    }
}

fn model_of(root: &Node<'_>) -> Result<String, Refusal> {
    let model = root.need("model")?.text()?;
    if !model.starts_with("claude-") || model.ends_with(MISSING_SUFFIX) {
        return Err(Refusal::new(404, format!("model: {model}")));
    }
    Ok(model.to_owned())
}

/// Reads the model, if the server has it.
pub(crate) type ModelOf<'a> = &'a dyn Fn(&Node<'_>) -> Result<String, Refusal>;

pub(crate) fn messages(received: &Received, model_of: ModelOf<'_>) -> Result<Outcome, Refusal> {
    received.note(Operation::Messages);
    let surface = surface(received)?;
    received.content_type_is_json()?;
    let body = received.json()?;
    let root = Node::root(&body);
    let model = model_of(&root)?;
    received.note_model(&model);
    let mut ask = read::messages(&root, surface, "", false)?;
    ask.model = model;
    ask.streamed = root.get("stream").map_or(Ok(false), |n| n.flag())?;
    Ok(Outcome::Chat(Box::new(ask), Box::new(write::Messages)))
}

pub(crate) fn count_tokens(received: &Received, model_of: ModelOf<'_>) -> Result<Outcome, Refusal> {
    received.note(Operation::CountTokens);
    let surface = surface(received)?;
    let body = received.json()?;
    let root = Node::root(&body);
    let model = model_of(&root)?;
    let ask = read::messages(&root, surface, "", true)?;
    Ok(Outcome::done(model, json!({ "input_tokens": ask.meter.total() })))
}

fn models() -> Outcome {
    let data: Vec<Value> = MODELS
        .iter()
        .map(|id| {
            json!({
                "type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z",
                "lifecycle": "active", "max_input_tokens": 200_000, "max_tokens": 64_000,
            })
        })
        .collect();
    let list = json!({ "data": data, "first_id": MODELS[0], "last_id": MODELS[MODELS.len() - 1], "has_more": false });
    Outcome::done(String::new(), list)
}

fn error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// A refusal's body.
pub(crate) fn error(refusal: &Refusal, number: u64) -> Value {
    let kind = refusal.name.as_deref().unwrap_or_else(|| error_type(refusal.status));
    json!({
        "type": "error",
        "error": { "type": kind, "message": message(refusal) },
        "request_id": request_id(number),
    })
}

/// The message as Anthropic phrases it, with the path before it.
pub(crate) fn message(refusal: &Refusal) -> String {
    match (&refusal.param, refusal.flaw) {
        (Some(path), Some(FlawKind::Missing | FlawKind::Unknown | FlawKind::Invalid)) if !path.is_empty() => {
            format!("{path}: {}", refusal.message)
        }
        _ => refusal.message.clone(),
    }
}
