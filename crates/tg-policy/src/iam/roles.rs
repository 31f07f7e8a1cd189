//! Which team a role belongs to, and what its calls may do.

use super::flaw::Flaw;
use super::principal::AwsPrincipal;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::pattern;
use tg_kernel::principal::Principal;
use tg_store::directory::Directory;
use tg_store::team::{TeamRecord, TeamState};

/// One line of the mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRule {
    /// The ARN of a role or user without its path, or a pattern of such.
    pub arn: String,
    /// The team.
    pub team: Arc<str>,
    /// The project to which calls are bound, if they are.
    pub project: Option<Arc<str>>,
    /// The environment to which calls are booked, if any.
    pub environment: Option<Arc<str>>,
    /// Patterns of models; empty: those of the team.
    pub models: Arc<[String]>,
    /// Networks from which it is accepted; empty: any.
    pub networks: Vec<IpNet>,
}

/// The mapping: the first line that matches counts.
#[derive(Debug, Default)]
pub struct Roles(Vec<RoleRule>);

/// A caller whose role belongs to a team.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its `key_id` is the ARN.
    pub principal: Principal,
    /// The team, with its policy.
    pub team: Arc<TeamRecord>,
}

impl Roles {
    /// The mapping in the order of the configuration.
    #[must_use]
    pub const fn new(rules: Vec<RoleRule>) -> Self {
        Self(rules)
    }

    /// Whether a line matches.
    #[must_use]
    pub fn knows(&self, who: &AwsPrincipal) -> bool {
        self.find(who).is_some()
    }

    fn find(&self, who: &AwsPrincipal) -> Option<&RoleRule> {
        self.0.iter().find(|rule| pattern::matches(&rule.arn, who.arn()))
    }

    /// The member that this is, calling from there, with its team as it is now. Teams of the store come and go while the
    /// configuration stays.
    ///
    /// # Errors
    /// `Class::Forbidden`: `identity_not_mapped`, `network_not_allowed` or `team_not_active`.
    pub fn member(&self, who: &AwsPrincipal, from: IpAddr, directory: &Directory) -> Result<Member, Fault> {
        let arn = who.arn();
        let rule = self.find(who).ok_or_else(|| Flaw::Unmapped(arn.to_string()))?;
        if !rule.networks.is_empty() && !rule.networks.iter().any(|network| network.contains(&from.to_canonical())) {
            let message = "This role is not accepted from this address.";
            return Err(Fault::new(Class::Forbidden, Origin::Caller, "network_not_allowed", message));
        }
        let nothing = |what| Flaw::MappedToNothing { arn: arn.to_string(), what };
        let team = directory.team(&rule.team).ok_or_else(|| nothing("a team"))?;
        if team.state != TeamState::Active {
            let message = "The team of this role is switched off.";
            return Err(Fault::new(Class::Forbidden, Origin::Caller, "team_not_active", message));
        }
        let lacks = |names: &[String], wanted: &Option<Arc<str>>| {
            wanted.as_ref().is_some_and(|wanted| !names.iter().any(|name| **name == **wanted))
        };
        if lacks(&team.policy.projects, &rule.project) {
            return Err(nothing("a project").into());
        }
        if lacks(&team.policy.environments, &rule.environment) {
            return Err(nothing("an environment").into());
        }
        let principal = Principal {
            key_id: Arc::clone(arn),
            team: Arc::clone(&team.name),
            project: rule.project.clone(),
            environment: rule.environment.clone(),
            models: Arc::clone(&rule.models),
        };
        Ok(Member { principal, team })
    }
}
