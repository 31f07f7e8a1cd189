//! OpenAI, and a server that is compatible with it: chat, responses, embeddings and models.

pub(crate) mod chat;
mod chat_write;
mod embed;
mod moderations;
pub(crate) mod responses;
mod responses_write;
mod rules;

use crate::exchange::{Outcome, Received};
use crate::options::SimOptions;
use crate::personalities::anthropic::MISSING_SUFFIX;
use crate::refusal::Refusal;
use crate::shape::{FlawKind, Node};
use serde_json::{Value, json};

/// Whose server is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    Openai,
    Compatible,
}

/// What an id of OpenAI's own may begin with.
const OPENAI_FAMILIES: [&str; 5] = ["gpt-", "o1", "o3", "o4", "text-embedding-"];
const OPENAI_MODELS: [&str; 3] = ["gpt-4.1", "gpt-5.6", "text-embedding-3-small"];
const COMPATIBLE_MODELS: [&str; 2] = ["local-chat", "local-embed"];

pub(crate) fn authenticate(received: &Received, options: &SimOptions) -> Result<(), Refusal> {
    let Some(bearer) = received.bearer() else {
        return Err(Refusal::new(
            401,
            "You didn't provide an API key. Use an Authorization header with a Bearer token.",
        ));
    };
    if options.keys.iter().any(|k| k == bearer) {
        return Ok(());
    }
    Err(Refusal::named(401, "invalid_api_key", "Incorrect API key provided."))
}

pub(crate) fn answer(received: &Received, vendor: Vendor) -> Result<Outcome, Refusal> {
    match (received.method(), received.path(), vendor) {
        ("POST", "/v1/chat/completions", _) => chat::answer(received, vendor, &|root| model_of(root, vendor)),
        ("POST", "/v1/responses", Vendor::Openai) => responses::answer(received, &|root| model_of(root, vendor)),
        ("POST", "/v1/embeddings", _) => embed::answer(received, vendor),
        ("POST", "/v1/moderations", _) => moderations::answer(received, vendor),
        ("GET", "/v1/models", _) => Ok(models(vendor)),
        _ => {
            Err(Refusal::named(404, "unknown_url", format!("Invalid URL ({} {})", received.method(), received.path())))
        }
    }
}

/// Reads the model, if the server has it.
pub(crate) type ModelOf<'a> = &'a dyn Fn(&Node<'_>) -> Result<String, Refusal>;

/// The model, if this vendor has it.
pub(crate) fn model_of(root: &Node<'_>, vendor: Vendor) -> Result<String, Refusal> {
    let model = root.need("model")?.text()?;
    let known = vendor == Vendor::Compatible || OPENAI_FAMILIES.iter().any(|family| model.starts_with(family));
    if known && !model.is_empty() && !model.ends_with(MISSING_SUFFIX) {
        return Ok(model.to_owned());
    }
    let message = format!("The model `{model}` does not exist or you do not have access to it.");
    Err(Refusal::named(404, "model_not_found", message))
}

fn models(vendor: Vendor) -> Outcome {
    let ids: &[&str] = match vendor {
        Vendor::Openai => &OPENAI_MODELS,
        Vendor::Compatible => &COMPATIBLE_MODELS,
    };
    let data: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "id": id, "object": "model", "created": 1_767_225_600, "owned_by": "simulated" }))
        .collect();
    Outcome::done(String::new(), json!({ "object": "list", "data": data }))
}

/// A refusal's body.
pub(crate) fn error(refusal: &Refusal) -> Value {
    let kind = match refusal.status {
        401 | 403 => "authentication_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    };
    let usual = match (refusal.flaw, refusal.status) {
        (Some(FlawKind::Missing), _) => Some("missing_required_parameter"),
        (Some(FlawKind::Unknown), _) => Some("unknown_parameter"),
        (Some(FlawKind::Invalid), _) => Some("invalid_value"),
        (None, 429) => Some("rate_limit_exceeded"),
        _ => None,
    };
    let message = match (&refusal.param, refusal.flaw) {
        (Some(path), Some(FlawKind::Missing)) => format!("Missing required parameter: '{path}'."),
        (Some(path), Some(FlawKind::Unknown)) => format!("Unknown parameter: '{path}'."),
        (Some(path), Some(FlawKind::Invalid)) if !path.is_empty() => {
            format!("Invalid value for '{path}': {}", refusal.message)
        }
        _ => refusal.message.clone(),
    };
    let code = refusal.name.as_deref().or(usual);
    json!({ "error": { "message": message, "type": kind, "param": refusal.param, "code": code } })
}
