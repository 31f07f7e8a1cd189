//! Bedrock's compatible surfaces, by the SDKs that they are compatible with: at the runtime and at the mantle endpoint.

use super::Street;
use crate::prove::findings::Findings;
use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tg_sim::{Operation, Personality};

/// A surface: whose dialect it speaks, where it is, and a model that it serves.
struct Surface {
    shown: &'static str,
    dialect: &'static str,
    sdks: [&'static str; 2],
    model: &'static str,
    at: (Personality, Operation),
}

const OPENAI: [&str; 2] = ["openai-py", "openai-node"];
const ANTHROPIC: [&str; 2] = ["anthropic-py", "anthropic-node"];

const SURFACES: [Surface; 6] = [
    Surface {
        shown: "runtime, Chat Completions",
        dialect: "chat",
        sdks: OPENAI,
        model: "us.openai.gpt-6-luna",
        at: (Personality::Bedrock, Operation::ChatCompletions),
    },
    Surface {
        shown: "runtime, Responses",
        dialect: "responses",
        sdks: OPENAI,
        model: "us.openai.gpt-6-luna",
        at: (Personality::Bedrock, Operation::Responses),
    },
    Surface {
        shown: "runtime, Messages",
        dialect: "messages",
        sdks: ANTHROPIC,
        model: "us.anthropic.claude-opus-5-5",
        at: (Personality::Bedrock, Operation::Messages),
    },
    Surface {
        shown: "mantle, Chat Completions",
        dialect: "chat",
        sdks: OPENAI,
        model: "openai.gpt-oss-20b",
        at: (Personality::Mantle, Operation::ChatCompletions),
    },
    Surface {
        shown: "mantle, Responses",
        dialect: "responses",
        sdks: OPENAI,
        model: "google.gemma-4-31b",
        at: (Personality::Mantle, Operation::Responses),
    },
    Surface {
        shown: "mantle, Messages",
        dialect: "messages",
        sdks: ANTHROPIC,
        model: "anthropic.claude-opus-5-5",
        at: (Personality::Mantle, Operation::Messages),
    },
];

/// Features, and whether each is a stream.
const FEATURES: [(&str, bool); 2] = [("plain", false), ("stream", true)];

/// Where a result is: the SDK, the surface's number, the feature.
type Place = (String, usize, String);

/// Runs and shows them.
pub(super) fn prove(street: &Street<'_>, tally: &mut Tally) -> Result<()> {
    street.house.sim.books.reset();
    let door = street.doors.iter().position(|door| door.auth == "bearer" && door.scheme == "http");
    let door = door.context("there is no plain door")?;
    let mut plans = Vec::new();
    for sdk in OPENAI.into_iter().chain(ANTHROPIC) {
        plans.push((sdk, vec![(door, street.doors[door].plan(street.certs, &cells(sdk)))]));
    }
    let mut results: BTreeMap<Place, Value> = BTreeMap::new();
    for (_, line) in street.run(&plans)? {
        results.insert(serde_json::from_str(line["id"].as_str().unwrap_or_default())?, line);
    }
    show(&results, tally);
    tally.add(seen(street));
    Ok(())
}

fn cells(sdk: &str) -> Vec<Value> {
    let mut cells = Vec::new();
    for (number, surface) in SURFACES.iter().enumerate().filter(|(_, surface)| surface.sdks.contains(&sdk)) {
        for (feature, _) in FEATURES {
            cells.push(json!({
                "id": json!([sdk, number, feature]).to_string(), "sdk": sdk, "dialect": surface.dialect,
                "feature": feature, "provider": "bedrock", "model": surface.model,
            }));
        }
    }
    cells
}

fn show(results: &BTreeMap<Place, Value>, tally: &mut Tally) {
    let mut table =
        Table::new(["surface of Bedrock", "client"].into_iter().chain(FEATURES.map(|(feature, _)| feature)));
    let mut own = Tally::default();
    for (number, surface) in SURFACES.iter().enumerate() {
        for sdk in surface.sdks {
            let mut row = vec![surface.shown, sdk];
            for (feature, _) in FEATURES {
                let line = results.get(&(sdk.to_owned(), number, feature.to_owned()));
                let ok = line.is_some_and(|line| line["ok"] == true);
                row.push(if ok { "ok" } else { "FAILED" });
                let detail = line.map_or("it was not run", |line| line["detail"].as_str().unwrap_or_default());
                own.count(ok, format_args!("{sdk} {feature} ({}): {detail}", surface.shown));
            }
            table.row(row);
        }
    }
    say(&table);
    own.failures.iter().for_each(say);
    tally.add(own);
}

/// Each call went to its surface, by the provider's own books, and to nothing else.
fn seen(street: &Street<'_>) -> Tally {
    let mut findings = Findings::new();
    let entries = street.house.sim.books.entries();
    let wanted = SURFACES[0].sdks.len();
    for surface in &SURFACES {
        let here = entries.iter().filter(|entry| {
            (entry.personality, entry.operation) == surface.at && entry.model == surface.model && entry.status == 200
        });
        let (streamed, plain): (Vec<_>, Vec<_>) = here.partition(|entry| entry.streamed);
        findings.note(
            format_args!("Bedrock served {} there: {}", surface.model, surface.shown),
            format_args!("{} plain, {} streamed", plain.len(), streamed.len()),
            plain.len() == wanted && streamed.len() == wanted,
        );
    }
    let all = SURFACES.len() * FEATURES.len() * wanted;
    findings.note("and nothing else", format_args!("{} calls of {all}", entries.len()), entries.len() == all);
    findings.show()
}
