//! What was found in a text, put in order: what overlaps is one, and the gravest of its rules decides.

use super::rule::{Ready, Weight};
use std::collections::BTreeMap;
use tg_text::finding::Finding;
use tg_text::span::Span;

/// A finding of a rule.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) finding: Finding,
    /// Index of the rule in its guard.
    pub(super) rule: usize,
    pub(super) weight: Weight,
    /// It is a number of JSON: what takes its place is a value there by itself.
    pub(super) is_bare: bool,
}

/// A stretch that was found, by one rule or several.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) span: Span,
    /// All that was found in it.
    pub(super) members: Vec<Found>,
    /// Which of them decides.
    lead: usize,
}

impl Found {
    pub(super) fn new(finding: Finding, rule: usize, ready: &Ready) -> Self {
        Self { finding, rule, weight: ready.weight(), is_bare: false }
    }

    /// The same, elsewhere.
    pub(super) fn at(&self, span: Span) -> Self {
        let mut other = self.clone();
        other.finding.span = span;
        other
    }

    /// The gravest, then the surest, then the longest, then the first rule.
    fn outranks(&self, other: &Self) -> bool {
        let rank = |found: &Self| (found.weight, found.finding.score, found.finding.span.len());
        match rank(self).partial_cmp(&rank(other)) {
            Some(std::cmp::Ordering::Equal) | None => self.rule < other.rule,
            Some(order) => order.is_gt(),
        }
    }
}

/// What was found in a stretch, to look up again and again: by rule, where each begins, in order, and how far those up to it reach.
pub(super) struct Known(BTreeMap<usize, Vec<(usize, usize)>>);

impl Known {
    pub(super) fn of(found: &[Found]) -> Self {
        let mut by_rule: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for Found { finding, rule, .. } in found {
            by_rule.entry(*rule).or_default().push((finding.span.start, finding.span.end));
        }
        for spans in by_rule.values_mut() {
            spans.sort_unstable();
            let mut farthest = 0;
            for (_, end) in spans {
                farthest = farthest.max(*end);
                *end = farthest;
            }
        }
        Self(by_rule)
    }

    /// Whether the rule of a finding has found all of it already.
    pub(super) fn has(&self, found: &Found) -> bool {
        let Some(spans) = self.0.get(&found.rule) else { return false };
        let behind = spans.partition_point(|(start, _)| *start <= found.finding.span.start);
        let last = behind.checked_sub(1).and_then(|last| spans.get(last));
        last.is_some_and(|(_, farthest)| found.finding.span.end <= *farthest)
    }
}

impl Cluster {
    /// What decides about it.
    pub(super) fn lead(&self) -> Option<&Found> {
        self.members.get(self.lead)
    }

    /// Whether it is a number of JSON, and no more.
    pub(super) fn is_bare(&self) -> bool {
        self.members.iter().any(|found| found.is_bare && found.finding.span == self.span)
    }
}

/// Findings that overlap, put together; in order of their place.
pub(super) fn clusters(mut found: Vec<Found>) -> Vec<Cluster> {
    found.sort_by(|a, b| {
        let order = a.finding.span.start.cmp(&b.finding.span.start).then(b.finding.span.end.cmp(&a.finding.span.end));
        order.then(a.rule.cmp(&b.rule)).then_with(|| a.finding.rule.cmp(&b.finding.rule))
    });
    let mut all: Vec<Cluster> = Vec::with_capacity(found.len());
    for found in found {
        let span = found.finding.span;
        match all.last_mut().filter(|last| last.span.overlaps(span) || last.span == span) {
            Some(last) => {
                last.span.end = last.span.end.max(span.end);
                if last.lead().is_none_or(|lead| found.outranks(lead)) {
                    last.lead = last.members.len();
                }
                last.members.push(found);
            }
            None => all.push(Cluster { span, members: vec![found], lead: 0 }),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tg_text::finding::Kind;

    proptest! {
        #[test]
        fn what_is_looked_up_is_what_all_of_them_say(
            spans in proptest::collection::vec((0_usize..3, 0_usize..20, 0_usize..8), 0..12),
            (rule, start, length) in (0_usize..3, 0_usize..20, 0_usize..8),
        ) {
            let one = |(rule, start, length): (usize, usize, usize)| Found {
                finding: Finding { kind: Kind::Custom, rule: "r".into(), span: Span::new(start, start + length), score: 1.0 },
                rule,
                weight: Weight::None,
                is_bare: false,
            };
            let (found, next): (Vec<Found>, Found) = (spans.into_iter().map(one).collect(), one((rule, start, length)));
            let is_known = found.iter().any(|known| known.rule == next.rule && known.finding.span.covers(next.finding.span));
            prop_assert_eq!(Known::of(&found).has(&next), is_known);
        }
    }
}
