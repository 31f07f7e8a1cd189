//! What was saved, as `tallygate report` shows it: the sums are those of the rows, hits are worth what their calls cost, and moved calls
//! what they would have cost where they were to go.

use crate::cli::{bad, good};
use crate::speak::{Manner, ask};
use crate::wire::Call;
use crate::world::{DEADLINE, Setup, World, rows};
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_store::key::NewKey;

/// A long prompt for Claude, of which a provider's cache may have a part.
fn long(question: &str) -> Call {
    let system = "rules that never change. ".repeat(900);
    let body = json!({"model": "on-anthropic", "max_tokens": 99, "system": system,
        "messages": [{"role": "user", "content": question}]});
    Call::post("/v1/messages", body.to_string()).header("anthropic-version", "2023-06-01")
}

#[test]
fn a_report_of_savings_is_the_sum_of_what_rows_say_and_hits_are_worth_what_their_calls_cost() {
    let setup = Setup {
        cache: "{ rules: [{ name: all, ttl: 1h, only_deterministic: false }] }".to_owned(),
        teams: "- { name: red, projects: [alpha], environments: [prod] }\n- { name: blue }\n".to_owned(),
        more: "prompt_cache: [{ points: auto }]\n".to_owned(),
        ..Setup::default()
    };
    let mut world = World::with(setup);
    let blue = world.issue(&NewKey { ..world.new_key("blue") });
    let hi = |text: &str| ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", text);
    for text in ["one", "two", "one", "one", "two", "three"] {
        assert_eq!(world.send(&hi(text)).status, 200);
    }
    for text in ["one", "one"] {
        assert_eq!(hi(text).bearer(blue.secret.expose()).send(world.address).status, 200);
    }
    for question in ["first", "second", "third", "third"] {
        assert_eq!(world.send(&long(question)).status, 200);
    }
    world.drain(DEADLINE);
    std::fs::write(world.folder.path().join("tallygate.yaml"), world.config.replace("admin:", "# admin:")).unwrap();
    let rows = rows(&world.folder.path().join("tallygate.db"));
    let paid = |id| rows.iter().find(|row| row.id == id).unwrap().cost.amount;
    let [mut answers, mut points] = [[Money::ZERO; 2]; 2];
    for row in &rows {
        let team = usize::from(*row.attribution.team == *"blue");
        let Some(decided) = &row.decided else { continue };
        if let Some(hit) = decided.cache.as_ref().and_then(|cache| cache.hit.as_ref()) {
            answers[team] = answers[team].plus(paid(hit.from));
        }
        points[team] = points[team].plus(decided.prompt_cache.map_or(Money::ZERO, |points| points.saved));
    }
    assert!(answers.iter().all(|saved| *saved > Money::ZERO) && points[0] != Money::ZERO, "{answers:?} {points:?}");
    let report = |more: &[&str]| good(world.folder.path(), &[&["report", "--savings"], more].concat());
    let read: Value = serde_json::from_str(&report(&["--format", "json"])).unwrap();
    let expected = |team: usize, name: &str, calls: u64, hits: u64, pointed: u64| {
        json!({"group": [name], "calls": calls, "hits": hits, "saved_by_answers_nanos": answers[team].nanos(),
            "unpriced_hits": 0, "pointed": pointed, "saved_by_points_nanos": points[team].nanos(), "moved": 0,
            "unpriced_moves": 0, "moved_paid_nanos": 0, "moved_from_nanos": 0, "saved_by_routing_nanos": 0})
    };
    let teams = [expected(0, "red", 10, 4, 2), expected(1, "blue", 2, 1, 0)];
    let shown = read["rows"].as_array().unwrap();
    assert!(shown.len() == 2 && teams.iter().all(|team| shown.contains(team)), "{read:#}\n{teams:?}");
    agrees_with_the_admin_interface(&world, &read);
    let all = answers[0].plus(answers[1]).plus(points[0]);
    let table = report(&["--by", "team,provider"]);
    assert!(table.lines().any(|line| line.starts_with("TOTAL") && line.ends_with(&format!(" {all}"))), "{table}");
    let one = report(&["--filter", "team=blue", "--format", "csv"]);
    assert!(one.contains(&format!("blue,2,1,{0},0,0.00,0,0.00,{0},0,0", answers[1])), "{one}");
    for (arguments, part) in [
        (&["--format", "focus"][..], "leave --format focus out"),
        (&["--by", "ending"], "--savings groups by team"),
        (&["--amortize"], "cannot be used with"),
    ] {
        let status = if arguments[0] == "--amortize" { 2 } else { 1 };
        let said = bad(world.folder.path(), &[&["report", "--savings"], arguments].concat(), status);
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

/// What `GET /admin/v1/savings` answers of the same store has the figures of the command's report by team.
fn agrees_with_the_admin_interface(world: &World, report: &Value) {
    let store = tg_store::Store::open(world.folder.path().join("tallygate.db")).unwrap();
    let told = tg_admin::api::Savings::from(store.ledger().unwrap().saved(None, None).unwrap());
    let told = serde_json::to_value(told).unwrap();
    // As the report names them, and as the interface does.
    let moved = [
        ("moved", "moved"),
        ("unpriced_moves", "unpriced_moves"),
        ("moved_paid_nanos", "moved_paid"),
        ("moved_from_nanos", "moved_from"),
        ("saved_by_routing_nanos", "saved_by_routing"),
    ];
    let others = [
        ("hits", "hits"),
        ("saved_by_answers_nanos", "saved"),
        ("unpriced_hits", "unpriced_hits"),
        ("pointed", "pointed"),
        ("saved_by_points_nanos", "saved_by_points"),
    ];
    let same = |of: &Value, told: &Value, names: &[(&str, &str)]| {
        for (name, as_told) in names {
            let told = told[as_told].get("nanos").unwrap_or(&told[as_told]);
            assert_eq!((name, &of[name]), (name, told), "{report:#}");
        }
    };
    let all = [&moved[..], &others].concat();
    same(&report["totals"], &told, &all);
    let (rows, teams) = (report["rows"].as_array().unwrap(), told["teams"].as_array().unwrap());
    for team in teams {
        let row = rows.iter().find(|row| row["group"] == json!([team["team"]])).unwrap();
        same(row, team, &all);
    }
    let (routes, as_told) = (report["routes"].as_array().unwrap(), told["routes"].as_array().unwrap());
    assert!(!teams.is_empty() && routes.len() == as_told.len(), "{told:#}");
    for (route, as_told) in routes.iter().zip(as_told) {
        assert_eq!([&route["team"], &route["route"]], [&as_told["team"], &as_told["route"]]);
        same(route, as_told, &moved);
    }
}

const LABEL: &str = "Classify the sentiment of this review as positive or negative. Answer with one word.\n\n\
                     Review: The food was cold and the staff were rude.";

/// A chat that a rule by tasks is for.
fn label(script: &str, routing: &str) -> Call {
    let text = format!("{LABEL} [[sim: tokens=3]]{script}");
    let body = json!({"model": "smart", "messages": [{"role": "user", "content": text}]});
    Call::post("/v1/chat/completions", body.to_string()).header("x-tallygate-routing", routing)
}

#[test]
fn what_moving_calls_saved_is_what_they_would_have_cost_where_they_were_to_go() {
    let models = "- name: smart\n  targets: [{ provider: openai, model: gpt-5 }]\n  task_routing:\n    mode: enforce\n\
                  \x20   steps: [{ provider: openai, model: gpt-5-nano, tasks: [classification] }]\n";
    let teams = "- { name: red, projects: [alpha], environments: [prod] }\n- { name: blue }\n".to_owned();
    let mut world = World::with(Setup { models: models.to_owned(), teams, ..Setup::default() });
    let row = |call: &Call| {
        let answer = world.send(call);
        assert_eq!(answer.status, 200, "{}", answer.text());
        world.row(&answer)
    };
    let routed = |row: &Record| row.decided.clone().and_then(|decided| decided.routed).unwrap();
    let (moved, stayed) = (row(&label("", "on")), row(&label("", "off")));
    let [paid, would] = [&moved, &stayed].map(|row| row.total_cost().amount);
    assert!(paid > Money::ZERO && paid < would, "{paid} {would}");
    assert_eq!(routed(&moved).from_cost, Some(would), "the same tokens at the model that was asked for");
    assert_eq!((routed(&stayed).from_cost, routed(&stayed).route()), (None, "smart"));
    // Where the cheaper one fails, the route's own answers, and what the failed try may have cost is lost.
    let failed = row(&label("[[sim@gpt-5-nano: status=500]]", "on"));
    assert_eq!((failed.earlier.len(), routed(&failed).from_cost), (1, Some(failed.cost.amount)));
    let lost = failed.earlier_cost().amount;

    world.drain(DEADLINE);
    std::fs::write(world.folder.path().join("tallygate.yaml"), world.config.replace("admin:", "# admin:")).unwrap();
    let report = |more: &[&str]| good(world.folder.path(), &[&["report", "--savings"], more].concat());
    let read: Value = serde_json::from_str(&report(&["--format", "json"])).unwrap();
    let saved = would.minus(paid).minus(lost);
    let expected = json!([{"team": "red", "route": "smart", "moved": 2, "unpriced_moves": 0,
        "moved_paid_nanos": paid.plus(failed.total_cost().amount).nanos(),
        "moved_from_nanos": would.plus(failed.cost.amount).nanos(), "saved_by_routing_nanos": saved.nanos()}]);
    assert_eq!(read["routes"], expected, "{read:#}");
    assert_eq!(read["totals"]["saved_by_routing_nanos"], saved.nanos());
    agrees_with_the_admin_interface(&world, &read);
    let table = report(&[]);
    for part in ["by rules that move calls by their tasks", "smart", &saved.to_string()] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let lines = report(&["--format", "csv"]);
    assert!(lines.contains(&format!("red,3,0,0.00,0,0.00,2,{saved},{saved},0,0")), "{lines}");
}

/// A ceiling is no price: what was not paid of it was not saved.
#[test]
fn nothing_is_saved_beside_a_model_of_which_nobody_knows_the_price() {
    let models = "- name: smart\n  targets: [{ provider: local, model: local-chat }]\n  task_routing:\n    mode: enforce\n\
                  \x20   steps: [{ provider: openai, model: gpt-5-nano, tasks: [classification] }]\n";
    let pricing =
        "{ unknown_price: ceiling, ceiling: { input: 20.00 USD per 1M tokens, output: 90.00 USD per 1M tokens } }";
    let mut world = World::with(Setup { models: models.to_owned(), pricing: pricing.to_owned(), ..Setup::default() });
    let answer = world.send(&label("", "on"));
    let routed = world.row(&answer).decided.and_then(|decided| decided.routed).unwrap();
    assert!(routed.is_moved() && routed.from_cost.is_none(), "{routed:?}");
    world.drain(DEADLINE);
    std::fs::write(world.folder.path().join("tallygate.yaml"), world.config.replace("admin:", "# admin:")).unwrap();
    let read = good(world.folder.path(), &["report", "--savings", "--format", "json"]);
    let read: Value = serde_json::from_str(&read).unwrap();
    let route = &read["routes"][0];
    let told = ["moved", "unpriced_moves", "saved_by_routing_nanos"].map(|member| route[member].as_i64());
    assert_eq!(told, [Some(1), Some(1), Some(0)], "{read:#}");
}
