//! From a caller's request to the one for a target: the original bytes with members spliced, or another dialect's.

use crate::aim::Aim;
use crate::send::Outgoing;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tg_dialect::count;
use tg_dialect::dialect::UpstreamDialect;
use tg_dialect::dialects::bedrock_converse::RequestMetadata;
use tg_dialect::dialects::bedrock_invoke::{self, BedrockEmbeddings};
use tg_dialect::dialects::inbound;
use tg_dialect::dialects::openai_embeddings::OpenaiEmbeddings;
use tg_dialect::embedding::EmbedUpstream;
use tg_dialect::loss::{Encoded, Loss};
use tg_dialect::scan::Members;
use tg_dialect::splice::{Splice, json_string};
use tg_dialect::tool_names::ToolNames;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::embed::EmbedRequest;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::target::Target;
use tg_kernel::usage::ServiceTier;
use tg_upstream::headers;
use tg_upstream::provider::Upstream;
use tg_upstream::road::{Mode, Road};

pub(crate) mod asynchronous;
pub(crate) mod caching;
mod crossing;
mod features;
pub(crate) mod metadata;
mod standing;
mod surface;

/// A request for one target, short of its address and credentials.
pub(crate) struct Prepared {
    pub(crate) road: Road,
    /// The codec of the target's dialect.
    pub(crate) spoken: &'static dyn UpstreamDialect,
    pub(crate) kind: Kind,
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) losses: Vec<Loss>,
    pub(crate) names: ToolNames,
    /// The tier asked for.
    pub(crate) tier: ServiceTier,
    /// Drop the usage chunk of the stream: we asked for it, the caller did not.
    pub(crate) strip_usage: bool,
}

/// What the answer will be.
pub(crate) enum Kind {
    /// A chat answer (or whatever the same dialect answers).
    Chat,
    /// A count of tokens.
    Count,
    /// A guardrail's opinion, relayed.
    Opinion,
    /// An invocation whose output comes later, elsewhere: its ARN, relayed.
    Started(asynchronous::Started),
    /// Vectors, in another dialect than the caller's.
    Embed {
        /// What was asked.
        request: EmbedRequest,
        /// Who reads the answer.
        upstream: &'static dyn EmbedUpstream,
    },
}

/// Writes the request for a target.
///
/// # Errors
/// `Class::Unsupported` when the provider cannot do what is asked, or has no guardrails and the caller names one, or
/// makes its calls with another;
/// `Class::Malformed` when the request must be decoded
/// and cannot be.
pub(crate) fn prepare(outgoing: &Outgoing<'_>, aim: &Aim, provider: &Upstream) -> Result<Prepared, Fault> {
    if let Some(road) = aim.road {
        features::keep_guardrails(outgoing, road)?;
    }
    // Counts of tokens and guardrails have no place for it.
    let told = provider.provider.wants_metadata() && outgoing.call.operation.runs_a_model();
    let says = told.then(|| RequestMetadata::of(outgoing.id, outgoing.attribution));
    let mut prepared = write(outgoing, aim, provider, says.as_ref())?;
    if let Some(says) = &says {
        metadata::add(says, outgoing.members, &mut prepared);
    }
    features::note_losses(outgoing, &mut prepared);
    if let Some(surface) = prepared.road.surface {
        surface::fit(surface, &mut prepared)?;
    }
    if let Some(guardrail) = provider.provider.guardrail() {
        standing::add(guardrail, outgoing, &mut prepared)?;
    }
    if let Some(grouping) = &aim.grouping {
        let id = HeaderValue::from_str(&grouping.id).map_err(Fault::internal)?;
        prepared.headers.insert(grouping.header.clone(), id);
    }
    Ok(prepared)
}

fn write(
    outgoing: &Outgoing<'_>,
    aim: &Aim,
    provider: &Upstream,
    says: Option<&RequestMetadata>,
) -> Result<Prepared, Fault> {
    let (operation, caller, target) = (outgoing.call.operation, outgoing.call.dialect, &aim.target);
    let road = aim.road.ok_or_else(|| unsupported(operation))?;
    let spoken = provider.provider.speaks(road.dialect);
    let kind = match operation {
        Operation::CountTokens => Kind::Count,
        Operation::Guardrail => Kind::Opinion,
        Operation::AsyncInvoke => Kind::Started(asynchronous::admit(outgoing, provider)?),
        Operation::Chat | Operation::Embeddings => Kind::Chat,
    };
    if caller == Dialect::BedrockInvoke && road.mode != Mode::Relay {
        crossing::only_claudes(&outgoing.peek.model, outgoing.members)?;
    }
    let written = match (road.mode, operation) {
        (Mode::Relay, Operation::AsyncInvoke) => asynchronous::write(outgoing, target)?,
        (Mode::Relay, _) => relay(outgoing, target, provider)?,
        (Mode::Rewrap, _) => rewrap(outgoing, target, road)?,
        (Mode::Transcode, Operation::Embeddings) => return embed(outgoing, target, road, spoken),
        (Mode::Transcode, Operation::CountTokens) => {
            let request = count::decode_request(caller, &outgoing.call.facts, outgoing.body)?;
            Written::foreign(count::encode_request(road.dialect, &request, &target.model)?)
        }
        (Mode::Transcode, Operation::Guardrail | Operation::AsyncInvoke) => return Err(unsupported(operation)),
        (Mode::Transcode, Operation::Chat) => {
            let mut request = inbound(caller).decode_request(&outgoing.call.facts, outgoing.body)?;
            request.delivery.stream = outgoing.peek.stream;
            let tier = request.delivery.tier.unwrap_or_default();
            let says = says.filter(|_| road.dialect == Dialect::BedrockConverse);
            let loss = says.and_then(|says| says.in_request(&mut request));
            let mut written = Written::foreign(spoken.encode_request(&request, &target.model)?);
            if let Some(loss) = loss.filter(|loss| !written.encoded.losses.contains(loss)) {
                written.encoded.losses.push(loss);
            }
            let carried = !written.encoded.losses.contains(&Loss::dropped("service_tier"));
            Written { tier: if carried { tier } else { ServiceTier::Default }, ..written }
        }
    };
    let Written { encoded, headers, tier, strip_usage } = written;
    let Encoded { body, losses, names } = encoded;
    Ok(Prepared { road, spoken, kind, body, headers, losses, names, tier, strip_usage })
}

/// A request in a target's dialect.
struct Written {
    encoded: Encoded,
    headers: HeaderMap,
    tier: ServiceTier,
    strip_usage: bool,
}

impl Written {
    /// From another dialect: none of the caller's headers means anything there.
    fn foreign(encoded: Encoded) -> Self {
        Self { encoded, headers: HeaderMap::new(), tier: ServiceTier::Default, strip_usage: false }
    }

    fn own(outgoing: &Outgoing<'_>, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers::copy_request(&outgoing.head.headers, &mut headers);
        let tier = asked_tier(outgoing);
        Self { encoded: Encoded { body, ..Encoded::default() }, headers, tier, strip_usage: false }
    }
}

/// The same dialect: the model by its name at the target, a member under the name that the target knows, the usage chunk
/// that we need, and every other byte as it was.
fn relay(outgoing: &Outgoing<'_>, target: &Target, provider: &Upstream) -> Result<Written, Fault> {
    let (members, peek, caller) = (outgoing.members, outgoing.peek, outgoing.call.dialect);
    let renamed = caller.family() != tg_kernel::dialect::Family::Bedrock && *target.model != *peek.model;
    let wants_usage = caller == Dialect::OpenaiChat && peek.stream && !peek.include_usage;
    if caller == Dialect::BedrockInvoke
        && let Some(body) = bedrock_invoke::fit_version(members, &target.model)
    {
        return Ok(Written::own(outgoing, body));
    }
    let member = provider.provider.renamed(caller).and_then(|(theirs, own)| Some((theirs, own, members.get(own)?)));
    if !renamed && !wants_usage && member.is_none() {
        return Ok(Written::own(outgoing, outgoing.body.bytes().clone()));
    }
    let mut splice = Splice::new(members);
    if renamed {
        splice = splice.set("model", json_string(&target.model));
    }
    if let Some((theirs, own, value)) = member {
        splice = splice.set(theirs, value).remove(own);
    }
    if wants_usage {
        splice = splice.set_in("stream_options", "include_usage", *b"true")?;
    }
    Ok(Written { strip_usage: wants_usage, ..Written::own(outgoing, splice.finish()) })
}

/// Anthropic Messages as such, or inside Bedrock InvokeModel.
fn rewrap(outgoing: &Outgoing<'_>, target: &Target, road: Road) -> Result<Written, Fault> {
    let (members, facts) = (outgoing.members, &outgoing.call.facts);
    if road.dialect == Dialect::BedrockInvoke {
        crossing::only_bytes(members)?;
        let version = facts.api_version.as_deref();
        let encoded = bedrock_invoke::messages_to_invoke(members, &target.model, version, &facts.betas);
        return Ok(Written { encoded, headers: HeaderMap::new(), ..Written::own(outgoing, Bytes::new()) });
    }
    let inner = bedrock_invoke::invoke_to_messages(members, &target.model, outgoing.peek.stream)?;
    let mut headers = HeaderMap::new();
    for (name, value) in [("anthropic-version", inner.version), ("anthropic-beta", &inner.betas.join(","))] {
        if let Some(value) = HeaderValue::from_str(value).ok().filter(|value| !value.is_empty()) {
            headers.insert(name, value);
        }
    }
    // The caller's tier stands in a header that does not travel.
    Ok(Written { headers, tier: ServiceTier::Default, ..Written::own(outgoing, inner.body) })
}

fn embed(
    outgoing: &Outgoing<'_>,
    target: &Target,
    road: Road,
    spoken: &'static dyn UpstreamDialect,
) -> Result<Prepared, Fault> {
    let request = OpenaiEmbeddings.decode_request(outgoing.body)?;
    let upstream: &'static dyn EmbedUpstream = &BedrockEmbeddings;
    let Encoded { body, losses, names } = upstream.encode_request(&request, &target.model)?;
    let kind = Kind::Embed { request, upstream };
    let (headers, tier, strip_usage) = (HeaderMap::new(), ServiceTier::Default, false);
    Ok(Prepared { road, spoken, kind, body, headers, losses, names, tier, strip_usage })
}

/// The tier that a relayed request asks for, for pricing where the answer does not say.
fn asked_tier(outgoing: &Outgoing<'_>) -> ServiceTier {
    if outgoing.call.dialect == Dialect::BedrockInvoke {
        let header = outgoing.head.headers.get("x-amzn-bedrock-service-tier");
        return header.and_then(|v| v.to_str().ok()).and_then(ServiceTier::parse).unwrap_or_default();
    }
    tier_of(outgoing.call.dialect, outgoing.members)
}

/// The tier that a body asks for; InvokeModel has none there.
pub(crate) fn tier_of(dialect: Dialect, members: &Members<'_>) -> ServiceTier {
    let word = match dialect {
        Dialect::BedrockInvoke => None,
        Dialect::BedrockConverse => members
            .object("serviceTier")
            .ok()
            .flatten()
            .and_then(|tier| tier.string("type").ok().flatten().map(|word| ServiceTier::parse(&word))),
        _ => members.string("service_tier").ok().flatten().map(|word| ServiceTier::parse(&word)),
    };
    word.flatten().unwrap_or_default()
}

fn unsupported(operation: Operation) -> Fault {
    let message = format!("The provider of this model does not serve {}.", operation.as_str());
    Fault::new(Class::Unsupported, Origin::Caller, "operation_unsupported", message).retry(Retry::Elsewhere)
}
