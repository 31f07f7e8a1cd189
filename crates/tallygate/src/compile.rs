//! From the declared configuration to the compiled one: documents to providers, routes and policies.

use crate::pricing::discount;
use crate::{callers, signing};
use anyhow::{Context as _, Result};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tg_admin::api::Policy;
use tg_catalog::{Catalogue, Overridden, OverrideProblem, Terms};
use tg_config::document::{self, AuthScheme, Document, ProviderKind, RequestMetadata, SurfaceDialect};
use tg_config::grammar::{Keepalive, Name, Period};
use tg_config::load::{text_from_file, value_from_text};
use tg_config::secrets::Secrets;
use tg_dialect::dialects::openai_chat::OpenaiChat;
use tg_kernel::dialect::Dialect;
use tg_kernel::secret::Secret;
use tg_net::egress::EgressPolicy;
use tg_policy::health::Settings;
use tg_policy::route::CacheRules;
use tg_proxy::snapshot::{Bounds, Ceiling, OnDisconnect, Resilience, Snapshot, Streams};
use tg_store::team::DeclaredTeam;
use tg_upstream::probe::Probe;
use tg_upstream::provider::{PriceScope, Provider, Timeouts, Upstream};
use tg_upstream::providers::anthropic::{self, Anthropic};
use tg_upstream::providers::bedrock::{
    self, Bedrock, Endpoint, MantleProject, Profile, StandingGuardrail, SurfaceRule, Surfaces,
};
use tg_upstream::providers::openai::{self, Abilities, Credential, OpenAi};

/// Longest silence between two pieces of a request's body.
const BODY_IDLE: Duration = Duration::from_secs(60);

/// Compiles a checked document.
///
/// # Errors
/// When the price overrides cannot be read, or a header cannot be sent. The document's own check has found all else.
pub fn snapshot(document: &Document, secrets: &Secrets) -> Result<Compiled> {
    let mut upstreams = HashMap::new();
    for declared in &document.providers {
        let upstream = upstream(declared, secrets)
            .with_context(|| format!("provider '{}' cannot be set up", declared.name.as_str()))?;
        upstreams.insert(declared.name.shared(), Arc::new(upstream));
    }
    let prices = document.pricing.overrides.as_deref().map(text_from_file).transpose().context("pricing.overrides")?;
    let prices = prices.map(|(_, text)| text);
    let Overridden { catalogue, jumps } = catalogue(document, prices.as_deref())?;
    let strange = strange_sellers(document, &catalogue, &upstreams)?;
    let jumps = jumps.iter().map(|jump| format!("pricing.overrides: {jump}; is the unit right?"));
    let outside = crate::guards::compile(&document.guards, &upstreams, secrets)?;
    let snapshot = Snapshot {
        upstreams,
        routes: crate::routes::compile(document)?,
        prompt_cache: cache_rules(document),
        looks_at_millionths: document.routing.classify.millionths(),
        catalogue,
        terms: Arc::new(Terms::new(document.pricing.discounts.iter().map(discount).collect())),
        ceiling: document.pricing.ceiling.map_or_else(Ceiling::default, |ceiling| Ceiling {
            input_rate: ceiling.input.picos_per_token(),
            output_rate: ceiling.output.picos_per_token(),
        }),
        guards: Arc::new(crate::guardrails::compile(document, secrets)?),
        outside,
        limits: crate::limits::compile(document),
        pools: crate::pools::compile(&document.pools),
        priorities: crate::pools::priorities(document),
        cache: crate::caching::compile(document)?,
        budgets: Arc::new(crate::budgets::compile(document)),
        bounds: Bounds {
            body_bytes_max: document.listen.body_bytes_max.as_usize(),
            body_idle: BODY_IDLE,
            body_whole: document.listen.body_timeout.get(),
        },
        resilience: resilience(&document.resilience),
        streams: streams(&document.streams),
        trust: Arc::new(callers::trust(document)),
        witnesses: callers::witnesses(document),
    };
    crate::promises::keep(document, &snapshot)?;
    let notes = jumps
        .chain(strange)
        .chain(crate::budgets::notes(document, &snapshot))
        .chain(crate::promises::notes(document, &snapshot))
        .chain(crate::undeclared::notes(document))
        .chain(crate::counting::note(document))
        .collect();
    Ok(Compiled { snapshot, notes, prices })
}

/// A compiled document.
pub struct Compiled {
    /// What calls see of it.
    pub snapshot: Snapshot,
    /// What its writer may want to look at again.
    pub notes: Vec<String>,
    /// What was in the file of `pricing.overrides`.
    pub prices: Option<String>,
}

fn cache_rules(document: &Document) -> CacheRules {
    let rule = |rule: &document::PromptCache| {
        (crate::scope::scope(document, &rule.scope), rule.points == document::CachePoints::Auto)
    };
    CacheRules::new(document.prompt_cache.iter().map(rule).collect())
}

fn resilience(declared: &document::Resilience) -> Resilience {
    let breaker = &declared.breaker;
    Resilience {
        breaker: breaker.enabled.then(|| Settings {
            failures: u32::from(breaker.failures),
            share_millionths: breaker.error_share.millionths(),
            calls_min: breaker.calls_min,
            open: breaker.rest.get(),
            open_max: breaker.rest_max.get(),
        }),
        retries: u32::from(declared.retries),
        retry_millionths: declared.retry_share.millionths(),
        backoff: (declared.backoff.get(), declared.backoff_max.get()),
        deadline: declared.deadline.map(Period::get),
    }
}

fn streams(declared: &document::Streams) -> Streams {
    Streams {
        keepalive: match declared.keepalive {
            Keepalive::Off => None,
            Keepalive::Every(period) => Some(period.get()),
        },
        on_disconnect: match declared.on_disconnect {
            document::OnDisconnect::Cancel => OnDisconnect::Cancel,
            document::OnDisconnect::Drain(cap) => {
                OnDisconnect::Drain { time_max: cap.time_max.get(), bytes_max: cap.bytes_max.bytes() }
            }
        },
    }
}

fn catalogue(document: &Document, prices: Option<&str>) -> Result<Overridden> {
    let embedded = Catalogue::embedded()?;
    let (Some(path), Some(text)) = (&document.pricing.overrides, prices) else {
        return Ok(Overridden { catalogue: embedded, jumps: Vec::new() });
    };
    let value = value_from_text(&path.display().to_string(), text).context("pricing.overrides")?;
    let rows = tg_catalog::parse_overrides(&value).map_err(|problems| overrides_wrong(path, &problems))?;
    let label = overrides_label(path, &value);
    embedded.with_overrides(&label, rows).map_err(|problems| overrides_wrong(path, &problems))
}

/// The version of the prices in a file: its name, without what sets apart the parts of a price's name
/// (`VERSION/PROVIDER/ID~SCOPE@TIER>THRESHOLD%DISCOUNT`), and the beginning of a hash of what is in it.
fn overrides_label(path: &Path, value: &serde_json::Value) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.replace(|c: char| c.is_control() || c.is_whitespace() || "/\\#~@>%".contains(c), "_");
    let hash = hex::encode(Sha256::digest(value.to_string().as_bytes()));
    format!("{name}-{}", &hash[..12])
}

/// Sellers of the user's own prices that nobody sells as: neither the catalogue nor a provider of the configuration, so
/// that no call is ever priced by them.
fn strange_sellers(document: &Document, catalogue: &Catalogue, upstreams: &Upstreams) -> Result<Vec<String>> {
    if document.pricing.overrides.is_none() {
        return Ok(Vec::new());
    }
    let embedded = Catalogue::embedded()?;
    let known: BTreeSet<&str> = embedded
        .rows()
        .iter()
        .map(|row| row.provider())
        .chain(upstreams.values().map(|upstream| &*upstream.price.vendor))
        .collect();
    let strange: BTreeSet<&str> =
        catalogue.rows().iter().map(|row| row.provider()).filter(|seller| !known.contains(seller)).collect();
    let note = |seller: &&str| {
        format!(
            "pricing.overrides: no call is priced by the rows of `{seller}`: neither the catalogue nor a provider of the \
             configuration sells under this name; is it spelt right? Providers here: {}",
            upstreams
                .values()
                .map(|u| &*u.price.vendor)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(", ")
        )
    };
    Ok(strange.iter().map(note).collect())
}

/// Providers by name.
type Upstreams = HashMap<Arc<str>, Arc<Upstream>>;

fn overrides_wrong(path: &Path, problems: &[OverrideProblem]) -> anyhow::Error {
    let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("pricing.overrides: {}:\n  {}", path.display(), list.join("\n  "))
}

/// The seller of a provider's models, as prices name it.
pub(crate) fn vendor(declared: &document::Provider) -> &str {
    match declared.kind {
        ProviderKind::OpenaiCompatible => declared.preset.as_deref().unwrap_or(declared.kind.as_str()),
        kind => kind.as_str(),
    }
}

fn upstream(declared: &document::Provider, secrets: &Secrets) -> Result<Upstream> {
    let sold = Vendor { declared, secrets };
    let loopback = declared.is_loopback();
    Ok(Upstream {
        name: declared.name.shared(),
        price: PriceScope { vendor: Arc::from(vendor(declared)), region: declared.region.as_deref().map(Arc::from) },
        telemetry_name: match declared.kind {
            ProviderKind::Bedrock => "aws.bedrock",
            ProviderKind::Anthropic => "anthropic",
            ProviderKind::Openai | ProviderKind::OpenaiCompatible => "openai",
        },
        provider: match declared.kind {
            ProviderKind::Bedrock => Box::new(sold.bedrock()?) as Box<dyn Provider>,
            ProviderKind::Anthropic => Box::new(sold.anthropic()?),
            ProviderKind::Openai => Box::new(sold.openai()?),
            ProviderKind::OpenaiCompatible => Box::new(sold.compatible()?),
        },
        identity: signing::identity(declared, secrets)?,
        headers: sold.headers()?,
        timeouts: Timeouts {
            connect: declared.timeouts.connect.get(),
            first_byte: declared.timeouts.first_byte.get(),
            idle: declared.timeouts.idle.get(),
        },
        egress: EgressPolicy {
            allow_http: declared.egress.allow_http || loopback,
            allow_private: declared.egress.allow_private,
            allow_loopback: loopback,
        },
        probe: sold.probe()?,
    })
}

fn surface_rule(declared: &document::Surface) -> SurfaceRule {
    let dialect = |dialect: &SurfaceDialect| match dialect {
        SurfaceDialect::OpenaiChat => Dialect::OpenaiChat,
        SurfaceDialect::OpenaiResponses => Dialect::OpenaiResponses,
        SurfaceDialect::AnthropicMessages => Dialect::AnthropicMessages,
    };
    SurfaceRule {
        models: declared.models.iter().map(|name| Arc::from(name.as_str())).collect(),
        dialects: declared.dialects.iter().map(dialect).collect(),
        endpoint: match declared.endpoint {
            document::Endpoint::Runtime => Endpoint::Runtime,
            document::Endpoint::Mantle => Endpoint::Mantle,
        },
        openai_path: declared.path.unwrap_or_default().as_str(),
        only: declared.only,
    }
}

struct Vendor<'a> {
    declared: &'a document::Provider,
    secrets: &'a Secrets,
}

impl Vendor<'_> {
    fn base_url(&self, usual: impl Into<String>) -> String {
        self.declared.base_url.as_ref().map_or_else(|| usual.into(), |url| url.as_str().to_owned())
    }

    fn api_key(&self) -> Option<Secret> {
        self.secrets.get(self.declared.api_key.as_ref()?).cloned()
    }

    fn required_key(&self) -> Result<Secret> {
        self.api_key().context("it needs an api_key")
    }

    fn bedrock(&self) -> Result<Bedrock> {
        let region = self.declared.region.as_deref().context("it needs a region")?;
        let told = self.declared.request_metadata.unwrap_or_default() == RequestMetadata::On;
        let control = self.declared.control_url.as_ref().map(|url| url.as_str().to_owned());
        let bedrock = Bedrock::new(self.base_url(bedrock::base_url(region, self.declared.fips)), region);
        let bedrock = bedrock.telling(told).with_profiles(self.profiles(), control);
        let guardrail = self.declared.guardrail.as_ref().map(|guardrail| StandingGuardrail {
            id: Arc::from(guardrail.id.as_str()),
            version: Arc::from(guardrail.version.as_str()),
        });
        let bedrock = bedrock.with_surfaces(self.surfaces(region)).with_guardrail(guardrail);
        Ok(bedrock.with_output(&self.declared.async_output))
    }

    fn surfaces(&self, region: &str) -> Surfaces {
        let declared = self.declared;
        let rules = declared.surfaces.iter().map(surface_rule).collect();
        let stated = declared.mantle_url.as_ref().map(|url| url.as_str().to_owned());
        // Without a surface there, nobody asks for it.
        let mantle = stated.or_else(|| declared.uses_mantle().then(|| bedrock::mantle_url(region)));
        let projects = declared.mantle_projects.iter().map(|entry| MantleProject {
            team: entry.team.shared(),
            project: entry.project.as_ref().map(Name::shared),
            id: Arc::from(entry.id.as_str()),
        });
        Surfaces::new(rules, mantle, projects.collect())
    }

    /// The inference profiles that exist; the others wait for `tallygate aws profiles apply`.
    fn profiles(&self) -> Vec<Profile> {
        let declared = self.declared.inference_profiles.iter();
        declared
            .filter_map(|entry| {
                Some(Profile {
                    model: Arc::from(entry.model.as_str()),
                    team: entry.team.shared(),
                    project: entry.project.as_ref().map(Name::shared),
                    arn: Arc::from(entry.arn.as_deref()?),
                })
            })
            .collect()
    }

    fn anthropic(&self) -> Result<Anthropic> {
        Ok(Anthropic::new(&self.base_url(anthropic::BASE_URL), &self.required_key()?)?)
    }

    fn openai(&self) -> Result<OpenAi> {
        let abilities = Abilities { responses: true, embeddings: true, chat: &OpenaiChat::OPENAI };
        Ok(OpenAi::new(&self.base_url(openai::BASE_URL), Credential::Bearer(self.required_key()?), abilities)?)
    }

    fn compatible(&self) -> Result<OpenAi> {
        let known = self.declared.compatible().context("it needs a base_url")?;
        let credential = match (self.api_key(), known.auth) {
            (None, _) => Credential::None,
            (Some(key), AuthScheme::Bearer) => Credential::Bearer(key),
            (Some(key), AuthScheme::ApiKeyHeader) => Credential::Header(HeaderName::from_static("api-key"), key),
        };
        let abilities = Abilities {
            responses: known.responses,
            embeddings: known.embeddings,
            chat: match known.output_limit_member {
                document::OutputLimitMember::MaxTokens => &OpenaiChat::COMPATIBLE,
                document::OutputLimitMember::MaxCompletionTokens => &OpenaiChat::COMPATIBLE_NEWER,
            },
        };
        Ok(OpenAi::new(known.base_url.as_str(), credential, abilities)?)
    }

    fn probe(&self) -> Result<Option<Probe>> {
        let Some(probe) = &self.declared.probe else { return Ok(None) };
        let base = match self.declared.kind {
            ProviderKind::Bedrock => return Ok(None),
            ProviderKind::Anthropic => self.base_url(anthropic::BASE_URL),
            ProviderKind::Openai => self.base_url(openai::BASE_URL),
            ProviderKind::OpenaiCompatible => {
                self.declared.compatible().context("it needs a base_url")?.base_url.as_str().to_owned()
            }
        };
        crate::prober::compile(probe, &base).map(Some)
    }

    fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, text) in &self.declared.headers {
            let secret = self.secrets.header(text).context("a header's secret is missing")?;
            let name: HeaderName = name.parse().with_context(|| format!("'{name}' is not a header's name"))?;
            let mut value = HeaderValue::from_str(secret.expose())
                .map_err(|_| anyhow::anyhow!("the value of header '{name}' has characters that no header may have"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// The teams that the document declares, with what they inherit from `identity`.
#[must_use]
pub fn teams(document: &Document) -> Vec<DeclaredTeam> {
    let policy = |team: &document::Team| Policy::declared(team, &document.identity).into();
    document.teams.iter().map(|team| DeclaredTeam { name: team.name.shared(), policy: policy(team) }).collect()
}
