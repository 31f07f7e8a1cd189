//! What was found in a text, put in order: what overlaps is one, and the gravest of its rules decides.

use super::rule::{Ready, Weight};
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

    /// Whether its rule has found all of it already.
    pub(super) fn is_known(&self, found: &[Self]) -> bool {
        found.iter().any(|known| known.rule == self.rule && known.finding.span.covers(self.finding.span))
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
