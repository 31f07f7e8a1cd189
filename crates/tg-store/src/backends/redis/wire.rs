//! What asks look like to the scripts, and what the scripts answer.

use super::incarnation::Told;
use super::script::{Invocation, Script};
use crate::counters::{Ask, CounterKey, HoldId, Item, Kind, Mark, Mode, Rate, Standing, Unseeded};
use redis::Value;

/// A script's answer to asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken(Vec<Look>),
    Full(Vec<Look>),
    Unseeded(Vec<Unseeded>),
    /// The incarnation was given up, or was never heard of.
    Gone,
    Ended,
}

/// How one count stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) full: bool,
    /// Level of a bucket, calls of a gauge, spent money of a purse.
    pub(super) first: i128,
    /// Rest of a bucket, held money of a purse.
    pub(super) second: i128,
    /// Units taken ahead of a bucket.
    pub(super) extra: u64,
}

/// The key of a count. Kinds have namespaces of their own, so that none is ever taken for another.
fn counter(key: &CounterKey, kind: &Kind) -> String {
    match kind {
        Kind::Bucket(_) => format!("b:{key}"),
        Kind::Gauge(_) => gauge(key),
        Kind::Purse(_) => purse(key),
    }
}

pub(super) fn purse(key: &CounterKey) -> String {
    format!("p:{key}")
}

pub(super) fn gauge(key: &CounterKey) -> String {
    format!("g:{key}")
}

/// Where what is held of a purse is kept; empty: with itself.
pub(super) fn common_of(key: &CounterKey) -> String {
    key.common().map(|common| format!("p:{common}")).unwrap_or_default()
}

pub(super) fn record(id: &HoldId) -> String {
    format!("c:{id}")
}

/// Asks for all of these, by the name of a hold: the first time, or for the extension of this number.
pub(super) fn reserve(id: &HoldId, incarnation: &str, extension: u32, asks: &[&Ask]) -> Invocation {
    let mut keys = vec![record(id)];
    let mut arguments = vec![incarnation.to_owned(), extension.to_string()];
    for ask in asks {
        keys.push(counter(&ask.key, &ask.kind));
        let mode = match ask.mode {
            Mode::Enforce => "e",
            Mode::Observe => "o",
        };
        let (kind, numbers) = match ask.kind {
            Kind::Bucket(rate) => {
                ("b", [rate.amount(), rate.period_micros(), rate.burst(), ask.needed(), ask.lease.min(rate.burst())])
            }
            Kind::Gauge(most) => ("g", [most.min(crate::counters::UNITS_MAX), ask.needed(), 0, 0, 0]),
            Kind::Purse(purse) => ("p", [purse.cap, ask.needed(), purse.keep_millis(), 0, 0]),
        };
        arguments.extend([kind.to_owned(), mode.to_owned()]);
        arguments.extend(numbers.iter().map(u64::to_string));
        if matches!(ask.kind, Kind::Purse(_))
            && let Some(common) = arguments.len().checked_sub(2).and_then(|place| arguments.get_mut(place))
        {
            *common = common_of(&ask.key);
        }
    }
    Invocation { script: Script::Reserve, keys, arguments }
}

/// Settles items, of each of which so much was used.
pub(super) fn settle<'a>(id: &HoldId, items: impl Iterator<Item = (&'a Item, u64)>) -> Invocation {
    let mut keys = vec![record(id)];
    let mut arguments = Vec::new();
    for (item, used) in items {
        keys.push(counter(&item.key, &item.kind));
        let (kind, numbers) = match item.kind {
            Kind::Bucket(rate) => ("b", of_bucket(rate, back(item.taken, used))),
            Kind::Gauge(_) => ("g", [item.taken.to_string(), String::new(), String::new(), String::new()]),
            Kind::Purse(_) => ("p", [used.to_string(), String::new(), String::new(), String::new()]),
        };
        arguments.push(kind.to_owned());
        arguments.extend(numbers);
        arguments.push(String::new());
    }
    Invocation { script: Script::Settle, keys, arguments }
}

/// What of so many units comes back; below zero: what is owed. Within what the server's numbers bear.
pub(super) fn back(taken: u64, used: u64) -> i64 {
    let used = used.min(crate::counters::UNITS_MAX.saturating_mul(2));
    let taken = taken.min(crate::counters::UNITS_MAX);
    i64::try_from(i128::from(taken) - i128::from(used)).unwrap_or(0)
}

fn of_bucket(rate: Rate, units: i64) -> [String; 4] {
    [rate.amount().to_string(), rate.period_micros().to_string(), rate.burst().to_string(), units.to_string()]
}

/// Says that a process lives, or how else it is.
pub(super) fn beat(names: &Told, how: &str) -> Invocation {
    let mut arguments = vec![(*names.current).to_owned(), how.to_owned(), names.earlier.len().to_string()];
    arguments.extend(names.earlier.iter().chain(&names.gone).map(|name| (**name).to_owned()));
    Invocation { script: Script::Beat, keys: Vec::new(), arguments }
}

pub(super) fn give(key: &CounterKey, rate: Rate, units: i64) -> Invocation {
    Invocation { script: Script::Give, keys: vec![format!("b:{key}")], arguments: of_bucket(rate, units).to_vec() }
}

/// Reads the answer to these asks; `None` where it is none.
pub(super) fn answer(value: Value, asks: &[&Ask]) -> Option<Answer> {
    let Value::Array(values) = value else { return None };
    let (status, rest) = values.split_first()?;
    match number(status)? {
        0 => Some(Answer::Taken(looks(rest, asks.len())?)),
        1 => Some(Answer::Full(looks(rest, asks.len())?)),
        2 => {
            let (time, rest) = rest.split_first()?;
            let of = |pair: &[Value]| {
                let [place, asked] = pair else { return None };
                let ask = asks.get(usize::try_from(number(place)?.checked_sub(1)?).ok()?)?;
                Some(Unseeded { key: ask.key.clone(), mark: mark(asked, time)? })
            };
            Some(Answer::Unseeded(rest.chunks(2).map(of).collect::<Option<_>>()?))
        }
        3 => Some(Answer::Gone),
        4 => Some(Answer::Ended),
        _ => None,
    }
}

fn looks(values: &[Value], count: usize) -> Option<Vec<Look>> {
    let look = |four: &[Value]| {
        let [full, first, second, extra] = four else { return None };
        let extra = u64::try_from(number(extra)?).ok()?;
        Some(Look { full: number(full)? == 1, first: number(first)?, second: number(second)?, extra })
    };
    let looks: Vec<Look> = values.chunks(4).map(look).collect::<Option<_>>()?;
    (looks.len() == count).then_some(looks)
}

/// A mark, and the server's time when it was said.
pub(super) fn mark(asked: &Value, time: &Value) -> Option<Mark> {
    let micros = |value: &Value| u64::try_from(number(value)?).ok();
    Some(Mark { asked: micros(asked)?, from: micros(time)? })
}

/// A whole number, or the text of one.
pub(super) fn number(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// How a count stands for an ask, in the terms of limits.
pub(super) fn standing(ask: &Ask, look: Look) -> Standing {
    let unsigned = |number: i128| u64::try_from(number.max(0)).unwrap_or(u64::MAX);
    let zero = std::time::Duration::ZERO;
    match ask.kind {
        Kind::Bucket(rate) => {
            let (level, rest) = level(look);
            let wait = Some(rate.time_until(ask.needed(), level, rest)).filter(|_| look.full);
            Standing {
                full: look.full,
                limit: rate.burst(),
                // What is taken ahead is there for the next calls.
                remaining: unsigned(i128::from(level) + i128::from(look.extra)),
                reset: rate.time_until(rate.burst(), level, rest),
                wait: wait.or(Some(zero)),
            }
        }
        Kind::Gauge(most) => {
            let remaining = unsigned(i128::from(most) - look.first);
            let wait = (!look.full).then_some(zero);
            Standing { full: look.full, limit: most, remaining, reset: zero, wait }
        }
        Kind::Purse(purse) => {
            let remaining = unsigned(i128::from(purse.cap) - look.first - look.second);
            let wait = (!look.full).then_some(zero);
            Standing { full: look.full, limit: purse.cap, remaining, reset: zero, wait }
        }
    }
}

/// Level and rest of a bucket.
pub(super) fn level(look: Look) -> (i64, u64) {
    (i64::try_from(look.first).unwrap_or(0), u64::try_from(look.second).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{Answer, answer, back};
    use crate::counters::{Ask, CounterKey, Kind, Mark, Mode, UNITS_MAX, Unseeded};
    use redis::Value;

    #[test]
    fn answers_of_another_form_are_none() {
        let ask = Ask { key: CounterKey::of(&["k"]), kind: Kind::Gauge(1), units: 1, mode: Mode::Enforce, lease: 0 };
        let list = |numbers: &[i64]| Value::Array(numbers.iter().map(|number| Value::Int(*number)).collect());
        assert!(matches!(answer(list(&[0, 0, 1, 0, 0]), &[&ask]), Some(Answer::Taken(looks)) if looks.len() == 1));
        let unseeded = Unseeded { key: ask.key.clone(), mark: Mark { asked: 77, from: 78 } };
        assert_eq!(answer(list(&[2, 78, 1, 77]), &[&ask]), Some(Answer::Unseeded(vec![unseeded])));
        assert_eq!(answer(list(&[3]), &[&ask]), Some(Answer::Gone));
        assert_eq!(answer(list(&[4]), &[&ask]), Some(Answer::Ended));
        for wrong in [list(&[]), list(&[0]), list(&[0, 0, 1, 0]), list(&[2, 8, 0, 7]), list(&[2, 8, 2, 7]), list(&[9])]
        {
            assert_eq!(answer(wrong, &[&ask]), None);
        }
        assert_eq!(answer(Value::Nil, &[&ask]), None);
    }

    #[test]
    fn what_comes_back_is_within_the_bounds_of_exact_numbers() {
        assert_eq!((back(5, 2), back(2, 5)), (3, -3));
        let most = i64::try_from(UNITS_MAX).unwrap();
        assert_eq!((back(u64::MAX, 0), back(0, u64::MAX)), (most, -2 * most));
    }
}
