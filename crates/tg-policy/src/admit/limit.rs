//! Limits as configured: which calls each is for, what it counts apart, and how much it lets through.

use super::counters::{Ask, Counters, Hold, Key};
use super::output::OutputAsk;
use super::{Denied, Estimate, OutputFacts, Rate, Shortage, WhenAway, denied, printable};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::pattern;
use tg_kernel::principal::Attribution;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Calls that begin.
    Requests,
    /// Input tokens, without those read from a prompt cache.
    InputTokens,
    /// Output tokens.
    OutputTokens,
    /// Both.
    Tokens,
    /// Calls at a time.
    Calls,
    /// Streamed calls at a time.
    Streams,
}

impl Measure {
    /// Its name in the keys of shared counts.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Tokens => "tokens",
            Self::Calls => "calls",
            Self::Streams => "streams",
        }
    }

    /// So many of them, in words.
    fn counted(self, number: u64) -> String {
        let (one, more, tail) = match self {
            Self::Requests => ("request", "requests", ""),
            Self::InputTokens => ("input token", "input tokens", ""),
            Self::OutputTokens => ("output token", "output tokens", ""),
            Self::Tokens => ("token", "tokens", ""),
            Self::Calls => ("call", "calls", " at a time"),
            Self::Streams => ("stream", "streams", " at a time"),
        };
        format!("{number} {}{tail}", if number == 1 { one } else { more })
    }
}

/// How much is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So much in a period.
    Rate(Rate),
    /// So many at a time.
    AtMost(u64),
}

/// One bound of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What is counted.
    pub measure: Measure,
    /// How much is let through.
    pub size: Size,
}

/// By what a limit counts apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Each team.
    Team,
    /// Each project of each team.
    Project,
    /// Each environment of each team.
    Environment,
    /// Each key.
    Key,
    /// Each model, by the name that callers write.
    Model,
    /// Each provider.
    Provider,
    /// Each value of a tag of each team.
    Tag(String),
}

impl Dimension {
    pub(super) fn noun(&self) -> String {
        match self {
            Self::Team => "team".to_owned(),
            Self::Project => "project".to_owned(),
            Self::Environment => "environment".to_owned(),
            Self::Key => "key".to_owned(),
            Self::Model => "model".to_owned(),
            Self::Provider => "provider".to_owned(),
            Self::Tag(name) => format!("value of the tag '{name}'"),
        }
    }

    /// A call's value, and the team before it where teams have values of the same name. What a call does not have counts
    /// as one value of its own, the empty one.
    fn value<'f>(&self, facts: &Facts<'f>) -> (Option<&'f str>, &'f str) {
        let booked = facts.attribution;
        let of_team = |value: Option<&'f str>| (Some(&*booked.team), value.unwrap_or_default());
        match self {
            Self::Team => (None, &booked.team),
            Self::Project => of_team(booked.project.as_deref()),
            Self::Environment => of_team(booked.environment.as_deref()),
            Self::Key => (None, &booked.key_id),
            Self::Model => (None, facts.model),
            Self::Provider => (None, facts.provider.unwrap_or_default()),
            Self::Tag(name) => {
                of_team(booked.tags.iter().find_map(|tag| tag.strip_prefix(name.as_str())?.strip_prefix('=')))
            }
        }
    }
}

/// For which calls a limit is. What is `None` does not matter; texts are patterns with `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of a call")]
pub struct Scope {
    pub team: Option<String>,
    pub project: Option<String>,
    pub environment: Option<String>,
    pub key: Option<String>,
    pub model: Option<String>,
    /// Names that stand for one that `model` has in it, or lead to its targets.
    pub aliases: Vec<String>,
    pub provider: Option<String>,
    /// `name` or `name=value`, as tags stand in the ledger.
    pub tag: Option<String>,
}

impl Scope {
    /// Whether it has such a call in it.
    pub(crate) fn holds(&self, booked: &Attribution, asked: &str, provider_of_try: Option<&str>) -> bool {
        let Self { team, project, environment, key, model, aliases, provider, tag } = self;
        let fits = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| found.is_some_and(|found| pattern::matches(wanted, found)))
        };
        fits(team, Some(&booked.team))
            && fits(project, booked.project.as_deref())
            && fits(environment, booked.environment.as_deref())
            && fits(key, Some(&booked.key_id))
            && (fits(model, Some(asked)) || aliases.iter().any(|alias| alias == asked))
            && fits(provider, provider_of_try)
            && tag.as_ref().is_none_or(|wanted| booked.tags.iter().any(|tag| pattern::matches(wanted, tag)))
    }
}

/// How many output tokens are reserved for a call whose answer is yet to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reserve {
    /// As many as calls of the model usually need, and no more than the call allows. What is missing is owed afterwards.
    #[default]
    Usual,
    /// As many as the call allows.
    Most,
}

/// What a limit does with a call that it has no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Refuses it.
    #[default]
    Enforce,
    /// Lets it pass, and counts that it would not have.
    Observe,
}

/// One limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Its name: unique, and shown to callers. What was counted under a name stays counted over a reload.
    pub name: Arc<str>,
    /// For which calls it is.
    pub scope: Scope,
    /// By what it counts apart; empty: all its calls together.
    pub each: Vec<Dimension>,
    /// What it bounds; at least one.
    pub bounds: Vec<Bound>,
    /// How output is reserved.
    pub reserve: Reserve,
    /// What happens where there is less room for output than a call allows.
    pub shortage: Shortage,
    /// Whether it refuses.
    pub mode: Mode,
    /// What happens while the counts that replicas share are away.
    pub when_away: WhenAway,
}

/// What limits want to know of a call.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// To whom it is booked.
    pub attribution: &'a Attribution,
    /// The model that the caller names.
    pub model: &'a str,
    /// The provider of the try that is about to leave; `None` before one was chosen.
    pub provider: Option<&'a str>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// What it may use.
    pub estimate: Estimate,
    /// What else matters of its output.
    pub output: OutputFacts,
}

/// How much of one bound was left when a call was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What is counted.
    pub measure: Measure,
    /// The bound's size: what can be had at once, or at a time.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// How long until all of it is back.
    pub reset: Duration,
}

impl Standing {
    /// Which of two has less room, by its share of the whole.
    #[must_use]
    pub fn cmp_room(&self, other: &Self) -> std::cmp::Ordering {
        let share = |of: &Self, whole: &Self| u128::from(of.remaining) * u128::from(whole.limit);
        share(self, other).cmp(&share(other, self))
    }
}

/// The limits of a configuration: those of calls, and those of tries at a provider, which are looked at for each try.
#[derive(Debug, Default)]
pub struct Limits {
    pub(super) calls: Vec<Limit>,
    pub(super) tries: Vec<Limit>,
    count_tokens: bool,
}

impl Limits {
    /// Takes the limits in the order in which they stand in the configuration.
    #[must_use]
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Self {
        let (tries, calls): (Vec<Limit>, Vec<Limit>) = limits.into_iter().partition(Limit::is_of_tries);
        let tokens = |measure| matches!(measure, Measure::InputTokens | Measure::OutputTokens | Measure::Tokens);
        let mut bounds = calls.iter().chain(&tries).flat_map(|limit| &limit.bounds);
        let count_tokens = bounds.any(|bound| tokens(bound.measure));
        Self { calls, tries, count_tokens }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.tries.is_empty()
    }

    /// The names of those that are for such a call, at one of these providers.
    pub fn of<'a>(&'a self, booked: &Attribution, asked: &str, providers: &[&str]) -> Vec<&'a str> {
        let at_one = |limit: &Limit| providers.iter().any(|provider| limit.scope.holds(booked, asked, Some(provider)));
        let calls = self.calls.iter().filter(|limit| limit.scope.holds(booked, asked, None));
        calls.chain(self.tries.iter().filter(|limit| at_one(limit))).map(|limit| &*limit.name).collect()
    }

    /// Whether any of them counts tokens: then it matters what a call may use.
    #[must_use]
    pub const fn count_tokens(&self) -> bool {
        self.count_tokens
    }

    /// Takes what a call needs of every limit that does not name providers, or nothing.
    ///
    /// # Errors
    /// When one of them has no room.
    pub fn admit_call(&self, facts: &Facts<'_>, counters: &Counters, now: Duration) -> Result<Hold, Denied> {
        reserve(&self.calls, facts, counters, now)
    }

    /// Takes what a try needs of the limits that name providers, or nothing.
    ///
    /// # Errors
    /// As [`Limits::admit_call`]; another provider may have room.
    pub fn admit_try(&self, facts: &Facts<'_>, counters: &Counters, now: Duration) -> Result<Hold, Denied> {
        reserve(&self.tries, facts, counters, now)
    }
}

impl Limits {
    /// Takes what a second try of a call needs beside its first: of every limit on calls, and of every one on providers; or
    /// nothing. Nobody is told where there is no room.
    #[must_use]
    pub fn admit_beside(
        &self,
        (call, attempt): (&Facts<'_>, &Facts<'_>),
        counters: &Counters,
        now: Duration,
    ) -> Option<(Hold, Hold)> {
        let reserve = |limits: &[Limit], facts: &Facts<'_>| {
            let asks = asks(limits, facts, counters, |limit| Some(&*limit.bounds));
            if asks.is_empty() {
                return Some(Hold::default());
            }
            counters.reserve_beside(&asks, now).map(|hold| bounded(hold, facts))
        };
        let of_call = reserve(&self.calls, call)?;
        let Some(of_try) = reserve(&self.tries, attempt) else {
            counters.settle(of_call, None, now);
            return None;
        };
        Some((of_call, of_try))
    }
}

fn reserve(limits: &[Limit], facts: &Facts<'_>, counters: &Counters, now: Duration) -> Result<Hold, Denied> {
    let asks = asks(limits, facts, counters, |limit| Some(&*limit.bounds));
    if asks.is_empty() {
        return Ok(Hold::default());
    }
    let hold = counters.reserve(&asks, now).map_err(|full| denied(limits, facts, &full))?;
    Ok(bounded(hold, facts))
}

/// What is as large as the call's own bound, or its model's, need not be said.
pub(super) fn bounded(hold: Hold, facts: &Facts<'_>) -> Hold {
    let binds = |bound: &u64| !facts.output.is_bounded || *bound < facts.estimate.output_most;
    hold.bounded(facts.estimate.output_most, binds)
}

/// What a call wants of these limits, of those bounds of each that are answered.
pub(super) fn asks<'a>(
    limits: &'a [Limit],
    facts: &Facts<'_>,
    counters: &Counters,
    bounds: impl Fn(&'a Limit) -> Option<&'a [Bound]>,
) -> Vec<Ask<'a>> {
    let mut asks = Vec::new();
    for (number, limit) in limits.iter().enumerate().filter(|(_, limit)| limit.is_for(facts)) {
        for bound in bounds(limit).unwrap_or_default() {
            if let Some((units, output)) = limit.units(bound.measure, facts) {
                let key = limit.key(bound.measure, facts, counters);
                let (name, mode) = (&limit.name, limit.mode);
                asks.push(Ask { limit: number, name, mode, key, bound: *bound, units, output });
            }
        }
    }
    asks
}

impl Limit {
    fn is_of_tries(&self) -> bool {
        self.scope.provider.is_some() || self.each.contains(&Dimension::Provider)
    }

    fn is_for(&self, facts: &Facts<'_>) -> bool {
        self.scope.holds(facts.attribution, facts.model, facts.provider)
    }

    /// What a call takes of a measure besides output, and of output; `None` where the measure does not count it.
    fn units(&self, measure: Measure, facts: &Facts<'_>) -> Option<(u64, OutputAsk)> {
        let Estimate { input, output_usual, output_most } = facts.estimate;
        let wanted = match self.reserve {
            Reserve::Usual => output_usual,
            Reserve::Most => output_most,
        };
        let output = OutputAsk::new(self.shortage, facts.output, wanted, output_most);
        let (units, output) = match measure {
            Measure::Requests | Measure::Calls => return Some((1, OutputAsk::NONE)),
            Measure::Streams => return facts.stream.then_some((1, OutputAsk::NONE)),
            Measure::InputTokens => (input, OutputAsk::NONE),
            Measure::OutputTokens => (0, output),
            Measure::Tokens => (input, output),
        };
        // Operations that use no tokens are not held up by who used many.
        (units > 0 || output.wanted > 0).then_some((units, output))
    }

    /// Which of a limit's counts a call is counted in.
    fn key(&self, measure: Measure, facts: &Facts<'_>, counters: &Counters) -> Key {
        let mut key = counters.key(&self.name, measure);
        self.values(facts, &mut |part| key.add(part));
        key.finish()
    }

    /// The values of a call by which it is counted.
    pub(super) fn values<'f>(&self, facts: &Facts<'f>, add: &mut impl FnMut(&'f str)) {
        for dimension in &self.each {
            let (team, value) = dimension.value(facts);
            team.into_iter().chain([value]).for_each(&mut *add);
        }
    }

    /// ` of key 'k1' and project 'search:ranking'`: in which of the limit's counts a call is counted. Nothing where all its
    /// calls are counted together.
    pub(super) fn whose(&self, facts: &Facts<'_>) -> String {
        let mut text = String::new();
        for (number, dimension) in self.each.iter().enumerate() {
            let joint = if number == 0 { "of" } else { "and" };
            let (team, value) = dimension.value(facts);
            let team = team.map(|team| format!("{team}:")).unwrap_or_default();
            let _ = write!(text, " {joint} {} '{team}{}'", dimension.noun(), printable(value));
        }
        text
    }

    /// `600 requests in 60 s for each key of team 'search'`.
    pub(super) fn describe(&self, measure: Measure, size: Size) -> String {
        let mut text = match size {
            Size::AtMost(most) => measure.counted(most),
            Size::Rate(rate) => format!("{} in {}", measure.counted(rate.amount), super::shown(rate.period)),
        };
        let each: Vec<String> = self.each.iter().map(Dimension::noun).collect();
        if !each.is_empty() {
            let _ = write!(text, " for each {}", each.join(" and "));
        }
        text
    }
}
