//! What can be done to teams and keys, and what can be asked of the ledger: the same verbs for every way in.

use crate::api::{
    Call, CallPage, Calls, FixedCharge, IssuedKey, Key, KeyPage, NewKey, NewTeam, Policy, Report, ReportRequest,
    Rotation, Savings, SavingsRequest, StoreSize, Team, TeamPage,
};
use crate::refusal::Refusal;
use http::StatusCode;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tg_kernel::clock::Clock;
use tg_kernel::commitment::Commitment;
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_store::{Directory, Ledger, TeamState};

/// The stores and the verbs on them. Every verb may block for as long as the store works.
pub struct Control {
    directory: Arc<Directory>,
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    commitments: Commitments,
}

/// The commitments of the configuration in force.
pub type Commitments = Arc<dyn Fn() -> Vec<Commitment> + Send + Sync>;

/// What can be done to a team as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamAction {
    /// Refuse its keys from now on.
    Disable,
    /// Accept its keys again.
    Enable,
    /// Make a team that the configuration file no longer declares the store's own, and active.
    Adopt,
}

impl TeamAction {
    /// The name in paths and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Adopt => "adopt",
        }
    }
}

impl Control {
    /// Works on these stores.
    #[must_use]
    pub fn new(directory: Arc<Directory>, ledger: Arc<Ledger>, clock: Arc<dyn Clock>) -> Self {
        Self { directory, ledger, clock, commitments: Arc::new(Vec::new) }
    }

    /// The same, with commitments, whose charges reports name.
    #[must_use]
    pub fn with_commitments(self, commitments: Commitments) -> Self {
        Self { commitments, ..self }
    }

    /// The directory as it is now: another process may have changed it just before. A store that cannot be read leaves
    /// it as it was last seen, which is also what decides on calls.
    fn current(&self) -> &Directory {
        if let Err(error) = self.directory.refresh_if_changed() {
            tracing::warn!(%error, "the directory cannot be read; teams and keys are shown as they were last seen");
        }
        &self.directory
    }

    /// Every team.
    #[must_use]
    pub fn teams(&self) -> TeamPage {
        TeamPage { teams: self.current().teams().iter().map(|record| Team::from(&**record)).collect() }
    }

    /// One team.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn team(&self, name: &str) -> Result<Team, Refusal> {
        let missing = || tg_store::DirectoryError::NoSuchTeam { team: name.to_owned() };
        Ok(Team::from(&*self.current().team(name).ok_or_else(missing)?))
    }

    /// Makes a team that the store owns.
    ///
    /// # Errors
    /// When the name is taken, or something is not well formed or contradicts itself.
    pub fn create_team(&self, new: &NewTeam) -> Result<Team, Refusal> {
        let NewTeam { name, policy } = checked(new)?;
        Ok(Team::from(&self.directory.create_team(&name, policy.into(), self.clock.now())?))
    }

    /// Gives a store-owned team another policy.
    ///
    /// # Errors
    /// When the team is missing or owned by the file, or something is not well formed or contradicts itself.
    pub fn set_policy(&self, name: &str, policy: &Policy) -> Result<Team, Refusal> {
        let policy = checked(policy)?;
        Ok(Team::from(&self.directory.set_team_policy(name, policy.into(), self.clock.now())?))
    }

    /// Does this to a team.
    ///
    /// # Errors
    /// When the team is missing, or not in a state or an ownership that allows it.
    pub fn act_on_team(&self, name: &str, action: TeamAction) -> Result<Team, Refusal> {
        let now = self.clock.now();
        let record = match action {
            TeamAction::Disable => self.directory.set_team_state(name, TeamState::Disabled, now)?,
            TeamAction::Enable => self.directory.set_team_state(name, TeamState::Active, now)?,
            TeamAction::Adopt => self.directory.adopt_team(name, now)?,
        };
        Ok(Team::from(&record))
    }

    /// Every key, or those of one team.
    #[must_use]
    pub fn keys(&self, team: Option<&str>) -> KeyPage {
        let now = self.clock.now();
        let of_team = |key: &tg_store::KeyRecord| team.is_none_or(|team| &*key.team == team);
        let keys = self.current().keys();
        KeyPage { keys: keys.iter().filter(|key| of_team(key)).map(|key| Key::at(key, now)).collect() }
    }

    /// One key.
    ///
    /// # Errors
    /// When there is none with this id.
    pub fn key(&self, id: &str) -> Result<Key, Refusal> {
        let missing = || tg_store::DirectoryError::NoSuchKey { id: id.to_owned() };
        Ok(Key::at(&self.current().key(id).ok_or_else(missing)?, self.clock.now()))
    }

    /// Issues a key. The answer is the only place where it can be read.
    ///
    /// # Errors
    /// When the team, project or environment does not exist, or something is not well formed.
    pub fn create_key(&self, new: &NewKey) -> Result<IssuedKey, Refusal> {
        let now = self.clock.now();
        let new = checked(new)?.resolve(now).map_err(Refusal::invalid)?;
        let issued = self.directory.issue(&new, now)?;
        Ok(IssuedKey { key: Key::at(&issued.record, now), secret: issued.secret })
    }

    /// Issues a successor; the old key goes on working for the overlap.
    ///
    /// # Errors
    /// When the key is missing or at its end, or the overlap is not well formed.
    pub fn rotate_key(&self, id: &str, rotation: &Rotation) -> Result<IssuedKey, Refusal> {
        let now = self.clock.now();
        let overlap = rotation.resolve().map_err(Refusal::invalid)?;
        let issued = self.directory.rotate(id, overlap, now)?;
        Ok(IssuedKey { key: Key::at(&issued.record, now), secret: issued.secret })
    }

    /// Revokes a key, for good.
    ///
    /// # Errors
    /// When the key is missing.
    pub fn revoke_key(&self, id: &str) -> Result<Key, Refusal> {
        let now = self.clock.now();
        Ok(Key::at(&self.directory.revoke(id, now)?, now))
    }

    /// Sums calls.
    ///
    /// # Errors
    /// When the request is not sound, or the store fails.
    pub fn report(&self, request: &ReportRequest) -> Result<Report, Refusal> {
        let query = request.resolve(self.clock.now()).map_err(Refusal::invalid)?;
        let report = Report::of(&query, &self.ledger.report(&query)?);
        let fixed_charges = FixedCharge::of(&query, &(self.commitments)(), self.clock.now());
        Ok(Report { fixed_charges, ..report })
    }

    /// Sums what was saved.
    ///
    /// # Errors
    /// When the request is not sound, or wants rows that retention has deleted, or the store fails.
    pub fn savings(&self, wanted: &SavingsRequest) -> Result<Savings, Refusal> {
        let (since, until) = wanted.resolve(self.clock.now()).map_err(Refusal::invalid)?;
        let kept = self.ledger.rows_since()?;
        if let Some((since, kept)) = since.zip(kept).filter(|(since, kept)| since < kept) {
            return Err(Refusal::invalid(vec![format!(
                "since: {since}: retention has deleted the rows from before {kept}, and this is made of rows; name a later time, as \
                 in since={kept} (`GET /admin/v1/report` has sums of what was deleted)"
            )]));
        }
        Ok(Savings { rows_since: kept.map(Into::into), ..self.ledger.saved(since, until)?.into() })
    }

    /// How much the store holds.
    ///
    /// # Errors
    /// When the store fails.
    pub fn store(&self) -> Result<StoreSize, Refusal> {
        Ok(self.ledger.size()?.into())
    }

    /// Lists calls.
    ///
    /// # Errors
    /// When the request is not sound, or the store fails.
    pub fn calls(&self, wanted: &Calls) -> Result<CallPage, Refusal> {
        let filter = wanted.resolve(self.clock.now()).map_err(Refusal::invalid)?;
        let records = self.ledger.calls(&filter, wanted.limit)?;
        let next = records.last().filter(|_| records.len() == wanted.limit).map(|record| record.id.to_string());
        Ok(CallPage { calls: self.corrected(&records)?, next })
    }

    /// Calls as they travel, with their corrections.
    fn corrected(&self, records: &[Record]) -> Result<Vec<Call>, Refusal> {
        let ids: Vec<CallId> = records.iter().map(|record| record.id).collect();
        let mut made = self.ledger.corrections(&ids)?.into_iter().peekable();
        let calls = records.iter().map(|record| {
            let mut call = Call::from(record);
            while let Some(correction) = made.next_if(|correction| correction.call == record.id) {
                call.corrections.push((&correction).into());
            }
            call
        });
        Ok(calls.collect())
    }

    /// One call, by its request id.
    ///
    /// # Errors
    /// When there is none with this id, or the store fails.
    pub fn call(&self, id: &str) -> Result<Call, Refusal> {
        let found = match CallId::parse(id) {
            Some(id) => self.ledger.get(id)?,
            None => None,
        };
        let found = self.corrected(found.as_slice())?.pop();
        found.ok_or_else(|| {
            let message = "there is no call with this request id; a call is here once it has ended";
            Refusal::new(StatusCode::NOT_FOUND, "call_not_found", message)
        })
    }
}

/// Holds a value against the schema of its type, as if it had travelled: names and patterns have a grammar.
fn checked<T: serde::Serialize + DeserializeOwned + JsonSchema>(value: &T) -> Result<T, Refusal> {
    let unwritable =
        |error: serde_json::Error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error.to_string());
    let text = serde_json::to_vec(value).map_err(unwritable)?;
    Ok(tg_config::request::from_json("the request", &text)?)
}
