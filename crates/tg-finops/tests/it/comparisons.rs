//! The ledger's report against a bill's lines.

use std::collections::BTreeSet;
use tg_finops::bill::BillLine;
use tg_finops::books::{BillScope, BillSide, LedgerSide, REPORT_BY};
use tg_finops::compare::{Comparison, Verdict, compare};
use tg_finops::decimal::Decimal;
use tg_finops::tolerance::Tolerance;
use tg_kernel::clock::Timestamp;
use tg_kernel::commitment::{Commitment, CommitmentRate};
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;
use tg_store::ledger::{Figures, Report, ReportRow};

const SONNET: &str = "us.anthropic.claude-sonnet-4-6";
const DAY: &str = "2026-11-24";

/// A group of the ledger's report: 1500 input tokens and 321 of output, 9.315 dollars.
fn row(day: &str, model: &str, team: &str, session: Option<&str>) -> ReportRow {
    let texts = [Some(day), Some("bedrock"), Some(model), Some(team), session, None];
    assert_eq!(texts.len(), REPORT_BY.len());
    ReportRow {
        group: texts.iter().map(|text| text.map(str::to_owned)).collect(),
        figures: Figures {
            calls: 3,
            usage: Usage { input_tokens: 1500, output_tokens: 321, ..Usage::default() },
            cost: Money::from_nanos(9_315_000_000),
            ..Figures::default()
        },
    }
}

fn line(usage_type: &str, amount: &str, cost: &str) -> BillLine {
    BillLine {
        start: Timestamp::parse("2026-11-24T03:00:00Z").unwrap(),
        item_type: "Usage".into(),
        usage_type: usage_type.into(),
        unit: "1K tokens".into(),
        amount: Decimal::parse(amount).unwrap(),
        cost: Decimal::parse(cost).unwrap(),
        ..BillLine::default()
    }
}

fn sonnet() -> Vec<BillLine> {
    vec![
        line("USE1-Claude4.6Sonnet-input-tokens", "1.5", "4.5"),
        line("USE1-Claude4.6Sonnet-output-tokens", "0.321", "4.815"),
    ]
}

fn compared(rows: Vec<ReportRow>, lines: &[BillLine], scope: &BillScope, tolerance: &str) -> Comparison {
    let report = Report { rows, ..Report::default() };
    let ledger = LedgerSide::of(&report, &BTreeSet::from(["bedrock".to_owned()]));
    let mut bill = BillSide::default();
    for line in lines {
        bill.take(line, scope);
    }
    compare(&ledger, &bill, &[], &Tolerance::parse(tolerance).unwrap().ignoring(Decimal::ZERO))
}

fn scope() -> BillScope {
    BillScope { team_tag: "team".into(), ..BillScope::default() }
}

#[test]
fn equal_books_agree_to_the_last_place() {
    let found = compared(vec![row(DAY, SONNET, "red", None)], &sonnet(), &scope(), "0%");
    assert!(found.agrees, "{found:?}");
    assert_eq!(found.cells[0].model, "anthropic.claude-sonnet-4-6");
    assert_eq!(found.ledger, found.bill);
}

#[test]
fn a_difference_beyond_the_tolerance_is_a_difference() {
    let mut lines = sonnet();
    lines[1].cost = Decimal::parse("4.9").unwrap();
    let rows = || vec![row(DAY, SONNET, "red", None)];
    assert!(compared(rows(), &lines, &scope(), "1%").agrees);
    let strict = compared(rows(), &lines, &scope(), "0.5%");
    assert_eq!((strict.agrees, strict.cells[0].verdict), (false, Verdict::CostDiffers));
    let mut lines = sonnet();
    lines[0].amount = Decimal::parse("1.6").unwrap();
    assert_eq!(compared(rows(), &lines, &scope(), "1%").cells[0].verdict, Verdict::TokensDiffer);
}

#[test]
fn tokens_that_are_free_on_one_side_do_not_cancel_out() {
    // Cache reads booked as input: the sum of the tokens is right, no kind is.
    let mut lines = sonnet();
    lines[0].usage_type = "USE1-Claude4.6Sonnet-cache-read-input-token-count".into();
    let found = compared(vec![row(DAY, SONNET, "red", None)], &lines, &scope(), "1%");
    assert_eq!(found.cells[0].verdict, Verdict::TokensDiffer);
}

#[test]
fn what_only_one_side_has_is_listed_by_name() {
    let mut lines = sonnet();
    lines.push(line("USE1-Nova2.0Lite-input-tokens", "100", "3"));
    lines.push(BillLine { unit: "TextUnits".into(), ..line("USE1-Guardrail-ContentPolicyUnitsConsumed", "7", "1.25") });
    lines.push(BillLine { item_type: "Tax".into(), ..line("USE1-Claude4.6Sonnet-input-tokens", "1", "0.9") });
    let rows = vec![row(DAY, SONNET, "red", None), row("2026-11-25", "openai.gpt-oss-120b-1:0", "red", None)];
    let found = compared(rows, &lines, &scope(), "1%");
    assert!(!found.agrees);
    let named = |all: &[tg_finops::compare::Unmatched]| {
        all.iter().map(|one| format!("{} {}", one.name, one.cost)).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(named(&found.only_in_bill), "Nova2.0Lite 3");
    assert_eq!(named(&found.only_in_ledger), "openai.gpt-oss-120b-1:0 9.315");
    assert_eq!(named(&found.not_tokens), "USE1-Guardrail-ContentPolicyUnitsConsumed 1.25");
    assert_eq!(named(&found.set_aside), "Tax 0.9");
    assert_eq!(found.bill.cost.to_string(), "12.315");
}

#[test]
fn models_that_share_no_name_can_be_said_to_be_the_same() {
    let lines = [line("USE1-R1-input-tokens", "1.5", "4.5"), line("USE1-R1-output-tokens", "0.321", "4.815")];
    let rows = || vec![row(DAY, "us.deepseek.thinker-v1:0", "red", None)];
    assert!(!compared(rows(), &lines, &scope(), "1%").agrees);
    let same_models = vec![("R1".to_owned(), "deepseek.thinker-v1:0".to_owned())];
    assert!(compared(rows(), &lines, &BillScope { same_models, ..scope() }, "1%").agrees);
}

#[test]
fn discounts_lower_the_cost_and_count_no_tokens_twice() {
    let mut lines = sonnet();
    lines[0].cost = Decimal::parse("5").unwrap();
    lines.push(BillLine {
        item_type: "EdpDiscount".into(),
        unit: String::new(),
        ..line("USE1-Claude4.6Sonnet-input-tokens", "1.5", "-0.5")
    });
    assert!(compared(vec![row(DAY, SONNET, "red", None)], &lines, &scope(), "0%").agrees);
}

#[test]
fn teams_are_told_by_tag_and_else_by_session_name() {
    let mut lines = sonnet();
    lines[0].tags = vec![("iamPrincipal/team".into(), "red".into())];
    lines[1].principal = "arn:aws:sts::123456789012:assumed-role/gateway/tg-blue".into();
    let mut rows = vec![row(DAY, SONNET, "red", None), row(DAY, SONNET, "blue", Some("tg-blue"))];
    for (row, (nanos, input, output)) in rows.iter_mut().zip([(4_500_000_000, 1500, 0), (4_815_000_000, 0, 321)]) {
        row.figures.cost = Money::from_nanos(nanos);
        row.figures.usage = Usage { input_tokens: input, output_tokens: output, ..Usage::default() };
    }
    let found = compared(rows.clone(), &lines, &scope(), "0%");
    assert!(found.agrees, "{found:?}");
    assert_eq!(found.teams.len(), 2);
    // Booked to the wrong team: the models agree, the teams do not.
    rows.iter_mut().for_each(|row| row.group[3] = Some("blue".into()));
    let found = compared(rows, &lines, &scope(), "0%");
    assert!(!found.agrees && found.cells.iter().all(|cell| cell.verdict == Verdict::Agrees));
}

#[test]
fn other_providers_and_other_days_are_left_out() {
    let mut other = row(DAY, "gpt-5", "red", None);
    other.group[1] = Some("openai".into());
    let rows = vec![row(DAY, SONNET, "red", None), other];
    let mut lines = sonnet();
    lines.push(BillLine {
        start: Timestamp::parse("2026-11-25T00:00:00Z").unwrap(),
        ..line("USE1-Claude4.6Sonnet-input-tokens", "9", "9")
    });
    let until = Timestamp::parse("2026-11-25T00:00:00Z");
    assert!(compared(rows, &lines, &BillScope { until, ..scope() }, "0%").agrees);
}

#[test]
fn what_a_commitment_costs_is_compared_where_its_usage_type_is_known() {
    let commitment = Commitment {
        name: "pt-1".into(),
        provider: "bedrock".into(),
        sku: Some("*ProvisionedThroughput*".into()),
        rate: CommitmentRate::Hourly(Money::from_nanos(39_600_000_000)),
        quantity: 1,
        from: Timestamp::parse("2026-11-24T00:00:00Z").unwrap(),
        until: None,
    };
    let mut bill = BillSide::default();
    for (usage_type, cost) in
        [("USE1-ProvisionedThroughput-ClaudeSonnet-1MonthCommit", "950.4"), ("USE1-Guardrail", "1")]
    {
        bill.take(&BillLine { unit: "Hour".into(), ..line(usage_type, "24", cost) }, &scope());
    }
    let day = |hours: i64| {
        let end = Timestamp::from_seconds(commitment.from.seconds() + hours * 3_600);
        let charged = [(&commitment, commitment.of_span(None, end).1)];
        compare(&LedgerSide::default(), &bill, &charged, &Tolerance::parse("0%").unwrap().ignoring(Decimal::ZERO))
    };
    let found = day(24);
    assert!(found.agrees && found.commitments[0].agrees, "{found:?}");
    assert_eq!(found.commitments[0].bill, Decimal::parse("950.4").unwrap());
    assert_eq!(found.not_tokens.len(), 1, "{found:?}");
    let found = day(23);
    assert!(!found.agrees && !found.commitments[0].agrees, "{found:?}");
    let unnamed = Commitment { sku: None, ..commitment };
    let charged = [(&unnamed, Money::from_nanos(1))];
    let found = compare(&LedgerSide::default(), &bill, &charged, &Tolerance::parse("0%").unwrap());
    assert!(found.agrees && found.commitments.is_empty() && found.not_tokens.len() == 2, "{found:?}");
}
