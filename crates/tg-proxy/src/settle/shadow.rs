//! The debt of calls that no caller made, and what of a caller's call they are made of.

use super::{Closing, Draft, STATUS_UNKNOWN, Settlement};
use crate::outcome::draining;
use crate::shadow::Hearing;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tg_kernel::decided::{self, Decided, Purpose};
use tg_kernel::ids::CallId;
use tg_kernel::record::Ending;
use tg_kernel::target::Target;
use tg_kernel::units::Money;
use tg_policy::route::steps::Mode;
use tg_policy::route::{Routed, Stays};

/// Booked for a call that no caller made, and that the gateway gave up.
const GIVEN_UP: &str = "given_up";

impl Settlement {
    /// No caller made the call: nobody can leave it, and it ends with the gateway.
    pub(crate) fn is_nobodys(&mut self, (purpose, of): (Purpose, CallId)) {
        if let Some(draft) = &mut self.0 {
            draft.absence = None;
            let decided = Decided { purpose: Some(purpose), of: Some(of), ..Decided::default() };
            draft.record.decided = Some(Box::new(decided));
        }
    }

    /// Whether no caller made it.
    pub(crate) fn has_no_caller(&self) -> bool {
        self.0.as_deref().is_some_and(Draft::is_nobodys)
    }

    /// What a rule by tasks made of the call.
    pub(crate) fn is_routed(&mut self, routed: Option<&Routed>) {
        let Some(routed) = routed else { return };
        let name = |target: &Target| Arc::from(format!("{}/{}", target.provider, target.model));
        self.decide(|decided| {
            decided.routed = Some(decided::Routed {
                rule: Arc::clone(&routed.rule.rule),
                mode: routed.mode.as_str().into(),
                to: routed.to.as_ref().map(name),
                from: name(&routed.from),
                stays: routed.stays.map(|stays| Stays::as_str(stays).into()),
                saving: routed.saving(),
                from_cost: None,
            });
        });
    }

    /// What the caller is told where its call would do at a cheaper model.
    pub(crate) fn advice(&self) -> Option<String> {
        let decided = self.record()?.decided.as_deref()?;
        let routed = decided.routed.as_ref().filter(|routed| routed.mode == Mode::Advise.as_str())?;
        let to = routed.to.as_ref().filter(|_| routed.stays.is_none())?;
        let task = decided.task.as_ref().map(|task| format!("; task={}", task.class)).unwrap_or_default();
        let saving = routed.saving.map(|saving| format!("; saving_usd={saving}")).unwrap_or_default();
        Some(format!("model={to}{task}{saving}"))
    }

    /// Has somebody listen to the answer.
    pub(crate) fn hears(&mut self, hearing: Hearing) {
        if let Some(draft) = &mut self.0 {
            draft.hearing = Some(Box::new(hearing));
        }
    }

    /// This of the answer is on its way.
    pub(super) fn hear(&mut self, bytes: &[Bytes]) {
        if let Some(hearing) = self.0.as_mut().and_then(|draft| draft.hearing.as_mut()) {
            bytes.iter().for_each(|bytes| hearing.hear(bytes));
        }
    }

    /// The call, which no caller made, is not sent: what it holds is given back, and nothing is booked.
    pub(crate) fn forgo(mut self) {
        let Some(mut draft) = self.0.take() else { return };
        std::mem::take(&mut draft.admission).end(&draft.worker.living, &draft.record, draft.weight);
        draft.spending.end(&draft.worker.living, &draft.record, Money::ZERO);
        draft.worker.living.counts.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Draft {
    pub(super) fn is_nobodys(&self) -> bool {
        self.record.decided.as_ref().is_some_and(|decided| decided.purpose.is_some())
    }

    /// Who leaves a call that no caller made is the gateway.
    pub(super) fn given_up(&self, closing: Closing) -> Closing {
        if closing.ending != Ending::ClientGone || !self.is_nobodys() {
            return closing;
        }
        let fault = if self.worker.closing.has_begun() { draining().code } else { GIVEN_UP };
        Closing { ending: Ending::Interrupted, status: STATUS_UNKNOWN, fault: Some(fault), ..closing }
    }
}
