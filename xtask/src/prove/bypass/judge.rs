//! What came of a cell, beside what must.

use super::attacks::Outcome;
use super::places::Place;
use super::{Cell, ELSEWHERE, Way};
use crate::wire::client::{ERROR_CODE, Raw, word};
use anyhow::{Context as _, Result};
use std::collections::HashMap;
use tg_sim::Entry;

/// Judges it, by what its caller has heard and its provider has seen.
pub(super) fn judge(cell: &Cell, raw: &Raw, seen: &HashMap<&str, &Entry>) -> Result<()> {
    let id = raw.id.as_deref().context("no id")?;
    let heard = raw.said(cell.dialect);
    // What goes to another model is not taken out, and what comes back is to be read: by its caller.
    if let Some(shown) = cell.attack.is_shown_in(&heard).filter(|_| cell.way == Way::Held) {
        anyhow::bail!("the caller sees {shown}: {heard}");
    }
    let entry = seen.get(id).copied();
    match (cell.place.is_answer(), cell.outcome()) {
        (_, Outcome::Rerouted) => {
            let entry = entry.with_context(|| format!("it was not sent: {} {heard}", raw.status))?;
            anyhow::ensure!(entry.model == ELSEWHERE[1], "{} sees it", entry.model);
            anyhow::ensure!(raw.status == 200, "{}: {heard}", raw.status);
        }
        (_, Outcome::Restored) => {
            anyhow::ensure!(raw.status == 200, "{}: {heard}", raw.status);
            is_sent_without(cell, entry)?;
            anyhow::ensure!(heard.contains(cell.attack.value()), "it does not come back: {heard}");
            anyhow::ensure!(!heard.contains("[EMAIL_1]"), "a placeholder stays: {heard}");
        }
        (false, Outcome::Blocked) => {
            anyhow::ensure!(entry.is_none(), "it was sent");
            anyhow::ensure!(raw.status >= 400 || heard.contains("guardrail_intervened"), "{}: {heard}", raw.status);
            let code = word(&raw.headers, ERROR_CODE);
            anyhow::ensure!(code == Some("content_blocked"), "{code:?}: {heard}");
        }
        (false, Outcome::Redacted) => {
            // A thought that was changed does not fit its signature: who made it may refuse it.
            let is_taken = raw.status == 200 || (cell.place == Place::Reasoning && heard.contains("signature"));
            anyhow::ensure!(is_taken, "{}: {heard}", raw.status);
            is_sent_without(cell, entry)?;
        }
        (true, outcome) => {
            anyhow::ensure!(raw.status == 200 && entry.is_some(), "{}: {heard}", raw.status);
            let ends = ["content_filter", "refusal", "guardrail_intervened"];
            let filtered = ends.iter().any(|end| heard.contains(end));
            anyhow::ensure!(filtered == (outcome == Outcome::Blocked), "{heard}");
            anyhow::ensure!(filtered || heard.contains("[EMAIL"), "nothing was found: {heard}");
        }
    }
    Ok(())
}

/// That the provider has seen the call, and nothing of the value.
fn is_sent_without(cell: &Cell, entry: Option<&Entry>) -> Result<()> {
    let detail = entry.and_then(|entry| entry.detail.as_ref()).context("it was not sent")?;
    let sent = format!("{} {:?} {}", detail.path, detail.headers, detail.body);
    if let Some(shown) = cell.attack.is_shown_in(&sent) {
        anyhow::bail!("the provider sees {shown}: {sent}");
    }
    Ok(())
}
