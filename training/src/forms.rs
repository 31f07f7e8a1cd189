//! What is found by its form, without training: personal data and credentials. How much of the collected rows is found, and how
//! many ordinary prompts raise an alarm.

use crate::judge::{interval, wilson};
use crate::pile::{rows, sources};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use tg_text::pii::Pii;
use tg_text::secrets::Secrets;
use tg_text::view::View;

/// Rows with marked personal data.
const MARKED: &str = "pii_presidio_research";

/// Rows with credentials, and rows that only look like some.
const CREDENTIALS: &str = "secrets_gitleaks";

/// The marks of the rows, and the entities that they stand for.
const ENTITIES: [(&str, &str); 7] = [
    ("CREDIT_CARD", "card"),
    ("US_DRIVER_LICENSE", "driving-licence"),
    ("EMAIL_ADDRESS", "email"),
    ("IBAN_CODE", "iban"),
    ("IP_ADDRESS", "ip-address"),
    ("PHONE_NUMBER", "phone"),
    ("US_SSN", "us-ssn"),
];

/// Rules of the other scanner that tell a credential by a name beside it, whosever it is.
const BY_NAME: [&str; 1] = ["generic-api-key"];

/// What is measured.
pub struct Forms {
    /// About personal data.
    pub pii: String,
    /// About credentials.
    pub secrets: String,
}

/// Measures all of it on what lies in a folder.
pub fn judge(data: &Path) -> Result<Forms> {
    let ordinary = ordinary(data)?;
    let pii = format!("{}{}", marked(&rows(data, MARKED)?)?, alarms_of_pii(&ordinary));
    let secrets = format!("{}{}", credentials(&rows(data, CREDENTIALS)?)?, alarms_of_secrets(&ordinary));
    Ok(Forms { pii, secrets })
}

fn text(row: &Value) -> &str {
    row.get("text").or_else(|| row.get("prompt")).and_then(Value::as_str).unwrap_or_default()
}

/// Tasks, and harmless requests with the words of attackers: prompts in which nobody put any personal data or credentials.
fn ordinary(data: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for source in sources(data)? {
        if ["task_", "route_", "benign_"].iter().any(|start| source.starts_with(start)) {
            texts.extend(rows(data, &source)?.iter().map(|row| text(row).to_owned()));
        }
    }
    Ok(texts)
}

/// What of marked values is found, span by span.
fn marked(rows: &[Value]) -> Result<String> {
    let mut counts: BTreeMap<&str, [usize; 3]> = ENTITIES.iter().map(|(_, entity)| (*entity, [0; 3])).collect();
    for row in rows {
        let text = text(row);
        let wanted = wanted(row, text)?;
        let mut found = Vec::new();
        Pii::structured().find(&View::of(text), &mut found);
        let found: BTreeSet<(&str, usize, usize)> =
            found.iter().map(|one| (&*one.rule, one.span.start, one.span.end)).collect();
        for (entity, [right, wrong, missed]) in &mut counts {
            let of = |all: &BTreeSet<(&str, usize, usize)>| all.iter().filter(|one| one.0 == *entity).count();
            let same = wanted.intersection(&found).filter(|one| one.0 == *entity).count();
            (*right, *wrong, *missed) = (*right + same, *wrong + of(&found) - same, *missed + of(&wanted) - same);
        }
    }
    let mut out = String::from("| entity | marked | found | right of what is found | F1 |\n|---|---|---|---|---|\n");
    for (entity, [right, wrong, missed]) in counts {
        let (found, precise) = (wilson(right as f64, right + missed), wilson(right as f64, right + wrong));
        let f1 = 2.0 * right as f64 / ((2 * right + wrong + missed) as f64).max(1.0);
        let _ = writeln!(out, "| {entity} | {} | {found} | {precise} | {f1:.3} |", right + missed);
    }
    Ok(out)
}

/// The marked values of a row: entity and bytes.
fn wanted<'t>(row: &Value, text: &'t str) -> Result<BTreeSet<(&'t str, usize, usize)>> {
    // They are marked by characters.
    let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let entities = row.get("entities").and_then(Value::as_array).context("a row has no entities")?;
    let mut all = BTreeSet::new();
    for one in entities {
        let kind = one.get("type").and_then(Value::as_str).unwrap_or_default();
        let Some((_, entity)) = ENTITIES.iter().find(|(mark, _)| *mark == kind) else { continue };
        let at = |name: &str| offsets.get(usize::try_from(one.get(name)?.as_u64()?).ok()?).copied();
        let (start, end) = at("start").zip(at("end")).context("a mark lies outside of its text")?;
        all.insert((*entity, start, end));
    }
    Ok(all)
}

/// Hits of so many in a thousand, with their interval.
fn in_a_thousand(hits: usize, of: usize) -> String {
    let (share, low, high) = interval(hits as f64, of);
    format!("{:.2} [{:.2}, {:.2}]", share * 1000.0, low * 1000.0, high * 1000.0)
}

/// How many prompts have each entity, and any.
fn alarms_of_pii(texts: &[String]) -> String {
    let (mut by_entity, mut of_forms, mut of_all) = (BTreeMap::<String, usize>::new(), 0, 0);
    for text in texts {
        let (view, mut all, mut forms) = (View::of(text), Vec::new(), Vec::new());
        Pii::all().find(&view, &mut all);
        Pii::structured().find(&view, &mut forms);
        let entities: BTreeSet<&str> = all.iter().map(|one| &*one.rule).collect();
        entities.iter().for_each(|entity| *by_entity.entry((*entity).to_owned()).or_default() += 1);
        (of_forms, of_all) = (of_forms + usize::from(!forms.is_empty()), of_all + usize::from(!all.is_empty()));
    }
    let mut out = format!("\nIn {} ordinary prompts, by whether anything is found in one:\n\n", texts.len());
    out.push_str("| entity | prompts | in a thousand |\n|---|---|---|\n");
    let named = by_entity.iter().map(|(entity, count)| (entity.as_str(), *count));
    for (entity, count) in [("any form", of_forms), ("any, names and addresses too", of_all)].into_iter().chain(named) {
        let _ = writeln!(out, "| {entity} | {count} | {} |", in_a_thousand(count, texts.len()));
    }
    out
}

fn credentials_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    Secrets::all().find(&View::of(text), &mut found);
    found.into_iter().map(|one| one.rule.into_owned()).collect()
}

/// What is found of another scanner's own tests, by which of its rules they are for.
fn credentials(rows: &[Value]) -> Result<String> {
    let says = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (mut found, mut missed) = (BTreeMap::<&str, [usize; 4]>::new(), BTreeMap::<String, usize>::new());
    for row in rows {
        let (rule, is_one) = (says(row, "rule"), says(row, "label") == "secret");
        let hit = !credentials_in(text(row)).is_empty();
        let group = if BY_NAME.contains(&&*rule) { "told by any name" } else { "forms of vendors, blocks" };
        for group in [group, "all"] {
            let [secrets, hits, clean, alarms] = found.entry(group).or_default();
            *secrets += usize::from(is_one);
            *hits += usize::from(is_one && hit);
            *clean += usize::from(!is_one);
            *alarms += usize::from(!is_one && hit);
        }
        if is_one && !hit {
            *missed.entry(rule).or_default() += 1;
        }
    }
    let mut out = String::from(
        "| rules of the other scanner | credentials | found | rows that are none to the rule | found all the same |\n|---|---|---|---|---|\n",
    );
    for (group, [secrets, hits, clean, alarms]) in found {
        let (recall, alarms) = (wilson(hits as f64, secrets), wilson(alarms as f64, clean));
        let _ = writeln!(out, "| {group} | {secrets} | {recall} | {clean} | {alarms} |");
    }
    let missed: Vec<String> = missed.into_iter().map(|(rule, count)| format!("{rule} {count}")).collect();
    let _ = writeln!(out, "\nNot found, by rule: {}.", missed.join(", "));
    Ok(out)
}

fn alarms_of_secrets(texts: &[String]) -> String {
    let (mut by_form, mut any) = (BTreeMap::<String, usize>::new(), 0);
    for text in texts {
        let found = credentials_in(text);
        any += usize::from(!found.is_empty());
        let forms: BTreeSet<String> = found.into_iter().collect();
        forms.into_iter().for_each(|form| *by_form.entry(form).or_default() += 1);
    }
    let forms: Vec<String> = by_form.into_iter().map(|(form, count)| format!("{form} {count}")).collect();
    let share = in_a_thousand(any, texts.len());
    format!("\nIn {} ordinary prompts: {any}, {share} in a thousand ({}).\n", texts.len(), forms.join(", "))
}
