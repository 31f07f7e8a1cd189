//! What a row of the ledger tells of a rule by tasks.

use super::Routes;
use super::quality::{Qualities, SwitchedOff};
use tg_kernel::decided::Decided;
use tg_kernel::ids::CallId;

impl Qualities {
    /// Takes in what a row says of a rule that is in force; a row that is known counts once. Answers for what the rule is
    /// switched off, where it is now.
    pub fn learn(&self, routes: &Routes, id: CallId, decided: &Decided) -> Option<SwitchedOff> {
        let verdict = decided.verdict.as_ref()?;
        let (rule, kept) = (routes.by_task(&verdict.rule)?, verdict.kept?);
        let floor = rule.sampling.as_ref().and_then(|sampling| sampling.floor);
        self.note(&rule.rule, floor, &verdict.task, (id, kept))
    }
}
