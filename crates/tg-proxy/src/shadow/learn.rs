//! What comparisons come to counts once it is in the ledger: so it counts once, also after a restart, and for all gateways.

use crate::living::Living;
use tg_kernel::decided::Decided;
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_policy::route::Routes;
use tg_policy::route::quality::SwitchedOff;

impl Living {
    /// These rows are in the ledger now: what they say of cheaper answers counts.
    pub(crate) fn note_verdicts(&self, records: &[Record]) {
        if records.iter().any(|record| record.decided.as_ref().is_some_and(|decided| decided.verdict.is_some())) {
            let snapshot = self.snapshot.load();
            for record in records {
                if let Some(decided) = &record.decided {
                    self.learn(&snapshot.routes, record.id, decided);
                }
            }
        }
    }

    /// Takes in what a row of the ledger says of a rule that is in force, and says that it has switched itself off, if it does now.
    pub fn learn(&self, routes: &Routes, id: CallId, decided: &Decided) {
        if let Some(off) = self.qualities.learn(routes, id, decided) {
            tell(&off);
        }
    }
}

/// Says that a rule has switched itself off.
fn tell(off: &SwitchedOff) {
    let percent = |part: f64| format!("{:.1}%", part * 100.0);
    let (low, high) = off.known.interval();
    tracing::error!(
        rule = &*off.rule,
        task = &*off.task,
        kept = off.known.kept,
        of = off.known.of,
        low = percent(low),
        high = percent(high),
        floor = percent(off.floor()),
        "cheaper answers are not good enough: a rule by tasks has switched itself off, until it is changed or switched on again"
    );
}
