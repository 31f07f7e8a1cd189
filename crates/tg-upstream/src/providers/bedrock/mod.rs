//! Amazon Bedrock: its endpoints, signed with SigV4 or called with a Bedrock API key.

mod invocations;
mod profiles;
mod standing;
mod surfaces;

pub use invocations::{Invocations, Judgement, Said, region_of};
pub use profiles::{Behind, Profile, Profiles, model_of};
pub use standing::{GuardrailPlace, StandingGuardrail};
pub use surfaces::{Endpoint, MantleProject, Surface, SurfaceRule, Surfaces, mantle_url};

use crate::aws::Proof;
use crate::provider::{Asked, Call, Grouping, Pass, Provider};
use crate::providers::anthropic;
use crate::providers::base::{join, secret_header, segment};
use crate::road::Road;
use crate::sign::sign_v4;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, Request, Uri};
use std::sync::Arc;
use surfaces::Way;
use tg_dialect::dialect::UpstreamDialect;
use tg_dialect::dialects::bedrock_converse::{Guardrail, ModelFamily};
use tg_dialect::dialects::openai_chat::OpenaiChat;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::principal::Attribution;

/// The service name in SigV4 scopes.
const SERVICE: &str = "bedrock";

/// The longest model id that Bedrock takes (botocore's model of the service).
const MODEL_BYTES_MAX: usize = 2048;

/// The path of asynchronous invocations.
pub const INVOCATIONS: &str = "/async-invoke";

/// Bedrock in one region.
pub struct Bedrock {
    base: String,
    region: String,
    metadata: bool,
    control: String,
    profiles: Profiles,
    surfaces: Surfaces,
    invocations: Option<Arc<Invocations>>,
    guardrail: Option<StandingGuardrail>,
}

/// Partitions of AWS, by how the names of their regions begin, with the domain of their endpoints.
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eusc-", "amazonaws.eu"),
    // The commercial regions and those of GovCloud.
    ("", "amazonaws.com"),
];

/// The public address of the runtime endpoint in `region`, in that region's partition; the one with FIPS modules if
/// `fips`.
#[must_use]
pub fn base_url(region: &str, fips: bool) -> String {
    let domain = PARTITIONS.into_iter().find(|(start, _)| region.starts_with(start)).map_or("", |(_, domain)| domain);
    let host = if fips { "bedrock-runtime-fips" } else { "bedrock-runtime" };
    format!("https://{host}.{region}.{domain}")
}

/// The public address of the control plane in `region`, in that region's partition.
#[must_use]
pub fn control_url(region: &str) -> String {
    base_url(region, false).replacen("bedrock-runtime.", "bedrock.", 1)
}

impl Bedrock {
    /// The runtime endpoint at `base`, signed for `region`.
    #[must_use]
    pub fn new(base: impl Into<String>, region: impl Into<String>) -> Self {
        let region = region.into();
        let (control, profiles) = (control_url(&region), Profiles::new(&region, Vec::new()));
        let surfaces = Surfaces::default();
        let (base, invocations, guardrail) = (base.into(), None, None);
        Self { base, region, metadata: true, control, profiles, surfaces, invocations, guardrail }
    }

    /// Whether calls carry request metadata.
    #[must_use]
    pub fn telling(self, metadata: bool) -> Self {
        Self { metadata, ..self }
    }
}

impl Bedrock {
    /// With these application inference profiles, and the control plane at `control` instead of AWS's own.
    #[must_use]
    pub fn with_profiles(mut self, declared: Vec<Profile>, control: Option<String>) -> Self {
        self.profiles = Profiles::new(&self.region, declared);
        self.control = control.unwrap_or(self.control);
        self
    }

    /// With these compatible surfaces.
    #[must_use]
    pub fn with_surfaces(self, surfaces: Surfaces) -> Self {
        Self { surfaces, ..self }
    }

    /// With asynchronous invocations whose output may go to these folders (see [`Invocations::new`]); none without any.
    #[must_use]
    pub fn with_output(mut self, folders: &[String]) -> Self {
        self.invocations = (!folders.is_empty()).then(|| Arc::new(Invocations::new(&self.region, folders)));
        self
    }

    /// With a guardrail on every call of its models.
    #[must_use]
    pub fn with_guardrail(self, guardrail: Option<StandingGuardrail>) -> Self {
        Self { guardrail, ..self }
    }

    /// By Converse and InvokeModel.
    fn native(asked: &Asked<'_>) -> Road {
        match (asked.operation, asked.inbound) {
            (_, Dialect::BedrockConverse) => Road::relay(Dialect::BedrockConverse),
            (_, Dialect::BedrockInvoke) => Road::relay(Dialect::BedrockInvoke),
            (Operation::Embeddings, _) => Road::transcode(Dialect::BedrockInvoke),
            (Operation::Chat, Dialect::AnthropicMessages) if ModelFamily::of(asked.model).may_be_claude() => {
                Road::rewrap(Dialect::BedrockInvoke)
            }
            _ => Road::transcode(Dialect::BedrockConverse),
        }
    }
}

impl Provider for Bedrock {
    fn road(&self, asked: &Asked<'_>) -> Option<Road> {
        match self.surfaces.way(asked) {
            Way::Surface(road) => Some(road),
            Way::Native => Some(Self::native(asked)),
            Way::None => None,
        }
    }

    fn speaks(&self, dialect: Dialect) -> &'static dyn UpstreamDialect {
        match dialect {
            // Also its models of other vendors answer there, so only what most servers know is written.
            Dialect::OpenaiChat => &OpenaiChat::COMPATIBLE_NEWER,
            other => tg_dialect::dialects::upstream(other),
        }
    }

    fn wants_metadata(&self) -> bool {
        self.metadata
    }

    fn profiles(&self) -> Option<&Profiles> {
        Some(&self.profiles)
    }

    fn grouping(&self, road: Road, booked: &Attribution) -> Option<Grouping> {
        self.surfaces.grouping(road, booked)
    }

    fn reaches_by_mantle(&self, model: &str) -> bool {
        self.surfaces.reach_by_mantle(model)
    }

    fn invocations(&self) -> Option<&Arc<Invocations>> {
        self.invocations.as_ref()
    }

    fn guardrail(&self) -> Option<&StandingGuardrail> {
        self.guardrail.as_ref()
    }

    fn runtime_address(&self, path: &str) -> Result<Uri, Fault> {
        join(&self.base, path)
    }

    fn control_address(&self, path: &str) -> Result<Uri, Fault> {
        join(&self.control, path)
    }

    fn address(&self, call: &Call<'_>) -> Result<Uri, Fault> {
        if let Some(surface) = call.surface {
            return self.surfaces.address(&self.base, surface, call.dialect, call.operation);
        }
        let unknown = || Fault::new(Class::NotFound, Origin::Caller, "model_not_found", "No such model.");
        // A segment of dots would be a step up, not a name.
        let is_name = |text: &str| !matches!(text, "" | "." | "..") && text.len() <= MODEL_BYTES_MAX;
        if call.operation == Operation::AsyncInvoke {
            return join(&self.base, INVOCATIONS);
        }
        if call.operation == Operation::Guardrail {
            let guardrail = Guardrail::named(call.model).ok_or_else(unknown)?;
            return match guardrail {
                Guardrail::Checks => join(&self.base, "/guardrail-checks/invoke"),
                Guardrail::Applied { id, version } if is_name(id) && is_name(version) => {
                    join(&self.base, &format!("/guardrail/{}/version/{}/apply", segment(id), segment(version)))
                }
                Guardrail::Applied { .. } => Err(unknown()),
            };
        }
        if !is_name(call.model) {
            return Err(unknown());
        }
        let action = match (call.operation, call.dialect, call.stream) {
            (Operation::CountTokens, ..) => "count-tokens",
            (_, Dialect::BedrockInvoke, true) => "invoke-with-response-stream",
            (_, Dialect::BedrockInvoke, false) => "invoke",
            (_, _, true) => "converse-stream",
            (_, _, false) => "converse",
        };
        join(&self.base, &format!("/model/{}/{action}", segment(call.model)))
    }

    fn authorize(&self, request: &mut Request<Bytes>, pass: &Pass<'_>) -> Result<(), Fault> {
        if pass.surface.is_some_and(Surface::is_anthropics) {
            let version = request.headers_mut().entry(HeaderName::from_static("anthropic-version"));
            version.or_insert(anthropic::VERSION_DEFAULT);
        }
        let service = pass.surface.map_or(SERVICE, Surface::service);
        match pass.proof {
            Proof::Keys { credentials, .. } => sign_v4(request, credentials, &self.region, service, pass.now),
            Proof::Bearer(key) => {
                let value = secret_header("Bearer ", key)?;
                request.headers_mut().insert(AUTHORIZATION, value);
                Ok(())
            }
            Proof::Standing => Err(Fault::internal("a call to Bedrock without credentials")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::base_url;

    #[test]
    fn the_address_is_that_of_the_regions_partition() {
        for (region, fips, url) in [
            ("us-east-1", false, "https://bedrock-runtime.us-east-1.amazonaws.com"),
            ("eu-central-1", true, "https://bedrock-runtime-fips.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", true, "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", false, "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
            ("us-iso-east-1", false, "https://bedrock-runtime.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", false, "https://bedrock-runtime.us-isob-east-1.sc2s.sgov.gov"),
            ("eusc-de-east-1", false, "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(base_url(region, fips), url);
        }
    }
}
