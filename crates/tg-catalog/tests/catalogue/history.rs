//! Prices as history: which row holds when, to the microsecond, and which rows cannot hold together.

use serde_json::{Value, json};
use tg_catalog::{Catalogue, parse_overrides, price};
use tg_kernel::clock::Timestamp;
use tg_kernel::usage::{ServiceTier, Usage};

fn apply(rows: Value) -> Result<std::sync::Arc<Catalogue>, String> {
    let rows = parse_overrides(&rows).map_err(|problems| format!("{problems:?}"))?;
    let done = Catalogue::embedded().unwrap().with_overrides("mine", rows);
    done.map(|done| done.catalogue).map_err(|problems| problems.iter().map(|problem| format!("{problem}\n")).collect())
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text}"))
}

/// The input rate at a time; zero where there is no price.
fn input(catalogue: &Catalogue, id: &str, when: Timestamp) -> u32 {
    catalogue.find("openai", id, when).map_or(0, |row| row.rate_sets()[0].rates.input)
}

fn row(id: &str, rate: u32, from: Option<&str>, to: Option<&str>) -> Value {
    let mut row = json!({"provider": "openai", "id": id, "rates": [{"in": rate, "out": rate}]});
    for (name, value) in [("valid_from", from), ("valid_to", to)] {
        if let Some(value) = value {
            row[name] = json!(value);
        }
    }
    row
}

#[test]
fn a_row_that_ends_gives_way_to_what_held_before() {
    let embedded = Catalogue::embedded().unwrap();
    let base = input(&embedded, "gpt-4o", at("2026-01-01T00:00:00Z"));
    // A price of one's own, a lower one in spring, and a model that is sold for a year only.
    let catalogue = apply(json!([
        row("gpt-4o", 7, Some("2026-02-01"), None),
        row("gpt-4o", 3, Some("2026-03-01"), Some("2026-04-01")),
        row("o1", 5, None, Some("2026-04-01")),
        row("passing", 9, Some("2026-01-01"), Some("2027-01-01")),
    ]))
    .unwrap();
    for (id, when, expected) in [
        ("gpt-4o", "2026-01-31T23:59:59.999999Z", base),
        ("gpt-4o", "2026-02-01T00:00:00Z", 7),
        ("gpt-4o", "2026-03-01T00:00:00Z", 3),
        ("gpt-4o", "2026-03-31T23:59:59.999999Z", 3),
        ("gpt-4o", "2026-04-01T00:00:00Z", 7),
        ("gpt-4o", "2036-01-01T00:00:00Z", 7),
        ("o1", "1971-01-01T00:00:00Z", 5),
        ("o1", "2026-03-31T23:59:59.999999Z", 5),
        ("o1", "2026-04-01T00:00:00Z", input(&embedded, "o1", at("2026-04-01T00:00:00Z"))),
        ("passing", "2025-12-31T23:59:59.999999Z", 0),
        ("passing", "2026-12-31T23:59:59.999999Z", 9),
        ("passing", "2027-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(input(&catalogue, id, at(when)), expected, "{id} {when}");
    }
}

#[test]
fn a_clock_that_is_put_back_moves_no_price() {
    // In Berlin it is half past two twice on that night: once in summer time, an hour later in winter time.
    let catalogue = apply(json!([
        row("gpt-4o", 1, Some("2026-10-25T02:30:00+02:00"), Some("2026-10-25T02:30:00+01:00")),
        row("gpt-4o", 2, Some("2026-10-25T02:30:00+01:00"), None),
    ]))
    .unwrap();
    for (when, expected) in [
        ("2026-10-25T00:30:00Z", 1),
        ("2026-10-25T03:29:59.999999+02:00", 1),
        ("2026-10-25T01:30:00Z", 2),
        ("2026-10-25T02:30:00+01:00", 2),
    ] {
        assert_eq!(input(&catalogue, "gpt-4o", at(when)), expected, "{when}");
    }
    let before = input(&catalogue, "gpt-4o", at("2026-10-25T00:29:59.999999Z"));
    assert_eq!(before, input(&Catalogue::embedded().unwrap(), "gpt-4o", at("2026-10-25T00:00:00Z")));
    // A date begins at midnight in UTC, whatever the zone of the machine.
    let day = apply(json!([row("gpt-4o", 5, Some("2026-03-29"), None)])).unwrap();
    assert_eq!(input(&day, "gpt-4o", at("2026-03-29T01:00:00+01:00")), 5);
    assert_ne!(input(&day, "gpt-4o", at("2026-03-29T00:59:59.999999+01:00")), 5);
}

#[test]
fn rows_that_hold_at_the_same_time_are_refused_with_their_places() {
    for (rows, place, reason) in [
        (json!([row("x", 1, None, None), row("x", 2, None, None)]), "rows[1]", "holds always, as does rows[0]"),
        (
            json!([row("x", 1, Some("2026-01-01"), None), row("x", 2, Some("2026-01-01T00:00:00Z"), None)]),
            "rows[1]",
            "from 2026-01-01T00:00:00Z on",
        ),
        (
            json!([row("x", 1, Some("2026-02-01"), None), row("x", 2, Some("2026-01-01"), Some("2026-02-02"))]),
            "rows[0]",
            "beyond 2026-02-02T00:00:00Z, the end of rows[1]",
        ),
        (
            json!([
                row("x", 1, Some("2026-01-01"), Some("2026-12-01")),
                row("x", 2, Some("2026-02-01"), Some("2026-03-01")),
                row("x", 3, Some("2026-04-01"), None),
            ]),
            "rows[2]",
            "the end of rows[0]",
        ),
        (json!([row("x", 1, Some("2026-02-01"), Some("2026-02-01"))]), "rows[0]", "is not after `valid_from`"),
        (json!([row("x", 1, Some("2026-02-02"), Some("2026-02-01"))]), "rows[0]", "is not after `valid_from`"),
        (json!([row("x", 1, None, Some("2026-02-30"))]), "rows[0]", "`valid_to` must be a date"),
    ] {
        let refused = apply(rows.clone()).unwrap_err();
        assert!(refused.starts_with(&format!("{place}: ")) && refused.contains(reason), "{rows}: {refused}");
    }
    // One that ends just when the next begins does not overlap, nor do two providers or two models.
    let fine = json!([
        row("x", 1, None, Some("2026-02-01")),
        row("x", 2, Some("2026-02-01"), None),
        row("y", 3, None, None),
        row("z", 1, Some("2026-01-01"), Some("2026-06-01")),
        row("z", 2, Some("2026-02-01"), Some("2026-03-01")),
        {"provider": "groq", "id": "x", "rates": [{"in": 1, "out": 1}]},
    ]);
    apply(fine).unwrap();
}

#[test]
fn a_row_names_its_price_and_its_rates_can_be_read_back() {
    let catalogue = apply(json!([row("x", 4_000_000, None, None)])).unwrap();
    let row = catalogue.find("openai", "x", at("2026-11-24T00:00:00Z")).unwrap();
    let usage = Usage { input_tokens: 3, output_tokens: 2, ..Usage::default() };
    let cost = price(&row, &usage, ServiceTier::Default);
    let sheet = tg_catalog::RateSheet::parse(cost.rates.as_deref().unwrap()).unwrap();
    assert_eq!((sheet.contracted(&usage), sheet.list(&usage)), (cost.amount, cost.list));
    assert_eq!((&*cost.price, cost.amount.nanos()), ("mine/openai/x", 20_000));
}
