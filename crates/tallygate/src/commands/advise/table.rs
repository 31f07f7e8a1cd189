//! Advice for people: one line each, then what each rests on.

use super::super::table::{Listing, or_dash, printable};
use super::{Page, day};
use std::fmt::Write as _;
use tg_finops::advise::{Habit, Kind, SAMPLES_MIN, Saving};
use tg_kernel::units::Money;

/// Most habits that are listed.
const HABITS_MAX: usize = 20;

/// Most kinds of tasks that are named of one habit.
const TASKS_MAX: usize = 4;

pub(super) fn write(page: &Page) -> String {
    let period = format!("calls from {} to {}", day(page.since.0), day(page.until.0));
    let habits = habits(&page.habits);
    if page.advice.is_empty() {
        return format!("{habits}nothing to advise on, by {period}");
    }
    let mut listing = Listing::new(&["no", "kind", "team", "project", "subject", "risk", "what to do", "usd a month"]);
    for (number, one) in (1..).zip(&page.advice) {
        listing.row([
            number.to_string(),
            one.kind.as_str().to_owned(),
            or_dash(&one.teams.join(", ")),
            or_dash(one.project.as_deref().unwrap_or_default()),
            one.subject.clone(),
            one.risk.as_str().to_owned(),
            one.advice.clone(),
            one.saving.map_or_else(|| "-".to_owned(), saves),
        ]);
    }
    listing.right_from(7);
    let mut text = habits + &listing.finish();
    text.push('\n');
    for (number, one) in (1..).zip(&page.advice) {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n{number}. {}", printable(&one.evidence));
        let _ = write!(text, "\n   {} risk: {}", one.risk.as_str(), printable(&one.why));
        if let Some(quality) = &one.quality {
            let _ = write!(text, "\n   quality: {}", printable(&quality.shown()));
            if quality.kept.of < SAMPLES_MIN {
                let _ = write!(text, "; fewer than {SAMPLES_MIN} say nothing of the risk");
            }
        } else if one.kind == Kind::CheaperModel {
            text.push_str("\n   quality: no answers of the two models were compared");
        }
        if let Some(command) = &one.command {
            let _ = write!(text, "\n   {}", printable(command));
        }
    }
    let _ = write!(
        text,
        "\n\ncheaper models would save {} USD a month, by {period} at today's prices",
        page.saving_a_month.usd
    );
    if page.advice.iter().any(|one| one.saving.is_some_and(|saving| saving.is_assumed)) {
        text.push_str("\n(?) rests on an assumption, and is not in that sum");
    }
    if page.advice.iter().any(|one| one.change.is_some() || one.addition.is_some()) {
        text.push_str("\n`tallygate advise --format yaml` prints what would do it");
    }
    if page.advice.iter().any(|one| one.kind == Kind::CheaperModel && one.quality.is_none()) {
        text.push_str("\n`tallygate advise --format samples` prints what would compare some answers first");
    }
    text
}

/// Who uses which model for what; nothing where nobody called.
fn habits(habits: &[Habit]) -> String {
    if habits.is_empty() {
        return String::new();
    }
    let mut listing = Listing::new(&["team", "project", "model", "for what", "calls", "usd"]);
    for habit in habits.iter().take(HABITS_MAX) {
        listing.row([
            or_dash(&habit.team),
            or_dash(habit.project.as_deref().unwrap_or_default()),
            habit.model.clone(),
            or_dash(&purpose(habit)),
            habit.calls.to_string(),
            habit.cost.map_or_else(|| "-".to_owned(), |cost| cost.to_string()),
        ]);
    }
    listing.right_from(4);
    let mut text = listing.finish();
    if habits.len() > HABITS_MAX {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\nand {} more: `--format json` has them", habits.len() - HABITS_MAX);
    }
    let cached: u64 = habits.iter().map(|habit| habit.cached_calls).sum();
    if cached > 0 {
        let saved = habits.iter().fold(Money::ZERO, |sum, habit| sum.plus(habit.cache_saved));
        let _ = write!(text, "\nprompt caches for which the gateway put points saved {saved} USD, in {cached} calls");
    }
    text + "\n\n"
}

/// `classification 62 %, chat 30 %, code 8 % of 41`: the shares of the kinds of tasks in the calls that were looked at.
fn purpose(habit: &Habit) -> String {
    let shares = habit.tasks.iter().take(TASKS_MAX).map(|share| format!("{} {} %", share.task, share.percent));
    let shares: Vec<String> = shares.collect();
    if shares.is_empty() { String::new() } else { format!("{} of {}", shares.join(", "), habit.looked_at) }
}

fn saves(saving: Saving) -> String {
    format!("{}{}", if saving.is_assumed { "(?) " } else { "" }, saving.month)
}
