//! Proofs of origin of reasoning, carried through a dialect that has one opaque string for them.
//!
//! Two ways: another vendor's signature travels to a Responses caller inside `encrypted_content` (`tg1.`), and OpenAI's
//! own `encrypted_content` travels to callers of other dialects as a signature (`oai1.`). Each comes back unchanged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tg_kernel::chat::Thought;

/// Starts an `encrypted_content` that the gateway made from another vendor's signature.
const GATEWAY: &str = "tg1.";

/// Starts a signature that holds OpenAI's `encrypted_content`.
const OPENAI: &str = "oai1.";

#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    redacted: Option<String>,
}

/// Whether a signature holds OpenAI's `encrypted_content`, which other vendors refuse.
pub(crate) fn is_foreign_seal(signature: &str) -> bool {
    signature.starts_with(OPENAI)
}

/// OpenAI's own `encrypted_content`, where the thought came from there.
pub(super) fn own(thought: &Thought) -> Option<&str> {
    thought.signature.as_deref()?.strip_prefix(OPENAI)
}

/// The `encrypted_content` to show a caller; `None` for a thought without proof of origin.
pub(super) fn close(thought: &Thought) -> Option<String> {
    if let Some(own) = own(thought) {
        return Some(own.to_owned());
    }
    if thought.signature.is_none() && thought.redacted.is_none() {
        return None;
    }
    let sealed = Sealed { signature: thought.signature.clone(), redacted: thought.redacted.clone() };
    let json = serde_json::to_vec(&sealed).ok()?;
    Some(format!("{GATEWAY}{}", URL_SAFE_NO_PAD.encode(json)))
}

/// Puts what an `encrypted_content` holds into a thought.
pub(super) fn open(encrypted: String, thought: &mut Thought) {
    match unpack(&encrypted) {
        Some(sealed) => {
            thought.signature = sealed.signature;
            thought.redacted = sealed.redacted;
        }
        None => thought.signature = Some(format!("{OPENAI}{encrypted}")),
    }
}

fn unpack(encrypted: &str) -> Option<Sealed> {
    let bytes = URL_SAFE_NO_PAD.decode(encrypted.strip_prefix(GATEWAY)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}
