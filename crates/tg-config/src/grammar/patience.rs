//! How long something may take before it is thought slow.

use super::{Period, Refused, quoted, written_as_text};
use std::fmt;
use std::str::FromStr;

/// Fewest and most of a hundred.
const PERCENTILES: std::ops::RangeInclusive<u8> = 50..=99;

/// A time, or as long as so many of a hundred took of late: `800ms`, `p95`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Patience {
    /// So long.
    Fixed(Period),
    /// As long as so many of a hundred took.
    Seen(u8),
}

impl FromStr for Patience {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let hint = "write a time above zero, as in `800ms`, or `p50` to `p99`";
        if let Some(percent) = text.strip_prefix('p') {
            let percent = percent.parse().ok().filter(|percent| PERCENTILES.contains(percent));
            let refused = || Refused::new(format!("{} is no percentile from 50 to 99", quoted(text)), hint);
            return percent.map(Self::Seen).ok_or_else(refused);
        }
        text.parse().map(Self::Fixed).map_err(|refused: Refused| Refused::new(refused.message, hint))
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(period) => period.fmt(f),
            Self::Seen(percent) => write!(f, "p{percent}"),
        }
    }
}

written_as_text!(
    Patience,
    "patience",
    "Patience",
    "A time, or as long as so many of a hundred took of late, `p50` to `p99`.",
    ["800ms", "p95"]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["800ms", "2s", "p50", "p95", "p99"] {
            assert_eq!(text.parse::<Patience>().unwrap().to_string(), text);
        }
        for text in ["p49", "p100", "p", "p9x", "95%", "", "soon"] {
            assert!(text.parse::<Patience>().is_err_and(|refused| refused.hint.contains("`p99`")), "{text}");
        }
    }
}
