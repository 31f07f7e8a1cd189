//! What comparisons of answers say of a cheaper model: by whose calls, for which task, and what risk is left.

use super::{Risk, Target, Whose};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};
use tg_kernel::ids::CallId;
use tg_kernel::kept::Kept;
use tg_kernel::record::Record;

/// Most verdicts that wait for the call of which they are. Those beyond are left out.
const WAITING_MAX: usize = 200_000;

/// Most pairs of models, of a team and project, that are told apart. Verdicts of further ones are left out.
const PAIRS_MAX: usize = 10_000;

/// Fewer comparisons decide on no risk.
pub const SAMPLES_MIN: u32 = 50;

/// So many of a hundred cheaper answers must be as good, with certainty, for a low risk; if it is certain that they are fewer,
/// the risk is high.
const KEPT_PERCENT: f64 = 0.9;

/// What is known of the calls of one team and project that went to one model, or would have, and were compared with another's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    team: String,
    project: Option<String>,
    from: String,
    to: String,
}

/// Comparisons, as the ledger has them. Rows are to be taken the latest first: a verdict comes before its call.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    waiting: HashMap<CallId, (String, bool)>,
    by: BTreeMap<Pair, BTreeMap<String, Kept>>,
}

impl Samples {
    /// Takes a row: a verdict, or a call of which there may be one.
    pub fn take(&mut self, record: &Record) {
        let Some(decided) = &record.decided else { return };
        if let (Some(of), Some(verdict)) = (decided.of, &decided.verdict) {
            if let Some(kept) = verdict.kept
                && self.waiting.len() < WAITING_MAX
            {
                self.waiting.insert(of, (verdict.task.to_string(), kept));
            }
            return;
        }
        let Some((task, kept)) = self.waiting.remove(&record.id) else { return };
        let Some((from, to)) = decided.routed.as_ref().and_then(|routed| Some((&routed.from, routed.to.as_ref()?)))
        else {
            return;
        };
        let pair = Pair {
            team: record.attribution.team.to_string(),
            project: record.attribution.project.as_deref().map(str::to_owned),
            from: from.to_string(),
            to: to.to_string(),
        };
        if self.by.len() >= PAIRS_MAX && !self.by.contains_key(&pair) {
            return;
        }
        let known = self.by.entry(pair).or_default().entry(task).or_default();
        known.of += 1;
        known.kept += u32::from(kept);
    }

    /// What comparisons say of moving calls from one model to another: those of these kinds of tasks; of all where none is named.
    pub(super) fn of(&self, whose: &Whose, to: &Target, kinds: &[String]) -> Option<Quality> {
        let pair = Pair {
            team: whose.team.clone(),
            project: whose.project.clone(),
            from: format!("{}/{}", whose.provider, whose.model),
            to: format!("{}/{}", to.provider, to.model),
        };
        let by_task = self.by.get(&pair)?;
        let wanted = by_task.iter().filter(|(task, _)| kinds.is_empty() || kinds.contains(task));
        let mut quality = Quality::default();
        for (task, known) in wanted {
            quality.kept.of += known.of;
            quality.kept.kept += known.kept;
            quality.tasks.push(task.clone());
        }
        (quality.kept.of > 0).then_some(quality)
    }
}

/// How good the answers of the other model are, as far as comparisons tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// In so many comparisons they were as good.
    pub kept: Kept,
    /// The kinds of tasks that were compared.
    pub tasks: Vec<String>,
}

impl Serialize for Quality {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (low, high) = self.kept.interval();
        let mut members = serializer.serialize_struct("Quality", 5)?;
        members.serialize_field("samples", &self.kept.of)?;
        members.serialize_field("kept", &self.kept.kept)?;
        members.serialize_field("low", &low)?;
        members.serialize_field("high", &high)?;
        members.serialize_field("tasks", &self.tasks)?;
        members.end()
    }
}

impl Quality {
    /// What was found, in words.
    #[must_use]
    pub fn shown(&self) -> String {
        let percent = |part: f64| format!("{:.1} %", part * 100.0);
        let (low, high) = self.kept.interval();
        let Kept { kept, of } = self.kept;
        let seen = percent(f64::from(kept) / f64::from(of.max(1)));
        format!(
            "{kept} of {of} answers compared were as good ({seen}, between {} and {}), of {}",
            percent(low),
            percent(high),
            self.tasks.join(", ")
        )
    }

    /// The risk that is left by these comparisons, and why; `None` where they are too few to say.
    pub(super) fn risk(&self) -> Option<(Risk, String)> {
        if self.kept.of < SAMPLES_MIN {
            return None;
        }
        let (low, high) = self.kept.interval();
        let (risk, why) = if low >= KEPT_PERCENT {
            (Risk::Low, "nine of ten answers or more are as good, with 95 % certainty")
        } else if high < KEPT_PERCENT {
            (Risk::High, "fewer than nine of ten answers are as good, with 95 % certainty")
        } else {
            (Risk::Medium, "whether nine of ten answers are as good is not certain")
        };
        Some((risk, why.to_owned()))
    }
}
