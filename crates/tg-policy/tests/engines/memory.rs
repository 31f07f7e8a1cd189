//! The engine in one process's memory.

use super::books::Books;
use super::rules::{Call, Engine, Rules, Verdict, in_force, limits};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::{Clock as _, ManualClock};
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_policy::admit::budget::{Purses, Want};
use tg_policy::admit::{Counters, Hold, Limits, Used};

/// See the module.
pub(crate) struct Memory<'a> {
    clock: Arc<ManualClock>,
    teams: String,
    books: &'a Books,
    limits: Limits,
    counters: Counters,
    purses: Purses,
    holds: HashMap<CallId, (Hold, Money)>,
}

impl<'a> Memory<'a> {
    pub(crate) fn new(clock: &Arc<ManualClock>, teams: &str, books: &'a Books) -> Self {
        let (counters, purses) = (Counters::default(), Purses::default());
        let (clock, teams, holds) = (Arc::clone(clock), teams.to_owned(), HashMap::new());
        let mut engine = Self { clock, teams, books, limits: limits(), counters, purses, holds };
        engine.begin();
        engine
    }

    fn begin(&mut self) {
        (self.counters, self.purses) = (Counters::default(), Purses::default());
        self.holds.clear();
        self.purses.propose(in_force(&self.teams));
        self.purses.load(self.clock.now(), |query, each| self.books.spent(query, each)).unwrap();
    }
}

impl Engine for Memory<'_> {
    fn rules(&self) -> Rules {
        Rules { counts_outlive: false, turns: false }
    }

    fn reserve(&mut self, call: &Call) -> Verdict {
        if let Err(exhausted) = self.purses.reserve(call.id, &call.payer(), call.arrived, &Want::fixed(call.worst)) {
            return Verdict::from(&*exhausted);
        }
        match self.limits.admit_call(&call.facts(), &self.counters, self.clock.monotonic()) {
            Ok(hold) => {
                let verdict = Verdict::from(&hold);
                self.holds.insert(call.id, (hold, call.worst));
                verdict
            }
            Err(denied) => {
                self.purses.settle(call.id, Money::ZERO);
                denied.into()
            }
        }
    }

    fn extend(&mut self, id: CallId, more: Money) -> bool {
        let (_, held) = self.holds.get_mut(&id).unwrap();
        let fits = self.purses.raise(id, &Want::fixed(held.plus(more))).is_ok();
        if fits {
            *held = held.plus(more);
        }
        fits
    }

    fn grow(&mut self, id: CallId, tokens: u64) -> u64 {
        let (hold, _) = self.holds.get_mut(&id).unwrap();
        self.counters.extend([hold], tokens, self.clock.monotonic())
    }

    fn settle(&mut self, id: CallId, used: Option<Used>, cost: Money) {
        let (hold, _) = self.holds.remove(&id).unwrap();
        self.counters.settle(hold, used, self.clock.monotonic());
        // Twice, as whoever settles may be asked to.
        self.purses.settle(id, cost);
        self.purses.settle(id, cost);
    }

    fn book(&mut self, row: &Record) {
        self.books.append(std::slice::from_ref(row));
        self.purses.book(std::slice::from_ref(row));
    }

    fn refill(&mut self) {
        // Its purses are filled at a start alone.
    }

    fn restart(&mut self, journal: &[Record]) {
        self.books.append(journal);
        self.begin();
    }

    fn pass(&mut self, span: Duration) {
        self.clock.advance(span);
    }

    fn leap(&mut self, span: Duration) {
        self.clock.advance(span);
    }

    fn held(&mut self) -> Money {
        self.purses.view(self.clock.now()).iter().fold(Money::ZERO, |sum, purse| sum.plus(purse.held))
    }
}
