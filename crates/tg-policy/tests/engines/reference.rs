//! The reference: everything is kept in the open, and every question is answered by going over all of it.

use super::fixture::record;
use super::rules::{CALLS, Call, LEAST, OUTPUT, REQUESTS, Rules, STREAMS, TOKENS, Verdict, budgets};
use std::collections::BTreeMap;
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_policy::admit::budget::{Budget, Window};
use tg_policy::admit::{Measure, Rate, Used};

/// How long a process that is not heard of holds calls at a time, where that outlives it.
const GOING_LIFE: Duration = Duration::from_secs(30);
/// The same of money.
const MONEY_LIFE: Duration = Duration::from_secs(600);
/// How long who asks for a call at a time is told to wait, as nobody knows.
const MOMENT: Duration = Duration::from_secs(1);

/// What the answer must be.
#[derive(Debug)]
pub(crate) enum Decision {
    Passes { left: Vec<u64>, granted: u64 },
    Limited { full: Vec<(Measure, u64)>, wait: Duration },
    Exhausted(Vec<(String, Money)>),
}

impl Decision {
    pub(crate) fn allows(&self, verdict: &Verdict) -> bool {
        match (self, verdict) {
            (Self::Passes { left, granted }, Verdict::Passed { left: of, granted: got }) => {
                left == of && *got == Some(*granted)
            }
            // Times are of microseconds in Redis, and rounded up.
            (Self::Limited { full, wait }, Verdict::Limited { measure, left, wait: got }) => {
                full.contains(&(*measure, *left)) && got.abs_diff(*wait) <= Duration::from_micros(1)
            }
            (Self::Exhausted(all), Verdict::Exhausted { budget, left }) => {
                all.iter().any(|(name, of)| **name == **budget && of == left)
            }
            _ => false,
        }
    }
}

/// A call that holds something.
#[derive(Clone)]
struct Going {
    id: CallId,
    booked: Attribution,
    arrived: Timestamp,
    held: Money,
    tokens: u64,
    output: u64,
    has_ended: bool,
    /// When its process was heard of last, where that has died.
    died: Option<Timestamp>,
}

/// See the module.
pub(crate) struct Reference {
    rules: Rules,
    budgets: Vec<Budget>,
    pub(crate) now: Timestamp,
    /// Of each bucket: units times the period's microseconds, and when.
    levels: BTreeMap<String, (i128, Timestamp)>,
    calls: Vec<Going>,
    rows: Vec<Record>,
}

fn micros(rate: &Rate) -> i128 {
    i128::try_from(rate.period.as_micros()).unwrap()
}

fn full(rate: &Rate) -> i128 {
    i128::from(rate.burst) * micros(rate)
}

/// What a call wants of a bucket.
struct Wish {
    key: String,
    measure: Measure,
    rate: Rate,
    /// With less than so many it does not begin.
    least: u64,
    wanted: u64,
}

impl Wish {
    fn of(key: &str, measure: Measure, rate: Rate, wanted: u64) -> Self {
        let wanted = wanted.min(rate.burst);
        Self { key: format!("{measure:?} {key}"), measure, rate, least: wanted, wanted }
    }
}

fn wishes(booked: &Attribution, tokens: u64, output: u64) -> [Wish; 3] {
    let streams = Wish::of("", Measure::OutputTokens, OUTPUT, output);
    [
        Wish::of(&booked.key_id, Measure::Requests, REQUESTS, 1),
        Wish::of(&booked.key_id, Measure::Tokens, TOKENS, tokens),
        Wish { least: LEAST.min(output), ..streams },
    ]
}

impl Reference {
    pub(crate) fn new(rules: Rules, teams: &str, now: Timestamp) -> Self {
        let budgets = budgets(teams);
        Self { rules, budgets, now, levels: BTreeMap::new(), calls: Vec::new(), rows: Vec::new() }
    }

    fn level(&self, key: &str, rate: &Rate) -> i128 {
        let (level, at) = self.levels.get(key).copied().unwrap_or((full(rate), self.now));
        let passed = i128::try_from(self.now.since(at).as_micros()).unwrap();
        (level + passed * i128::from(rate.amount)).min(full(rate))
    }

    fn left(&self, key: &str, rate: &Rate) -> u64 {
        u64::try_from(self.level(key, rate).div_euclid(micros(rate))).unwrap_or(0)
    }

    fn add(&mut self, key: &str, rate: &Rate, units: i128) {
        let level = self.level(key, rate) + units * micros(rate);
        self.levels.insert(key.to_owned(), (level, self.now));
    }

    fn holds_calls(&self, call: &Going) -> bool {
        !call.has_ended && call.died.is_none_or(|died| self.now.since(died) < GOING_LIFE)
    }

    fn holds_money(&self, call: &Going) -> bool {
        call.died.is_none_or(|died| self.now.since(died) < MONEY_LIFE)
    }

    fn going(&self) -> u64 {
        self.calls.iter().filter(|call| self.holds_calls(call)).count() as u64
    }

    fn streams(&self, key: &str) -> u64 {
        self.calls.iter().filter(|call| self.holds_calls(call) && &*call.booked.key_id == key).count() as u64
    }

    /// Whether something that began at `began` counts in the budget's purse of a call that arrived at `arrived`.
    fn counts(budget: &Budget, began: Timestamp, arrived: Timestamp) -> bool {
        match budget.window {
            Window::Calendar(unit) => budget.zone.unit(unit, began).start == budget.zone.unit(unit, arrived).start,
            Window::Rolling(hours) => {
                let hour = |at: Timestamp| at.seconds().div_euclid(3_600);
                hour(began) >= hour(arrived) - i64::from(hours)
            }
            Window::Prepaid => true,
        }
    }

    fn meets(budget: &Budget, team: &str) -> bool {
        budget.scope.team.as_deref().is_some_and(|wanted| tg_kernel::pattern::matches(wanted, team))
    }

    /// What is spent and held of the purse of such a call.
    fn taken(&self, budget: &Budget, team: &str, arrived: Timestamp) -> Money {
        let same = |other: &str| Self::meets(budget, other) && (budget.each.is_empty() || other == team);
        let rows = self.rows.iter().filter(|row| same(&row.attribution.team));
        let rows = rows.filter(|row| Self::counts(budget, row.started_at, arrived));
        let spent = rows.fold(Money::ZERO, |sum, row| sum.plus(row.cost.amount));
        let held = self.calls.iter().filter(|call| same(&call.booked.team) && self.holds_money(call));
        // A rolling purse holds what is under way, however long ago it began.
        let is_rolling = matches!(budget.window, Window::Rolling(_));
        let held = held.filter(|call| is_rolling || Self::counts(budget, call.arrived, arrived));
        held.fold(spent, |sum, call| sum.plus(call.held))
    }

    /// The budgets that have not so much left for a call that arrives, with what they have.
    fn exhausted(&self, team: &str, arrived: Timestamp, more: Money) -> Vec<(String, Money)> {
        self.lacking(team, (arrived, arrived), more)
    }

    /// The same, where rolling budgets are looked at as of another moment than the call's arrival.
    fn lacking(&self, team: &str, (arrived, turned): (Timestamp, Timestamp), more: Money) -> Vec<(String, Money)> {
        let as_of = |budget: &Budget| if matches!(budget.window, Window::Rolling(_)) { turned } else { arrived };
        let met = self.budgets.iter().filter(|budget| Self::meets(budget, team));
        let lefts = met.map(|budget| (budget, budget.amount.minus(self.taken(budget, team, as_of(budget)))));
        let short = lefts.filter(|(_, left)| *left < more);
        short.map(|(budget, left)| (budget.name.to_string(), left.max(Money::ZERO))).collect()
    }

    pub(crate) fn reserve(&mut self, call: &Call) -> Decision {
        let team = &call.booked.team;
        let exhausted = self.exhausted(team, call.arrived, call.worst);
        if !exhausted.is_empty() {
            return Decision::Exhausted(exhausted);
        }
        let wishes = wishes(&call.booked, call.input + call.usual, call.usual);
        let (mut lacking, mut wait) = (Vec::new(), None);
        for wish in &wishes {
            let missing = i128::from(wish.least) * micros(&wish.rate) - self.level(&wish.key, &wish.rate);
            if missing > 0 {
                let amount = i128::from(wish.rate.amount);
                let micros = u64::try_from((missing + amount - 1) / amount).unwrap();
                wait = wait.max(Some(Duration::from_micros(micros)));
                lacking.push((wish.measure, self.left(&wish.key, &wish.rate)));
            }
        }
        if self.going() >= CALLS {
            lacking.push((Measure::Calls, 0));
        }
        let streams = self.streams(&call.booked.key_id);
        if streams >= STREAMS {
            lacking.push((Measure::Streams, 0));
        }
        if !lacking.is_empty() {
            return Decision::Limited { full: lacking, wait: wait.unwrap_or(MOMENT) };
        }
        let mut left = Vec::new();
        let mut granted = 0;
        for wish in &wishes {
            granted = wish.wanted.min(self.left(&wish.key, &wish.rate).max(wish.least));
            self.add(&wish.key, &wish.rate, -i128::from(granted));
            left.push(self.left(&wish.key, &wish.rate));
        }
        left.splice(2..2, [STREAMS - streams - 1, CALLS - self.going() - 1]);
        self.calls.push(Going {
            id: call.id,
            booked: call.booked.clone(),
            arrived: call.arrived,
            held: call.worst,
            tokens: (call.input + call.usual).min(TOKENS.burst),
            output: granted,
            has_ended: false,
            died: None,
        });
        Decision::Passes { left, granted }
    }

    /// The call at this place of those that are under way.
    pub(crate) fn under_way(&self, which: usize) -> Option<CallId> {
        let mut calls = self.calls.iter().filter(|call| !call.has_ended && call.died.is_none());
        calls.nth(which).map(|call| call.id)
    }

    /// The row of the call at this place of those that have ended.
    pub(crate) fn ended(&self, which: usize) -> Option<Record> {
        self.calls
            .iter()
            .filter(|call| call.has_ended && call.died.is_none())
            .nth(which)
            .map(|call| row(call, call.held))
    }

    /// The rows of all calls that are not in the ledger: what was under way may have cost half of what it held.
    pub(crate) fn journal(&self) -> Vec<Record> {
        let alive = self.calls.iter().filter(|call| call.died.is_none());
        let half = |held: Money| Money::from_nanos((held.nanos() + 1) / 2);
        alive.map(|call| row(call, if call.has_ended { call.held } else { half(call.held) })).collect()
    }

    fn of(&mut self, id: CallId) -> &mut Going {
        self.calls.iter_mut().find(|call| call.id == id).unwrap()
    }

    pub(crate) fn extend(&mut self, id: CallId, more: Money) -> bool {
        let call = self.of(id).clone();
        let turned = if self.rules.turns { self.now } else { call.arrived };
        let fits = self.lacking(&call.booked.team, (call.arrived, turned), more).is_empty();
        if fits {
            self.of(id).held = call.held.plus(more);
        }
        fits
    }

    pub(crate) fn grow(&mut self, id: CallId, tokens: u64) -> u64 {
        let [.., streams] = wishes(&Attribution::default(), 0, 0);
        let granted = tokens.min(self.left(&streams.key, &OUTPUT));
        self.add(&streams.key, &OUTPUT, -i128::from(granted));
        self.of(id).output += granted;
        granted
    }

    /// Answers what the call cost.
    pub(crate) fn settle(&mut self, id: CallId, used: Option<Used>, percent: i64) -> Money {
        let call = self.of(id).clone();
        let back = |taken: u64, used: u64| i128::from(taken) - i128::from(used);
        let [requests, tokens, streams] = wishes(&call.booked, 0, 0);
        let Used { input, output } = used.unwrap_or_default();
        if used.is_none() {
            self.add(&requests.key, &REQUESTS, 1);
        }
        self.add(&tokens.key, &TOKENS, back(call.tokens, input + output));
        self.add(&streams.key, &OUTPUT, back(call.output, output));
        let cost = Money::from_nanos(call.held.nanos() * percent / 100);
        let of = self.of(id);
        (of.has_ended, of.held) = (true, cost);
        cost
    }

    pub(crate) fn book(&mut self, row: &Record) {
        self.calls.retain(|call| call.id != row.id);
        self.rows.push(row.clone());
    }

    /// The process dies; of its calls, these are settled.
    pub(crate) fn dies(&mut self, rows: &[Record]) {
        if !self.rules.counts_outlive {
            self.levels.clear();
            self.calls.clear();
        }
        let now = self.now;
        for call in &mut self.calls {
            call.died = call.died.or(Some(now));
            if rows.iter().any(|row| row.id == call.id) {
                // What it counts at a time is given up with its process, not with its row.
                call.held = Money::ZERO;
            }
        }
        self.rows.extend(rows.iter().cloned());
    }

    /// What is held of all purses that are open now.
    pub(crate) fn held(&self) -> Money {
        let mut sum = Money::ZERO;
        for budget in &self.budgets {
            let is_rolling = matches!(budget.window, Window::Rolling(_));
            for call in self.calls.iter().filter(|call| Self::meets(budget, &call.booked.team)) {
                if self.holds_money(call) && (is_rolling || Self::counts(budget, call.arrived, self.now)) {
                    sum = sum.plus(call.held);
                }
            }
        }
        sum
    }
}

fn row(call: &Going, cost: Money) -> Record {
    let mut row = record();
    (row.id, row.started_at, row.attribution) = (call.id, call.arrived, call.booked.clone());
    (row.asked.model, row.cost.amount) = (super::rules::MODEL.into(), cost);
    row
}
