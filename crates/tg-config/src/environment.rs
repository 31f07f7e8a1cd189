//! A document from environment variables, for a start without a file.

use crate::check::check;
use crate::document::{
    ChainWord, Credentials, Document, Egress, KeyCredentials, Provider, ProviderKind, Quirks, Store, Timeouts,
};
use crate::grammar::{BaseUrl, Name, Refused, SecretRef};
use crate::problem::{Path, Problem, Problems};
use crate::routes::usual_models;
use std::collections::BTreeMap;
use std::fmt;

/// The outcome of a search that found a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct FromEnvironment {
    /// The document; it refers to the variables and holds no secret.
    pub document: Document,
    /// What was found, in the order of `document.providers`.
    pub found: Vec<Found>,
    /// What was seen but cannot be used, and why.
    pub notes: Vec<String>,
}

/// A provider that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name in the document.
    pub provider: Name,
    /// The variables that led to it.
    pub variables: Vec<&'static str>,
}

/// The outcome of a search that found no provider, or a wrong one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentError {
    /// No provider; with what was seen but cannot be used.
    NothingFound {
        /// What was seen but cannot be used, and why.
        notes: Vec<String>,
    },
    /// A variable has a value that cannot be right.
    Bad(Problems),
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingFound { notes } => {
                f.write_str("no provider found: there is no configuration file, and the environment names none")?;
                for note in notes {
                    write!(f, "\n  {note}")?;
                }
                f.write_str(
                    "\n  set one of:\
                     \n    ANTHROPIC_API_KEY                       Anthropic\
                     \n    OPENAI_API_KEY                          OpenAI\
                     \n    AWS_BEARER_TOKEN_BEDROCK, AWS_REGION    Amazon Bedrock, with a Bedrock API key\
                     \n    AWS_ACCESS_KEY_ID, AWS_REGION           Amazon Bedrock, with AWS_SECRET_ACCESS_KEY beside them\
                     \n    AWS_PROFILE, AWS_REGION                 Amazon Bedrock, with what the AWS SDKs find\
                     \n    TALLYGATE_OPENAI_COMPATIBLE_URL         a local server, as in http://127.0.0.1:11434/v1\
                     \n  or write a configuration file (`tallygate serve --config tallygate.yaml`)\
                     \n  or try it without any provider: `tallygate demo`",
                )
            }
            Self::Bad(problems) => problems.fmt(f),
        }
    }
}

impl std::error::Error for EnvironmentError {}

/// Makes a document from the variables that `lookup` knows; empty ones count as absent.
///
/// # Errors
/// When no provider is found, or a variable has a value that cannot be right.
pub fn from_environment(lookup: &dyn Fn(&str) -> Option<String>) -> Result<FromEnvironment, EnvironmentError> {
    let mut search =
        Search { lookup, providers: Vec::new(), found: Vec::new(), notes: Vec::new(), problems: Vec::new() };
    search.vendor(ProviderKind::Anthropic, "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL");
    search.vendor(ProviderKind::Openai, "OPENAI_API_KEY", "OPENAI_BASE_URL");
    search.bedrock();
    search.compatible();
    let store = search.store();
    let Search { providers, found, notes, mut problems, .. } = search;
    if providers.is_empty() && problems.is_empty() {
        return Err(EnvironmentError::NothingFound { notes });
    }
    let mut document = Document { models: usual_models(&providers), providers, ..Document::default() };
    document.store = store.unwrap_or_default();
    document.admin.token = lookup(ADMIN_TOKEN).filter(|v| !v.is_empty()).map(|_| env(ADMIN_TOKEN));
    if problems.is_empty() {
        problems = check(&document);
    }
    if !problems.is_empty() {
        return Err(EnvironmentError::Bad(Problems { origin: "environment".to_owned(), all: problems }));
    }
    Ok(FromEnvironment { document, found, notes })
}

/// The store that the variables name: for a start, and for commands, without a file.
///
/// # Errors
/// When the address cannot be right.
pub fn store_from_environment(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<Store>, Problems> {
    let value = |name: &str| lookup(name).filter(|value| !value.is_empty());
    store_of(&value).map_err(|problem| Problems { origin: "environment".to_owned(), all: vec![problem] })
}

fn store_of(value: &dyn Fn(&str) -> Option<String>) -> Result<Option<Store>, Problem> {
    let Some(text) = value(STORE_URL) else { return Ok(None) };
    let url = text
        .parse()
        .map_err(|Refused { message, hint }| Problem::new(Path::root().member(STORE_URL), message, hint))?;
    let password = value(STORE_PASSWORD).map(|_| env(STORE_PASSWORD));
    Ok(Some(Store { url: Some(url), password, ..Store::default() }))
}

const ADMIN_TOKEN: &str = "TALLYGATE_ADMIN_TOKEN";
const STORE_URL: &str = "TALLYGATE_STORE_URL";
const STORE_PASSWORD: &str = "TALLYGATE_STORE_PASSWORD";
const COMPATIBLE_URL: &str = "TALLYGATE_OPENAI_COMPATIBLE_URL";
const COMPATIBLE_KEY: &str = "TALLYGATE_OPENAI_COMPATIBLE_API_KEY";
const BEARER: &str = "AWS_BEARER_TOKEN_BEDROCK";
const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// Variables that nobody sets who does not want the AWS SDKs' own search for credentials.
const CHAIN: [&str; 4] = [
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

struct Search<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    providers: Vec<Provider>,
    found: Vec<Found>,
    notes: Vec<String>,
    problems: Vec<Problem>,
}

impl Search<'_> {
    fn value(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn base_url(&mut self, variable: &'static str) -> Option<BaseUrl> {
        let text = self.value(variable)?;
        text.parse()
            .map_err(|Refused { message, hint }| {
                self.problems.push(Problem::new(Path::root().member(variable), message, hint));
            })
            .ok()
    }

    fn store(&mut self) -> Option<Store> {
        store_of(&|name| self.value(name)).map_err(|problem| self.problems.push(problem)).ok().flatten()
    }

    fn add(&mut self, provider: Provider, variables: Vec<&'static str>) {
        let variables = variables.into_iter().filter(|v| self.has(v)).collect();
        self.found.push(Found { provider: provider.name.clone(), variables });
        self.providers.push(provider);
    }

    fn vendor(&mut self, kind: ProviderKind, key: &'static str, url: &'static str) {
        if !self.has(key) {
            return;
        }
        let Some(mut provider) = blank(kind) else { return };
        provider.api_key = Some(env(key));
        provider.base_url = self.base_url(url).map(|given| with_version(kind, given));
        self.add(provider, vec![key, url]);
    }

    fn bedrock(&mut self) {
        let (bearer, access, secret) = (self.has(BEARER), self.has(ACCESS_KEY), self.has(SECRET_KEY));
        if !bearer && access != secret {
            let (there, absent) = if access { (ACCESS_KEY, SECRET_KEY) } else { (SECRET_KEY, ACCESS_KEY) };
            self.notes.push(format!("{there} is set and {absent} is not: Bedrock is left out"));
            return;
        }
        let chain: Vec<&'static str> = CHAIN.into_iter().filter(|variable| self.has(variable)).collect();
        if !bearer && !access && chain.is_empty() {
            return;
        }
        let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|v| Some((v, self.value(v)?)));
        let Some((region_variable, region)) = region else {
            self.notes.push("AWS credentials are set and AWS_REGION is not: Bedrock is left out".to_owned());
            return;
        };
        let Some(mut provider) = blank(ProviderKind::Bedrock) else { return };
        provider.region = Some(region);
        // As the AWS SDKs do: a Bedrock API key goes before other credentials.
        if bearer {
            provider.api_key = Some(env(BEARER));
            self.add(provider, vec![BEARER, region_variable]);
            return;
        }
        if !access {
            provider.credentials = Some(Credentials::Chain(ChainWord::Chain));
            self.add(provider, [chain, vec![region_variable]].concat());
            return;
        }
        provider.credentials = Some(Credentials::Keys(KeyCredentials {
            access_key_id: env(ACCESS_KEY),
            secret_access_key: env(SECRET_KEY),
            session_token: self.has(SESSION_TOKEN).then(|| env(SESSION_TOKEN)),
        }));
        self.add(provider, vec![ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, region_variable]);
    }

    fn compatible(&mut self) {
        let Some(url) = self.base_url(COMPATIBLE_URL) else { return };
        let Some(mut provider) = blank(ProviderKind::OpenaiCompatible) else { return };
        // Who names a local server in this variable means it, wherever in the local network it is.
        let elsewhere = !url.host().is_loopback();
        provider.egress = Egress { allow_private: elsewhere, allow_http: elsewhere && !url.is_https() };
        provider.base_url = Some(url);
        provider.api_key = self.has(COMPATIBLE_KEY).then(|| env(COMPATIBLE_KEY));
        self.add(provider, vec![COMPATIBLE_URL, COMPATIBLE_KEY]);
    }
}

// The SDKs that read ANTHROPIC_BASE_URL add `/v1`; those that read OPENAI_BASE_URL expect it in the value.
fn with_version(kind: ProviderKind, given: BaseUrl) -> BaseUrl {
    let stripped = (kind == ProviderKind::Anthropic).then(|| given.as_str().strip_suffix("/v1")).flatten();
    stripped.and_then(|text| text.parse().ok()).unwrap_or(given)
}

fn blank(kind: ProviderKind) -> Option<Provider> {
    Some(Provider {
        name: kind.as_str().parse().ok()?,
        kind,
        preset: None,
        region: None,
        base_url: None,
        api_key: None,
        credentials: None,
        assume_role: None,
        fips: false,
        request_metadata: None,
        control_url: None,
        surfaces: Vec::new(),
        mantle_url: None,
        mantle_projects: Vec::new(),
        residency: None,
        inference_profiles: Vec::new(),
        async_output: Vec::new(),
        guardrail: None,
        headers: BTreeMap::new(),
        timeouts: Timeouts::default(),
        egress: Egress::default(),
        probe: None,
        quirks: Quirks::default(),
    })
}
