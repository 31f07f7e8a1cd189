//! What goes on beside calls: the outbox is said, leases go back, and the server hears that this process lives.

use super::link::{Link, Patience};
use super::script::{Invocation, Script};
use super::{SharedCounters, SharedLink, lock, wire};
use crate::counters::{Away, CounterKey};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How often the server hears that this process lives: often enough to notice soon that it is another, which may have lost
/// what calls hold.
pub(super) const BEAT_EVERY: Duration = Duration::from_millis(500);

/// How often it is looked for leases that have ended.
const LEASES_EVERY: Duration = Duration::from_millis(250);

/// Most purses that are looked at in one step, which others wait for.
const LOOKS_MAX: usize = 100;

/// How long is waited before something is said again that was not heard.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How long is waited for an answer here, where no call waits: so many times a call's patience.
const PATIENCE_FACTOR: u32 = 10;

/// How often it is looked whether a thread's connection is there.
const CONNECT_EVERY: Duration = Duration::from_millis(200);

impl SharedLink {
    /// Keeps this thread's connection, for as long as it is polled: a connection takes longer than calls wait, and where
    /// they are few, none would stay long enough to make it.
    pub async fn keep(&self) {
        loop {
            self.link.connect().await;
            sleep(CONNECT_EVERY).await;
        }
    }

    /// What is held of these purses by calls of all processes, and what is spent of them.
    ///
    /// # Errors
    /// When no answer comes in time.
    pub async fn look(&self, purses: &[CounterKey]) -> Result<Vec<Seen>, Away> {
        let mut all = Vec::with_capacity(purses.len());
        for some in purses.chunks(LOOKS_MAX) {
            let keys = some.iter().map(wire::purse).collect();
            let arguments = some.iter().map(wire::common_of).collect();
            let said = self.link.run(&Invocation { script: Script::Look, keys, arguments }).await?;
            let redis::Value::Array(said) = said else { return Err(self.strange()) };
            let number = |value: &redis::Value| wire::number(value).and_then(|number| u64::try_from(number).ok());
            let seen = |two: &[redis::Value]| match two {
                [held, spent] => Some(Seen { held: number(held), spent: number(spent) }),
                _ => None,
            };
            all.extend(said.chunks(2).map_while(seen));
        }
        if all.len() == purses.len() { Ok(all) } else { Err(self.strange()) }
    }
}

/// What is seen of a purse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What calls of all processes hold of it, in nano-dollars; `None` where it is not there.
    pub held: Option<u64>,
    /// What is spent of it, in nano-dollars; `None` where that is not known now.
    pub spent: Option<u64>,
}

impl SharedCounters {
    /// Says what is to be said, for as long as it is polled. One for a process.
    pub async fn drive(&self) {
        let link = self.patient_link();
        let mut beat_at = Instant::now();
        let mut fresh = true;
        loop {
            let mut heard = true;
            if Instant::now() >= beat_at {
                heard = self.0.beat(&link, if fresh { "new" } else { "on" }).await.is_ok();
                if heard {
                    fresh = false;
                    beat_at = Instant::now() + BEAT_EVERY;
                }
            }
            // What is held comes first: purses of a server that lost it are not believed before.
            heard = heard && self.0.restate(&link).await.is_ok();
            let said = if heard { self.say_some(&link).await.ok() } else { None };
            if let Some(is_all) = said {
                if !is_all {
                    continue;
                }
                if self.0.bury() {
                    beat_at = Instant::now();
                    continue;
                }
                let _ = timeout(LEASES_EVERY, self.0.bell.notified()).await;
            } else {
                sleep(AGAIN_AFTER).await;
            }
        }
    }

    /// Gives back what is leased, says what is still to be said, and takes leave. Takes at most so long.
    ///
    /// # Errors
    /// When not all could be said.
    pub async fn finish(&self, within: Duration) -> Result<(), Away> {
        let link = self.patient_link();
        let back = lock(&self.0.leases).all();
        for (key, rate, units) in back {
            self.0.push(wire::give(&key, rate, units));
        }
        let end = Instant::now() + within;
        loop {
            let said = match self.say_all(&link).await {
                Ok(()) => self.0.beat(&link, "leave").await,
                Err(away) => Err(away),
            };
            if said.is_ok() || Instant::now() + AGAIN_AFTER >= end {
                return said;
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    fn patient_link(&self) -> Link {
        let Patience { connect, command } = self.0.patience;
        let command = (command * PATIENCE_FACTOR).max(connect);
        let tally = Arc::clone(&self.0.tally);
        let (place, speech) = (Arc::clone(&self.0.place), Arc::clone(&self.0.speech));
        // No longer a rest than between two tries: calls that come when the server is back must not wait for ends to be said.
        Link::new(place, speech, Patience { connect, command }, tally).resting(AGAIN_AFTER)
    }

    /// Says all that waits.
    pub(super) async fn say_all(&self, link: &Link) -> Result<(), Away> {
        while !self.say_some(link).await? {}
        Ok(())
    }

    /// Says what waits, as much as is said at a time. Answers whether that was all.
    pub(super) async fn say_some(&self, link: &Link) -> Result<bool, Away> {
        let _turn = self.0.turn.lock().await;
        let back = lock(&self.0.leases).expired(self.0.born.elapsed());
        for (key, rate, units) in back {
            self.0.push(wire::give(&key, rate, units));
        }
        let batch = lock(&self.0.outbox).first(self.0.speech.elapsed());
        if batch.is_empty() {
            return self.mend_losses(link).await;
        }
        let said = link.run_all(&batch).await;
        // Another run of the server than the one that knows this process: what it heard, that one may never hear.
        if said.is_ok() && *lock(&self.0.counted_by) != link.server() {
            lock(&self.0.outbox).may_be_heard(batch.len());
            self.0.beat(link, "on").await?;
            return Ok(false);
        }
        match said {
            // An entry that the server cannot make sense of would stop all behind it.
            Ok(answers) => {
                let refused = answers.iter().filter(|answer| answer.is_err()).count();
                lock(&self.0.outbox).heard(batch.len(), refused);
                Ok(false)
            }
            Err(away) => {
                lock(&self.0.outbox).may_be_heard(batch.len());
                Err(away)
            }
        }
    }

    /// After more waited than there was room for: purses that missed a booking are to be filled from the ledger again, some
    /// at a time; and this process goes on under another name, under which what its calls hold is said again, as settlements
    /// are missing of which nobody knows. Answers whether that was all.
    async fn mend_losses(&self, link: &Link) -> Result<bool, Away> {
        if lock(&self.0.outbox).take_overflow() {
            {
                let mut names = lock(&self.0.incarnations);
                let current = names.current();
                let _ = names.renew(&current);
            }
            self.0.beat(link, "new").await?;
        }
        let purses = lock(&self.0.outbox).spoiled();
        if purses.is_empty() {
            return Ok(true);
        }
        let keep = crate::counters::PERIOD_MAX.as_millis().to_string();
        let said = |purse: &String| {
            let arguments = vec![String::new(), String::new(), keep.clone()];
            Invocation { script: Script::Seed, keys: vec![purse.clone()], arguments }
        };
        let all: Vec<Invocation> = purses.iter().map(said).collect();
        link.run_all(&all).await?;
        // Each is remembered until the server was told.
        lock(&self.0.outbox).mended(&purses);
        Ok(false)
    }
}
