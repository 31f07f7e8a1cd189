//! What outlives a reload: stores, connections, counters. One `Living` per process, one `Worker` per core.

use crate::cached::Answers;
use crate::choose::Experience;
use crate::complaint::Complaint;
use crate::guarding::Unguarded;
use crate::looks::Looks;
use crate::meter::Till;
use crate::recording::Recorder;
use crate::shadow::Shadows;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::whois::Whois;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use tg_kernel::clock::Clock;
use tg_net::drain::Closing;
use tg_policy::admit::budget::Purses;
use tg_policy::admit::{Counters, Lessons};
use tg_policy::aws::Replays;
use tg_policy::cache::Repeats;
use tg_policy::cache::alike::Likenesses;
use tg_policy::health::{Health, Hedges, Paces};
use tg_policy::pool::Gates;
use tg_policy::route::quality::Qualities;
use tg_policy::route::{SeenPrefixes, Sessions};
use tg_store::directory::Directory;
use tg_store::shared::{AnswersLink, SharedLink};
use tg_upstream::aws::Wallet;
use tg_upstream::pools::Pools;

/// What all workers share.
pub struct Living {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Teams and keys.
    pub directory: Arc<Directory>,
    /// AWS credentials.
    pub aws: Wallet,
    /// Signatures that were seen.
    pub replays: Replays,
    /// What calls have taken of limits.
    pub limits: Counters,
    /// What calls have spent and hold of budgets; where replicas share them, what is known of that here.
    pub purses: Purses,
    /// Limits and budgets that are counted with other replicas; `None`: this process counts alone.
    pub shared: Option<Arc<Shared>>,
    /// What calls of each model need.
    pub lessons: Lessons,
    /// How targets fare.
    pub health: Health,
    /// How quick they are.
    pub paces: Paces,
    /// Second tries beside slow first ones.
    pub hedges: Hedges,
    /// What calls have of providers' pools, and who waits there.
    pub gates: Gates,
    /// Where sessions are served.
    pub sessions: Sessions,
    /// What prompts began with of late.
    pub prefixes: SeenPrefixes,
    /// How good cheaper answers are.
    pub qualities: Qualities,
    /// Copies of calls, and questions about them.
    pub shadows: Shadows,
    /// What is known of callers' IAM identities.
    pub whois: Whois,
    /// What is being asked of AWS about asynchronous invocations.
    pub looks: Looks,
    /// Takes guarded calls to be recorded; `None`: none is.
    pub recorder: Option<Recorder>,
    /// Answers that are kept to be given again.
    pub answers: Answers,
    /// Vectors of the questions to which some of them are.
    pub likenesses: Likenesses,
    /// Requests that were made of late where no answers are kept.
    pub repeats: Repeats,
    /// The compiled configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// Counts of calls.
    pub counts: Counts,
    /// Whether new calls are welcome: true between start and drain.
    pub ready: AtomicBool,
}

impl Living {
    /// What is known of targets from earlier calls.
    pub(crate) fn experience(&self) -> Experience<'_> {
        let now = self.clock.monotonic();
        let (lessons, paces, sessions) = (&self.lessons, &self.paces, &self.sessions);
        Experience { lessons, paces, sessions, purses: &self.purses, qualities: &self.qualities, now }
    }
}

/// Counts of calls since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Calls that are going on.
    pub in_flight: AtomicI64,
    /// Calls that left for a provider.
    pub sent: AtomicU64,
    /// Calls that left for a provider unchecked, though guardrails apply to them: there are none, or something is broken.
    pub unguarded: AtomicU64,
    /// Calls that left for a provider, and to which no guardrail applies, though there are some.
    pub without_set: AtomicU64,
    /// Calls that left for a provider while there were no guardrails at all.
    pub without_guardrails: AtomicU64,
    /// Calls that left for a provider and are in the ledger.
    pub settled: AtomicU64,
    /// How often the clock was put back or leapt ahead.
    pub clock_steps: AtomicU64,
    /// Calls that cost more than budgets held for them.
    pub(crate) excess: Complaint,
}

impl Counts {
    pub(crate) fn left_unguarded(&self, why: Unguarded) {
        let count = match why {
            Unguarded::NotChecked => &self.unguarded,
            Unguarded::NoSet => &self.without_set,
            Unguarded::NoGuardrails => &self.without_guardrails,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// What one core has for itself.
pub struct Worker {
    /// What all share.
    pub living: Arc<Living>,
    /// Connections to providers.
    pub pools: Arc<Pools>,
    /// The connection to counts that replicas share.
    pub link: Option<Arc<SharedLink>>,
    /// The connection to answers that gateways share; `None`: they are in this process's memory.
    pub answers: Option<Arc<AnswersLink>>,
    /// Where finished calls go.
    pub till: Till,
    /// Tells what still runs that its time is up.
    pub closing: Arc<Closing>,
}
