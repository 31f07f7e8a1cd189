//! When budgets run out, as `tallygate budgets` and a running gateway say it.

use crate::cli::{Serving, good, json};
use serde_json::Value;
use tempfile::TempDir;
use tg_kernel::clock::{Clock as _, SystemClock, Timestamp};
use tg_store::Store;

const HOUR: i64 = 3_600;
const DOLLAR: i64 = 1_000_000_000;
/// A dollar an hour for so long.
const HOURS: i64 = 96;

/// A folder with a ledger in which one team has spent a dollar in each hour of four days until now, and these budgets.
fn spent(now: Timestamp, budgets: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let calls: Vec<_> = (0..HOURS)
        .map(|ago| {
            let mut call = crate::cli::call("search", Some("ranking"), DOLLAR);
            call.started_at = Timestamp::from_seconds(now.seconds() - ago * HOUR - 1);
            call
        })
        .collect();
    let store = Store::open(folder.path().join("tallygate.db")).unwrap();
    store.ledger_writer().unwrap().append(&calls).unwrap();
    Serving::write(folder.path(), "", budgets);
    folder
}

fn budgets(now: Timestamp) -> String {
    let starts = Timestamp::from_seconds(now.seconds() - 30 * 24 * HOUR);
    format!(
        "[{{name: prepaid, window: prepaid, starts: '{starts}', each: [team], amount: 108 USD}}, \
          {{name: over, window: prepaid, starts: '{starts}', amount: 96 USD}}, \
          {{name: day, window: {{rolling: 24h}}, amount: 30 USD}}, \
          {{name: tight, window: {{rolling: 48h}}, amount: 48.50 USD}}, \
          {{name: nobody, for: {{team: idle}}, amount: 30 USD}}]"
    )
}

fn forecast<'a>(page: &'a Value, name: &str) -> &'a Value {
    let of = |budget: &&Value| budget["name"] == name;
    &page["budgets"].as_array().unwrap().iter().find(of).unwrap()["forecast"]
}

fn check(page: &Value, now: Timestamp) {
    let prepaid = forecast(page, "prepaid");
    assert_eq!((&prepaid["basis"], &prepaid["per_day"]["usd"]), (&"days".into(), &"24.00".into()), "{prepaid}");
    let out = Timestamp::parse(prepaid["runs_out_at"].as_str().unwrap()).unwrap();
    // 12 dollars are left, at one an hour; the test itself takes a while.
    let hours = (out.seconds() - now.seconds()) as f64 / 3_600.0;
    assert!((11.9..12.2).contains(&hours), "{hours}: {prepaid}");
    assert!(prepaid["words"].as_str().unwrap().starts_with("runs out "), "{prepaid}");
    assert_eq!(prepaid["at_end"], Value::Null);
    assert_eq!(forecast(page, "over")["words"], "is spent");
    assert_eq!(forecast(page, "day")["words"], "lasts");
    assert!(forecast(page, "tight")["runs_out_at"].is_string(), "{page}");
    assert_eq!(forecast(page, "nobody"), &Value::Null);
}

#[test]
fn a_budget_says_when_it_runs_out_and_forgets_what_a_rolling_one_does_not_count() {
    let now = SystemClock::new().now();
    let folder = spent(now, &budgets(now));
    let at = folder.path();
    check(&json(&good(at, &["budgets", "--json"])), now);
    let table = good(at, &["budgets"]);
    for part in ["A DAY", "24.00", "runs out ", "is spent", "lasts", "not enough data"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let serving = Serving::begin(at);
    check(&json(&good(at, &["budgets", "--json", "--admin", &serving.admin])), now);
}
