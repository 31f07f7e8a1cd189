//! More output for a stream that is counted where replicas count together: asked for ahead of time, beside the stream.
//!
//! What the call holds of limits and of budgets grows in one round trip, what its try holds of limits on providers in
//! another. Where less is left than was asked for, what is left is asked for. While the counts are away, the stream goes on
//! if what bounds it lets calls pass then, of budgets that count by shares as far as this process's share goes; else it is
//! asked again for a moment, and then the stream gets nothing.

use super::{Draft, Settlement};
use crate::shared::{Absence, Shared, lefts};
use crate::spending::nanos;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tg_kernel::units::Money;
use tg_net::tasks::Task;
use tg_policy::admit::WhenAway;
use tg_policy::admit::budget::least_left;
use tg_store::counters::{Ask, Standing};
use tg_store::shared::{Extended, Extending, Extension, SharedLink};
use tokio::time::Instant;

/// How long a stream may wait for an answer, over all that is asked again.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// How long is waited before counts that are away are asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How often less is asked for, as there was less, and other calls came between.
const ROUNDS_MAX: u8 = 4;

/// What a stream waits for, or will.
pub(super) struct Growth {
    /// What it wanted, and what it can have as far as is known.
    wanted: u64,
    got: u64,
    part: Part,
    /// Places of the purses that are asked, and how much of each.
    purses: Vec<usize>,
    more: Money,
    rounds: u8,
    begun: Instant,
    /// `None` once all is heard.
    asked: Option<(Extension, Task<Extending>)>,
}

/// Of which hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Call,
    Try,
}

impl Settlement {
    /// The bound of each answer was lowered to this for the try that is about to leave.
    pub(crate) fn clamped_to(&mut self, output_tokens: Option<u64>) {
        if let Some(draft) = &mut self.0 {
            draft.clamped = output_tokens;
        }
    }

    /// To which the bound of each answer was lowered.
    pub(crate) fn clamped(&self) -> Option<u64> {
        self.0.as_deref().and_then(|draft| draft.clamped)
    }

    /// Asks for `wanted` more output tokens for the stream, unless some are asked for already.
    pub(crate) fn ask_output(&mut self, wanted: u64) {
        let Some(draft) = self.0.as_deref_mut().filter(|draft| draft.growth.is_none()) else { return };
        let of_call = draft.admission.held().map(|part| part.growth_max());
        let of_try = draft.admission.held_by_try().map(|part| part.growth_max());
        let most = of_call.into_iter().chain(of_try).min().unwrap_or(u64::MAX);
        let growth = Growth {
            wanted,
            got: wanted.min(most),
            part: Part::Call,
            purses: Vec::new(),
            more: Money::ZERO,
            rounds: 0,
            begun: Instant::now(),
            asked: None,
        };
        draft.growth = Some(draft.asking(growth));
    }

    /// How many of how many were granted that were asked for; `None` where none are asked for.
    pub(crate) fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Option<(u64, u64)>> {
        let Some(draft) = self.0.as_deref_mut() else { return Poll::Ready(None) };
        loop {
            let Some(growth) = &mut draft.growth else { return Poll::Ready(None) };
            let said = match &mut growth.asked {
                Some((_, answer)) => ready!(Pin::new(answer).poll(cx)),
                None => None,
            };
            let Some(mut growth) = draft.growth.take() else { return Poll::Ready(None) };
            // A question that broke off is one that nothing was granted to.
            growth.got = if growth.asked.is_some() && said.is_none() { 0 } else { growth.got };
            let Some((said, (extension, _))) = said.zip(growth.asked.take()) else {
                let got = draft.grant(growth.got);
                return Poll::Ready(Some((got, growth.wanted)));
            };
            draft.growth = Some(draft.heard(growth, &extension, said));
        }
    }
}

impl Draft {
    /// Asks what is to be asked of the present part, or of the next; what need not be asked is had.
    fn asking(&mut self, mut growth: Growth) -> Growth {
        let Some(link) = self.worker.link.clone() else { return growth };
        self.spending.turn(self.worker.living.clock.now());
        while growth.got > 0 {
            let (purses, more) = self.spending.growth(growth.got);
            let of_call = growth.part == Part::Call;
            let held = if of_call { self.admission.held() } else { self.admission.held_by_try() };
            if let Some(part) = held {
                let mut asks: Vec<Ask> = part.growth(growth.got);
                growth.purses.clear();
                growth.more = Money::ZERO;
                if of_call && more > Money::ZERO {
                    let first = part.purses_at();
                    for (place, purse) in purses.iter().enumerate() {
                        if part.hold().taken(first + place).is_some() {
                            growth.purses.push(place);
                            asks.push(purse.wants(more));
                        }
                    }
                    growth.more = more;
                }
                if !asks.is_empty() {
                    let extension = Extension::of(part.hold_mut(), asks);
                    growth.asked = Some((extension.clone(), question(link, extension, Duration::ZERO)));
                    return growth;
                }
            }
            if !of_call {
                break;
            }
            growth.part = Part::Try;
        }
        growth
    }

    /// Takes in what was said, and asks on where that is needed.
    fn heard(&mut self, mut growth: Growth, extension: &Extension, said: Extending) -> Growth {
        let Some(link) = self.worker.link.clone() else { return growth };
        let of_call = growth.part == Part::Call;
        let held = if of_call { self.admission.held() } else { self.admission.held_by_try() };
        let Some(part) = held else { return growth };
        match link.extended(part.hold_mut(), extension, said) {
            Ok(Extended::Held) => {
                self.spending.grew(growth.more, 0);
                growth.rounds = 0;
                if of_call {
                    growth.part = Part::Try;
                    return self.asking(growth);
                }
                growth
            }
            Ok(Extended::Full(standings)) => {
                let of_limits = part.growth(0).len();
                growth.rounds += 1;
                growth.got = if growth.rounds > ROUNDS_MAX { 0 } else { self.room(&growth, &standings, of_limits) };
                self.asking(growth)
            }
            // What it held was given up.
            Ok(Extended::Ended) => Growth { got: 0, ..growth },
            Ok(Extended::Unseeded(unseeded)) => {
                let (purses, _) = self.spending.growth(growth.got);
                let Some(shared) = self.worker.living.shared.clone() else { return growth };
                let (link, purses) = (Arc::clone(&link), purses.to_vec());
                let fill = async move { shared.fill(&link, &purses, unseeded).await.is_ok() };
                drop(tg_net::tasks::spawn("sum of a budget", fill));
                self.away(growth, extension, &Absence::Unsummed)
            }
            Err(away) => self.away(growth, extension, &Absence::Away(away)),
        }
    }

    /// How many output tokens there are, as the counts stood that had no room.
    fn room(&self, growth: &Growth, standings: &[Standing], of_limits: usize) -> u64 {
        let (of_limits, of_purses) = standings.split_at(of_limits.min(standings.len()));
        let of_limits = of_limits.iter().map(|of| of.remaining).min().unwrap_or(u64::MAX);
        let (all, _) = self.spending.growth(growth.got);
        let asked: Vec<_> = growth.purses.iter().filter_map(|place| all.get(*place).cloned()).collect();
        let left: Vec<Money> = lefts(of_purses).into_iter().flatten().collect();
        let of_purses = least_left(&asked, &left).map_or(u64::MAX, |left| self.spending.within(growth.got, left));
        growth.got.min(of_limits).min(of_purses)
    }

    /// The counts are away: the stream goes on, or they are asked again for a moment.
    fn away(&mut self, mut growth: Growth, extension: &Extension, absence: &Absence) -> Growth {
        let (Some(link), Some(shared)) = (self.worker.link.clone(), self.worker.living.shared.clone()) else {
            return growth;
        };
        let of_call = growth.part == Part::Call;
        let (purses, _) = self.spending.growth(growth.got);
        let of_purses: Vec<WhenAway> = if of_call {
            growth
                .purses
                .iter()
                .filter_map(|place| purses.get(*place))
                .filter(|it| it.ask.hard)
                .map(|it| it.when_away)
                .collect()
        } else {
            Vec::new()
        };
        let held = if of_call { self.admission.held() } else { self.admission.held_by_try() };
        let Some(part) = held else { return growth };
        let modes = of_purses.into_iter().chain(part.growth_when_away());
        if modes.clone().max() != Some(WhenAway::FailClosed) {
            if let Ok(instead) = shared.instead(absence, modes) {
                self.admission.decided(instead);
            }
            if of_call {
                self.grow_beside(&shared, &mut growth);
            }
            growth.part = Part::Try;
            return if of_call { self.asking(growth) } else { growth };
        }
        if growth.begun.elapsed() >= WAIT_MAX {
            drop(shared.instead(absence, modes));
            return Growth { got: 0, ..growth };
        }
        let extension = Extension::of(part.hold_mut(), extension.asks().to_vec());
        growth.asked = Some((extension.clone(), question(link, extension, AGAIN_AFTER)));
        growth
    }

    /// What the stream wants more of budgets that are away is held of shares, or as much as these have.
    fn grow_beside(&mut self, shared: &Shared, growth: &mut Growth) {
        let Self { worker, record, spending, admission, .. } = self;
        let (with, at) = ((shared, &*worker.living), (record.id, worker.living.clock.now()));
        for _ in 0..ROUNDS_MAX {
            match spending.grow_beside(with, at, (&growth.purses, growth.more)) {
                Ok(mut places) => {
                    spending.grew(growth.more, 0);
                    if let Some(part) = admission.held().filter(|_| !places.is_empty()) {
                        let first = part.purses_at();
                        places.iter_mut().for_each(|place| *place += first);
                        shared.counters.grew(part.hold_mut(), &places, nanos(growth.more));
                    }
                    return;
                }
                Err(exhausted) => {
                    let left = exhausted.left.minus(spending.amount());
                    growth.got = spending.within(growth.got, left);
                    growth.more = spending.growth(growth.got).1;
                }
            }
        }
        (growth.got, growth.more) = (0, Money::ZERO);
    }

    /// All is heard: the stream may make so many more.
    fn grant(&mut self, got: u64) -> u64 {
        let Draft { worker, admission, spending, .. } = self;
        // What is counted here, as the counts were away when the call came, is taken at once.
        let of_limits = match admission.output_granted() {
            Some(_) if admission.grows_here() => admission.extend(&worker.living, got),
            _ => got,
        };
        spending.grew(Money::ZERO, of_limits);
        of_limits
    }
}

/// Goes on whether the stream is polled or not.
fn question(link: Arc<SharedLink>, extension: Extension, after: Duration) -> Task<Extending> {
    tg_net::tasks::spawn("more output", async move {
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        link.ask_for(&extension).await
    })
}
