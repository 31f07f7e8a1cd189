//! What calls of this process hold of purses and of calls at a time: said again to a server that may have lost it, that was
//! never asked, or that knows it by an earlier name of this process.

use super::script::{Invocation, Script};
use super::wire;
use crate::counters::{CounterKey, HoldId, Item, Kind};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tg_kernel::ids::CallId;

/// Most holds that are remembered. Those beyond it are known to the server alone.
const PLEDGES_MAX: usize = 1 << 20;

/// What is said again in one round trip at most.
const BATCH_MAX: usize = 64;

/// Shortest life of what is held: no call holds anything longer.
const LIFE_MIN_MILLIS: u64 = 24 * 3600 * 1000;

/// Who knows of a hold, by which name of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Side {
    /// A run of the server.
    pub(super) server: Arc<str>,
    pub(super) name: Arc<str>,
}

/// A call, or one of its tries: each holds apart.
type Place = (CallId, u16);

/// What one call holds, until its row is booked; or one of its tries, until it ends.
#[derive(Debug)]
struct Pledge {
    id: HoldId,
    /// Of each purse: the amount, and for how many milliseconds it is kept.
    purses: Vec<(CounterKey, u64, u64)>,
    /// Of each count of calls at a time: how many.
    going: Vec<(CounterKey, u64)>,
    /// Whether the call has ended, and only waits to be booked.
    ended: bool,
    /// How often it has changed.
    changes: u32,
    /// Who has granted it, or was told.
    by: Option<Side>,
}

/// What a server is told of one hold.
#[derive(Debug)]
pub(super) struct Said {
    id: HoldId,
    changes: u32,
    pub(super) invocation: Invocation,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pledges {
    of: HashMap<Place, Pledge>,
    /// How many of them hold money.
    with_money: usize,
    /// Who knows all but those that are owed.
    side: Option<Side>,
    owed: BTreeSet<Place>,
    /// Names by which it may hold what is owed.
    unsaid: Vec<Arc<str>>,
    /// The run of the server that was told that all was said.
    declared: Option<Arc<str>>,
    /// Names by which something is held that is not remembered.
    crowded: Vec<Arc<str>>,
}

impl Pledges {
    /// A call holds these; `side` is who took them, `None`: no server knows yet.
    pub(super) fn take(&mut self, id: &HoldId, items: &[Item], side: Option<&Side>) {
        let (purses, going) = (purses(items), going(items));
        // One that holds of rates alone is said, too: more may be asked for it.
        if side.is_none() && purses.is_empty() {
            return;
        }
        if self.of.len() >= PLEDGES_MAX {
            let name = side.map(|side| &side.name).filter(|name| !self.crowded.contains(name));
            self.crowded.extend(name.cloned());
            return;
        }
        if self.of.is_empty() && self.side.is_none() {
            // There was nothing that it could not know.
            self.side = side.cloned();
        }
        self.remove(id.place());
        self.with_money += usize::from(!purses.is_empty());
        let pledge = Pledge { id: id.clone(), purses, going, ended: false, changes: 0, by: side.cloned() };
        self.of.insert(id.place(), pledge);
        if side.is_none() || self.side.as_ref() != side {
            self.owed.insert(id.place());
        }
    }

    /// The call holds so much now, as a server has granted more. Another one may have been told of the call meanwhile.
    pub(super) fn grows(&mut self, id: &HoldId, items: &[Item], by: Option<&Side>) {
        if let Some(pledge) = self.of.get_mut(&id.place()).filter(|pledge| pledge.id == *id && !pledge.ended) {
            let had_money = !pledge.purses.is_empty();
            (pledge.purses, pledge.going) = (purses(items), going(items));
            pledge.changes = pledge.changes.wrapping_add(1);
            self.with_money += usize::from(!had_money && !pledge.purses.is_empty());
            if by.is_none() || self.side.as_ref() != by {
                self.owed.insert(id.place());
            }
        }
    }

    /// The call has ended and used so much of each purse; the rest is held no more.
    pub(super) fn ends(&mut self, id: &HoldId, used: impl Fn(&CounterKey) -> u64) {
        let Some(pledge) = self.of.get_mut(&id.place()).filter(|pledge| pledge.id == *id) else { return };
        for (key, amount, _) in &mut pledge.purses {
            *amount = used(key);
        }
        pledge.going.clear();
        pledge.ended = true;
        pledge.changes = pledge.changes.wrapping_add(1);
        if pledge.purses.iter().all(|(_, amount, _)| *amount == 0) {
            self.remove(id.place());
        }
    }

    /// The call's row is in the ledger. Answers as what it held, and by which name of this process: that is not to be given
    /// up before the server was told.
    pub(super) fn booked(&mut self, call: CallId) -> (HoldId, Option<Arc<str>>) {
        match self.remove(HoldId::of(call).place()) {
            Some(pledge) => (pledge.id, pledge.by.or_else(|| self.side.clone()).map(|side| side.name)),
            None => (HoldId::of(call), None),
        }
    }

    fn remove(&mut self, place: Place) -> Option<Pledge> {
        self.owed.remove(&place);
        let pledge = self.of.remove(&place)?;
        self.with_money -= usize::from(!pledge.purses.is_empty());
        Some(pledge)
    }

    /// Whether this server knows, by this name, what this call holds.
    pub(super) fn is_known(&self, id: &HoldId, side: Option<&Side>) -> bool {
        self.of.get(&id.place()).is_none_or(|pledge| pledge.by.as_ref() == side)
    }

    /// Whether any call holds money.
    pub(super) const fn is_any(&self) -> bool {
        self.with_money > 0
    }

    /// Whether this server is yet to be told of something.
    pub(super) fn owes(&self, side: &Side) -> bool {
        !self.owed.is_empty() || self.side.as_ref() != Some(side) || !self.has_declared(&side.server)
    }

    /// What this server is told next, by this name.
    pub(super) fn next(&mut self, side: &Side) -> Vec<Said> {
        if self.side.as_ref() != Some(side) {
            self.owed = self.of.keys().copied().collect();
            self.unsaid.extend(self.side.replace(side.clone()).map(|side| side.name));
        }
        if self.owed.is_empty() {
            self.unsaid.clear();
        }
        let Self { of, owed, .. } = self;
        // All that are owed are there: who takes a pledge away takes it from both.
        owed.iter().filter_map(|place| Some(of.get(place)?.said(&side.name))).take(BATCH_MAX).collect()
    }

    /// This server was told of these. Those that have changed since are owed still.
    pub(super) fn told(&mut self, side: &Side, said: impl Iterator<Item = Said>) {
        if self.side.as_ref() != Some(side) {
            return;
        }
        for Said { id, changes, .. } in said {
            let pledge = self.of.get_mut(&id.place()).filter(|pledge| pledge.id == id && pledge.changes == changes);
            if let Some(pledge) = pledge {
                pledge.by = Some(side.clone());
                self.owed.remove(&id.place());
            }
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
    fn said(&self, name: &str) -> Said {
        let mut keys = vec![wire::record(&self.id)];
        let mut arguments = vec![name.to_owned(), u8::from(self.ended).to_string()];
        for (key, amount, life) in &self.purses {
            keys.push(wire::purse(key));
            arguments.extend([amount.to_string(), life.to_string()]);
        }
        for (key, units) in &self.going {
            keys.push(wire::gauge(key));
            arguments.extend([units.to_string(), String::new()]);
        }
        let invocation = Invocation { script: Script::Restate, keys, arguments };
        Said { id: self.id.clone(), changes: self.changes, invocation }
    }
}

fn purses(items: &[Item]) -> Vec<(CounterKey, u64, u64)> {
    let of = |item: &Item| match item.kind {
        Kind::Purse(purse) => Some((item.key.clone(), item.taken, purse.keep_millis().max(LIFE_MIN_MILLIS))),
        Kind::Bucket(_) | Kind::Gauge(_) => None,
    };
    items.iter().filter_map(of).collect()
}

fn going(items: &[Item]) -> Vec<(CounterKey, u64)> {
    let is_going = |item: &&Item| matches!(item.kind, Kind::Gauge(_)) && item.taken > 0;
    items.iter().filter(is_going).map(|item| (item.key.clone(), item.taken)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Pledges, Side};
    use crate::counters::{CounterKey, HoldId, Item, Kind, Purse};
    use std::time::Duration;
    use tg_kernel::ids::CallId;

    fn items(taken: u64) -> [Item; 1] {
        let kind = Kind::Purse(Purse { cap: 9, keep: Duration::from_secs(1) });
        [Item { ask: 0, key: CounterKey::of(&["p"]), kind, taken, leased: false }]
    }

    fn going() -> [Item; 1] {
        [Item { ask: 0, key: CounterKey::of(&["g"]), kind: Kind::Gauge(9), taken: 1, leased: false }]
    }

    fn side(server: &str, name: &str) -> Side {
        Side { server: server.into(), name: name.into() }
    }

    #[test]
    fn each_server_is_told_once_and_another_one_again() {
        let (one, other) = (side("one", "i"), side("other", "i"));
        let (mut pledges, id) = (Pledges::default(), HoldId::of(CallId::fresh()));
        assert!(pledges.next(&one).is_empty() && pledges.owes(&one), "that it has nothing to say");
        pledges.declare(&one.server);
        pledges.take(&id, &items(5), Some(&one));
        assert!(!pledges.owes(&one), "it has taken it itself");
        let said = pledges.next(&other);
        assert_eq!(said[0].invocation.arguments, ["i", "0", "5", "86400000"]);
        let named = side("other", "j");
        assert_eq!(pledges.next(&named)[0].invocation.arguments[0], "j", "by another name it is said again, too");
        pledges.ends(&id, |_| 3);
        let said = pledges.next(&named);
        assert_eq!(said[0].invocation.arguments, ["j", "1", "3", "86400000"], "it was not heard");
        pledges.told(&named, said.into_iter());
        assert!(pledges.next(&named).is_empty() && pledges.is_known(&id, Some(&named)) && pledges.is_any());
        assert!(!pledges.is_known(&id, Some(&other)));
        assert_eq!(pledges.booked(id.call()), (id, Some("j".into())));
        assert!(pledges.next(&one).is_empty() && !pledges.is_any());
    }

    #[test]
    fn what_changed_while_it_was_said_is_said_again() {
        let (one, mut pledges, id) = (side("one", "i"), Pledges::default(), HoldId::of(CallId::fresh()));
        pledges.take(&id, &items(5), None);
        for change in 0..2 {
            let said = pledges.next(&one);
            if change == 0 {
                pledges.grows(&id, &items(7), Some(&one))
            } else {
                pledges.ends(&id, |_| 3)
            }
            pledges.told(&one, said.into_iter());
            assert!(pledges.owes(&one) && !pledges.is_known(&id, Some(&one)), "{change}");
        }
        let said = pledges.next(&one);
        assert_eq!(said[0].invocation.arguments[1..3], ["1", "3"]);
        pledges.told(&one, said.into_iter());
        assert!(pledges.next(&one).is_empty());
    }

    #[test]
    fn what_a_server_granted_that_is_gone_is_said_to_the_one_that_was_told_before_it_was_known() {
        let (one, other) = (side("one", "i"), side("other", "j"));
        let (mut pledges, id) = (Pledges::default(), HoldId::of(CallId::fresh()));
        pledges.take(&id, &items(5), Some(&one));
        let said = pledges.next(&other);
        pledges.told(&other, said.into_iter());
        pledges.declare(&other.server);
        assert!(!pledges.owes(&other));
        pledges.grows(&id, &items(7), Some(&one));
        assert!(pledges.owes(&other));
        let said = pledges.next(&other);
        assert_eq!(said[0].invocation.arguments, ["j", "0", "7", "86400000"]);
        pledges.told(&other, said.into_iter());
        pledges.grows(&id, &items(9), Some(&other));
        assert!(!pledges.owes(&other), "it has granted it itself");
    }

    #[test]
    fn what_no_server_was_asked_for_is_said_and_a_call_that_costs_nothing_is_forgotten() {
        let (one, mut pledges, id) = (side("one", "i"), Pledges::default(), HoldId::of(CallId::fresh()).again());
        pledges.next(&one);
        pledges.declare(&one.server);
        pledges.take(&id, &items(5), None);
        assert!(pledges.owes(&one) && !pledges.is_known(&id, Some(&one)));
        assert_eq!(pledges.next(&one).len(), 1);
        pledges.ends(&HoldId::of(id.call()), |_| 0);
        assert_eq!(pledges.next(&one).len(), 1, "another asking of it");
        pledges.ends(&id, |_| 0);
        assert!(pledges.next(&one).is_empty());
    }

    #[test]
    fn a_try_is_one_of_the_calls_at_a_time_until_it_ends_and_holds_no_money() {
        let (one, mut pledges, call) = (side("one", "i"), Pledges::default(), CallId::fresh());
        let id = HoldId::of_try(call, 1);
        pledges.take(&id, &going(), Some(&one));
        pledges.take(&HoldId::of(call), &items(5), Some(&one));
        let other = side("other", "i");
        let mut said: Vec<_> =
            pledges.next(&other).into_iter().map(|said| said.invocation.arguments.join(" ")).collect();
        said.sort();
        assert_eq!(said, ["i 0 1 ", "i 0 5 86400000"]);
        pledges.booked(call);
        assert!(!pledges.is_any() && pledges.next(&other).len() == 1);
        pledges.ends(&id, |_| 0);
        assert!(pledges.next(&other).is_empty());
    }
}
