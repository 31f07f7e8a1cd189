//! Purses are filled from the ledger, once it is known what is held of them; and what calls hold is said again.

use super::drive::BEAT_EVERY;
use super::link::Link;
use super::script::{Invocation, Script};
use super::{Shared, SharedCounters, SharedLink, lock, wire};
use crate::counters::{Away, CounterKey, HoldId, Item, Kind, Mark, Purse};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// What a server answers that does not know the name by which something is said.
const NOT_KNOWN: i128 = 2;

/// Whether a purse was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeding {
    /// It is filled.
    Done,
    /// The sum must be made again, for this mark: the purse was lost or asked for anew in the meantime.
    Again(Mark),
    /// The sum is to be said again after so long: it is not known yet what calls hold, as the server may have lost that and
    /// other processes are yet to say it.
    Later(Duration),
}

impl SharedLink {
    /// Fills a purse with what the ledger says was spent, for a mark that [`Reserved::Unseeded`] named. The sum must have
    /// been begun after the mark was heard. What was booked since is added, but for rows that were appended before the sum was
    /// begun, as far as the mark [knows](Mark::begun_after); one of that very moment is counted twice rather than not at all. Before that, the server hears what calls of this process hold.
    ///
    /// # Errors
    /// When no answer comes in time.
    pub async fn seed(&self, purse: &CounterKey, mark: Mark, spent: u64, keep: Duration) -> Result<Seeding, Away> {
        self.shared.restate(&self.link).await?;
        let keep = crate::counters::Purse { cap: 0, keep }.keep_millis();
        let arguments = vec![mark.asked.to_string(), spent.to_string(), keep.to_string(), mark.from.to_string()];
        let invocation = Invocation { script: Script::Seed, keys: vec![wire::purse(purse)], arguments };
        let said = self.link.run(&invocation).await?;
        let redis::Value::Array(said) = said else { return Err(self.strange()) };
        match said.iter().filter_map(wire::number).collect::<Vec<_>>()[..] {
            [1] => Ok(Seeding::Done),
            [2, micros] => Ok(Seeding::Later(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))),
            [0, asked, from] => {
                let micros = |number: i128| u64::try_from(number).unwrap_or(0);
                Ok(Seeding::Again(Mark { asked: micros(asked), from: micros(from) }))
            }
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
        self.0.push(wire::settle(id, items.iter().map(|item| (item, nanos))));
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
    /// Tells the server what calls of this process hold, as far as it was not told, and that this is all.
    pub(super) async fn restate(&self, link: &Link) -> Result<(), Away> {
        let Some(side) = self.side(link.server()) else { return Ok(()) };
        if !lock(&self.pledges).owes(&side) {
            return Ok(());
        }
        let _turn = self.telling.lock().await;
        let mut beat_at = Instant::now();
        loop {
            // Where there is much to say, the server is to know meanwhile that this process lives.
            if Instant::now() >= beat_at {
                self.beat(link, "on").await?;
                beat_at = Instant::now() + BEAT_EVERY;
            }
            let Some(side) = self.side(link.server()) else { return Ok(()) };
            let batch = lock(&self.pledges).next(&side);
            if batch.is_empty() {
                return self.declare(link, &side.server).await;
            }
            let invocations: Vec<Invocation> = batch.iter().map(|said| said.invocation.clone()).collect();
            let answers = link.run_all(&invocations).await?;
            // Another run may have answered, or one that does not know this name yet: it is told with the next turn.
            let is_heard = |answer: &Result<redis::Value, String>| {
                !answer.as_ref().is_ok_and(|said| wire::number(said) == Some(NOT_KNOWN))
            };
            if link.server().as_ref() != Some(&side.server) || !answers.iter().all(is_heard) {
                return Ok(());
            }
            lock(&self.pledges).told(&side, batch.into_iter());
        }
    }

    /// Tells the server that all was said, once.
    async fn declare(&self, link: &Link, server: &Arc<str>) -> Result<(), Away> {
        if lock(&self.pledges).has_declared(server) {
            return Ok(());
        }
        let process = lock(&self.incarnations).process().to_owned();
        let arguments = vec![process, self.before.load(Ordering::Relaxed).max(1).to_string()];
        link.run(&Invocation { script: Script::Declare, keys: Vec::new(), arguments }).await?;
        if link.server().as_ref() == Some(server) {
            lock(&self.pledges).declare(server);
        }
        Ok(())
    }
}
