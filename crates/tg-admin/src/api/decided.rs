//! What the gateway itself decided about a call, as it travels.

use super::{Amount, Usage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_kernel::{decided, reuse};

/// What the gateway itself decided about a call. Every part is null where that was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Decided {
    /// What kind of task the call was taken for; null where nothing asked for it.
    pub task: Option<Task>,
    /// Points that were put into the request for its provider's prompt cache; null where none were.
    pub prompt_cache: Option<CachePoints>,
    /// How long it waited for a place in a pool, in microseconds; null where it did not.
    pub waited_us: Option<u64>,
    /// Where no caller made the call: `mirror`, `sample`, `judge`, `likeness` or `guard` (what a judge was asked for a guardrail); null for a caller's own.
    pub purpose: Option<String>,
    /// The request id of the call that it copies, or whose answers it compares; null for a caller's own.
    pub of: Option<String>,
    /// What a rule by tasks made of it; null where there is none.
    pub routed: Option<Routed>,
    /// What the comparison came to that this call was made for; null where it was made for none.
    pub verdict: Option<Verdict>,
    /// What the cache of answers did; null where no rule of it is for the call.
    pub cache: Option<Reuse>,
    /// What that would have done, where no rule of it is for the call; null where it was not looked at.
    pub repeat: Option<Repeat>,
    /// Of a call that watches what a cache by likeness would do: what it found; null for others.
    pub alike: Option<Alike>,
    /// The second try that left beside the first, as that was slow; null where none did.
    pub hedge: Option<Hedge>,
    /// The guardrail that sent it to another model than its caller named; null where none did.
    pub rerouted: Option<Rerouted>,
}

/// What a cache by likeness would have done with the call `of`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alike {
    /// The rule of the cache.
    pub rule: String,
    /// How like the likest question was whose answer is kept, in millionths; null: there was none that is like it at all.
    pub likeness: Option<u32>,
    /// Whether its answer would have done as well as the fresh one; null: nobody has said.
    pub agreed: Option<bool>,
    /// What the call cost that would not have been made.
    pub saves: Amount,
}

/// What a cache of answers would have done for a call that no rule of it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repeat {
    /// One of so many requests is looked at, with all its repeats: the call stands for so many.
    pub one_in: u32,
    /// Whether the request says that the same is to be answered each time, as `only_deterministic` of a rule asks.
    pub determined: bool,
    /// How many calls before it have asked the same, as far as is remembered.
    pub times: u32,
    /// How old the answer would have been, in whole seconds, that it would have been given were answers kept for an hour; null:
    /// there would have been none.
    pub within_hour_s: Option<u32>,
    /// The same, were answers kept for a day.
    pub within_day_s: Option<u32>,
}

impl From<decided::Repeat> for Repeat {
    fn from(repeat: decided::Repeat) -> Self {
        let decided::Repeat { one_in, determined, times, within_hour_s, within_day_s } = repeat;
        Self { one_in, determined, times, within_hour_s, within_day_s }
    }
}

/// A second try beside a slow first one. The one that was not heard first is in `earlier`, as `hedge_lost`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hedge {
    /// How long nothing had been heard of the first, in microseconds.
    pub after_us: u64,
    /// Whether the second was heard first.
    pub won: bool,
}

impl From<decided::Hedge> for Hedge {
    fn from(hedge: decided::Hedge) -> Self {
        Self { after_us: hedge.after_us, won: hedge.won }
    }
}

/// A call that a guardrail sent to another model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rerouted {
    /// The rule, as `SET/RULE`.
    pub by: String,
    /// The model that its caller named.
    pub from: String,
    /// The model that the rule names; the call stands under it everywhere else.
    pub to: String,
}

/// What a rule by tasks made of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Routed {
    /// The rule: the route's name and a hash.
    pub rule: String,
    /// `observe`, `advise` or `enforce`.
    pub mode: String,
    /// The cheaper model, as `PROVIDER/MODEL`; null where there is none for the call.
    pub to: Option<String>,
    /// Where the call goes without the rule, as `PROVIDER/MODEL`.
    pub from: String,
    /// Why it does not go there in any mode: `no_step`, `unable`, `opted_out`, `switched_off`, `warm_cache` or `dearer`; null:
    /// it does under `enforce`.
    pub stays: Option<String>,
    /// What was likely to be saved by it, before the call; null where that was not known.
    pub saving: Option<Amount>,
    /// What the same tokens would have cost at `from`, of a call that was moved; null: it was not, or that is not known.
    #[serde(default)]
    pub from_cost: Option<Amount>,
}

/// What a comparison of two answers came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The rule that the answers speak for or against.
    pub rule: String,
    /// The task of the call.
    pub task: String,
    /// Whether the cheaper answer was as good; null: there is no verdict, and it is not counted.
    pub kept: Option<bool>,
}

/// What the cache of answers did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reuse {
    /// The rule that is for the call.
    pub rule: String,
    /// `hit`, `alike`, `miss`, `refresh`, `off`, `unfit` or `away`.
    pub outcome: String,
    /// The answer that it was given; null where it was none that had been kept.
    pub hit: Option<Reused>,
    /// Whether its own answer was kept.
    pub kept: bool,
}

/// An answer that was given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reused {
    /// How it was found: `exact`, or `alike` by the likeness of the last question.
    pub kind: String,
    /// How like the two questions are, in millionths; null where they are the same.
    #[serde(default)]
    pub likeness: Option<u32>,
    /// How old it was, in whole seconds.
    pub age_s: u64,
    /// The request id of the call that it was made for.
    pub from: String,
    /// Who made it.
    pub provider: String,
    /// Of which model.
    pub model: String,
    /// What it used then.
    pub usage: Usage,
    /// What that would have cost now. No part of what the call cost.
    pub saved: Amount,
    /// Whether that is known: `priced`, `ceiling` or `unpriced`.
    pub pricing: String,
}

/// A kind of task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// `classification`, `extraction`, …
    pub class: String,
    /// How likely it was that only a strong model gets it right, in percent.
    pub difficulty: u8,
}

/// Points for a provider's prompt cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CachePoints {
    /// How many.
    pub points: u8,
    /// What the cache saved beside plain input; below zero: what was paid more for writing it.
    pub saved: Amount,
}

impl From<decided::CachePoints> for CachePoints {
    fn from(put: decided::CachePoints) -> Self {
        Self { points: put.points, saved: put.saved.into() }
    }
}

impl From<&decided::Decided> for Decided {
    fn from(decided: &decided::Decided) -> Self {
        Self {
            task: decided.task.as_ref().map(Task::from),
            purpose: decided.purpose.map(|purpose| purpose.as_str().to_owned()),
            of: decided.of.map(|of| of.to_string()),
            routed: decided.routed.as_ref().map(Routed::from),
            verdict: decided.verdict.as_ref().map(Verdict::from),
            cache: decided.cache.as_ref().map(Reuse::from),
            prompt_cache: decided.prompt_cache.map(CachePoints::from),
            waited_us: decided.waited_us,
            repeat: decided.repeat.map(Repeat::from),
            alike: decided.alike.as_ref().map(Alike::from),
            hedge: decided.hedge.map(Hedge::from),
            rerouted: decided.rerouted.as_ref().map(Rerouted::from),
        }
    }
}

impl From<&decided::Rerouted> for Rerouted {
    fn from(rerouted: &decided::Rerouted) -> Self {
        let decided::Rerouted { by, from, to } = rerouted;
        Self { by: by.to_string(), from: from.to_string(), to: to.to_string() }
    }
}

impl From<&decided::Routed> for Routed {
    fn from(routed: &decided::Routed) -> Self {
        Self {
            rule: routed.rule.to_string(),
            mode: routed.mode.to_string(),
            to: routed.to.as_ref().map(ToString::to_string),
            from: routed.from.to_string(),
            stays: routed.stays.as_ref().map(ToString::to_string),
            saving: routed.saving.map(Amount::from),
            from_cost: routed.from_cost.map(Amount::from),
        }
    }
}

impl From<&decided::Verdict> for Verdict {
    fn from(verdict: &decided::Verdict) -> Self {
        Self { rule: verdict.rule.to_string(), task: verdict.task.to_string(), kept: verdict.kept }
    }
}

impl From<&decided::Alike> for Alike {
    fn from(alike: &decided::Alike) -> Self {
        let (rule, saves) = (alike.rule.to_string(), alike.saves.into());
        Self { rule, likeness: alike.likeness, agreed: alike.agreed, saves }
    }
}

impl From<&decided::Task> for Task {
    fn from(task: &decided::Task) -> Self {
        Self { class: task.class.to_string(), difficulty: task.difficulty }
    }
}

impl From<&reuse::Reuse> for Reuse {
    fn from(reuse: &reuse::Reuse) -> Self {
        let (rule, outcome) = (reuse.rule.to_string(), reuse.outcome.as_str().to_owned());
        Self { rule, outcome, hit: reuse.hit.as_ref().map(Reused::from), kept: reuse.kept }
    }
}

impl From<&reuse::Hit> for Reused {
    fn from(hit: &reuse::Hit) -> Self {
        Self {
            kind: hit.kind.as_str().to_owned(),
            likeness: hit.likeness,
            age_s: hit.age_s,
            from: hit.from.to_string(),
            provider: hit.provider.to_string(),
            model: hit.model.to_string(),
            usage: hit.usage.into(),
            saved: hit.saved.amount.into(),
            pricing: hit.saved.pricing.as_str().to_owned(),
        }
    }
}
