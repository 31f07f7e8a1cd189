//! Which services outside were asked about one call, and what they said: also where they had nothing against it.

use super::inquiry::micros;
use super::{Inquiry, Opinion, Way};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::guarded::{self, OfService, Said};

/// What it took to know what a service thinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// How long it was asked, with the waiting for its turn.
    pub spent: Duration,
    /// Questions to it.
    pub questions: usize,
    /// What was known from before.
    pub remembered: usize,
}

/// The services, each once for each way.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(BTreeMap<(Arc<str>, guarded::Way), OfService>);

impl Heard {
    /// A service said this of some texts.
    pub(super) fn says(&mut self, guard: &Arc<str>, way: Way, opinion: &Opinion) {
        let said = match opinion {
            Opinion::Clear => Said::Clear,
            Opinion::Flagged { .. } => Said::Flagged,
            Opinion::Failed => Said::Unanswered,
        };
        let own = self.of(guard, way);
        own.verdict = own.verdict.max(said);
    }

    fn of(&mut self, guard: &Arc<str>, way: Way) -> &mut OfService {
        let way = guarded::Way::from(way);
        let own = || {
            let (guard, verdict) = (guard.clone(), Said::Clear);
            OfService { guard, way, verdict, micros: 0, questions: 0, remembered: 0 }
        };
        self.0.entry((guard.clone(), way)).or_insert_with(own)
    }

    /// Adds what another has heard.
    pub(super) fn absorb(&mut self, other: Self) {
        for ((guard, way), more) in other.0 {
            let Some(own) = self.0.get_mut(&(guard.clone(), way)) else {
                self.0.insert((guard, way), more);
                continue;
            };
            own.verdict = own.verdict.max(more.verdict);
            own.micros = own.micros.saturating_add(more.micros);
            own.questions = own.questions.saturating_add(more.questions);
            own.remembered = own.remembered.saturating_add(more.remembered);
        }
    }

    pub(super) fn told(&self) -> Vec<OfService> {
        self.0.values().cloned().collect()
    }
}

impl Inquiry {
    /// What it took to know what a service thinks of texts on this way.
    pub fn took(&mut self, guard: &Arc<str>, way: Way, effort: Effort) {
        let own = self.heard.of(guard, way);
        let count = |before: u32, more: usize| before.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        own.micros = own.micros.saturating_add(micros(effort.spent));
        own.questions = count(own.questions, effort.questions);
        own.remembered = count(own.remembered, effort.remembered);
    }
}
