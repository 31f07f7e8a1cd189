//! Amazon Bedrock's runtime: Converse, InvokeModel, token counts, guardrails and asynchronous invocations; and its
//! control plane.

mod asynchronous;
mod control;
mod converse;
mod converse_write;
mod embed;
mod families;
mod families_write;
mod guard;
mod invoke;
pub(crate) mod surfaces;

pub use asynchronous::{Invocation, Invocations};
pub(crate) use control::PREFIX;
pub use control::{ControlPlane, Profile};

use crate::books::Operation;
use crate::exchange::{Outcome, Received};
use crate::personalities::anthropic::MISSING_SUFFIX;
use crate::refusal::Refusal;
use crate::server::Shared;
use crate::shape::{FlawKind, Node};
use crate::sigv4::{SignatureFlaw, SignedRequest, verify};
use serde_json::{Value, json};
use tg_kernel::clock::Clock as _;

/// Families of model ids that are served, after an optional geographic prefix.
const FAMILIES: [&str; 11] = [
    "anthropic.",
    "amazon.",
    "cohere.",
    "meta.",
    "mistral.",
    "openai.",
    "deepseek.",
    "qwen.",
    "ai21.",
    "luma.",
    "twelvelabs.",
];
const GEOGRAPHIES: [&str; 8] = ["us.", "eu.", "apac.", "au.", "jp.", "in.", "global.", "us-gov."];
const INVALID_MODEL: &str = "The provided model identifier is invalid.";

pub(crate) fn authenticate(received: &Received, shared: &Shared, service: &str) -> Result<(), Refusal> {
    credentials(received, shared, service).map_err(|refusal| Refusal { at_the_door: true, ..refusal })
}

fn credentials(received: &Received, shared: &Shared, service: &str) -> Result<(), Refusal> {
    let authorization = received.header("authorization");
    if authorization.is_empty() {
        return Err(Refusal::named(403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
    }
    if let Some(bearer) = received.bearer() {
        if shared.options.keys.iter().any(|k| k == bearer) {
            return Ok(());
        }
        let message = "Authentication failed: Please make sure your API Key is valid.";
        return Err(Refusal::named(403, "AccessDeniedException", message));
    }
    let parts = &received.parts;
    let host = parts.uri.authority().map_or_else(|| received.header("host"), |a| a.as_str());
    let signed = SignedRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        host,
        headers: &parts.headers,
        body: &received.body,
    };
    let keys = [shared.options.aws_keys.clone(), shared.sts.keys()].concat();
    let verdict = verify(&signed, &keys, &shared.options.region, service, shared.clock.now());
    shared.witness.saw(&signed, &keys, verdict.is_ok());
    verdict.map_err(|flaw| {
        let name = match flaw {
            SignatureFlaw::UnknownKey => "UnrecognizedClientException",
            SignatureFlaw::Incomplete(_) => "IncompleteSignatureException",
            _ => "InvalidSignatureException",
        };
        Refusal::named(403, name, flaw.to_string())
    })
}

pub(crate) fn answer(received: &Received, shared: &Shared) -> Result<Outcome, Refusal> {
    if let Some(path) = received.path().strip_prefix(control::PREFIX) {
        return control::answer(received, path, shared);
    }
    if let Some(answered) = asynchronous::answer(received, shared) {
        return answered;
    }
    if let Some(answered) = surfaces::runtime(received) {
        return answered;
    }
    if let Some(answered) = guard::answer(received) {
        return answered;
    }
    let unknown = || Refusal::named(404, "UnknownOperationException", "Unknown operation");
    let (model, verb) =
        received.path().strip_prefix("/model/").and_then(|rest| rest.rsplit_once('/')).ok_or_else(unknown)?;
    if received.method() != "POST" {
        return Err(Refusal::named(405, "UnknownOperationException", "only POST is served here"));
    }
    let model = decode(model);
    received.note_model(&model);
    let operation = match verb {
        "converse" | "converse-stream" => Operation::Converse,
        "invoke" | "invoke-with-response-stream" => Operation::Invoke,
        "count-tokens" => Operation::CountTokens,
        _ => return Err(unknown()),
    };
    received.note(operation);
    let behind = shared.control.base_of(&model);
    let base = behind.as_deref().map_or_else(|| base_model(&model), Ok)?;
    let outcome = match verb {
        "converse" => converse::answer(received, &model, base, false),
        "converse-stream" => converse::answer(received, &model, base, true),
        "invoke" => invoke::answer(received, &model, base, false),
        "invoke-with-response-stream" => invoke::answer(received, &model, base, true),
        _ => count_tokens(received, &model),
    };
    guard::watched(received, outcome?)
}

/// The model id without profile or ARN around it.
fn base_model(model: &str) -> Result<&str, Refusal> {
    let invalid = || Refusal::new(400, INVALID_MODEL);
    if model.ends_with(MISSING_SUFFIX) || model.contains('%') {
        return Err(invalid());
    }
    let id = if model.starts_with("arn:") {
        let mut parts = model.splitn(6, ':');
        if parts.nth(2) != Some("bedrock") {
            return Err(invalid());
        }
        let resource = parts.nth(2).ok_or_else(invalid)?;
        match resource.split_once('/').ok_or_else(invalid)? {
            ("foundation-model" | "inference-profile", id) => id,
            // What these point to cannot be seen from the ARN.
            ("application-inference-profile" | "provisioned-model" | "custom-model-deployment", _) => {
                return Ok("anthropic.claude-simulated");
            }
            _ => return Err(invalid()),
        }
    } else {
        model
    };
    let bare = GEOGRAPHIES.iter().find_map(|geo| id.strip_prefix(geo)).unwrap_or(id);
    if FAMILIES.iter().any(|family| bare.starts_with(family)) { Ok(bare) } else { Err(invalid()) }
}

/// Undoes percent-encoding once.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
        match hex {
            Some(byte) if first == b'%' => {
                out.push(byte);
                rest = &after[2..];
            }
            _ => {
                out.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn count_tokens(received: &Received, model: &str) -> Result<Outcome, Refusal> {
    let body = received.json()?;
    let root = Node::root(&body);
    root.only(&["input"])?;
    let input = root.need("input")?;
    let (kind, inner) = crate::shape::sole_member(&input)?;
    let tokens = match kind {
        "converse" => converse::count(&inner)?,
        "invokeModel" => invoke::count(&inner)?,
        _ => return Err(Refusal::from(input.flaw("input must be converse or invokeModel"))),
    };
    Ok(Outcome::done(model.to_owned(), json!({ "inputTokens": tokens })))
}

/// The exception's name, for `x-amzn-ErrorType`.
pub(crate) fn error_type(refusal: &Refusal) -> String {
    let usual = match refusal.status {
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        400..=499 => "ValidationException",
        _ => "InternalServerException",
    };
    let name = refusal.name.as_deref().unwrap_or(usual);
    format!("{name}:http://internal.amazon.com/coral/com.amazon.bedrock/")
}

/// A refusal's body.
pub(crate) fn error(refusal: &Refusal) -> Value {
    let message = match (&refusal.param, refusal.flaw) {
        (Some(path), Some(FlawKind::Unknown)) => {
            format!(
                "Malformed input request: #: extraneous key [{path}] is not permitted, please reformat your input and try again."
            )
        }
        (Some(path), Some(FlawKind::Missing)) => {
            format!(
                "1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must not be null"
            )
        }
        (Some(path), Some(FlawKind::Invalid)) if !path.is_empty() => {
            format!("The value at {path} is invalid: {}", refusal.message)
        }
        _ => refusal.message.clone(),
    };
    json!({ "message": message })
}
