//! `tallygate guard replay`: what a changed policy would make of calls that were recorded.

use super::Format;
use super::recordings::{each_call, files, marks};
use crate::commands::table::{Listing, or_dash, pretty};
use crate::commands::terminal::say;
use crate::guardrails;
use crate::source::Source;
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tg_config::document::Document;
use tg_config::secrets::Secrets;
use tg_kernel::guarded::Verdict;
use tg_policy::guard::{Guards, Recorded, Replayed, Subject};

/// Most calls that are shown; all are counted.
const SHOWN_MAX: usize = 10_000;

/// Which policy, and which calls.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The configuration with the changed policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Files of a recording; `-` for standard input. Without any: those in the policy's `recording.folder`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the recording is, with its marks, in place of the policy's `recording.folder`
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Show also calls of which the same comes
    #[arg(long)]
    all: bool,
    /// How to show them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What is told.
#[derive(Debug, Default, Serialize)]
struct Page {
    totals: Totals,
    calls: Vec<Row>,
}

/// How many calls.
#[derive(Debug, Default, Serialize)]
struct Totals {
    calls: u64,
    same: u64,
    newly_blocked: u64,
    no_longer_blocked: u64,
    /// They go to another model, and did not.
    newly_rerouted: u64,
    no_longer_rerouted: u64,
    newly_changed: u64,
    no_longer_changed: u64,
    /// The same comes of them, by other rules.
    other_rules: u64,
    /// A rule was wrong about them, and the policy still stops or changes them by it.
    false_positives_left: u64,
    /// A rule was wrong about them, and the policy does not stop or change them by it.
    false_positives_gone: u64,
}

/// A call.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    at: String,
    team: String,
    model: String,
    before: Outcome,
    after: Outcome,
    /// The rules that were marked as wrong about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    false_positives: Vec<String>,
    /// Of those, the ones by which the policy still stops or changes it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    verdict: &'static str,
    rules: Vec<String>,
}

impl From<Replayed> for Outcome {
    fn from(replayed: Replayed) -> Self {
        Self { verdict: replayed.verdict.as_str(), rules: replayed.rules }
    }
}

impl Replay {
    /// Whether the same comes of all calls.
    pub(super) fn run(self) -> Result<bool> {
        let document = Source::choose(Some(self.policy.clone())).document()?;
        let guards = guardrails::compile(&document, &Secrets::standing_in(&document))?;
        let folder = self.folder.clone().or_else(|| folder_of(&document));
        let sources = match (self.files.as_slice(), &folder) {
            ([], Some(folder)) => files(folder)?,
            ([], None) => {
                bail!(
                    "nothing to replay: name files of a recording, or a folder (`--folder`), or set `recording.folder` in the policy"
                )
            }
            (named, _) => named.to_vec(),
        };
        let marks = folder.as_deref().map(marks).transpose()?.unwrap_or_default();
        let mut page = Page::default();
        for source in &sources {
            each_call(source, |call| {
                page.take(&call, &guards, &marks, self.all);
                Ok(())
            })?;
        }
        if page.totals.calls == 0 {
            bail!("there is no call in the recording");
        }
        say(match self.format {
            Format::Json => pretty(&page)?,
            Format::Table => table(&page),
        })?;
        Ok(page.totals.same == page.totals.calls)
    }
}

/// The folder of a configuration's recording.
pub(super) fn folder_of(document: &Document) -> Option<PathBuf> {
    document.recording.as_ref().map(|recording| recording.folder.clone())
}

impl Page {
    fn take(&mut self, call: &Recorded, guards: &Guards, marks: &BTreeSet<(String, String)>, all: bool) {
        let before = Replayed::at_first(&call.guarded);
        let after = replayed(guards, call);
        let id = call.id.to_string();
        let of_call = marks.range((id.clone(), String::new())..).take_while(|(other, _)| *other == id);
        let false_positives: Vec<String> = of_call.map(|(_, rule)| rule.clone()).collect();
        let left: Vec<String> = false_positives.iter().filter(|rule| after.rules.contains(rule)).cloned().collect();
        let is_same = self.totals.count(&before, &after);
        self.totals.false_positives_left += u64::from(!left.is_empty());
        self.totals.false_positives_gone += u64::from(!false_positives.is_empty() && left.is_empty());
        if (all || !is_same || !false_positives.is_empty()) && self.calls.len() < SHOWN_MAX {
            self.calls.push(Row {
                id,
                at: call.at.to_string(),
                team: call.attribution.team.to_string(),
                model: call.model.to_string(),
                before: before.into(),
                after: after.into(),
                false_positives,
                left,
            });
        }
    }
}

/// What a policy makes of a call: also by what is for the model to which it sends it.
fn replayed(guards: &Guards, call: &Recorded) -> Replayed {
    let subject = Subject { attribution: &call.attribution, model: &call.model };
    let Some(guard) = guards.of(&subject) else {
        return Replayed { verdict: Verdict::Passed, rules: Vec::new() };
    };
    let first = guard.replay(call);
    let to = guard.sends_to(&first.rules).filter(|_| first.verdict == Verdict::Rerouted);
    let both = to.and_then(|model| guards.of_both(&subject, &model));
    let both = both.filter(|both| both.version() != guard.version());
    both.map_or(first, |both| both.replay(call))
}

impl Totals {
    /// Counts a call; whether the same comes of it.
    fn count(&mut self, before: &Replayed, after: &Replayed) -> bool {
        use Verdict::{Blocked, Changed, Passed, Rerouted};
        self.calls += 1;
        let counter = match (before.verdict, after.verdict) {
            (one, other) if one == other && before.rules == after.rules => &mut self.same,
            (Blocked, Blocked) | (Rerouted, Rerouted) | (Changed, Changed) | (Passed, Passed) => &mut self.other_rules,
            (_, Blocked) => &mut self.newly_blocked,
            (Blocked, _) => &mut self.no_longer_blocked,
            (_, Rerouted) => &mut self.newly_rerouted,
            (Rerouted, _) => &mut self.no_longer_rerouted,
            (Passed, Changed) => &mut self.newly_changed,
            (Changed, Passed) => &mut self.no_longer_changed,
        };
        *counter += 1;
        before == after
    }
}

fn table(page: &Page) -> String {
    let mut parts = Vec::new();
    let (marked, others): (Vec<&Row>, Vec<&Row>) = page.calls.iter().partition(|row| !row.false_positives.is_empty());
    for (title, rows) in [("", others), ("Marked as false positives:\n", marked)] {
        if !rows.is_empty() {
            parts.push(format!("{title}{}", listing(&rows)));
        }
    }
    parts.push(totals(&page.totals));
    parts.join("\n\n")
}

fn listing(rows: &[&Row]) -> String {
    let mut listing = Listing::new(&["call", "at", "team", "model", "before", "after", "by", "wrong"]);
    for row in rows {
        let wrong = row.false_positives.iter().map(|rule| {
            let state = if row.left.contains(rule) { "still" } else { "no longer" };
            format!("{rule} ({state})")
        });
        listing.row([
            row.id.clone(),
            to_the_second(&row.at),
            row.team.clone(),
            row.model.clone(),
            row.before.verdict.to_owned(),
            row.after.verdict.to_owned(),
            or_dash(&by(&row.before.rules, &row.after.rules)),
            or_dash(&wrong.collect::<Vec<_>>().join(", ")),
        ]);
    }
    listing.finish()
}

/// The rules by which something comes of a call; of those before, what is not the same.
fn by(before: &[String], after: &[String]) -> String {
    match (before, after) {
        (only, []) | ([], only) => only.join(", "),
        _ if before == after => after.join(", "),
        _ => format!("{} (before: {})", after.join(", "), before.join(", ")),
    }
}

/// A time without the part of it that makes columns ragged.
fn to_the_second(at: &str) -> String {
    at.split_once('.').map_or_else(|| at.to_owned(), |(second, _)| format!("{second}Z"))
}

fn totals(totals: &Totals) -> String {
    let mut sheet = Listing::sheet();
    for (name, count) in [
        ("calls", totals.calls),
        ("same", totals.same),
        ("newly blocked", totals.newly_blocked),
        ("no longer blocked", totals.no_longer_blocked),
        ("newly rerouted", totals.newly_rerouted),
        ("no longer rerouted", totals.no_longer_rerouted),
        ("newly changed", totals.newly_changed),
        ("no longer changed", totals.no_longer_changed),
        ("same by other rules", totals.other_rules),
        ("false positives left", totals.false_positives_left),
        ("false positives gone", totals.false_positives_gone),
    ] {
        sheet.row([name.to_owned(), count.to_string()]);
    }
    sheet.right_from(1);
    sheet.finish()
}
