//! Where a call may go: the model that the caller names, to a list of targets; and in which order (`strategy`).

pub mod compare;
pub mod hedge;
mod keepers;
mod learned;
pub mod nested;
mod prefixes;
pub mod quality;
pub mod residency;
mod sessions;
pub mod steps;
mod strategy;
mod task;

pub use keepers::Keepers;
pub use prefixes::{CacheRules, SeenPrefixes};
pub use sessions::Sessions;
pub use steps::TaskRouting;
pub use strategy::{Candidate, Strategy, mixed, order};
pub use task::{Task, task};

use crate::health::SlowSettings;
use hedge::Hedge;
use nested::Entry;
use residency::Residency;
use std::collections::HashMap;
use std::sync::Arc;
use steps::Mode;
use tg_expr::Condition;
use tg_kernel::calendar::Zone;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::pattern;
use tg_kernel::principal::Principal;
use tg_kernel::target::Target;
use tg_kernel::units::Money;
use tg_store::team::TeamPolicy;

/// Longest model name that is looked up, in bytes: a Bedrock ARN's limit.
const MODEL_BYTES_MAX: usize = 2048;

/// One rule: the names it serves, and how.
#[derive(Clone, Debug)]
pub struct Rule {
    /// A model name, or a pattern with `*`.
    pub name: String,
    /// Where such calls go, best first: those of routes among them in the place of these.
    pub targets: Vec<RuleTarget>,
    /// In which order they are tried.
    pub strategy: Strategy,
    /// How they stand together, where routes are among them; empty where each stands for itself.
    pub entries: Vec<Entry>,
    /// What to do with a call that no target is able to serve.
    pub on_unable: OnUnable,
    /// What to do when a target's dialect cannot express all of a call.
    pub on_loss: OnLoss,
    /// What to do when the catalogue has no price for a target.
    pub unknown_price: UnknownPrice,
    /// Who gets copies of its calls.
    pub mirror: Option<Mirror>,
    /// Second tries beside slow first ones.
    pub hedge: Option<Arc<Hedge>>,
    /// When one of its targets is tried last that answers late; `None`: never.
    pub slow: Option<SlowSettings>,
    /// Which of its calls are for cheaper models.
    pub tasks: Option<Arc<TaskRouting>>,
}

impl Rule {
    /// Whether its own order is such a one, or that of a route among its targets.
    pub fn has_order(&self, is: fn(Strategy) -> bool) -> bool {
        is(self.strategy) || self.entries.iter().any(|entry| entry.has_order(is))
    }
}

/// Another model that gets copies of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The model.
    pub target: Target,
    /// Of the calls that ended well, how many, in millionths.
    pub millionths: u32,
}

/// One target of a rule.
#[derive(Clone, Debug)]
pub struct RuleTarget {
    /// The provider's name.
    pub provider: Arc<str>,
    /// The model's id there; `None` for the name that the caller used.
    pub model: Option<Arc<str>>,
    /// Its share among the others of its route, where they are drawn by weight.
    pub weight: u32,
    /// For which calls it is: those of which all of these hold.
    pub when: Vec<Arc<Condition>>,
    /// The route that has it, where that is one among the rule's targets.
    pub through: Option<Arc<str>>,
}

impl RuleTarget {
    /// A target for all calls.
    #[must_use]
    pub fn new(provider: Arc<str>, model: Option<Arc<str>>) -> Self {
        Self { provider, model, weight: 1, when: Vec::new(), through: None }
    }
}

/// What to do with a call that asks for what none of a route's targets is known to be able to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnable {
    /// Try them all the same, after those that are: not all may be known that they can do.
    #[default]
    Last,
    /// Refuse it where it is sure to fail, saying what they lack.
    Refuse,
}

/// What to do when a target's dialect cannot express all of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// Send what can be expressed, and report the rest in a header and the ledger.
    #[default]
    Report,
    /// Refuse the call, naming the members.
    Reject,
}

/// What to do when the catalogue has no price for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownPrice {
    /// Refuse the call.
    Deny,
    /// Let it pass at the stated ceiling.
    Ceiling,
    /// Let it pass at no known cost, flagged in ledger and report.
    AllowAndFlag,
}

/// Where one call goes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The candidates, best first; never empty.
    pub targets: Vec<Target>,
    /// The rule that they are of, each of its targets in its place: what is not decided yet.
    pub rule: Arc<Rule>,
    /// What to do about losses.
    pub on_loss: OnLoss,
    /// What to do about unknown prices.
    pub unknown_price: UnknownPrice,
    /// What the rule for its task made of the call; `None` where there is no such rule, or no step for it.
    pub routed: Option<Arc<Routed>>,
    /// Whether a guardrail sent the call to these targets: it goes to one of them or nowhere, and is not copied or kept.
    pub is_bound: bool,
}

/// What a rule by tasks made of one call.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The rule.
    pub rule: Arc<TaskRouting>,
    /// What is done for the call's team.
    pub mode: Mode,
    /// What the call asks for.
    pub task: Task,
    /// The cheaper model; `None` where no step is for the call, or none is able to serve it.
    pub to: Option<Target>,
    /// Where it goes without the rule.
    pub from: Target,
    /// What it is likely to cost where it goes without the rule, and there; `None`: not known.
    pub prices: (Option<Money>, Option<Money>),
    /// Why it does not go there in any mode; `None`: it does, or would.
    pub stays: Option<Stays>,
    /// Whether a step is for it; else only its team may use nothing stronger.
    pub fits: bool,
}

impl Routed {
    /// Whether the call goes to the cheaper model.
    #[must_use]
    pub fn is_moved(&self) -> bool {
        self.mode == Mode::Enforce && self.stays.is_none() && self.to.is_some()
    }

    /// What the rule saves, or would; nothing where that is not known.
    #[must_use]
    pub fn saving(&self) -> Option<Money> {
        let (here, there) = self.prices;
        Some(here?.minus(there?)).filter(|_| self.stays.is_none())
    }
}

/// Why a call stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// It is for the route's own targets.
    NoStep,
    /// No step that is for it can do what it asks.
    Unable,
    /// Its caller wants it so.
    OptedOut,
    /// The rule has switched itself off.
    SwitchedOff,
    /// It goes on with a conversation whose prompt cache is worth more than the move saves.
    WarmCache,
    /// The other model is no cheaper for it.
    Dearer,
}

impl Stays {
    /// The name in the ledger and in explanations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoStep => "no_step",
            Self::Unable => "unable",
            Self::OptedOut => "opted_out",
            Self::SwitchedOff => "switched_off",
            Self::WarmCache => "warm_cache",
            Self::Dearer => "dearer",
        }
    }
}

/// The rules, ready for look-ups: exact names first, then patterns in their order.
#[derive(Debug, Default)]
pub struct Routes {
    exact: HashMap<String, Arc<Rule>>,
    patterns: Vec<Arc<Rule>>,
    by_task: HashMap<Arc<str>, Arc<TaskRouting>>,
    residency: Residency,
    zone: Zone,
    is_paced: bool,
    follows_sessions: bool,
    has_choices: bool,
}

impl Routes {
    /// Takes rules in the order in which they stand in the configuration; a later double of an exact name is ignored.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let mut routes = Self::default();
        for rule in rules.into_iter().map(Arc::new) {
            routes.is_paced |= rule.has_order(Strategy::is_paced);
            routes.follows_sessions |= rule.has_order(Strategy::is_by_experience) || rule.tasks.is_some();
            routes.has_choices |= rule.targets.len() > 1 || rule.tasks.is_some();
            if let Some(tasks) = &rule.tasks {
                routes.by_task.insert(Arc::clone(&tasks.rule), Arc::clone(tasks));
            }
            if pattern::is_exact(&rule.name) {
                routes.exact.entry(rule.name.clone()).or_insert(rule);
            } else {
                routes.patterns.push(rule);
            }
        }
        routes
    }

    /// The same rules, with where calls must stay.
    #[must_use]
    pub fn bound_to(self, residency: Residency) -> Self {
        Self { residency, ..self }
    }

    /// The same rules, with the clock by which their conditions go.
    #[must_use]
    pub fn by_clock_of(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// The clock by which conditions go.
    #[must_use]
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Where calls must stay.
    #[must_use]
    pub const fn residency(&self) -> &Residency {
        &self.residency
    }

    /// Whether any of them goes by how quick targets are, or by what they have to do: else nobody measures it.
    #[must_use]
    pub const fn is_paced(&self) -> bool {
        self.is_paced
    }

    /// The rule by tasks of this name, if it is in force.
    #[must_use]
    pub fn by_task(&self, rule: &str) -> Option<&Arc<TaskRouting>> {
        self.by_task.get(rule)
    }

    /// All rules by tasks, in the order of their names.
    #[must_use]
    pub fn all_by_task(&self) -> Vec<&Arc<TaskRouting>> {
        let mut all: Vec<_> = self.by_task.values().collect();
        all.sort_by(|one, other| one.rule.cmp(&other.rule));
        all
    }

    /// Whether any of them asks where a session was served: else nobody notes it.
    #[must_use]
    pub const fn follows_sessions(&self) -> bool {
        self.follows_sessions
    }

    /// Whether any of them has more than one target: else it is no question where an answer is kept.
    #[must_use]
    pub const fn has_choices(&self) -> bool {
        self.has_choices
    }

    /// Where a call for `model` goes.
    ///
    /// # Errors
    /// `Class::NotFound` (`model_not_found`) when no rule serves it, `Class::Forbidden` (`model_not_allowed`) when the
    /// key or its team may not use it.
    pub fn choose(&self, model: &str, principal: &Principal, policy: &TeamPolicy) -> Result<Plan, Fault> {
        if !allowed(model, principal, policy) {
            let message = format!("This caller may not use the model '{}'.", shown(model));
            return Err(Fault::new(Class::Forbidden, Origin::Caller, "model_not_allowed", message).at("model"));
        }
        self.plan(model).ok_or_else(|| {
            let message =
                format!("The model '{}' does not exist here. List the models to see those that do.", shown(model));
            Fault::new(Class::NotFound, Origin::Caller, "model_not_found", message).at("model")
        })
    }

    /// Where a call goes that a guardrail sends to `model`, whatever its caller may use: to that model's own targets.
    ///
    /// # Errors
    /// `Class::Internal` when no rule serves it: that was checked when the configuration was read.
    pub fn send(&self, model: &str) -> Result<Plan, Fault> {
        let plan = self.plan(model);
        let plan =
            plan.ok_or_else(|| Fault::internal("a guardrail sends calls to a model that is served by nobody"))?;
        Ok(Plan { is_bound: true, ..plan })
    }

    fn plan(&self, model: &str) -> Option<Plan> {
        let rule = self.rule(model)?;
        let targets = rule
            .targets
            .iter()
            .map(|t| Target {
                provider: t.provider.clone(),
                model: t.model.clone().unwrap_or_else(|| Arc::from(model)),
            })
            .collect();
        let (on_loss, unknown_price) = (rule.on_loss, rule.unknown_price);
        Some(Plan { targets, on_loss, unknown_price, rule: Arc::clone(rule), routed: None, is_bound: false })
    }

    fn rule(&self, model: &str) -> Option<&Arc<Rule>> {
        if model.is_empty() || model.len() > MODEL_BYTES_MAX {
            return None;
        }
        self.exact.get(model).or_else(|| self.patterns.iter().find(|rule| pattern::matches(&rule.name, model)))
    }

    /// The exactly named models that a caller may use, sorted.
    #[must_use]
    pub fn names(&self, principal: &Principal, policy: &TeamPolicy) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.exact.keys().map(String::as_str).filter(|name| allowed(name, principal, policy)).collect();
        names.sort_unstable();
        names
    }

    /// Whether the configuration itself has this name, and no pattern takes it.
    #[must_use]
    pub fn declares(&self, model: &str) -> bool {
        self.exact.contains_key(model)
    }

    /// Whether a caller may use `model` and some rule serves it.
    #[must_use]
    pub fn serves(&self, model: &str, principal: &Principal, policy: &TeamPolicy) -> bool {
        allowed(model, principal, policy) && self.rule(model).is_some()
    }

    /// The patterns with the providers that serve them, in order: what names beyond [`Routes::names`] there may be.
    pub fn patterns(&self) -> impl Iterator<Item = (&str, &[RuleTarget])> {
        self.patterns.iter().map(|rule| (rule.name.as_str(), rule.targets.as_slice()))
    }
}

/// A key's own patterns and those of its team must both allow a model; an empty list allows all.
fn allowed(model: &str, principal: &Principal, policy: &TeamPolicy) -> bool {
    let passes = |patterns: &[String]| patterns.is_empty() || patterns.iter().any(|p| pattern::matches(p, model));
    passes(&principal.models) && passes(&policy.models)
}

fn shown(model: &str) -> String {
    model.chars().filter(|c| !c.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, provider: &str, model: Option<&str>) -> Rule {
        Rule {
            name: name.to_owned(),
            targets: vec![RuleTarget::new(provider.into(), model.map(Arc::from))],
            strategy: Strategy::Ordered,
            entries: Vec::new(),
            on_unable: OnUnable::Last,
            on_loss: OnLoss::Report,
            unknown_price: UnknownPrice::AllowAndFlag,
            mirror: None,
            hedge: None,
            slow: None,
            tasks: None,
        }
    }

    fn principal(models: &[&str]) -> Principal {
        let models = models.iter().map(|m| (*m).to_owned()).collect::<Vec<_>>().into();
        Principal { key_id: "k".into(), team: "t".into(), project: None, environment: None, models }
    }

    fn chosen(routes: &Routes, model: &str, key: &[&str], team: &[&str]) -> Result<(String, String), &'static str> {
        let policy = TeamPolicy { models: team.iter().map(|m| (*m).to_owned()).collect(), ..TeamPolicy::default() };
        let plan = routes.choose(model, &principal(key), &policy).map_err(|fault| fault.code)?;
        Ok((plan.targets[0].provider.to_string(), plan.targets[0].model.to_string()))
    }

    #[test]
    fn exact_names_win_over_patterns() {
        let routes = Routes::new([rule("claude-*", "anthropic", None), rule("claude-x", "bedrock", Some("us.x"))]);
        let got = |model| chosen(&routes, model, &[], &[]);
        assert_eq!(got("claude-x"), Ok(("bedrock".into(), "us.x".into())));
        assert_eq!(got("claude-y"), Ok(("anthropic".into(), "claude-y".into())));
        assert_eq!(got("gpt"), Err("model_not_found"));
        assert_eq!(got(""), Err("model_not_found"));
        assert_eq!(got(&format!("claude-{}", "x".repeat(3000))), Err("model_not_found"));
    }

    #[test]
    fn key_and_team_must_both_allow() {
        let routes = Routes::new([rule("*", "p", None)]);
        for (key, team, model, allowed) in [
            (&[][..], &[][..], "a", true),
            (&["a"], &[], "a", true),
            (&["a"], &[], "b", false),
            (&[], &["b*"], "b1", true),
            (&["*"], &["b*"], "a", false),
            (&["a"], &["b*"], "a", false),
        ] {
            let expected = if allowed { Ok(("p".to_owned(), model.to_owned())) } else { Err("model_not_allowed") };
            assert_eq!(chosen(&routes, model, key, team), expected, "{key:?} {team:?} {model}");
        }
    }
}
