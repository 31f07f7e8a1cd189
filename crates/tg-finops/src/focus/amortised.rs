//! Commitments in an export: what was charged for each hour, and which part of it the calls of the hour used.
//!
//! The charge of an hour is spread over the calls under the commitment by what they are worth at list price. A call is never
//! given more than it would have cost without the commitment; what is left of the hour went unused. So what was billed and what
//! is given to calls and to what went unused is the same sum.

use super::charge::{Charge, ChargeKey, Kind, of_correction, of_record};
use super::{HOUR_MICROS, start_of};
use crate::decimal::Decimal;
use std::collections::HashMap;
use tg_kernel::clock::Timestamp;
use tg_kernel::commitment::{Commitment, CommitmentRate};
use tg_kernel::record::Record;
use tg_store::correction::Correction;

/// A commitment and who sells it.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The commitment.
    pub commitment: Commitment,
    /// Its seller, as prices name it: `bedrock`.
    pub vendor: String,
}

/// Spreads commitments over calls. First it sees every call of the time, then it spreads.
#[derive(Debug, Default)]
pub struct Amortisation {
    committed: Vec<Committed>,
    since: Option<Timestamp>,
    until: Timestamp,
    /// By the commitment's place and the hour.
    hours: HashMap<(usize, i64), Hour>,
}

/// What the calls of an hour under a commitment are worth at list price, in pico-dollars.
#[derive(Clone, Copy, Debug, Default)]
struct Hour {
    worth: i128,
    /// Of that, what has its part already.
    spread: i128,
}

impl Amortisation {
    /// Of these commitments, for calls and hours that begin from `since` on (absent: from their beginning) and before `until`.
    #[must_use]
    pub fn new(committed: Vec<Committed>, since: Option<Timestamp>, until: Timestamp) -> Self {
        Self { committed, since, until, hours: HashMap::new() }
    }

    /// Whether any is charged for in the time.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.committed.iter().any(|one| !one.commitment.hours(self.since, self.until).is_empty())
    }

    /// Takes note of what a call is worth. Every call of the time, once, before any is spread over.
    pub fn see(&mut self, record: &Record) {
        let hour = record.started_at.micros().div_euclid(HOUR_MICROS);
        let (committed, hours) = (&self.committed, &mut self.hours);
        of_record(record, hour, &mut |key, charge| {
            if let Some(place) = place(committed, &key) {
                hours.entry((place, hour)).or_default().worth += charge.list.picos();
            }
        });
    }

    /// Gives the rows of calls their part of what commitments cost.
    pub fn spread(&mut self, rows: &mut [(ChargeKey, Charge)]) {
        for (key, charge) in rows {
            let Some(place) = place(&self.committed, key).filter(|_| key.kind != Kind::Correction) else { continue };
            let Some(hour) = self.hours.get(&(place, key.hour)).copied() else { continue };
            let Some(one) = self.committed.get(place) else { continue };
            let (paid, used) = self.paid(&one.commitment, key.hour, hour);
            // A call that came into the ledger after it was seen has no part.
            let upto = |spread: i128| share(used, spread.min(hour.worth), hour.worth);
            let spread = hour.spread + charge.list.picos();
            let part = upto(spread) - upto(hour.spread);
            charge.effective += Decimal::from_picos(part);
            let upto = |spread: i128| hours(&one.commitment, upto(spread), paid);
            charge.hours = upto(spread) - upto(hour.spread);
            self.hours.insert((place, key.hour), Hour { spread, ..hour });
        }
    }

    /// What a call cost, and what it cost with its part of commitments. Corrections are part of both.
    pub fn of_call(&mut self, record: &Record, corrections: &[Correction]) -> (Decimal, Decimal) {
        let hour = record.started_at.micros().div_euclid(HOUR_MICROS);
        let mut rows: Vec<(ChargeKey, Charge)> = Vec::new();
        let mut add = |key: ChargeKey, charge: &Charge| rows.push((key, *charge));
        of_record(record, hour, &mut add);
        corrections.iter().for_each(|correction| of_correction(record, correction, hour, &mut add));
        self.spread(&mut rows);
        let sum = |of: fn(&Charge) -> Decimal| rows.iter().map(|(_, charge)| of(charge)).sum();
        (sum(|charge| charge.cost), sum(|charge| charge.effective))
    }

    /// The rows of the commitments themselves, the latest hour first: what was charged, and what went unused.
    pub fn rows(&self) -> impl Iterator<Item = (ChargeKey, Charge)> + '_ {
        self.committed.iter().enumerate().flat_map(move |(place, one)| {
            let hours = one.commitment.hours(self.since, self.until);
            hours.rev().flat_map(move |hour| self.of_hour(place, one, hour))
        })
    }

    fn of_hour(&self, place: usize, one: &Committed, hour: i64) -> impl Iterator<Item = (ChargeKey, Charge)> {
        let commitment = &one.commitment;
        let seen = self.hours.get(&(place, hour)).copied().unwrap_or_default();
        let (paid, used) = self.paid(commitment, hour, seen);
        let key = key(one, hour);
        let bought = Charge {
            cost: Decimal::from_picos(paid),
            list: Decimal::from_picos(paid),
            hours: hours(commitment, paid, paid),
            ..Charge::default()
        };
        let rest = paid - used;
        let unused =
            Charge { effective: Decimal::from_picos(rest), hours: hours(commitment, rest, paid), ..Charge::default() };
        let unused = (rest > 0).then(|| (ChargeKey { kind: Kind::Unused, ..key.clone() }, unused));
        [(key, bought)].into_iter().chain(unused)
    }

    /// What was charged for an hour, and what of that calls used. Nothing where the hour begins outside the time.
    fn paid(&self, commitment: &Commitment, hour: i64, seen: Hour) -> (i128, i128) {
        if !commitment.hours(self.since, self.until).contains(&hour) {
            return (0, 0);
        }
        let paid = Decimal::from(commitment.of_hour(hour)).picos();
        (paid, paid.min(seen.worth))
    }
}

fn place(committed: &[Committed], key: &ChargeKey) -> Option<usize> {
    let name = key.commitment()?;
    committed.iter().position(|one| &*one.commitment.name == name)
}

/// `amount` × part ÷ whole, rounded down. Beyond a hundred billion dollars in an hour it is less exact, and the same each time.
fn share(amount: i128, part: i128, whole: i128) -> i128 {
    if whole == 0 {
        return 0;
    }
    amount.checked_mul(part).map_or_else(|| amount / whole * part, |product| product / whole)
}

/// The part of a commitment's hours that a part of their charge stands for.
fn hours(commitment: &Commitment, part: i128, paid: i128) -> Decimal {
    Decimal::from_picos(share(Decimal::whole(commitment.quantity.into()).picos(), part, paid))
}

/// The row of what is charged for an hour.
fn key(one: &Committed, hour: i64) -> ChargeKey {
    let Committed { commitment, vendor } = one;
    let name = &commitment.name;
    let (unit, bought) = match commitment.rate {
        CommitmentRate::Hourly(rate) => (rate, commitment.quantity),
        CommitmentRate::Monthly(_) => (commitment.of_hour(hour), 1),
    };
    let unit = u64::try_from(Decimal::from(unit).picos()).unwrap_or(u64::MAX);
    let sku = commitment.sku.as_deref().map(|sku| sku.trim_matches('*')).filter(|sku| !sku.is_empty());
    ChargeKey {
        hour,
        provider: commitment.provider.clone(),
        model: sku.map_or_else(|| name.clone(), Into::into),
        profile: Some(name.clone()),
        price: format!("configuration/{vendor}/{name}%committed:{name}").into(),
        unit: Some((unit, unit)),
        kind: Kind::Commitment(bought),
        tier: tg_kernel::usage::ServiceTier::Default.as_str(),
        ..ChargeKey::default()
    }
}

impl ChargeKey {
    /// The commitment under which it is, by the price of its calls.
    #[must_use]
    pub fn commitment(&self) -> Option<&str> {
        super::seller::taken_apart(&self.price).1.split_once('%')?.1.strip_prefix("committed:")
    }

    /// The beginning of the hour.
    #[must_use]
    pub fn begins(&self) -> Timestamp {
        start_of(self.hour)
    }
}
