//! Prices as history, from a call to its correction: what was booked is never restated.

use crate::cli::{bad, good, tallygate};
use crate::speak::{CHAT, MANNERS, Manner, ask};
use crate::wire::Call;
use crate::world::{Setup, World, document, load, put_in_force};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::principal::Attribution;
use tg_kernel::rates::{RateSheet, UnitKind};
use tg_kernel::record::{Asked, Attempt, Cost, Pricing, Record, Served};
use tg_kernel::usage::{ServiceTier, Usage};
use tg_proxy::cost::Basis;
use tg_proxy::rerate::{Rerated, rerate};
use tg_proxy::snapshot::Snapshot;
use tg_store::{OpenEntry, ReportQuery, Store};

const DOUBLE: &str = r#"rows: [{provider: openai, id: gpt-5-mini, rates: [{in: 500000, out: 4000000}]}]"#;

/// A gateway whose prices are in a file of this folder.
fn world(folder: &TempDir, prices: &str, pricing: &str) -> (World, Setup) {
    let path = folder.path().join("prices.yaml");
    std::fs::write(&path, prices).unwrap();
    let pricing = format!("{{ overrides: '{}'{pricing} }}", path.display());
    let setup = || Setup { pricing: pricing.clone(), ..Setup::default() };
    (World::with(setup()), setup())
}

fn call(world: &World) -> Record {
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    world.row(&answer)
}

#[test]
fn a_price_change_restates_no_history() {
    let folder = TempDir::new().unwrap();
    let (world, setup) = world(&folder, DOUBLE, "");
    let before = call(&world);
    let ledger = Store::open(world.folder.path().join("tallygate.db")).unwrap().ledger().unwrap();
    let report = ledger.report(&ReportQuery::default()).unwrap();
    let dearer = DOUBLE.replace("500000", "900000");
    std::fs::write(folder.path().join("prices.yaml"), dearer).unwrap();
    put_in_force(world.gateway(), &document(&setup, &world.sim, world.folder.path()));
    assert_eq!(ledger.get(before.id).unwrap(), Some(before.clone()));
    assert_eq!(ledger.report(&ReportQuery::default()).unwrap(), report);
    let after = call(&world);
    assert_eq!(after.usage, before.usage);
    assert!(after.cost.amount > before.cost.amount);
    assert_eq!(ledger.get(before.id).unwrap(), Some(before));
}

#[test]
fn a_row_keeps_its_unit_prices_and_a_discount_is_told_in_it() {
    let folder = TempDir::new().unwrap();
    let discounts = ", discounts: [{ name: deal, provider: openai, percent: '12.5%' }]";
    let (world, _) = world(&folder, DOUBLE, discounts);
    let row = call(&world);
    let sheet = RateSheet::parse(row.cost.rates.as_deref().unwrap()).unwrap();
    assert_eq!((sheet.contracted(&row.usage), sheet.list(&row.usage)), (row.cost.amount, row.cost.list));
    let expected = i64::try_from(row.usage.input_tokens * 500 + row.usage.output_tokens * 4000).unwrap();
    assert_eq!((row.cost.list.nanos(), row.cost.amount.nanos()), (expected, (expected * 7 + 7) / 8));
    assert!(row.cost.price.ends_with("/openai/gpt-5-mini%deal"), "{}", row.cost.price);
    let ledger = Store::open(world.folder.path().join("tallygate.db")).unwrap().ledger().unwrap();
    let totals = ledger.report(&ReportQuery::default()).unwrap().totals;
    assert_eq!((totals.list_cost, totals.cost), (row.cost.list, row.cost.amount));
}

/// A folder with a configuration, a file of prices and a ledger with these calls.
fn bench(prices: Option<&str>, calls: &[Record]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let config = "providers: [{name: openai, kind: openai, api_key: env:NOT_SET_ANYWHERE}]\n\
                  pricing: {overrides: prices.yaml}\nstore: {path: tallygate.db}\n";
    std::fs::write(folder.path().join("tallygate.yaml"), config).unwrap();
    if let Some(prices) = prices {
        std::fs::write(folder.path().join("prices.yaml"), prices).unwrap();
    }
    let store = Store::open(folder.path().join("tallygate.db")).unwrap();
    store.ledger_writer().unwrap().append(calls).unwrap();
    folder
}

/// A call of a minute ago that was booked with this cost.
fn booked(model: &str, cost: Cost) -> Record {
    let world = World::start();
    let row = call(&world);
    let mut served = row.served.clone().unwrap();
    served.model = model.into();
    let usage = Usage { input_tokens: 1000, output_tokens: 100, ..Usage::default() };
    Record { id: tg_kernel::ids::CallId::fresh(), served: Some(served), usage, cost, ..row }
}

fn unpriced(model: &str) -> Record {
    booked(model, Cost { pricing: Pricing::Unpriced, ..Cost::default() })
}

fn totals(folder: &Path, as_booked: bool) -> tg_store::Figures {
    let ledger = Store::open(folder.join("tallygate.db")).unwrap().ledger().unwrap();
    ledger.report(&ReportQuery { as_booked, ..ReportQuery::default() }).unwrap().totals
}

#[test]
fn a_price_that_becomes_known_late_is_added_once_and_edits_nothing() {
    let call = unpriced("house-model");
    let folder = bench(Some("rows: []"), std::slice::from_ref(&call));
    let at = folder.path();
    let nothing = good(at, &["prices", "rerate", "--since", "1d"]);
    assert!(nothing.contains("0 corrections") && nothing.contains("1 used something that has no price"), "{nothing}");
    std::fs::write(
        at.join("prices.yaml"),
        "rows: [{provider: openai, id: house-model, rates: [{in: 1000000, out: 2000000}]}]",
    )
    .unwrap();
    let dry = good(at, &["prices", "rerate", "--since", "1d", "--dry-run"]);
    assert!(dry.contains("price known") && dry.contains("0.0012") && dry.contains("dry run"), "{dry}");
    assert_eq!(totals(at, false).corrected_calls, 0);
    let made = good(at, &["prices", "rerate", "--since", "1d"]);
    assert!(made.contains("1 corrections of 0.0012 USD in all, of which 1 made"), "{made}");
    let again = good(at, &["prices", "rerate", "--since", "1d"]);
    assert!(again.contains("0 corrections of 0.00 USD in all, of which 0 made; 1 calls stand"), "{again}");

    let (corrected, as_booked) = (totals(at, false), totals(at, true));
    assert_eq!((corrected.cost.nanos(), corrected.unpriced_calls, corrected.corrected_calls), (1_200_000, 0, 1));
    assert_eq!((as_booked.cost.nanos(), as_booked.unpriced_calls, as_booked.corrected_calls), (0, 1, 0));
    let ledger = Store::open(at.join("tallygate.db")).unwrap().ledger().unwrap();
    assert_eq!(ledger.get(call.id).unwrap().as_ref(), Some(&call));
    assert!(good(at, &["report"]).contains("corrected     1 call after they were booked, 0.0012 USD in all"));
    assert!(!good(at, &["report", "--as-booked"]).contains("corrected"));
    let later = bad(at, &["prices", "rerate", "--since", "1h", "--until", "2h"], 1);
    assert!(later.contains("--until is not after --since"), "{later}");
}

#[test]
fn a_list_is_shown_before_it_is_applied_and_history_is_kept() {
    let cost = Cost::at_list(tg_kernel::units::Money::from_nanos(1), Pricing::Priced, "old/openai/house-model");
    let old = "rows: [{provider: openai, id: house-model, rates: [{in: 1000000, out: 2000000}]}]";
    let folder = bench(Some(old), &[booked("house-model", cost)]);
    let at = folder.path();
    let list = "rows:\n- {provider: openai, id: house-model, rates: [{in: 1500000, out: 2000000}]}\n";
    std::fs::write(at.join("new.yaml"), list).unwrap();
    let shown = good(at, &["prices", "diff", "new.yaml", "--from", "2026-01-01"]);
    for part in ["+50.0 %", "2026-01-01T00:00:00Z", "red", "0.0012", "0.0017", "0.0005"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(std::fs::read_to_string(at.join("prices.yaml")).unwrap(), old);
    let done = good(at, &["prices", "apply", "new.yaml", "--from", "2026-01-01"]);
    assert!(done.contains("wrote prices.yaml; prices.yaml.before is the file that was there"), "{done}");
    let written = std::fs::read_to_string(at.join("prices.yaml")).unwrap();
    assert!(written.contains(r#""valid_to":"2026-01-01T00:00:00Z""#), "{written}");
    let again = good(at, &["prices", "apply", "new.yaml", "--from", "2026-02-01"]);
    assert!(again.contains("nothing changes"), "{again}");
    let then = good(at, &["prices", "show", "house-model", "--at", "2025-12-31"]);
    let now = good(at, &["prices", "show", "house-model"]);
    assert!(then.contains("1.00") && now.contains("1.50"), "{then}\n{now}");
    let own = good(at, &["prices", "list", "--own"]);
    assert_eq!(own.matches("house-model").count(), 2, "{own}");
}

#[test]
fn a_price_that_ends_or_begins_is_not_taken_for_nothing() {
    let cost = Cost::at_list(tg_kernel::units::Money::from_nanos(1), Pricing::Priced, "old/openai/house-model");
    let old = "rows: [{provider: openai, id: house-model, rates: [{in: 1000000, out: 2000000}]}]";
    let folder = bench(Some(old), &[booked("house-model", cost), unpriced("other-model")]);
    let at = folder.path();
    let list = "rows: [{provider: openai, id: other-model, rates: [{in: 1000000, out: 2000000}]}]";
    std::fs::write(at.join("new.yaml"), list).unwrap();
    let shown = good(at, &["prices", "diff", "new.yaml", "--whole"]);
    let row = |name: &str| shown.lines().find(|line| line.contains(name) && line.starts_with("red")).unwrap();
    let words = |name: &str| row(name).split("  ").map(str::trim).filter(|w| !w.is_empty()).collect::<Vec<_>>();
    assert_eq!(words("house-model"), ["red", "house-model", "1", "0.0012", "no price", "-"], "{shown}");
    assert_eq!(words("other-model"), ["red", "other-model", "1", "no price", "0.0012", "-"], "{shown}");
    let total = shown.lines().find(|line| line.starts_with("TOTAL")).unwrap();
    assert!(total.contains("0.00") && !total.contains("0.0012"), "{shown}");
    for part in ["1 more would have no price any more, and are not in the total", "1 more have no price now"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn a_slip_of_the_unit_and_an_end_are_not_applied_unseen() {
    let folder = bench(None, &[]);
    let at = folder.path();
    let row = |id: &str, rate: u32| format!("- {{provider: openai, id: {id}, rates: [{{in: {rate}, out: {rate}}}]}}\n");
    std::fs::write(at.join("one.yaml"), format!("rows:\n{}{}", row("a", 100), row("b", 100))).unwrap();
    std::fs::write(at.join("prices.yaml"), "rows: []").unwrap();
    good(at, &["prices", "apply", "one.yaml", "--from", "2026-01-01"]);
    std::fs::write(at.join("two.yaml"), format!("rows:\n{}", row("a", 1001))).unwrap();
    let before = std::fs::read_to_string(at.join("prices.yaml")).unwrap();
    let output = tallygate(at, &["prices", "apply", "two.yaml", "--whole"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let refused = String::from_utf8(output.stderr).unwrap();
    for part in ["--reviewed", "openai/a: `input` changes more than tenfold", "openai/b: your own price ends"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert_eq!(std::fs::read_to_string(at.join("prices.yaml")).unwrap(), before);
    good(at, &["prices", "apply", "two.yaml", "--whole", "--reviewed"]);
    let missing = bad(at, &["prices", "show", "b"], 1);
    assert!(missing.contains("no provider of the configuration has a price for 'b'"), "{missing}");
    for (list, part) in [
        (
            "rows: [{provider: openai, id: x, rates: [{in: 1, out: 1}], valid_from: 2026-02-02, valid_to: 2026-02-01}]",
            "not after",
        ),
        ("rows: [{provider: openai, id: x, price: 1}]", "unknown field `price`"),
        ("rows: 3", "must be a list of rows"),
    ] {
        std::fs::write(at.join("wrong.yaml"), list).unwrap();
        let refused = bad(at, &["prices", "diff", "wrong.yaml"], 1);
        assert!(refused.contains(part), "{list}: {refused}");
    }
}

/// A configuration whose prices and discounts are these, compiled.
fn snapshot(folder: &Path, number: usize, prices: &str, discounts: &str) -> Arc<Snapshot> {
    let path = folder.join(format!("{number}.yaml"));
    std::fs::write(&path, prices).unwrap();
    let text = format!(
        "providers: [{{name: openai, kind: openai, api_key: env:SIM_KEY}}]\n\
         pricing: {{overrides: '{}', discounts: [{discounts}]}}\n",
        path.display()
    );
    load(&text).unwrap().snapshot
}

/// Of each model the rates of input and output, if there are any, and a discount in eighths.
type Known = (Vec<Option<(u32, u32)>>, u32);

/// Prices, one after the other, as they came to be known: of models `m0` to `m2`, of which some have none at times.
fn any_prices() -> impl Strategy<Value = Vec<Known>> {
    let rates = prop::option::weighted(0.8, (0..9_000_000_u32, 0..9_000_000_u32));
    prop::collection::vec((prop::collection::vec(rates, 3), 0..4_u32), 1..4)
}

fn written(rates: &[Option<(u32, u32)>]) -> String {
    let row = |(model, rates): (usize, &Option<(u32, u32)>)| {
        let (input, output) = (*rates)?;
        Some(format!("{{provider: openai, id: m{model}, rates: [{{in: {input}, out: {output}}}]}}"))
    };
    format!("rows: [{}]", rates.iter().enumerate().filter_map(row).collect::<Vec<_>>().join(", "))
}

/// What a try costs by these rates, computed without the catalogue.
fn reference(usage: &Usage, (input, output): (u32, u32), off_eighths: u32) -> i64 {
    let paid = |rate: u32| (u128::from(rate) * u128::from(8 - off_eighths)).div_ceil(8);
    let picos = u128::from(usage.input_tokens) * paid(input) + u128::from(usage.output_tokens) * paid(output);
    i64::try_from((picos + 500) / 1000).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_and_its_corrections_are_the_calls_priced_anew(
        calls in prop::collection::vec((0..3_usize, 0..5_000_u64, 1..5_000_u64, prop::option::of((0..3_usize, 1..5_000_u64))), 1..12),
        prices in any_prices(),
    ) {
        let folder = TempDir::new().unwrap();
        let at = folder.path();
        let known: Vec<Arc<Snapshot>> = prices.iter().enumerate().map(|(number, (rates, off))| {
            let off = if *off == 0 { String::new() } else { format!("{{name: d, provider: openai, percent: {}%}}", f64::from(*off) * 12.5) };
            snapshot(at, number, &written(rates), &off)
        }).collect();
        let now = Timestamp::from_seconds(1_800_000_000);
        // Booked by the first prices.
        let records: Vec<Record> = calls.iter().map(|call| plain(*call, &known[0])).collect();
        let store = Store::open(at.join("store.db")).unwrap();
        let (mut writer, ledger) = (store.ledger_writer().unwrap(), store.ledger().unwrap());
        writer.append(&records).unwrap();
        for snapshot in &known {
            for _ in 0..2 {
                for record in &records {
                    let made = ledger.corrections(&[record.id]).unwrap();
                    if let Rerated::Corrected(correction) = rerate(record, &made, snapshot, now) {
                        writer.correct(&[correction]).unwrap();
                    }
                }
            }
            for record in &records {
                let made = ledger.corrections(&[record.id]).unwrap();
                prop_assert!(!matches!(rerate(record, &made, snapshot, now), Rerated::Corrected(_)), "a second run corrects");
            }
        }
        let expected: i64 = calls.iter().zip(&records).map(|(call, record)| expected(*call, record, &prices)).sum();
        let report = ledger.report(&ReportQuery::default()).unwrap();
        prop_assert_eq!(report.totals.cost.nanos(), expected);
        let booked: i64 = records.iter().map(|record| record.total_cost().amount.nanos()).sum();
        prop_assert_eq!(booked + report.totals.corrections.nanos(), expected);
        let unpriced = report.totals.unpriced_calls;
        prop_assert!(unpriced <= calls.len() as u64);
    }
}

/// A call of a model with these counts, after a try of another one that may have used input.
type Drawn = (usize, u64, u64, Option<(usize, u64)>);

fn plain((model, input_tokens, output_tokens, earlier): Drawn, snapshot: &Snapshot) -> Record {
    let served = |model: usize| Served {
        provider: "openai".into(),
        model: format!("m{model}").into(),
        profile: None,
        dialect: Dialect::OpenaiChat,
        request_id: None,
        session: None,
        tier: ServiceTier::Default,
        attempts: 1,
        stop: None,
    };
    let entry = OpenEntry {
        id: tg_kernel::ids::CallId::fresh(),
        started_at: Timestamp::from_seconds(1_790_000_000),
        attribution: Attribution { team: "red".into(), ..Attribution::default() },
        asked: Asked { dialect: Dialect::OpenaiChat, operation: Operation::Chat, model: "m".into(), stream: false },
        provider: "openai".into(),
        model: format!("m{model}").into(),
        profile: None,
        dialect: Dialect::OpenaiChat,
        tier: ServiceTier::Default,
        session: None,
        estimated: Usage { input_tokens, output_tokens, ..Usage::default() },
        earlier: Vec::new(),
        decided: None,
    };
    let mut record = entry.into_interrupted(Cost::default());
    record.earlier = earlier
        .into_iter()
        .map(|(model, input_tokens)| {
            let usage = Usage { input_tokens, ..Usage::default() };
            let tried = Record { served: Some(served(model)), usage, ..record.clone() };
            Attempt {
                served: served(model),
                fault: "unavailable".into(),
                usage,
                cost: Basis::of(&tried, snapshot).cost(&tried),
            }
        })
        .collect();
    record.cost = Basis::of(&record, snapshot).cost(&record);
    record
}

/// What the call costs in the end: by the last prices that had one for all that it used, as far as it was corrected.
fn expected((model, input_tokens, output_tokens, earlier): Drawn, record: &Record, prices: &[Known]) -> i64 {
    let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
    let before = earlier.map(|(model, input_tokens)| (model, Usage { input_tokens, ..Usage::default() }));
    let mut sum = record.total_cost().amount.nanos();
    let mut corrected = false;
    for (rates, off) in prices {
        let last = rates[model].map(|rates| reference(&usage, rates, *off));
        let earlier = before.map(|(model, usage)| rates[model].map(|rates| reference(&usage, rates, *off)));
        let booked = |cost: &Cost| cost.amount.nanos();
        let all_known = last.is_some() && earlier.is_none_or(|cost| cost.is_some());
        if corrected && !all_known || last.is_none() && earlier.is_none() {
            continue;
        }
        let tried = earlier.map_or(0, |cost| cost.unwrap_or_else(|| booked(&record.earlier[0].cost)));
        let new = last.unwrap_or_else(|| booked(&record.cost)) + tried;
        let is_known_now = |cost: &Cost, now: Option<i64>| cost.pricing == Pricing::Unpriced && now.is_some();
        let becomes_known =
            is_known_now(&record.cost, last) || earlier.is_some_and(|now| is_known_now(&record.earlier[0].cost, now));
        corrected |= new != sum || becomes_known;
        sum = new;
    }
    sum
}

#[test]
fn cached_tokens_are_neither_billed_twice_nor_free() {
    let world = World::start();
    let text = "a rule that stays the same for every call. ".repeat(200);
    for (number, model) in ["on-anthropic", "on-bedrock"].into_iter().enumerate() {
        for manner in MANNERS {
            let system = serde_json::json!([{
                "type": "text",
                "text": format!("{number} {manner:?} {text}"),
                "cache_control": {"type": "ephemeral"},
            }]);
            let body = serde_json::json!({
                "model": model, "max_tokens": 100, "system": system, "stream": manner == Manner::Streamed,
                "messages": [{"role": "user", "content": "hi"}],
            });
            let call = || {
                let call = Call::post("/v1/messages", body.to_string()).header("anthropic-version", "2023-06-01");
                let answer = world.send(&call);
                assert_eq!(answer.status, 200, "{}", answer.text());
                world.row(&answer)
            };
            let (first, second) = (call(), call());
            let cached = first.usage.cache_write_5m_tokens;
            assert!(cached >= 512 && first.usage.cache_read_tokens == 0, "{model} {manner:?} {:?}", first.usage);
            let read = (second.usage.cache_read_tokens, second.usage.cache_write_5m_tokens);
            assert_eq!(read, (cached, 0), "{model} {manner:?}");
            for row in [&first, &second] {
                let sent = world.entry(row).counts;
                let booked = &row.usage;
                assert_eq!(
                    (booked.input_tokens, booked.cache_read_tokens, booked.cache_write_5m_tokens, booked.output_tokens),
                    (sent.input, sent.cache_read, sent.cache_write_5m, sent.output),
                    "{model} {manner:?}"
                );
                // Each token once, at the rate of its kind.
                let sheet = RateSheet::parse(row.cost.rates.as_deref().unwrap()).unwrap();
                let rate = |kind| u128::from(sheet.get(kind).unwrap().list);
                let picos = u128::from(sent.input) * rate(UnitKind::Input)
                    + u128::from(sent.cache_read) * rate(UnitKind::CacheRead)
                    + u128::from(sent.cache_write_5m) * rate(UnitKind::CacheWrite5m)
                    + u128::from(sent.output) * rate(UnitKind::Output);
                assert_eq!(u128::try_from(row.cost.amount.nanos()).unwrap(), (picos + 500) / 1000);
                assert!(rate(UnitKind::CacheRead) < rate(UnitKind::Input) && rate(UnitKind::CacheRead) > 0);
            }
        }
    }
}

#[test]
fn a_streamed_call_is_not_booked_at_nothing_and_a_profile_has_its_own_price() {
    let world = World::start();
    for dialect in CHAT {
        for model in ["on-bedrock", "on-anthropic", "on-openai"] {
            if dialect == Dialect::BedrockInvoke && model == "on-openai" {
                continue;
            }
            let answer = world.send(&ask(dialect, Manner::Streamed, model, "hi"));
            assert_eq!(answer.status, 200, "{dialect:?} {model}: {}", answer.text());
            let row = world.row(&answer);
            assert!(row.usage.input_tokens > 0 && row.usage.output_tokens > 0, "{dialect:?} {model}");
            assert_eq!(row.cost.pricing, Pricing::Priced, "{dialect:?} {model}");
            let sheet = RateSheet::parse(row.cost.rates.as_deref().unwrap()).unwrap();
            assert!(row.cost.amount.nanos() > 0 && row.cost.amount == sheet.contracted(&row.usage));
            // The cross-Region profile costs a tenth more than the model itself.
            let input = sheet.get(UnitKind::Input).unwrap().list;
            match model {
                "on-bedrock" => assert_eq!(input, 1_100_000, "{dialect:?}"),
                "on-anthropic" => assert_eq!(input, 1_000_000, "{dialect:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_file_of_prices_is_named_without_its_folder_and_its_seller_is_told() {
    let folder = TempDir::new().unwrap();
    let (world, _) = world(&folder, DOUBLE, "");
    let row = call(&world);
    let (version, rest) = row.cost.price.split_once('/').unwrap();
    assert!(version.starts_with("prices.yaml-") && rest == "openai/gpt-5-mini", "{}", row.cost.price);
    let output = good(world.folder.path(), &["report", "--format", "focus", "--store", "tallygate.db"]);
    assert!(output.contains("OpenAI API") && output.contains(version), "{output}");
}

#[test]
fn the_first_list_makes_the_file_and_wrong_rows_are_named_where_they_stand() {
    let folder = bench(None, &[]);
    let at = folder.path();
    let row = |from: &str| format!("{{provider: openai, id: x, rates: [{{in: 1, out: 1}}]{from}}}");
    std::fs::write(at.join("new.yaml"), format!("rows: [{}]", row(""))).unwrap();
    let done = good(at, &["prices", "apply", "new.yaml", "--from", "2026-01-01"]);
    assert!(done.contains("wrote prices.yaml") && good(at, &["prices", "list", "--own"]).contains('x'), "{done}");
    let wrong = format!("rows: [{}, {{provider: openai, id: y, like: nobody}}]", row(""));
    std::fs::write(at.join("wrong.yaml"), wrong).unwrap();
    let refused = bad(at, &["prices", "diff", "wrong.yaml"], 1);
    assert!(refused.contains("wrong.yaml: rows[1]: `like` names `nobody`"), "{refused}");
    std::fs::write(at.join("prices.yaml"), "rows: [{provider: opnai, id: x, rates: [{in: 1, out: 1}]}]").unwrap();
    let output = tallygate(at, &["check"]).env("NOT_SET_ANYWHERE", "k").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("no call is priced by the rows of `opnai`"), "{said}");
}
