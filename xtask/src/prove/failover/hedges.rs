//! Second tries beside slow first ones: what callers see, and that each call which a provider saw is in the ledger once.

use super::Scene;
use crate::prove::findings::Findings;
use crate::wire::dialect::{Delivery, Dialect};
use anyhow::Result;
use futures_util::future;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Tries are hurried after 100 ms and over after 3 s.
const RESILIENCE: &str = "{ retry_share: 100%, deadline: 3s, breaker: { enabled: false } }";

/// What happens to both tries, and whether their caller has an answer.
const SCRIPTS: [(&str, bool); 8] = [
    ("", true),
    ("[[sim@gpt-5-mini: ttft=900ms]]", true),
    ("[[sim@gpt-5-mini: ttft=400ms]] [[sim@local-llama: ttft=60s]]", true),
    ("[[sim@gpt-5-mini: ttft=400ms status=500]] [[sim@local-llama: ttft=700ms]]", true),
    ("[[sim@gpt-5-mini: ttft=400ms die_after=0]] [[sim@local-llama: ttft=700ms]]", true),
    ("[[sim@gpt-5-mini: ttft=600ms]] [[sim@local-llama: status=503]]", true),
    ("[[sim@gpt-5-mini: ttft=400ms reset]] [[sim@local-llama: ttft=700ms garbage]]", false),
    ("[[sim@gpt-5-mini: ttft=60s]] [[sim@local-llama: ttft=60s]]", false),
];

/// Proves the claim. Each script is played `times` times in each dialect, plain and streamed: one after another, and in all
/// dialects at once.
pub(super) async fn hedged(program: &Path, dialects: &[Dialect], times: usize, found: &mut Findings) -> Result<()> {
    let scene = Scene::start(program, RESILIENCE)?;
    let kinds = dialects.iter().flat_map(|dialect| [(*dialect, Delivery::Plain), (*dialect, Delivery::Streamed)]);
    let played = future::try_join_all(kinds.map(|kind| play(&scene, kind, times))).await?;
    let calls = played.len() * times * SCRIPTS.len();
    let flaws: Vec<String> = played.into_iter().flatten().collect();
    found.none("a slow first try is left for a second, and who fails or is slower is not seen", calls, &flaws);
    let rows = scene.rows(calls).await?;
    let (two, flaws) = compared(&scene, &rows);
    found.note("calls with two tries at once", format_args!("{two} of {calls}"), two >= calls / 2);
    found.none("every call that a provider saw is in the ledger once, and no other", calls, &flaws);
    scene.gateway.end()
}

/// Plays every script in one dialect; answers what did not come as it should.
async fn play(scene: &Scene, (dialect, delivery): (Dialect, Delivery), times: usize) -> Result<Vec<String>> {
    let mut flaws = Vec::new();
    for number in 0..times {
        for (script, is_answered) in SCRIPTS {
            let place = format!("{} {delivery:?} {number}", dialect.name());
            let heard = scene.call("hedged", dialect, delivery, &format!("{place} {script}")).await?;
            let is_whole = heard.status == 200 && heard.complete && heard.text.contains(&place);
            if is_whole != is_answered {
                flaws.push(format!("{place} {script}: {heard:?}"));
            }
        }
    }
    Ok(flaws)
}

/// How many rows have two tries at once, and where ledger and providers' books say different things: by the call, which
/// models it was sent to, and how often.
fn compared(scene: &Scene, rows: &[Value]) -> (usize, Vec<String>) {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in scene.sim.books.entries() {
        seen.entry(entry.gateway_request_id.unwrap_or_default()).or_default().push(entry.model);
    }
    let mut flaws = Vec::new();
    for row in rows {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let earlier = row["earlier"].as_array().map_or(&[][..], Vec::as_slice);
        let mut booked: Vec<String> = earlier.iter().map(|of| word(&of["served"]["model"])).collect();
        booked.extend(row["served"]["model"].as_str().map(str::to_owned));
        let mut sent = seen.remove(&word(&row["request_id"])).unwrap_or_default();
        booked.sort();
        sent.sort();
        if booked != sent {
            flaws.push(format!("booked {booked:?}, and sent {sent:?}: {row}"));
        }
    }
    flaws.extend(seen.iter().map(|(id, models)| format!("{id} is in no row: {models:?}")));
    (rows.iter().filter(|row| !row["decided"]["hedge"].is_null()).count(), flaws)
}
