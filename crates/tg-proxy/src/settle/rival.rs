//! Two tries of one call at once: what each has of its own is kept apart, and the one that is over first is kept among the
//! call's earlier tries, with what it may be billed for.

use super::{Draft, PriceBasis, Settlement};
use crate::admission::OfTry;
use crate::outcome::{Counts, may_be_billed};
use crate::queueing::{Place, signal_of};
use crate::quote::PriceTag;
use crate::spending::Trying;
use std::time::Duration;
use tg_kernel::decided::{CachePoints, Hedge};
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::record::{Attempt, Served};
use tg_kernel::target::Target;
use tg_kernel::usage::{Usage, UsageSource};
use tg_policy::admit::Used;
use tg_policy::health::{Hedges, NoHedge};
use tg_policy::pool::Signal;
use tg_policy::route::UnknownPrice;

/// What became of a try that was given up since another was heard before it.
const LOST: &str = "hedge_lost";

/// One of two tries at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that left first.
    First,
    /// The one that left beside it.
    Second,
}

/// The code of a second try for which there is no room.
pub(crate) const NO_HEDGE: &str = "no_hedge";

/// How one of them was over.
pub(crate) struct Over {
    code: &'static str,
    request_id: Option<String>,
    /// What the provider has reported until then; `None` where it does not bill the try.
    reported: Option<Usage>,
    signal: Signal,
}

impl Over {
    /// The other was heard first.
    pub(crate) const fn lost(reported: Usage) -> Self {
        Self { code: LOST, request_id: None, reported: Some(reported), signal: Signal::Nothing }
    }

    /// It failed; `began`: what it had reported where it had begun to answer; `is_over`: the time that the call had is over.
    pub(crate) fn failed(fault: &Fault, began: Option<Usage>, is_over: bool) -> Self {
        let reported = began.or_else(|| may_be_billed(fault).then(Usage::default));
        Self { code: fault.code, request_id: None, reported, signal: signal_of(fault, is_over) }
    }

    /// Its provider has given it this id, if any.
    pub(crate) fn heard_as(self, request_id: Option<String>) -> Self {
        Self { request_id, ..self }
    }
}

/// What a try has of its own.
#[derive(Default)]
struct Try {
    served: Option<Served>,
    losses: Vec<String>,
    clamped: Option<u64>,
    price: PriceBasis,
    going: Option<(Target, Duration)>,
    place: Option<Place>,
    prompt_cache: Option<CachePoints>,
    of_limits: OfTry,
    of_budgets: Option<Trying>,
}

/// The first try, beside which a second gets ready or runs.
pub(super) struct Rival {
    first: Try,
    /// Whether the second has left.
    pub(super) is_beside: bool,
}

impl Settlement {
    /// The try that has left, and of which nothing was heard for so long, goes on while a second gets ready.
    pub(crate) fn steps_aside(&mut self, after: Duration) {
        let Some(draft) = &mut self.0 else { return };
        let mut first = Try::default();
        draft.swap(&mut first);
        // Until the second has left the first is the last.
        draft.record.served.clone_from(&first.served);
        draft.record.losses.clone_from(&first.losses);
        draft.rival = Some(Box::new(Rival { first, is_beside: false }));
        let after_us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        draft.record.decided.get_or_insert_default().hedge = Some(Hedge { after_us, won: false });
    }

    /// The second does not leave: what was taken for it goes back.
    pub(crate) fn stays_alone(&mut self) {
        if let Some(draft) = &mut self.0 {
            draft.forgo_second();
        }
    }

    /// Holds what both tries can cost at most.
    ///
    /// # Errors
    /// When a budget has no money for both; then nothing more is held.
    pub(crate) fn afford_beside(&mut self, tag: &PriceTag<'_>) -> Result<(), Fault> {
        let Some(draft) = &mut self.0 else { return Ok(()) };
        let Draft { snapshot, worker, record, spending, rival, .. } = &mut **draft;
        let first = rival.as_ref().and_then(|rival| rival.first.of_budgets.as_ref());
        let fits = spending.begin_beside((snapshot, &worker.living), record, tag, first);
        if fits { Ok(()) } else { Err(no_room(&worker.living.hedges, NoHedge::Money)) }
    }

    /// Takes what the second needs of every limit.
    ///
    /// # Errors
    /// When one of them has no room for it; then nothing is taken.
    pub(crate) fn admit_beside(&mut self, provider: &str) -> Result<(), Fault> {
        let Some(draft) = &mut self.0 else { return Ok(()) };
        let Draft { snapshot, worker, record, admission, .. } = &mut **draft;
        let fits = admission.begin_beside((snapshot, &worker.living), record, provider);
        if fits { Ok(()) } else { Err(no_room(&worker.living.hedges, NoHedge::Limit)) }
    }

    /// One of two tries is over. The other is the call's own from here on.
    pub(crate) fn is_over_beside(&mut self, which: Which, over: Over) {
        let Some(draft) = &mut self.0 else { return };
        let Some(Rival { first: mut over_first, .. }) = draft.rival.take().map(|rival| *rival) else { return };
        if which == Which::Second {
            draft.swap(&mut over_first);
        }
        draft.keep(over_first, over);
    }

    /// Which of the two was heard first.
    pub(crate) fn is_heard(&mut self, which: Which) {
        self.decide(|decided| {
            if let Some(hedge) = &mut decided.hedge {
                hedge.won = which == Which::Second;
            }
        });
    }
}

impl Draft {
    /// Exchanges what the try that is the call's own has with what the other has.
    fn swap(&mut self, other: &mut Try) {
        std::mem::swap(&mut self.record.served, &mut other.served);
        std::mem::swap(&mut self.record.losses, &mut other.losses);
        std::mem::swap(&mut self.clamped, &mut other.clamped);
        std::mem::swap(&mut self.price, &mut other.price);
        std::mem::swap(&mut self.going, &mut other.going);
        std::mem::swap(&mut self.place, &mut other.place);
        self.admission.swap(&mut other.of_limits);
        self.spending.swap(&mut other.of_budgets);
        let points = self.record.decided.as_deref().and_then(|decided| decided.prompt_cache);
        if points != other.prompt_cache {
            self.record.decided.get_or_insert_default().prompt_cache = other.prompt_cache;
            other.prompt_cache = points;
        }
    }

    /// The second has not left, and does not.
    fn forgo_second(&mut self) {
        let Some(mut rival) = self.rival.take() else { return };
        self.swap(&mut rival.first);
        if let Some(decided) = &mut self.record.decided {
            decided.hedge = None;
        }
        self.admission.forgo_beside(&self.worker.living, std::mem::take(&mut rival.first.of_limits));
    }

    /// The first try, while the second is the call's own: as it would be kept if nothing more were heard of it.
    pub(super) fn beside(&self) -> Option<Attempt> {
        let first = &self.rival.as_ref()?.first;
        let (served, counts) = (first.served.clone()?, self.unanswered());
        let cost = self.cost_of(&served, &first.price, &counts);
        Some(Attempt { served, fault: LOST.to_owned(), usage: counts.usage, cost })
    }

    /// What is left of two tries where the call ends before either was heard.
    pub(super) fn end_rival(&mut self) {
        match self.rival.take() {
            Some(rival) if rival.is_beside => self.keep(rival.first, Over::lost(Usage::default())),
            Some(rival) => {
                self.rival = Some(rival);
                self.forgo_second();
            }
            None => {}
        }
    }

    /// Keeps a try that is over among the earlier ones.
    fn keep(&mut self, of: Try, over: Over) {
        let Over { code, request_id, reported, signal } = over;
        let counts = match reported {
            Some(reported) if reported.total_tokens() > 0 => {
                Counts { usage: reported, source: UsageSource::Estimated, reported }
            }
            Some(_) => self.unanswered(),
            None => Counts::NONE,
        };
        let used = Used::from(&counts.usage);
        if let Some((target, _)) = of.going {
            self.worker.living.paces.is_over(&target);
        }
        if let Some(place) = of.place {
            place.end(used, signal);
        }
        self.admission.end_aside(&self.worker.living, of.of_limits, used);
        let Some(mut served) = of.served else { return };
        served.request_id = request_id;
        // The one that stays is the last, and says how many there were.
        if let Some(own) = self.record.served.as_mut().filter(|own| own.attempts < served.attempts) {
            std::mem::swap(&mut own.attempts, &mut served.attempts);
        }
        let cost = self.cost_of(&served, &of.price, &counts);
        self.record.earlier.push(Attempt { served, fault: code.to_owned(), usage: counts.usage, cost });
    }
}

impl Default for PriceBasis {
    fn default() -> Self {
        Self { scope: None, unknown: UnknownPrice::AllowAndFlag }
    }
}

/// There is no room for a second try. Nobody is told: the first goes on.
fn no_room(hedges: &Hedges, why: NoHedge) -> Fault {
    hedges.denied(why);
    Fault::new(Class::Limited, Origin::Gateway, NO_HEDGE, "There is no room for a second try.").retry(Retry::Elsewhere)
}
