//! The seam to teams and keys: answers from memory on every call, writes through to a backend, notices other writers.
//!
//! A backend keeps rows and nothing else: it loads all of them, applies an edit in one transaction, and tells when
//! another process has changed them. What an edit means is decided here, in `team` and in `key`, once for all backends.

use crate::backends::DirectoryTables;
use crate::error::StoreError;
use crate::key::{self, IssuedKey, KeyDigest, KeyRecord, NewKey, Proof, StoredKey};
use crate::seal::SecretsKey;
use crate::team::{self, DeclaredTeam, Owner, SyncReport, TeamPolicy, TeamRecord, TeamState};
use arc_swap::ArcSwap;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::principal::Principal;
use tg_kernel::secret::Secret;

/// Why an edit of the directory was refused.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No team has this name.
    #[error("there is no team '{team}'; create it, or list the teams to see their names")]
    NoSuchTeam {
        /// The name that was given.
        team: String,
    },
    /// The name is taken.
    #[error("team '{team}' exists already and is owned by the {}; choose another name or edit that one", owner.as_str())]
    TeamExists {
        /// The team.
        team: Arc<str>,
        /// Who owns it.
        owner: Owner,
    },
    /// The configuration file owns the team.
    #[error("team '{team}' is declared in the configuration file; change it there and reload")]
    OwnedByFile {
        /// The team.
        team: Arc<str>,
    },
    /// The team is switched off.
    #[error("team '{team}' is {}; {}", state.as_str(), remedy(*state))]
    TeamNotActive {
        /// The team.
        team: Arc<str>,
        /// In which way it is off.
        state: TeamState,
    },
    /// A project or environment that the team does not have.
    #[error("team '{team}' has no {what} '{name}' (it has: {known}); add it to the team's policy first")]
    NotOfTeam {
        /// `project` or `environment`.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// The team.
        team: Arc<str>,
        /// The names that it has.
        known: String,
    },
    /// No key has this id.
    #[error("there is no key with the id '{id}'; list the keys to see their ids")]
    NoSuchKey {
        /// The id that was given.
        id: String,
    },
    /// The key is revoked or expired.
    #[error("key '{id}' is revoked or expired and cannot be rotated; issue a new one")]
    KeyEnded {
        /// The key's public id.
        id: Arc<str>,
    },
    /// What was given contradicts itself or is out of range.
    #[error("{0}")]
    Invalid(String),
    /// An access key was asked for, and there is nothing to encrypt its secret with.
    #[error(
        "no key is configured to encrypt the secrets of access keys; set identity.secrets_key in the configuration, \
         and let this command work on it (--config) or on the gateway (--admin)"
    )]
    NoSecretsKey,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes, so no key can be made: {0}")]
    NoRandomness(String),
}

impl DirectoryError {
    pub(crate) const fn invalid(message: String) -> Self {
        Self::Invalid(message)
    }
}

fn remedy(state: TeamState) -> &'static str {
    match state {
        TeamState::Active => "nothing is needed",
        TeamState::Disabled => "enable it first",
        TeamState::Undeclared => "declare it in the configuration file again, or adopt it into the store",
    }
}

/// Why a presented key was not accepted. The messages are safe for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyRefusal {
    /// No key was presented.
    #[error("no API key was sent")]
    Missing,
    /// Nobody has this key.
    #[error("this API key is not known here")]
    Unknown,
    /// The key's time is over.
    #[error("this API key has expired")]
    Expired,
    /// The key was revoked.
    #[error("this API key was revoked")]
    Revoked,
    /// The key's team is switched off.
    #[error("the team of this API key is switched off")]
    TeamNotActive,
    /// The key is limited to other source networks.
    #[error("this API key is not accepted from this address")]
    NetworkNotAllowed,
    /// The access key's secret was encrypted under another key than the one configured.
    #[error("the gateway cannot read the secret of this access key")]
    Unreadable,
}

/// What a key opens: made once when the directory is read, shared by every call that presents it.
#[derive(Debug)]
pub struct Grant {
    /// The caller, as the rest of the gateway knows it. `models` are the key's own patterns, else the team's; where
    /// both exist a model must match the team's (`team.policy.models`) as well.
    pub principal: Principal,
    /// The key.
    pub key: KeyRecord,
    /// The team, with its policy.
    pub team: Arc<TeamRecord>,
    opening: Opening,
}

/// What shows that a caller has the key.
#[derive(Debug)]
enum Opening {
    /// The digest of the key that is presented.
    Digest(KeyDigest),
    /// The secret with which requests are signed; `None` where it cannot be decrypted.
    Signature(Option<Secret>),
}

impl Grant {
    fn new(key: &StoredKey, team: &Arc<TeamRecord>, sealing: Option<&SecretsKey>) -> Self {
        let record = key.record.clone();
        let models = if record.models.is_empty() { team.policy.models.clone().into() } else { record.models.clone() };
        let principal = Principal {
            key_id: record.id.clone(),
            team: team.name.clone(),
            project: record.project.clone(),
            environment: record.environment.clone(),
            models,
        };
        let opening = match &key.proof {
            Proof::Digest(digest) => Opening::Digest(*digest),
            Proof::Sealed(sealed) => Opening::Signature(sealing.and_then(|with| with.open(&record.id, sealed))),
        };
        Self { principal, key: record, team: team.clone(), opening }
    }

    /// The secret with which an access key's holder signs; `None` for other keys, and where it cannot be decrypted.
    #[must_use]
    pub const fn signing_secret(&self) -> Option<&Secret> {
        match &self.opening {
            Opening::Signature(secret) => secret.as_ref(),
            Opening::Digest(_) => None,
        }
    }

    /// Whether the key is in force for a caller who has shown that he has it.
    ///
    /// # Errors
    /// Why it is not.
    pub fn admits(&self, from: IpAddr, now: Timestamp) -> Result<(), KeyRefusal> {
        if self.key.revoked_at.is_some() {
            return Err(KeyRefusal::Revoked);
        }
        if self.key.expires_at.is_some_and(|at| at <= now) {
            return Err(KeyRefusal::Expired);
        }
        if self.team.state != TeamState::Active {
            return Err(KeyRefusal::TeamNotActive);
        }
        if !self.key.accepts(from) {
            return Err(KeyRefusal::NetworkNotAllowed);
        }
        Ok(())
    }
}

/// Everything in the directory, as a backend loads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) teams: BTreeMap<Arc<str>, TeamRecord>,
    pub(crate) keys: BTreeMap<Arc<str>, StoredKey>,
}

impl Contents {
    pub(crate) fn team(&self, name: &str) -> Result<&TeamRecord, DirectoryError> {
        self.teams.get(name).ok_or_else(|| DirectoryError::NoSuchTeam { team: name.to_owned() })
    }

    pub(crate) fn key(&self, id: &str) -> Result<&StoredKey, DirectoryError> {
        self.keys.get(id).ok_or_else(|| DirectoryError::NoSuchKey { id: id.to_owned() })
    }

    fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Team(team) => drop(self.teams.insert(team.name.clone(), team.clone())),
                Change::Key(key) => drop(self.keys.insert(key.record.id.clone(), key.clone())),
            }
        }
    }
}

/// One row to insert or to replace. Nothing is ever deleted: ledger rows refer to teams and keys.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Team(TeamRecord),
    Key(StoredKey),
}

/// What every call looks at.
#[derive(Debug, Default)]
struct Index {
    teams: BTreeMap<Arc<str>, Arc<TeamRecord>>,
    keys: HashMap<Arc<str>, Arc<Grant>>,
}

impl Index {
    fn of(contents: &Contents, sealing: Option<&SecretsKey>) -> Self {
        let teams: BTreeMap<_, _> = contents.teams.iter().map(|(n, t)| (n.clone(), Arc::new(t.clone()))).collect();
        let keys = contents
            .keys
            .values()
            .filter_map(|key| {
                let grant = Grant::new(key, teams.get(&key.record.team)?, sealing);
                Some((key.record.id.clone(), Arc::new(grant)))
            })
            .collect();
        Self { teams, keys }
    }
}

/// Teams and keys. Reads never touch the backend; edits are in force when the method returns.
#[derive(Debug)]
pub struct Directory {
    index: ArcSwap<Index>,
    tables: Mutex<DirectoryTables>,
    /// What the secrets of access keys are encrypted with.
    sealing: Option<SecretsKey>,
}

impl Directory {
    pub(crate) fn new(mut tables: DirectoryTables, sealing: Option<SecretsKey>) -> Result<Self, StoreError> {
        let index = Index::of(&tables.load()?, sealing.as_ref());
        Ok(Self { index: ArcSwap::from_pointee(index), tables: Mutex::new(tables), sealing })
    }

    /// Who presents this key from this address. No I/O and no allocation.
    ///
    /// # Errors
    /// Why it is not accepted. What is told apart from [`KeyRefusal::Unknown`] is told only to who has the whole key.
    pub fn find(&self, presented: &str, from: IpAddr, now: Timestamp) -> Result<Arc<Grant>, KeyRefusal> {
        if presented.is_empty() {
            return Err(KeyRefusal::Missing);
        }
        let id = key::public_id(presented).ok_or(KeyRefusal::Unknown)?;
        let index = self.index.load();
        let grant = index.keys.get(id).ok_or(KeyRefusal::Unknown)?;
        let Opening::Digest(digest) = &grant.opening else { return Err(KeyRefusal::Unknown) };
        if !digest.matches(&KeyDigest::of(presented)) {
            return Err(KeyRefusal::Unknown);
        }
        grant.admits(from, now)?;
        Ok(Arc::clone(grant))
    }

    /// The access key with this id, for a caller who has yet to show that he has its secret. Whether it is in force is
    /// for [`Grant::admits`], once he has. No I/O and no allocation.
    ///
    /// # Errors
    /// [`KeyRefusal::Unknown`], or [`KeyRefusal::Unreadable`].
    pub fn signer(&self, access_key_id: &str) -> Result<Arc<Grant>, KeyRefusal> {
        let index = self.index.load();
        let grant = index.keys.get(access_key_id).ok_or(KeyRefusal::Unknown)?;
        match &grant.opening {
            Opening::Signature(Some(_)) => Ok(Arc::clone(grant)),
            Opening::Signature(None) => Err(KeyRefusal::Unreadable),
            Opening::Digest(_) => Err(KeyRefusal::Unknown),
        }
    }

    /// The key of a grant as it is by now. No I/O and no allocation.
    ///
    /// # Errors
    /// [`KeyRefusal::Unknown`] when it is gone.
    pub fn current(&self, grant: &Grant) -> Result<Arc<Grant>, KeyRefusal> {
        self.index.load().keys.get(&grant.key.id).cloned().ok_or(KeyRefusal::Unknown)
    }

    /// The ids of the access keys whose secrets cannot be decrypted: another secrets key encrypted them, or none is
    /// configured.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Arc<str>> {
        let index = self.index.load();
        let lost = index.keys.values().filter(|grant| matches!(grant.opening, Opening::Signature(None)));
        let mut ids: Vec<_> = lost.filter(|grant| grant.key.revoked_at.is_none()).map(|g| g.key.id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// Every team, by name.
    #[must_use]
    pub fn teams(&self) -> Vec<Arc<TeamRecord>> {
        self.index.load().teams.values().cloned().collect()
    }

    /// The team of this name.
    #[must_use]
    pub fn team(&self, name: &str) -> Option<Arc<TeamRecord>> {
        self.index.load().teams.get(name).cloned()
    }

    /// Every key, oldest first; ended ones too.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyRecord> {
        let mut keys: Vec<_> = self.index.load().keys.values().map(|grant| grant.key.clone()).collect();
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        keys
    }

    /// The key with this public id.
    #[must_use]
    pub fn key(&self, id: &str) -> Option<KeyRecord> {
        self.index.load().keys.get(id).map(|grant| grant.key.clone())
    }

    /// Reads the directory again if another process has changed it; true if it had. Cheap when nothing changed: call
    /// it every quarter of a second from a thread that may block.
    ///
    /// # Errors
    /// When the store cannot be read; what was read before stays in force.
    pub fn refresh_if_changed(&self) -> Result<bool, StoreError> {
        self.refresh(self.tables())
    }

    /// As [`Directory::refresh_if_changed`], but `None` while this process reads or edits the directory elsewhere, which
    /// puts in force what others have changed as well: however long that waits for the store, this does not.
    pub fn refresh_unless_busy(&self) -> Option<Result<bool, StoreError>> {
        let tables = match self.tables.try_lock() {
            Ok(tables) => tables,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(self.refresh(tables))
    }

    fn refresh(&self, mut tables: MutexGuard<'_, DirectoryTables>) -> Result<bool, StoreError> {
        if !tables.changed()? {
            return Ok(false);
        }
        let contents = tables.load()?;
        self.index.store(Arc::new(Index::of(&contents, self.sealing.as_ref())));
        Ok(true)
    }

    /// Makes the store agree with the teams that the configuration file declares.
    ///
    /// # Errors
    /// When a declaration is not sound (nothing is changed then), or the store fails.
    pub fn sync_declared(&self, declared: &[DeclaredTeam], now: Timestamp) -> Result<SyncReport, DirectoryError> {
        self.edit(|contents| team::sync(contents, declared, now))
    }

    /// Makes a team that the store owns.
    ///
    /// # Errors
    /// When the name is taken or not sound, or the policy contradicts itself.
    pub fn create_team(&self, name: &str, policy: TeamPolicy, now: Timestamp) -> Result<TeamRecord, DirectoryError> {
        self.edit_team(|contents| team::create(contents, name, policy, now))
    }

    /// Gives a store-owned team another policy.
    ///
    /// # Errors
    /// When the team is missing, owned by the file, or the policy contradicts itself.
    pub fn set_team_policy(
        &self,
        name: &str,
        policy: TeamPolicy,
        now: Timestamp,
    ) -> Result<TeamRecord, DirectoryError> {
        self.edit_team(|contents| team::with_policy(contents, name, policy, now))
    }

    /// Switches a store-owned team on ([`TeamState::Active`]) or off ([`TeamState::Disabled`]).
    ///
    /// # Errors
    /// When the team is missing or owned by the file.
    pub fn set_team_state(&self, name: &str, state: TeamState, now: Timestamp) -> Result<TeamRecord, DirectoryError> {
        self.edit_team(|contents| team::with_state(contents, name, state, now))
    }

    /// Makes a team that the configuration file no longer declares the store's own, and active again.
    ///
    /// # Errors
    /// When the team is missing, still declared, or the store's own already.
    pub fn adopt_team(&self, name: &str, now: Timestamp) -> Result<TeamRecord, DirectoryError> {
        self.edit_team(|contents| team::adopted(contents, name, now))
    }

    /// Issues a key. The answer is the only place where the key can be read.
    ///
    /// # Errors
    /// When the team, project or environment does not exist, or the binding is not sound; for an access key also when
    /// there is nothing to encrypt its secret with.
    pub fn issue(&self, new: &NewKey, now: Timestamp) -> Result<IssuedKey, DirectoryError> {
        self.edit(|contents| {
            let (key, secret) = key::issue(contents, new, self.sealing.as_ref(), now)?;
            let record = key.record.clone();
            Ok((vec![Change::Key(key)], IssuedKey { record, secret }))
        })
    }

    /// Issues a successor with the same binding and length of life; the old key expires after `overlap`.
    ///
    /// # Errors
    /// When the key is missing, revoked or expired.
    pub fn rotate(&self, id: &str, overlap: Duration, now: Timestamp) -> Result<IssuedKey, DirectoryError> {
        self.edit(|contents| {
            let (old, successor, secret) = key::rotate(contents, id, overlap, self.sealing.as_ref(), now)?;
            let record = successor.record.clone();
            Ok((vec![Change::Key(old), Change::Key(successor)], IssuedKey { record, secret }))
        })
    }

    /// Revokes a key, for good. Revoking it again changes nothing.
    ///
    /// # Errors
    /// When the key is missing.
    pub fn revoke(&self, id: &str, now: Timestamp) -> Result<KeyRecord, DirectoryError> {
        self.edit(|contents| {
            let key = key::revoke(contents, id, now)?;
            let record = key.record.clone();
            Ok((vec![Change::Key(key)], record))
        })
    }

    fn edit_team(
        &self,
        decide: impl FnOnce(&Contents) -> Result<TeamRecord, DirectoryError>,
    ) -> Result<TeamRecord, DirectoryError> {
        self.edit(|contents| {
            let team = decide(contents)?;
            Ok((vec![Change::Team(team.clone())], team))
        })
    }

    /// Decides on what the backend holds now (another process may have changed it), writes, and puts it in force.
    fn edit<T>(
        &self,
        decide: impl FnOnce(&Contents) -> Result<(Vec<Change>, T), DirectoryError>,
    ) -> Result<T, DirectoryError> {
        // Held until the index is published: else an older edit could be published after a newer one, and a revoked key
        // would come back to life.
        let mut tables = self.tables();
        let (contents, value) = tables.edit(|contents| {
            let (changes, value) = decide(contents)?;
            contents.apply(&changes);
            Ok((changes, value))
        })?;
        self.index.store(Arc::new(Index::of(&contents, self.sealing.as_ref())));
        drop(tables);
        Ok(value)
    }

    fn tables(&self) -> MutexGuard<'_, DirectoryTables> {
        // Edits are transactions: a panic in between has left nothing half done.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
