//! Whether what SDKs were told again came from the cache: the ledger has a hit of each call, and providers were asked once.

use super::{Doors, Row};
use crate::prove::house::{SETTLED_MAX, all_rows};
use crate::running::Gateway;
use crate::wire::Client;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};
use tg_sim::Sim;

/// The feature that makes the same call again.
pub(super) const FEATURE: &str = "replay";

/// How it is shown where answers are kept in Redis,
pub(super) const SHARED: &str = "replay (Redis)";

/// with this provider,
pub(super) const SHARED_OF: &str = "bedrock";

/// and how often a call is made again there.
pub(super) const TIMES: usize = 6;

/// How the models begin that it names.
const BEGIN: &str = "again-";

/// Results by their place in the table.
type Results = BTreeMap<(Row, String), Option<Value>>;

/// How many different calls the feature makes in a dialect: a whole answer and a stream, OpenAI's vectors in both encodings.
fn calls(dialect: &str) -> usize {
    if dialect == "invoke_embeddings" { 1 } else { 2 }
}

/// The model that a cell names.
fn model([provider, sdk, dialect]: &[&String; 3]) -> String {
    let vectors = if dialect.ends_with("embeddings") { "vectors-" } else { "" };
    format!("{BEGIN}{vectors}{provider}-{sdk}-{dialect}")
}

/// Fails each cell of the feature that was not told again what had been kept, or for which a provider was asked again.
pub(super) async fn weigh(results: &mut Results, doors: &Doors<'_>, sim: &Sim) -> Result<()> {
    for (shown, again, doors) in [(FEATURE, 1, &[doors.plain, doors.tls][..]), (SHARED, TIMES, &[doors.sharing])] {
        let mut cells: Vec<_> = results
            .iter_mut()
            .filter(|(((_, _, feature), _), _)| feature == shown)
            .filter_map(|(place, line)| Some((place, line.as_mut().filter(|line| line["ok"] == true)?)))
            .collect();
        let wanted: usize = cells.iter().map(|(((_, dialect, _), _), _)| calls(dialect) * (1 + again)).sum();
        let rows = rows(doors, wanted).await?;
        // Once all rows are there, so are the providers' entries.
        let mut asked: HashMap<String, usize> = HashMap::new();
        for entry in sim.books.entries() {
            *asked.entry(entry.gateway_request_id.unwrap_or_default()).or_default() += 1;
        }
        for (((sdk, dialect, _), provider), line) in &mut cells {
            let rows = rows.get(&model(&[provider, sdk, dialect])).map_or(&[][..], Vec::as_slice);
            if let Err(detail) = judge(rows, &asked, (calls(dialect), again)) {
                line["ok"] = json!(false);
                line["detail"] = json!(detail);
            }
        }
    }
    Ok(())
}

/// Whether of so many different calls, each made once and so often again, each was answered from the cache, and providers were
/// asked for the others alone.
fn judge(rows: &[Value], asked: &HashMap<String, usize>, (calls, again): (usize, usize)) -> Result<(), String> {
    let (hits, misses): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| outcome(row) == "hit");
    let ids: HashSet<&str> = misses.iter().map(|row| id(&row["request_id"])).collect();
    let from: HashSet<&str> = hits.iter().map(|row| id(&row["decided"]["cache"]["hit"]["from"])).collect();
    let times = |row: &Value| asked.get(id(&row["request_id"])).copied().unwrap_or_default();
    if rows.len() != calls * (1 + again) {
        return Err(format!("{} requests came for {calls} calls, each made {} times", rows.len(), 1 + again));
    }
    if from.len() != calls || !from.is_subset(&ids) || (again == 1 && misses.len() != calls) {
        return Err(format!("{} hits of {} answers for {calls} calls", hits.len(), from.len()));
    }
    if hits.iter().any(|row| times(row) > 0) || misses.iter().any(|row| outcome(row) != "miss" || times(row) != 1) {
        return Err(
            "a provider was asked for a call that was answered from the cache, or not once for another".to_owned()
        );
    }
    Ok(())
}

fn outcome(row: &Value) -> &str {
    row["decided"]["cache"]["outcome"].as_str().unwrap_or_default()
}

fn id(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The rows of the feature by the model that they name, once there are so many, or it takes too long.
async fn rows(doors: &[&Gateway], wanted: usize) -> Result<HashMap<String, Vec<Value>>> {
    let limit = Instant::now() + SETTLED_MAX;
    loop {
        let mut rows: HashMap<String, Vec<Value>> = HashMap::new();
        for door in doors {
            for row in all_rows(&Client::new(door.base(), door.key()), door.admin()).await? {
                if let Some(model) = row["asked"]["model"].as_str().filter(|model| model.starts_with(BEGIN)) {
                    rows.entry(model.to_owned()).or_default().push(row);
                }
            }
        }
        if rows.values().map(Vec::len).sum::<usize>() >= wanted || Instant::now() > limit {
            return Ok(rows);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use serde_json::{Value, json};
    use std::collections::HashMap;

    fn row(id: &str, from: Option<&str>) -> Value {
        let hit = from.map(|from| json!({ "from": from }));
        json!({ "request_id": id, "decided": { "cache": { "outcome": if hit.is_some() { "hit" } else { "miss" }, "hit": hit } } })
    }

    #[test]
    fn a_call_counts_that_providers_answered_once_and_the_cache_again() {
        let asked = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), 1)).collect::<HashMap<_, _>>();
        let rows = [row("a", None), row("b", Some("a"))];
        assert_eq!(judge(&rows, &asked(&["a", "x"]), (1, 1)), Ok(()));
        assert!(judge(&rows, &asked(&["a", "b"]), (1, 1)).is_err(), "asked for a hit");
        assert!(judge(&rows, &asked(&[]), (1, 1)).is_err(), "a miss that nobody was asked for");
        assert!(judge(&rows, &asked(&["a"]), (2, 1)).is_err(), "too few");
        let twice = [row("a", None), row("b", None)];
        assert!(judge(&twice, &asked(&["a", "b"]), (1, 1)).is_err(), "no hit");
        let late = [row("a", None), row("b", None), row("c", Some("b"))];
        assert_eq!(judge(&late, &asked(&["a", "b"]), (1, 2)), Ok(()), "kept a moment later");
    }
}
