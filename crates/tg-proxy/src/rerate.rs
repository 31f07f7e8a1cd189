//! Re-rating: what a booked call costs by the prices that are now known to have been valid when it began.

use crate::cost::Basis;
use crate::snapshot::Snapshot;
use std::borrow::Cow;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::{Cost, Pricing, Record, Served};
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;
use tg_policy::route::UnknownPrice;
use tg_store::correction::{Correction, CorrectionReason};

/// What re-rating a call comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rerated {
    /// Its cost stands.
    Stands,
    /// It used something that has no price now: its cost is left as it is.
    NoPrice,
    /// Its cost is another one.
    Corrected(Correction),
}

/// What a cost comes to, over all tries.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    amount: Money,
    earlier: Money,
    list: Money,
    unpriced: bool,
    ceiling: bool,
}

impl Sum {
    fn add(&mut self, cost: &Cost, is_earlier: bool) {
        self.amount = self.amount.plus(cost.amount);
        self.list = self.list.plus(cost.list);
        if is_earlier {
            self.earlier = self.earlier.plus(cost.amount);
        }
        self.unpriced |= cost.pricing == Pricing::Unpriced;
        self.ceiling |= cost.pricing == Pricing::Ceiling;
    }

    const fn pricing(self) -> Pricing {
        match self {
            Self { unpriced: true, .. } => Pricing::Unpriced,
            Self { ceiling: true, .. } => Pricing::Ceiling,
            _ => Pricing::Priced,
        }
    }
}

/// Prices a call anew by the catalogue, the overrides and the discounts of `snapshot`. `made` are the corrections that it
/// has already: what the answer adds to them makes the call's cost the new one, and nothing where it is that already.
///
/// Counts are not touched, nor is what was charged where there is no price: a price that has gone corrects nothing.
#[must_use]
pub fn rerate(record: &Record, made: &[Correction], snapshot: &Snapshot, now: Timestamp) -> Rerated {
    let (mut booked, mut wanted) = (Sum::default(), Sum::default());
    let mut last = None;
    for (served, usage, cost) in record.earlier.iter().map(|a| (&a.served, &a.usage, &a.cost)) {
        let priced = price(record, served, usage, cost, snapshot);
        booked.add(cost, true);
        wanted.add(priced.as_ref().unwrap_or(cost), true);
        if priced.is_none() && !made.is_empty() {
            return Rerated::NoPrice;
        }
    }
    if let Some(served) = &record.served {
        last = price(record, served, &record.usage, &record.cost, snapshot);
        if last.is_none() && (!made.is_empty() || record.earlier.is_empty()) {
            return Rerated::NoPrice;
        }
    }
    let last = last.unwrap_or_else(|| record.cost.clone());
    booked.add(&record.cost, false);
    wanted.add(&last, false);
    match difference(record, (booked, wanted), made) {
        None => Rerated::Stands,
        Some(correction) => Rerated::Corrected(Correction {
            made_at: now,
            new_price: Arc::clone(&last.price),
            rates: last.rates,
            ..correction
        }),
    }
}

/// What a call would be charged by `snapshot`, over all tries; `None` where its last try used something that has no price
/// there. What an earlier try cost stays as it was booked where it has none.
#[must_use]
pub fn cost_by(record: &Record, snapshot: &Snapshot) -> Option<Money> {
    let last = match &record.served {
        Some(served) => price(record, served, &record.usage, &record.cost, snapshot)?,
        None => record.cost.clone(),
    };
    let earlier = record.earlier.iter().map(|attempt| {
        let priced = price(record, &attempt.served, &attempt.usage, &attempt.cost, snapshot);
        priced.map_or(attempt.cost.amount, |cost| cost.amount)
    });
    Some(earlier.fold(last.amount, Money::plus))
}

/// What is missing to make the call's cost the wanted one; its new price and its time are not filled in.
fn difference(record: &Record, (booked, wanted): (Sum, Sum), made: &[Correction]) -> Option<Correction> {
    let so_far = |first: Money, of: fn(&Correction) -> Money| made.iter().map(of).fold(first, Money::plus);
    let delta = wanted.amount.minus(so_far(booked.amount, |c| c.delta));
    let earlier_delta = wanted.earlier.minus(so_far(booked.earlier, |c| c.earlier_delta));
    let list_delta = wanted.list.minus(so_far(booked.list, |c| c.list_delta));
    let flag = |first: bool, wanted: bool, of: fn(&Correction) -> i8| {
        i8::from(wanted) - made.iter().map(of).fold(i8::from(first), i8::saturating_add)
    };
    let unpriced_delta = flag(booked.unpriced, wanted.unpriced, |c| c.unpriced_delta);
    let ceiling_delta = flag(booked.ceiling, wanted.ceiling, |c| c.ceiling_delta);
    let is_same = [delta, earlier_delta, list_delta] == [Money::ZERO; 3] && (unpriced_delta, ceiling_delta) == (0, 0);
    (!is_same).then(|| Correction {
        call: record.id,
        number: u32::try_from(made.len()).unwrap_or(u32::MAX).saturating_add(1),
        made_at: record.started_at,
        reason: match (unpriced_delta, ceiling_delta) {
            (0, 0) => CorrectionReason::PriceChanged,
            _ => CorrectionReason::PriceKnown,
        },
        old_price: Arc::clone(made.last().map_or(&record.cost.price, |last| &last.new_price)),
        new_price: Arc::default(),
        pricing: wanted.pricing(),
        delta,
        earlier_delta,
        list_delta,
        unpriced_delta,
        ceiling_delta,
        rates: None,
    })
}

/// What a try costs now; `None` where it used something that has no price. What used nothing costs nothing.
fn price(record: &Record, served: &Served, usage: &Usage, booked: &Cost, snapshot: &Snapshot) -> Option<Cost> {
    if booked.pricing == Pricing::Nothing {
        return Some(Cost::default());
    }
    let scope = snapshot.upstreams.get(&served.provider)?.price_named(served.dialect, &served.model, &booked.price);
    let basis = Basis { scope: Some(Cow::Owned(scope)), unknown: UnknownPrice::AllowAndFlag, snapshot };
    let cost = basis.price(record.asked.operation, served, usage, record.started_at);
    (cost.pricing == Pricing::Priced).then_some(cost)
}
