//! Every official SDK × dialect × feature × provider, through the real gateway on plain and on TLS connections.

mod repeats;
mod replays;

use super::house::{House, OFFERS, Offer};
use super::sdks::{Certs, Sdks};
use super::{Length, block_on};
use crate::running::redis::Redis;
use crate::running::{Gateway, Premises};
use crate::setup;
use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

/// A cell that cannot be as elsewhere, and the words by which its SDK must then fail.
struct Exception {
    dialects: &'static [&'static str],
    features: &'static [&'static str],
    provider: &'static str,
    words: &'static str,
}

/// All of them. Everything else must work.
const EXCEPTIONS: [Exception; 9] = [
    // Files are no part of what compatible servers take; the server says so.
    exception(
        &["chat", "responses", "messages", "converse", "invoke"],
        &["document"],
        "compatible",
        "one of text, image_url",
    ),
    // Anthropic has no embeddings.
    exception(&["embeddings"], &["embeddings", replays::FEATURE], "anthropic", "does not serve embeddings"),
    // Titan embeds one text in each call; the feature asks for three.
    exception(&["embeddings"], &["embeddings"], "bedrock", "one text in each call"),
    // A body of InvokeModel is the model's own; only Claude's is known elsewhere.
    exception(&["invoke_embeddings"], &["embeddings", replays::FEATURE], "anthropic", CLAUDE_ONLY),
    exception(&["invoke_embeddings"], &["embeddings", replays::FEATURE], "openai", CLAUDE_ONLY),
    exception(&["invoke_embeddings"], &["embeddings", replays::FEATURE], "compatible", CLAUDE_ONLY),
    // Only Bedrock has invocations that answer later.
    exception(&["async_invoke"], &["async_invoke"], "anthropic", "does not serve async_invoke"),
    exception(&["async_invoke"], &["async_invoke"], "openai", "does not serve async_invoke"),
    exception(&["async_invoke"], &["async_invoke"], "compatible", "does not serve async_invoke"),
];

/// What is said of a body of InvokeModel that is not Claude's.
const CLAUDE_ONLY: &str = "Only InvokeModel bodies for Anthropic Claude";

const fn exception(
    dialects: &'static [&'static str],
    features: &'static [&'static str],
    provider: &'static str,
    words: &'static str,
) -> Exception {
    Exception { dialects, features, provider, words }
}

/// Features that are run over TLS, too, by SDKs that otherwise use a plain connection.
const OVER_TLS: [&str; 2] = ["plain", "stream"];

/// The SDK that uses TLS for everything: it sends a bearer over nothing else.
const TLS_ONLY: &str = "boto3";

/// A client, a dialect and a feature that say something of Bedrock alone: `cargo xtask prove bedrock` runs them.
const BEDROCK_ALONE: [&str; 3] = ["aws-cli", "guardrail", "stream_exceptions"];

/// Where a table's row is: SDK, dialect, feature.
type Row = (String, String, String);

/// How a cell came out.
struct Cell {
    passed: bool,
    shown: &'static str,
    detail: String,
}

/// Proves the claim. Both lengths are the same: the matrix has no shorter form that would be a proof.
///
/// # Errors
/// When it cannot be run.
pub fn prove(program: &Path, _: Length) -> Result<Tally> {
    setup::everything()?;
    let house = House::start(program)?;
    let certs = Certs::make(program)?;
    let tls = house.beside(&certs.listen())?;
    let premises = Premises::take()?;
    let redis = Redis::start(&premises)?;
    let sharing = house.sharing(&certs.listen(), redis.port())?;
    let doors = Doors { plain: &house.gateway, tls: &tls, sharing: &sharing, certs: &certs };
    let clients = [("Python", Sdks::python()?), ("Node", Sdks::node()?)];
    let outputs: Vec<Result<Vec<Value>>> = thread::scope(|scope| {
        let started: Vec<_> = clients.iter().map(|(_, client)| scope.spawn(|| run(client, &doors))).collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| bail!("a client's thread panicked")))
            .collect()
    });
    let mut results = BTreeMap::new();
    for ((language, client), output) in clients.iter().zip(outputs) {
        let output = output?;
        let wanted = cells(client, &doors).len();
        if output.len() != wanted {
            say(format_args!("{} of {wanted} cells came back", output.len()));
            results.insert((("client".to_owned(), (*language).to_owned(), String::new()), "bedrock".to_owned()), None);
        }
        for line in output {
            results.insert(place(&line)?, Some(line));
        }
    }
    block_on(repeats::weigh(&mut results, &[&house.gateway, &tls]))?;
    block_on(replays::weigh(&mut results, &doors, &house.sim))?;
    let tally = show(results);
    sharing.end()?;
    tls.end()?;
    house.gateway.end()?;
    Ok(tally)
}

/// The gateways, and how callers trust those with TLS: the third keeps answers in Redis.
struct Doors<'a> {
    plain: &'a Gateway,
    tls: &'a Gateway,
    sharing: &'a Gateway,
    certs: &'a Certs,
}

fn run(client: &Sdks, doors: &Doors<'_>) -> Result<Vec<Value>> {
    let plan = json!({
        "base_url": doors.plain.base(), "https_base_url": doors.tls.base(), "ca": doors.certs.ca,
        "key": doors.plain.key(), "aws": { "auth": "bearer", "region": "us-east-1" }, "cells": cells(client, doors),
    });
    client.drive(&plan, &doors.certs.ca)
}

fn cells(client: &Sdks, doors: &Doors<'_>) -> Vec<Value> {
    let mut cells = Vec::new();
    for (sdk, dialects) in client.offered.as_object().into_iter().flatten() {
        for (dialect, features) in dialects.as_object().into_iter().flatten() {
            for feature in features.as_array().into_iter().flatten().filter_map(Value::as_str) {
                if [sdk, dialect, feature].iter().any(|word| BEDROCK_ALONE.contains(word)) {
                    continue;
                }
                for offer in OFFERS {
                    let way = Way { sdk, dialect, feature, offer };
                    cells.extend(way.cells(doors));
                }
            }
        }
    }
    cells
}

/// A cell before it is known over which door it goes.
struct Way<'a> {
    sdk: &'a str,
    dialect: &'a str,
    feature: &'a str,
    offer: Offer,
}

impl Way<'_> {
    fn cells(&self, doors: &Doors<'_>) -> Vec<Value> {
        let mut cells = Vec::new();
        if self.feature == replays::FEATURE && self.offer.provider == replays::SHARED_OF {
            let mut cell = self.cell(replays::SHARED, doors.sharing);
            // What is kept there is there a moment after its call has ended.
            cell["again"] = json!(replays::TIMES);
            cells.push(cell);
        }
        if self.sdk == TLS_ONLY {
            cells.push(self.cell(self.feature, doors.tls));
            return cells;
        }
        cells.push(self.cell(self.feature, doors.plain));
        if OVER_TLS.contains(&self.feature) {
            cells.push(self.cell(&format!("{} (TLS)", self.feature), doors.tls));
        }
        cells
    }

    fn cell(&self, shown: &str, door: &Gateway) -> Value {
        let embeds = self.dialect.ends_with("embeddings");
        let model = if embeds { self.offer.embedding.unwrap_or(self.offer.model) } else { self.offer.model };
        let Self { sdk, dialect, feature, offer } = self;
        json!({
            "id": json!([sdk, dialect, shown, offer.provider]).to_string(),
            "sdk": sdk, "dialect": dialect, "feature": feature, "provider": offer.provider, "model": model,
            "base_url": door.base(), "https_base_url": door.base(), "key": door.key(),
        })
    }
}

/// Where a result belongs: its row and its column.
fn place(line: &Value) -> Result<(Row, String)> {
    let id = line["id"].as_str().unwrap_or_default();
    let (sdk, dialect, feature, provider) = serde_json::from_str(id).with_context(|| format!("a result for {id:?}"))?;
    Ok(((sdk, dialect, feature), provider))
}

fn judge(row: &Row, provider: &str, result: Option<&Value>) -> Cell {
    let Some(result) = result else {
        return Cell { passed: false, shown: "MISSING", detail: "the client did not run it".to_owned() };
    };
    let detail = result["detail"].as_str().unwrap_or_default().to_owned();
    let (_, dialect, feature) = row;
    let exception = EXCEPTIONS.iter().find(|exception| {
        exception.provider == provider
            && exception.dialects.contains(&dialect.as_str())
            && exception.features.contains(&feature.split(" (").next().unwrap_or_default())
    });
    match (result["ok"] == true, exception) {
        (true, None) => Cell { passed: true, shown: "ok", detail },
        (false, Some(exception)) if detail.contains(exception.words) => Cell { passed: true, shown: "refused", detail },
        (false, _) => Cell { passed: false, shown: "FAILED", detail },
        (true, Some(_)) => Cell { passed: false, shown: "WORKS", detail: "it is listed as an exception".to_owned() },
    }
}

fn show(results: BTreeMap<(Row, String), Option<Value>>) -> Tally {
    let mut tally = Tally::default();
    let mut rows: BTreeMap<Row, BTreeMap<String, Cell>> = BTreeMap::new();
    for ((row, provider), result) in results {
        let cell = judge(&row, &provider, result.as_ref());
        let (sdk, dialect, feature) = &row;
        tally.count(cell.passed, format_args!("{sdk} {dialect} {feature} on {provider}: {}", cell.detail));
        rows.entry(row).or_default().insert(provider, cell);
    }
    let providers = OFFERS.map(|offer| offer.provider);
    let mut table = Table::new(["SDK", "dialect", "feature"].into_iter().chain(providers));
    for ((sdk, dialect, feature), cells) in &rows {
        let shown = providers.map(|provider| cells.get(provider).map_or("", |cell| cell.shown));
        table.row([sdk, dialect, feature].map(String::as_str).into_iter().chain(shown));
    }
    say(&table);
    tally.failures.iter().for_each(say);
    say(format_args!("{} cells hold, {} do not", tally.passed, tally.failed()));
    tally
}
