//! Which calls a route's cheaper models are for, by what is asked: the steps of a rule, and what a team makes of it.

use super::quality::Floor;
use super::task::Task;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tg_kernel::target::Target;

/// What is done about a call for which a cheaper model would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is noted.
    #[default]
    Observe,
    /// Its caller is told, too.
    Advise,
    /// It goes there.
    Enforce,
}

impl Mode {
    /// The name in configuration, ledger and explanations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Advise => "advise",
            Self::Enforce => tg_kernel::decided::ENFORCE,
        }
    }
}

/// A rule of a route: which of its calls go to which cheaper model.
#[derive(Clone, Debug)]
pub struct TaskRouting {
    /// The route's name and a hash of what decides on the quality of answers: another hash is another rule.
    pub rule: Arc<str>,
    /// The models, the weakest first. Above the last stand the route's own targets.
    pub steps: Vec<Step>,
    /// What is done, for teams of which nothing else is said.
    pub policy: Policy,
    /// What is done for single teams.
    pub teams: HashMap<Arc<str>, Policy>,
    /// How it is found out whether cheaper answers are good enough; `None`: not at all.
    pub sampling: Option<Sampling>,
}

/// A cheaper model, and what it is for.
#[derive(Clone, Debug)]
pub struct Step {
    /// The model.
    pub target: Target,
    /// The tasks, by name.
    pub tasks: Vec<&'static str>,
    /// Only calls that are no harder than this: how likely it is, from 0 to 1, that only a strong model gets them right.
    pub difficulty_max: f32,
}

/// What is done for a team.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What is done.
    pub mode: Mode,
    /// The weakest step that may be used; calls for a weaker one go there.
    pub floor: Option<usize>,
    /// The strongest that may be used, also by calls which no step is for; `None`: the route's own targets.
    pub ceiling: Option<usize>,
    /// Whether a call may say that it wants none of it.
    pub opt_out: bool,
}

/// How it is found out whether cheaper answers are good enough.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// Of the calls that a step is for, how many go to both models, in millionths.
    pub millionths: u32,
    /// Who compares the answers.
    pub judge: Judge,
    /// Below what the rule is switched off; `None`: it is only shown.
    pub floor: Option<Floor>,
}

/// Who compares two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judge {
    /// The gateway: they must say the same.
    Agreement,
    /// A model.
    Model {
        /// Which.
        target: Target,
        /// The team to which its calls are booked; `None`: that of the call.
        booked_to: Option<Arc<str>>,
    },
}

impl Judge {
    /// The model that is asked, if one is.
    #[must_use]
    pub const fn target(&self) -> Option<&Target> {
        match self {
            Self::Agreement => None,
            Self::Model { target, .. } => Some(target),
        }
    }

    /// Whether it can compare answers to such a task: whether two texts say the same is known only of short ones.
    #[must_use]
    pub fn judges(&self, task: &str) -> bool {
        match self {
            Self::Agreement => is_agreed_on(task),
            Self::Model { .. } => true,
        }
    }
}

/// Whether two good answers to such a task say the same.
#[must_use]
pub fn is_agreed_on(task: &str) -> bool {
    matches!(task, "classification" | "extraction")
}

/// Where a call belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The steps that will do, the weakest first; never empty.
    pub steps: Range<usize>,
    /// Whether a step is for it; else it is only that its team may use nothing stronger.
    pub fits: bool,
}

impl TaskRouting {
    /// What is done for a team.
    #[must_use]
    pub fn policy(&self, team: &str) -> Policy {
        self.teams.get(team).copied().unwrap_or(self.policy)
    }

    /// The steps to which a call belongs under a policy; `None`: it is for the route's own targets.
    #[must_use]
    pub fn wanted(&self, policy: Policy, task: &Task) -> Option<Wanted> {
        let last = policy.ceiling.unwrap_or(self.steps.len()).min(self.steps.len().saturating_sub(1));
        let is_for = |step: &Step| step.tasks.contains(&task.class) && task.difficulty <= step.difficulty_max;
        let (first, fits) = match (self.steps.iter().position(is_for), policy.ceiling) {
            (Some(first), _) => (first.max(policy.floor.unwrap_or_default()), true),
            (None, Some(ceiling)) => (ceiling, false),
            (None, None) => return None,
        };
        // A floor above the ceiling is refused by the configuration's check.
        let first = first.min(last);
        (first < self.steps.len()).then_some(Wanted { steps: first..last + 1, fits })
    }
}

/// What it costs to answer a call at one place and at another, while the conversation's prompt may stand in a cache at the
/// first. In tokens of input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// What was sent before, and may be read from the cache where the conversation is.
    pub warm: u64,
    /// What is new, or is in no cache.
    pub fresh: u64,
}

impl Prompt {
    /// A conversation of so many tokens in so many turns, the last of which is new: each turn is taken to be as long. Less than
    /// `cache_min` is in no cache.
    #[must_use]
    pub const fn of(input_tokens: u64, turns: u32, cache_min: u64) -> Self {
        let turns = if turns == 0 { 1 } else { turns as u64 };
        let warm = input_tokens - input_tokens.div_ceil(turns);
        if warm < cache_min {
            return Self { warm: 0, fresh: input_tokens };
        }
        Self { warm, fresh: input_tokens - warm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(policy: Policy) -> TaskRouting {
        let step = |model: &str, tasks: &[&'static str], difficulty_max| Step {
            target: Target { provider: "p".into(), model: model.into() },
            tasks: tasks.to_vec(),
            difficulty_max,
        };
        let steps = vec![
            step("nano", &["classification"], 0.3),
            step("mini", &["classification", "translation"], 0.6),
            step("middle", &["code"], 0.5),
        ];
        TaskRouting { rule: "smart#1".into(), steps, policy, teams: HashMap::new(), sampling: None }
    }

    #[test]
    fn a_call_belongs_to_the_weakest_step_that_is_for_it_between_floor_and_ceiling() {
        for (floor, ceiling, class, difficulty, expected) in [
            (None, None, "classification", 0.2, Some((0..3, true))),
            (None, None, "classification", 0.5, Some((1..3, true))),
            (None, None, "classification", 0.7, None),
            (None, None, "translation", 0.0, Some((1..3, true))),
            (None, None, "chat", 0.0, None),
            (Some(1), None, "classification", 0.2, Some((1..3, true))),
            (None, Some(0), "translation", 0.2, Some((0..1, true))),
            (None, Some(1), "chat", 0.9, Some((1..2, false))),
            (Some(1), Some(1), "classification", 0.1, Some((1..2, true))),
        ] {
            let policy = Policy { floor, ceiling, ..Policy::default() };
            let task = Task { class, confidence: 1.0, difficulty };
            let wanted = rule(policy).wanted(policy, &task).map(|wanted| (wanted.steps, wanted.fits));
            assert_eq!(wanted, expected, "{floor:?} {ceiling:?} {class} {difficulty}");
        }
        let mut own = rule(Policy::default());
        own.teams.insert("ads".into(), Policy { mode: Mode::Enforce, ..Policy::default() });
        assert_eq!((own.policy("ads").mode, own.policy("shop").mode), (Mode::Enforce, Mode::Observe));
    }

    #[test]
    fn what_was_sent_before_may_be_warm() {
        assert_eq!(Prompt::of(9_000, 3, 1_024), Prompt { warm: 6_000, fresh: 3_000 });
        assert_eq!(Prompt::of(9_000, 1, 1_024), Prompt { warm: 0, fresh: 9_000 });
        assert_eq!(Prompt::of(1_200, 3, 1_024), Prompt { warm: 0, fresh: 1_200 }, "too short for a cache");
        assert_eq!(Prompt::of(0, 0, 0), Prompt { warm: 0, fresh: 0 });
    }
}
