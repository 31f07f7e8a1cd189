//! Purses are filled from the ledger, once it is known what is held of them; and what calls hold is said again.

use super::link::Link;
use super::script::{Invocation, Script};
use super::{Shared, SharedCounters, SharedLink, lock, wire};
use crate::counters::{Away, CounterKey, HoldId, Item, Kind, Purse};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Whether a purse was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeding {
    /// It is filled.
    Done,
    /// The sum must be made again, for this mark: the purse was lost or asked for anew in the meantime.
    Again(u64),
    /// The sum is to be said again after so long: it is not known yet what calls hold, as the server may have lost that and
    /// other processes are yet to say it.
    Later(Duration),
}

impl SharedLink {
    /// Fills a purse with what the ledger says was spent, for a mark that [`Reserved::Unseeded`] named. The sum must have
    /// been begun after the mark was heard. What was booked since is added; a booking that the sum has, too, is counted
    /// twice rather than not at all. Before that, the server hears what calls of this process hold.
    ///
    /// # Errors
    /// When no answer comes in time.
    pub async fn seed(&self, purse: &CounterKey, mark: u64, spent: u64, keep: Duration) -> Result<Seeding, Away> {
        self.shared.restate(&self.link).await?;
        let keep = crate::counters::Purse { cap: 0, keep }.keep_millis();
        let arguments = vec![mark.to_string(), spent.to_string(), keep.to_string()];
        let invocation = Invocation { script: Script::Seed, keys: vec![wire::purse(purse)], arguments };
        let said = self.link.run(&invocation).await?;
        let redis::Value::Array(said) = said else { return Err(self.strange()) };
        match said.iter().filter_map(wire::number).collect::<Vec<_>>()[..] {
            [1] => Ok(Seeding::Done),
            [2, micros] => Ok(Seeding::Later(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))),
            [0, mark] => Ok(Seeding::Again(u64::try_from(mark).unwrap_or(0))),
            _ => Err(self.strange()),
        }
    }
}

impl SharedCounters {
    /// A call holds so much of these purses, though the server was not asked: it was away. It is told when it is back.
    /// Whoever says this owes [`SharedCounters::ends`]. Waits for nothing.
    pub fn holds(&self, id: &HoldId, purses: &[(CounterKey, u64, Duration)]) {
        let item = |(ask, (key, taken, keep)): (usize, &(CounterKey, u64, Duration))| {
            let kind = Kind::Purse(Purse { cap: 0, keep: *keep });
            Item { ask, key: key.of_holds(), kind, taken: *taken, leased: false }
        };
        let items: Vec<Item> = purses.iter().enumerate().map(item).collect();
        lock(&self.0.pledges).take(id, &items, None);
        self.0.bell.notify_one();
    }

    /// Such a call has ended and used so much of each of them, which stays held until it is booked. Waits for nothing.
    pub fn ends(&self, id: &HoldId, purses: &[CounterKey], nanos: u64) {
        lock(&self.0.pledges).ends(id, |_| nanos);
        let kind = Kind::Purse(Purse { cap: 0, keep: Duration::ZERO });
        let item = |key: &CounterKey| Item { ask: 0, key: key.of_holds(), kind, taken: 0, leased: false };
        let items: Vec<Item> = purses.iter().map(item).collect();
        self.0.push(wire::settle(id, items.iter().map(|item| (item, nanos))), None, Vec::new());
    }
}

impl SharedCounters {
    /// Whether a call of this process holds money, or waits to be booked.
    #[must_use]
    pub fn holds_any(&self) -> bool {
        lock(&self.0.pledges).is_any()
    }
}

impl Shared {
    /// Tells the server what calls of this process hold of purses, as far as it was not told, and that this is all.
    pub(super) async fn restate(&self, link: &Link) -> Result<(), Away> {
        let Some(server) = link.server() else { return Ok(()) };
        if !lock(&self.pledges).owes(&server) {
            return Ok(());
        }
        let _turn = self.telling.lock().await;
        self.beat(link, "on").await?;
        loop {
            let incarnation = lock(&self.incarnations).current();
            let batch = lock(&self.pledges).next(&server, &incarnation);
            if batch.is_empty() {
                break;
            }
            let (calls, invocations): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            drop(link.run_all(&invocations).await?);
            // Another run may have answered: it is told with the next turn.
            if link.server().as_ref() != Some(&server) {
                return Ok(());
            }
            lock(&self.pledges).told(&server, calls.into_iter());
        }
        if lock(&self.pledges).has_declared(&server) {
            return Ok(());
        }
        let (incarnation, before) = (lock(&self.incarnations).current(), self.before.load(Ordering::Relaxed));
        let arguments = vec![(*incarnation).to_owned(), before.max(1).to_string()];
        link.run(&Invocation { script: Script::Declare, keys: Vec::new(), arguments }).await?;
        if link.server().as_ref() == Some(&server) {
            lock(&self.pledges).declare(&server);
        }
        Ok(())
    }
}
