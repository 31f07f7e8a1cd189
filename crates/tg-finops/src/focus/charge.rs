//! A call as charges: one for each kind of unit, which add up to the call's cost exactly.

use crate::decimal::Decimal;
use std::sync::Arc;
use tg_kernel::principal::Attribution;
use tg_kernel::rates::{RateSheet, UnitKind, UnitPrice};
use tg_kernel::record::{Cost, Pricing, Record, Served};
use tg_kernel::units::Money;
use tg_kernel::usage::{Usage, UsageSource};
use tg_store::correction::Correction;

/// What a row is about, apart from the sums. The order is that of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChargeKey {
    /// The hour in which the call began, counted since 1970.
    pub hour: i64,
    /// The team; empty where no caller was identified.
    pub team: Arc<str>,
    /// The project.
    pub project: Option<Arc<str>>,
    /// The environment.
    pub environment: Option<Arc<str>>,
    /// The provider's name in the configuration.
    pub provider: Arc<str>,
    /// The model, as sent to the provider.
    pub model: Arc<str>,
    /// The inference profile or project by which the provider groups its bill.
    pub profile: Option<Arc<str>>,
    /// The tags of the call.
    pub tags: Vec<String>,
    /// The tier at which it was served.
    pub tier: &'static str,
    /// What is counted.
    pub kind: Kind,
    /// The price (`VERSION/PROVIDER/ID…`); empty where there is none.
    pub price: Arc<str>,
    /// List price and contracted price of one unit, in pico-dollars; `None` where they are not known.
    pub unit: Option<(u64, u64)>,
    /// List price of an input token outside any cache, for what a cache saved.
    pub uncached: Option<u64>,
}

/// What a row counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One kind of unit, by its place in [`UnitKind::ALL`].
    Unit(u8),
    /// All tokens of calls whose unit prices were not kept.
    #[default]
    AllTokens,
    /// A later correction of the cost of calls.
    Correction,
    /// What is charged for an hour of so many of a commitment.
    Commitment(u32),
    /// What of that no call used.
    Unused,
}

impl Kind {
    fn of(kind: UnitKind) -> Self {
        Self::Unit(
            UnitKind::ALL.iter().position(|known| *known == kind).and_then(|at| u8::try_from(at).ok()).unwrap_or(0),
        )
    }

    /// The kind of unit, where it is one.
    #[must_use]
    pub fn unit(self) -> Option<UnitKind> {
        match self {
            Self::Unit(at) => UnitKind::ALL.get(usize::from(at)).copied(),
            Self::AllTokens | Self::Correction | Self::Commitment(_) | Self::Unused => None,
        }
    }
}

/// The sums of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// How many calls have a part in it.
    pub calls: u64,
    /// Units: tokens, or images.
    pub units: u64,
    /// What is charged.
    pub cost: Decimal,
    /// What it costs with its part of commitments; what they cost themselves is in the rows that use them.
    pub effective: Decimal,
    /// The hours of a commitment that it stands for.
    pub hours: Decimal,
    /// What it would be at list price.
    pub list: Decimal,
    /// What of `cost` rests on estimated counts.
    pub estimated: Decimal,
    /// Calls that had no price: their cost reads zero and is not known. Each is in one of its charges only; a correction
    /// that found the price takes it back.
    pub unpriced_calls: i64,
}

impl Charge {
    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.units = self.units.saturating_add(other.units);
        self.cost += other.cost;
        self.effective += other.effective;
        self.hours += other.hours;
        self.list += other.list;
        self.estimated += other.estimated;
        self.unpriced_calls += other.unpriced_calls;
    }
}

/// Takes one charge.
type Add<'a> = &'a mut dyn FnMut(ChargeKey, &Charge);

/// One try that may be billed.
struct Billed<'a> {
    served: &'a Served,
    usage: &'a Usage,
    cost: &'a Cost,
    estimated: bool,
}

/// The charges of a call with all its tries.
pub(super) fn of_record(record: &Record, hour: i64, add: Add<'_>) {
    // As reports count: a call once, however many of its tries and kinds of units had no price.
    let mut is_told = false;
    let mut add = |key: ChargeKey, charge: &Charge| {
        let unpriced_calls = if is_told { 0 } else { charge.unpriced_calls };
        is_told |= unpriced_calls > 0;
        add(key, &Charge { unpriced_calls, effective: charge.cost, ..*charge });
    };
    for earlier in &record.earlier {
        let billed = Billed { served: &earlier.served, usage: &earlier.usage, cost: &earlier.cost, estimated: true };
        of_try(&record.attribution, &billed, hour, &mut add);
    }
    if let Some(served) = &record.served {
        let estimated = record.usage_source == UsageSource::Estimated;
        let billed = Billed { served, usage: &record.usage, cost: &record.cost, estimated };
        of_try(&record.attribution, &billed, hour, &mut add);
    }
}

fn of_try(who: &Attribution, billed: &Billed<'_>, hour: i64, add: Add<'_>) {
    if billed.usage.total_tokens() == 0 && billed.usage.images == 0 && billed.cost.amount == Money::ZERO {
        return;
    }
    let key = key(who, billed.served, &billed.cost.price, hour);
    let sheet = billed.cost.rates.as_deref().and_then(RateSheet::parse);
    match sheet.and_then(|sheet| Some((sheet, lines(&sheet, billed)?))) {
        Some((sheet, lines)) => {
            let uncached = sheet.get(UnitKind::Input).map(|price| price.list);
            for (kind, charge) in lines {
                let unit = sheet.get(kind).map(|UnitPrice { list, contracted }| (list, contracted));
                add(ChargeKey { kind: Kind::of(kind), unit, uncached, ..key.clone() }, &charge);
            }
        }
        None => add(key, &whole(billed)),
    }
}

fn key(who: &Attribution, served: &Served, price: &Arc<str>, hour: i64) -> ChargeKey {
    ChargeKey {
        hour,
        team: Arc::clone(&who.team),
        project: who.project.clone(),
        environment: who.environment.clone(),
        provider: Arc::clone(&served.provider),
        model: Arc::clone(&served.model),
        profile: served.profile.clone(),
        tags: who.tags.clone(),
        tier: served.tier.as_str(),
        price: Arc::clone(price),
        ..ChargeKey::default()
    }
}

/// A call whose unit prices are not known, in one charge.
fn whole(billed: &Billed<'_>) -> Charge {
    let cost = Decimal::from(billed.cost.amount);
    Charge {
        calls: 1,
        units: billed.usage.total_tokens(),
        cost,
        list: billed.cost.list.into(),
        estimated: if billed.estimated { cost } else { Decimal::ZERO },
        unpriced_calls: i64::from(billed.cost.pricing == Pricing::Unpriced),
        ..Charge::default()
    }
}

/// One charge for each kind of unit that was used. A call's cost was rounded once, to the nano-dollar; what that moved
/// is in the dearest charge. `None` where the unit prices do not give the cost that was booked (it was beyond the range).
fn lines(sheet: &RateSheet, billed: &Billed<'_>) -> Option<Vec<(UnitKind, Charge)>> {
    let unpriced = billed.cost.pricing == Pricing::Unpriced;
    let mut lines = Vec::new();
    for kind in UnitKind::ALL {
        let units = kind.units(billed.usage);
        if units == 0 {
            continue;
        }
        let price = sheet.get(kind).filter(|_| !unpriced).unwrap_or(UnitPrice { list: 0, contracted: 0 });
        let amount = |rate: u64| Decimal::from_picos(i128::from(units) * i128::from(rate));
        let charge = Charge {
            calls: 1,
            units,
            cost: amount(price.contracted),
            list: amount(price.list),
            unpriced_calls: i64::from(unpriced),
            ..Charge::default()
        };
        lines.push((kind, charge));
    }
    settle(&mut lines, billed.cost.amount, |charge| &mut charge.cost)?;
    settle(&mut lines, billed.cost.list, |charge| &mut charge.list)?;
    if billed.estimated {
        lines.iter_mut().for_each(|(_, charge)| charge.estimated = charge.cost);
    }
    Some(lines)
}

/// Makes the lines add up to what was booked.
fn settle(lines: &mut [(UnitKind, Charge)], booked: Money, of: fn(&mut Charge) -> &mut Decimal) -> Option<()> {
    let sum: Decimal = lines.iter_mut().map(|(_, charge)| *of(charge)).sum();
    let rest = Decimal::from(booked) - sum;
    // Rounding moves half a nano-dollar at most.
    if rest.abs().picos() > 500 {
        return None;
    }
    let dearest = lines.iter_mut().map(|(_, charge)| of(charge)).max_by_key(|amount| amount.picos())?;
    *dearest += rest;
    Some(())
}

/// The charge of a correction: a difference in cost, in the hour of the call.
pub(super) fn of_correction(record: &Record, correction: &Correction, hour: i64, add: Add<'_>) {
    let Some(served) = record.served.as_ref().or_else(|| record.earlier.last().map(|earlier| &earlier.served)) else {
        return;
    };
    // As reports count: all of it where the counts of the last try are estimates, else what is of tries before it.
    let is_estimated = record.usage_source == UsageSource::Estimated;
    let key = ChargeKey { kind: Kind::Correction, ..key(&record.attribution, served, &correction.new_price, hour) };
    let charge = Charge {
        calls: 1,
        cost: correction.delta.into(),
        effective: correction.delta.into(),
        list: correction.list_delta.into(),
        estimated: if is_estimated { correction.delta } else { correction.earlier_delta }.into(),
        unpriced_calls: correction.unpriced_delta.into(),
        ..Charge::default()
    };
    add(key, &charge);
}
