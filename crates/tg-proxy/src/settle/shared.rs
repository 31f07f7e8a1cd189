//! The debt of one call whose limits and budgets are counted where replicas count together.

use super::{Draft, Settlement};
use crate::admission::{Admission, ROUNDS_MAX, busy};
use crate::living::Living;
use crate::quote::PriceTag;
use crate::shared::{Absence, Shared, lefts};
use crate::snapshot::Snapshot;
use crate::spending::{Spending, Tab, nanos};
use std::sync::Arc;
use tg_dialect::scan::Members;
use tg_kernel::fault::Fault;
use tg_kernel::peek::Peek;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_policy::admit::budget::Exhausted;
use tg_policy::admit::{Facts, SharedAsks, Used, WhenAway};
use tg_policy::route::Plan;
use tg_store::counters::{Ask, Reserved, Standing};
use tg_store::shared::{Extended, SharedLink};

/// Why a call cannot go on.
#[derive(Debug)]
pub(crate) enum NoRoom {
    /// A budget has no money for it; another plan may be cheaper.
    Money(Box<Exhausted>),
    /// A limit has no room, or nobody can say.
    Other(Fault),
}

impl From<Box<Exhausted>> for NoRoom {
    fn from(exhausted: Box<Exhausted>) -> Self {
        Self::Money(exhausted)
    }
}

impl From<Fault> for NoRoom {
    fn from(fault: Fault) -> Self {
        Self::Other(fault)
    }
}

impl From<NoRoom> for Fault {
    fn from(none: NoRoom) -> Self {
        match none {
            NoRoom::Money(exhausted) => (*exhausted).into(),
            NoRoom::Other(fault) => fault,
        }
    }
}

/// What takes part when something is taken for a call.
struct Together<'a> {
    shared: Arc<Shared>,
    link: Arc<SharedLink>,
    living: &'a Living,
    snapshot: &'a Snapshot,
    record: &'a Record,
    admission: &'a mut Admission,
    spending: &'a mut Spending,
}

impl Settlement {
    /// Whether limits and budgets are counted where replicas count together.
    pub(crate) fn shares_counts(&self) -> bool {
        self.0.as_deref().is_some_and(|draft| draft.worker.link.is_some())
    }

    /// Takes what the call needs of every budget and limit that it meets, or of none, in one round trip.
    ///
    /// # Errors
    /// When one of them has no room, or cannot be asked and wants the call refused then.
    pub(crate) async fn take_together(
        &mut self,
        (peek, members): (&Peek, &Members<'_>),
        plan: &Plan,
    ) -> Result<(), NoRoom> {
        let Some((mut together, weight)) = self.together() else { return Ok(()) };
        let (snapshot, living, record) = (together.snapshot, together.living, together.record);
        let facts = together.admission.known((snapshot, living), record, weight, (peek, plan));
        let tab = together.spending.tab((snapshot, living), record, (peek, members, weight), plan);
        together.take(&facts, tab).await
    }

    /// As [`Settlement::admit_again`].
    ///
    /// # Errors
    /// As there; and `Class::Overloaded` where the counts are away and a limit wants the call refused then.
    pub(crate) async fn take_again_together(&mut self) -> Result<(), NoRoom> {
        let Some((mut together, _)) = self.together() else { return Ok(()) };
        let facts = together.admission.known_again(together.record);
        together.take(&facts, Tab::default()).await
    }

    /// As [`Settlement::afford_try`].
    ///
    /// # Errors
    /// As there; and `Class::Overloaded` where the purses are away and a budget wants the call refused then.
    pub(crate) async fn raise_together(&mut self, tag: &PriceTag<'_>) -> Result<(), Fault> {
        let Some(draft) = &self.0 else { return Ok(()) };
        let earlier = draft.earlier().iter().fold(Money::ZERO, |sum, attempt| sum.plus(attempt.cost.amount));
        let Some((mut together, _)) = self.together() else { return Ok(()) };
        let (snapshot, record) = (together.snapshot, together.record);
        together.spending.turn(together.living.clock.now());
        match together.spending.tab_of_try(snapshot, record, tag, earlier)? {
            Some(tab) => together.raise(tab).await.map_err(Fault::from),
            None => Ok(()),
        }
    }

    /// As [`Settlement::admit_try`].
    ///
    /// # Errors
    /// As there; and `Class::Overloaded` where the counts are away and a limit wants the try refused then.
    pub(crate) async fn admit_try_together(&mut self, provider: &str) -> Result<(), Fault> {
        let Some(draft) = &self.0 else { return Ok(()) };
        let earlier = draft.failed.as_ref().map(|failed| Used::from(&failed.counts.usage));
        let Some((together, _)) = self.together() else { return Ok(()) };
        let Together { shared, link, living, snapshot, record, admission, .. } = together;
        admission.begin_try_together((snapshot, living), (&shared, &link), (record, provider), earlier).await
    }

    fn together(&mut self) -> Option<(Together<'_>, tg_kernel::peek::Weight)> {
        let Draft { snapshot, worker, record, spending, admission, weight, .. } = self.0.as_deref_mut()?;
        let (shared, link) = (worker.living.shared.clone()?, worker.link.clone()?);
        let living = &worker.living;
        Some((Together { shared, link, living, snapshot, record, admission, spending }, *weight))
    }
}

impl Together<'_> {
    async fn take(&mut self, facts: &Facts<'_>, tab: Tab) -> Result<(), NoRoom> {
        let now = self.living.clock.monotonic();
        let mut limits = self.snapshot.limits.shared_call(facts, &self.living.limits, now);
        if limits.is_empty() && tab.purses.is_empty() {
            return Ok(());
        }
        let id = self.admission.asks(self.record.id);
        let mut held = self.spending.first_ask(self.living, &tab);
        for _ in 0..ROUNDS_MAX {
            let purses = tab.purses.iter().map(|purse| purse.wants(held.0));
            let asks: Vec<Ask> = limits.asks(self.shared.settings.lease_percent).chain(purses).collect();
            match self.link.reserve(id.clone(), &asks).await {
                Ok(Reserved::Held(hold)) => {
                    let (of_limits, of_purses) = split(hold.standings(), &limits);
                    limits.note(of_limits, &self.living.limits);
                    self.note(&tab, of_purses);
                    self.spending.took(tab, held);
                    self.admission.took(limits.held(hold));
                    return Ok(());
                }
                Ok(Reserved::Full(standings)) => {
                    let (of_limits, of_purses) = split(&standings, &limits);
                    if of_purses.iter().any(|of| of.full) {
                        held = self.fit(&tab, of_purses)?;
                    }
                    limits.fit(of_limits, &self.living.limits).map_err(|denied| self.admission.refuses(denied))?;
                }
                Ok(Reserved::Unseeded(unseeded)) => {
                    if let Err(absence) = self.shared.fill(&self.link, &tab.purses, unseeded).await {
                        return self.take_instead(&absence, facts, &limits, tab).await;
                    }
                }
                Ok(Reserved::Ended) => return Err(Fault::internal("a call was counted twice").into()),
                Err(away) => return self.take_instead(&Absence::Away(away), facts, &limits, tab).await,
            }
        }
        Err(busy().into())
    }

    /// Counts for budgets that let calls pass that one of them has no money for this.
    fn note(&self, tab: &Tab, of_purses: &[Standing]) {
        if of_purses.iter().any(|of| of.full) {
            drop(self.fit(tab, of_purses));
        }
    }

    fn fit(&self, tab: &Tab, of_purses: &[Standing]) -> Result<(Money, bool), Box<Exhausted>> {
        self.spending.fit(self.living, tab, &lefts(of_purses), self.record.started_at)
    }

    /// Decides without the shared counts, as each limit and budget wants it then.
    async fn take_instead(
        &mut self,
        absence: &Absence,
        facts: &Facts<'_>,
        limits: &SharedAsks<'_>,
        tab: Tab,
    ) -> Result<(), NoRoom> {
        let modes: Vec<WhenAway> = limits.when_away().chain(tab.when_away()).collect();
        if !modes.contains(&WhenAway::FailClosed) {
            self.shared.know(&self.living.purses, &tab.local(), absence).await?;
        }
        self.admission.decided(self.shared.instead(absence, modes.into_iter())?);
        if !tab.purses.is_empty() {
            let id = self.admission.asks(self.record.id);
            self.spending.take_share((&self.shared, self.living), tab, (id, self.living.clock.now()))?;
        }
        let (now, replicas) = (self.living.clock.monotonic(), self.shared.replicas());
        match self.snapshot.limits.admit_call_share(facts, &self.living.limits, now, replicas) {
            Ok(hold) => self.admission.took(hold),
            Err(denied) => {
                self.spending.end_share((&self.shared, self.living), Money::ZERO);
                return Err(self.admission.refuses(denied).into());
            }
        }
        Ok(())
    }

    /// Raises what is held to what the next try can cost.
    async fn raise(&mut self, tab: Tab) -> Result<(), NoRoom> {
        if self.spending.is_apart() {
            let (call, now) = (self.record.id, self.living.clock.now());
            return Ok(self.spending.raise_share((&self.shared, self.living), tab, (call, now))?);
        }
        let (wanted, stepwise) = self.spending.first_ask(self.living, &tab);
        let mut held = (wanted.max(self.spending.amount()), stepwise);
        for _ in 0..ROUNDS_MAX {
            let more = held.0.minus(self.spending.amount());
            let (Some(part), true) = (self.admission.held(), more > Money::ZERO) else {
                self.spending.raised(tab, held);
                return Ok(());
            };
            let first = part.purses_at();
            let has = |place: usize| part.hold().taken(first + place).is_some();
            let asked: Vec<usize> = (0..tab.purses.len()).filter(|place| has(*place)).collect();
            let asks: Vec<Ask> = tab
                .purses
                .iter()
                .enumerate()
                .filter(|(place, _)| asked.contains(place))
                .map(|(_, purse)| purse.wants(more))
                .collect();
            let absence = match self.link.extend(part.hold_mut(), &asks).await {
                Ok(Extended::Held) => {
                    self.spending.raised(tab, held);
                    return Ok(());
                }
                Ok(Extended::Full(standings)) => {
                    let of_asked = asked.iter().zip(lefts(&standings));
                    let mut all = vec![None; tab.purses.len()];
                    for (place, left) in of_asked {
                        if let Some(one) = all.get_mut(*place) {
                            *one = left;
                        }
                    }
                    held = self.spending.fit(self.living, &tab, &all, self.record.started_at)?;
                    continue;
                }
                Ok(Extended::Unseeded(unseeded)) => match self.shared.fill(&self.link, &tab.purses, unseeded).await {
                    Ok(()) => continue,
                    Err(absence) => absence,
                },
                // What it held was given up: nobody answers for more.
                Ok(Extended::Ended) => Absence::Unsummed,
                Err(away) => Absence::Away(away),
            };
            return self.raise_beside(tab, held, &absence).await;
        }
        Err(busy().into())
    }

    /// Raises what is held while the purses are away of which it holds, as each of them wants it then.
    async fn raise_beside(&mut self, tab: Tab, held: (Money, bool), absence: &Absence) -> Result<(), NoRoom> {
        let (local, mut places) = (tab.local(), tab.local_places());
        if tab.when_away().all(|mode| mode != WhenAway::FailClosed) {
            self.shared.know(&self.living.purses, &local, absence).await?;
        }
        self.admission.decided(self.shared.instead(absence, tab.when_away())?);
        if local.is_empty() {
            self.spending.raised(tab, held);
            return Ok(());
        }
        let at = (self.record.id, self.living.clock.now());
        let more = self.spending.raise_beside((&self.shared, self.living), tab, at)?;
        if let Some(part) = self.admission.held() {
            let first = part.purses_at();
            places.iter_mut().for_each(|place| *place += first);
            self.shared.counters.grew(part.hold_mut(), &places, nanos(more));
        }
        Ok(())
    }
}

/// Those of limits, and those of purses.
fn split<'a>(standings: &'a [Standing], limits: &SharedAsks<'_>) -> (&'a [Standing], &'a [Standing]) {
    standings.split_at(limits.len().min(standings.len()))
}
