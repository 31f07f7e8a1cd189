//! What a request by one of Bedrock's compatible surfaces must not have.

use super::{Prepared, features};
use tg_dialect::dialects::openai_responses::answered_at_once;
use tg_dialect::loss::Loss;
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_upstream::providers::bedrock::{Endpoint, Surface};

/// Request metadata of Bedrock: in its native APIs callers cannot write the gateway's own names.
const METADATA: &str = "x-amzn-bedrock-request-metadata";

/// Fits a written request to its surface. Headers of features that the surface does not have are losses.
///
/// # Errors
/// `Class::Unsupported` for a response that is to be fetched later, which the runtime endpoint does not keep.
pub(super) fn fit(surface: Surface, prepared: &mut Prepared) -> Result<(), Fault> {
    let headers = &mut prepared.headers;
    let unknown = |name: &str| match surface.endpoint {
        Endpoint::Runtime => name == METADATA,
        Endpoint::Mantle => name.starts_with(features::PREFIX),
    };
    let lost: Vec<_> = headers.keys().filter(|name| unknown(name.as_str())).cloned().collect();
    for name in lost {
        headers.remove(&name);
        prepared.losses.push(Loss::dropped(name.as_str()));
    }
    if surface.endpoint == Endpoint::Runtime && prepared.road.dialect == Dialect::OpenaiResponses {
        let fitted = answered_at_once(&prepared.body)?;
        prepared.body = fitted.body;
        prepared.losses.extend(fitted.losses);
    }
    prepared.losses.sort();
    prepared.losses.dedup();
    Ok(())
}
