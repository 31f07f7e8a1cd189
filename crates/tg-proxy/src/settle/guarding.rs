//! What content checks do on a call, kept with its debt.

use super::Settlement;
use crate::guarding::Guarding;
use crate::living::Worker;
use crate::snapshot::Snapshot;
use std::sync::Arc;
use tg_dialect::weight::weigh;
use tg_kernel::decided::Rerouted;
use tg_kernel::principal::Attribution;
use tg_kernel::record::Record;
use tg_policy::guard::Route;

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

    /// A guardrail sends the call to another model. From here on it is known by that model's name: its limits and budgets hold.
    pub(crate) fn reroutes(&mut self, route: &Route) {
        if let Some(draft) = &mut self.0 {
            let from = std::mem::replace(&mut draft.record.asked.model, Arc::clone(&route.model));
            let (by, to) = (route.by().into(), Arc::clone(&route.model));
            self.decide(|decided| decided.rerouted = Some(Rerouted { by, from, to }));
        }
    }

    /// Whether the call goes to the model that it names or nowhere: what is no chat, and what no caller asks. A rule that would
    /// send it to another stops it.
    pub(crate) fn is_bound(&self) -> bool {
        let is_nobodys = |record: &Record| record.decided.as_ref().is_some_and(|decided| decided.purpose.is_some());
        self.record().is_none_or(|record| !record.asked.operation.is_routable() || is_nobodys(record))
    }

    /// The model to which a guardrail has sent the call.
    pub(crate) fn rerouted_to(&self) -> Option<&str> {
        let decided = self.record()?.decided.as_deref()?;
        decided.rerouted.as_ref().map(|rerouted| &*rerouted.to)
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
