//! Teams: what their policy allows, who owns their definition, and how declared ones are brought in.

use crate::directory::{Change, Contents, DirectoryError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;

/// Longest name of a team, project, environment or tag, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// Where a team's definition lives; only that place may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The configuration file declares it.
    File,
    /// It was made at run time, in the store.
    Store,
}

impl Owner {
    /// The name in stores and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Store => "store",
        }
    }
}

/// Whether a team's keys are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeamState {
    /// Keys work.
    Active,
    /// Someone switched the team off.
    Disabled,
    /// The configuration file declared it once and no longer does: keys are refused, rows and keys are kept.
    Undeclared,
}

impl TeamState {
    /// The name in stores and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Undeclared => "undeclared",
        }
    }
}

/// What happens to a call that names a project which the team does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownProject {
    /// The call is refused.
    #[default]
    Refuse,
    /// The call is booked to the team's default project.
    BookToDefault,
}

/// Which free tags callers may put on a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagPolicy {
    /// Patterns of the names that are allowed (the part before `=`); `*` stands for any run of characters.
    pub allowed: Vec<String>,
    /// Most tags on one call.
    pub count_max: u16,
    /// Where callers may put them.
    pub sources: TagSources,
}

/// Where callers may put tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagSources {
    /// In a header of the call.
    pub header: bool,
    /// In the body: `metadata` or `requestMetadata`.
    pub body: bool,
}

impl Default for TagSources {
    fn default() -> Self {
        Self { header: true, body: true }
    }
}

/// What a team may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TeamPolicy {
    /// The team's projects.
    pub projects: Vec<String>,
    /// The project of calls that name none; one of `projects`.
    pub default_project: Option<String>,
    /// What happens to a call that names another project.
    pub unknown_project: UnknownProject,
    /// The environments to which keys may be bound.
    pub environments: Vec<String>,
    /// The cost centre, for the session tags of AWS roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_centre: Option<Arc<str>>,
    /// Which tags callers may set.
    pub tags: TagPolicy,
    /// Patterns of the models that the team may use; empty means all. A key's own patterns narrow this further.
    pub models: Vec<String>,
}

impl TeamPolicy {
    /// Checks that the policy does not contradict itself.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`], with what to change.
    pub fn check(&self) -> Result<(), DirectoryError> {
        for (what, names) in [("project", &self.projects), ("environment", &self.environments)] {
            for name in names {
                check_name(what, name)?;
            }
        }
        if let Some(cost_centre) = &self.cost_centre {
            check_name("cost centre", cost_centre)?;
        }
        for tag in &self.tags.allowed {
            check_name("tag", tag)?;
            if tag.contains(['=', ',']) {
                return Err(DirectoryError::invalid(format!("tag '{tag}': give the name alone, without '=' or ','")));
            }
        }
        match &self.default_project {
            Some(project) if !self.projects.contains(project) => Err(DirectoryError::invalid(format!(
                "default project '{project}' is not one of the team's projects ({}); add it to them",
                self.projects.join(", ")
            ))),
            None if self.unknown_project == UnknownProject::BookToDefault => Err(DirectoryError::invalid(
                "unknown projects are to be booked to the default project, but none is stated; state a default project"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

/// A team as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamRecord {
    /// Its name, unique.
    pub name: Arc<str>,
    /// Who may change it.
    pub owner: Owner,
    /// Whether its keys are let in.
    pub state: TeamState,
    /// What it may do.
    pub policy: TeamPolicy,
    /// The policy that the store held when the file took the name over; kept so that nothing is lost.
    pub displaced: Option<TeamPolicy>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A team as the configuration file declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredTeam {
    /// Its name.
    pub name: Arc<str>,
    /// What it may do.
    pub policy: TeamPolicy,
}

/// What bringing the declared teams in has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// Teams that are new.
    pub added: Vec<Arc<str>>,
    /// Teams whose policy changed, or that are declared again.
    pub changed: Vec<Arc<str>>,
    /// Teams that the file no longer declares: their keys are refused from now on, nothing is deleted.
    pub undeclared: Vec<Arc<str>>,
    /// Teams that the store owned under a declared name: the file's policy is now in force, the store's is kept in
    /// [`TeamRecord::displaced`].
    pub taken_over: Vec<Arc<str>>,
}

impl SyncReport {
    /// True when the store already agreed with the file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Checks a name that someone chose.
fn check_name(what: &str, name: &str) -> Result<(), DirectoryError> {
    let sound =
        !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.trim() == name && !name.chars().any(char::is_control);
    if sound {
        return Ok(());
    }
    let shown: String = name.chars().take(40).collect();
    Err(DirectoryError::invalid(format!(
        "{what} name {shown:?}: use 1 to {NAME_BYTES_MAX} bytes without control characters or outer spaces"
    )))
}

/// The team of this name, if the store may change it.
fn store_owned<'a>(contents: &'a Contents, name: &str) -> Result<&'a TeamRecord, DirectoryError> {
    let team = contents.team(name)?;
    match team.owner {
        Owner::Store => Ok(team),
        Owner::File => Err(DirectoryError::OwnedByFile { team: team.name.clone() }),
    }
}

/// A new team of the store.
pub(crate) fn create(
    contents: &Contents,
    name: &str,
    policy: TeamPolicy,
    now: Timestamp,
) -> Result<TeamRecord, DirectoryError> {
    check_name("team", name)?;
    policy.check()?;
    match contents.teams.get(name) {
        Some(team) => Err(DirectoryError::TeamExists { team: team.name.clone(), owner: team.owner }),
        None => Ok(TeamRecord {
            name: Arc::from(name),
            owner: Owner::Store,
            state: TeamState::Active,
            policy,
            displaced: None,
            created_at: now,
            updated_at: now,
        }),
    }
}

/// A store-owned team with another policy.
pub(crate) fn with_policy(
    contents: &Contents,
    name: &str,
    policy: TeamPolicy,
    now: Timestamp,
) -> Result<TeamRecord, DirectoryError> {
    policy.check()?;
    let team = store_owned(contents, name)?;
    Ok(TeamRecord { policy, updated_at: now, ..team.clone() })
}

/// A store-owned team, switched on or off.
pub(crate) fn with_state(
    contents: &Contents,
    name: &str,
    state: TeamState,
    now: Timestamp,
) -> Result<TeamRecord, DirectoryError> {
    if state == TeamState::Undeclared {
        return Err(DirectoryError::invalid("only the configuration file can undeclare a team; disable it".to_owned()));
    }
    let team = store_owned(contents, name)?;
    Ok(TeamRecord { state, updated_at: now, ..team.clone() })
}

/// A team that the file no longer declares, now owned by the store.
pub(crate) fn adopted(contents: &Contents, name: &str, now: Timestamp) -> Result<TeamRecord, DirectoryError> {
    let team = contents.team(name)?;
    match (team.owner, team.state) {
        (Owner::File, TeamState::Undeclared) => Ok(TeamRecord {
            owner: Owner::Store,
            state: TeamState::Active,
            displaced: None,
            updated_at: now,
            ..team.clone()
        }),
        (Owner::File, _) => Err(DirectoryError::OwnedByFile { team: team.name.clone() }),
        (Owner::Store, _) => Err(DirectoryError::TeamExists { team: team.name.clone(), owner: Owner::Store }),
    }
}

/// What must change so that the store agrees with the file.
pub(crate) fn sync(
    contents: &Contents,
    declared: &[DeclaredTeam],
    now: Timestamp,
) -> Result<(Vec<Change>, SyncReport), DirectoryError> {
    let mut report = SyncReport::default();
    let mut changes = Vec::new();
    let mut names = BTreeSet::new();
    for team in declared {
        check_name("team", &team.name)?;
        team.policy.check().map_err(|e| DirectoryError::invalid(format!("team '{}': {e}", team.name)))?;
        if !names.insert(team.name.clone()) {
            return Err(DirectoryError::invalid(format!("team '{}' is declared twice; keep one", team.name)));
        }
        changes.extend(sync_one(contents.teams.get(&team.name), team, now, &mut report).map(Change::Team));
    }
    for team in contents.teams.values() {
        let dropped = team.owner == Owner::File && team.state == TeamState::Active && !names.contains(&team.name);
        if dropped {
            report.undeclared.push(team.name.clone());
            changes.push(Change::Team(TeamRecord { state: TeamState::Undeclared, updated_at: now, ..team.clone() }));
        }
    }
    Ok((changes, report))
}

fn sync_one(
    kept: Option<&TeamRecord>,
    declared: &DeclaredTeam,
    now: Timestamp,
    report: &mut SyncReport,
) -> Option<TeamRecord> {
    let name = declared.name.clone();
    let team = TeamRecord {
        name: name.clone(),
        owner: Owner::File,
        state: TeamState::Active,
        policy: declared.policy.clone(),
        displaced: kept.and_then(|k| k.displaced.clone()),
        created_at: kept.map_or(now, |k| k.created_at),
        updated_at: now,
    };
    match kept {
        None => report.added.push(name),
        Some(kept) if kept.owner == Owner::Store => {
            report.taken_over.push(name);
            return Some(TeamRecord { displaced: Some(kept.policy.clone()), ..team });
        }
        Some(kept) if kept.state == TeamState::Active && kept.policy == declared.policy => return None,
        Some(_) => report.changed.push(name),
    }
    Some(team)
}
