//! Budgets: how much money whose calls may cost, and who is told.

use super::{CallScope, Egress, LimitOutput, Reserve, WhenAway};
use crate::grammar::{BaseUrl, Dimension, LocalMoment, Money, Name, Pattern, Period, SecretRef, Share, TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// A budget in money. All budgets that a call meets are taken from together or not at all, together with its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The budget's name; unique, and shown to the callers whom it refuses.
    pub name: Name,
    /// For which calls it is. Absent: for all.
    #[serde(default, rename = "for", skip_serializing_if = "CallScope::is_everything")]
    pub scope: CallScope,
    /// By what it counts apart: an amount of its own for each team, each key, … Absent: one amount for all its calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub each: Vec<Dimension>,
    /// What may be spent in one window.
    pub amount: Money,
    /// How long one amount lasts.
    #[serde(default)]
    pub window: BudgetWindow,
    /// By which clock windows begin. Absent: the `time_zone` of the team that `for` names, if this file declares it with
    /// one, else UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
    /// The first moment that counts: a date in the budget's time zone, or RFC 3339. What was spent before is not looked
    /// at, and calls before are not bounded. Required for `prepaid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<LocalMoment>,
    /// Shares of the amount at whose reaching somebody is told, once in each window.
    #[serde(default = "default_warn_at")]
    #[schemars(length(max = 16))]
    pub warn_at: Vec<Share>,
    /// What happens with a call for which there is no money.
    #[serde(default)]
    pub on_exhausted: OnExhausted,
    /// What happens to its calls while the `counters` that many gateways share are away. Absent: `fail_closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_away: Option<WhenAway>,
    /// What happens with a call that allows more output (`max_tokens`, else the model's own bound) than there is money for.
    #[serde(default)]
    pub output: LimitOutput,
    /// Fewest output tokens for each answer that `clamp` and `cut` let a call go on with: at least 16, as providers take
    /// no less. Absent: 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_min: Option<NonZeroU32>,
    /// How much output money is held for before a stream is sent that can be cut: `usual` only with `output: cut`. For
    /// all other calls it is `most`.
    #[serde(default = "default_reserve")]
    pub reserve: Reserve,
}

const fn default_reserve() -> Reserve {
    Reserve::Most
}

fn default_warn_at() -> Vec<Share> {
    vec![Share::of(80), Share::of(100)]
}

/// How long one amount lasts. Calls count in the window in which they arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetWindow {
    /// A day of the time zone's calendar.
    Day,
    /// A week, from Monday on.
    Week,
    /// A month.
    #[default]
    Month,
    /// A quarter, from January, April, July or October on.
    Quarter,
    /// A year.
    Year,
    /// Once, from `starts` on: it is never filled up by itself.
    Prepaid,
    /// The time before now, in whole hours: from `1h` to `365d`. What was spent comes back as it grows old.
    Rolling(Period),
}

/// What happens with a call for which there is no money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExhausted {
    /// It is refused, in words that no client takes for a passing limit.
    #[default]
    Refuse,
    /// It goes on, is counted in `tallygate_budget_refusals_total`, and somebody is told.
    AllowAndAlert,
    /// It goes where calls for this model go, and its answer says so. Where that is too dear as well, or the caller may
    /// not use it, the call is refused.
    Downgrade(Pattern),
}

/// Who is told when a share of a budget is spent, when it is exhausted, and when a rule by tasks has switched itself off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Addresses to which notices are posted as JSON.
    #[schemars(length(max = 16))]
    pub webhooks: Vec<Webhook>,
}

/// An address to which notices are posted as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where: `https://`, unless `egress` allows more.
    pub url: BaseUrl,
    /// With what each notice is signed: header `x-tallygate-signature`, HMAC-SHA256. Absent: they are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// Which addresses may be dialled, beyond public ones.
    #[serde(default)]
    pub egress: Egress,
}
