//! Every feature that an AWS client has, in every dialect that it speaks, with an access key.

use super::Street;
use crate::prove::house::OFFERS;
use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The clients of AWS.
const SDKS: [&str; 4] = ["boto3", "aws-cli", "aws-js", "aws-rust"];

/// Where a result is: SDK, dialect, feature.
type Row = (String, String, String);

/// What came back, by SDK, dialect and feature, for each door.
type Results = BTreeMap<Row, BTreeMap<usize, Value>>;

/// Runs and shows them. (The matrix runs them with a bearer.)
pub(super) fn prove(street: &Street<'_>, tally: &mut Tally) -> Result<()> {
    let doors: Vec<usize> = (0..street.doors.len()).filter(|door| street.doors[*door].auth == "sigv4").collect();
    let mut plans = Vec::new();
    let mut results = Results::new();
    for sdk in SDKS {
        let cells = cells(&street.driver(sdk).offered[sdk], sdk);
        ensure!(!cells.is_empty(), "{sdk} offers nothing");
        for cell in &cells {
            results.insert(row(cell)?, BTreeMap::new());
        }
        let plan = |door: &usize| (*door, street.doors[*door].plan(street.certs, &cells));
        plans.push((sdk, doors.iter().map(plan).collect()));
    }
    for (door, line) in street.run(&plans)? {
        results.entry(row(&line)?).or_default().insert(door, line);
    }
    show(street, &doors, &results, tally);
    Ok(())
}

fn row(line: &Value) -> Result<Row> {
    Ok(serde_json::from_str(line["id"].as_str().unwrap_or_default())?)
}

fn cells(dialects: &Value, sdk: &str) -> Vec<Value> {
    let offer = OFFERS[0];
    let mut cells = Vec::new();
    for (dialect, features) in dialects.as_object().into_iter().flatten() {
        for feature in features.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let model = if dialect.ends_with("embeddings") { offer.embedding } else { None };
            cells.push(json!({
                "id": json!([sdk, dialect, feature]).to_string(), "sdk": sdk, "dialect": dialect, "feature": feature,
                "provider": offer.provider, "model": model.unwrap_or(offer.model),
            }));
        }
    }
    cells
}

fn show(street: &Street<'_>, doors: &[usize], results: &Results, tally: &mut Tally) {
    let names = doors.iter().map(|door| street.doors[*door].scheme);
    let mut table = Table::new(["with an access key", "dialect", "feature"].into_iter().chain(names));
    let mut own = Tally::default();
    for ((sdk, dialect, feature), cells) in results {
        let mut shown = vec![sdk.as_str(), dialect.as_str(), feature.as_str()];
        for door in doors {
            let line = cells.get(door);
            let ok = line.is_some_and(|line| line["ok"] == true);
            shown.push(if ok { "ok" } else { "FAILED" });
            let detail = line.map_or("it was not run", |line| line["detail"].as_str().unwrap_or_default());
            own.count(ok, format_args!("{sdk} {dialect} {feature} over {}: {detail}", street.doors[*door].scheme));
        }
        table.row(shown);
    }
    say(&table);
    own.failures.iter().for_each(say);
    tally.add(own);
}
