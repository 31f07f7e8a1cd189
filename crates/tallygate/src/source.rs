//! Where the configuration comes from: a file, with a revision in the store where it says so, or what the environment
//! offers.

use crate::compile::{self, Compiled};
use crate::guardrails::coverage;
use crate::revisions::{self, Following, TakenFrom};
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tg_config::document::Document;
use tg_config::environment::{Found, from_environment};
use tg_config::secrets::{Secrets, resolve_secrets};
use tg_config::start::{Declared, StartFile};
use tg_kernel::secret::Secret;
use tg_proxy::snapshot::Snapshot;
use tg_store::seal::SecretsKey;
use tg_store::team::DeclaredTeam;

/// The file that is taken when none is named and it exists.
pub const FILE_DEFAULT: &str = "tallygate.yaml";

/// Where a configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// The environment.
    Environment,
}

impl Source {
    /// The named file; else `tallygate.yaml` in the current folder, if it is there; else the environment.
    #[must_use]
    pub fn choose(named: Option<PathBuf>) -> Self {
        named
            .or_else(|| Some(PathBuf::from(FILE_DEFAULT)).filter(|path| path.is_file()))
            .map_or(Self::Environment, Self::File)
    }

    /// The file, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Environment => None,
        }
    }

    /// What a configuration was read from, for messages.
    pub(crate) fn origin(&self, loaded: &Loaded) -> String {
        let own = self.file().map_or("the environment".to_owned(), |path| path.display().to_string());
        match &loaded.revision {
            Some(taken) => format!("{own} with {}", revisions::name(&taken.head)),
            None => own,
        }
    }

    /// What is declared, without its secrets. Where the file follows revisions, the store is asked for the newest.
    ///
    /// # Errors
    /// Every problem at once; when a store that is to be asked cannot be, or has no revision.
    pub fn document(&self) -> Result<Document> {
        match self.read()? {
            Offered::Whole(offered) => Ok(offered.document),
            Offered::Start(start) => {
                let newest = revisions::newest(&start)?.ok_or_else(|| revisions::none_yet(&start))?;
                revisions::join(&start, &newest)
            }
        }
    }

    /// What the source holds itself.
    ///
    /// # Errors
    /// Every problem at once.
    pub(crate) fn read(&self) -> Result<Offered> {
        let whole = |document, found, notes| Offered::Whole(Box::new(Whole { document, found, notes }));
        Ok(match self {
            Self::File(path) => match tg_config::start::from_file(path)? {
                Declared::Whole(document) => whole(*document, Vec::new(), Vec::new()),
                Declared::Start(start) => Offered::Start(start),
            },
            Self::Environment => {
                let offered = from_environment(&environment)?;
                whole(offered.document, offered.found, offered.notes)
            }
        })
    }

    /// The file, where it follows revisions.
    ///
    /// # Errors
    /// Every problem at once, and when it does not.
    pub(crate) fn start_file(&self) -> Result<Box<StartFile>> {
        match (self.read()?, self.file()) {
            (Offered::Start(start), _) => Ok(start),
            (Offered::Whole(_), Some(path)) => bail!(
                "{}: this file is the whole configuration and follows no revisions; name by --config the file of a \
                 gateway that does (`store: {{ revisions: follow }}`)",
                path.display()
            ),
            (Offered::Whole(_), None) => {
                bail!(
                    "name by --config the file of a gateway that follows revisions (`store: {{ revisions: follow }}`)"
                )
            }
        }
    }

    /// Reads, checks and compiles: all of what a start does before it has any effect. Where the file follows revisions,
    /// the store is asked for the newest.
    ///
    /// # Errors
    /// Every problem at once, as far as one step can see them; when a store that is to be asked cannot be.
    pub fn load(&self) -> Result<Loaded> {
        match self.read()? {
            Offered::Whole(whole) => whole.load(),
            Offered::Start(start) => {
                let newest = revisions::newest(&start)?.ok_or_else(|| revisions::none_yet(&start))?;
                revisions::load(&start, &newest)
            }
        }
    }

    /// As [`Source::load`], for a process that stays: with what follows the revisions, where the file does.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub(crate) fn begin(&self) -> Result<(Loaded, Option<Following>)> {
        match self.read()? {
            Offered::Whole(whole) => Ok((whole.load()?, None)),
            Offered::Start(start) => {
                let (loaded, following) = revisions::begin(&start)?;
                Ok((loaded, Some(following)))
            }
        }
    }

    /// As [`Source::load`], for a process that has begun: asks no store.
    ///
    /// # Errors
    /// Every problem at once, as far as one step can see them; when the file has begun to follow revisions since.
    pub(crate) fn load_again(&self, following: Option<&Following>) -> Result<Loaded> {
        match (self.read()?, following) {
            (Offered::Whole(whole), _) => whole.load(),
            (Offered::Start(start), Some(following)) => following.load(&start),
            (Offered::Start(_), None) => bail!("`store.revisions: follow` takes effect at the next start"),
        }
    }
}

/// What a source holds itself.
pub(crate) enum Offered {
    /// The whole configuration.
    Whole(Box<Whole>),
    /// A part; the rest is in the store.
    Start(Box<StartFile>),
}

/// A whole configuration, and how it was come by.
pub(crate) struct Whole {
    pub(crate) document: Document,
    found: Vec<Found>,
    notes: Vec<String>,
}

impl Whole {
    fn load(self) -> Result<Loaded> {
        let secrets = resolve_secrets(&self.document, &environment)?;
        let compiled = Loaded::compile(self.document, secrets)?;
        let notes = self.notes.into_iter().chain(compiled.notes).collect();
        Ok(Loaded { found: self.found, notes, ..compiled })
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads what `identity.secrets_key` refers to.
///
/// # Errors
/// When it is no such key.
pub(crate) fn read_secrets_key(secret: &Secret) -> Result<SecretsKey> {
    SecretsKey::parse(secret).context("identity.secrets_key")
}

/// A configuration, ready to take effect.
pub struct Loaded {
    /// What was declared.
    pub document: Document,
    /// What it refers to.
    pub secrets: Secrets,
    /// What it compiles to.
    pub snapshot: Arc<Snapshot>,
    /// What the secrets of access keys are encrypted with.
    pub secrets_key: Option<SecretsKey>,
    /// The teams that it declares.
    pub teams: Vec<DeclaredTeam>,
    /// Providers that were found in the environment.
    pub found: Vec<Found>,
    /// What was seen in the environment but cannot be used, and what in the document deserves a second look.
    pub notes: Vec<String>,
    /// What was in the file of `pricing.overrides` when it was compiled.
    pub prices: Option<String>,
    /// The revision that it was taken from, where the file follows them.
    pub revision: Option<TakenFrom>,
}

impl Loaded {
    /// Compiles a document that has been checked.
    ///
    /// # Errors
    /// What only compiling can find: unreadable price overrides, headers that cannot be sent, contradictory teams.
    pub fn compile(document: Document, secrets: Secrets) -> Result<Self> {
        let Compiled { snapshot, notes, prices } = compile::snapshot(&document, &secrets)?;
        coverage::prove(&document, &snapshot.guards, &coverage::declared(&document))
            .map_err(|gaps| anyhow::anyhow!(coverage::told(&gaps)))?;
        let teams = compile::teams(&document);
        for team in &teams {
            team.policy.check().map_err(|problem| anyhow::anyhow!("team '{}': {problem}", team.name))?;
        }
        let secret = document.identity.secrets_key.as_ref().and_then(|reference| secrets.get(reference));
        let secrets_key = secret.map(read_secrets_key).transpose()?;
        let snapshot = Arc::new(snapshot);
        Ok(Self { document, secrets, snapshot, secrets_key, teams, found: Vec::new(), notes, prices, revision: None })
    }
}
