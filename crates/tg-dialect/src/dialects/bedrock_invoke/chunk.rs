//! The `chunk` frames of InvokeModelWithResponseStream: the model's own JSON as base64, beside padding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde::Deserialize;
use std::borrow::Cow;
use tg_kernel::fault::Fault;

use crate::dialects::anthropic_messages::blocks::BASE64;
use crate::dialects::bedrock_converse::padding::{Padding, is_padding};
use crate::framing::eventstream;

/// The name of these frames.
pub(crate) const CHUNK: &str = "chunk";

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    bytes: Cow<'a, str>,
}

/// A payload as Bedrock makes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Usual<'a> {
    #[serde(borrow, rename = "bytes")]
    _bytes: Cow<'a, str>,
    #[serde(borrow, default)]
    p: Cow<'a, str>,
}

/// Whether there is nothing in the payload of a `chunk` frame but the model's own JSON and padding.
pub(crate) fn is_usual(payload: &[u8]) -> bool {
    serde_json::from_slice(payload).is_ok_and(|Usual { p, .. }| is_padding(&p))
}

/// The model's own JSON in the payload of a `chunk` frame.
///
/// # Errors
/// `Class::UpstreamFailed` when there is none.
pub(crate) fn read(payload: &[u8]) -> Result<Vec<u8>, Fault> {
    let garbage = || Fault::upstream_failed("upstream_garbage", "The provider's stream cannot be read.");
    let payload: Payload<'_> = serde_json::from_slice(payload).map_err(|error| garbage().caused_by(error))?;
    BASE64.decode(payload.bytes.as_bytes()).map_err(|error| garbage().caused_by(error))
}

/// Appends a `chunk` frame that carries `inner`.
pub(crate) fn write(inner: &[u8], padding: &mut Padding, out: &mut BytesMut) {
    // Base64 and padding need no escapes.
    let payload = format!(r#"{{"bytes":"{}","p":"{}"}}"#, STANDARD.encode(inner), padding.next());
    eventstream::write_event(CHUNK, payload.as_bytes(), out);
}
