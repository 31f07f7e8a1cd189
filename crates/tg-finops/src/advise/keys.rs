//! Keys that are let in and that nobody uses.

use super::{Advice, Facts, Kind, Risk};
use tg_kernel::clock::Timestamp;

/// Whoever was not seen for so long is idle, and nobody is who is younger.
const IDLE_DAYS: i64 = 30;
const DAY_MICROS: i64 = 86_400_000_000;

/// A key that is let in, and when it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySeen {
    /// Its public id.
    pub id: String,
    /// The team that owns it.
    pub team: String,
    /// The project that it is bound to, if it is.
    pub project: Option<String>,
    /// What it is for.
    pub label: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// Calls within the last thirty days.
    pub recent_calls: u64,
    /// All its calls; `None` where the ledger does not keep all that there were.
    pub all_calls: Option<u64>,
}

pub(super) fn advice(facts: &Facts<'_>) -> Vec<Advice> {
    let idle = |key: &&KeySeen| {
        let age = facts.shop.now.micros().saturating_sub(key.created_at.micros());
        key.recent_calls == 0 && age >= IDLE_DAYS * DAY_MICROS
    };
    facts.keys.iter().filter(idle).map(of).collect()
}

fn of(key: &KeySeen) -> Advice {
    let made: String = key.created_at.to_string().chars().take(10).collect();
    let label = if key.label.is_empty() { String::new() } else { format!(" ('{}')", key.label) };
    let used = match key.all_calls {
        Some(0) => "never used".to_owned(),
        Some(calls) => format!("not used for {IDLE_DAYS} days, {} before", super::counted(calls, "call")),
        None => format!("not used for {IDLE_DAYS} days"),
    };
    Advice {
        kind: Kind::IdleKey,
        teams: vec![key.team.clone()],
        project: key.project.clone(),
        subject: key.id.clone(),
        advice: "ask its team, then revoke it".to_owned(),
        evidence: format!("made on {made}{label}; {used}"),
        saving: None,
        risk: if key.all_calls == Some(0) { Risk::Low } else { Risk::Medium },
        why: "something that runs seldom may still hold it".to_owned(),
        quality: None,
        kinds: Vec::new(),
        change: None,
        addition: None,
        command: Some(format!("tallygate keys revoke {}", key.id)),
    }
}
