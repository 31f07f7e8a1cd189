//! What is summed beside the rows: which figures, by which combination of dimensions, for which hour and day.
//!
//! Every engine keeps the same four grains. The plain ones know nothing of tags and sessions, of which there may be as
//! many as callers; the detailed ones do. Each grain of each hour and day is bounded: beyond [`Grain::cells_max`], calls
//! of combinations that it has not seen are *folded*, that is, summed by team and ending alone. Reports that need to
//! know more go to the next finer grain there, at last to the rows (`plan`), so that they stay exact.

mod plan;
mod series;
mod total;
mod wanted;

pub(crate) use plan::{Known, Plan};
pub(crate) use series::{Digest, SERIES_COLUMNS, Series};
pub(crate) use total::{TOTAL_COUNT, Total, figures, join, label, total};
pub(crate) use wanted::{Wanted, period, span, wanted};

use crate::correction::Correction;
use crate::ledger::COUNT_MAX;
use std::collections::HashMap;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::usage::UsageSource;

pub(crate) const HOUR_MICROS: i64 = 3_600_000_000;
pub(crate) const DAY_MICROS: i64 = 24 * HOUR_MICROS;

/// The last midnight in UTC that is not after this.
pub(crate) fn whole_days(moment: Timestamp) -> i64 {
    moment.micros() - moment.micros().rem_euclid(DAY_MICROS)
}

/// Nano-dollars in a dollar: money is summed as whole dollars and rest, as engines fail beyond 64 bits.
pub(crate) const DOLLAR: i64 = 1_000_000_000;

/// The summed columns, in the order of [`Sums`]: first what was booked, then what corrections change of it.
pub(crate) const SUM_COLUMNS: [&str; 28] = [
    "calls",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "images",
    "cost_dollars",
    "cost_rest",
    "list_dollars",
    "list_rest",
    "estimated_calls",
    "estimated_dollars",
    "estimated_rest",
    "unpriced_calls",
    "ceiling_calls",
    "corrected_calls",
    "delta_dollars",
    "delta_rest",
    "list_delta_dollars",
    "list_delta_rest",
    "estimated_delta_dollars",
    "estimated_delta_rest",
    "unpriced_delta",
    "ceiling_delta",
];

/// How many of them are booked: the rest is corrections.
pub(crate) const BOOKED: usize = 19;

/// Sums in the order of [`SUM_COLUMNS`].
pub(crate) type Sums = [i64; SUM_COLUMNS.len()];

/// Something that is added to the sums of a call.
#[derive(Clone)]
pub(crate) struct Addend<'a> {
    pub(crate) record: &'a Record,
    /// The id of its unit prices in the store.
    pub(crate) rates_id: Option<i64>,
    pub(crate) sums: Sums,
}

impl<'a> Addend<'a> {
    /// The call itself.
    pub(crate) fn of(record: &'a Record, rates_id: Option<i64>) -> Self {
        let mut sums = [0; SUM_COLUMNS.len()];
        sums.iter_mut().zip(booked(record)).for_each(|(sum, part)| *sum = part);
        Self { record, rates_id, sums }
    }

    /// A correction of the call.
    pub(crate) fn correcting(record: &'a Record, rates_id: Option<i64>, correction: &Correction) -> Self {
        let mut sums = [0; SUM_COLUMNS.len()];
        sums.iter_mut().skip(BOOKED).zip(corrected(record, correction)).for_each(|(sum, part)| *sum = part);
        Self { record, rates_id, sums }
    }
}

fn booked(record: &Record) -> [i64; BOOKED] {
    let count = |count: u64| i64::try_from(count.min(COUNT_MAX)).unwrap_or(i64::MAX);
    let (usage, own, earlier) = (&record.usage, record.cost.amount.nanos(), record.earlier_cost());
    let tries = earlier.amount.nanos();
    let (own_list, tries_list) = (record.cost.list.nanos(), earlier.list.nanos());
    let is_estimated = record.usage_source == UsageSource::Estimated;
    let guessed = if is_estimated { own } else { 0 };
    let has = |pricing| i64::from(record.cost.pricing == pricing || earlier.pricing == pricing);
    [
        1,
        count(usage.input_tokens),
        count(usage.cache_read_tokens),
        count(usage.cache_write_5m_tokens),
        count(usage.cache_write_1h_tokens),
        count(usage.output_tokens),
        count(usage.reasoning_tokens),
        count(usage.audio_input_tokens),
        count(usage.audio_output_tokens),
        count(usage.images),
        own / DOLLAR + tries / DOLLAR,
        own % DOLLAR + tries % DOLLAR,
        own_list / DOLLAR + tries_list / DOLLAR,
        own_list % DOLLAR + tries_list % DOLLAR,
        i64::from(is_estimated || earlier.pricing != Pricing::Nothing),
        guessed / DOLLAR + tries / DOLLAR,
        guessed % DOLLAR + tries % DOLLAR,
        has(Pricing::Unpriced),
        has(Pricing::Ceiling),
    ]
}

fn corrected(record: &Record, correction: &Correction) -> [i64; SUM_COLUMNS.len() - BOOKED] {
    let (delta, list) = (correction.delta.nanos(), correction.list_delta.nanos());
    let is_estimated = record.usage_source == UsageSource::Estimated;
    let estimated = if is_estimated { delta } else { correction.earlier_delta.nanos() };
    [
        i64::from(correction.number == 1),
        delta / DOLLAR,
        delta % DOLLAR,
        list / DOLLAR,
        list % DOLLAR,
        estimated / DOLLAR,
        estimated % DOLLAR,
        correction.unpriced_delta.into(),
        correction.ceiling_delta.into(),
    ]
}

/// How finely sums are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Grain {
    /// By the hour, without tags and sessions.
    PlainHours,
    /// By the day, without tags and sessions.
    PlainDays,
    /// By the hour, with tags and sessions.
    DetailHours,
    /// By the day, with tags and sessions.
    DetailDays,
}

impl Grain {
    /// The number in the store.
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::PlainHours => 0,
            Self::PlainDays => 1,
            Self::DetailHours => 2,
            Self::DetailDays => 3,
        }
    }

    /// Reads what [`Grain::number`] says.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|grain| grain.number() == number)
    }

    /// Every grain.
    pub(crate) const ALL: [Self; 4] = [Self::PlainHours, Self::PlainDays, Self::DetailHours, Self::DetailDays];

    /// The length of one span in microseconds.
    pub(crate) const fn micros(self) -> i64 {
        match self {
            Self::PlainHours | Self::DetailHours => HOUR_MICROS,
            Self::PlainDays | Self::DetailDays => DAY_MICROS,
        }
    }

    /// How many combinations one span may have before calls of new ones are folded. A report over a month reads at most
    /// thirty times that of a day.
    pub(crate) const fn cells_max(self) -> i64 {
        match self {
            Self::PlainHours => 5_000,
            Self::PlainDays | Self::DetailHours => 20_000,
            Self::DetailDays => 50_000,
        }
    }
}

/// Whether tags and sessions are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Plain,
    Detail,
}

impl Level {
    pub(crate) const fn hours(self) -> Grain {
        match self {
            Self::Plain => Grain::PlainHours,
            Self::Detail => Grain::DetailHours,
        }
    }

    pub(crate) const fn days(self) -> Grain {
        match self {
            Self::Plain => Grain::PlainDays,
            Self::Detail => Grain::DetailDays,
        }
    }
}

/// One combination in a batch, and a call that has it.
pub(crate) struct Line<'a> {
    pub(crate) record: &'a Record,
    pub(crate) rates_id: Option<i64>,
    pub(crate) level: Level,
    pub(crate) digest: Digest,
}

impl<'a> Line<'a> {
    /// The combination.
    pub(crate) fn series(&self) -> Series<'a> {
        Series::of(self.record, self.rates_id, self.level)
    }
}

/// One sum in a batch: the grain, the hour or day as it counts, and the number of the line.
pub(crate) type Cell = (Grain, i64, usize);

/// What some calls add to the sums, each combination once.
#[derive(Default)]
pub(crate) struct Batch<'a> {
    numbers: HashMap<Box<[u8]>, usize>,
    lines: Vec<Line<'a>>,
    cells: HashMap<Cell, Sums>,
    key: Vec<u8>,
}

impl<'a> Batch<'a> {
    /// Adds to every sum that the call belongs to.
    pub(crate) fn add(&mut self, addend: &Addend<'a>) {
        for level in [Level::Plain, Level::Detail] {
            let line = self.line(addend, level);
            for grain in [level.hours(), level.days()] {
                let start = addend.record.started_at.micros().div_euclid(grain.micros());
                let cell = self.cells.entry((grain, start, line)).or_insert([0; SUM_COLUMNS.len()]);
                add(cell, &addend.sums);
            }
        }
    }

    fn line(&mut self, addend: &Addend<'a>, level: Level) -> usize {
        let (record, rates_id) = (addend.record, addend.rates_id);
        self.key.clear();
        Series::of(record, rates_id, level).write_key(&mut self.key);
        if let Some(number) = self.numbers.get(self.key.as_slice()) {
            return *number;
        }
        let number = self.lines.len();
        self.numbers.insert(self.key.as_slice().into(), number);
        self.lines.push(Line { record, rates_id, level, digest: Digest::of(&self.key) });
        number
    }

    /// The combinations and the sums, in the order in which engines keep them: grain and start, then the place of the
    /// combination among the lines.
    pub(crate) fn finish(self) -> (Vec<Line<'a>>, Vec<(Cell, Sums)>) {
        let mut cells: Vec<_> = self.cells.into_iter().collect();
        cells.sort_unstable_by_key(|(place, _)| *place);
        (self.lines, cells)
    }
}

/// Adds to sums; they stop at their bounds.
pub(crate) fn add(sums: &mut Sums, part: &Sums) {
    for (sum, part) in sums.iter_mut().zip(part) {
        *sum = sum.saturating_add(*part);
    }
}
