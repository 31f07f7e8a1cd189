//! On whose account a request is explained: a key of the store, with what it may and what it is bound to; or a team as the
//! configuration declares it, as if by a key that may all that the team may.

use super::super::access::{AccessArgs, MissingStore};
use super::super::terminal::warn;
use crate::source::Loaded;
use anyhow::{Result, bail};
use clap::Args;
use std::sync::Arc;
use tg_admin::api::KeyState;
use tg_kernel::principal::Principal;
use tg_store::team::TeamPolicy;

/// Who calls.
#[derive(Debug, Args)]
pub(super) struct CallerArgs {
    /// The key that calls, by its id: with its models, project and environment, and its team as the store has it
    #[arg(long, value_name = "ID", conflicts_with_all = ["team", "project", "environment"])]
    key: Option<String>,
    /// The team that calls, as the configuration declares it, by a key that may all that the team may
    #[arg(long, required_unless_present = "key")]
    team: Option<String>,
    /// The project to which the key is bound
    #[arg(long)]
    project: Option<String>,
    /// The environment to which the key is bound
    #[arg(long)]
    environment: Option<String>,
}

/// A caller, and what its team may.
pub(super) struct Caller {
    pub(super) principal: Principal,
    pub(super) policy: TeamPolicy,
}

impl CallerArgs {
    pub(super) fn find(&self, access: &AccessArgs, loaded: &Loaded) -> Result<Caller> {
        match &self.key {
            Some(id) => by_key(id, access),
            None => self.by_team(loaded),
        }
    }

    fn by_team(&self, loaded: &Loaded) -> Result<Caller> {
        let name = self.team.as_deref().unwrap_or_default();
        let declared = loaded.teams.iter().find(|team| *team.name == *name);
        let Some(policy) = declared.map(|team| team.policy.clone()) else {
            let names: Vec<&str> = loaded.teams.iter().map(|team| &*team.name).collect();
            bail!(
                "the configuration declares no team '{name}'; there are: {}. One of the store alone is found by --key",
                names.join(", ")
            );
        };
        let principal = Principal {
            key_id: "explain".into(),
            team: name.into(),
            project: self.project.as_deref().map(Arc::from),
            environment: self.environment.as_deref().map(Arc::from),
            models: Arc::new([]),
        };
        Ok(Caller { principal, policy })
    }
}

/// A key that is not let in is explained as if it were: what it would be told says nothing of routes.
fn by_key(id: &str, access: &AccessArgs) -> Result<Caller> {
    let place = access.open(MissingStore::Refuse)?;
    let key = place.key(id)?;
    if key.state != KeyState::Active {
        warn(format_args!("the key is {}: it is not let in", key.state.as_str()));
    }
    let policy = TeamPolicy::from(place.team(&key.team)?.policy);
    let principal = Principal {
        key_id: key.id.into(),
        team: key.team.into(),
        project: key.project.map(Arc::from),
        environment: key.environment.map(Arc::from),
        models: key.models.into(),
    };
    Ok(Caller { principal, policy })
}
