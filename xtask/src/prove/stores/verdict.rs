//! What is claimed of the scenes, and of what they leave behind.

use super::director::Played;
use super::{CAP_NANOS, TIMEOUT};
use crate::prove::findings::Findings;
use crate::prove::overshoot::bill;
use crate::table::Table;
use crate::terminal::say;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;
use tg_sim::Entry;

/// How soon a revoked key is refused everywhere.
const REVOKED_WITHIN: Duration = Duration::from_secs(2);

/// How soon everything is counted together again.
const TOGETHER_WITHIN: Duration = Duration::from_secs(5);

/// How long a call may take while a store is in trouble: it may wait for the counters' answer, and all the rest, here and
/// at the provider, takes no longer than this.
const ANSWER_MAX: Duration = TIMEOUT.saturating_add(Duration::from_millis(300));

/// How long a stream may be silent meanwhile: it has nothing to wait for.
const SILENCE_MAX: Duration = Duration::from_millis(300);

/// What was seen meanwhile, and how soon all was well again.
pub fn scenes(findings: &mut Findings, played: &[Played]) {
    let mut table = Table::new([
        "what happened",
        "probes",
        "slowest, ms",
        "streams",
        "first word, ms",
        "silence, ms",
        "together again, ms",
        "key revoked",
        "refused after, ms",
    ]);
    let millis = |time: Option<Duration>| time.map_or_else(|| "never".to_owned(), |time| time.as_millis().to_string());
    for Played { scene, probes, flaws, slowest, heard, recovered, revocation, .. } in played {
        let (meanwhile, refused) = revocation.as_ref().map_or_else(Default::default, |revocation| {
            let word = if revocation.meanwhile == "done" { "meanwhile" } else { "afterwards" };
            (word.to_owned(), millis(revocation.refused_after))
        });
        let [slowest_ms, first, silence] =
            [*slowest, heard.first, heard.silence].map(|time| time.as_millis().to_string());
        table.row([
            scene.to_string(),
            probes.to_string(),
            slowest_ms,
            heard.streams.to_string(),
            first,
            silence,
            millis(*recovered),
            meanwhile,
            refused,
        ]);
        findings.none(format_args!("{scene}: calls are decided as stated"), *probes, flaws);
        let (longest, most) = (heard.first.max(*slowest), ANSWER_MAX.as_millis());
        let seen = format!("{} ms", longest.as_millis());
        findings.note(format_args!("{scene}: no call waits for more than {most} ms"), seen, longest <= ANSWER_MAX);
        findings.none(format_args!("{scene}: streams are heard to their end"), heard.streams, &heard.flaws);
        let seen = format!("{} ms", heard.silence.as_millis());
        findings.note(format_args!("{scene}: no stream waits for it"), seen, heard.silence <= SILENCE_MAX);
        let soon = recovered.is_some_and(|after| after < TOGETHER_WITHIN);
        findings.note(format_args!("{scene}: all is well again"), format_args!("{} ms", millis(*recovered)), soon);
        if let Some(revocation) = revocation {
            let said = revocation.meanwhile.chars().take(70).collect::<String>();
            findings.note(format_args!("{scene}: a key is revoked, or it is said why not"), said, revocation.as_stated);
            let soon = revocation.refused_after.is_some_and(|after| after < REVOKED_WITHIN);
            let seen = format!("{} ms", millis(revocation.refused_after));
            findings.note(format_args!("{scene}: a revoked key is refused at the other gateway"), seen, soon);
        }
    }
    say(&table);
}

/// No scene's budget was overspent, by the providers' books and by the ledger.
pub fn caps(findings: &mut Findings, played: &[Played], entries: &[Entry], rows: &[Value]) {
    let by_id: HashMap<&str, &Entry> =
        entries.iter().filter_map(|entry| Some((entry.gateway_request_id.as_deref()?, entry))).collect();
    for Played { scene, model, .. } in played {
        let rows: Vec<&Value> =
            rows.iter().filter(|row| row.pointer("/asked/model") == Some(&model[..].into())).collect();
        let booked: i128 = rows.iter().map(|row| crate::prove::ledger::nanos(row)).sum();
        let served = rows.iter().filter_map(|row| by_id.get(row["request_id"].as_str()?));
        let billed: i128 = served.map(|entry| bill::of_one(entry)).sum();
        let seen =
            format!("billed {}, booked {} of {} thousandths of a dollar", billed / 1_000_000, booked / 1_000_000, {
                CAP_NANOS / 1_000_000
            });
        let holds = booked > 0 && booked <= CAP_NANOS && billed <= CAP_NANOS;
        findings.note(format_args!("{scene}: the budget is not overspent"), seen, holds);
    }
}
