//! Each official client × operation × way in, under every form of a model's name, and what Bedrock then saw.

use super::{Door, Street};
use crate::prove::block_on;
use crate::prove::findings::Findings;
use crate::prove::house::OFFERS;
use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use anyhow::{Context as _, Result, ensure};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CLIENTS: [&str; 6] = ["boto3", "aws-cli", "aws-js", "aws-rust", "anthropic-bedrock-py", "anthropic-bedrock-node"];

/// Operations: their name, and the dialect and feature that call them.
const OPERATIONS: [(&str, &str, &str); 6] = [
    ("Converse", "converse", "plain"),
    ("ConverseStream", "converse", "stream"),
    ("InvokeModel", "invoke", "plain"),
    ("InvokeModelWithResponseStream", "invoke", "stream"),
    ("CountTokens", "converse", "count_tokens"),
    ("ApplyGuardrail", "guardrail", "guardrail"),
];

/// Whether a client is known to have no such operation; every other it must have.
fn lacks(client: &str, operation: &str) -> bool {
    match client {
        "aws-cli" => operation.ends_with("Stream"),
        "anthropic-bedrock-py" | "anthropic-bedrock-node" => !operation.starts_with("InvokeModel"),
        _ => false,
    }
}

/// The client that sends no bearer over a plain connection, and what it says instead.
const TLS_FOR_BEARER: &str = "boto3";
const REFUSAL: &str = "Bearer authorization requires an HTTPS endpoint";

/// Where a cell is: client, operation, the model's name.
type Place = (String, String, String);

/// Runs and shows them.
pub(super) fn prove(street: &Street<'_>, tally: &mut Tally) -> Result<()> {
    let names = names(street)?;
    street.house.sim.books.reset();
    let mut plans = Vec::new();
    let mut wanted = BTreeMap::new();
    for client in CLIENTS {
        let cells = cells(street, client, &names);
        ensure!(!cells.is_empty(), "{client} offers nothing");
        for cell in &cells {
            wanted.insert(place(cell)?, ());
        }
        let plan = |(number, door): (usize, &Door<'_>)| (number, door.plan(street.certs, &cells));
        plans.push((client, street.doors.iter().enumerate().map(plan).collect()));
    }
    let mut results: BTreeMap<(Place, usize), Value> = BTreeMap::new();
    for (door, line) in street.run(&plans)? {
        results.insert((place(&line)?, door), line);
    }
    show(street, &wanted, &results, tally);
    tally.add(seen(street, &names, &results)?);
    Ok(())
}

/// The forms of a model's name.
fn names(street: &Street<'_>) -> Result<[(&'static str, String); 4]> {
    let profile = OFFERS[0].model;
    let bare = profile.strip_prefix("us.").context("the offered model is that of a profile")?;
    Ok([
        ("model id", bare.to_owned()),
        ("profile id", profile.to_owned()),
        ("model ARN", format!("arn:aws:bedrock:us-east-1::foundation-model/{bare}")),
        ("application profile ARN", make_profile(street, profile)?),
    ])
}

/// Makes an application inference profile in the simulated account.
fn make_profile(street: &Street<'_>, model: &str) -> Result<String> {
    let source = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{model}");
    let body = json!({ "inferenceProfileName": "proof", "modelSource": { "copyFrom": source }, "tags": [] });
    let request = Request::post(format!("{}/inference-profiles", street.house.sim.urls.bedrock_control))
        .header("authorization", format!("Bearer {}", tg_sim::DEFAULT_KEY))
        .header("content-type", "application/json")
        .body(Full::<bytes::Bytes>::from(body.to_string()))?;
    block_on(async {
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let builder = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
        let answer = builder.build(connector).request(request).await?.into_body().collect().await?.to_bytes();
        let made: Value = serde_json::from_slice(&answer)?;
        made["inferenceProfileArn"].as_str().map(str::to_owned).with_context(|| made.to_string())
    })
}

fn cells(street: &Street<'_>, client: &str, names: &[(&str, String)]) -> Vec<Value> {
    let offered = &street.driver(client).offered[client];
    let mut cells = Vec::new();
    for (operation, dialect, feature) in OPERATIONS {
        let features = offered[dialect].as_array();
        if !features.is_some_and(|features| features.iter().any(|offered| offered == feature)) {
            continue;
        }
        // A guardrail is named by itself, and what a name's form changes is the same for a count.
        let names = if feature == "plain" || feature == "stream" { names } else { &names[1..2] };
        for (form, model) in names {
            cells.push(json!({
                "id": json!([client, operation, form]).to_string(), "sdk": client, "dialect": dialect,
                "feature": feature, "provider": "bedrock", "model": model,
            }));
        }
    }
    cells
}

fn place(line: &Value) -> Result<Place> {
    Ok(serde_json::from_str(line["id"].as_str().unwrap_or_default())?)
}

/// What came of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Served,
    /// The client itself refuses to call so, as it is known to.
    Refused,
    Failed,
}

fn came(client: &str, door: &Door<'_>, line: Option<&Value>) -> Came {
    let refuses = client == TLS_FOR_BEARER && door.auth == "bearer" && door.scheme == "http";
    let detail = line.and_then(|line| line["detail"].as_str()).unwrap_or_default();
    match line {
        Some(line) if line["ok"] == true && !refuses => Came::Served,
        Some(_) if refuses && detail.contains(REFUSAL) => Came::Refused,
        _ => Came::Failed,
    }
}

fn show(
    street: &Street<'_>,
    wanted: &BTreeMap<Place, ()>,
    results: &BTreeMap<(Place, usize), Value>,
    tally: &mut Tally,
) {
    let doors = street.doors.iter().map(|door| door.name.clone());
    let mut table = Table::new(["client".to_owned(), "operation".to_owned()].into_iter().chain(doors));
    let mut own = Tally::default();
    for client in CLIENTS {
        for (operation, ..) in OPERATIONS {
            let places: Vec<&Place> = wanted.keys().filter(|(c, o, _)| c == client && o == operation).collect();
            if places.is_empty() {
                if !lacks(client, operation) {
                    own.count(false, format_args!("{client} does not offer {operation}"));
                }
                continue;
            }
            let mut row = vec![client.to_owned(), operation.to_owned()];
            for (number, door) in street.doors.iter().enumerate() {
                let mut counts = [0, 0];
                for place in &places {
                    let line = results.get(&((*place).clone(), number));
                    let came = came(client, door, line);
                    counts[0] += usize::from(came == Came::Served);
                    counts[1] += usize::from(came == Came::Refused);
                    let detail = line.map_or("it was not run", |line| line["detail"].as_str().unwrap_or_default());
                    let what = format_args!("{client} {operation} {} by {}: {detail}", place.2, door.name);
                    own.count(came != Came::Failed, what);
                }
                row.push(match counts {
                    [0, refused] if refused == places.len() => "the client refuses".to_owned(),
                    [served, _] if served == places.len() && served == 1 => "ok".to_owned(),
                    [served, _] if served == places.len() => format!("ok: {served} names"),
                    [served, _] => format!("{served} of {}", places.len()),
                });
            }
            table.row(row);
        }
    }
    say(&table);
    own.failures.iter().for_each(say);
    tally.add(own);
}

/// Bedrock was named the model as the client named it, as often as the client called.
fn seen(street: &Street<'_>, names: &[(&str, String)], results: &BTreeMap<(Place, usize), Value>) -> Result<Tally> {
    let mut findings = Findings::new();
    let entries = street.house.sim.books.entries();
    for (form, model) in names {
        let called = results.iter().filter(|(((_, operation, of), _), line)| {
            of == form && operation != "ApplyGuardrail" && line["ok"] == true
        });
        let called = called.count();
        let seen = entries.iter().filter(|entry| entry.status == 200 && entry.model == *model).count();
        let claim = format!("Bedrock sees the {form} as the client wrote it");
        findings.note(claim, format_args!("{seen} of {called} calls"), seen == called && called > 0);
    }
    Ok(findings.show())
}
