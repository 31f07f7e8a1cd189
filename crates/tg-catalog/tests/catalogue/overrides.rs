//! Overrides: what is refused, what is warned about, what takes precedence when.

use serde_json::{Value, json};
use tg_catalog::{Catalogue, Overridden, parse_overrides};
use tg_kernel::clock::Timestamp;
use tg_kernel::usage::{ServiceTier, Usage};

fn apply(rows: Value) -> Result<Overridden, String> {
    let join = |problems: Vec<tg_catalog::OverrideProblem>| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let rows = parse_overrides(&rows).map_err(join)?;
    Catalogue::embedded().unwrap().with_overrides("mine", rows).map_err(join)
}

#[test]
fn wrong_rows_are_refused_with_their_place() {
    for (rows, problem) in [
        (json!(1), "rows: must be a list"),
        (json!({}), "rows: must be a list"),
        (json!({"rows": [], "currency": "EUR"}), "currency: is not known here"),
        (json!([{"provider": "openai", "id": "x", "price": 1}]), "rows[0]: unknown field `price`"),
        (json!([{"provider": "openai"}]), "rows[0]: missing field `id`"),
        (
            json!([{"provider": "openai", "id": "x", "rates": [{"in": -1, "out": 1}]}]),
            "rows[0].rates[0]: invalid value",
        ),
        (
            json!([{"provider": "openai", "id": "x", "rates": [{"in": 1.5, "out": 1}]}]),
            "rows[0].rates[0]: invalid type",
        ),
        (
            json!([{"provider": "openai", "id": "x", "rates": [{"in": 1, "out": 1}, {"above": 5, "cost": 1}]}]),
            "rows[0].rates[1]: unknown field `cost`",
        ),
        (json!([{"provider": "openai", "id": "x", "rates": [{"in": 4_000_000_001_u64, "out": 1}]}]), "highest rate"),
        (json!([{"provider": "openai", "id": "x", "rates": [{"in": 1}]}]), "must have `in` and `out`"),
        (json!([{"provider": "openai", "id": "x", "rates": [{"tier": "flex", "in": 1, "out": 1}]}]), "without `tier`"),
        (
            json!([{"provider": "openai", "id": "x", "rates": [{"in": 1, "out": 1}, {"in": 2, "out": 2}]}]),
            "two entries",
        ),
        (json!([{"provider": "openai", "id": "x"}]), "`rates` is missing"),
        (
            json!([{"provider": "openai", "id": "x", "like": "no-such"}]),
            "neither the catalogue nor an earlier row has it for `openai`",
        ),
        (json!([{"provider": "", "id": "x", "rates": [{"in": 1, "out": 1}]}]), "`provider` must not be empty"),
        (json!([{"provider": "openai", "id": "", "rates": [{"in": 1, "out": 1}]}]), "`id` must have"),
        (
            json!([{"provider": "openai", "id": "x", "rates": [{"in": 1, "out": 1}], "valid_from": "soon"}]),
            "`valid_from` must be a date",
        ),
        (
            json!([{"provider": "openai", "id": "x", "rates": [{"in": 1, "out": 1}], "scopes": {"us": [1, 0]}}]),
            "`scopes.us` must be",
        ),
        (json!([{"provider": "openai", "id": "x", "rates": [{"in": 1, "out": 1}], "abilities": ["fly"]}]), "`fly`"),
    ] {
        let error = apply(rows.clone()).unwrap_err();
        assert!(error.contains(problem), "{rows}: {error}");
    }
    let both = apply(json!([{"provider": "", "id": "x"}, {"provider": "openai", "id": "x"}])).unwrap_err();
    assert!(both.contains("rows[0]") && both.contains("rows[1]"), "{both}");
}

#[test]
fn a_jump_of_more_than_ten_times_is_a_warning() {
    let now = Timestamp::from_seconds(1_700_000_000);
    let before = Catalogue::embedded().unwrap().find("openai", "gpt-4o", now).unwrap().rate_sets()[0].rates;
    for (factor, jumps) in [(1, 0), (10, 0), (11, 2)] {
        let rates = json!([{"in": before.input * factor, "out": before.output * factor}]);
        let done = apply(json!({"rows": [{"provider": "openai", "id": "gpt-4o", "rates": rates}]})).unwrap();
        let seen: Vec<_> = done.jumps.iter().filter(|jump| jump.rate == "in" || jump.rate == "out").collect();
        assert_eq!(seen.len(), jumps, "{seen:?}");
    }
    let free = json!([{"provider": "openai", "id": "gpt-4o", "rates": [{"in": 0, "out": 0}]}]);
    let done = apply(free).unwrap();
    assert!(done.jumps.iter().any(|jump| jump.to_string().contains("openai/gpt-4o: `in` goes from")));
}

#[test]
fn a_dated_override_leaves_earlier_calls_at_the_earlier_price() {
    let dated = json!([
        {"provider": "openai", "id": "gpt-4o", "rates": [{"in": 1, "out": 1}], "valid_from": "2026-12-01"},
    ]);
    let catalogue = apply(dated).unwrap().catalogue;
    let label = |at: &str| {
        let row = catalogue.find("openai", "gpt-4o", Timestamp::parse(at).unwrap()).unwrap();
        let usage = Usage { input_tokens: 1, ..Usage::default() };
        tg_catalog::price(&row, &usage, ServiceTier::Default).price
    };
    let embedded = Catalogue::embedded().unwrap();
    assert_eq!(*label("2026-11-30T23:59:59Z"), *format!("{}/openai/gpt-4o", embedded.version()));
    assert_eq!(&*label("2026-12-01T00:00:00Z"), "mine/openai/gpt-4o");
    assert_eq!(catalogue.version(), format!("{}+mine", embedded.version()));
    assert_eq!(catalogue.sources().len(), embedded.sources().len() + 1);
}

#[test]
fn an_undated_override_replaces_the_row_and_others_stay() {
    let embedded = Catalogue::embedded().unwrap();
    let catalogue = apply(json!([
        {"provider": "openai", "id": "gpt-4o", "rates": [{"in": 7, "out": 9}]},
        {"provider": "ollama", "id": "llama", "rates": [{"in": 0, "out": 0}]},
        {"provider": "azure", "id": "team-a-deployment", "like": "gpt-4o"},
    ]))
    .unwrap()
    .catalogue;
    assert_eq!(catalogue.rows().len(), embedded.rows().len() + 2);
    for at in [Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX)] {
        let input = |provider, id| catalogue.find(provider, id, at).unwrap().rate_sets()[0].rates.input;
        assert_eq!(input("openai", "gpt-4o"), 7);
        assert_eq!(input("ollama", "llama"), 0);
        assert_eq!(input("azure", "team-a-deployment"), input("azure", "gpt-4o"));
    }
}
