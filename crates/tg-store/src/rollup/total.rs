//! Sums of one group of a report, and the figures that they are.

use super::{BOOKED, DAY_MICROS, DOLLAR, HOUR_MICROS, SUM_COLUMNS, Sums};
use crate::ledger::{Dimension, Figures};
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;

/// The columns of [`SUM_COLUMNS`], then calls, cost and corrections of what is booked to no team or to no project.
pub(crate) const TOTAL_COUNT: usize = SUM_COLUMNS.len() + 5;

/// Sums of one group.
pub(crate) type Total = [i64; TOTAL_COUNT];

/// The sums of a series as those of a group.
pub(crate) fn total(sums: &Sums, is_attributed: bool) -> Total {
    let mut total = [0; TOTAL_COUNT];
    total.iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum);
    if !is_attributed {
        let mut apart = [0, 10, 11, DELTA, DELTA + 1].into_iter().map(|column| sums.get(column).copied().unwrap_or(0));
        total.iter_mut().skip(SUM_COLUMNS.len()).for_each(|to| *to = apart.next().unwrap_or(0));
    }
    total
}

/// The name of a day or an hour, counted since 1970.
pub(crate) fn label(dimension: Dimension, number: i64) -> String {
    let (micros, length) = match dimension {
        Dimension::Hour => (HOUR_MICROS, "2026-11-24T03".len()),
        _ => (DAY_MICROS, "2026-11-24".len()),
    };
    let mut text = Timestamp::from_micros(number.saturating_mul(micros)).to_string();
    text.truncate(length);
    text
}

/// The figures of a group.
pub(crate) fn figures(total: &Total) -> Figures {
    let count = |column: usize| total.get(column).map_or(0, |sum| u64::try_from(*sum).unwrap_or(0));
    let money = |column: usize| match total.get(column..column + 2) {
        Some([dollars, rest]) => join(*dollars, *rest),
        _ => Money::default(),
    };
    let changed = |count: u64, column: usize| count.saturating_add_signed(total.get(column).copied().unwrap_or(0));
    let corrections = money(DELTA);
    Figures {
        calls: count(0),
        usage: Usage {
            input_tokens: count(1),
            cache_read_tokens: count(2),
            cache_write_5m_tokens: count(3),
            cache_write_1h_tokens: count(4),
            output_tokens: count(5),
            reasoning_tokens: count(6),
            audio_input_tokens: count(7),
            audio_output_tokens: count(8),
            images: count(9),
        },
        cost: money(10).plus(corrections),
        list_cost: money(12).plus(money(DELTA + 2)),
        estimated_calls: count(14),
        estimated_cost: money(15).plus(money(DELTA + 4)),
        unpriced_calls: changed(count(17), DELTA + 6),
        ceiling_calls: changed(count(18), DELTA + 7),
        unattributed_calls: count(APART),
        unattributed_cost: money(APART + 1).plus(money(APART + 3)),
        corrected_calls: count(BOOKED),
        corrections,
    }
}

/// Where the money of corrections begins in a total.
const DELTA: usize = BOOKED + 1;

/// Where it has what is booked to no team or to no project.
const APART: usize = SUM_COLUMNS.len();

/// Money from whole dollars and the rest in nano-dollars.
pub(crate) fn join(dollars: i64, rest: i64) -> Money {
    let nanos = i128::from(dollars) * i128::from(DOLLAR) + i128::from(rest);
    Money::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
}
