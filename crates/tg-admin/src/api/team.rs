//! Teams as they travel: the policy has the members of a team in the configuration file.

use super::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tg_config::document::{self, TagSource, UnknownProject};
use tg_config::grammar::{Name, Pattern};
use tg_store::team::{self as store, Owner, TagPolicy, TagSources, TeamPolicy, TeamRecord, TeamState};

/// What a team may do. The members are those of a team in the configuration file; what is absent has the value that
/// the file's reference states, whatever `identity` of a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The team's projects. A call may name one of them.
    #[schemars(with = "Vec<Name>", length(max = 4096))]
    pub projects: Vec<String>,
    /// The environments to which keys of the team may be bound.
    #[schemars(with = "Vec<Name>", length(max = 64))]
    pub environments: Vec<String>,
    /// The cost centre, for the session tags of AWS roles.
    #[schemars(length(min = 1, max = 128))]
    pub cost_centre: Option<String>,
    /// Models that the team may use, by the names that callers write. Absent: all; `[]`: none.
    #[schemars(with = "Option<Vec<Pattern>>")]
    pub models: Option<Vec<String>>,
    /// The project of calls that name none; one of `projects`. Absent: such calls are booked to the team alone.
    #[schemars(with = "Option<Name>")]
    pub default_project: Option<String>,
    /// What to do with a call that names another project.
    pub unknown_project: UnknownProject,
    /// Which tags of callers are booked.
    pub tags: Tags,
}

impl Policy {
    /// The policy of a team that a configuration file declares, with what it inherits.
    #[must_use]
    pub fn declared(team: &document::Team, inherited: &document::Identity) -> Self {
        let default_project = team.default_project.as_ref().or(inherited.default_project.as_ref());
        let default_project = default_project.map(|name| name.as_str().to_owned());
        let mut projects = texts(&team.projects, Name::as_str);
        projects.extend(default_project.clone().filter(|name| !projects.contains(name)));
        Self {
            projects,
            environments: texts(&team.environments, Name::as_str),
            cost_centre: team.cost_centre.clone(),
            models: team.models.as_ref().map(|models| texts(models, Pattern::as_str)),
            default_project,
            unknown_project: team.unknown_project.unwrap_or(inherited.unknown_project),
            tags: Tags::from(team.tags.as_ref().unwrap_or(&inherited.tags)),
        }
    }
}

fn texts<T>(list: &[T], text: impl Fn(&T) -> &str) -> Vec<String> {
    list.iter().map(|each| text(each).to_owned()).collect()
}

/// Which tags of callers are booked. Others are left out of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tags {
    /// Keys of tags that are booked: names, or patterns with `*` first, last or both. `["*"]`: all. `[]`: none.
    #[schemars(with = "Vec<Pattern>", length(max = 256))]
    pub allow: Vec<String>,
    /// How many tags of one call are booked. At most 50.
    #[schemars(range(max = 50))]
    pub max: u16,
    /// Where tags are read.
    pub sources: Vec<TagSource>,
}

impl Default for Tags {
    fn default() -> Self {
        Self::from(&document::Tags::default())
    }
}

impl From<&document::Tags> for Tags {
    fn from(tags: &document::Tags) -> Self {
        Self { allow: texts(&tags.allow, Pattern::as_str), max: tags.max.into(), sources: tags.sources.clone() }
    }
}

/// A team to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTeam {
    /// Its name; unique.
    #[schemars(with = "Name")]
    pub name: String,
    /// What it may do.
    #[serde(default)]
    pub policy: Policy,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// Who may change it: the configuration file (`file`), or whoever works on the store (`store`).
    #[schemars(with = "String", extend("enum" = ["file", "store"]))]
    pub owner: Owner,
    /// Whether its keys work: `active`; `disabled`, by someone; `undeclared`, as the file no longer has it.
    #[schemars(with = "String", extend("enum" = ["active", "disabled", "undeclared"]))]
    pub state: TeamState,
    /// What it may do.
    pub policy: Policy,
    /// The policy that the store held when the file took the name over.
    pub displaced: Option<Policy>,
    /// When it was first seen.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// Every team.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TeamPage {
    /// By name.
    pub teams: Vec<Team>,
}

impl From<&TeamRecord> for Team {
    fn from(record: &TeamRecord) -> Self {
        Self {
            name: record.name.to_string(),
            owner: record.owner,
            state: record.state,
            policy: Policy::from(&record.policy),
            displaced: record.displaced.as_ref().map(Policy::from),
            created_at: record.created_at.into(),
            updated_at: record.updated_at.into(),
        }
    }
}

impl From<&TeamPolicy> for Policy {
    fn from(policy: &TeamPolicy) -> Self {
        let sources = policy.tags.sources;
        let sources = [(sources.header, TagSource::Header), (sources.body, TagSource::Body)];
        Self {
            projects: policy.projects.clone(),
            environments: policy.environments.clone(),
            cost_centre: policy.cost_centre.as_deref().map(str::to_owned),
            models: match policy.models.as_slice() {
                [] => None,
                [none] if none.is_empty() => Some(Vec::new()),
                some => Some(some.to_vec()),
            },
            default_project: policy.default_project.clone(),
            unknown_project: match policy.unknown_project {
                store::UnknownProject::Refuse => UnknownProject::Refuse,
                store::UnknownProject::BookToDefault => UnknownProject::BookToDefault,
            },
            tags: Tags {
                allow: policy.tags.allowed.clone(),
                max: policy.tags.count_max,
                sources: sources.into_iter().filter_map(|(on, source)| on.then_some(source)).collect(),
            },
        }
    }
}

impl From<Policy> for TeamPolicy {
    fn from(policy: Policy) -> Self {
        Self {
            projects: policy.projects,
            environments: policy.environments,
            cost_centre: policy.cost_centre.map(Arc::from),
            // The store's empty list allows every model; the empty pattern matches no model's name.
            models: match policy.models {
                None => Vec::new(),
                Some(none) if none.is_empty() => vec![String::new()],
                Some(some) => some,
            },
            default_project: policy.default_project,
            unknown_project: match policy.unknown_project {
                UnknownProject::Refuse => store::UnknownProject::Refuse,
                UnknownProject::BookToDefault => store::UnknownProject::BookToDefault,
            },
            tags: TagPolicy {
                allowed: policy.tags.allow,
                count_max: policy.tags.max,
                sources: TagSources {
                    header: policy.tags.sources.contains(&TagSource::Header),
                    body: policy.tags.sources.contains(&TagSource::Body),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Policy, Tags};
    use tg_config::document::{TagSource, UnknownProject};
    use tg_store::team::TeamPolicy;

    #[test]
    fn a_policy_comes_back_from_the_store_as_it_went_in() {
        let full = Policy {
            projects: vec!["a".to_owned()],
            environments: vec!["prod".to_owned()],
            cost_centre: Some("CC 7".to_owned()),
            models: Some(vec!["claude-*".to_owned()]),
            default_project: Some("a".to_owned()),
            unknown_project: UnknownProject::BookToDefault,
            tags: Tags { allow: vec!["x".to_owned()], max: 3, sources: vec![TagSource::Body] },
        };
        let no_models = Policy { models: Some(Vec::new()), ..Policy::default() };
        for policy in [Policy::default(), full, no_models] {
            assert_eq!(Policy::from(&TeamPolicy::from(policy.clone())), policy);
        }
    }
}
