//! What Bedrock is told about a call that arrives in its own dialect: the gateway's pairs before the caller's.

use super::Prepared;
use http::{HeaderMap, HeaderValue};
use tg_dialect::dialects::bedrock_converse::RequestMetadata;
use tg_dialect::loss::Loss;
use tg_dialect::scan::Members;
use tg_kernel::dialect::Dialect;
use tg_upstream::road::Mode;

/// InvokeModel's header.
pub(crate) const HEADER: &str = "x-amzn-bedrock-request-metadata";

/// Adds the pairs to a request that has been written. One written anew for Converse has them already.
pub(super) fn add(says: &RequestMetadata, members: &Members<'_>, prepared: &mut Prepared) {
    let loss = match (prepared.road.dialect, prepared.road.mode) {
        (Dialect::BedrockConverse, Mode::Relay) => {
            let (body, loss) = says.in_body(members);
            prepared.body = body;
            loss
        }
        (Dialect::BedrockInvoke, _) => add_header(says, &mut prepared.headers),
        _ => None,
    };
    prepared.losses.extend(loss);
}

/// A caller's header that is no map is left to AWS to refuse. One that stands there twice or is no text is left out: it
/// would travel unsigned, and pass for ours.
fn add_header(says: &RequestMetadata, headers: &mut HeaderMap) -> Option<Loss> {
    let mut theirs = headers.get_all(HEADER).iter();
    let (first, second) = (theirs.next(), theirs.next());
    let readable = first.map(HeaderValue::to_str).transpose();
    let (text, lost) = match (readable, second) {
        (Ok(text), None) => (text, None),
        _ => (None, Some(Loss::dropped("requestMetadata"))),
    };
    let (json, loss) = says.in_header(text)?;
    headers.insert(HEADER, HeaderValue::from_bytes(&json).ok()?);
    lost.or(loss)
}
