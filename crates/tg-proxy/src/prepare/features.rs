//! Bedrock's features that a caller names, on a road that leads to where they are not: a guardrail is never dropped, all
//! else is a loss.

use super::Prepared;
use crate::send::Outgoing;
use http::HeaderMap;
use tg_dialect::loss::Loss;
use tg_dialect::scan::Members;
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_upstream::providers::bedrock::Endpoint;
use tg_upstream::road::{Mode, Road};

/// How the headers of Bedrock's own features begin.
pub(super) const PREFIX: &str = "x-amzn-bedrock-";

/// InvokeModel's name of a guardrail. Bedrock's OpenAI API takes it as well.
const GUARDRAIL_HEADER: &str = "x-amzn-bedrock-guardrailidentifier";

/// Converse's.
const GUARDRAIL_MEMBER: &str = "guardrailConfig";

/// The type of the answer, which is JSON everywhere: SDKs send it unasked.
const ACCEPT_HEADER: &str = "x-amzn-bedrock-accept";

/// Refuses a call whose caller names a guardrail that does not travel with it, whatever the route says of losses: who
/// wants an answer guarded must not get one that is not.
///
/// # Errors
/// `Class::Unsupported` (`guardrail_unsupported`); another target may have it.
pub(super) fn keep_guardrails(outgoing: &Outgoing<'_>, road: Road) -> Result<(), Fault> {
    // What generates nothing needs no guard.
    if !outgoing.call.operation.runs_a_model() || carries_headers(road) {
        return Ok(());
    }
    let Some(place) = named(outgoing.call.dialect, &outgoing.head.headers, outgoing.members) else { return Ok(()) };
    let message = format!(
        "The request names a guardrail of Amazon Bedrock ('{place}') that cannot go with it to this model's provider; \
         nothing was sent there. Use a model whose route leads to Bedrock in the request's own dialect, or leave the \
         guardrail out."
    );
    let fault = Fault::new(Class::Unsupported, Origin::Caller, "guardrail_unsupported", message);
    Err(fault.at(place).retry(Retry::Elsewhere))
}

/// Where a request names a guardrail.
fn named(caller: Dialect, headers: &HeaderMap, members: &Members<'_>) -> Option<&'static str> {
    if headers.contains_key(GUARDRAIL_HEADER) {
        return Some(GUARDRAIL_HEADER);
    }
    let config = members.get(GUARDRAIL_MEMBER).filter(|raw| *raw != b"null");
    config.filter(|_| caller == Dialect::BedrockConverse).map(|_| GUARDRAIL_MEMBER)
}

/// Names the headers of a Bedrock caller that do not travel as losses.
pub(super) fn note_losses(outgoing: &Outgoing<'_>, prepared: &mut Prepared) {
    if outgoing.call.dialect.family() != Family::Bedrock || prepared.road.mode == Mode::Relay {
        return;
    }
    let names = outgoing.head.headers.keys().map(http::HeaderName::as_str);
    let lost = names.filter(|name| name.starts_with(PREFIX) && *name != ACCEPT_HEADER);
    prepared.losses.extend(lost.map(Loss::dropped));
    prepared.losses.sort();
    prepared.losses.dedup();
}

/// Whether the headers of Bedrock's features travel, and mean something there or are the target's to refuse.
fn carries_headers(road: Road) -> bool {
    road.mode == Mode::Relay && road.surface.is_none_or(|surface| surface.endpoint == Endpoint::Runtime)
}

#[cfg(test)]
mod tests {
    use super::{GUARDRAIL_HEADER, GUARDRAIL_MEMBER, carries_headers, named};
    use http::{HeaderMap, HeaderValue};
    use tg_dialect::scan::Members;
    use tg_kernel::dialect::Dialect;
    use tg_upstream::providers::bedrock::{Endpoint, Surface};
    use tg_upstream::road::Road;

    #[test]
    fn a_guardrail_is_named_by_header_or_in_converses_body() {
        let mut header = HeaderMap::new();
        header.insert(GUARDRAIL_HEADER, HeaderValue::from_static("gr1"));
        let config = r#"{"guardrailConfig":{"guardrailIdentifier":"gr1"}}"#;
        for (caller, headers, body, place) in [
            (Dialect::BedrockInvoke, &header, "{}", Some(GUARDRAIL_HEADER)),
            (Dialect::OpenaiChat, &header, "{}", Some(GUARDRAIL_HEADER)),
            (Dialect::BedrockConverse, &HeaderMap::new(), config, Some(GUARDRAIL_MEMBER)),
            (Dialect::BedrockConverse, &HeaderMap::new(), r#"{"guardrailConfig":null}"#, None),
            (Dialect::OpenaiChat, &HeaderMap::new(), config, None),
            (Dialect::BedrockInvoke, &HeaderMap::new(), "{}", None),
        ] {
            let members = Members::scan(body.as_bytes()).unwrap();
            assert_eq!(named(caller, headers, &members), place, "{caller:?} {body}");
        }
    }

    #[test]
    fn headers_of_features_travel_by_relay_but_not_to_mantle() {
        let at = |endpoint| Surface { endpoint, path: "/v1" };
        for (road, travels) in [
            (Road::relay(Dialect::BedrockInvoke), true),
            (Road::relay(Dialect::OpenaiChat).by(at(Endpoint::Runtime)), true),
            (Road::relay(Dialect::OpenaiChat).by(at(Endpoint::Mantle)), false),
            (Road::rewrap(Dialect::AnthropicMessages).by(at(Endpoint::Runtime)), false),
            (Road::transcode(Dialect::BedrockConverse), false),
        ] {
            assert_eq!(carries_headers(road), travels, "{road:?}");
        }
    }
}
