//! A commitment: capacity that is paid by the hour or month, whether calls come or not.

use crate::calendar::{Unit, Zone};
use crate::clock::Timestamp;
use crate::units::Money;
use std::ops::Range;
use std::sync::Arc;

const HOUR_SECONDS: i64 = 3_600;

/// A commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// Its name, which is that of the discount under which calls use it.
    pub name: Arc<str>,
    /// The name of the provider that bills it.
    pub provider: Arc<str>,
    /// Its usage type on the provider's bill; `*` stands for any run of characters.
    pub sku: Option<Arc<str>>,
    /// What one of it costs.
    pub rate: CommitmentRate,
    /// How many of it there are.
    pub quantity: u32,
    /// When it begins, at a whole hour.
    pub from: Timestamp,
    /// When it ends, at a whole hour; `None`: not yet.
    pub until: Option<Timestamp>,
}

/// What one of a commitment costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitmentRate {
    /// Each hour.
    Hourly(Money),
    /// Each month in UTC: spread over its hours, to the nano-dollar.
    Monthly(Money),
}

impl Commitment {
    /// The hours, counted since 1970, that begin from `since` on and before `until`, as far as it lasts.
    #[must_use]
    pub fn hours(&self, since: Option<Timestamp>, until: Timestamp) -> Range<i64> {
        let since = since.map_or(self.from, |since| since.max(self.from));
        let until = self.until.map_or(until, |end| end.min(until));
        let first = |at: Timestamp| {
            let hour = at.micros().div_euclid(HOUR_SECONDS * 1_000_000);
            hour + i64::from(at.micros().rem_euclid(HOUR_SECONDS * 1_000_000) != 0)
        };
        first(since)..first(until).max(first(since))
    }

    /// What is charged for an hour, counted since 1970, in which it lasts. Amounts beyond the range of money saturate.
    #[must_use]
    pub fn of_hour(&self, hour: i64) -> Money {
        let nanos = match self.rate {
            CommitmentRate::Hourly(one) => self.all(one),
            CommitmentRate::Monthly(one) => {
                let (month, all) = (Month::of(hour), self.all(one));
                // What has come together by its end, less what had by its beginning: the hours add up to the month.
                month.part(all, hour + 1) - month.part(all, hour)
            }
        };
        Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// How many hours begin in a span of time, and what is charged for them.
    #[must_use]
    pub fn of_span(&self, since: Option<Timestamp>, until: Timestamp) -> (u64, Money) {
        let Range { start, end } = self.hours(since, until);
        let count = u64::try_from(end - start).unwrap_or_default();
        let nanos = match self.rate {
            CommitmentRate::Hourly(one) => self.all(one).saturating_mul(i128::from(count)),
            CommitmentRate::Monthly(one) => {
                let all = self.all(one);
                let mut sum: i128 = 0;
                let mut hour = start;
                while hour < end {
                    let month = Month::of(hour);
                    let next = month.end.min(end);
                    sum = sum.saturating_add(month.part(all, next) - month.part(all, hour));
                    hour = next;
                }
                sum
            }
        };
        (count, Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)))
    }

    /// What as many of it cost.
    fn all(&self, one: Money) -> i128 {
        i128::from(one.nanos()) * i128::from(self.quantity)
    }
}

/// A month in UTC, in hours since 1970.
struct Month {
    start: i64,
    end: i64,
}

impl Month {
    /// The one in which this hour lies.
    fn of(hour: i64) -> Self {
        let month = Zone::UTC.unit(Unit::Month, Timestamp::from_seconds(hour.saturating_mul(HOUR_SECONDS)));
        let (start, end) = (month.start.seconds() / HOUR_SECONDS, month.end.seconds() / HOUR_SECONDS);
        // Beyond what a calendar reaches there are no months; an hour gets on as well.
        Self { start: start.min(hour), end: end.max(hour + 1) }
    }

    /// What of a month's charge has come together before this hour.
    fn part(&self, all: i128, hour: i64) -> i128 {
        all * i128::from(hour - self.start) / i128::from(self.end - self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::{Commitment, CommitmentRate};
    use crate::clock::Timestamp;
    use crate::units::Money;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn commitment(rate: CommitmentRate) -> Commitment {
        Commitment {
            name: "pt-1".into(),
            provider: "bedrock".into(),
            sku: None,
            rate,
            quantity: 2,
            from: at("2026-11-01T06:00:00Z"),
            until: Some(at("2026-12-01T00:00:00Z")),
        }
    }

    #[test]
    fn an_hour_counts_where_it_begins_and_only_while_it_lasts() {
        let hourly = commitment(CommitmentRate::Hourly(Money::from_nanos(39_600_000_000)));
        let usd = |since, until| hourly.of_span(since, at(until));
        assert_eq!(usd(None, "2027-01-01T00:00:00Z"), (714, Money::from_nanos(714 * 79_200_000_000)));
        assert_eq!(usd(Some(at("2026-11-01T06:30:00Z")), "2026-11-01T08:00:00Z").0, 1);
        assert_eq!(usd(Some(at("2026-11-01T06:30:00Z")), "2026-11-01T08:00:01Z").0, 2);
        assert_eq!(usd(Some(at("2027-01-01T00:00:00Z")), "2027-02-01T00:00:00Z"), (0, Money::ZERO));
        assert_eq!(usd(None, "2026-10-01T00:00:00Z"), (0, Money::ZERO));
    }

    #[test]
    fn the_hours_of_a_month_add_up_to_it() {
        let one = Money::from_nanos(100_000_000_001);
        let monthly =
            Commitment { from: at("2026-10-01T00:00:00Z"), until: None, ..commitment(CommitmentRate::Monthly(one)) };
        let of = |month: &str, next: &str| monthly.of_span(Some(at(month)), at(next));
        let both = Money::from_nanos(200_000_000_002);
        assert_eq!(of("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"), (744, both));
        assert_eq!(of("2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z"), (672, both));
        let (first, rest) =
            (of("2026-11-01T00:00:00Z", "2026-11-07T05:00:00Z"), of("2026-11-07T05:00:00Z", "2026-12-01T00:00:00Z"));
        assert_eq!((first.0 + rest.0, first.1.plus(rest.1)), (720, both));
    }

    #[test]
    fn a_span_costs_what_its_hours_do_and_centuries_take_no_time() {
        let one = Money::from_nanos(100_000_000_001);
        for rate in [CommitmentRate::Hourly(one), CommitmentRate::Monthly(one)] {
            let open = Commitment { from: at("2026-10-01T00:00:00Z"), until: None, ..commitment(rate) };
            for (since, until) in [
                ("2026-10-01T00:00:00Z", "2026-10-01T01:00:00Z"),
                ("2026-10-31T22:30:00Z", "2026-11-01T02:30:00Z"),
                ("2026-11-30T23:00:00Z", "2028-03-17T05:00:00Z"),
                ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ] {
                let (count, sum) = open.of_span(Some(at(since)), at(until));
                let each: Vec<Money> = open.hours(Some(at(since)), at(until)).map(|hour| open.of_hour(hour)).collect();
                let all = each.iter().fold(Money::ZERO, |sum, cost| sum.plus(*cost));
                assert_eq!((count, sum), (each.len() as u64, all), "{since} {until}");
            }
            let begun = std::time::Instant::now();
            let (count, _) = open.of_span(None, at("9000-01-01T00:00:00Z"));
            assert!(count > 60_000_000 && begun.elapsed() < std::time::Duration::from_secs(5), "{count}");
        }
    }
}
