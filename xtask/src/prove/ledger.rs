//! The ledger against the providers' own books: one row per call, every count, every nano-dollar.

use super::Length;
use super::findings::Findings;
use super::house::{House, OFFERS, Offer, cost};
use crate::setup;
use crate::shell::{root, sheltered};
use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use crate::wire::Client;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::Result;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tg_sim::{Counts, Ending, Entry};

/// Calls under way at once.
const CONCURRENT: usize = 32;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Fate {
    Whole,
    ProviderRefuses,
    BreaksOff,
    CallerLeaves,
    ModelUnknown,
    KeyUnknown,
}

struct Case {
    ask: Ask,
    fate: Fate,
}

/// What the caller knows afterwards.
struct Seen {
    fate: Fate,
    id: Option<String>,
    flaw: Option<String>,
}

/// Proves the claim.
///
/// # Errors
/// When it cannot be run.
pub async fn prove(program: &Path, length: Length) -> Result<Tally> {
    let calls = length.pick(10_000, 100_000);
    let house = House::start(program)?;
    let client = house.client();
    let seen: Vec<Seen> = stream::iter((0..calls).map(|number| play(client.clone(), case(number))))
        .buffer_unordered(CONCURRENT)
        .collect()
        .await;
    house.quiet().await?;
    let known = seen.iter().filter(|seen| seen.fate != Fate::KeyUnknown).count();
    let rows = house.rows(&client, known).await?;
    let mut findings = Findings::new();
    compare(&mut findings, &seen, &rows, &house.sim.books.entries());
    report(&mut findings, &house, &rows)?;
    let tally = findings.show();
    house.gateway.end()?;
    Ok(tally)
}

/// The case with this number: every dialect, provider and delivery in turn, and a fate for each.
fn case(number: usize) -> Case {
    let offer = OFFERS[number / 5 % OFFERS.len()];
    let mut fate = match number % 37 {
        3 | 21 => Fate::ProviderRefuses,
        7 => Fate::BreaksOff,
        11 => Fate::CallerLeaves,
        13 => Fate::ModelUnknown,
        17 => Fate::KeyUnknown,
        _ => Fate::Whole,
    };
    let streamed = number / 20 % 2 == 1 || matches!(fate, Fate::BreaksOff | Fate::CallerLeaves);
    let mut ask = Ask {
        dialect: Dialect::TALKING[number % Dialect::TALKING.len()],
        model: offer.model.to_owned(),
        prompt: String::new(),
        delivery: if streamed { Delivery::Streamed } else { Delivery::Plain },
        output_max: OUTPUT_MAX,
    };
    if let (0, Some(model)) = (number % 9, offer.embedding) {
        fate = Fate::Whole;
        ask = Ask { dialect: Dialect::Embeddings, model: model.to_owned(), delivery: Delivery::Plain, ..ask };
    }
    ask.prompt = prompt(number, offer, fate, ask.dialect);
    if fate == Fate::ModelUnknown {
        ask.model = "no-such-model".to_owned();
    }
    Case { ask, fate }
}

fn prompt(number: usize, offer: Offer, fate: Fate, dialect: Dialect) -> String {
    let text = format!("Call {number} of the proof, to be counted once. {}", "More words. ".repeat(number % 13));
    if dialect == Dialect::Embeddings {
        return text;
    }
    let tokens = 1 + number * 7 % 97;
    let cached = match (number / 40 % 4, offer.provider) {
        // It has no words for what it cached.
        (_, "compatible") => String::new(),
        (0, _) => format!("cache_read={}", 10 + number % 1000),
        (1, "bedrock" | "anthropic") => format!("cache_read=17 cache_write={}", number % 700),
        (2, "bedrock" | "anthropic") => format!("cache_write_1h={}", number % 900),
        _ => String::new(),
    };
    match fate {
        Fate::ProviderRefuses => format!("{text} [[sim: status={}]]", [400, 429, 500, 503][number % 4]),
        Fate::BreaksOff => format!("{text} [[sim: tokens=50 die_after={}]]", number % 20),
        Fate::CallerLeaves => format!("{text} [[sim: tokens=400 delay=10ms]]"),
        _ => format!("{text} [[sim: tokens={tokens} {cached}]]"),
    }
}

async fn play(client: Client, case: Case) -> Seen {
    let Case { ask, fate } = case;
    let client = if fate == Fate::KeyUnknown { client.with_key("tg_not_a_key") } else { client };
    let outcome = if fate == Fate::CallerLeaves { leave(&client, &ask).await } else { hear(&client, &ask, fate).await };
    let (id, flaw) = match outcome {
        Ok((id, fault)) => (id, fault.map(|fault| format!("{fate:?}: {fault}: {ask:?}"))),
        Err(error) => (None, Some(format!("{fate:?}: {error:#}: {ask:?}"))),
    };
    Seen { fate, id, flaw }
}

/// The id of a call, and what was not as it must be.
type Outcome = Result<(Option<String>, Option<String>)>;

async fn hear(client: &Client, ask: &Ask, fate: Fate) -> Outcome {
    let heard = client.call(ask).await?;
    let as_expected = match fate {
        Fate::Whole => heard.status == 200 && heard.complete,
        Fate::BreaksOff => !heard.complete,
        Fate::KeyUnknown => matches!(heard.status, 401 | 403),
        Fate::ProviderRefuses | Fate::ModelUnknown => heard.status >= 400,
        Fate::CallerLeaves => true,
    };
    let fault = (!as_expected).then(|| format!("status {}, complete: {}", heard.status, heard.complete));
    Ok((heard.id, fault))
}

async fn leave(client: &Client, ask: &Ask) -> Outcome {
    let mut hearing = client.stream(ask).await?;
    let heard = hearing.next().await.is_some() && hearing.next().await.is_some();
    Ok((hearing.id.clone(), (!heard).then(|| format!("status {}, no two events", hearing.status))))
}

fn compare(findings: &mut Findings, seen: &[Seen], rows: &[Value], entries: &[Entry]) {
    let flaws: Vec<String> = seen.iter().filter_map(|seen| seen.flaw.clone()).collect();
    findings.none("calls end as they must", seen.len(), &flaws);
    // Callers with a key have a row for every call; strangers have some, so that they cannot fill the disk.
    let (strangers, known): (Vec<&Seen>, Vec<&Seen>) = seen.iter().partition(|seen| seen.fate == Fate::KeyUnknown);
    let of_strangers = rows.iter().filter(|row| row["attribution"]["team"].is_null()).count();
    let of_known = rows.len() - of_strangers;
    findings.note("one ledger row per call", format_args!("{of_known} rows, {} calls", known.len()), {
        of_known == known.len()
    });
    findings.note(
        "some rows, and no more than calls, of strangers",
        format_args!("{of_strangers} rows, {} calls", strangers.len()),
        (1..=strangers.len()).contains(&of_strangers),
    );
    let mut by_id: HashMap<&str, &Value> = HashMap::new();
    let mut twice = Vec::new();
    for row in rows {
        let id = row["request_id"].as_str().unwrap_or_default();
        if by_id.insert(id, row).is_some() {
            twice.push(format!("{id} has two rows"));
        }
    }
    findings.none("rows have distinct ids", rows.len(), &twice);
    let told: Vec<&Seen> = known.into_iter().filter(|seen| seen.id.is_some()).collect();
    let lost = told.iter().filter(|seen| seen.id.as_deref().is_none_or(|id| !by_id.contains_key(id)));
    let lost: Vec<String> = lost.map(|seen| format!("{:?} {:?} has no row", seen.id, seen.fate)).collect();
    findings.none("ids that callers were told have a row", told.len(), &lost);
    let mut flaws = Vec::new();
    for entry in entries {
        let row = entry.gateway_request_id.as_deref().and_then(|id| by_id.get(id));
        flaws.extend(row_flaw(entry, row.copied()));
    }
    findings.none("rows agree with the providers' entries", entries.len(), &flaws);
    let served = rows.iter().filter(|row| !row["served"].is_null()).count();
    findings.note("calls that reached a provider", format_args!("{served} rows, {} entries", entries.len()), {
        served == entries.len()
    });
    sums(findings, rows, entries);
}

/// What is wrong with the row of a provider's entry.
fn row_flaw(entry: &Entry, row: Option<&Value>) -> Option<String> {
    let Some(row) = row else { return Some(format!("no row for {entry:?}")) };
    let source = row["usage_source"].as_str().unwrap_or_default();
    let fits = match entry.ending {
        Ending::Complete => {
            source == "reported" && counts(row) == entry.counts && Some(nanos(row)) == cost(&entry.model, &entry.counts)
        }
        Ending::Refused => source == "none" && nanos(row) == 0,
        // What was used so far, at its price, and marked.
        Ending::Broken | Ending::CallerGone => {
            source == "estimated" && Some(nanos(row)) == cost(&entry.model, &counts(row)) && nanos(row) > 0
        }
    };
    let detail = || format!("row {row} for entry {:?} {:?} {:?}", entry.ending, entry.model, entry.counts);
    (!fits).then(detail)
}

/// Sums of the calls that a provider completed, by model.
fn sums(findings: &mut Findings, rows: &[Value], entries: &[Entry]) {
    let mut theirs: BTreeMap<&str, (u64, Counts, i128)> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.ending == Ending::Complete) {
        let sum = theirs.entry(&entry.model).or_default();
        sum.0 += 1;
        sum.1.add(&entry.counts);
        sum.2 += cost(&entry.model, &entry.counts).unwrap_or_default();
    }
    let mut ours: BTreeMap<&str, (u64, Counts, i128)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row["usage_source"] == "reported") {
        let sum = ours.entry(row["served"]["model"].as_str().unwrap_or_default()).or_default();
        sum.0 += 1;
        sum.1.add(&counts(row));
        sum.2 += nanos(row);
    }
    let head =
        ["model", "calls", "input", "cache read", "cache write", "output", "providers (nano-USD)", "ledger (nano-USD)"];
    let mut table = Table::new(head);
    for (model, (calls, counts, amount)) in &theirs {
        let ledger = ours.get(model).map_or(0, |sum| sum.2);
        let figures = [*calls, counts.input, counts.cache_read, counts.cache_write(), counts.output];
        let mut row = vec![(*model).to_owned()];
        row.extend(figures.iter().map(ToString::to_string));
        row.extend([amount.to_string(), ledger.to_string()]);
        table.row(row);
        let same = ours.get(model) == theirs.get(model);
        findings.note(
            format_args!("tokens and cost of {model}"),
            format_args!("{} nano-USD apart", ledger - amount),
            same,
        );
    }
    say(&table);
    findings.note(
        "no model beside these",
        format_args!("{} and {}", ours.len(), theirs.len()),
        ours.len() == theirs.len(),
    );
}

/// The command line's report against the rows.
fn report(findings: &mut Findings, house: &House, rows: &[Value]) -> Result<()> {
    let program = std::fs::read_link(format!("/proc/{}/exe", house.gateway.pid()))?;
    let mut command = sheltered(program, ["report", "--by", "model", "--format", "json", "--store"]);
    let output = command.arg(house.gateway.store()).output()?;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let said = report.pointer("/totals/cost/nanos").and_then(Value::as_i64).map(i128::from);
    let sum: i128 = rows.iter().map(nanos).sum();
    let seen = format!("{said:?} and {sum} nano-USD");
    findings.note("`tallygate report` adds up to the rows", seen, said == Some(sum));
    focus(findings, house, rows)
}

/// The export for cost tools, as Arrow reads it, against the rows.
fn focus(findings: &mut Findings, house: &House, rows: &[Value]) -> Result<()> {
    let program = std::fs::read_link(format!("/proc/{}/exe", house.gateway.pid()))?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("focus.parquet");
    let mut command = sheltered(program, ["report", "--format", "focus-parquet", "--store"]);
    let exported = command.arg(house.gateway.store()).arg("--output").arg(&file).output()?;
    let mut read = sheltered(setup::python(), ["tests/sdk/python/focus.py"]);
    let read = read.arg(&file).current_dir(root()).output()?;
    let said: Value = serde_json::from_slice(&read.stdout).unwrap_or_default();
    let billed = said["billed_picos"].as_str().unwrap_or_default().to_owned();
    let sum: i128 = rows.iter().map(nanos).sum::<i128>() * 1000;
    let seen = format!(
        "{billed} and {sum} pico-USD in {} rows{}{}",
        said["rows"],
        String::from_utf8_lossy(&exported.stderr),
        String::from_utf8_lossy(&read.stderr)
    );
    findings.note("the FOCUS export adds up to the rows, as Arrow reads it", seen, billed == sum.to_string());
    Ok(())
}

pub(super) fn counts(row: &Value) -> Counts {
    let count = |name: &str| row["usage"][name].as_u64().unwrap_or_default();
    Counts {
        input: count("input_tokens"),
        cache_read: count("cache_read_tokens"),
        cache_write_5m: count("cache_write_5m_tokens"),
        cache_write_1h: count("cache_write_1h_tokens"),
        output: count("output_tokens"),
        reasoning: count("reasoning_tokens"),
    }
}

pub(super) fn nanos(row: &Value) -> i128 {
    row["cost"]["nanos"].as_i64().map_or(0, i128::from)
}
