//! What comparisons come to counts once it is in the ledger: so it counts once, also after a restart, and for all gateways.

use crate::living::Living;
use tg_kernel::decided::Decided;
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_policy::route::quality::{Floor, Kept};
use tg_policy::route::{Learned, Routes};

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

    /// Takes in what a row of the ledger says of a rule that is in force, and says what was not known.
    pub fn learn(&self, routes: &Routes, id: CallId, decided: &Decided) {
        match self.qualities.learn(routes, id, decided) {
            Some(Learned::WasOff(rule)) => {
                tracing::warn!(
                    rule = &*rule,
                    "a rule by tasks has switched itself off, and stays so until it is changed"
                );
            }
            Some(Learned::SwitchedOff { rule, task, known, floor }) => tell(&rule, &task, known, floor),
            None => {}
        }
    }
}

/// Says that a rule has switched itself off.
fn tell(rule: &str, task: &str, known: Kept, floor: Option<Floor>) {
    let percent = |part: f64| format!("{:.1}%", part * 100.0);
    let (low, high) = known.interval();
    let floor = percent(floor.map_or(0.0, |floor| f64::from(floor.millionths) / 1e6));
    tracing::error!(
        rule,
        task,
        kept = known.kept,
        of = known.of,
        low = percent(low),
        high = percent(high),
        floor,
        "cheaper answers are not good enough: a rule by tasks has switched itself off, until it is changed"
    );
}
