//! Options to a request, and a report to a table and to CSV.

use super::{Dimension, Filter, Format, Report, csv, table};
use clap::{Args as _, Command, FromArgMatches as _};
use tg_admin::api;
use tg_kernel::record::Ending;
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;
use tg_store::ledger::{self, Figures, ReportQuery, ReportRow};

fn parse(arguments: &[&str]) -> Result<Report, String> {
    let command = Report::augment_args(Command::new("report"));
    let matches = command.try_get_matches_from([&["report"], arguments].concat()).map_err(|e| e.to_string())?;
    Ok(Report::from_arg_matches(&matches).unwrap())
}

#[test]
fn options_become_a_request() {
    let report =
        parse(&["--by", "team,day", "--since", "7d", "--filter", "tag=a=b", "--filter", "project=", "--format", "csv"])
            .unwrap();
    assert_eq!(report.by, [Dimension::Team, Dimension::Day]);
    assert_eq!((report.since.as_deref(), report.format), (Some("7d"), Format::Csv));
    let expected = [
        Filter { dimension: Dimension::Tag, value: Some("a=b".to_owned()) },
        Filter { dimension: Dimension::Project, value: None },
    ];
    assert_eq!(report.filters, expected);
    assert_eq!(parse(&[]).unwrap().by, [Dimension::Team]);
}

#[test]
fn bad_values_are_told_with_what_to_write() {
    for (arguments, expected) in [
        (["--by", "tame"], "team, project"),
        (["--since", "last week"], "`7d`"),
        (["--until", "2026-13-01"], "`2026-11-01`"),
        (["--filter", "team"], "team=search"),
        (["--filter", "tame=x"], "team=search"),
        (["--format", "xml"], "csv"),
    ] {
        let refused = parse(&arguments).unwrap_err();
        assert!(refused.contains(expected), "{arguments:?}: {refused}");
    }
}

fn figures(calls: u64, nanos: i64) -> Figures {
    let usage = Usage { input_tokens: 1_234_567 * calls, output_tokens: 20, cache_read_tokens: 5, ..Usage::default() };
    let cost = Money::from_nanos(nanos);
    Figures { calls, usage, cost, list_cost: cost, ..Figures::default() }
}

fn report(by: &[Dimension], groups: &[Option<&str>]) -> api::Report {
    let rows = groups.iter().map(|group| ReportRow {
        group: by.iter().map(|_| group.map(str::to_owned)).collect(),
        figures: figures(1, 6_000_001),
    });
    let totals = Figures {
        unattributed_calls: 1,
        unattributed_cost: Money::from_nanos(3_000_000_000),
        unpriced_calls: 2,
        ..figures(2, 12_000_000_000)
    };
    let found = ledger::Report {
        rows: rows.collect(),
        cut: false,
        totals,
        endings: vec![(Ending::Ok, 1), (Ending::ClientGone, 1)],
        ..ledger::Report::default()
    };
    api::Report::of(&ReportQuery { by: by.to_vec(), ..ReportQuery::default() }, &found)
}

#[test]
fn a_table_lines_up_to_the_last_nano_dollar_and_tells_what_to_know() {
    let text = table::write(&report(&[Dimension::Team], &[Some("search"), None, Some("e\u{1b}vil")]));
    let lines: Vec<&str> = text.lines().collect();
    let expected = [
        "TEAM    CALLS      INPUT  CACHE READ  OUTPUT      COST USD",
        "search      1  1,234,567           5      20   0.006000001",
        "(none)      1  1,234,567           5      20   0.006000001",
        "e\u{fffd}vil       1  1,234,567           5      20   0.006000001",
        "TOTAL       2  2,469,134           5      20  12.000000000",
        "",
        "unattributed  1 call, 3.00 USD (25.0 % of the cost) booked to no team or to no project",
        "estimated     0 calls, 0.00 USD (0.0 % of the cost) with counts that the gateway estimated",
        "unpriced      2 calls without a price: their cost reads zero and is not known",
        "endings       ok 1, client_gone 1",
    ];
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn totals_alone_and_nothing_at_all_have_a_table_too() {
    let totals = table::write(&report(&[], &[]));
    assert!(totals.starts_with("CALLS"), "{totals}");
    let nothing = table::write(&api::Report::of(&ReportQuery::default(), &ledger::Report::default()));
    assert!(nothing.contains("endings       no calls"), "{nothing}");
    let tags = table::write(&report(&[Dimension::Tag], &[Some("a")]));
    assert!(tags.contains("counts it once") || tags.contains("count it once"), "{tags}");
}

#[test]
fn list_prices_are_shown_where_something_else_was_charged() {
    let mut report = report(&[Dimension::Team], &[Some("search")]);
    assert!(!table::write(&report).contains("LIST USD"));
    report.rows[0].figures.list_cost = Money::from_nanos(8_000_000).into();
    let text = table::write(&report);
    let lines: Vec<Vec<&str>> = text.lines().take(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][lines[0].len() - 4..], ["LIST", "USD", "COST", "USD"], "{text}");
    assert_eq!(lines[1][lines[1].len() - 2..], ["0.008", "0.006000001"], "{text}");
    assert!(csv::write(&report).contains(",0.006000001,6000001,0.008,8000000,"));
}

#[test]
fn csv_is_quoted_and_no_cell_is_a_formula() {
    let groups = ["plain", "a,b", "say \"x\"", "two\nlines", "=1+1", "@x", "-2", "+3", "a=b"];
    let text = csv::write(&report(&[Dimension::Tag], &groups.map(Some)));
    let cells: Vec<&str> = text.split("\r\n").skip(1).map(|line| line.split(",1,1234567").next().unwrap()).collect();
    let expected = ["plain", "\"a,b\"", "\"say \"\"x\"\"\"", "\"two\nlines\"", "'=1+1", "'@x", "'-2", "'+3", "a=b"];
    assert_eq!(cells, expected, "{text:?}");
    assert!(text.ends_with('\r') && text.starts_with("tag,calls,input_tokens,"));
    let columns = |line: &str| line.split(',').count();
    let plain: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(columns(plain[0]), columns(plain[1]));
    assert!(plain[1].contains(",0.006000001,6000001,"), "{}", plain[1]);
    assert_eq!(csv::write(&report(&[Dimension::Tag], &[None])).split("\r\n").nth(1).unwrap().chars().next(), Some(','));
    assert_eq!(csv::write(&report(&[], &[])).split("\r\n").count(), 2);
}
