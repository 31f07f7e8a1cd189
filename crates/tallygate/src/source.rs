//! Where the configuration comes from: a file, or what the environment offers.

use crate::compile::{self, Compiled};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tg_config::document::Document;
use tg_config::environment::{Found, from_environment};
use tg_config::secrets::{Secrets, resolve_secrets};
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

    /// What is declared, without its secrets.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn document(&self) -> Result<Document> {
        self.read().map(|(document, ..)| document)
    }

    fn read(&self) -> Result<(Document, Vec<Found>, Vec<String>)> {
        Ok(match self {
            Self::File(path) => (tg_config::load::from_file(path)?, Vec::new(), Vec::new()),
            Self::Environment => {
                let offered = from_environment(&environment)?;
                (offered.document, offered.found, offered.notes)
            }
        })
    }

    /// Reads, checks and compiles: all of what a start does before it has any effect.
    ///
    /// # Errors
    /// Every problem at once, as far as one step can see them.
    pub fn load(&self) -> Result<Loaded> {
        let (document, found, notes) = self.read()?;
        let secrets = resolve_secrets(&document, &environment)?;
        let compiled = Loaded::compile(document, secrets)?;
        let notes = notes.into_iter().chain(compiled.notes).collect();
        Ok(Loaded { found, notes, ..compiled })
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
}

impl Loaded {
    /// Compiles a document that has been checked.
    ///
    /// # Errors
    /// What only compiling can find: unreadable price overrides, headers that cannot be sent, contradictory teams.
    pub fn compile(document: Document, secrets: Secrets) -> Result<Self> {
        let Compiled { snapshot, notes } = compile::snapshot(&document, &secrets)?;
        let teams = compile::teams(&document);
        for team in &teams {
            team.policy.check().map_err(|problem| anyhow::anyhow!("team '{}': {problem}", team.name))?;
        }
        let secret = document.identity.secrets_key.as_ref().and_then(|reference| secrets.get(reference));
        let secrets_key = secret.map(read_secrets_key).transpose()?;
        Ok(Self { document, secrets, snapshot: Arc::new(snapshot), secrets_key, teams, found: Vec::new(), notes })
    }
}
