//! When a budget runs out, and what it will come to: from what was spent lately, in whole numbers.

use jiff::civil::{Date, Weekday};
use std::collections::{BTreeMap, HashMap};
use tg_kernel::calendar::{Unit, Zone};
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;

const HOUR_MICROS: i64 = 3_600_000_000;
/// Full days of history from which on weekdays are told apart: each has come twice.
const WEEKDAYS_FROM: usize = 14;
/// Full days of history from which on days are counted rather than hours.
const DAYS_FROM: usize = 2;
/// Most days of history that count.
const DAYS_MAX: usize = 56;
/// How far ahead one looks.
const HORIZON_HOURS: i64 = 366 * 24;
/// Where there are hours of history only, the future may be half or double of them.
const HOURLY_SPREAD: Spread = Spread { low: 500, high: 2000 };

/// What is known of a budget.
#[derive(Clone, Debug)]
pub struct Spending<'a> {
    /// Now.
    pub now: Timestamp,
    /// When what is spent is forgotten.
    pub ends: Ends,
    /// The whole budget.
    pub limit: Money,
    /// Spent in this window so far.
    pub spent: Money,
    /// From when on `hours` is complete.
    pub history_since: Timestamp,
    /// What was spent, by the beginning of the hour, this window and earlier ones. Hours without spending may be left out.
    pub hours: &'a [(Timestamp, Money)],
    /// By whose days and weekdays to count.
    pub zone: &'a Zone,
}

/// When what is spent of a budget is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Never: it is spent once.
    Never,
    /// All of it then, with the window.
    At(Timestamp),
    /// What was spent in an hour, so many whole hours after it.
    Hours(u32),
}

/// On what a forecast rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The last hours, a day at most.
    Hours,
    /// The average of the last full days.
    Days,
    /// The averages of each weekday.
    Weekdays,
}

/// An amount with the bounds within which four of five days like those of the past would leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<T> {
    /// If every day is as cheap as the cheapest tenth.
    pub low: T,
    /// If days go on as they were on average.
    pub expected: T,
    /// If every day is as dear as the dearest tenth.
    pub high: T,
}

/// A forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// On what it rests.
    pub basis: Basis,
    /// What an average day costs.
    pub per_day: Money,
    /// What will have been spent when the window ends, were there no limit; none for a budget without an end.
    pub at_end: Option<Range<Money>>,
    /// When the budget runs out; `None` where it lasts until the window ends, or for a year, or as long as days go on so.
    pub runs_out: Range<Option<Timestamp>>,
}

#[derive(Clone, Copy)]
struct Spread {
    /// In thousandths of what is expected.
    low: i128,
    high: i128,
}

/// What a day is expected to cost.
struct Expectation {
    basis: Basis,
    /// By weekday from Monday on, in nano-dollars.
    days: [i128; 7],
    spread: Spread,
}

/// When the budget runs out and what it comes to; `None` where less than an hour of history is known.
#[must_use]
pub fn forecast(spending: &Spending<'_>) -> Option<Forecast> {
    let expectation = expectation(spending)?;
    let walk = |thousandths| match spending.ends {
        Ends::Hours(hours) => (roll(spending, &expectation, thousandths, hours), Money::ZERO),
        Ends::Never | Ends::At(_) => walk(spending, &expectation, thousandths),
    };
    let (cheap, usual, dear) = (walk(expectation.spread.low), walk(1000), walk(expectation.spread.high));
    let per_day = expectation.days.iter().sum::<i128>() / 7;
    let has_end = matches!(spending.ends, Ends::At(_));
    Some(Forecast {
        basis: expectation.basis,
        per_day: money(per_day),
        at_end: has_end.then_some(Range { low: cheap.1, expected: usual.1, high: dear.1 }),
        runs_out: Range { low: cheap.0, expected: usual.0, high: dear.0 },
    })
}

impl Forecast {
    /// In words, by the clock of the zone: `runs out Thu 2026-11-26 about 14:00`.
    #[must_use]
    pub fn in_words(&self, zone: &Zone, now: Timestamp) -> String {
        let when = |at: Timestamp| {
            zone.zoned(at).map_or_else(|| at.to_string(), |at| at.strftime("%a %Y-%m-%d about %H:00").to_string())
        };
        match (self.runs_out.expected, self.runs_out.high) {
            (Some(at), _) if at <= now => "is spent".to_owned(),
            (Some(at), _) => format!("runs out {}", when(at)),
            (None, Some(at)) => format!("lasts, unless days are dear: then until {}", when(at)),
            (None, None) => "lasts".to_owned(),
        }
    }
}

fn money(nanos: i128) -> Money {
    Money::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
}

fn date(at: Timestamp, zone: &Zone) -> Date {
    zone.zoned(at).map_or(Date::MAX, |at| at.date())
}

const fn weekday(day: Weekday) -> usize {
    day.to_monday_zero_offset() as usize
}

fn expectation(spending: &Spending<'_>) -> Option<Expectation> {
    let days = full_days(spending);
    if days.len() < DAYS_FROM {
        return hourly(spending);
    }
    let mean = |of: &mut dyn Iterator<Item = i128>| {
        let (sum, count) = of.fold((0, 0), |(sum, count), nanos| (sum + nanos, count + 1));
        if count == 0 { 0 } else { sum / count }
    };
    let (basis, expected) = if days.len() >= WEEKDAYS_FROM {
        let of = |at| mean(&mut days.iter().filter(|(day, _)| weekday(day.weekday()) == at).map(|(_, nanos)| *nanos));
        (Basis::Weekdays, std::array::from_fn(of))
    } else {
        (Basis::Days, [mean(&mut days.iter().map(|(_, nanos)| *nanos)); 7])
    };
    let mut parts: Vec<i128> =
        days.iter().filter_map(|(day, nanos)| (*nanos * 1000).checked_div(expected[weekday(day.weekday())])).collect();
    parts.sort_unstable();
    let tenth = parts.len() / 10;
    let low = parts.get(tenth).copied().unwrap_or(1000).min(1000);
    let high = parts.len().checked_sub(tenth + 1).and_then(|at| parts.get(at).copied()).unwrap_or(1000).max(1000);
    Some(Expectation { basis, days: expected, spread: Spread { low, high } })
}

/// The last full days of which everything is known, today left out.
fn full_days(spending: &Spending<'_>) -> Vec<(Date, i128)> {
    let today = date(spending.now, spending.zone);
    // The day on which history begins is known in part only, unless it begins with it.
    let begins = date(Timestamp::from_micros(spending.history_since.micros() - 1), spending.zone);
    let Ok(first) = begins.tomorrow() else { return Vec::new() };
    let mut days: BTreeMap<Date, i128> = BTreeMap::new();
    let mut day = today;
    while let Ok(before) = day.yesterday() {
        if before < first || days.len() == DAYS_MAX {
            break;
        }
        days.insert(before, 0);
        day = before;
    }
    for (hour, cost) in spending.hours {
        if let Some(sum) = days.get_mut(&date(*hour, spending.zone)) {
            *sum += i128::from(cost.nanos());
        }
    }
    days.into_iter().collect()
}

/// The rate of the last hours, a day at most and the hour in which that begins.
fn hourly(spending: &Spending<'_>) -> Option<Expectation> {
    // Whole hours: of one that had begun before, all of its cost would count and a part of its time.
    let day = spending.now.micros() - 24 * HOUR_MICROS;
    let from = spending.history_since.micros().max(day - day.rem_euclid(HOUR_MICROS));
    let span = spending.now.micros() - from;
    if span < HOUR_MICROS {
        return None;
    }
    let lately = spending.hours.iter().filter(|(hour, _)| hour.micros() + HOUR_MICROS > from && *hour <= spending.now);
    let spent: i128 = lately.map(|(_, cost)| i128::from(cost.nanos())).sum();
    let per_day = spent.saturating_mul(i128::from(24 * HOUR_MICROS)) / i128::from(span);
    Some(Expectation { basis: Basis::Hours, days: [per_day; 7], spread: HOURLY_SPREAD })
}

impl Expectation {
    /// What a day is expected to cost, at so many thousandths of it.
    fn per_day(&self, day: Weekday, thousandths: i128) -> i128 {
        self.days[weekday(day)].saturating_mul(thousandths) / 1000
    }
}

/// A stretch of time in which each hour is expected to cost the same.
struct Stretch {
    from: i64,
    to: i64,
    per_day: i128,
}

impl Stretch {
    /// From here on, until the day ends by the zone's clock, or `end` comes.
    fn of(spending: &Spending<'_>, expectation: &Expectation, thousandths: i128, from: i64, end: i64) -> Self {
        let at = Timestamp::from_micros(from);
        let midnight = spending.zone.unit(Unit::Day, at).end.micros();
        // At the ends of what a calendar reaches there is no midnight; an hour gets on as well.
        let to = if midnight > from { midnight } else { from.saturating_add(HOUR_MICROS) };
        let per_day = expectation.per_day(date(at, spending.zone).weekday(), thousandths);
        Self { from, to: to.min(end), per_day }
    }

    fn cost(&self) -> i128 {
        self.per_day * i128::from(self.to - self.from) / i128::from(24 * HOUR_MICROS)
    }

    /// When so much is spent from its beginning on, if it is before its end.
    fn reaches(&self, left: i128) -> Option<Timestamp> {
        let cost = self.cost();
        if cost <= 0 || cost < left {
            return None;
        }
        let part = i128::from(self.to - self.from) * left.max(0) / cost;
        Some(Timestamp::from_micros(self.from + i64::try_from(part).unwrap_or(0)))
    }
}

/// Goes on day by day at so many thousandths of what is expected: when the limit is reached, and what is spent when the
/// window ends.
fn walk(spending: &Spending<'_>, expectation: &Expectation, thousandths: i128) -> (Option<Timestamp>, Money) {
    let limit = i128::from(spending.limit.nanos());
    let mut spent = i128::from(spending.spent.nanos());
    let mut at = spending.now.micros();
    let mut out = (spent >= limit).then_some(spending.now);
    let horizon = at.saturating_add(HORIZON_HOURS * HOUR_MICROS);
    let end = if let Ends::At(end) = spending.ends { end.micros().min(horizon) } else { horizon };
    while at < end {
        let stretch = Stretch::of(spending, expectation, thousandths, at, end);
        if out.is_none() {
            out = stretch.reaches(limit - spent);
        }
        if out.is_some() && spending.ends == Ends::Never {
            break;
        }
        spent = spent.saturating_add(stretch.cost());
        at = stretch.to;
    }
    (out, money(spent))
}

/// Goes on hour by hour at so many thousandths of what is expected, while what was spent `hours` before each hour is
/// forgotten: when the limit is reached. After one window and a week nothing comes that did not come before.
fn roll(spending: &Spending<'_>, expectation: &Expectation, thousandths: i128, hours: u32) -> Option<Timestamp> {
    let limit = i128::from(spending.limit.nanos());
    let mut spent = i128::from(spending.spent.nanos());
    if spent >= limit {
        return Some(spending.now);
    }
    let hour_of = |micros: i64| micros.div_euclid(HOUR_MICROS);
    let hours = i64::from(hours);
    // What each hour has cost, and will.
    let mut costs: HashMap<i64, i128> = HashMap::new();
    for (hour, cost) in spending.hours {
        *costs.entry(hour_of(hour.micros())).or_default() += i128::from(cost.nanos());
    }
    let mut at = spending.now.micros();
    let end = at.saturating_add((hours + 7 * 24).min(HORIZON_HOURS) * HOUR_MICROS);
    while at < end {
        let day = Stretch::of(spending, expectation, thousandths, at, end);
        while at < day.to {
            let hour = hour_of(at);
            let stretch = Stretch { from: at, to: ((hour + 1) * HOUR_MICROS).min(day.to), per_day: day.per_day };
            if let Some(out) = stretch.reaches(limit - spent) {
                return Some(out);
            }
            *costs.entry(hour).or_default() += stretch.cost();
            spent = spent.saturating_add(stretch.cost());
            at = stretch.to;
            if hour_of(at) > hour {
                spent = (spent - costs.remove(&(hour - hours)).unwrap_or(0)).max(0);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
