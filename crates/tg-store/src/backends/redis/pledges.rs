//! What calls of this process hold of purses: said again to a server that may have lost it, or that was never asked.

use super::script::{Invocation, Script};
use super::wire;
use crate::counters::{CounterKey, HoldId, Item, Kind};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tg_kernel::ids::CallId;

/// Most calls whose holds are remembered. Those beyond it are known to the server alone.
const PLEDGES_MAX: usize = 1 << 20;

/// What is said again in one round trip at most.
const BATCH_MAX: usize = 64;

/// Shortest life of what is held: no call holds anything longer.
const LIFE_MIN_MILLIS: u64 = 24 * 3600 * 1000;

/// What one call holds, until its row is booked.
#[derive(Debug)]
struct Pledge {
    id: HoldId,
    /// Of each purse: the amount, and for how many milliseconds it is kept.
    purses: Vec<(CounterKey, u64, u64)>,
    /// Whether the call has ended, and only waits to be booked.
    ended: bool,
    /// The run of the server that has granted it, or was told.
    by: Option<Arc<str>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pledges {
    of: HashMap<CallId, Pledge>,
    /// The run of the server that knows all but those that are owed.
    server: Option<Arc<str>>,
    owed: BTreeSet<CallId>,
    /// The run of the server that was told that all was said.
    declared: Option<Arc<str>>,
}

impl Pledges {
    /// A call holds these; `server` is the one that took them, `None`: no server knows yet.
    pub(super) fn take(&mut self, id: &HoldId, items: &[Item], server: Option<&Arc<str>>) {
        let purses = purses(items);
        if purses.is_empty() || self.of.len() >= PLEDGES_MAX {
            return;
        }
        if self.of.is_empty() && self.server.is_none() {
            // There was nothing that it could not know.
            self.server = server.cloned();
        }
        self.of.insert(id.call(), Pledge { id: id.clone(), purses, ended: false, by: server.cloned() });
        self.owes_unless(id.call(), server);
    }

    /// The call holds so much now, as a server has granted more.
    pub(super) fn grows(&mut self, id: &HoldId, items: &[Item], server: Option<&Arc<str>>) {
        if let Some(pledge) = self.of.get_mut(&id.call()).filter(|pledge| pledge.id == *id && !pledge.ended) {
            pledge.purses = purses(items);
            pledge.by = server.cloned();
            self.owes_unless(id.call(), server);
        }
    }

    /// The call has ended and used so much of each; the rest is held no more.
    pub(super) fn ends(&mut self, id: &HoldId, used: impl Fn(&CounterKey) -> u64) {
        let Some(pledge) = self.of.get_mut(&id.call()).filter(|pledge| pledge.id == *id) else { return };
        for (key, amount, _) in &mut pledge.purses {
            *amount = used(key);
        }
        pledge.ended = true;
        if pledge.purses.iter().all(|(_, amount, _)| *amount == 0) {
            self.of.remove(&id.call());
            self.owed.remove(&id.call());
        }
    }

    /// The call's row is in the ledger. Answers by which name it held.
    pub(super) fn booked(&mut self, call: CallId) -> HoldId {
        self.owed.remove(&call);
        self.of.remove(&call).map_or(HoldId::of(call), |pledge| pledge.id)
    }

    /// Whether this server knows what this call holds of purses.
    pub(super) fn is_known(&self, call: CallId, server: Option<&Arc<str>>) -> bool {
        self.of.get(&call).is_none_or(|pledge| pledge.by.as_ref() == server)
    }

    /// Whether any call holds something.
    pub(super) fn is_any(&self) -> bool {
        !self.of.is_empty()
    }

    fn owes_unless(&mut self, call: CallId, server: Option<&Arc<str>>) {
        if server.is_none() || self.server.as_ref() != server {
            self.owed.insert(call);
        }
    }

    /// No server is known to know anything.
    pub(super) fn forget(&mut self) {
        (self.server, self.declared) = (None, None);
        self.of.values_mut().for_each(|pledge| pledge.by = None);
    }

    /// Whether this server is yet to be told of something.
    pub(super) fn owes(&self, server: &Arc<str>) -> bool {
        !self.owed.is_empty() || self.declared.as_ref() != Some(server)
    }

    /// What this server is told next, by the name of a process; with the calls of which it is said.
    pub(super) fn next(&mut self, server: &Arc<str>, incarnation: &str) -> Vec<(CallId, Invocation)> {
        if self.server.as_ref() != Some(server) {
            self.owed = self.of.keys().copied().collect();
            self.server = Some(Arc::clone(server));
        }
        let Self { of, owed, .. } = self;
        // All that are owed are there: who takes a pledge away takes it from both.
        let said = |call: &CallId| Some((*call, of.get(call)?.said(incarnation)));
        owed.iter().filter_map(said).take(BATCH_MAX).collect()
    }

    /// This server was told of these.
    pub(super) fn told(&mut self, server: &Arc<str>, calls: impl Iterator<Item = CallId>) {
        if self.server.as_ref() == Some(server) {
            calls.for_each(|call| {
                self.owed.remove(&call);
                if let Some(pledge) = self.of.get_mut(&call) {
                    pledge.by = Some(Arc::clone(server));
                }
            });
        }
    }

    /// This server was told that all was said.
    pub(super) fn declare(&mut self, server: &Arc<str>) {
        self.declared = Some(Arc::clone(server));
    }

    /// Whether this server was told that all was said.
    pub(super) fn has_declared(&self, server: &Arc<str>) -> bool {
        self.declared.as_ref() == Some(server)
    }
}

impl Pledge {
    fn said(&self, incarnation: &str) -> Invocation {
        let mut keys = vec![wire::record(&self.id)];
        let mut arguments = vec![incarnation.to_owned(), u8::from(self.ended).to_string()];
        for (key, amount, life) in &self.purses {
            keys.push(wire::purse(key));
            arguments.extend([amount.to_string(), life.to_string()]);
        }
        Invocation { script: Script::Restate, keys, arguments }
    }
}

fn purses(items: &[Item]) -> Vec<(CounterKey, u64, u64)> {
    let of = |item: &Item| match item.kind {
        Kind::Purse(purse) => Some((item.key.clone(), item.taken, purse.keep_millis().max(LIFE_MIN_MILLIS))),
        Kind::Bucket(_) | Kind::Gauge(_) => None,
    };
    items.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::Pledges;
    use crate::counters::{CounterKey, HoldId, Item, Kind, Purse};
    use std::sync::Arc;
    use std::time::Duration;
    use tg_kernel::ids::CallId;

    fn items(taken: u64) -> [Item; 1] {
        let kind = Kind::Purse(Purse { cap: 9, keep: Duration::from_secs(1) });
        [Item { ask: 0, key: CounterKey::of(&["p"]), kind, taken, leased: false }]
    }

    #[test]
    fn each_server_is_told_once_and_another_one_again() {
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let (mut pledges, id) = (Pledges::default(), HoldId::of(CallId::fresh()));
        assert!(pledges.next(&one, "i").is_empty() && pledges.owes(&one), "that it has nothing to say");
        pledges.declare(&one);
        pledges.take(&id, &items(5), Some(&one));
        assert!(!pledges.owes(&one), "it has taken it itself");
        let said = pledges.next(&other, "i");
        assert_eq!(said[0].1.arguments, ["i", "0", "5", "86400000"]);
        pledges.ends(&id, |_| 3);
        assert_eq!(pledges.next(&other, "j")[0].1.arguments, ["j", "1", "3", "86400000"], "it was not heard");
        pledges.told(&other, [id.call()].into_iter());
        assert!(pledges.next(&other, "j").is_empty() && pledges.is_known(id.call(), Some(&other)));
        assert_eq!(pledges.booked(id.call()), id);
        assert!(pledges.next(&one, "j").is_empty());
    }

    #[test]
    fn what_no_server_was_asked_for_is_said_and_a_call_that_costs_nothing_is_forgotten() {
        let one: Arc<str> = "one".into();
        let (mut pledges, id) = (Pledges::default(), HoldId::of(CallId::fresh()).again());
        pledges.next(&one, "i");
        pledges.declare(&one);
        pledges.take(&id, &items(5), None);
        assert!(pledges.owes(&one) && !pledges.is_known(id.call(), Some(&one)));
        assert_eq!(pledges.next(&one, "i").len(), 1);
        pledges.ends(&HoldId::of(id.call()), |_| 0);
        assert_eq!(pledges.next(&one, "i").len(), 1, "another asking of it");
        pledges.ends(&id, |_| 0);
        assert!(pledges.next(&one, "i").is_empty());
    }
}
