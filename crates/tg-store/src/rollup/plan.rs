//! From which grains, and for which spans from the rows themselves, a period is summed: every call once.

use super::{DAY_MICROS, Grain, HOUR_MICROS, Wanted};
use std::collections::BTreeSet;

/// Hours in a day.
const HOURS: i64 = DAY_MICROS / HOUR_MICROS;

/// What the store says about itself.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Rows from there on are in the sums. The beginning of 1970: all.
    pub(crate) rolled_since: i64,
    /// Rows before this day were deleted.
    pub(crate) rows_since: i64,
    /// Hours and days, as their grain counts them, in which some calls are folded.
    pub(crate) folded: BTreeSet<(Grain, i64)>,
}

/// Where to read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// From this grain, from here on and up to there, as the grain counts.
    pub(crate) cells: Vec<(Grain, i64, i64)>,
    /// Rows that arrived from here on and before there.
    pub(crate) rows: Vec<(i64, i64)>,
    /// Rows were needed that are gone: parts of hours are counted as whole ones, and of folded hours only teams and
    /// endings are known.
    pub(crate) is_coarse: bool,
}

impl Plan {
    pub(crate) fn of(wanted: Wanted, known: &Known) -> Self {
        let mut plan = Self::default();
        let Wanted { mut since, mut until, .. } = wanted;
        // Rows are deleted by whole days, so an hour has all of its rows or none.
        if since < known.rows_since && since > 0 && since % HOUR_MICROS != 0 {
            (since, plan.is_coarse) = (since - since % HOUR_MICROS, true);
        }
        if until < known.rows_since && until > 0 && until % HOUR_MICROS != 0 {
            (until, plan.is_coarse) = (until - until % HOUR_MICROS + HOUR_MICROS, true);
        }
        if since >= until {
            return plan;
        }
        let first = ceil(since.max(known.rolled_since), HOUR_MICROS);
        let last = until.div_euclid(HOUR_MICROS);
        if first >= last {
            plan.rows(since, until);
            return plan;
        }
        plan.rows(since, first * HOUR_MICROS);
        plan.days(first, last, wanted, known);
        if until != i64::MAX {
            plan.rows(last * HOUR_MICROS, until);
        }
        plan
    }

    /// These whole hours: by the day where there are whole days and the day is enough.
    fn days(&mut self, first: i64, last: i64, wanted: Wanted, known: &Known) {
        let (from, to) = (ceil(first, HOURS), last.div_euclid(HOURS));
        if wanted.is_hourly || from >= to {
            self.hours(first, last, wanted, known);
            return;
        }
        let grain = wanted.level.days();
        self.hours(first, from * HOURS, wanted, known);
        let mut next = from;
        for day in folded(grain, from, to, wanted, known) {
            self.cells(grain, next, day);
            self.hours(day * HOURS, day * HOURS + HOURS, wanted, known);
            next = day + 1;
        }
        self.cells(grain, next, to);
        self.hours(to * HOURS, last, wanted, known);
    }

    fn hours(&mut self, first: i64, last: i64, wanted: Wanted, known: &Known) {
        let grain = wanted.level.hours();
        let mut next = first;
        for hour in folded(grain, first, last, wanted, known) {
            if hour * HOUR_MICROS < known.rows_since {
                self.is_coarse = true;
                continue;
            }
            self.cells(grain, next, hour);
            self.rows(hour * HOUR_MICROS, (hour + 1) * HOUR_MICROS);
            next = hour + 1;
        }
        self.cells(grain, next, last);
    }

    fn cells(&mut self, grain: Grain, from: i64, to: i64) {
        if from >= to {
            return;
        }
        match self.cells.last_mut() {
            Some((same, _, end)) if *same == grain && *end == from => *end = to,
            _ => self.cells.push((grain, from, to)),
        }
    }

    fn rows(&mut self, from: i64, to: i64) {
        if from >= to {
            return;
        }
        match self.rows.last_mut() {
            Some((_, end)) if *end == from => *end = to,
            _ => self.rows.push((from, to)),
        }
    }
}

fn folded(grain: Grain, from: i64, to: i64, wanted: Wanted, known: &Known) -> impl Iterator<Item = i64> + '_ {
    let (from, to) = if wanted.is_particular && from < to { (from, to) } else { (0, 0) };
    known.folded.range((grain, from)..(grain, to)).map(|(_, start)| *start)
}

/// How many whole spans it takes to reach this.
const fn ceil(value: i64, span: i64) -> i64 {
    value.div_euclid(span) + if value.rem_euclid(span) == 0 { 0 } else { 1 }
}

#[cfg(test)]
mod tests;
