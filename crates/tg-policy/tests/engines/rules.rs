//! What every engine is asked, under which limits and budgets.

use std::sync::Arc;
use std::time::Duration;
use tg_kernel::calendar::{Unit, Zone};
use tg_kernel::clock::Timestamp;
use tg_kernel::fault::{Fault, Retry};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_policy::admit::budget::{Budget, Budgets, Exhausted, OnExhausted, Payer, Window};
use tg_policy::admit::{
    Bound, Denied, Dimension, Estimate, Facts, Hold, Limit, Limits, Measure, Mode, OutputFacts, Rate, Reserve, Scope,
    Shortage, Size, Used, WhenAway,
};

/// The model that every call names.
pub(crate) const MODEL: &str = "m";

/// Requests of each key.
pub(crate) const REQUESTS: Rate = Rate { amount: 7, period: Duration::from_secs(2), burst: 9 };
/// Tokens of each key.
pub(crate) const TOKENS: Rate = Rate { amount: 900, period: Duration::from_secs(3), burst: 2_000 };
/// Output of all streams together, which are cut.
pub(crate) const OUTPUT: Rate = Rate { amount: 100, period: Duration::from_secs(1), burst: 1_500 };
/// Least output with which a stream begins.
pub(crate) const LEAST: u64 = 20;
/// Calls at a time.
pub(crate) const CALLS: u64 = 5;
/// Streams of each key at a time; all calls are streams.
pub(crate) const STREAMS: u64 = 2;

/// How engines differ in what they promise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// What was counted for limits, and what calls of a dead process hold, outlives the process.
    pub(crate) counts_outlive: bool,
    /// What a call under way needs more of a rolling budget counts in the hour that is now, not in that of its arrival: each
    /// hour has a purse of its own.
    pub(crate) turns: bool,
}

/// A call that asks to be let through.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) booked: Attribution,
    pub(crate) arrived: Timestamp,
    pub(crate) input: u64,
    pub(crate) usual: u64,
    /// The most that it can cost.
    pub(crate) worst: Money,
}

impl Call {
    pub(crate) fn facts(&self) -> Facts<'_> {
        let estimate = Estimate { input: self.input, output_usual: self.usual, output_most: self.usual };
        let output = OutputFacts { is_bounded: true, can_cut: true, ..OutputFacts::default() };
        Facts { attribution: &self.booked, model: MODEL, provider: None, stream: true, estimate, output }
    }

    pub(crate) fn payer(&self) -> Payer<'_> {
        Payer { attribution: &self.booked, model: MODEL }
    }
}

/// How a call is answered.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// What is left of each limit, and how much output its stream may make.
    Passed { left: Vec<u64>, granted: Option<u64> },
    /// Which limit is full, what is left of it, and when to come again.
    Limited { measure: Measure, left: u64, wait: Duration },
    /// Which budget is exhausted, and what is left of it.
    Exhausted { budget: Arc<str>, left: Money },
}

impl From<&Hold> for Verdict {
    fn from(hold: &Hold) -> Self {
        let left = hold.standings().iter().map(|standing| standing.remaining).collect();
        Self::Passed { left, granted: hold.output_granted() }
    }
}

impl From<Denied> for Verdict {
    fn from(denied: Denied) -> Self {
        let (measure, left) = (denied.standing.measure, denied.standing.remaining);
        match Fault::from(denied).retry {
            Retry::After(wait) => Self::Limited { measure, left, wait },
            other => panic!("a limit that says {other:?}"),
        }
    }
}

impl From<&Exhausted> for Verdict {
    fn from(exhausted: &Exhausted) -> Self {
        Self::Exhausted { budget: Arc::clone(&exhausted.budget), left: exhausted.left }
    }
}

/// What decides.
pub(crate) trait Engine {
    fn rules(&self) -> Rules;
    fn reserve(&mut self, call: &Call) -> Verdict;
    /// Whether the call holds so much more.
    fn extend(&mut self, id: CallId, more: Money) -> bool;
    /// How much more output the stream may make.
    fn grow(&mut self, id: CallId, tokens: u64) -> u64;
    fn settle(&mut self, id: CallId, used: Option<Used>, cost: Money);
    fn book(&mut self, row: &Record);
    fn refill(&mut self);
    /// The process dies; another one takes its place and brings in what the journal has.
    fn restart(&mut self, journal: &[Record]);
    /// So much time passes, in which the process is heard of.
    fn pass(&mut self, span: Duration);
    /// So much time passes while nothing is under way.
    fn leap(&mut self, span: Duration);
    /// What is held of all purses that are open now.
    fn held(&mut self) -> Money;
}

pub(crate) fn limits() -> Limits {
    let limit = |name: &str, each: &[Dimension], bounds: &[(Measure, Size)], shortage| Limit {
        name: name.into(),
        scope: Scope::default(),
        each: each.to_vec(),
        bounds: bounds.iter().map(|(measure, size)| Bound { measure: *measure, size: *size }).collect(),
        reserve: Reserve::Usual,
        shortage,
        mode: Mode::Enforce,
        when_away: WhenAway::FailClosed,
    };
    let of_keys = [
        (Measure::Requests, Size::Rate(REQUESTS)),
        (Measure::Tokens, Size::Rate(TOKENS)),
        (Measure::Streams, Size::AtMost(STREAMS)),
    ];
    let cut = Shortage::Cut { least: LEAST };
    Limits::new([
        limit("keys", &[Dimension::Key], &of_keys, Shortage::Refuse),
        limit("all", &[], &[(Measure::Calls, Size::AtMost(CALLS))], Shortage::Refuse),
        limit("streams", &[], &[(Measure::OutputTokens, Size::Rate(OUTPUT))], cut),
    ])
}

/// Budgets of the teams whose names begin so.
pub(crate) fn budgets(teams: &str) -> Vec<Budget> {
    let budget = |name: &str, amount: i64, window: Window| Budget {
        name: name.into(),
        scope: Scope { team: Some(format!("{teams}*")), ..Scope::default() },
        each: Vec::new(),
        amount: Money::from_nanos(amount),
        window,
        zone: Zone::named("Asia/Kolkata").unwrap(),
        starts: None,
        warn_at: Vec::new(),
        on_exhausted: OnExhausted::Refuse,
        when_away: WhenAway::FailClosed,
        shortage: Shortage::Refuse,
        reserve: Reserve::Most,
    };
    let red = Scope { team: Some(format!("{teams}red")), ..Scope::default() };
    vec![
        budget("day", 9_000, Window::Calendar(Unit::Day)),
        Budget { each: vec![Dimension::Team], ..budget("month", 7_000, Window::Calendar(Unit::Month)) },
        Budget { scope: red, ..budget("rolling", 6_000, Window::Rolling(30)) },
    ]
}

pub(crate) fn in_force(teams: &str) -> Arc<Budgets> {
    Arc::new(Budgets::new(budgets(teams)))
}
