//! The ledger as FOCUS rows (FinOps Open Cost and Usage Specification 1.2 and 1.3): one row per hour, team, project,
//! environment, provider, model, profile, tags, kind of token, tier and price. The rows' costs add up to the ledger's
//! total, to the last nano-dollar; what commitments cost is in rows of its own.

mod amortised;
mod charge;
mod columns;
mod csv;
mod parquet;
mod seller;

pub use amortised::{Amortisation, Committed};
pub use charge::{Charge, ChargeKey, Kind};
pub use columns::{COLUMNS, Column, Shape, Value};
pub use csv::CsvWriter;
pub use parquet::{ParquetWriter, WriteError};

use charge::{of_correction, of_record};
use std::collections::BTreeMap;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Record;
use tg_store::correction::Correction;

const HOUR_MICROS: i64 = 3_600_000_000;
/// How far rows may be out of order by time: a clock that was set back moves calls between hours.
const DISORDER_HOURS: i64 = 2;
/// Most charges in memory. Beyond that the oldest hours are written early, at worst as several rows of one key.
const CHARGES_MAX: usize = 200_000;

/// Whose bill the rows are on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The account that is billed, where all rows are on one bill; else each provider's name in the configuration.
    pub billing_account: Option<String>,
}

/// Sums calls into rows, hour by hour. Calls come the latest first, as the ledger lists them.
#[derive(Debug, Default)]
pub struct Export {
    charges: BTreeMap<ChargeKey, Charge>,
    latest: Option<i64>,
}

impl Export {
    /// Takes a call and its corrections, and answers rows that no later call can add to.
    pub fn take(&mut self, record: &Record, corrections: &[Correction]) -> Vec<(ChargeKey, Charge)> {
        let hour = record.started_at.micros().div_euclid(HOUR_MICROS);
        let mut add = |key: ChargeKey, charge: &Charge| self.charges.entry(key).or_default().add(charge);
        of_record(record, hour, &mut add);
        for correction in corrections {
            of_correction(record, correction, hour, &mut add);
        }
        let is_older = self.latest.is_none_or(|latest| hour < latest);
        self.latest = Some(self.latest.map_or(hour, |latest| latest.min(hour)));
        if self.charges.len() > CHARGES_MAX {
            return std::mem::take(&mut self.charges).into_iter().collect();
        }
        if is_older { self.finished(hour + DISORDER_HOURS) } else { Vec::new() }
    }

    /// The rows that are left.
    #[must_use]
    pub fn finish(self) -> Vec<(ChargeKey, Charge)> {
        self.charges.into_iter().collect()
    }

    /// Takes out all rows after this hour.
    fn finished(&mut self, hour: i64) -> Vec<(ChargeKey, Charge)> {
        let from = ChargeKey { hour: hour + 1, ..ChargeKey::default() };
        self.charges.split_off(&from).into_iter().collect()
    }
}

/// The beginning of an hour, counted since 1970.
fn start_of(hour: i64) -> Timestamp {
    Timestamp::from_micros(hour.saturating_mul(HOUR_MICROS))
}
