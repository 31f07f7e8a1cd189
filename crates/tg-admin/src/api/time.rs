//! Points in time and durations as people and programs write them.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;
use tg_config::grammar::Period;
use tg_kernel::clock::Timestamp;

/// A point in time; RFC 3339 in UTC where it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String", extend("format" = "date-time"))]
pub struct Time(pub Timestamp);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("{} is not a time in RFC 3339", quoted(&text))))
    }
}

/// Reads a duration: a whole number and one of `ms`, `s`, `m`, `h`, `d`, at most 365 days. `0s` is no time at all.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    if text == "0s" {
        return Ok(Duration::ZERO);
    }
    text.parse().map(Period::get).map_err(|refused| refused.to_string())
}

/// Reads a point in time: a duration is that long before `now`, a date is its first moment in UTC, else RFC 3339.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub fn past(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    point(text, |span| Timestamp::from_micros(now.micros().saturating_sub(micros(span))))
}

/// As [`past`], but a duration is that long after `now`.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub fn future(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    point(text, |span| now.after(span))
}

fn point(text: &str, place: impl FnOnce(Duration) -> Timestamp) -> Result<Timestamp, String> {
    if text.len() <= LENGTH_MAX {
        if let Some(at) = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z"))) {
            return Ok(at);
        }
        if let Ok(span) = duration(text) {
            return Ok(place(span));
        }
    }
    Err(format!(
        "{} is not a time; write a duration up to 365d (`24h`, `7d`), a date (`2026-11-01`) or RFC 3339 \
         (`2026-11-01T06:00:00Z`)",
        quoted(text)
    ))
}

/// No time in RFC 3339 is longer.
const LENGTH_MAX: usize = 64;

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// A text as a message may show it: short, and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(40).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(40).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::{duration, future, past};
    use tg_kernel::clock::Timestamp;

    #[test]
    fn times_are_read_in_three_forms() {
        let now = Timestamp::parse("2026-11-24T12:00:00Z").unwrap();
        for (text, before, after) in [
            ("24h", "2026-11-23T12:00:00Z", "2026-11-25T12:00:00Z"),
            ("0s", "2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("2026-11-01T06:00:00+02:00", "2026-11-01T04:00:00Z", "2026-11-01T04:00:00Z"),
        ] {
            assert_eq!(past(text, now).unwrap().to_string(), before, "{text}");
            assert_eq!(future(text, now).unwrap().to_string(), after, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_what_to_write() {
        let now = Timestamp::from_seconds(0);
        let long = "9".repeat(10_000);
        for text in ["", "7", "7 d", "7w", "-1d", "366d", "2026-13-01", "yesterday", "2026-11-01T06:00:00", &long] {
            let refused = past(text, now).unwrap_err();
            assert!(refused.contains("`7d`") && refused.len() < 300, "{text}: {refused}");
        }
        assert!(duration("1y").is_err());
    }
}
