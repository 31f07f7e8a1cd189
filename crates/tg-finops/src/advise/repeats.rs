//! What a cache of answers would save where none is on: from a part of all requests, each with all its repeats, as gateways note
//! them beside their calls.

use super::{Addition, Advice, Facts, Kind, Risk, Saving, counted};
use std::collections::BTreeMap;
use tg_kernel::clock::Timestamp;
use tg_kernel::decided::Repeat;
use tg_kernel::record::Record;
use tg_kernel::units::Money;

/// Fewer calls that were looked at say nothing.
const CALLS_MIN: u64 = 50;

/// Nor do fewer that would have been given an answer.
const HITS_MIN: u64 = 10;

/// Of a hundred calls so many must have been given one.
const HITS_PERCENT_MIN: u64 = 5;

/// Most combinations of team and model; calls of further ones are left out.
const PAIRS_MAX: usize = 10_000;

/// Hundredths of a standard deviation within which the true sum lies with 95 % certainty.
const CERTAIN: u128 = 196;

/// Calls that were looked at, by team and the name that callers write.
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    by: BTreeMap<(String, String), Asked>,
    /// When the first of them arrived.
    first: Option<Timestamp>,
}

/// Calls of one team for one name.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    calls: u64,
    /// What an hour, and a day, would have saved of calls that determine their answer,
    determined: [Hits; 2],
    /// and of all.
    all: [Hits; 2],
}

/// Calls that would have been given an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Hits {
    calls: u64,
    /// What they cost.
    seen: u128,
    /// What they stand for.
    all: u128,
    /// The variance of that.
    variance: u128,
}

impl Hits {
    /// Takes a call that cost so much. Requests are drawn, not calls: one that is asked often is in it with all its calls or with
    /// none, so what it adds to the variance is the square of what they cost together, of which this call is a part.
    fn take(&mut self, nanos: u128, repeat: &Repeat) {
        let (weight, repeats) = (u128::from(repeat.one_in.max(1)), u128::from(repeat.times.max(1)));
        self.calls += 1;
        self.seen = self.seen.saturating_add(nanos);
        self.all = self.all.saturating_add(nanos.saturating_mul(weight));
        let square = nanos.saturating_mul(nanos).saturating_mul(2 * repeats - 1);
        self.variance = self.variance.saturating_add(square.saturating_mul(weight * (weight - 1)));
    }

    /// Between what it lies with 95 % certainty. No less than what was seen.
    fn range(&self) -> [u128; 2] {
        let off = self.variance.isqrt().saturating_mul(CERTAIN) / 100;
        [self.all.saturating_sub(off).max(self.seen), self.all.saturating_add(off)]
    }
}

impl Repeats {
    /// Takes a row. One that reached no provider tells nothing: nobody paid for it.
    pub fn take(&mut self, record: &Record) {
        let Some(decided) = record.decided.as_deref().filter(|decided| decided.purpose.is_none()) else { return };
        let Some(repeat) = decided.repeat.as_ref().filter(|_| record.served.is_some()) else { return };
        self.first = Some(self.first.map_or(record.started_at, |first| first.min(record.started_at)));
        let pair = (record.attribution.team.to_string(), record.asked.model.to_string());
        if self.by.len() >= PAIRS_MAX && !self.by.contains_key(&pair) {
            return;
        }
        let asked = self.by.entry(pair).or_default();
        asked.calls += 1;
        let nanos = u128::try_from(record.cost.amount.nanos()).unwrap_or_default();
        for (number, age) in [repeat.within_hour_s, repeat.within_day_s].into_iter().enumerate() {
            let Asked { determined, all, .. } = asked;
            let sums = [(all, true), (determined, repeat.determined)];
            for (sums, is_one) in sums {
                if let Some(hits) = sums.get_mut(number).filter(|_| is_one && age.is_some()) {
                    hits.take(nanos, repeat);
                }
            }
        }
    }
}

/// A rule for a team's calls for one name.
struct Rule {
    ttl: &'static str,
    only_deterministic: bool,
    hits: Hits,
}

impl Asked {
    /// What to keep, if that is worth it. For an hour, unless a day saves more than twice as much; only what determines its
    /// answer, unless that saves less than half.
    fn rule(&self) -> Option<Rule> {
        let kept = |[hour, day]: [Hits; 2]| if day.all > 2 * hour.all { ("1d", day) } else { ("1h", hour) };
        let ((ttl, hits), (of_determined, determined)) = (kept(self.all), kept(self.determined));
        let only_deterministic = determined.all.saturating_mul(2) >= hits.all;
        let (ttl, hits) = if only_deterministic { (of_determined, determined) } else { (ttl, hits) };
        let is_worth_it = self.calls >= CALLS_MIN
            && hits.calls >= HITS_MIN
            && hits.calls * 100 >= self.calls * HITS_PERCENT_MIN
            && hits.all > 0;
        is_worth_it.then_some(Rule { ttl, only_deterministic, hits })
    }
}

pub(super) fn advice(facts: &Facts<'_>) -> Vec<Advice> {
    let Some(since) = facts.repeats.first else { return Vec::new() };
    let named = facts.repeats.by.iter().filter(|((team, model), _)| !team.is_empty() && !model.is_empty());
    named.filter_map(|((team, model), asked)| Some(of(facts, (team, model), asked, since, &asked.rule()?))).collect()
}

fn of(facts: &Facts<'_>, (team, model): (&str, &str), asked: &Asked, since: Timestamp, rule: &Rule) -> Advice {
    let money = |nanos: u128| Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
    let month = |nanos: u128| facts.saving_since(since, money(nanos), false).month;
    let Rule { ttl, only_deterministic, hits } = rule;
    let range = hits.range().map(month);
    let other = if *ttl == "1h" { ("1d", asked.all[1]) } else { ("1h", asked.all[0]) };
    let (risk, why) = if *only_deterministic {
        (Risk::Low, "only calls that ask for the same each time are told the same (temperature 0, a seed, vectors)")
    } else {
        (Risk::Medium, "who asks twice is told the same twice, also where it wanted another answer")
    };
    Advice {
        kind: Kind::ResponseCache,
        teams: vec![team.to_owned()],
        project: None,
        subject: model.to_owned(),
        advice: format!("keep answers for {ttl} and give them again (`cache.rules`)"),
        evidence: format!(
            "{} of {} looked at asked for what the team had been told within {ttl}, and cost {} USD; a month of all calls \
             saves between {} and {} USD with 95 % certainty, and {} USD with `ttl: {}` for all calls",
            hits.calls,
            counted(asked.calls, "call"),
            money(hits.seen),
            range[0],
            range[1],
            month(other.1.all),
            other.0
        ),
        saving: Some(Saving { range: Some(range), ..facts.saving_since(since, money(hits.all), false) }),
        risk,
        why: format!("{why}; an answer may be {ttl} old"),
        quality: None,
        kinds: Vec::new(),
        change: None,
        addition: Some(Addition::Cache {
            team: team.to_owned(),
            model: model.to_owned(),
            ttl,
            only_deterministic: *only_deterministic,
        }),
        command: None,
    }
}

#[cfg(test)]
mod tests;
