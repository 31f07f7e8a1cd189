//! Money and what belongs to budgets of it: amounts, shares in percent, time zones, first moments.

use super::{Refused, quoted, written_as_text};
use std::fmt;
use std::str::FromStr;
use tg_kernel::calendar::Zone;
use tg_kernel::clock::Timestamp;
use tg_kernel::units;

/// An amount of money: `25.00 USD`, `0.005 USD`, `1k USD`. Exact, at most nine decimals, above zero, at most 10^9 USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money(i64);

const NANOS: i64 = 1_000_000_000;
const MONEY_MAX: i64 = 1_000_000_000 * NANOS;
const MONEY_TAIL: &str = " USD";
const DECIMALS: usize = 9;

impl Money {
    /// As the rest of the gateway counts it.
    #[must_use]
    pub const fn get(self) -> units::Money {
        units::Money::from_nanos(self.0)
    }
}

impl FromStr for Money {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = |what: &str| {
            Refused::new(format!("{} {what}", quoted(text)), "write an amount in US dollars, as in `25.00 USD`")
        };
        let amount = text.strip_suffix(MONEY_TAIL).ok_or_else(|| refused("is not an amount of money"))?;
        let (amount, factor) = match amount.strip_suffix('k') {
            Some(amount) => (amount, 1_000),
            None => (amount, 1),
        };
        let (whole, part) = amount.split_once('.').unwrap_or((amount, "0"));
        let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(part) || part.len() > DECIMALS {
            return Err(refused("is not an amount of dollars with at most nine decimals"));
        }
        let nanos = format!("{part:0<DECIMALS$}").parse::<i64>().unwrap_or(i64::MAX);
        let dollars = whole.parse::<i64>().unwrap_or(i64::MAX);
        let sum = dollars.checked_mul(NANOS).and_then(|d| d.checked_add(nanos)).and_then(|sum| sum.checked_mul(factor));
        match sum {
            Some(0) => Err(refused("is nothing")),
            Some(nanos) if nanos <= MONEY_MAX => Ok(Self(nanos)),
            _ => Err(refused("is more than 1000000000 USD")),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{MONEY_TAIL}", self.get())
    }
}

written_as_text!(
    Money,
    "money",
    "Money",
    "An amount in US dollars, exact: a number with at most nine decimals (and k for thousands), a blank, and `USD`.",
    ["500.00 USD", "1k USD"]
);

/// A share of a budget: `80%`. Whole percents, from 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Share(u16);

const PERCENT_MAX: u16 = 1_000;

impl Share {
    /// So many hundredths, from 1 to 1000.
    #[must_use]
    pub const fn of(hundredths: u16) -> Self {
        Self(match hundredths {
            0 => 1,
            more if more > PERCENT_MAX => PERCENT_MAX,
            fits => fits,
        })
    }

    /// Hundredths.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl FromStr for Share {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let number = text.strip_suffix('%').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        match number.and_then(|digits| digits.parse::<u16>().ok()) {
            Some(number) if (1..=PERCENT_MAX).contains(&number) => Ok(Self(number)),
            _ => {
                let message = format!("{} is not a share from 1% to 1000%", quoted(text));
                Err(Refused::new(message, "write whole percents, as in `80%`"))
            }
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

written_as_text!(Share, "share", "Share", "A share in whole percents, from 1% to 1000%.", ["80%"]);

/// A time zone, by its name in the IANA database: `Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZone(Zone);

impl TimeZone {
    /// Its calendar.
    #[must_use]
    pub const fn zone(&self) -> &Zone {
        &self.0
    }
}

impl FromStr for TimeZone {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        Zone::named(text).map(Self).ok_or_else(|| {
            let message = format!("{} is not a time zone", quoted(text));
            Refused::new(message, "write a name of the IANA database, as in `Europe/Berlin` or `UTC`")
        })
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

written_as_text!(
    TimeZone,
    "time_zone",
    "TimeZone",
    "A time zone by its name in the IANA database. Its rules are part of the program.",
    ["Europe/Berlin", "UTC"]
);

/// A moment: a date, which begins where its zone says, or RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalMoment(String);

impl LocalMoment {
    /// The moment; of a date the first one of that day in `zone`.
    #[must_use]
    pub fn at(&self, zone: &Zone) -> Timestamp {
        zone.parse(&self.0).unwrap_or_default()
    }
}

impl FromStr for LocalMoment {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        // Every day begins in every zone, so that one zone stands for all.
        Zone::UTC.parse(text).map(|_| Self(text.to_owned())).ok_or_else(|| {
            let message = format!("{} is not a moment", quoted(text));
            Refused::new(message, "write a date or RFC 3339, as in `2026-11-01` or `2026-11-01T08:00:00Z`")
        })
    }
}

impl fmt::Display for LocalMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_text!(
    LocalMoment,
    "local_moment",
    "LocalMoment",
    "A date, or a moment as RFC 3339 writes it.",
    ["2026-11-01", "2026-11-01T08:00:00Z"]
);
