//! Bedrock's OpenAI- and Anthropic-compatible surfaces, at the runtime endpoint and at the mantle endpoint.

use super::base_model;
use crate::exchange::{Outcome, Received};
use crate::personalities::anthropic;
use crate::personalities::openai::{self, Vendor};
use crate::refusal::Refusal;
use crate::server::Shared;
use crate::shape::Node;
use serde_json::Value;

/// What the ids begin with that mantle serves under `/openai/v1`; the others are under `/v1`.
const NEWER: [&str; 3] = ["openai.gpt-5", "openai.gpt-6", "google.gemma-4"];

/// Vendors whose models only mantle has.
const MANTLES_OWN: [&str; 3] = ["google.", "moonshotai.", "xai."];

/// Tools that a server runs itself.
const SERVER_TOOLS: [&str; 5] = ["web_search", "file_search", "code_interpreter", "image_generation", "mcp"];

/// Mantle takes what the runtime takes, in a scope of its own, and for Messages also `x-api-key`.
pub(crate) fn authenticate(received: &Received, shared: &Shared) -> Result<(), Refusal> {
    if received.path().starts_with("/anthropic/") && received.header("authorization").is_empty() {
        return anthropic::authenticate(received, &shared.options);
    }
    super::authenticate(received, shared, "bedrock-mantle")
}

/// A call by a surface of the runtime endpoint; none for its native operations.
pub(super) fn runtime(received: &Received) -> Option<Result<Outcome, Refusal>> {
    let path = received.path();
    if !path.starts_with("/openai/") && !path.starts_with("/anthropic/") {
        return None;
    }
    Some(on_runtime(received, path))
}

fn on_runtime(received: &Received, path: &str) -> Result<Outcome, Refusal> {
    for name in ["openai-project", "anthropic-workspace-id"] {
        if !received.header(name).is_empty() {
            return Err(Refusal::new(400, format!("{name}: only the default project is available on this endpoint")));
        }
    }
    refuse_metadata(received)?;
    post(received)?;
    match path {
        "/openai/v1/chat/completions" => openai::chat::answer(received, Vendor::Openai, &served_by_runtime),
        "/openai/v1/responses" => {
            answers_at_once(&received.json()?)?;
            openai::responses::answer(received, &served_by_runtime)
        }
        "/anthropic/v1/messages" => anthropic::messages(received, &claude(served_by_runtime)),
        _ => Err(unknown(received)),
    }
}

/// A call to the mantle endpoint.
pub(crate) fn mantle(received: &Received) -> Result<Outcome, Refusal> {
    for (name, value) in &received.parts.headers {
        if name.as_str().starts_with("x-amzn-bedrock-") {
            return Err(Refusal::new(400, format!("{name}: is not supported on this endpoint")));
        }
        if ["openai-project", "anthropic-workspace-id"].contains(&name.as_str())
            && !value.as_bytes().starts_with(b"proj_")
        {
            return Err(Refusal::new(404, format!("{name}: no such project")));
        }
    }
    post(received)?;
    let path = received.path();
    let at = |prefix: &'static str| move |root: &Node<'_>| routed(root, prefix);
    match path {
        "/v1/chat/completions" => openai::chat::answer(received, Vendor::Openai, &at("/v1")),
        "/openai/v1/chat/completions" => openai::chat::answer(received, Vendor::Openai, &at("/openai/v1")),
        "/v1/responses" => openai::responses::answer(received, &at("/v1")),
        "/openai/v1/responses" => openai::responses::answer(received, &at("/openai/v1")),
        "/anthropic/v1/messages" => {
            let body = received.json()?;
            if body.pointer("/output_config/format").is_some() {
                return Err(Refusal::new(400, "output_config.format: Extra inputs are not permitted"));
            }
            anthropic::messages(received, &claude(served_by_mantle))
        }
        "/anthropic/v1/messages/count_tokens" => anthropic::count_tokens(received, &claude(served_by_mantle)),
        _ => Err(unknown(received)),
    }
}

fn post(received: &Received) -> Result<(), Refusal> {
    if received.method() == "POST" { Ok(()) } else { Err(Refusal::new(405, "Method Not Allowed")) }
}

fn unknown(received: &Received) -> Refusal {
    Refusal::named(404, "unknown_url", format!("Invalid URL ({} {})", received.method(), received.path()))
}

/// Whether these surfaces take request metadata is not documented.
fn refuse_metadata(received: &Received) -> Result<(), Refusal> {
    if received.header("x-amzn-bedrock-request-metadata").is_empty() {
        return Ok(());
    }
    Err(Refusal::new(400, "request metadata is not supported on this surface"))
}

/// The runtime's Responses run no tools and keep nothing.
fn answers_at_once(body: &Value) -> Result<(), Refusal> {
    if body["background"] == true {
        return Err(Refusal::new(400, "Background responses are not supported on this endpoint."));
    }
    let tools = body["tools"].as_array().into_iter().flatten();
    let chosen = tools.chain(body.get("tool_choice")).filter_map(|tool| tool["type"].as_str());
    for kind in chosen {
        if SERVER_TOOLS.iter().any(|server| kind.starts_with(server)) {
            return Err(Refusal::new(400, format!("Tool type '{kind}' is not supported on this endpoint.")));
        }
    }
    Ok(())
}

fn served_by_runtime(root: &Node<'_>) -> Result<String, Refusal> {
    let model = root.need("model")?.text()?;
    // No surface is known to take an ARN.
    if model.starts_with("arn:") {
        return Err(not_found(model));
    }
    base_model(model).map_err(|_| not_found(model))?;
    Ok(model.to_owned())
}

/// Mantle has no profiles across Regions.
fn served_by_mantle(root: &Node<'_>) -> Result<String, Refusal> {
    let model = root.need("model")?.text()?;
    let own = MANTLES_OWN.iter().any(|vendor| model.starts_with(vendor));
    let known = own || base_model(model).is_ok_and(|base| base == model);
    if known { Ok(model.to_owned()) } else { Err(not_found(model)) }
}

/// The model, if it is served under this path.
fn routed(root: &Node<'_>, prefix: &str) -> Result<String, Refusal> {
    let model = served_by_mantle(root)?;
    let right = if NEWER.iter().any(|start| model.starts_with(start)) { "/openai/v1" } else { "/v1" };
    if right == prefix {
        return Ok(model);
    }
    Err(Refusal::named(400, "invalid_request_error", format!("Model '{model}' isn't supported on this route.")))
}

/// Messages are Claude's alone.
fn claude(served: impl Fn(&Node<'_>) -> Result<String, Refusal>) -> impl Fn(&Node<'_>) -> Result<String, Refusal> {
    move |root| {
        served(root)
            .and_then(|model| if model.contains("anthropic.claude") { Ok(model) } else { Err(not_found(&model)) })
    }
}

fn not_found(model: &str) -> Refusal {
    Refusal::named(404, "not_found_error", format!("The model '{model}' does not exist"))
}
