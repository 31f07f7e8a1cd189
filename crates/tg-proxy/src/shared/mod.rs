//! Counts that this gateway shares with others: limits and budgets of many replicas, kept in one place outside.
//!
//! A call asks for all that it meets in one round trip ([`crate::settle`] holds what came of it). Settlements and bookings
//! are said behind its back. What is spent of a purse is summed from the ledger by a thread of its own ([`sums`]).

pub mod sums;

use crate::living::Living;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use sums::{Sum, Summer};
use tg_kernel::clock::Timestamp;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_policy::admit::WhenAway;
use tg_policy::admit::budget::{Purses, SharedPurse};
use tg_store::counters::{Away, CounterKey, Mark, Standing, Unseeded};
use tg_store::shared::{Figures, Seeding, Seen, SharedCounters, SharedLink};

/// When a caller is asked to come again while counters, or what is spent of budgets, are away.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// How often it is looked at what is held.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often what a purse has spent is summed again for one call, as it was lost in the meantime.
const SUMS_MAX: usize = 5;

/// How often it is asked whether all gateways have said what their calls hold, and how many times at most: for longer than
/// the server waits for them.
const LATER_EVERY: Duration = Duration::from_millis(50);
const LATER_MAX: usize = 100;

/// How a gateway counts together with others.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many gateways there are; `None`: as many as were heard of last.
    pub replicas: Option<u32>,
    /// So many hundredths of each rate are taken ahead of need.
    pub lease_percent: u8,
    /// How long a call waits for sums.
    pub sum_timeout: Duration,
}

/// What this process has of shared counts.
pub struct Shared {
    /// The counts.
    pub counters: SharedCounters,
    pub(crate) settings: Settings,
    summer: Summer,
    tally: Tally,
}

/// What was decided without the shared counts, or could not be.
#[derive(Debug, Default)]
struct Tally {
    local: AtomicU64,
    shadow: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
}

/// What was decided without the shared counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Calls and tries that were counted in this process, by its share.
    pub local: u64,
    /// Those that passed uncounted.
    pub shadow: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Those that were refused as nobody could say in time what is spent.
    pub unknown: u64,
}

/// By what a call was decided that was decided without the shared counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Instead {
    /// By this process's share.
    Local,
    /// By nothing.
    Shadow,
}

impl Instead {
    /// The word in the header.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Shadow => "shadow",
        }
    }
}

/// Why something could not be taken of shared counts.
#[derive(Debug)]
pub(crate) enum Absence {
    /// They did not answer.
    Away(Away),
    /// What is spent of a budget is not known, and could not be found out in time.
    Unsummed,
}

impl From<Away> for Absence {
    fn from(away: Away) -> Self {
        Self::Away(away)
    }
}

impl Shared {
    /// Of these counts. The sums are made by who runs the other end of the summer.
    #[must_use]
    pub fn new(counters: SharedCounters, settings: Settings, summer: Summer) -> Self {
        Self { counters, settings, summer, tally: Tally::default() }
    }

    /// How the counts stand.
    #[must_use]
    pub fn figures(&self) -> (Figures, Decisions) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Tally { local, shadow, refused, unknown } = &self.tally;
        let decisions = Decisions { local: of(local), shadow: of(shadow), refused: of(refused), unknown: of(unknown) };
        (self.counters.figures(), decisions)
    }

    /// How many replicas share, as far as is known.
    pub(crate) fn replicas(&self) -> u32 {
        self.settings.replicas.unwrap_or_else(|| self.counters.figures().replicas).max(1)
    }

    /// What happens to a call all of whose counts are answered for by these.
    ///
    /// # Errors
    /// Where one of them wants it refused.
    pub(crate) fn instead(
        &self,
        absence: &Absence,
        modes: impl Iterator<Item = WhenAway>,
    ) -> Result<Option<Instead>, Fault> {
        let worst = modes.max();
        let (count, instead) = match worst {
            None => return Ok(None),
            Some(WhenAway::FailOpenLocal) => (&self.tally.local, Instead::Local),
            Some(WhenAway::Shadow) => (&self.tally.shadow, Instead::Shadow),
            Some(WhenAway::FailClosed) => {
                let count = if matches!(absence, Absence::Away(_)) { &self.tally.refused } else { &self.tally.unknown };
                count.fetch_add(1, Ordering::Relaxed);
                return Err(unavailable(absence));
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Some(instead))
    }

    /// Makes sure that it is known what is left of these purses, of which this process has a share while they are away: by
    /// what was seen last, else by what the ledger says.
    ///
    /// # Errors
    /// When neither is to be had in time.
    pub(crate) async fn know(&self, purses: &Purses, local: &[SharedPurse], absence: &Absence) -> Result<(), Fault> {
        let unknown = purses.unknown(local);
        if unknown.is_empty() {
            return Ok(());
        }
        let sums = unknown.iter().map(|purse| self.summer.sum((*purse).clone()));
        let sums = match absence {
            Absence::Away(_) => {
                tokio::time::timeout(self.settings.sum_timeout, futures_util::future::join_all(sums)).await.ok()
            }
            // It was waited for that already.
            Absence::Unsummed => None,
        };
        let sums: Option<Vec<Sum>> = sums.and_then(|sums| sums.into_iter().collect());
        let Some(sums) = sums else {
            self.tally.unknown.fetch_add(1, Ordering::Relaxed);
            return Err(unavailable(&Absence::Unsummed));
        };
        unknown.into_iter().zip(sums).for_each(|(purse, Sum { sum, .. })| purses.know(purse, sum));
        Ok(())
    }

    /// Looks from time to time at what is held and spent of the purses that are known here, for those who want to see it, and
    /// for when they are away; for as long as it is polled. A purse that lacks calls which the ledger has, as a gateway did not
    /// know its budget or could not say them, is summed anew.
    pub async fn watch(&self, living: &Living) {
        let link = self.counters.link();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (at, now) = (living.clock.now(), living.clock.monotonic());
            let (names, keys): (Vec<String>, Vec<CounterKey>) = living.purses.open(at).into_iter().unzip();
            let booked = living.purses.booked_shares();
            let told = if self.counters.has_said_all() { booked } else { Vec::new() };
            // While they are away, what was seen last is shown.
            let Ok(seen) = link.look(&keys).await else { continue };
            let seen: Vec<(String, CounterKey, Seen)> =
                names.into_iter().zip(keys).zip(seen).map(|((name, key), seen)| (name, key, seen)).collect();
            for (key, sum) in living.purses.seen(&seen, &told, (at, now)) {
                tracing::info!(purse = %key, "less is spent of a budget than the ledger has; it is summed anew");
                let sum = u64::try_from(sum.nanos()).unwrap_or(0);
                // If it is not heard, it is said again when as much more is missing.
                drop(self.counters.doubt(&link, &key, sum).await);
            }
        }
    }

    /// These rows are in the ledger now: what their calls cost is spent of budgets. Waits for nothing.
    pub fn book(&self, records: &[Record], purses: &Purses, now: Timestamp) {
        if purses.is_idle() && !self.counters.holds_any() {
            return;
        }
        for record in records {
            let cost = u64::try_from(record.total_cost().amount.nanos()).unwrap_or(0);
            if cost > 0 {
                self.counters.book(record.id, cost, &purses.booked(record, now));
                purses.book_share(record.id);
            }
        }
    }

    /// Has these purses filled with what the ledger says is spent of them. Where that takes too long for the call it goes
    /// on, for those that come later.
    pub(crate) async fn fill(
        self: &Arc<Self>,
        link: &Arc<SharedLink>,
        purses: &[SharedPurse],
        unseeded: Vec<Unseeded>,
    ) -> Result<(), Absence> {
        let heard = Instant::now();
        let mut waits = Vec::with_capacity(unseeded.len());
        for Unseeded { key, mark } in unseeded {
            let Some(purse) = purses.iter().find(|purse| purse.key == key).cloned() else { continue };
            let (shared, link) = (Arc::clone(self), Arc::clone(link));
            waits.push(tg_net::tasks::spawn("sum of a budget", async move {
                shared.fill_one(&link, purse, (mark, heard)).await
            }));
        }
        let all = futures_util::future::join_all(waits);
        let done = tokio::time::timeout(self.settings.sum_timeout, all).await.map_err(|_| Absence::Unsummed)?;
        done.into_iter().try_for_each(|one| one.unwrap_or(Err(Absence::Unsummed)))
    }

    async fn fill_one(&self, link: &SharedLink, purse: SharedPurse, asked: (Mark, Instant)) -> Result<(), Absence> {
        let (key, keep) = (purse.key.clone(), purse.keep());
        let (mut mark, mut heard) = asked;
        for _ in 0..SUMS_MAX {
            let Sum { sum, begun } = self.summer.sum(purse.clone()).await.ok_or(Absence::Unsummed)?;
            let mark_of_sum = mark.begun_after(begun.saturating_duration_since(heard));
            let sum = u64::try_from(sum.nanos()).unwrap_or(0);
            for _ in 0..LATER_MAX {
                match link.seed(&key, mark_of_sum, sum, keep).await? {
                    Seeding::Done => return Ok(()),
                    Seeding::Again(anew) => {
                        (mark, heard) = (anew, Instant::now());
                        break;
                    }
                    Seeding::Later(wait) => tokio::time::sleep(wait.min(LATER_EVERY)).await,
                }
            }
        }
        Err(Absence::Unsummed)
    }
}

/// What is left in purses, as shared counts say it.
pub(crate) fn lefts(standings: &[Standing]) -> Vec<Option<Money>> {
    let money = |nanos: u64| Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
    standings.iter().map(|standing| Some(money(standing.remaining))).collect()
}

/// The refusal of a call that cannot be counted now. Another try in a moment may find it mended.
fn unavailable(absence: &Absence) -> Fault {
    let (code, message) = match absence {
        Absence::Away(away) => {
            tracing::debug!(%away, "a call is refused");
            let message = "The counters that limits and budgets are kept in are away, and what bounds this call refuses \
                           calls meanwhile. Try again in a moment.";
            ("counters_away", message)
        }
        Absence::Unsummed => {
            let message = "A budget bounds this call, and what is spent of it could not be summed in time. Try again in a \
                           moment.";
            ("budget_unknown", message)
        }
    };
    Fault::new(Class::Overloaded, Origin::Store, code, message).retry(Retry::After(COME_AGAIN))
}

impl Living {
    /// These rows are in the ledger now: what their calls cost is spent of budgets, and what they say of answers counts.
    pub fn book(&self, records: &[Record]) {
        self.note_verdicts(records);
        match &self.shared {
            Some(shared) => shared.book(records, &self.purses, self.clock.now()),
            None => self.purses.book(records),
        }
    }
}
