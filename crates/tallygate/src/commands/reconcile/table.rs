//! A comparison as `--format table` prints it.

use super::super::table::{Listing, printable};
use std::fmt::Write as _;
use tg_finops::compare::{Comparison, Unmatched, Verdict};
use tg_finops::decimal::Decimal;
use tg_finops::invocations::{Outcome, TokenSums};
use tg_finops::tolerance::basis_points;

/// A variance to read: `+1.25%`.
fn percent(ours: Decimal, theirs: Decimal) -> String {
    match basis_points(ours, theirs) {
        None if ours == theirs => "+0.00%".to_owned(),
        None => "-".to_owned(),
        Some(points) => {
            let sign = if points < 0 { '-' } else { '+' };
            format!("{sign}{}.{:02}%", points.unsigned_abs() / 100, points.unsigned_abs() % 100)
        }
    }
}

/// Dollars, to the nano-dollar.
fn usd(amount: Decimal) -> String {
    amount.money().to_string()
}

fn verdict(agrees: bool) -> &'static str {
    if agrees { "agrees" } else { "differs" }
}

/// The ledger against a bill.
pub(super) fn bill(comparison: &Comparison) -> String {
    let mut table = Listing::new(&[
        "day",
        "model",
        "result",
        "ledger usd",
        "bill usd",
        "difference",
        "variance",
        "ledger tokens",
        "bill tokens",
    ]);
    for cell in &comparison.cells {
        table.row([
            cell.day.clone(),
            cell.model.clone(),
            cell.verdict.as_str().to_owned(),
            usd(cell.ledger.cost),
            usd(cell.bill.cost),
            usd(cell.ledger.cost - cell.bill.cost),
            percent(cell.ledger.cost, cell.bill.cost),
            cell.ledger.all_tokens().rounded().to_string(),
            cell.bill.all_tokens().rounded().to_string(),
        ]);
    }
    let (ours, theirs) = (&comparison.ledger, &comparison.bill);
    table.row([
        "all".to_owned(),
        String::new(),
        verdict(comparison.agrees).to_owned(),
        usd(ours.cost),
        usd(theirs.cost),
        usd(ours.cost - theirs.cost),
        percent(ours.cost, theirs.cost),
        ours.all_tokens().rounded().to_string(),
        theirs.all_tokens().rounded().to_string(),
    ]);
    table.right_from(3);
    let mut text = table.finish();
    teams(&mut text, comparison);
    commitments(&mut text, comparison);
    let hint = "on the bill, and nothing like it in the ledger (--same-model tells which are the same)";
    listed(&mut text, hint, &comparison.only_in_bill);
    listed(&mut text, "in the ledger, and nothing like it on the bill", &comparison.only_in_ledger);
    listed(&mut text, "usage of Bedrock that is not tokens of a model, not compared", &comparison.not_tokens);
    listed(&mut text, "taxes, credits and fees, not compared", &comparison.set_aside);
    let off = comparison.cells.iter().filter(|cell| cell.verdict != Verdict::Agrees).count();
    let _ = write!(
        text,
        "\n\n{}: {off} of {} days and models are apart by more than the tolerance",
        verdict(comparison.agrees),
        comparison.cells.len()
    );
    let off = comparison.commitments.iter().filter(|cell| !cell.agrees).count();
    if off > 0 {
        let _ = write!(text, ", and {off} of {} usage types of commitments", comparison.commitments.len());
    }
    text
}

fn teams(text: &mut String, comparison: &Comparison) {
    if comparison.teams.is_empty() {
        return;
    }
    let mut table = Listing::new(&["team", "result", "ledger usd", "bill usd", "difference", "variance"]);
    for team in &comparison.teams {
        table.row([
            if team.team.is_empty() { "(none)".to_owned() } else { team.team.clone() },
            team.agrees.map_or("bill not told", verdict).to_owned(),
            usd(team.ledger),
            usd(team.bill),
            usd(team.ledger - team.bill),
            percent(team.ledger, team.bill),
        ]);
    }
    table.right_from(2);
    let _ = write!(text, "\n\n{}", table.finish());
    if comparison.team_not_told != Decimal::ZERO {
        let _ = write!(text, "\nof {} USD the bill does not tell the team", usd(comparison.team_not_told));
    }
}

fn commitments(text: &mut String, comparison: &Comparison) {
    if comparison.commitments.is_empty() {
        return;
    }
    let headings = ["commitments", "usage type", "result", "charged usd", "bill usd", "difference", "variance"];
    let mut table = Listing::new(&headings);
    for cell in &comparison.commitments {
        table.row([
            cell.commitments.join(" "),
            cell.sku.clone(),
            verdict(cell.agrees).to_owned(),
            usd(cell.charged),
            usd(cell.bill),
            usd(cell.charged - cell.bill),
            percent(cell.charged, cell.bill),
        ]);
    }
    table.right_from(3);
    let _ = write!(text, "\n\n{}", table.finish());
}

fn listed(text: &mut String, what: &str, all: &[Unmatched]) {
    if all.is_empty() {
        return;
    }
    let _ = write!(text, "\n\n{what}:");
    for unmatched in all {
        let _ = write!(text, "\n  {}  {} USD", printable(&unmatched.name), usd(unmatched.cost));
    }
}

fn tokens(sums: &TokenSums) -> String {
    let all = [sums.input_tokens, sums.cache_read_tokens, sums.cache_write_tokens, sums.output_tokens];
    all.iter().fold(0_u64, |sum, count| sum.saturating_add(*count)).to_string()
}

/// What only the ledger has.
fn overlooked(text: &mut String, outcome: &Outcome) {
    if outcome.overlooked.is_empty() {
        return;
    }
    let mut table = Listing::new(&["day", "model", "calls not in the log", "usd", "for example"]);
    for row in &outcome.overlooked {
        let cells = [row.calls.to_string(), row.cost.to_string(), row.examples.join(" ")];
        table.row([row.day.clone(), row.model.clone()].into_iter().chain(cells));
    }
    let _ = write!(text, "{}\n\n", table.finish());
}

/// The ledger against invocation logs.
pub(super) fn logs(outcome: &Outcome) -> String {
    let mut text = String::new();
    if !outcome.around.is_empty() {
        let mut table = Listing::new(&[
            "calls round the gateway by",
            "calls",
            "failed",
            "tokens",
            "first",
            "last",
            "models",
            "for example",
        ]);
        for around in &outcome.around {
            table.row([
                if around.identity.is_empty() { "(not told)".to_owned() } else { around.identity.clone() },
                around.calls.to_string(),
                around.failed_calls.to_string(),
                tokens(&around.tokens),
                around.first.to_string(),
                around.last.to_string(),
                around.models.join(" "),
                around.examples.join(" "),
            ]);
        }
        let _ = write!(text, "{}\n\n", table.finish());
    }
    overlooked(&mut text, outcome);
    let mut table =
        Listing::new(&["day", "model", "result", "calls", "differing", "estimated", "ledger tokens", "log tokens"]);
    for cell in &outcome.counts {
        table.row([
            cell.day.clone(),
            cell.model.clone(),
            verdict(cell.agrees).to_owned(),
            cell.calls.to_string(),
            cell.differing_calls.to_string(),
            cell.estimated_calls.to_string(),
            tokens(&cell.ledger),
            tokens(&cell.log),
        ]);
    }
    table.right_from(3);
    let around: u64 = outcome.around.iter().map(|around| around.calls).sum();
    let overlooked: u64 = outcome.overlooked.iter().map(|row| row.calls).sum();
    let _ = write!(
        text,
        "{}\n\n{}: {} calls in both, {around} in the log only ({} more of known identities, {} \
         probably of the gateway itself), {overlooked} in the ledger \
         only, {} rows without a request id, {} entries doubled",
        table.finish(),
        verdict(outcome.agrees),
        outcome.matched_calls,
        outcome.known_calls,
        outcome.probably_ours,
        outcome.nameless_rows,
        outcome.doubled_entries,
    );
    text
}
