//! Advice for people: one line each, then what each rests on.

use super::super::table::{Listing, or_dash, printable};
use super::{Page, day};
use std::fmt::Write as _;
use tg_finops::advise::{Kind, Saving};

pub(super) fn write(page: &Page) -> String {
    let period = format!("calls from {} to {}", day(page.since.0), day(page.until.0));
    if page.advice.is_empty() {
        return format!("nothing to advise on, by {period}");
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
    let mut text = listing.finish();
    text.push('\n');
    for (number, one) in (1..).zip(&page.advice) {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n{number}. {}", printable(&one.evidence));
        let _ = write!(text, "\n   {} risk: {}", one.risk.as_str(), printable(&one.why));
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
    if page.advice.iter().any(|one| one.kind == Kind::CheaperModel) {
        text.push_str("\n`tallygate advise --format yaml` prints what would do it");
    }
    text
}

fn saves(saving: Saving) -> String {
    format!("{}{}", if saving.is_assumed { "(?) " } else { "" }, saving.month)
}
