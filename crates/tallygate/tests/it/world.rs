//! A gateway in this process before simulated providers, with a store of its own, for one test.

use crate::wire::{Answer, Call};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tallygate::gateway::Gateway;
use tallygate::notifier::Notifier;
use tallygate::source::Loaded;
use tallygate::surroundings::Surroundings;
use tempfile::TempDir;
use tg_config::secrets::resolve_secrets;
use tg_kernel::clock::{Clock, SystemClock};
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_kernel::secret::Secret;
use tg_net::tls::TrustedRoots;
use tg_policy::guard::{Guards, Set};
use tg_sim::{DEFAULT_ACCESS_KEY_ID, DEFAULT_KEY, DEFAULT_SECRET_ACCESS_KEY, Entry, Sim, SimOptions};
use tg_store::key::{IssuedKey, NewKey};
use tg_store::ledger::CallFilter;

/// No condition that a test waits for takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

pub(crate) const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// The parts of a configuration that tests change, as YAML.
pub(crate) struct Setup {
    /// Members of `listen` beside address and workers.
    pub(crate) listen: String,
    /// Members of `store` beside the path, each with a comma before it.
    pub(crate) store: String,
    /// Members of `identity`. `STS_URL` and `OIDC_URL` stand for where these are simulated.
    pub(crate) identity: String,
    pub(crate) pricing: String,
    pub(crate) streams: String,
    pub(crate) resilience: String,
    /// Lines of further members, as `routing: …`.
    pub(crate) more: String,
    /// Timeouts of every simulated provider.
    pub(crate) timeouts: String,
    /// More members of the provider `bedrock`, each with a comma before it.
    pub(crate) bedrock: String,
    /// More providers. `BEDROCK_URL`, `MANTLE_URL`, `OPENAI_URL` and `STS_URL` stand for where these are simulated.
    pub(crate) providers: String,
    /// More models.
    pub(crate) models: String,
    pub(crate) teams: String,
    pub(crate) limits: String,
    pub(crate) budgets: String,
    /// Members of `cache`.
    pub(crate) cache: String,
    /// Webhooks for notices of budgets; then they are kept and told.
    pub(crate) webhooks: String,
    /// Services that guardrails ask. `HOOK_URL` stands for the simulated webhook.
    pub(crate) services: String,
    /// Guardrails.
    pub(crate) guards: Vec<Set>,
    /// Members of `recording` beside the folder, `recorded` in that of the test; then calls are recorded.
    pub(crate) recording: Option<&'static str>,
    pub(crate) sim: SimOptions,
    /// Longest silence of a caller within its body.
    pub(crate) body_idle: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            listen: String::new(),
            store: String::new(),
            identity: "{}".to_owned(),
            pricing: "{}".to_owned(),
            streams: "{}".to_owned(),
            resilience: "{}".to_owned(),
            more: String::new(),
            timeouts: "{}".to_owned(),
            bedrock: String::new(),
            providers: String::new(),
            models: String::new(),
            teams: "- { name: red, projects: [alpha, beta], environments: [prod, dev] }\n".to_owned(),
            limits: String::new(),
            budgets: String::new(),
            cache: "{}".to_owned(),
            webhooks: String::new(),
            services: String::new(),
            guards: Vec::new(),
            recording: None,
            sim: SimOptions::default(),
            body_idle: Duration::from_secs(60),
        }
    }
}

/// Secrets of the configurations here, by the names of their variables.
pub(crate) fn secret(name: &str) -> Option<String> {
    match name {
        "SIM_KEY" => Some(DEFAULT_KEY.to_owned()),
        "SIM_ID" => Some(DEFAULT_ACCESS_KEY_ID.to_owned()),
        "SIM_SECRET" => Some(DEFAULT_SECRET_ACCESS_KEY.to_owned()),
        "SECRETS_KEY" => Some("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned()),
        "STORE_PASSWORD" => Some(crate::postgres::PASSWORD.to_owned()),
        "HOOK_SECRET" => Some(tg_sim::HOOK_SECRET.to_owned()),
        "BAD_KEY" => Some("a-key-that-no-provider-knows".to_owned()),
        _ => None,
    }
}

/// Models that every configuration has. `on-bedrock` is [`HAIKU`].
const MODELS: &str = "\
    - { name: on-bedrock, targets: [{ provider: bedrock, model: 'us.anthropic.claude-haiku-4-5-20251001-v1:0' }] }\n\
    - { name: on-nova, targets: [{ provider: bedrock, model: 'amazon.nova-lite-v1:0' }] }\n\
    - { name: on-anthropic, targets: [{ provider: anthropic, model: claude-haiku-4-5 }] }\n\
    - { name: on-openai, targets: [{ provider: openai, model: gpt-5-mini }] }\n\
    - { name: on-local, targets: [{ provider: local, model: local-chat }] }\n\
    - { name: on-dead, targets: [{ provider: dead, model: gpt-5-mini }] }\n\
    - { name: on-locked-anthropic, targets: [{ provider: locked-anthropic, model: claude-haiku-4-5 }] }\n\
    - { name: on-locked-openai, targets: [{ provider: locked-openai, model: gpt-5-mini }] }\n\
    - { name: 'claude-*', targets: [{ provider: anthropic }] }\n\
    - { name: 'gpt-*', targets: [{ provider: openai }] }\n\
    - { name: 'us.*', targets: [{ provider: bedrock }] }\n\
    - { name: 'arn:aws*', targets: [{ provider: bedrock }] }\n\
    ";

/// The whole configuration. `on-X` is served by provider X; `dead` never answers.
pub(crate) fn document(setup: &Setup, sim: &Sim, folder: &std::path::Path) -> String {
    let Setup {
        listen,
        store,
        identity,
        pricing,
        streams,
        resilience,
        timeouts,
        bedrock,
        providers,
        models,
        teams,
        limits,
        ..
    } = setup;
    let or_none = |list: &String| if list.is_empty() { "  []\n".to_owned() } else { list.clone() };
    let (limits, budgets, webhooks) = (or_none(limits), or_none(&setup.budgets), or_none(&setup.webhooks));
    let services = or_none(&setup.services).replace("HOOK_URL", &sim.urls.hook);
    let (urls, folder) = (&sim.urls, folder.display());
    let identity = identity.replace("STS_URL", &urls.sts).replace("OIDC_URL", sim.oidc.issuer());
    let providers = providers.replace("BEDROCK_URL", &urls.bedrock).replace("STS_URL", &urls.sts);
    let providers = providers.replace("MANTLE_URL", &urls.bedrock_mantle).replace("OPENAI_URL", &urls.openai);
    let mut text = format!(
        "listen: {{ address: '127.0.0.1:0', workers: 1{listen} }}\n\
         admin: {{ address: '127.0.0.1:0' }}\n\
         store: {{ path: '{folder}/tallygate.db'{store} }}\n\
         identity: {identity}\n\
         pricing: {pricing}\n\
         streams: {streams}\n\
         resilience: {resilience}\n\
         {}\
         providers:\n\
         - {{ name: bedrock, kind: bedrock, region: us-east-1, base_url: '{}', control_url: '{}', \
           timeouts: {timeouts}, \
           credentials: {{ access_key_id: 'env:SIM_ID', secret_access_key: 'env:SIM_SECRET' }}{bedrock} }}\n",
        setup.more, urls.bedrock, urls.bedrock_control,
    );
    for (name, kind, url, key) in [
        ("anthropic", "anthropic", urls.anthropic.clone(), "SIM_KEY"),
        ("openai", "openai", format!("{}/v1", urls.openai), "SIM_KEY"),
        ("local", "openai_compatible", format!("{}/v1", urls.compatible), "SIM_KEY"),
        ("locked-anthropic", "anthropic", urls.anthropic.clone(), "BAD_KEY"),
        ("locked-openai", "openai", format!("{}/v1", urls.openai), "BAD_KEY"),
        ("dead", "openai", format!("http://{}/v1", nobody()), "SIM_KEY"),
    ] {
        let _ = writeln!(
            text,
            "- {{ name: {name}, kind: {kind}, base_url: '{url}', api_key: 'env:{key}', timeouts: {timeouts} }}"
        );
    }
    let _ = write!(
        text,
        "{providers}models:\n{models}{MODELS}teams:\n{teams}limits:\n{limits}budgets:\n{budgets}guards:\n{services}notify:\n webhooks:\n{webhooks}"
    );
    let _ = writeln!(text, "cache: {}", setup.cache);
    if let Some(more) = setup.recording {
        let _ = writeln!(text, "recording: {{ folder: '{folder}/recorded', {more} }}");
    }
    text
}

/// An address on which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Reads and compiles a configuration.
pub(crate) fn load(text: &str) -> anyhow::Result<Loaded> {
    let document = tg_config::load::from_text("test", text)?;
    let secrets = resolve_secrets(&document, &secret)?;
    Loaded::compile(document, secrets)
}

/// Reloads a gateway, as the process does.
pub(crate) fn put_in_force(gateway: &Gateway, text: &str) {
    let loaded = Arc::new(load(text).unwrap_or_else(|error| panic!("{error:#}\n{text}")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(gateway.reload(&loaded)).unwrap();
}

/// Waits until `look` finds something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "in {DEADLINE:?} it did not come to this: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A running gateway with its providers and its store.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) gateway: Option<Gateway>,
    notifier: Option<Notifier>,
    pub(crate) address: SocketAddr,
    pub(crate) config: String,
    /// A key of team `red`, project `alpha`, environment `prod`, where there is such a team.
    pub(crate) key: Option<IssuedKey>,
    store: std::path::PathBuf,
    clock: Arc<dyn Clock>,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        Self::by(setup, Arc::new(SystemClock::new()))
    }

    /// With a clock of the test's own.
    pub(crate) fn by(setup: Setup, clock: Arc<dyn Clock>) -> Self {
        let folder = TempDir::new().unwrap();
        let sim = Sim::start(setup.sim.clone()).unwrap();
        let config = document(&setup, &sim, folder.path());
        let mut loaded = load(&config).unwrap_or_else(|e| panic!("{e:#}\n{config}"));
        let snapshot = Arc::get_mut(&mut loaded.snapshot).unwrap();
        snapshot.bounds.body_idle = setup.body_idle;
        if !setup.guards.is_empty() {
            snapshot.guards = Arc::new(Guards::compile(&setup.guards, None).unwrap());
        }
        let (gateway, notifier) = run_by(&loaded, &clock);
        let address = gateway.address;
        let store = folder.path().join("tallygate.db");
        let mut world =
            Self { sim, gateway: Some(gateway), notifier, address, config, key: None, store, clock, folder };
        if world.gateway().living.directory.team("red").is_some() {
            let new = NewKey {
                project: Some("alpha".to_owned()),
                environment: Some("prod".to_owned()),
                ..world.new_key("red")
            };
            world.key = Some(world.issue(&new));
        }
        world
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    #[expect(clippy::unused_self, reason = "reads as a phrase where it is used")]
    pub(crate) fn new_key(&self, team: &str) -> NewKey {
        NewKey { team: team.to_owned(), ..NewKey::default() }
    }

    pub(crate) fn issue(&self, new: &NewKey) -> IssuedKey {
        let living = &self.gateway().living;
        living.directory.issue(new, living.clock.now()).unwrap()
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.key.as_ref().unwrap().secret
    }

    /// Sends a call with the usual key.
    pub(crate) fn send(&self, call: &Call) -> Answer {
        self.keyed(call).send(self.address)
    }

    /// The call, with the usual key.
    pub(crate) fn keyed(&self, call: &Call) -> Call {
        call.clone().bearer(self.secret().expose())
    }

    /// All rows now in the ledger, oldest first.
    pub(crate) fn rows(&self) -> Vec<Record> {
        rows(&self.store)
    }

    /// The row of an answered call, as soon as it is there.
    pub(crate) fn row(&self, answer: &Answer) -> Record {
        let shown = answer.header("x-tallygate-request-id");
        let id =
            CallId::parse(shown).unwrap_or_else(|| panic!("'{shown}' is no id: {} {}", answer.status, answer.text()));
        let ledger = self.gateway().store.ledger().unwrap();
        until(&format!("a row of {id}"), || ledger.get(id).unwrap())
    }

    /// What the providers have booked of a call.
    pub(crate) fn entry(&self, record: &Record) -> Entry {
        let id = record.id.to_string();
        until(&format!("the provider's entry of {id}"), || {
            self.sim.books.entries().into_iter().find(|e| e.gateway_request_id.as_deref() == Some(id.as_str()))
        })
    }

    /// Ends the gateway and starts another one on the same store: what was in memory only is gone.
    pub(crate) fn restart(&mut self) {
        self.drain(DEADLINE);
        let loaded = load(&self.config).unwrap();
        let (gateway, notifier) = run_by(&loaded, &self.clock);
        self.notifier = notifier;
        self.address = gateway.address;
        self.gateway = Some(gateway);
    }

    /// Ends the gateway, and answers all rows: after this none can follow.
    pub(crate) fn finish(mut self) -> Vec<Record> {
        self.drain(DEADLINE);
        self.rows()
    }

    pub(crate) fn drain(&mut self, limit: Duration) {
        if let Some(gateway) = self.gateway.take() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _inside = runtime.enter();
            gateway.drain(limit);
        }
        if let Some(notifier) = self.notifier.take() {
            notifier.stop();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.drain(Duration::ZERO);
    }
}

/// A gateway, with a notifier where somebody is to be told.
pub(crate) fn run(loaded: &Loaded) -> (Gateway, Option<Notifier>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    run_by(loaded, &clock)
}

pub(crate) fn run_by(loaded: &Loaded, clock: &Arc<dyn Clock>) -> (Gateway, Option<Notifier>) {
    let surroundings = Surroundings { roots: TrustedRoots::none(), clock: Arc::clone(clock) };
    let told = !loaded.document.notify.webhooks.is_empty();
    let notifier = told.then(|| Notifier::start(loaded, &surroundings.roots).unwrap());
    let sinks = notifier.iter().map(Notifier::sink).collect();
    (Gateway::start(loaded, &surroundings, sinks).unwrap(), notifier)
}

/// All rows of a store's ledger, oldest first.
pub(crate) fn rows(store: &std::path::Path) -> Vec<Record> {
    let ledger = tg_store::Store::open(store).unwrap().ledger().unwrap();
    let mut rows = ledger.calls(&CallFilter::default(), 10_000).unwrap();
    rows.reverse();
    rows
}
