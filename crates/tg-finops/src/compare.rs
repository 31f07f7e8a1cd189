//! The ledger against the bill: variance by day and model, what only one side has, and whether the two agree.

use crate::bill::TokenKind;
use crate::books::{BillSide, CellKey, LedgerSide, Side};
use crate::decimal::Decimal;
use crate::tolerance::Tolerance;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tg_kernel::commitment::Commitment;
use tg_kernel::pattern;
use tg_kernel::units::Money;

/// What a comparison found of a day and a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within the tolerance.
    Agrees,
    /// The costs differ; the counts may.
    CostDiffers,
    /// Only the counts differ.
    TokensDiffer,
    /// The ledger has nothing of it.
    OnlyInBill,
    /// The bill has nothing of it.
    OnlyInLedger,
}

impl Verdict {
    /// The name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::CostDiffers => "cost differs",
            Self::TokensDiffer => "tokens differ",
            Self::OnlyInBill => "only in the bill",
            Self::OnlyInLedger => "only in the ledger",
        }
    }
}

/// A day and a model on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// In UTC.
    pub day: String,
    /// As the ledger names it, without geography; as the bill does where the ledger has none.
    pub model: String,
    /// The ledger.
    pub ledger: Side,
    /// What of the ledger's cost rests on estimates.
    pub ledger_estimated: Decimal,
    /// The bill.
    pub bill: Side,
    /// Whether they agree.
    pub verdict: Verdict,
}

/// What one side has and the other not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unmatched {
    /// The model, or the usage type, or the kind of line.
    pub name: String,
    /// What it costs.
    pub cost: Decimal,
}

/// A team on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeamCell {
    /// The team.
    pub team: String,
    /// By the ledger.
    pub ledger: Decimal,
    /// By the bill, as far as that tells.
    pub bill: Decimal,
    /// Whether they agree; none where the bill does not tell the team of all it has, so that nothing can be said.
    pub agrees: Option<bool>,
}

/// Commitments on both sides: those that the bill names by one usage type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommitmentCell {
    /// Their names.
    pub commitments: Vec<String>,
    /// The usage type, as the configuration has it.
    pub sku: String,
    /// By the configuration.
    pub charged: Decimal,
    /// By the bill.
    pub bill: Decimal,
    /// Whether they agree.
    pub agrees: bool,
}

/// The whole comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Whether the two agree: every cell, every team that can be told, and no model on one side only.
    pub agrees: bool,
    /// The ledger, all in all.
    pub ledger: Side,
    /// The bill, all in all.
    pub bill: Side,
    /// By day and model.
    pub cells: Vec<Cell>,
    /// By team; empty where the bill tells of none.
    pub teams: Vec<TeamCell>,
    /// What commitments cost, of those whose usage type is known.
    pub commitments: Vec<CommitmentCell>,
    /// What the bill has of no team.
    pub team_not_told: Decimal,
    /// Models of the bill of which the ledger has nothing.
    pub only_in_bill: Vec<Unmatched>,
    /// Models of the ledger of which the bill has nothing.
    pub only_in_ledger: Vec<Unmatched>,
    /// Usage of Bedrock that is not tokens of a model, so that nothing can be compared with it.
    pub not_tokens: Vec<Unmatched>,
    /// Taxes, credits and fees, which are not compared.
    pub set_aside: Vec<Unmatched>,
}

/// Compares both sides. `charged` is what each commitment costs in the time that is compared.
#[must_use]
pub fn compare(
    ledger: &LedgerSide,
    bill: &BillSide,
    charged: &[(&Commitment, Money)],
    tolerance: &Tolerance,
) -> Comparison {
    let (commitments, rest) = commitments(charged, &bill.unmetered, tolerance);
    let keys: BTreeSet<&CellKey> = ledger.cells.keys().chain(bill.cells.keys()).collect();
    let cells: Vec<Cell> = keys.into_iter().map(|key| cell(key, ledger, bill, tolerance)).collect();
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    for cell in &cells {
        ours.add(&cell.ledger);
        theirs.add(&cell.bill);
    }
    let (teams, team_not_told) = teams(ledger, bill, tolerance);
    let agrees = cells.iter().all(|cell| cell.verdict == Verdict::Agrees)
        && teams.iter().all(|team| team.agrees != Some(false))
        && commitments.iter().all(|cell| cell.agrees);
    Comparison {
        agrees,
        ledger: ours,
        bill: theirs,
        only_in_bill: only_in(&bill.cells, &bill.names, &ledger.names, tolerance),
        only_in_ledger: only_in(&ledger.cells, &ledger.names, &bill.names, tolerance),
        not_tokens: listed(&rest),
        commitments,
        set_aside: listed(&bill.set_aside),
        cells,
        teams,
        team_not_told,
    }
}

/// Commitments by usage type, and the bill's usage types of none. A line is counted once, by the first that is like it.
fn commitments(
    charged: &[(&Commitment, Money)],
    unmetered: &BTreeMap<String, Decimal>,
    tolerance: &Tolerance,
) -> (Vec<CommitmentCell>, BTreeMap<String, Decimal>) {
    let mut cells: Vec<CommitmentCell> = Vec::new();
    for (commitment, cost) in charged {
        let Some(sku) = commitment.sku.as_deref() else { continue };
        let place = cells.iter().position(|cell| cell.sku == sku).unwrap_or(cells.len());
        if place == cells.len() {
            let (commitments, sku) = (Vec::new(), sku.to_owned());
            let (charged, bill) = (Decimal::ZERO, Decimal::ZERO);
            cells.push(CommitmentCell { commitments, sku, charged, bill, agrees: true });
        }
        if let Some(cell) = cells.get_mut(place) {
            cell.commitments.push(commitment.name.to_string());
            cell.charged += (*cost).into();
        }
    }
    let mut rest = unmetered.clone();
    rest.retain(|usage_type, cost| match cells.iter_mut().find(|cell| pattern::matches(&cell.sku, usage_type)) {
        Some(cell) => {
            cell.bill += *cost;
            false
        }
        None => true,
    });
    for cell in &mut cells {
        cell.agrees = tolerance.costs_agree(cell.charged, cell.bill);
    }
    (cells, rest)
}

fn cell(key: &CellKey, ledger: &LedgerSide, bill: &BillSide, tolerance: &Tolerance) -> Cell {
    let (day, signature) = key;
    let name = ledger.names.get(signature).or_else(|| bill.names.get(signature));
    let sides = (ledger.cells.get(key).copied(), bill.cells.get(key).copied());
    let (ours, theirs) = (sides.0.unwrap_or_default(), sides.1.unwrap_or_default());
    let costs_agree = tolerance.costs_agree(ours.cost, theirs.cost);
    let agree = |kind| tolerance.counts_agree(ours.tokens(kind), theirs.tokens(kind));
    let counts_agree = TokenKind::ALL.into_iter().all(agree);
    let verdict = match sides {
        (None, _) if !costs_agree => Verdict::OnlyInBill,
        (_, None) if !costs_agree => Verdict::OnlyInLedger,
        // A day of a model that costs less than what is ignored is ignored with all its tokens.
        (None, _) | (_, None) => Verdict::Agrees,
        _ if !costs_agree => Verdict::CostDiffers,
        _ if !counts_agree => Verdict::TokensDiffer,
        _ => Verdict::Agrees,
    };
    Cell {
        day: day.clone(),
        model: name.cloned().unwrap_or_default(),
        ledger: ours,
        ledger_estimated: ledger.estimated.get(key).copied().unwrap_or_default(),
        bill: theirs,
        verdict,
    }
}

/// The teams, and what the bill has of none.
fn teams(ledger: &LedgerSide, bill: &BillSide, tolerance: &Tolerance) -> (Vec<TeamCell>, Decimal) {
    let mut not_told = Decimal::ZERO;
    let mut told: BTreeMap<&str, Decimal> = BTreeMap::new();
    for (payer, cost) in &bill.payers {
        *ledger.team_of(payer).map_or(&mut not_told, |team| told.entry(team).or_default()) += *cost;
    }
    if told.is_empty() {
        return (Vec::new(), not_told);
    }
    let all_told = not_told.abs() <= tolerance.ignored;
    let names: BTreeSet<&str> = ledger.teams.keys().map(String::as_str).chain(told.keys().copied()).collect();
    let cells = names.into_iter().map(|team| {
        let ours = ledger.teams.get(team).copied().unwrap_or_default();
        let theirs = told.get(team).copied().unwrap_or_default();
        let agrees = all_told.then(|| tolerance.costs_agree(ours, theirs));
        TeamCell { team: team.to_owned(), ledger: ours, bill: theirs, agrees }
    });
    (cells.collect(), not_told)
}

/// Models that one side names and the other never, the dearest first.
fn only_in(
    cells: &BTreeMap<CellKey, Side>,
    names: &BTreeMap<String, String>,
    others: &BTreeMap<String, String>,
    tolerance: &Tolerance,
) -> Vec<Unmatched> {
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for ((_, signature), side) in cells.iter().filter(|((_, signature), _)| !others.contains_key(signature)) {
        let name = names.get(signature).cloned().unwrap_or_default();
        *sums.entry(name).or_default() += side.cost;
    }
    sums.retain(|_, cost| cost.abs() > tolerance.ignored);
    listed(&sums)
}

fn listed(sums: &BTreeMap<String, Decimal>) -> Vec<Unmatched> {
    let mut all: Vec<Unmatched> =
        sums.iter().map(|(name, cost)| Unmatched { name: name.clone(), cost: *cost }).collect();
    all.sort_by_key(|unmatched| std::cmp::Reverse(unmatched.cost.abs()));
    all
}
