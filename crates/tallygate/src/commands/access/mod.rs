//! Where a command works: on the store itself, or on a running gateway. One set of verbs for both.

mod remote;

use super::terminal::warn;
use crate::source::{Offered, Source, read_secrets_key};
use crate::{compile, place, revisions};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use remote::Remote;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use tg_admin::api::{
    BudgetPage, IssuedKey, Key, KeyPage, NewKey, NewTeam, Policy, Report, ReportRequest, Rotation, RoutingPage,
    RoutingRule, StoreSize, Team, TeamPage,
};
use tg_admin::{Control, Refusal, TeamAction};
use tg_config::document::{Document, Provider, ProviderKind};
use tg_config::environment::store_from_environment;
use tg_config::start::StartFile;
use tg_finops::focus::Committed;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_kernel::commitment::Commitment;
use tg_kernel::secret::Secret;
use tg_policy::route::Routes;
use tg_store::ledger::Ledger;
use tg_store::store::Store;

/// The variable that holds the token of a running gateway's admin interface.
const TOKEN_VARIABLE: &str = "TALLYGATE_ADMIN_TOKEN";

/// Nobody's token is longer; a larger file is another file.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

/// Where to work.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where to work")]
pub(super) struct AccessArgs {
    /// Work on the store that this configuration file names [default: tallygate.yaml if it exists, else the
    /// database of TALLYGATE_STORE_URL, else tallygate.db]
    #[arg(long, short, value_name = "FILE", env = "TALLYGATE_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Work on this store: a file, or a database as in postgres://tallygate@db.example.com/tallygate. Its password is
    /// read from the variable TALLYGATE_STORE_PASSWORD, if it is set
    #[arg(long, value_name = "FILE|URL", global = true)]
    store: Option<String>,
    /// Work on a running gateway, by its admin interface, as in http://127.0.0.1:8081. Its token is read from the
    /// variable TALLYGATE_ADMIN_TOKEN
    #[arg(long, value_name = "URL", global = true)]
    admin: Option<String>,
    /// Read the token from this file
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
}

/// What a command may do where there is no store yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingStore {
    /// Say so: a mistyped path should not become an empty store.
    Refuse,
    /// Make one.
    Create,
}

/// A way to teams, keys and the ledger.
pub(super) enum Access {
    /// The store itself.
    Store(Control),
    /// A running gateway.
    Gateway(Box<Remote>),
}

impl AccessArgs {
    /// Opens the store or sets up the way to the gateway; does not call it yet.
    pub(super) fn open(&self, missing: MissingStore) -> Result<Access> {
        match (&self.admin, &self.store) {
            (Some(_), Some(_)) => bail!("--admin and --store name two places to work on; keep one"),
            (Some(admin), None) => Ok(Access::Gateway(Box::new(Remote::new(admin, self.token()?)?))),
            (None, _) if self.token_file.is_some() => bail!("--token-file is for a running gateway; add --admin URL"),
            (None, _) => open_store(&self.named()?, missing),
        }
    }

    /// As [`Self::open`], for teams and keys, which are in the store whatever the configuration says: where the newest revision
    /// cannot be used on this machine, its file alone is enough.
    pub(super) fn open_directory(&self, missing: MissingStore) -> Result<Access> {
        if self.admin.is_some() || self.token_file.is_some() || (self.store.is_some() && self.config.is_none()) {
            return self.open(missing);
        }
        let Source::File(path) = Source::choose(self.config.clone()) else { return self.open(missing) };
        let Offered::Start(start) = Source::File(path).read()? else { return self.open(missing) };
        let mut document = joined_or_alone(&start)?;
        if let Some(named) = &self.store {
            place::name_another(&mut document.store, named)?;
        }
        open_store(&document, missing)
    }

    /// What is spent of budgets: as a running gateway says, else by the store's ledger and the budgets of the configuration.
    pub(super) fn budgets(&self) -> Result<BudgetPage> {
        if let Access::Gateway(remote) = self.open(MissingStore::Refuse)? {
            return remote.get(&["budgets"], "");
        }
        let mut document = self.configured()?;
        if let Some(named) = &self.store {
            place::name_another(&mut document.store, named)?;
        }
        let (store, _) = place::open_at_a_terminal(&document)?;
        Ok(crate::budgets::spent(&document, &store.ledger()?, SystemClock::new().now())?)
    }

    /// What is known of rules by tasks: as a running gateway says, else by the store's ledger and the configuration.
    pub(super) fn routing(&self) -> Result<RoutingPage> {
        if let Access::Gateway(remote) = self.open(MissingStore::Refuse)? {
            return remote.get(&["routing"], "");
        }
        let (store, routes) = self.store_and_routes()?;
        Ok(crate::quality::of_store(&store, &routes, SystemClock::new().now())?)
    }

    /// Switches a rule on that has switched itself off, by its name or that of its route.
    pub(super) fn switch_on(&self, rule: &str) -> Result<RoutingRule> {
        if let Access::Gateway(remote) = self.open(MissingStore::Refuse)? {
            return remote.post(&["routing", rule, "on"], &());
        }
        let (store, routes) = self.store_and_routes()?;
        Ok(crate::quality::switch_on_in_store(&store, &routes, rule).map_err(Refusal::from)?)
    }

    /// The store, and the routes of the configuration.
    fn store_and_routes(&self) -> Result<(Store, Routes)> {
        let mut document = self.configured()?;
        if let Some(named) = &self.store {
            place::name_another(&mut document.store, named)?;
        }
        let (store, _) = place::open_at_a_terminal(&document)?;
        let routes = crate::routes::compile(&document)?;
        Ok((store, routes))
    }

    /// Opens the ledger of the store itself: for what reads more of it than travels.
    pub(super) fn ledger(&self, missing: MissingStore) -> Result<Ledger> {
        if self.admin.is_some() {
            bail!("--admin: this command reads the ledger itself; name its store by --config or --store");
        }
        let document = self.named()?;
        refuse_missing(&document, missing)?;
        let (store, _) = place::open_at_a_terminal(&document)?;
        Ok(store.ledger()?)
    }

    /// Whether it is a running gateway that is asked.
    pub(super) const fn is_remote(&self) -> bool {
        self.admin.is_some()
    }

    /// Where the configuration is, whatever store is named beside it.
    pub(super) fn source(&self) -> Source {
        Source::choose(self.config.clone())
    }

    /// What the configuration declares, whatever store is named beside it.
    pub(super) fn document(&self) -> Result<Document> {
        Source::choose(self.config.clone()).document()
    }

    /// The providers of kind `bedrock` in the configuration; none where a store is named without one.
    pub(super) fn bedrock_providers(&self) -> Result<BTreeSet<String>> {
        if self.store.is_some() && self.config.is_none() {
            return Ok(BTreeSet::new());
        }
        let of_bedrock = |provider: &Provider| provider.kind == ProviderKind::Bedrock;
        let document = self.configured()?;
        Ok(document.providers.iter().filter(|p| of_bedrock(p)).map(|p| p.name.to_string()).collect())
    }

    /// What is committed to by the configuration, and who sells it; nothing where a store is named without one.
    pub(super) fn committed(&self) -> Result<Vec<Committed>> {
        let document = self.named()?;
        let vendor = |commitment: &Commitment| {
            let is_own = |provider: &&Provider| provider.name.as_str() == &*commitment.provider;
            document.providers.iter().find(is_own).map(compile::vendor).unwrap_or(&commitment.provider).to_owned()
        };
        let all = document.pricing.committed().into_iter();
        Ok(all.map(|commitment| Committed { vendor: vendor(&commitment), commitment }).collect())
    }

    /// The configuration, with the store that is named in the place of its own. Without a configuration that is named, too,
    /// a store stands for itself.
    fn named(&self) -> Result<Document> {
        let Some(named) = &self.store else { return self.configured() };
        let mut document = if self.config.is_none() { Document::default() } else { self.configured()? };
        place::name_another(&mut document.store, named)?;
        Ok(document)
    }

    fn configured(&self) -> Result<Document> {
        match Source::choose(self.config.clone()) {
            source @ Source::File(_) => match source.read()? {
                Offered::Whole(whole) => Ok(whole.document),
                Offered::Start(start) => joined(&start),
            },
            Source::Environment => {
                let store = store_from_environment(&environment)?.unwrap_or_default();
                Ok(Document { store, ..Document::default() })
            }
        }
    }

    fn token(&self) -> Result<Option<Secret>> {
        let Some(path) = &self.token_file else {
            return Ok(std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()).map(Secret::new));
        };
        let shown = path.display();
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(TOKEN_BYTES_MAX).read_to_string(&mut text))
            .with_context(|| format!("--token-file: cannot read {shown}"))?;
        let token = text.trim();
        if token.is_empty() {
            bail!("--token-file: {shown} is empty; write the token there, in one line");
        }
        Ok(Some(Secret::new(token)))
    }
}

/// A start file with the newest revision; by itself where there is none yet, as teams and keys can be made before.
fn joined(start: &StartFile) -> Result<Document> {
    match revisions::newest(start)? {
        Some(newest) => revisions::join(start, &newest),
        None => Ok(start.document().clone()),
    }
}

/// As [`joined`]; where it is the revision that is wrong, or does not go with the file, the file by itself.
fn joined_or_alone(start: &StartFile) -> Result<Document> {
    let Some(newest) = revisions::newest(start)? else { return Ok(start.document().clone()) };
    Ok(revisions::join(start, &newest).unwrap_or_else(|why| {
        warn(format_args!("the newest revision is left out, as it cannot be used here: {why:#}"));
        start.document().clone()
    }))
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn refuse_missing(document: &Document, missing: MissingStore) -> Result<()> {
    let declared = &document.store;
    if missing == MissingStore::Refuse && declared.url.is_none() && !declared.path().exists() {
        bail!(
            "there is no store at {}; start the gateway once, or name the place by --store, --config or --admin",
            declared.path().display()
        );
    }
    Ok(())
}

fn open_store(document: &Document, missing: MissingStore) -> Result<Access> {
    refuse_missing(document, missing)?;
    let (store, secrets_key) = place::open_at_a_terminal(document)?;
    let secrets_key = secrets_key.as_ref().map(read_secrets_key).transpose()?;
    let (directory, ledger) = (Arc::new(store.directory_with(secrets_key)?), Arc::new(store.ledger()?));
    let committed = document.pricing.committed();
    let control = Control::new(directory, ledger, Arc::new(SystemClock::new()));
    Ok(Access::Store(control.with_commitments(Arc::new(move || committed.clone()))))
}

impl Access {
    pub(super) fn teams(&self) -> Result<TeamPage> {
        match self {
            Self::Store(control) => Ok(control.teams()),
            Self::Gateway(remote) => remote.get(&["teams"], ""),
        }
    }

    pub(super) fn team(&self, name: &str) -> Result<Team> {
        match self {
            Self::Store(control) => Ok(control.team(name)?),
            Self::Gateway(remote) => remote.get(&["teams", name], ""),
        }
    }

    pub(super) fn create_team(&self, new: &NewTeam) -> Result<Team> {
        match self {
            Self::Store(control) => Ok(control.create_team(new)?),
            Self::Gateway(remote) => remote.post(&["teams"], new),
        }
    }

    pub(super) fn set_policy(&self, name: &str, policy: &Policy) -> Result<Team> {
        match self {
            Self::Store(control) => Ok(control.set_policy(name, policy)?),
            Self::Gateway(remote) => remote.put(&["teams", name], policy),
        }
    }

    pub(super) fn act_on_team(&self, name: &str, action: TeamAction) -> Result<Team> {
        match self {
            Self::Store(control) => Ok(control.act_on_team(name, action)?),
            Self::Gateway(remote) => remote.post(&["teams", name, action.as_str()], &()),
        }
    }

    pub(super) fn keys(&self, team: Option<&str>) -> Result<KeyPage> {
        match self {
            Self::Store(control) => Ok(control.keys(team)),
            Self::Gateway(remote) => {
                let query = team.map_or_else(String::new, |team| format!("team={}", remote::encoded(team)));
                remote.get(&["keys"], &query)
            }
        }
    }

    pub(super) fn key(&self, id: &str) -> Result<Key> {
        match self {
            Self::Store(control) => Ok(control.key(id)?),
            Self::Gateway(remote) => remote.get(&["keys", id], ""),
        }
    }

    pub(super) fn create_key(&self, new: &NewKey) -> Result<IssuedKey> {
        match self {
            Self::Store(control) => Ok(control.create_key(new)?),
            Self::Gateway(remote) => remote.post(&["keys"], new),
        }
    }

    pub(super) fn rotate_key(&self, id: &str, rotation: &Rotation) -> Result<IssuedKey> {
        match self {
            Self::Store(control) => Ok(control.rotate_key(id, rotation)?),
            Self::Gateway(remote) => remote.post(&["keys", id, "rotate"], rotation),
        }
    }

    pub(super) fn revoke_key(&self, id: &str) -> Result<Key> {
        match self {
            Self::Store(control) => Ok(control.revoke_key(id)?),
            Self::Gateway(remote) => remote.post(&["keys", id, "revoke"], &()),
        }
    }

    pub(super) fn store(&self) -> Result<StoreSize> {
        match self {
            Self::Store(control) => Ok(control.store()?),
            Self::Gateway(remote) => remote.get(&["store"], ""),
        }
    }

    pub(super) fn report(&self, request: &ReportRequest) -> Result<Report> {
        match self {
            Self::Store(control) => Ok(control.report(request)?),
            Self::Gateway(remote) => remote.get(&["report"], &request.to_query()),
        }
    }
}
