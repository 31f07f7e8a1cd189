//! What content checks do on a call, kept with its debt.

use super::Settlement;
use crate::guarding::Guarding;
use crate::living::Worker;
use crate::snapshot::Snapshot;
use std::sync::Arc;
use tg_dialect::weight::weigh;
use tg_kernel::principal::Attribution;

impl Settlement {
    /// Takes what is found and done.
    pub(crate) fn guard(&mut self, guarding: Guarding) {
        if let Some(draft) = &mut self.0 {
            draft.guarding = Some(guarding);
        }
    }

    /// The content checks of another than who pays for the call hold for it.
    pub(crate) fn is_subject_to_checks_of(&mut self, whose: Attribution) {
        if let Some(draft) = &mut self.0 {
            draft.subject = Some(Box::new(whose));
        }
    }

    /// Whose content checks hold for the call; `None` once it is settled.
    pub(crate) fn subject(&self) -> Option<&Attribution> {
        self.0.as_deref().map(|draft| draft.subject.as_deref().unwrap_or(&draft.record.attribution))
    }

    /// What is found and done.
    pub(crate) fn guarding(&self) -> Option<&Guarding> {
        self.0.as_deref().and_then(|draft| draft.guarding.as_ref())
    }

    /// The same, for who finds more.
    pub(crate) fn guarding_mut(&mut self) -> Option<&mut Guarding> {
        self.0.as_mut().and_then(|draft| draft.guarding.as_mut())
    }

    /// The rules that did something, as `SET/RULE`.
    pub(crate) fn guardrails(&self) -> Vec<String> {
        self.guarding().map(Guarding::told).unwrap_or_default()
    }

    /// Where the call stands; `None` once it is settled.
    pub(crate) fn surroundings(&self) -> Option<(&Arc<Worker>, &Arc<Snapshot>)> {
        self.0.as_deref().map(|draft| (&draft.worker, &draft.snapshot))
    }

    /// The body is another than the one that was read.
    pub(crate) fn weighs(&mut self, body: &[u8]) {
        if let Some(draft) = &mut self.0 {
            draft.weight = weigh(body);
        }
    }
}
