//! Limits of counts that replicas share: what a call asks of them all together, and what their answers mean to it.
//!
//! The shared counts take all or nothing of fixed amounts. A call is asked for with all that it wants; only where there is
//! less room, and its limits clamp or cut, it is asked for again with what there is room for.

use super::counters::{Ask, Counters, Full, Hold};
use super::limit::{Bound, Facts, Limit, Limits, Measure, Mode, Size, Standing, asks, bounded};
use super::output::OutputKind;
use super::{Denied, Used, WhenAway, denied};
use std::sync::Arc;
use std::time::Duration;
use tg_store::counters::{self, CounterKey, Kind};

/// What a call wants of limits.
pub struct SharedAsks<'a> {
    limits: &'a [Limit],
    facts: Facts<'a>,
    list: Vec<One<'a>>,
    /// Output tokens of all answers together for which there is room.
    bound: Option<u64>,
}

struct One<'a> {
    ask: Ask<'a>,
    key: CounterKey,
    /// Whether the call is counted apart: not where too many values are counted together.
    is_apart: bool,
    /// Output tokens that are taken of it.
    output: u64,
}

impl One<'_> {
    fn units(&self) -> u64 {
        self.ask.units.saturating_add(self.output)
    }

    fn grows(&self) -> bool {
        self.ask.output.kind == OutputKind::Stepwise && self.ask.mode == Mode::Enforce
    }

    fn clamps(&self) -> bool {
        self.ask.output.kind == OutputKind::Clamped && self.ask.output.wanted > 0 && self.ask.mode == Mode::Enforce
    }

    /// Output tokens that there is room for where so much is left.
    fn room(&self, left: u64) -> u64 {
        left.saturating_sub(self.ask.units).max(self.ask.output.least)
    }

    fn kind(&self) -> Kind {
        match self.ask.bound.size {
            Size::Rate(rate) => Kind::Bucket(counters::Rate::new(rate.amount, rate.period, rate.burst)),
            Size::AtMost(most) => Kind::Gauge(most),
        }
    }

    fn shared(&self, lease: u8) -> counters::Ask {
        let (kind, mode) = (self.kind(), self.ask.mode.into());
        let lease = match kind {
            // What grows is asked for by its hold.
            Kind::Bucket(rate) if !self.grows() => rate.slice(lease),
            _ => 0,
        };
        counters::Ask { key: self.key.clone(), kind, units: self.units(), mode, lease }
    }

    fn standing(&self, of: &counters::Standing) -> Standing {
        let counters::Standing { limit, remaining, reset, .. } = *of;
        Standing { measure: self.ask.bound.measure, limit, remaining, reset }
    }

    /// Whether the call is refused though its output is bounded so, given how the count stands.
    fn full(&self, of: &counters::Standing, bound: Option<u64>) -> Option<Full> {
        let output = match self.ask.output.kind {
            OutputKind::Fixed => self.ask.output.wanted.min(bound.unwrap_or(u64::MAX)),
            OutputKind::Clamped => bound.unwrap_or(self.output).max(self.ask.output.least),
            OutputKind::Stepwise => self.ask.output.least,
        };
        let units = self.ask.units.saturating_add(output.min(self.output));
        let needed = units.min(of.limit);
        let full = if units >= self.units() { of.full } else { of.remaining < needed };
        full.then(|| Full {
            limit: self.ask.limit,
            size: self.ask.bound.size,
            units,
            standing: self.standing(of),
            wait: self.wait(needed, of),
            is_apart: self.is_apart,
        })
    }

    /// How long until there is so much: what is still owed is known to the count alone, which has said how long it takes
    /// for all that was asked for.
    fn wait(&self, needed: u64, of: &counters::Standing) -> Option<Duration> {
        let (Size::Rate(rate), Some(wait)) = (self.ask.bound.size, of.wait) else { return None };
        let fewer = self.units().min(of.limit).saturating_sub(needed);
        let nanos = u128::from(fewer) * rate.period.as_nanos() / u128::from(rate.amount.max(1));
        Some(wait.saturating_sub(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))))
    }
}

impl From<Mode> for counters::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Enforce => Self::Enforce,
            Mode::Observe => Self::Observe,
        }
    }
}

impl Limits {
    /// What a call wants of every limit that does not name providers.
    #[must_use]
    pub fn shared_call<'a>(&'a self, facts: &Facts<'a>, counters: &Counters, now: Duration) -> SharedAsks<'a> {
        SharedAsks::new(&self.calls, facts, counters, now)
    }

    /// What a try wants of the limits that name providers.
    #[must_use]
    pub fn shared_try<'a>(&'a self, facts: &Facts<'a>, counters: &Counters, now: Duration) -> SharedAsks<'a> {
        SharedAsks::new(&self.tries, facts, counters, now)
    }
}

/// How much of the output that a call wants can be had of a count at once, where what is had bounds it: of a rate no more
/// than the burst.
fn had_at_once(ask: &Ask<'_>) -> u64 {
    let output = &ask.output;
    let bends = ask.mode == Mode::Enforce && !matches!(output.kind, OutputKind::Fixed);
    match ask.bound.size {
        Size::Rate(rate) if bends => {
            let room = rate.burst.saturating_sub(ask.units).max(output.least);
            output.wanted.min(room)
        }
        _ => output.wanted,
    }
}

impl<'a> SharedAsks<'a> {
    fn new(limits: &'a [Limit], facts: &Facts<'a>, counters: &Counters, now: Duration) -> Self {
        let asks = asks(limits, facts, counters, |limit| Some(&*limit.bounds));
        let crowded = if asks.is_empty() { Vec::new() } else { counters.crowded(&asks, now) };
        let one = |(ask, crowded): (Ask<'a>, bool)| {
            let (measure, output) = (ask.bound.measure, had_at_once(&ask));
            let mut parts = vec!["limit", ask.name, measure.as_str()];
            if let Some(limit) = limits.get(ask.limit).filter(|_| !crowded) {
                limit.values(facts, &mut |part| parts.push(part));
            }
            One { key: CounterKey::of(&parts), ask, is_apart: !crowded, output }
        };
        let list = asks.into_iter().zip(crowded).map(one).collect();
        Self { limits, facts: *facts, list, bound: None }
    }

    /// Whether the call meets no limit.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many counts it wants something of.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// What happens while the counts are away, of each limit that enforces.
    pub fn when_away(&self) -> impl Iterator<Item = WhenAway> {
        let enforced = self.list.iter().filter(|one| one.ask.mode == Mode::Enforce);
        enforced.filter_map(|one| Some(self.limits.get(one.ask.limit)?.when_away))
    }

    /// What to ask of the shared counts, so many hundredths of each bucket ahead of need.
    pub fn asks(&self, lease: u8) -> impl Iterator<Item = counters::Ask> {
        self.list.iter().map(move |one| one.shared(lease))
    }

    /// Lowers what is asked for to what there is room for, as these counts stand, which had no room for it all. Whether
    /// anything changed: if not, the call fits, as far as these counts are concerned.
    ///
    /// # Errors
    /// When that is less than the call can do with.
    pub fn fit(&mut self, standings: &[counters::Standing], counters: &Counters) -> Result<bool, Denied> {
        let clamping = self.list.iter().zip(standings).filter(|(one, _)| one.clamps());
        let rooms = clamping.map(|(one, of)| (one.room(of.remaining), one.ask.output.least));
        let bound = rooms.reduce(|(room, least), (other, of_other)| (room.min(other), least.max(of_other)));
        let bound = bound.map(|(room, least)| room.max(least));
        let fulls: Vec<Option<Full>> = self.list.iter().zip(standings).map(|(one, of)| one.full(of, bound)).collect();
        if fulls.iter().any(Option::is_some) {
            let asks: Vec<&Ask<'_>> = self.list.iter().map(|one| &one.ask).collect();
            counters.note_refusals(&asks, &fulls);
        }
        let enforced = self.list.iter().zip(&fulls).filter(|(one, _)| one.ask.mode == Mode::Enforce);
        if let Some(full) = enforced.filter_map(|(_, full)| *full).max_by_key(|full| full.wait) {
            return Err(denied(self.limits, &self.facts, &full));
        }
        let mut lowered = false;
        for (one, of) in self.list.iter_mut().zip(standings) {
            let room = if one.grows() && of.full { one.room(of.remaining) } else { u64::MAX };
            let output = one.output.min(bound.unwrap_or(u64::MAX)).min(room);
            lowered |= output < one.output;
            one.output = output;
        }
        self.bound = bound;
        Ok(lowered)
    }

    /// Counts for which limits that only observe a call has no room that was let through.
    pub fn note(&self, standings: &[counters::Standing], counters: &Counters) {
        if standings.iter().any(|of| of.full) {
            let fulls: Vec<Option<Full>> =
                self.list.iter().zip(standings).map(|(one, of)| one.full(of, None).filter(|_| of.full)).collect();
            let asks: Vec<&Ask<'_>> = self.list.iter().map(|one| &one.ask).collect();
            counters.note_refusals(&asks, &fulls);
        }
    }

    /// What was taken. The counts of these asks stand first in the hold.
    pub fn held(self, hold: counters::Hold) -> Hold {
        let standings = hold.standings();
        let shown = self.list.iter().zip(standings).filter(|(one, _)| one.ask.mode == Mode::Enforce);
        let standings_of_call = shown.map(|(one, of)| one.standing(of)).collect();
        let clamping = self.list.iter().zip(standings).filter(|(one, _)| one.clamps());
        let bound = clamping.map(|(one, of)| of.remaining.saturating_add(one.output).max(one.ask.output.least)).min();
        let growing = self.list.iter().filter(|one| one.grows());
        let granted = growing.clone().map(|one| one.output).min();
        let away = growing.clone().filter_map(|one| Some(self.limits.get(one.ask.limit)?.when_away)).max();
        let grow = growing.map(|one| one.shared(0)).collect();
        let measures = self.list.iter().map(|one| one.ask.bound.measure).collect();
        let part = SharedPart { hold, measures, grow, away };
        bounded(Hold::elsewhere(part, standings_of_call, bound, granted), &self.facts)
    }
}

/// What a call has taken of shared counts. Whoever holds it owes its settlement.
#[derive(Debug)]
pub struct SharedPart {
    hold: counters::Hold,
    /// What the counts of limits measure, in the order of their places; behind them are purses.
    measures: Vec<Measure>,
    /// Of what more is taken as the call's output grows.
    grow: Vec<counters::Ask>,
    /// What happens to that while the counts are away.
    away: Option<WhenAway>,
}

impl SharedPart {
    /// The hold.
    pub const fn hold(&self) -> &counters::Hold {
        &self.hold
    }

    /// The hold, to be extended.
    pub const fn hold_mut(&mut self) -> &mut counters::Hold {
        &mut self.hold
    }

    /// What to ask for where a stream wants so many more output tokens.
    #[must_use]
    pub fn growth(&self, wanted: u64) -> Vec<counters::Ask> {
        self.grow.iter().map(|ask| counters::Ask { units: wanted, ..ask.clone() }).collect()
    }

    /// How much of that can be had at once: no more than the smallest burst.
    #[must_use]
    pub fn growth_max(&self) -> u64 {
        let bursts = self.grow.iter().filter_map(|ask| match ask.kind {
            Kind::Bucket(rate) => Some(rate.burst()),
            Kind::Gauge(_) | Kind::Purse(_) => None,
        });
        bursts.min().unwrap_or(u64::MAX)
    }

    /// What happens to that while the counts are away; `None` where nothing grows.
    #[must_use]
    pub const fn growth_when_away(&self) -> Option<WhenAway> {
        self.away
    }

    /// The place at which the purses begin.
    #[must_use]
    pub const fn purses_at(&self) -> usize {
        self.measures.len()
    }

    /// The hold, and how much of what was taken at a place was used: `used` as limits count it (`None`: nothing came of
    /// it, so that requests come back, too), `nanos` of a purse.
    pub fn ended(self, used: Option<Used>, nanos: u64) -> (counters::Hold, impl FnMut(usize, u64) -> u64) {
        let Self { hold, measures, .. } = self;
        let of = move |place: usize, taken: u64| match (measures.get(place), used) {
            (None, _) => nanos,
            (Some(_), None) => 0,
            (Some(Measure::InputTokens), Some(used)) => used.input,
            (Some(Measure::OutputTokens), Some(used)) => used.output,
            (Some(Measure::Tokens), Some(used)) => used.input.saturating_add(used.output),
            (Some(Measure::Requests | Measure::Calls | Measure::Streams), Some(_)) => taken,
        };
        (hold, of)
    }
}

impl Hold {
    /// What was taken of shared counts, and of what is kept here.
    #[must_use]
    pub fn shared_mut(&mut self) -> Option<&mut SharedPart> {
        self.shared.as_mut()
    }

    /// Takes out what was taken of shared counts.
    pub const fn take_shared(&mut self) -> Option<SharedPart> {
        self.shared.take()
    }
}

/// One replica's share, while the counts that they share are away.
impl Limits {
    /// As [`Limits::admit_call`], of this replica's share of the limits that count so while the shared counts are away.
    ///
    /// # Errors
    /// When one of them has no room.
    pub fn admit_call_share(
        &self,
        facts: &Facts<'_>,
        counters: &Counters,
        now: Duration,
        replicas: u32,
    ) -> Result<Hold, Denied> {
        share(&self.calls, facts, counters, (now, replicas))
    }

    /// As [`Limits::admit_try`], of this replica's share.
    ///
    /// # Errors
    /// As [`Limits::admit_call_share`].
    pub fn admit_try_share(
        &self,
        facts: &Facts<'_>,
        counters: &Counters,
        now: Duration,
        replicas: u32,
    ) -> Result<Hold, Denied> {
        share(&self.tries, facts, counters, (now, replicas))
    }
}

fn share(
    limits: &[Limit],
    facts: &Facts<'_>,
    counters: &Counters,
    (now, replicas): (Duration, u32),
) -> Result<Hold, Denied> {
    let shares: Vec<Limit> = limits.iter().map(|limit| of_replica(limit, replicas)).collect();
    let local = |limit: &'_ Limit| limit.when_away == WhenAway::FailOpenLocal;
    let asks = asks(&shares, facts, counters, |limit| local(limit).then_some(&*limit.bounds));
    if asks.is_empty() {
        return Ok(Hold::default());
    }
    let hold = counters.reserve(&asks, now).map_err(|full| denied(&shares, facts, &full))?;
    Ok(bounded(hold, facts))
}

fn of_replica(limit: &Limit, replicas: u32) -> Limit {
    let replicas = u64::from(replicas.max(1));
    let share = |units: u64| (units / replicas).max(1);
    let size = |size: Size| match size {
        Size::Rate(rate) => Size::Rate(super::Rate { amount: share(rate.amount), burst: share(rate.burst), ..rate }),
        Size::AtMost(most) => Size::AtMost(if most == 0 { 0 } else { share(most) }),
    };
    let bounds = limit.bounds.iter().map(|bound| Bound { size: size(bound.size), ..*bound }).collect();
    Limit { bounds, name: Arc::clone(&limit.name), ..limit.clone() }
}
