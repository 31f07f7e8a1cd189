//! The cost of shared keys, split by the value of a tag. However it is split, the parts add up to the whole.

use serde::Serialize;
use std::collections::BTreeMap;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_store::correction::Correction;

/// What becomes of calls that do not carry the tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// A row of their own, without a value.
    #[default]
    Unallocated,
    /// Their cost is spread over the values of the same group, in proportion to what those cost. Where nothing of the
    /// group carries the tag, it stays a row of its own.
    Proportional,
}

/// By what rows are grouped beside the tag.
pub type Group = Vec<Option<String>>;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The group.
    pub group: Group,
    /// The tag's value; none for what is not allocated.
    pub value: Option<String>,
    /// Calls that carry the value. A call with two values is in both.
    pub calls: u64,
    /// The cost, with what was spread.
    pub cost_nanos: i64,
    /// What of that was spread from calls without the tag.
    pub spread_nanos: i64,
}

/// Splits calls by a tag.
#[derive(Clone, Debug)]
pub struct Split {
    prefix: String,
    groups: BTreeMap<Group, BTreeMap<Option<String>, Part>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    calls: u64,
    nanos: i128,
    spread: i128,
}

impl Split {
    /// Splits by the tag of this name: a call carries it as `NAME=VALUE`.
    #[must_use]
    pub fn by(tag: &str) -> Self {
        Self { prefix: format!("{tag}="), groups: BTreeMap::new() }
    }

    /// Takes a call with its corrections. The cost of a call with several values is split evenly between them, to the
    /// nano-dollar.
    pub fn take(&mut self, group: Group, record: &Record, corrections: &[Correction]) {
        let cost = corrections.iter().fold(record.total_cost().amount, |sum, correction| sum.plus(correction.delta));
        let carried = record.attribution.tags.iter().filter_map(|tag| tag.strip_prefix(&self.prefix));
        let mut values: Vec<Option<String>> = carried.map(|value| Some(value.to_owned())).collect();
        if values.is_empty() {
            values.push(None);
        }
        let parts = self.groups.entry(group).or_default();
        let weights = vec![1; values.len()];
        for (value, nanos) in values.into_iter().zip(apportion(cost.nanos().into(), &weights)) {
            let part = parts.entry(value).or_default();
            part.calls += 1;
            part.nanos += nanos;
        }
    }

    /// The parts, by group and value.
    #[must_use]
    pub fn finish(mut self, rest: Rest) -> Vec<Share> {
        if rest == Rest::Proportional {
            self.groups.values_mut().for_each(spread);
        }
        let parts = self.groups.into_iter().flat_map(|(group, parts)| {
            parts.into_iter().map(move |(value, part)| Share {
                group: group.clone(),
                value,
                calls: part.calls,
                cost_nanos: nanos(part.nanos + part.spread),
                spread_nanos: nanos(part.spread),
            })
        });
        parts.collect()
    }
}

fn nanos(nanos: i128) -> i64 {
    Money::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })).nanos()
}

/// Spreads what carries no value over what does.
fn spread(parts: &mut BTreeMap<Option<String>, Part>) {
    let Some(rest) = parts.get(&None).copied() else { return };
    let weights: Vec<i128> =
        parts.iter().filter(|(value, _)| value.is_some()).map(|(_, part)| part.nanos.max(0)).collect();
    if weights.iter().sum::<i128>() == 0 {
        return;
    }
    parts.remove(&None);
    for (part, nanos) in parts.values_mut().zip(apportion(rest.nanos, &weights)) {
        part.spread = nanos;
    }
}

/// Splits an amount by weights, of which one at least is above zero. What does not divide goes to those with the largest
/// remainders, one each, the first before the others.
fn apportion(amount: i128, weights: &[i128]) -> Vec<i128> {
    let all: i128 = weights.iter().sum();
    let mut parts: Vec<i128> = weights.iter().map(|weight| scaled(amount, *weight, all)).collect();
    let mut by_remainder: Vec<usize> = (0..weights.len()).filter(|at| weights[*at] > 0).collect();
    by_remainder.sort_by_key(|at| std::cmp::Reverse(remainder(amount, weights[*at], all)));
    let mut left = amount - parts.iter().sum::<i128>();
    for at in by_remainder.into_iter().cycle() {
        if left <= 0 {
            break;
        }
        parts[at] += 1;
        left -= 1;
    }
    parts
}

/// Rounded down. Amounts are within 64 bits, weights within a sum of those.
fn scaled(amount: i128, weight: i128, all: i128) -> i128 {
    (amount * weight).div_euclid(all)
}

fn remainder(amount: i128, weight: i128, all: i128) -> i128 {
    (amount * weight).rem_euclid(all)
}

#[cfg(test)]
mod tests {
    use super::apportion;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_divide_goes_to_the_largest_remainders() {
        assert_eq!(apportion(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(apportion(10, &[0, 1, 2]), [0, 3, 7]);
        assert_eq!(apportion(-10, &[1, 1, 1]), [-3, -3, -4]);
        assert_eq!(apportion(0, &[5, 5]), [0, 0]);
    }

    proptest! {
        #[test]
        fn parts_add_up(amount in any::<i64>(), weights in proptest::collection::vec(0..=i64::MAX / 64, 1..20)) {
            let weights: Vec<i128> = weights.into_iter().map(i128::from).collect();
            prop_assume!(weights.iter().sum::<i128>() > 0);
            let parts = apportion(amount.into(), &weights);
            prop_assert_eq!(parts.iter().sum::<i128>(), i128::from(amount));
            prop_assert!(parts.iter().zip(&weights).all(|(part, weight)| *weight > 0 || *part == 0));
        }
    }
}
