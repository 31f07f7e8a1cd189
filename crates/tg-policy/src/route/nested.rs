//! Routes among the targets of a route: each stands for its own targets, in the order that its own strategy gives them, and the
//! outer strategy orders the entries.

use super::strategy::{Candidate, Strategy, mixed, order};
use std::borrow::Borrow;
use std::sync::Arc;
use tg_kernel::target::Target;

/// One entry of a route's targets, in the order of [`super::Rule::targets`].
#[derive(Clone, Debug)]
pub enum Entry {
    /// The next target.
    Target,
    /// A route, which has as many of the next targets as its entries have.
    Route(Nested),
}

/// A route among targets.
#[derive(Clone, Debug)]
pub struct Nested {
    /// Its name.
    pub name: Arc<str>,
    /// Its share among the others of the outer route.
    pub weight: u32,
    /// In which order its own are tried.
    pub strategy: Strategy,
    /// Its own.
    pub entries: Vec<Entry>,
}

impl Entry {
    pub(super) fn has_order(&self, is: fn(Strategy) -> bool) -> bool {
        match self {
            Self::Target => false,
            Self::Route(nested) => is(nested.strategy) || nested.entries.iter().any(|entry| entry.has_order(is)),
        }
    }
}

/// By what one call's targets are put in order.
#[derive(Clone, Copy, Debug)]
pub struct Lots<'a> {
    /// The same for calls that belong together.
    pub session: u64,
    /// Another for each call.
    pub chance: u64,
    /// Where the call's session is served.
    pub place: Option<&'a Target>,
}

/// One entry, and the targets for which it stands, in their order.
struct Bunch {
    shown: Candidate,
    targets: Vec<Candidate>,
}

impl Borrow<Candidate> for Bunch {
    fn borrow(&self) -> &Candidate {
        &self.shown
    }
}

/// Puts the targets of a route in order, the one to be tried first in front: `candidates` are those of all its targets, `None`
/// where one is not for the call.
pub fn arrange(
    strategy: Strategy,
    entries: &[Entry],
    candidates: impl IntoIterator<Item = Option<Candidate>>,
    lots: Lots<'_>,
) -> Vec<Candidate> {
    if entries.is_empty() {
        let mut candidates: Vec<Candidate> = candidates.into_iter().flatten().collect();
        order(strategy, &mut candidates, lots.session, lots.chance);
        stay(strategy, &mut candidates, lots.place);
        return candidates;
    }
    nested(strategy, entries, &mut candidates.into_iter(), lots)
}

fn nested(
    strategy: Strategy,
    entries: &[Entry],
    candidates: &mut dyn Iterator<Item = Option<Candidate>>,
    lots: Lots<'_>,
) -> Vec<Candidate> {
    let bunch = |entry: &Entry| match entry {
        Entry::Target => {
            let candidate = candidates.next().flatten()?;
            Some(Bunch { shown: candidate.clone(), targets: vec![candidate] })
        }
        Entry::Route(route) => {
            // Lots that are drawn inside say nothing of those that are drawn outside.
            let session = route.name.bytes().fold(mixed(lots.session), |sum, byte| mixed(sum ^ u64::from(byte)));
            let targets = nested(route.strategy, &route.entries, &mut *candidates, Lots { session, ..lots });
            Some(Bunch { shown: route.shown(&targets)?, targets })
        }
    };
    let mut bunches: Vec<Bunch> = entries.iter().filter_map(bunch).collect();
    order(strategy, &mut bunches, lots.session, lots.chance);
    let mut all: Vec<Candidate> = bunches.into_iter().flat_map(|bunch| bunch.targets).collect();
    stay(strategy, &mut all, lots.place);
    all
}

impl Nested {
    /// As what it is compared with others: as the target that it would send the call to, with what all of them have to do.
    fn shown(&self, targets: &[Candidate]) -> Option<Candidate> {
        let first = targets.first()?;
        let mut pace = first.pace;
        pace.in_flight = targets.iter().map(|target| target.pace.in_flight).fold(0, u32::saturating_add);
        let target = Target { provider: Arc::default(), model: Arc::clone(&self.name) };
        Some(Candidate { target, through: None, weight: self.weight, price: first.price, pace })
    }
}

/// Where order is by choice, a session stays: its prompt cache is worth more than what moves would save.
fn stay(strategy: Strategy, candidates: &mut [Candidate], place: Option<&Target>) {
    if strategy.is_by_experience()
        && let Some(place) = place
        && let Some(at) = candidates.iter().position(|candidate| candidate.target == *place)
        && let Some(first) = candidates.get_mut(..=at)
    {
        first.rotate_right(1);
    }
}

#[cfg(test)]
mod tests;
