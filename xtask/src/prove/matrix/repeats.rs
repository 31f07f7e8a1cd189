//! Whether SDKs repeat a call that a budget has refused: the ledger has one row for each request that came.

use super::Row;
use crate::prove::house::all_rows;
use crate::running::Gateway;
use crate::wire::Client;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// The feature whose calls are refused, and how many it makes.
const FEATURE: &str = "budget_refused";
const CALLS: usize = 2;

/// How models begin for which there is no money. What follows names the cell.
const BROKE: &str = "broke-";

/// How long the ledgers may take to have all rows.
const BOOKED_MAX: Duration = Duration::from_secs(20);

/// Results by their place in the table.
type Results = BTreeMap<(Row, String), Option<Value>>;

/// Fails each cell of the feature of whose calls not just one request each came to a gateway.
pub(super) async fn weigh(results: &mut Results, doors: &[&Gateway]) -> Result<()> {
    let cells = results.iter().filter(|(((_, _, feature), _), line)| feature == FEATURE && line.is_some());
    let (wanted, limit) = (cells.count() * CALLS, Instant::now() + BOOKED_MAX);
    let mut came = requests(doors).await?;
    while came.values().sum::<usize>() < wanted && Instant::now() < limit {
        tokio::time::sleep(Duration::from_millis(50)).await;
        came = requests(doors).await?;
    }
    for (((sdk, dialect, feature), provider), line) in results {
        let came = came.get(&format!("{BROKE}{provider}-{sdk}-{dialect}")).copied().unwrap_or_default();
        if let Some(line) = line.as_mut().filter(|line| feature == FEATURE && came != CALLS && line["ok"] == true) {
            line["ok"] = json!(false);
            line["detail"] = json!(format!("{came} requests came for {CALLS} calls that a budget refused"));
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
        for model in models.filter(|model| model.starts_with(BROKE)) {
            *came.entry(model.to_owned()).or_default() += 1;
        }
    }
    Ok(came)
}
