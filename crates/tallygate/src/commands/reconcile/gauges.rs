//! A comparison as Prometheus text, for a file that node_exporter's textfile collector picks up.

use std::fmt::{Display, Write as _};
use tg_finops::bill::TokenKind;
use tg_finops::compare::{Comparison, Verdict};
use tg_finops::invocations::Outcome;
use tg_kernel::clock::Timestamp;

/// Writes families one after the other.
#[derive(Default)]
struct Gauges(String);

impl Gauges {
    fn family(&mut self, name: &str, help: &str) {
        // Writing to a `String` cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge\n");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn one(&mut self, name: &str, help: &str, with: &str, value: impl Display) {
        self.family(name, help);
        self.value(name, &[("with", with)], value);
    }

    fn common(&mut self, with: &str, agrees: bool, now: Timestamp) {
        self.one(
            "tallygate_reconcile_agrees",
            "1 if ledger and AWS agree within the tolerance.",
            with,
            u8::from(agrees),
        );
        let help = "When ledger and AWS were last compared.";
        self.one("tallygate_reconcile_timestamp_seconds", help, with, now.seconds());
    }
}

/// The ledger against a bill: sums over its whole time, by side; tokens by kind, too.
pub(super) fn bill(comparison: &Comparison, now: Timestamp) -> String {
    let mut gauges = Gauges::default();
    gauges.common("bill", comparison.agrees, now);
    let sides = [("ledger", &comparison.ledger), ("bill", &comparison.bill)];
    gauges.family("tallygate_reconcile_cost_usd", "Cost on each side.");
    for (side, sums) in sides {
        gauges.value("tallygate_reconcile_cost_usd", &[("side", side)], sums.cost);
    }
    gauges.family("tallygate_reconcile_tokens", "Tokens on each side.");
    for (side, sums) in sides {
        for kind in TokenKind::ALL {
            let labels = [("side", side), ("kind", kind.as_str())];
            gauges.value("tallygate_reconcile_tokens", &labels, sums.tokens(kind));
        }
    }
    let drift = comparison.ledger.cost - comparison.bill.cost;
    gauges.one("tallygate_reconcile_drift_usd", "The ledger's cost less the bill's.", "bill", drift);
    if !comparison.commitments.is_empty() {
        let name = "tallygate_reconcile_commitment_drift_usd";
        gauges.family(name, "What commitments cost by the configuration, less what the bill has of their usage type.");
        for cell in &comparison.commitments {
            gauges.value(name, &[("usage_type", &cell.sku)], cell.charged - cell.bill);
        }
    }
    let off = comparison.cells.iter().filter(|cell| cell.verdict != Verdict::Agrees).count();
    gauges.one(
        "tallygate_reconcile_differing_cells",
        "Days and models that differ by more than the tolerance.",
        "bill",
        off,
    );
    gauges.0
}

/// The ledger against invocation logs.
pub(super) fn logs(outcome: &Outcome, now: Timestamp) -> String {
    let mut gauges = Gauges::default();
    gauges.common("invocation_logs", outcome.agrees, now);
    let around: u64 = outcome.around.iter().map(|around| around.calls).sum();
    let overlooked: u64 = outcome.overlooked.iter().map(|row| row.calls).sum();
    let differing: u64 = outcome.counts.iter().map(|cell| cell.differing_calls).sum();
    gauges.family("tallygate_reconcile_calls", "Calls by where they were found.");
    for (found, calls) in [
        ("both", outcome.matched_calls),
        ("log_only", around),
        ("probably_ours", outcome.probably_ours),
        ("ledger_only", overlooked),
    ] {
        gauges.value("tallygate_reconcile_calls", &[("found", found)], calls);
    }
    let help = "Calls that are in both with other counts.";
    gauges.one("tallygate_reconcile_differing_calls", help, "invocation_logs", differing);
    gauges.0
}
