//! `tallygate teams`

use super::access::{AccessArgs, MissingStore};
use super::table::{Listing, or_dash, pretty};
use super::terminal::say;
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde::de::DeserializeOwned;
use std::str::FromStr;
use tg_admin::TeamAction;
use tg_admin::api::{NewTeam, Policy, Tags, Team};
use tg_config::document::{TagSource, UnknownProject};
use tg_config::grammar::{Name, Pattern, Refused};

/// Teams own keys, and calls are booked to them. Teams that the configuration file declares are changed there.
#[derive(Debug, Args)]
pub(crate) struct Teams {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the teams
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Show one team
    Show {
        /// The team
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Make a team; makes the store too, where there is none
    Create {
        /// Its name: 1 to 64 of the characters a-z, 0-9, `_` and `-`
        #[arg(value_parser = text_of::<Name>)]
        name: String,
        #[command(flatten)]
        policy: PolicyArgs,
        #[command(flatten)]
        output: Output,
    },
    /// Change what a team may do: each option replaces that part, the others stay
    Set {
        /// The team
        name: String,
        #[command(flatten)]
        policy: PolicyArgs,
        /// Give a part its default again; may be repeated
        #[arg(long, value_name = "PART")]
        clear: Vec<Part>,
        #[command(flatten)]
        output: Output,
    },
    /// Refuse the team's keys from now on
    Disable(Whom),
    /// Accept the keys of a disabled team again
    Enable(Whom),
    /// Take over a team that the configuration file no longer declares
    Adopt(Whom),
}

#[derive(Debug, Args)]
struct Whom {
    /// The team
    name: String,
    #[command(flatten)]
    output: Output,
}

/// How to show the outcome.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Output {
    /// Print JSON, as the admin interface answers it
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
struct PolicyArgs {
    /// A project of the team; may be repeated
    #[arg(long = "project", value_name = "NAME", value_parser = text_of::<Name>)]
    projects: Vec<String>,
    /// An environment to which keys may be bound; may be repeated
    #[arg(long = "environment", value_name = "NAME", value_parser = text_of::<Name>)]
    environments: Vec<String>,
    /// The team's cost centre, for the session tags of AWS roles
    #[arg(long, value_name = "TEXT")]
    cost_centre: Option<String>,
    /// A model that the team may use, or a pattern as in `claude-*`; may be repeated [default: all]
    #[arg(long = "model", value_name = "PATTERN", value_parser = text_of::<Pattern>)]
    models: Vec<String>,
    /// The project of calls that name none
    #[arg(long, value_name = "NAME", value_parser = text_of::<Name>)]
    default_project: Option<String>,
    /// What to do with a call that names another project: `refuse` or `book_to_default` [default: refuse]
    #[arg(long, value_name = "WHAT", value_parser = word::<UnknownProject>)]
    unknown_project: Option<UnknownProject>,
    /// A key of tags that is booked, or a pattern; may be repeated [default: *]
    #[arg(long = "tag", value_name = "PATTERN", value_parser = text_of::<Pattern>)]
    tags: Vec<String>,
    /// How many tags of one call are booked, at most 50 [default: 10]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(..=50))]
    tags_max: Option<u16>,
    /// Where tags are read: `header` or `body`; may be repeated [default: both]
    #[arg(long = "tag-source", value_name = "WHERE", value_parser = word::<TagSource>)]
    tag_sources: Vec<TagSource>,
}

/// A part of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Projects,
    Environments,
    CostCentre,
    Models,
    DefaultProject,
    UnknownProject,
    Tags,
}

/// A text that is in this grammar.
pub(super) fn text_of<T: FromStr<Err = Refused>>(text: &str) -> Result<String, String> {
    text.parse::<T>().map(|_| text.to_owned()).map_err(|refused| refused.to_string())
}

/// One of the words of a closed list.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

impl PolicyArgs {
    /// The policy with what was given in the place of what was there.
    fn onto(self, mut policy: Policy) -> Policy {
        fn replace<T>(part: &mut Vec<T>, given: Vec<T>) {
            if !given.is_empty() {
                *part = given;
            }
        }
        replace(&mut policy.projects, self.projects);
        replace(&mut policy.environments, self.environments);
        policy.cost_centre = self.cost_centre.or(policy.cost_centre);
        if !self.models.is_empty() {
            policy.models = Some(self.models);
        }
        policy.default_project = self.default_project.or(policy.default_project);
        policy.unknown_project = self.unknown_project.unwrap_or(policy.unknown_project);
        replace(&mut policy.tags.allow, self.tags);
        policy.tags.max = self.tags_max.unwrap_or(policy.tags.max);
        replace(&mut policy.tags.sources, self.tag_sources);
        policy
    }
}

fn clear(policy: &mut Policy, part: Part) {
    let fresh = Policy::default();
    match part {
        Part::Projects => policy.projects = fresh.projects,
        Part::Environments => policy.environments = fresh.environments,
        Part::CostCentre => policy.cost_centre = fresh.cost_centre,
        Part::Models => policy.models = fresh.models,
        Part::DefaultProject => policy.default_project = fresh.default_project,
        Part::UnknownProject => policy.unknown_project = fresh.unknown_project,
        Part::Tags => policy.tags = Tags::default(),
    }
}

impl Teams {
    pub(super) fn run(self) -> Result<()> {
        let access = |missing| self.access.open_directory(missing);
        match self.verb {
            Verb::List { output } => {
                let page = access(MissingStore::Refuse)?.teams()?;
                if output.json { say(pretty(&page)?) } else { say(list(&page.teams)) }
            }
            Verb::Show { name, output } => show(&access(MissingStore::Refuse)?.team(&name)?, output),
            Verb::Create { name, policy, output } => {
                let new = NewTeam { name, policy: policy.onto(Policy::default()) };
                show(&access(MissingStore::Create)?.create_team(&new)?, output)
            }
            Verb::Set { name, policy, clear: cleared, output } => {
                let access = access(MissingStore::Refuse)?;
                let mut base = access.team(&name)?.policy;
                cleared.into_iter().for_each(|part| clear(&mut base, part));
                show(&access.set_policy(&name, &policy.onto(base))?, output)
            }
            Verb::Disable(whom) => act(&access(MissingStore::Refuse)?, &whom, TeamAction::Disable),
            Verb::Enable(whom) => act(&access(MissingStore::Refuse)?, &whom, TeamAction::Enable),
            Verb::Adopt(whom) => act(&access(MissingStore::Refuse)?, &whom, TeamAction::Adopt),
        }
    }
}

fn act(access: &super::access::Access, whom: &Whom, action: TeamAction) -> Result<()> {
    show(&access.act_on_team(&whom.name, action)?, whom.output)
}

fn list(teams: &[Team]) -> String {
    if teams.is_empty() {
        return "there are no teams; make one by `tallygate teams create NAME`".to_owned();
    }
    let mut listing = Listing::new(&["team", "owner", "state", "projects", "environments", "models"]);
    for team in teams {
        listing.row([
            team.name.clone(),
            team.owner.as_str().to_owned(),
            team.state.as_str().to_owned(),
            or_dash(&team.policy.projects.join(", ")),
            or_dash(&team.policy.environments.join(", ")),
            models(&team.policy),
        ]);
    }
    listing.finish()
}

fn models(policy: &Policy) -> String {
    match policy.models.as_deref() {
        None => "all".to_owned(),
        Some([]) => "none".to_owned(),
        Some(some) => some.join(", "),
    }
}

fn show(team: &Team, output: Output) -> Result<()> {
    if output.json { say(pretty(team)?) } else { say(sheet(team)) }
}

fn sheet(team: &Team) -> String {
    let policy = &team.policy;
    let sources: Vec<&str> = policy
        .tags
        .sources
        .iter()
        .map(|source| match source {
            TagSource::Header => "header",
            TagSource::Body => "body",
        })
        .collect();
    let unknown = match policy.unknown_project {
        UnknownProject::Refuse => "refuse",
        UnknownProject::BookToDefault => "book_to_default",
    };
    let tags = match (policy.tags.max, policy.tags.allow.as_slice()) {
        (0, _) | (_, []) => "none".to_owned(),
        (max, allow) => format!("{} (at most {max} per call, from {})", allow.join(", "), sources.join(" and ")),
    };
    let mut listing = Listing::sheet();
    listing.row(["team".to_owned(), team.name.clone()]);
    listing.row(["owner".to_owned(), team.owner.as_str().to_owned()]);
    listing.row(["state".to_owned(), team.state.as_str().to_owned()]);
    listing.row(["projects".to_owned(), or_dash(&policy.projects.join(", "))]);
    listing.row(["default project".to_owned(), or_dash(policy.default_project.as_deref().unwrap_or_default())]);
    listing.row(["unknown project".to_owned(), unknown.to_owned()]);
    listing.row(["environments".to_owned(), or_dash(&policy.environments.join(", "))]);
    listing.row(["cost centre".to_owned(), or_dash(policy.cost_centre.as_deref().unwrap_or_default())]);
    listing.row(["models".to_owned(), models(policy)]);
    listing.row(["tags".to_owned(), tags]);
    listing.row(["created".to_owned(), team.created_at.to_string()]);
    listing.row(["changed".to_owned(), team.updated_at.to_string()]);
    listing.finish()
}

#[cfg(test)]
mod tests;
