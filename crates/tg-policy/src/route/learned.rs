//! What a row of the ledger tells of a rule by tasks.

use super::quality::{Floor, Kept, Qualities};
use super::{Routes, Stays};
use std::sync::Arc;
use tg_kernel::decided::Decided;
use tg_kernel::ids::CallId;

/// What was not known before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// The rule was off when the row was written.
    WasOff(Arc<str>),
    /// The rule has switched itself off now: for the sake of this task, of which this is known, and this floor.
    SwitchedOff {
        /// The rule.
        rule: Arc<str>,
        /// The task.
        task: String,
        /// What is known of it.
        known: Kept,
        /// The floor.
        floor: Option<Floor>,
    },
}

impl Qualities {
    /// Takes in what a row says of a rule that is in force. A row that is known counts once.
    pub fn learn(&self, routes: &Routes, id: CallId, decided: &Decided) -> Option<Learned> {
        if let Some(routed) = &decided.routed
            && routed.stays.as_deref() == Some(Stays::SwitchedOff.as_str())
            && let Some(rule) = routes.by_task(&routed.rule)
            && self.switch_off(&rule.rule)
        {
            return Some(Learned::WasOff(Arc::clone(&rule.rule)));
        }
        let verdict = decided.verdict.as_ref()?;
        let (rule, kept) = (routes.by_task(&verdict.rule)?, verdict.kept?);
        let floor = rule.sampling.as_ref().and_then(|sampling| sampling.floor);
        let known = self.note(&rule.rule, floor, &verdict.task, (id, kept))?;
        let (rule, task) = (Arc::clone(&rule.rule), verdict.task.to_string());
        Some(Learned::SwitchedOff { rule, task, known, floor })
    }
}
