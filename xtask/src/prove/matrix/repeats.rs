//! Whether SDKs repeat a call that a budget or a guardrail has refused: the ledger has one row for each request that came.

use super::Row;
use crate::prove::house::all_rows;
use crate::running::Gateway;
use crate::wire::Client;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// The features whose calls are refused, and how the models begin that these name. What follows names the cell.
const REFUSED: [(&str, &str); 2] = [("budget_refused", "broke-"), ("prompt_blocked", "blocked-")];

/// How many calls each makes.
const CALLS: usize = 2;

/// How long the ledgers may take to have all rows.
const BOOKED_MAX: Duration = Duration::from_secs(20);

/// Results by their place in the table.
type Results = BTreeMap<(Row, String), Option<Value>>;

/// Fails each cell of these features of whose calls not just one request each came to a gateway.
pub(super) async fn weigh(results: &mut Results, doors: &[&Gateway]) -> Result<()> {
    let begin = |feature: &str| REFUSED.iter().find(|(refused, _)| *refused == feature).map(|(_, begin)| *begin);
    let cells = results.iter().filter(|(((_, _, feature), _), line)| begin(feature).is_some() && line.is_some());
    let (wanted, limit) = (cells.count() * CALLS, Instant::now() + BOOKED_MAX);
    let mut came = requests(doors).await?;
    while came.values().sum::<usize>() < wanted && Instant::now() < limit {
        tokio::time::sleep(Duration::from_millis(50)).await;
        came = requests(doors).await?;
    }
    for (((sdk, dialect, feature), provider), line) in results {
        let Some(begin) = begin(feature) else { continue };
        let came = came.get(&format!("{begin}{provider}-{sdk}-{dialect}")).copied().unwrap_or_default();
        if let Some(line) = line.as_mut().filter(|line| came != CALLS && line["ok"] == true) {
            line["ok"] = json!(false);
            line["detail"] = json!(format!("{came} requests came for {CALLS} calls that were refused"));
        }
    }
    Ok(())
}

/// How many requests came, by the model that they named.
async fn requests(doors: &[&Gateway]) -> Result<HashMap<String, usize>> {
    let mut came = HashMap::new();
    for door in doors {
        let rows = all_rows(&Client::new(door.base(), door.key()), door.admin()).await?;
        let models = rows.iter().filter_map(|row| row["asked"]["model"].as_str());
        for model in models.filter(|model| REFUSED.iter().any(|(_, begin)| model.starts_with(begin))) {
            *came.entry(model.to_owned()).or_default() += 1;
        }
    }
    Ok(came)
}
