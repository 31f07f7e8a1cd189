//! InvokeModel bodies for Claude and Anthropic Messages bodies: one into the other by splicing, all else byte for byte.

use bytes::Bytes;
use serde_json::{Value, json};
use tg_kernel::fault::Fault;

use crate::dialects::anthropic_messages::Version;
use crate::loss::{Encoded, Loss};
use crate::scan::Members;
use crate::splice::{Splice, json_string};

/// The body version that every Claude model on Bedrock takes.
pub const BEDROCK_VERSION: &str = "bedrock-2023-05-31";

/// The first Claude version that takes API version `2026-10-21` in an InvokeModel body.
const NEWER_VERSION_SINCE: (u32, u32) = (4, 7);

/// Beta flags of Anthropic's own API that Bedrock refuses, by how they begin.
const BETAS_REFUSED: [&str; 5] =
    ["interleaved-thinking-", "prompt-caching-scope-", "files-api-", "mcp-client-", "web-search-"];

/// Beta flags that have another name on Bedrock.
const BETAS_RENAMED: [(&str, &str); 1] = [("advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19")];

/// An Anthropic Messages request made of an InvokeModel body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagesRequest {
    /// The body.
    pub body: Bytes,
    /// The value for the header `anthropic-version`.
    pub version: &'static str,
    /// The values for the header `anthropic-beta`.
    pub betas: Vec<String>,
}

/// Makes an Anthropic Messages body of an InvokeModel body: `model` and `stream` go in, `anthropic_version` and
/// `anthropic_beta` come out and become headers. Every other byte stays.
///
/// # Errors
/// `Class::Malformed` when `anthropic_version` or `anthropic_beta` has the wrong type.
pub fn invoke_to_messages(members: &Members<'_>, model: &str, stream: bool) -> Result<MessagesRequest, Fault> {
    let version = members.string("anthropic_version")?;
    let betas = match members.get("anthropic_beta").filter(|raw| *raw != b"null") {
        None => Vec::new(),
        Some(raw) => serde_json::from_slice(raw).map_err(|_| {
            Fault::malformed_at("anthropic_beta", "Invalid type for 'anthropic_beta': expected an array of strings.")
        })?,
    };
    let mut splice = Splice::new(members).remove("anthropic_version").remove("anthropic_beta");
    splice = splice.set("model", json_string(model));
    splice = if stream { splice.set("stream", "true") } else { splice.remove("stream") };
    Ok(MessagesRequest { body: splice.finish(), version: Version::of(version.as_deref()).as_str(), betas })
}

/// Makes an InvokeModel body of an Anthropic Messages body: `model` and `stream` come out, `anthropic_version` and
/// `anthropic_beta` go in. Every other byte stays. Beta flags that Bedrock refuses are losses.
#[must_use]
pub fn messages_to_invoke(members: &Members<'_>, model: &str, version: Option<&str>, betas: &[String]) -> Encoded {
    let mut losses = Vec::new();
    let mut kept: Vec<&str> = Vec::new();
    for beta in betas {
        if BETAS_REFUSED.iter().any(|start| beta.starts_with(start)) {
            losses.push(Loss::dropped(format!("anthropic-beta.{beta}")));
            continue;
        }
        let renamed = BETAS_RENAMED.iter().find(|(own, _)| own == beta).map(|(_, there)| *there);
        kept.push(renamed.unwrap_or(beta));
    }
    losses.sort();
    losses.dedup();
    let mut splice = Splice::new(members).remove("model").remove("stream");
    splice = splice.set("anthropic_version", json_string(body_version(model, version)));
    if !kept.is_empty() {
        splice = splice.set("anthropic_beta", json!(kept).to_string());
    }
    Encoded { body: splice.finish(), losses, ..Encoded::default() }
}

/// An InvokeModel body whose `anthropic_version` `model` does not take, with one that it does. `None` when the body is
/// fine as it is.
#[must_use]
pub fn fit_version(members: &Members<'_>, model: &str) -> Option<Bytes> {
    let asked = members.string("anthropic_version").ok().flatten()?;
    if Version::of(Some(&asked)) == Version::V2023_06_01 || body_version(model, Some(&asked)) == asked {
        return None;
    }
    Some(Splice::new(members).set("anthropic_version", json_string(BEDROCK_VERSION)).finish())
}

/// The `anthropic_version` for a body to `model`, given the caller's version.
fn body_version(model: &str, asked: Option<&str>) -> &'static str {
    let newer = Version::of(asked) == Version::V2026_10_21;
    if newer && claude_version(model).is_some_and(|version| version >= NEWER_VERSION_SINCE) {
        Version::V2026_10_21.as_str()
    } else {
        BEDROCK_VERSION
    }
}

/// The version of Claude that a model id names: `claude-3-5-sonnet-20241022` is 3.5, `claude-opus-4-7` is 4.7,
/// `claude-sonnet-5` is 5.0.
fn claude_version(model: &str) -> Option<(u32, u32)> {
    let (_, name) = model.rsplit_once("claude-")?;
    let is_version = |token: &&str| (1..=2).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_digit());
    let mut tokens = name.split(['-', ':', '.']).skip_while(|token| !is_version(token)).take_while(is_version);
    let major = tokens.next()?.parse().ok()?;
    let minor = tokens.next().and_then(|token| token.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

/// Puts Bedrock's own counts into the last event of a stream.
pub(crate) fn with_metrics(message_stop: &[u8], metrics: &Value) -> Bytes {
    match Members::scan(message_stop) {
        Ok(members) => Splice::new(&members).set(METRICS, metrics.to_string()).finish(),
        Err(_) => Bytes::copy_from_slice(message_stop),
    }
}

/// Takes Bedrock's own counts out of an event.
pub(crate) fn without_metrics(event: &[u8]) -> Bytes {
    match Members::scan(event) {
        Ok(members) => Splice::new(&members).remove(METRICS).finish(),
        Err(_) => Bytes::copy_from_slice(event),
    }
}

/// The member of the last chunk of a stream in which Bedrock counts.
pub(crate) const METRICS: &str = "amazon-bedrock-invocationMetrics";

#[cfg(test)]
mod tests {
    use super::claude_version;

    #[test]
    fn model_ids_name_a_version() {
        for (model, version) in [
            ("anthropic.claude-3-5-sonnet-20241022-v2:0", Some((3, 5))),
            ("eu.anthropic.claude-sonnet-4-20250514-v1:0", Some((4, 0))),
            ("us.anthropic.claude-opus-4-6-v1", Some((4, 6))),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-7", Some((4, 7))),
            ("anthropic.claude-sonnet-5", Some((5, 0))),
            ("anthropic.claude-instant", None),
            ("amazon.nova-pro-v1:0", None),
        ] {
            assert_eq!(claude_version(model), version, "{model}");
        }
    }
}
