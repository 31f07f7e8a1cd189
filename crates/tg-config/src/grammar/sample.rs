//! Which part of all calls is looked at.

use super::{Percent, Refused, written_as_text};
use std::fmt;
use std::str::FromStr;

/// None, or a percentage: `off`, `10%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sample {
    /// None.
    Off,
    /// So many of a hundred.
    Of(Percent),
}

impl Sample {
    /// Millionths of all calls.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::Of(percent) => percent.millionths(),
        }
    }
}

impl FromStr for Sample {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::Of).map_err(|refused: Refused| {
            Refused::new(refused.message, "write `off`, or a percentage above 0 and at most 100, as in `10%`")
        })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Of(percent) => percent.fmt(f),
        }
    }
}

written_as_text!(Sample, "sample", "Sample", "`off`, or a percentage above 0 and at most 100.", ["off", "10%"]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_read() {
        for (text, millionths) in [("off", 0), ("10%", 100_000), ("0.5%", 5_000), ("100%", 1_000_000)] {
            let sample: Sample = text.parse().unwrap();
            assert_eq!((sample.millionths(), sample.to_string().as_str()), (millionths, text));
        }
        for text in ["0%", "101%", "on", "10", ""] {
            assert!(text.parse::<Sample>().is_err_and(|refused| refused.hint.contains("`off`")), "{text}");
        }
    }
}
