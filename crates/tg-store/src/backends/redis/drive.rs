//! What goes on beside calls: the outbox is said, leases go back, and the server hears that this process lives.

use super::link::{Link, Patience};
use super::script::{Invocation, Script};
use super::{SharedCounters, SharedLink, lock, wire};
use crate::counters::{Away, CounterKey};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How often the server hears that this process lives: six times before it would be thought dead.
const BEAT_EVERY: Duration = Duration::from_secs(5);

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

    /// What calls of all processes hold of these purses, in nano-dollars; `None` of one that is not there.
    ///
    /// # Errors
    /// When no answer comes in time.
    pub async fn held_of(&self, purses: &[CounterKey]) -> Result<Vec<Option<u64>>, Away> {
        let mut all = Vec::with_capacity(purses.len());
        for some in purses.chunks(LOOKS_MAX) {
            let keys = some.iter().map(wire::purse).collect();
            let said = self.link.run(&Invocation { script: Script::Look, keys, arguments: Vec::new() }).await?;
            let redis::Value::Array(said) = said else { return Err(self.strange()) };
            all.extend(said.iter().map(|held| wire::number(held).and_then(|held| u64::try_from(held).ok())));
        }
        Ok(all)
    }
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
            heard = heard && self.say_all(&link).await.is_ok();
            if heard {
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
            self.0.push(wire::give(&key, rate, units), None, Vec::new());
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
        Link::new(Arc::clone(&self.0.place), Arc::clone(&self.0.speech), Patience { connect, command }, tally)
    }

    /// Says all that waits, in batches.
    pub(super) async fn say_all(&self, link: &Link) -> Result<(), Away> {
        let _turn = self.0.turn.lock().await;
        let back = lock(&self.0.leases).expired(self.0.born.elapsed());
        for (key, rate, units) in back {
            self.0.push(wire::give(&key, rate, units), None, Vec::new());
        }
        loop {
            let batch = lock(&self.0.outbox).first(self.0.speech.elapsed());
            if batch.is_empty() {
                break;
            }
            match link.run_all(&batch).await {
                // An entry that the server cannot make sense of would stop all behind it.
                Ok(answers) => {
                    let refused = answers.iter().filter(|answer| answer.is_err()).count();
                    lock(&self.0.outbox).heard(batch.len(), refused);
                }
                Err(away) => {
                    lock(&self.0.outbox).may_be_heard(batch.len());
                    return Err(away);
                }
            }
        }
        self.mend_losses(link).await
    }

    /// After more waited than there was room for: purses that missed a booking are to be filled from the ledger again, and
    /// what this process holds is given up, as settlements are missing of which nobody knows.
    async fn mend_losses(&self, link: &Link) -> Result<(), Away> {
        let (overflow, spoiled) = {
            let mut outbox = lock(&self.0.outbox);
            (outbox.take_overflow(), outbox.take_spoiled())
        };
        if overflow {
            lock(&self.0.incarnations).renounce();
            self.0.beat(link, "new").await?;
        }
        let mut left: BTreeSet<String> = spoiled;
        while let Some(purse) = left.pop_first() {
            let keep = crate::counters::PERIOD_MAX.as_millis().to_string();
            let arguments = vec![String::new(), String::new(), keep];
            let invocation = Invocation { script: Script::Seed, keys: vec![purse.clone()], arguments };
            if let Err(away) = link.run(&invocation).await {
                left.insert(purse);
                lock(&self.0.outbox).put_spoiled(left);
                return Err(away);
            }
        }
        Ok(())
    }
}
