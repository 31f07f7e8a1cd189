//! The seam of providers: what one vendor's address, credentials and abilities are. One folder each in `providers/`.

use crate::aws::{Identity, Proof};
use crate::probe::Probe;
use crate::providers::bedrock::{Endpoint, Invocations, Profiles, StandingGuardrail, Surface};
use crate::road::Road;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Uri};
use std::sync::Arc;
use std::time::Duration;
use tg_catalog::{Catalogue, Row};
use tg_dialect::dialect::UpstreamDialect;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::fault::Fault;
use tg_kernel::principal::Attribution;

/// What one vendor does in its own way. Pure: no I/O.
pub trait Provider: Send + Sync {
    /// How a call gets here; `None` when this provider cannot do what is asked at all.
    fn road(&self, asked: &Asked<'_>) -> Option<Road>;

    /// The codec of a dialect, in this vendor's flavour.
    fn speaks(&self, dialect: Dialect) -> &'static dyn UpstreamDialect {
        tg_dialect::dialects::upstream(dialect)
    }

    /// Members of a relayed body that this vendor knows by another name, as (theirs, the caller's).
    fn renamed(&self, _dialect: Dialect) -> Option<(&'static str, &'static str)> {
        None
    }

    /// Whether calls carry request metadata of Bedrock.
    fn wants_metadata(&self) -> bool {
        false
    }

    /// The application inference profiles that may be named in a model's place.
    fn profiles(&self) -> Option<&Profiles> {
        None
    }

    /// To which of the vendor's projects a call that is booked so counts on the bill.
    fn grouping(&self, _road: Road, _booked: &Attribution) -> Option<Grouping> {
        None
    }

    /// Whether calls for `model` may go to Bedrock's mantle endpoint, whose models stand apart in the catalogue.
    fn reaches_by_mantle(&self, _model: &str) -> bool {
        false
    }

    /// The asynchronous invocations that it takes; `None` where it takes none.
    fn invocations(&self) -> Option<&Arc<Invocations>> {
        None
    }

    /// The guardrail with which all calls of its models are made; `None` where there is none.
    fn guardrail(&self) -> Option<&StandingGuardrail> {
        None
    }

    /// The address of a request beside calls, at the endpoint of calls; `path` may have a query.
    ///
    /// # Errors
    /// `Class::Internal` when there is none.
    fn runtime_address(&self, path: &str) -> Result<Uri, Fault> {
        Err(Fault::internal(format!("this provider has nothing at {path}")))
    }

    /// The address of a request to the vendor's control plane; `path` may have a query.
    ///
    /// # Errors
    /// `Class::Internal` when there is none.
    fn control_address(&self, path: &str) -> Result<Uri, Fault> {
        Err(Fault::internal(format!("this provider has no control plane for {path}")))
    }

    /// The address of a call.
    ///
    /// # Errors
    /// `Class::NotFound` when the model's name cannot be part of an address.
    fn address(&self, call: &Call<'_>) -> Result<Uri, Fault>;

    /// Adds what the vendor demands of a request: version headers and credentials. The body is final.
    ///
    /// # Errors
    /// `Class::Internal` when signing fails.
    fn authorize(&self, request: &mut Request<Bytes>, pass: &Pass<'_>) -> Result<(), Fault>;
}

/// What a road depends on.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The operation.
    pub operation: Operation,
    /// The caller's dialect.
    pub inbound: Dialect,
    /// The model, as the provider knows it.
    pub model: &'a str,
    /// Whether the ARN of a profile stands for the model in the address, by the caller's or the route's wish.
    pub by_profile: bool,
}

/// A vendor's project to which a call counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// The header that names it.
    pub header: HeaderName,
    /// Its id.
    pub id: Arc<str>,
}

/// With what a request is let in.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// What changes from call to call of the credentials.
    pub proof: &'a Proof,
    /// By which of Bedrock's compatible surfaces it goes.
    pub surface: Option<Surface>,
    /// The time of signing.
    pub now: Timestamp,
}

/// What an address depends on.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The dialect spoken to the provider.
    pub dialect: Dialect,
    /// The operation.
    pub operation: Operation,
    /// The model, as the provider knows it. Attacker-influenced where models pass through.
    pub model: &'a str,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// By which of Bedrock's compatible surfaces it goes.
    pub surface: Option<Surface>,
}

/// A configured provider: the vendor's facts, and the settings that all vendors share.
pub struct Upstream {
    /// The name in the configuration.
    pub name: Arc<str>,
    /// Where its prices stand in the catalogue.
    pub price: PriceScope,
    /// `gen_ai.provider.name`.
    pub telemetry_name: &'static str,
    /// The vendor.
    pub provider: Box<dyn Provider>,
    /// Whose AWS credentials its calls are signed with; none for other vendors.
    pub identity: Option<Identity>,
    /// Headers added to every call.
    pub headers: HeaderMap,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// What may be dialled.
    pub egress: tg_net::egress::EgressPolicy,
    /// How it is asked whether it is there; `None`: it is not.
    pub probe: Option<Probe>,
}

/// The seller of calls by Bedrock's mantle endpoint, in the catalogue: some models have other prices there.
const MANTLE_VENDOR: &str = "bedrock_mantle";

impl Upstream {
    /// Whether calls for a model of the catalogue may go here, as far as its row says where it is sold.
    #[must_use]
    pub fn sells(&self, row: &Row) -> bool {
        row.provider() == &*self.price.vendor
            || (row.provider() == MANTLE_VENDOR && self.provider.reaches_by_mantle(row.id()))
    }

    /// Where the prices of calls by this road stand in the catalogue.
    #[must_use]
    pub fn price_by(&self, road: Road) -> PriceScope {
        let by_mantle = road.surface.is_some_and(|surface| surface.endpoint == Endpoint::Mantle);
        let vendor = if by_mantle { Arc::from(MANTLE_VENDOR) } else { Arc::clone(&self.price.vendor) };
        PriceScope { vendor, region: self.price.region.clone() }
    }

    /// The same for a call of which only the model and the dialect that was spoken are known.
    #[must_use]
    pub fn price_of(&self, dialect: Dialect, model: &str) -> PriceScope {
        let asked = Asked { operation: Operation::Chat, inbound: dialect, model, by_profile: false };
        let road = self.provider.road(&asked).filter(|road| road.dialect == dialect);
        road.map_or_else(|| self.price.clone(), |road| self.price_by(road))
    }

    /// The same for a call that was priced before, under this name: among the models of the seller that the name names.
    #[must_use]
    pub fn price_named(&self, dialect: Dialect, model: &str, price: &str) -> PriceScope {
        let sellers = [MANTLE_VENDOR, &self.price.vendor];
        let named = sellers.into_iter().filter_map(|seller| Some((price.rfind(&format!("/{seller}/"))?, seller)));
        match named.max() {
            Some((_, seller)) => PriceScope { vendor: Arc::from(seller), region: self.price.region.clone() },
            None => self.price_of(dialect, model),
        }
    }
}

/// Where a provider's prices stand in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceScope {
    /// `bedrock`, `anthropic`, `openai`, or a preset's name.
    pub vendor: Arc<str>,
    /// The region, where prices depend on it.
    pub region: Option<Arc<str>>,
}

impl PriceScope {
    /// The price of `model` at a time. `None`: not known.
    #[must_use]
    pub fn find(&self, catalogue: &Catalogue, model: &str, at: Timestamp) -> Option<Arc<Row>> {
        match &self.region {
            Some(region) => catalogue.find_in(&self.vendor, model, &[region], at),
            None => catalogue.find(&self.vendor, model, at),
        }
    }
}

/// How long to wait for a provider. There is no limit on a whole call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the head of the answer, once the request is sent.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
}
