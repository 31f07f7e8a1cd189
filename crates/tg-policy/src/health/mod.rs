//! How targets fare: who is left in peace for a while, and who is tried next. In memory, of this process alone.
//!
//! A target is one model of one provider: that is also what providers' quotas are per. Beside it stands the provider as a
//! whole, for what concerns all its models: a wrong key, no way there.

mod blame;
mod breaker;
mod firsts;
mod hedges;
mod pace;
mod probes;
mod refusals;
mod retry;
mod slow;

pub use blame::Blame;
pub use breaker::Standing;
pub use firsts::Firsts;
pub use hedges::{Hedges, NoHedge, Outcome};
pub use pace::{Pace, Paces};
pub use probes::{ProbeFigures, ProbeRule, Turn};
pub use refusals::Refusals;
pub use retry::{Allowance, backoff};
pub use slow::{Begun, SEEN_MAX, Slow, SlowSettings};

use breaker::Breaker;
use probes::{Probes, Rank};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::target::Target;

/// Most models of a provider that are told apart: callers name them where a route is a pattern.
const MODELS_MAX: usize = 4096;

/// How long a refused credential rests: an operator has to mend it.
const CREDENTIAL_REST: Duration = Duration::from_secs(30);

/// How long a model rests that its provider does not have: it hardly comes back, but may have been away by mistake.
const ABSENT_REST: Duration = Duration::from_secs(300);

/// How long a quota rests of which the provider did not say when it opens; doubled while it goes on.
const QUOTA_REST: Duration = Duration::from_secs(1);

/// Longest rest of a quota, whatever the provider says: then calls look.
const QUOTA_REST_MAX: Duration = Duration::from_secs(60);

/// When a target is benched, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// So many failures in a row bench it.
    pub failures: u32,
    /// So many millionths of the calls of ten seconds bench it,
    pub share_millionths: u32,
    /// if they are at least so many.
    pub calls_min: u32,
    /// How long it rests the first time; doubled while probes fail.
    pub open: Duration,
    /// Longest rest.
    pub open_max: Duration,
}

impl Settings {
    fn rest(&self, times: u32) -> Duration {
        self.open.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(self.open_max)
    }
}

/// How all targets fare.
#[derive(Debug, Default)]
pub struct Health {
    /// What single callers are refused, on top of it.
    pub refusals: Refusals,
    /// Who is slow beside others.
    pub slow: Slow,
    probes: Probes,
    providers: Mutex<HashMap<Arc<str>, Provider>>,
    /// Targets and providers of whose failures something is known: while there are none, nobody looks.
    troubled: AtomicUsize,
    allowance: Mutex<Allowance>,
    tallies: [AtomicU64; 5],
    /// Further tries that were granted, and that were not.
    repeats: [AtomicU64; 2],
}

#[derive(Debug, Default)]
struct Provider {
    whole: Breaker,
    /// By whose fault it failed last: told while it is benched.
    why: &'static str,
    /// Its probes fail; until then, unless a further one says otherwise.
    away: Option<Duration>,
    models: HashMap<Arc<str>, Model>,
}

#[derive(Debug, Default)]
struct Model {
    breaker: Breaker,
    /// By whose fault it failed last: told while it is benched.
    why: &'static str,
    quota: Quota,
}

/// What is known of a quota: nothing is asked of it before then.
#[derive(Debug, Default)]
struct Quota {
    since: Duration,
    until: Duration,
    /// Refusals in a row.
    refusals: u32,
}

/// How one target, or one provider as a whole, fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The provider.
    pub provider: Arc<str>,
    /// The model; `None` for the provider as a whole.
    pub model: Option<Arc<str>>,
    /// What may be sent.
    pub standing: Standing,
}

/// Who is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The provider.
    pub provider: Arc<str>,
    /// The model; `None` for the provider as a whole.
    pub model: Option<Arc<str>>,
    /// By whose fault: as [`Tallies`] has them.
    pub why: &'static str,
    /// Until this reading of the clock.
    pub until: Duration,
}

/// How often somebody was benched, by whose fault, and how often calls were tried again, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Credentials, their permissions, and accounts.
    pub credential: u64,
    /// Quotas.
    pub quota: u64,
    /// Models.
    pub model: u64,
    /// Models that their providers do not have.
    pub absent: u64,
    /// Providers.
    pub provider: u64,
    /// Targets that were slow beside others.
    pub slow: u64,
    /// Providers that failed their probes.
    pub probe: u64,
    /// Further rounds of tries that were granted.
    pub retries: u64,
    /// Further rounds of tries that were not.
    pub denied: u64,
}

impl Health {
    /// Takes the target that is to be tried next out of `left`: the first that is not benched; where all are, the first that only
    /// its probes speak against, then the one whose rest ends first, so that a call is never refused for what others met. `None`
    /// when none is left.
    pub fn next<'a>(&self, left: &mut Vec<&'a Target>, now: Duration) -> Option<&'a Target> {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return if left.is_empty() { None } else { Some(left.remove(0)) };
        }
        let mut providers = self.lock();
        let of = |target: &Target| {
            providers.get(&target.provider).map_or(Rank::Well, |provider| provider.rank(&target.model, now))
        };
        let place = left.iter().enumerate().min_by_key(|(_, target)| of(target)).map(|(place, _)| place)?;
        let target = left.remove(place);
        if let Some(provider) = providers.get_mut(&target.provider) {
            provider.whole.begin(now);
            if let Some(model) = provider.models.get_mut(&target.model) {
                model.breaker.begin(now);
            }
        }
        Some(target)
    }

    /// What may be sent to a target.
    #[must_use]
    pub fn standing(&self, target: &Target, now: Duration) -> Standing {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return Standing::Open;
        }
        standing(&self.lock(), target, now)
    }

    /// A target that was to be tried next has not been asked, or nothing was heard of it: where the call was to see whether it
    /// works again, the next one is.
    pub fn release(&self, target: &Target, now: Duration) {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut providers = self.lock();
        if let Some(provider) = providers.get_mut(&target.provider) {
            provider.whole.release(now);
            if let Some(model) = provider.models.get_mut(&target.model) {
                model.breaker.release(now);
            }
        }
    }

    /// A target has answered a call that left at `left`.
    pub fn succeeded(&self, target: &Target, left: Duration, now: Duration) {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut providers = self.lock();
        if let Some(provider) = providers.get_mut(&target.provider) {
            provider.whole.succeeded(left, now);
            if let Some(model) = provider.models.get_mut(&target.model) {
                model.breaker.succeeded(left, now);
                model.quota.succeeded(left);
            }
        }
        self.forget(&mut providers, now);
    }

    /// A try at a target that left at `left` has failed by this fault of its own. Whether it is passed over from now on,
    /// and was not before. What a single caller may not do is no fault of the target's.
    pub fn failed(
        &self,
        target: &Target,
        blame: Blame,
        settings: &Settings,
        (left, now): (Duration, Duration),
    ) -> bool {
        if matches!(blame, Blame::Nobody | Blame::Permission) {
            return false;
        }
        let mut providers = self.lock();
        self.forget(&mut providers, now);
        let provider = providers.entry(Arc::clone(&target.provider)).or_default();
        let before = provider.standing(&target.model, now);
        match blame {
            Blame::Nobody | Blame::Permission => {}
            Blame::Credential => {
                provider.why = "credential";
                provider.whole.rest(now, CREDENTIAL_REST);
            }
            Blame::Provider => {
                // One that does not end a rest says nothing of why that is.
                if !provider.whole.is_resting(now) {
                    provider.why = "provider";
                }
                provider.whole.failed(left, now, settings);
            }
            Blame::Quota(wait) => {
                if let Some(model) = provider.model(&target.model) {
                    model.quota.refused(wait, left, now);
                }
            }
            Blame::Absent => {
                if let Some(model) = provider.model(&target.model) {
                    model.why = "absent";
                    model.breaker.rest(now, ABSENT_REST);
                }
            }
            Blame::Model => {
                if let Some(model) = provider.model(&target.model) {
                    if !model.breaker.is_resting(now) {
                        model.why = "model";
                    }
                    model.breaker.failed(left, now, settings);
                }
            }
        }
        let is_new = !matches!(before, Standing::Benched(_))
            && matches!(provider.standing(&target.model, now), Standing::Benched(_));
        if is_new {
            self.tally(blame);
        }
        self.troubled.store(count(&providers), Ordering::Relaxed);
        is_new
    }

    /// The same for a caller that is told apart: what it alone may not do is passed by for nobody else. `has_own_credential`:
    /// its calls are signed with one that no other caller's are.
    pub fn failed_for(
        &self,
        (who, has_own_credential): (u64, bool),
        target: &Target,
        blame: Blame,
        settings: &Settings,
        (left, now): (Duration, Duration),
    ) -> bool {
        let is_new = match blame {
            Blame::Permission => self.refusals.may_not(who, target, settings, (left, now)),
            Blame::Credential if has_own_credential => self.refusals.is_unknown(who, target, now),
            _ => return self.failed(target, blame, settings, (left, now)),
        };
        if is_new {
            self.tally(Blame::Credential);
        }
        is_new
    }

    /// A call has come, by which further tries are earned.
    pub fn earn(&self, millionths: u32) {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner).earn(millionths);
    }

    /// Whether there may be a further try where one has failed.
    pub fn may_repeat(&self, now: Duration) -> bool {
        let granted = self.allowance.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        let [retries, denied] = &self.repeats;
        if granted { retries } else { denied }.fetch_add(1, Ordering::Relaxed);
        granted
    }

    /// Whether there may be a second try beside a slow first one: it counts among the further tries.
    pub fn may_hedge(&self, now: Duration) -> bool {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }

    /// All of whom something is known, sorted.
    #[must_use]
    pub fn figures(&self, now: Duration) -> Vec<Figure> {
        let providers = self.lock();
        let mut figures: Vec<Figure> = providers
            .iter()
            .flat_map(|(name, provider)| {
                let whole = std::iter::once((None, provider.whole_standing(now)));
                let models = provider.models.iter().map(move |(id, model)| (Some(Arc::clone(id)), model.standing(now)));
                whole.chain(models).map(|(model, standing)| Figure { provider: Arc::clone(name), model, standing })
            })
            .collect();
        figures.sort_by(|a, b| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)));
        figures
    }

    /// Who is passed over, by whose fault and until when, sorted; but for what single callers are refused.
    #[must_use]
    pub fn passed_over(&self, now: Duration) -> Vec<PassedOver> {
        let until = |standing| if let Standing::Benched(until) = standing { Some(until) } else { None };
        let mut all = self.slow.resting(now);
        for (name, provider) in self.lock().iter() {
            let mut add = |model: Option<&Arc<str>>, why, standing| {
                let one = |until| PassedOver { provider: Arc::clone(name), model: model.cloned(), why, until };
                all.extend(until(standing).map(one));
            };
            add(None, provider.why, provider.whole.standing(now));
            add(None, "probe", provider.by_probes(now));
            for (id, model) in &provider.models {
                add(Some(id), model.why, model.breaker.standing(now));
                add(Some(id), "quota", model.quota.standing(now));
            }
        }
        all.sort_by(|a, b| (&a.provider, &a.model, a.why).cmp(&(&b.provider, &b.model, b.why)));
        all
    }

    /// How many targets, and providers as a whole, are passed over, those that are slow among them; those that are so for single
    /// callers, once for each.
    #[must_use]
    pub fn benched(&self, now: Duration) -> u64 {
        let figures = self.figures(now);
        let targets = figures.iter().filter(|figure| matches!(figure.standing, Standing::Benched(_))).count() as u64;
        targets + self.refusals.benched(now) + self.slow.resting(now).len() as u64
    }

    /// What was benched, and how often tries were repeated, since the start.
    #[must_use]
    pub fn tallies(&self) -> Tallies {
        let [credential, quota, model, provider, absent] = &self.tallies;
        let read = |tally: &AtomicU64| tally.load(Ordering::Relaxed);
        let [retries, denied] = &self.repeats;
        Tallies {
            credential: read(credential),
            quota: read(quota),
            model: read(model),
            absent: read(absent),
            provider: read(provider),
            slow: self.slow.tally(),
            probe: self.probes.downs(),
            retries: read(retries),
            denied: read(denied),
        }
    }

    fn tally(&self, blame: Blame) {
        let [credential, quota, model, provider, absent] = &self.tallies;
        let tally = match blame {
            Blame::Nobody => return,
            Blame::Credential | Blame::Permission => credential,
            Blame::Quota(_) => quota,
            Blame::Model => model,
            Blame::Absent => absent,
            Blame::Provider => provider,
        };
        tally.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Provider>> {
        self.providers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, providers: &mut HashMap<Arc<str>, Provider>, now: Duration) {
        for provider in providers.values_mut() {
            provider.models.retain(|_, model| !model.is_forgotten(now));
        }
        let is_known = |of: &Provider| !of.whole.is_forgotten(now) || of.by_probes(now) != Standing::Open;
        providers.retain(|_, provider| !provider.models.is_empty() || is_known(provider));
        self.troubled.store(count(providers), Ordering::Relaxed);
    }
}

fn count(providers: &HashMap<Arc<str>, Provider>) -> usize {
    providers.values().map(|provider| 1 + provider.models.len()).sum()
}

fn standing(providers: &HashMap<Arc<str>, Provider>, target: &Target, now: Duration) -> Standing {
    providers.get(&target.provider).map_or(Standing::Open, |provider| provider.standing(&target.model, now))
}

/// The stricter of two.
fn stricter(one: Standing, other: Standing) -> Standing {
    match (one, other) {
        (Standing::Benched(one), Standing::Benched(other)) => Standing::Benched(one.max(other)),
        (benched @ Standing::Benched(_), _) | (_, benched @ Standing::Benched(_)) => benched,
        (Standing::Probe, _) | (_, Standing::Probe) => Standing::Probe,
        (Standing::Open, Standing::Open) => Standing::Open,
    }
}

impl Provider {
    fn standing(&self, model: &str, now: Duration) -> Standing {
        stricter(self.by_calls(model, now), self.by_probes(now))
    }

    fn by_calls(&self, model: &str, now: Duration) -> Standing {
        let model = self.models.get(model).map_or(Standing::Open, |model| model.standing(now));
        stricter(self.whole.standing(now), model)
    }

    fn whole_standing(&self, now: Duration) -> Standing {
        stricter(self.whole.standing(now), self.by_probes(now))
    }

    fn by_probes(&self, now: Duration) -> Standing {
        self.away.filter(|until| now < *until).map_or(Standing::Open, Standing::Benched)
    }

    /// Where there is room for what is known of one more.
    fn model(&mut self, model: &Arc<str>) -> Option<&mut Model> {
        if self.models.len() >= MODELS_MAX && !self.models.contains_key(model) {
            return None;
        }
        Some(self.models.entry(Arc::clone(model)).or_default())
    }
}

impl Model {
    fn standing(&self, now: Duration) -> Standing {
        stricter(self.breaker.standing(now), self.quota.standing(now))
    }

    fn is_forgotten(&self, now: Duration) -> bool {
        self.breaker.is_forgotten(now) && (self.quota.refusals == 0 || now > self.quota.until + QUOTA_REST_MAX)
    }
}

impl Quota {
    /// Whoever opens again does so for all: a provider says when.
    fn standing(&self, now: Duration) -> Standing {
        if now < self.until { Standing::Benched(self.until) } else { Standing::Open }
    }

    /// A call that left at `left` was refused for want of it.
    fn refused(&mut self, wait: Option<Duration>, left: Duration, now: Duration) {
        // Those that left together are refused together: they are one refusal.
        if self.refusals == 0 || left >= self.since {
            let usual = QUOTA_REST.saturating_mul(1_u32.checked_shl(self.refusals).unwrap_or(u32::MAX));
            let rest = wait.unwrap_or(usual).min(QUOTA_REST_MAX);
            (self.since, self.until) = (now, self.until.max(now + rest));
            self.refusals = self.refusals.saturating_add(1);
        }
    }

    /// A call that left at `left` was not.
    fn succeeded(&mut self, left: Duration) {
        if self.refusals > 0 && left >= self.until {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests;
