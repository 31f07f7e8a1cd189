//! Bedrock's CountTokens: reading and writing its request and answer.

use bytes::Bytes;
use serde_json::{Value, json};
use tg_kernel::chat::ChatRequest;
use tg_kernel::fault::Fault;

use super::read_blocks::{blob, union};
use super::{decode_request, encode_request};
use crate::dialects::bedrock_invoke;
use crate::loss::Encoded;
use crate::walk::Fields;

/// Reads a count request: Converse members, or a body for InvokeModel as a blob.
///
/// # Errors
/// `Class::Malformed` naming the member; `Class::Unsupported` for an InvokeModel body of an unknown family.
pub(crate) fn decode_request(body: &[u8], model: &str) -> Result<ChatRequest, Fault> {
    let mut fields = Fields::body(body)?;
    let input = fields.take("input").ok_or_else(|| fields.missing("input"))?;
    let (kind, value) = union("input", input)?;
    match kind.as_str() {
        "converse" => decode_request::decode(Fields::new("input.converse", value)?),
        "invokeModel" => {
            let mut invoke = Fields::new("input.invokeModel", value)?;
            let body = invoke.required_string("body")?;
            let body = blob(&body).ok_or_else(|| invoke.invalid("body", "it is not base64"))?;
            bedrock_invoke::decode_count_body(&body, model)
        }
        other => {
            let why = format!("Invalid value for 'input': '{other}' is not 'converse' or 'invokeModel'.");
            Err(Fault::malformed_at("input", why))
        }
    }
}

/// Writes a count request for `model`, in Converse's form.
///
/// # Errors
/// `Class::Malformed` when there is no turn.
pub(crate) fn encode_request(request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
    let (mut members, mut encoded) = encode_request::members(request, model)?;
    members.retain(|name, _| {
        matches!(name.as_str(), "messages" | "system" | "toolConfig" | "additionalModelRequestFields")
    });
    encoded.body = json!({ "input": { "converse": members } }).to_string().into();
    Ok(encoded)
}

/// Writes a count.
pub(crate) fn encode_reply(input_tokens: u64) -> Bytes {
    json!({ "inputTokens": input_tokens }).to_string().into()
}

/// Reads a count.
///
/// # Errors
/// `Class::UpstreamFailed` when the body is not what the dialect promises.
pub(crate) fn decode_reply(body: &[u8]) -> Result<u64, Fault> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let garbage = || Fault::upstream_failed("upstream_garbage", "The provider's answer is not a token count.");
    body["inputTokens"].as_u64().ok_or_else(garbage)
}
