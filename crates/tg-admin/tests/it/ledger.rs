//! Reports and calls: what the ledger holds is what is answered, to the last nano-dollar.

use crate::bed::{Bed, NOW};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Cost, Ending, Pricing, Record, Served, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};
use tg_store::ledger::{Piece, Retention};

fn record(team: &str, project: Option<&str>, nanos: i64, ending: Ending) -> Record {
    Record {
        id: CallId::fresh(),
        started_at: Timestamp::from_seconds(NOW - 3600),
        attribution: Attribution {
            key_id: "Kq3x9ZbV1mWc".into(),
            team: team.into(),
            project: project.map(Arc::from),
            environment: None,
            tags: vec!["run=1".to_owned()],
        },
        asked: Asked {
            dialect: Dialect::OpenaiChat,
            operation: Operation::Chat,
            model: "claude-sonnet-4-5".into(),
            stream: true,
        },
        served: Some(Served {
            provider: "bedrock-eu".into(),
            model: "eu.anthropic.claude".into(),
            profile: None,
            dialect: Dialect::BedrockConverse,
            request_id: Some("r-1".to_owned()),
            session: Some("tg-search.ranking".into()),
            tier: ServiceTier::Default,
            attempts: 1,
            stop: None,
        }),
        ending,
        status: 200,
        fault: None,
        usage: Usage { input_tokens: 1000, output_tokens: 200, ..Usage::default() },
        usage_source: UsageSource::Reported,
        cost: Cost::at_list(Money::from_nanos(nanos), Pricing::Priced, "v/row"),
        losses: Vec::new(),
        guarded: None,
        decided: None,
        earlier: Vec::new(),
        timing: Timing { total_us: 5, first_token_us: Some(3), overhead_us: 1 },
    }
}

fn bed_with(records: &[Record]) -> Bed {
    let bed = Bed::open();
    bed.store.ledger_writer().unwrap().append(records).unwrap();
    bed
}

#[tokio::test]
async fn a_report_groups_filters_and_sums() {
    let bed = bed_with(&[
        record("search", Some("ranking"), 6_000_001, Ending::Ok),
        record("search", None, 2_000_000, Ending::ClientGone),
        record("", None, 0, Ending::Refused),
    ]);
    let report = bed.get("/admin/v1/report?by=team,project&since=7d").await.expect(200);
    assert_eq!(report["by"], json!(["team", "project"]));
    assert_eq!(report["since"], "2027-01-08T08:00:00Z");
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["group"], json!({"project": "ranking", "team": "search"}));
    assert_eq!(rows[2]["group"], json!({"project": null, "team": null}));
    assert_eq!(rows[0]["cost"], json!({"usd": "0.006000001", "nanos": 6_000_001}));
    let totals = &report["totals"];
    assert_eq!(totals["cost"]["nanos"], 8_000_001);
    assert_eq!(totals["usage"]["input_tokens"], 3000);
    assert_eq!(totals["unattributed"]["calls"], 2);
    assert_eq!(report["endings"], json!({"ok": 1, "client_gone": 1, "refused": 1}));

    let search = bed.get("/admin/v1/report?filter=team:search&filter=project:").await.expect(200);
    assert_eq!((&search["totals"]["calls"], &search["rows"]), (&json!(1), &json!([])));
    let none = bed.get("/admin/v1/report?until=2027-01-15").await.expect(200);
    assert_eq!(none["totals"]["calls"], 0);
}

#[tokio::test]
async fn calls_are_listed_in_pages_and_shown() {
    let records: Vec<_> = (0..5).map(|n| record("search", None, n, Ending::Ok)).collect();
    let bed = bed_with(&records);
    let mut seen = Vec::new();
    let mut path = "/admin/v1/calls?limit=2".to_owned();
    loop {
        let page = bed.get(&path).await.expect(200);
        seen.extend(page["calls"].as_array().unwrap().iter().map(|call| call["request_id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/admin/v1/calls?limit=2&before={next}");
    }
    let newest_first: Vec<_> = records.iter().rev().map(|record| json!(record.id.to_string())).collect();
    assert_eq!(seen, newest_first);

    let call = bed.get(&format!("/admin/v1/calls/{}", records[3].id)).await.expect(200);
    assert_eq!(call["attribution"]["team"], "search");
    assert_eq!(call["attribution"]["tags"], json!(["run=1"]));
    assert_eq!(call["served"]["model"], "eu.anthropic.claude");
    assert_eq!((&call["cost"]["nanos"], &call["cost"]["pricing"]), (&json!(3), &json!("priced")));
    assert_eq!(call["usage"]["output_tokens"], 200);
    assert_eq!(bed.get("/admin/v1/calls?filter=team:other").await.expect(200)["calls"], json!([]));
}

#[tokio::test]
async fn savings_are_not_told_of_rows_that_retention_has_deleted() {
    const DAY: i64 = 86_400;
    let call = |day: i64| Record {
        started_at: Timestamp::from_seconds(NOW - day * DAY),
        ..record("search", None, 0, Ending::Ok)
    };
    let bed = bed_with(&[call(10), call(1)]);
    assert!(bed.get("/admin/v1/savings?since=20d").await.expect(200).get("rows_since").is_none(), "nothing is gone");
    let keep = Retention { calls: Some(Duration::from_secs(3 * 86_400)), rollups: None };
    let mut upkeep = bed.store.upkeep().unwrap();
    while upkeep.step(&keep, Timestamp::from_seconds(NOW)).unwrap() != Piece::Nothing {}
    let kept = bed.store.ledger().unwrap().rows_since().unwrap().unwrap();
    let refused = bed.get("/admin/v1/savings?since=20d").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "invalid_request"));
    for part in ["since: ", &format!("retention has deleted the rows from before {kept}"), &format!("since={kept}")] {
        assert!(refused.message().contains(part), "{part}: {}", refused.message());
    }
    for query in ["".to_owned(), format!("?since={kept}"), "?until=2d".to_owned()] {
        let told = bed.get(&format!("/admin/v1/savings{query}")).await.expect(200);
        assert_eq!(told["rows_since"], json!(kept.to_string()), "{query}");
    }
}

#[tokio::test]
async fn savings_are_told_by_team_and_with_each_call() {
    let mut hit = record("search", None, 0, Ending::Ok);
    let reused = tg_kernel::reuse::Hit {
        kind: tg_kernel::reuse::Kind::Exact,
        likeness: None,
        age_s: 60,
        from: CallId::fresh(),
        provider: "bedrock-eu".into(),
        model: "eu.anthropic.claude".into(),
        usage: Usage { input_tokens: 1000, ..Usage::default() },
        saved: Cost::at_list(Money::from_nanos(6_000_001), Pricing::Priced, "v/row"),
    };
    let (rule, outcome) = ("faq".into(), tg_kernel::reuse::Outcome::Hit);
    let cache = Some(tg_kernel::reuse::Reuse { rule, outcome, hit: Some(reused), kept: false });
    let points = tg_kernel::decided::CachePoints { points: 1, saved: Money::from_nanos(7) };
    let decided = tg_kernel::decided::Decided { cache, prompt_cache: Some(points), ..Default::default() };
    hit.decided = Some(Box::new(decided));
    let routed = tg_kernel::decided::Routed {
        rule: "smart#0123456789ab".into(),
        mode: "enforce".into(),
        to: Some("bedrock-eu/small".into()),
        from: "bedrock-eu/large".into(),
        stays: None,
        saving: None,
        from_cost: Some(Money::from_nanos(9)),
    };
    let mut moved = record("other", None, 5, Ending::Ok);
    let decided = tg_kernel::decided::Decided { routed: Some(routed), ..Default::default() };
    moved.decided = Some(Box::new(decided));
    let bed = bed_with(&[hit.clone(), moved, record("other", None, 5, Ending::Ok)]);
    let saved = json!({"usd": "0.006000001", "nanos": 6_000_001});
    let figures = |hits: u64, moved: u64, [answers, points, paid, from]: [i64; 4]| {
        let amount = |nanos: i64| serde_json::to_value(tg_admin::api::Amount::from(Money::from_nanos(nanos))).unwrap();
        json!({"hits": hits, "saved": amount(answers), "unpriced_hits": 0, "pointed": hits, "saved_by_points": amount(points),
            "moved": moved, "unpriced_moves": 0, "moved_paid": amount(paid), "moved_from": amount(from),
            "saved_by_routing": amount(from - paid), "saved_in_all": amount(answers + points + from - paid)})
    };
    let of = |name: Value, mut figures: Value| {
        figures.as_object_mut().unwrap().extend(name.as_object().unwrap().clone());
        figures
    };
    let by_answers = of(json!({"team": "search"}), figures(1, 0, [6_000_001, 7, 0, 0]));
    let by_routing = of(json!({"team": "other"}), figures(0, 1, [0, 0, 5, 9]));
    let mut route = of(json!({"team": "other", "route": "smart"}), figures(0, 1, [0, 0, 5, 9]));
    let not_of_routes = ["hits", "saved", "unpriced_hits", "pointed", "saved_by_points", "saved_in_all"];
    route.as_object_mut().unwrap().retain(|name, _| !not_of_routes.contains(&name.as_str()));
    let lists = json!({"teams": [by_answers, by_routing], "routes": [route]});
    let expected = of(lists, figures(1, 1, [6_000_001, 7, 5, 9]));
    assert_eq!(bed.get("/admin/v1/savings?since=7d").await.expect(200), expected);
    let none = of(json!({"teams": [], "routes": []}), figures(0, 0, [0; 4]));
    assert_eq!(bed.get("/admin/v1/savings?until=7d").await.expect(200), none);
    assert!(bed.get("/admin/v1/savings?since=soon").await.expect(400).to_string().contains("since"));
    let call = bed.get(&format!("/admin/v1/calls/{}", hit.id)).await.expect(200);
    let cache = &call["decided"]["cache"];
    assert_eq!((&cache["rule"], &cache["outcome"], &cache["hit"]["saved"]), (&json!("faq"), &json!("hit"), &saved));
}
