//! The providers' books against the ledger, after each restart and at the end.

use super::callers::Told;
use crate::prove::findings::Findings;
use crate::prove::house::cost;
use crate::prove::ledger::{counts, nanos};
use crate::table::Table;
use crate::terminal::say;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use tg_sim::{Ending, Entry};

/// What was lost or doubled.
#[derive(Debug, Default)]
pub struct Books {
    /// Calls that a provider saw and the ledger does not have.
    pub missing: usize,
    /// Rows or calls that are there twice.
    pub doubled: usize,
}

/// Compares everything; notes what holds.
pub fn compare(findings: &mut Findings, entries: &[Entry], rows: &[Value], told: &[Told]) -> Books {
    let mut by_id: HashMap<&str, &Value> = HashMap::new();
    let mut doubled = Vec::new();
    for row in rows {
        let id = row["request_id"].as_str().unwrap_or_default();
        if by_id.insert(id, row).is_some() {
            doubled.push(format!("{id} has two rows"));
        }
    }
    let mut seen = HashSet::new();
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for entry in entries {
        let id = entry.gateway_request_id.as_deref().unwrap_or_default();
        if !seen.insert(id) {
            doubled.push(format!("{id} came to a provider twice"));
        }
        match by_id.get(id) {
            None => missing.push(format!("no row for {entry:?}")),
            Some(row) => wrong.extend(flaw(entry, row)),
        }
    }
    findings.none("calls that a provider saw have a row", entries.len(), &missing);
    findings.none("no row and no call is there twice", rows.len(), &doubled);
    findings.none("rows say what the providers counted, or that they are estimates", entries.len(), &wrong);
    let unseen = rows.iter().filter(|row| !row["served"].is_null());
    let unseen = unseen.filter(|row| row["request_id"].as_str().is_none_or(|id| !seen.contains(id)));
    let (good, cut): (Vec<&Value>, Vec<&Value>) = unseen.partition(|row| row["ending"] == "ok");
    let invented: Vec<String> = good.iter().map(|row| format!("no provider knows {row}")).collect();
    findings.none("calls that went well are known to a provider", rows.len(), &invented);
    findings.tell("left, and cut on the way to a provider", cut.len());
    let refused = told.iter().filter(|told| matches!(told.status, 503 | 529)).count();
    findings.tell("answers with 503 or 529: scripted, or for the journal", refused);
    let answered: Vec<&Told> = told.iter().filter(|told| told.status == 200).collect();
    let lost = answered.iter().filter(|told| !by_id.contains_key(told.id.as_str()));
    let lost: Vec<String> = lost.map(|told| format!("{told:?} has no row")).collect();
    findings.none("calls that were answered have a row", answered.len(), &lost);
    let mut unsure: BTreeMap<&str, usize> = BTreeMap::new();
    for told in answered.iter().filter(|told| told.whole) {
        let ending = by_id.get(told.id.as_str()).and_then(|row| row["ending"].as_str());
        *unsure.entry(ending.filter(|ending| *ending != "ok").unwrap_or_default()).or_default() += 1;
    }
    unsure.remove("");
    findings.tell("heard to the end, and booked with an estimate", format_args!("{unsure:?}"));
    endings(rows);
    money(findings, entries, &by_id);
    Books { missing: missing.len().max(lost.len()), doubled: doubled.len() }
}

/// What is wrong with the row of a provider's entry.
fn flaw(entry: &Entry, row: &Value) -> Option<String> {
    let agrees = counts(row) == entry.counts && Some(nanos(row)) == cost(&entry.model, &entry.counts);
    let is_ok = row["ending"] == "ok";
    let fits = match row["usage_source"].as_str() {
        // The provider's own words. They are those of the whole answer, whatever came of it.
        Some("reported") => agrees,
        Some("estimated") => !is_ok && Some(nanos(row)) == cost(&entry.model, &counts(row)) && nanos(row) > 0,
        _ => entry.ending == Ending::Refused && nanos(row) == 0 && !is_ok,
    };
    let fits = fits && (!is_ok || entry.ending == Ending::Complete || agrees);
    (!fits).then(|| format!("row {row} for entry {:?} {:?} {:?}", entry.ending, entry.model, entry.counts))
}

/// How the calls ended, as the ledger has it.
fn endings(rows: &[Value]) {
    let mut by_ending: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in rows {
        let word = |name: &str| row[name].as_str().unwrap_or_default();
        *by_ending.entry((word("ending"), word("usage_source"))).or_default() += 1;
    }
    let mut table = Table::new(["ending", "usage", "calls"]);
    for ((ending, source), calls) in by_ending {
        table.row([ending.to_owned(), source.to_owned(), calls.to_string()]);
    }
    say(&table);
}

/// What the providers would bill, and what the ledger has of it.
fn money(findings: &mut Findings, entries: &[Entry], by_id: &HashMap<&str, &Value>) {
    let (mut theirs, mut ours) = (0, 0);
    for entry in entries.iter().filter(|entry| entry.ending == Ending::Complete) {
        let row = entry.gateway_request_id.as_deref().and_then(|id| by_id.get(id));
        if let Some(row) = row.filter(|row| row["usage_source"] == "reported") {
            theirs += cost(&entry.model, &entry.counts).unwrap_or_default();
            ours += nanos(row);
        }
    }
    let seen = format!("{theirs} and {ours} nano-USD");
    findings.note("what providers bill for calls whose end was seen is what the ledger has", seen, theirs == ours);
}
