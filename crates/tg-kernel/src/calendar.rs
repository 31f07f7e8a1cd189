//! Calendars: in which day, week, month, quarter or year of a time zone a moment lies.
//!
//! The rules of time zones are part of the program, so that every process cuts its windows at the same moments.

use crate::clock::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{ToSpan as _, Zoned};
use std::fmt;
use std::sync::LazyLock;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone of the IANA database, by its name. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A unit of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the units")]
pub enum Unit {
    Day,
    /// From Monday on, as ISO 8601 has it.
    Week,
    Month,
    Quarter,
    Year,
}

/// A span of time from `start` on, until just before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first moment in it.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The zone of this name (`Europe/Berlin`, `UTC`). `None` when there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "UTC" => Some(Self::UTC),
            _ => ZONES.get(name).ok().map(Self),
        }
    }

    /// The unit of this zone's calendar in which `at` lies. It begins at the first moment of its first day, which is not
    /// midnight where the clocks leap over that.
    #[must_use]
    pub fn unit(&self, unit: Unit, at: Timestamp) -> Span {
        self.span(unit, at).unwrap_or(Span { start: at, end: at })
    }

    /// `None` only at the ends of what a calendar reaches: the years -9999 and 9999.
    fn span(&self, unit: Unit, at: Timestamp) -> Option<Span> {
        let today = self.zoned(at)?.date();
        let first = first_of(unit, today)?;
        let next = first.checked_add(match unit {
            Unit::Day => 1.day(),
            Unit::Week => 1.week(),
            Unit::Month => 1.month(),
            Unit::Quarter => 3.months(),
            Unit::Year => 1.year(),
        });
        Some(Span { start: self.midnight(first)?, end: self.midnight(next.ok()?)? })
    }

    /// The moment by this zone's clock. `None` only at the ends of what a calendar reaches.
    #[must_use]
    pub fn zoned(&self, at: Timestamp) -> Option<Zoned> {
        let at = jiff::Timestamp::from_microsecond(at.micros()).ok()?;
        Some(at.to_zoned(self.0.clone()))
    }

    /// The hour of the day, 0 to 23, and the day of the week, 1 (Monday) to 7, by this zone's clock. `None` only at the ends
    /// of what a calendar reaches.
    #[must_use]
    pub fn hour_and_weekday(&self, at: Timestamp) -> Option<(u8, u8)> {
        let there = self.zoned(at)?;
        let (hour, weekday) = (there.hour(), there.weekday().to_monday_one_offset());
        Some((u8::try_from(hour).ok()?, u8::try_from(weekday).ok()?))
    }

    /// The first moment of a day.
    fn midnight(&self, day: Date) -> Option<Timestamp> {
        let first = day.to_zoned(self.0.clone()).and_then(|day| day.start_of_day()).ok()?;
        Some(Timestamp::from_micros(first.timestamp().as_microsecond()))
    }

    /// Reads a date (`2026-11-01`, its first moment in this zone) or RFC 3339.
    #[must_use]
    pub fn parse(&self, text: &str) -> Option<Timestamp> {
        if text.len() == "2026-11-01".len() {
            return self.midnight(text.parse().ok()?);
        }
        Timestamp::parse(text)
    }

    /// A moment as people of the zone write it: `2026-12-01 00:00 Europe/Berlin`.
    #[must_use]
    pub fn show(&self, at: Timestamp) -> String {
        match self.zoned(at) {
            Some(there) => format!("{} {self}", there.strftime("%Y-%m-%d %H:%M")),
            None => at.to_string(),
        }
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

fn first_of(unit: Unit, day: Date) -> Option<Date> {
    match unit {
        Unit::Day => Some(day),
        Unit::Week => {
            let since_monday = i64::from(day.weekday().to_monday_zero_offset());
            day.checked_sub(since_monday.days()).ok()
        }
        Unit::Month => Some(day.first_of_month()),
        Unit::Quarter => Date::new(day.year(), (day.month() - 1) / 3 * 3 + 1, 1).ok(),
        Unit::Year => Some(day.first_of_year()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Unit, Zone};
    use crate::clock::Timestamp;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn unit(zone: &str, unit: Unit, moment: &str) -> (String, String) {
        let span = Zone::named(zone).unwrap().unit(unit, at(moment));
        (span.start.to_string(), span.end.to_string())
    }

    #[test]
    fn units_begin_where_the_zones_calendar_says() {
        for (zone, of, moment, start, end) in [
            ("UTC", Unit::Day, "2026-11-26T03:00:00Z", "2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z"),
            ("Europe/Berlin", Unit::Day, "2026-11-26T23:30:00Z", "2026-11-26T23:00:00Z", "2026-11-27T23:00:00Z"),
            ("UTC", Unit::Week, "2026-11-26T03:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            ("UTC", Unit::Month, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            ("Asia/Tokyo", Unit::Month, "2026-11-30T15:00:00Z", "2026-11-30T15:00:00Z", "2026-12-31T15:00:00Z"),
            ("UTC", Unit::Quarter, "2026-11-26T03:00:00Z", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("America/New_York", Unit::Year, "2027-01-01T04:59:59Z", "2026-01-01T05:00:00Z", "2027-01-01T05:00:00Z"),
        ] {
            assert_eq!(unit(zone, of, moment), (start.to_owned(), end.to_owned()), "{zone} {of:?} {moment}");
        }
    }

    #[test]
    fn days_on_which_clocks_change_are_as_long_as_they_are() {
        for (zone, moment, start, end) in [
            // 23 hours, 25 hours, and a day whose midnight does not exist.
            ("Europe/Berlin", "2026-03-29T10:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("Europe/Berlin", "2026-10-25T10:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            ("America/Santiago", "2026-09-06T12:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"),
        ] {
            assert_eq!(unit(zone, Unit::Day, moment), (start.to_owned(), end.to_owned()), "{zone} {moment}");
        }
    }

    #[test]
    fn moments_read_and_show_in_their_zone() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(berlin.parse("2026-11-01"), Some(at("2026-10-31T23:00:00Z")));
        assert_eq!(berlin.parse("2026-11-01T00:00:00Z"), Some(at("2026-11-01T00:00:00Z")));
        assert_eq!((berlin.parse("2026-13-01"), berlin.parse("soon")), (None, None));
        assert_eq!(berlin.show(at("2026-11-30T23:00:00Z")), "2026-12-01 00:00 Europe/Berlin");
        assert_eq!(Zone::UTC.show(at("2026-11-30T23:00:00Z")), "2026-11-30 23:00 UTC");
        assert!(Zone::named("Europe/Atlantis").is_none());
    }
}
