//! Routes among the targets of routes: which target a call goes to, and configurations in which they lead nowhere.

use crate::cli::tallygate;
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, load};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn chat(model: &str, body: Value) -> Call {
    let mut whole = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    if let (Some(whole), Value::Object(body)) = (whole.as_object_mut(), body) {
        whole.extend(body);
    }
    Call::post("/v1/chat/completions".to_owned(), whole.to_string()).header("content-type", "application/json")
}

/// Who served it, after how many tries.
fn served(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.header("x-tallygate-model").to_owned(), answer.header("x-tallygate-attempts").to_owned())
}

fn by(answer: &Answer) -> String {
    served(answer).0
}

/// A pool by price, the weights of a canary around it, and a strong model behind both.
const POOLS: &str = "\
- name: cheap-pool
  strategy: cheapest
  targets:
  - { provider: anthropic, model: claude-haiku-4-5 }
  - { provider: openai, model: gpt-5-nano, when: '!tools' }
- name: canary
  strategy: weighted
  targets:
  - { route: cheap, weight: 90 }
  - { provider: openai, model: gpt-5-mini, weight: 10 }
- { name: cheap, alias_of: cheap-pool }
- name: all
  targets:
  - { route: canary, when: '!stream' }
  - { provider: local, model: local-chat }
";

fn world(models: &str) -> World {
    World::with(Setup { models: models.to_owned(), ..Setup::default() })
}

#[test]
fn a_route_stands_for_its_targets_in_its_own_order() {
    let world = world(POOLS);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for session in 0..200 {
        let call = chat("canary", json!({})).header("session_id", &session.to_string());
        let (one, other) = (by(&world.send(&call)), by(&world.send(&call)));
        assert_eq!(one, other, "a session stays where it is");
        *counts.entry(one).or_default() += 1;
    }
    // The pool's first is the cheapest of its own.
    let count = |model: &str| counts.get(model).copied().unwrap_or_default();
    assert!(count("gpt-5-nano").abs_diff(180) <= 16 && count("gpt-5-mini") + count("gpt-5-nano") == 200, "{counts:?}");
    // Conditions of the entry and of the inner targets both hold.
    let tools = json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]});
    assert_eq!(by(&world.send(&chat("cheap-pool", tools.clone()))), "claude-haiku-4-5");
    let found = by(&world.send(&chat("all", tools)));
    assert!(["claude-haiku-4-5", "gpt-5-mini"].contains(&&*found), "{found}");
    assert_eq!(by(&world.send(&chat("all", json!({"stream": true})))), "local-chat");
}

#[test]
fn an_outer_route_falls_back_on_all_targets_of_an_inner_one_then_on_its_own() {
    let world = world(
        "- { name: dying, targets: [{ provider: dead, model: gpt-5-mini }, { provider: locked-openai, model: gpt-5-mini }] }\n\
         - { name: safe, targets: [{ route: dying }, { provider: dead, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n",
    );
    // What stands in both is asked once.
    assert_eq!(served(&world.send(&chat("safe", json!({})))), ("local-chat".to_owned(), "3".to_owned()));
}

#[test]
fn a_session_stays_at_a_target_of_an_inner_route() {
    let world = world(
        "- name: pool\n  strategy: cheapest\n  targets:\n  - { provider: anthropic, model: claude-haiku-4-5 }\n\
         \x20 - { provider: openai, model: gpt-5-nano, when: '!tools' }\n\
         - { name: outer, targets: [{ route: pool }, { provider: local, model: local-chat }] }\n",
    );
    let tools = json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]});
    let call = |body: Value| chat("outer", body).header("session_id", "one");
    assert_eq!(by(&world.send(&call(tools))), "claude-haiku-4-5");
    assert_eq!(by(&world.send(&call(json!({})))), "claude-haiku-4-5", "where its prompt cache is");
    assert_eq!(by(&world.send(&chat("outer", json!({})))), "gpt-5-nano", "by price");
}

/// What is for an inner route holds for calls that may come to it by way of another; a place, too.
#[test]
fn what_must_stay_where_an_inner_route_is_does_not_leave_by_an_outer_one() {
    let world = World::with(Setup {
        providers: "- { name: there, kind: openai_compatible, base_url: 'OPENAI_URL/v1', api_key: 'env:SIM_KEY', residency: eu }\n"
            .to_owned(),
        models: "- { name: inner, targets: [{ provider: there, model: gpt-5-mini }] }\n\
                 - { name: outer, targets: [{ provider: openai, model: gpt-5-nano }, { route: inner }] }\n\
                 - { name: free, targets: [{ provider: openai, model: gpt-5-nano }] }\n"
            .to_owned(),
        more: "residency: [{ for: { model: inner }, in: [eu] }]\n".to_owned(),
        ..Setup::default()
    });
    for (model, expected) in [("inner", "there"), ("outer", "there"), ("free", "openai")] {
        let answer = world.send(&chat(model, json!({})));
        assert_eq!((answer.status, answer.header("x-tallygate-provider")), (200, expected), "{model}");
    }
}

#[test]
fn a_required_check_of_an_inner_route_is_met_by_calls_of_the_outer_one() {
    let covered = |scope: &str| {
        let text = format!(
            "providers: [{{ name: local, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }}]\n\
             models:\n- {{ name: inner, targets: [{{ provider: local, model: a }}] }}\n\
             - {{ name: outer, targets: [{{ route: inner }}, {{ provider: local, model: b }}] }}\n\
             teams: [{{ name: red }}]\nrequired_checks: {{ input: [secrets] }}\n\
             guardrails: [{{ name: house, {scope}unreadable: allow, rules: [{{ name: s, secrets: all, action: block }}] }}]\n"
        );
        load(&text).err().map_or_else(String::new, |error| format!("{error:#}"))
    };
    assert_eq!((covered(""), covered("for: { model: inner }, ")), (String::new(), String::new()));
    let gap = covered("for: { model: outer }, ");
    assert!(gap.contains("`inner` (models[0])") && !gap.contains("`outer` (models[1])"), "{gap}");
}

/// Routes one in the other, so many.
fn deep(deepest: usize) -> String {
    let level = |n: usize| format!("- {{ name: r{n}, targets: [{{ route: r{} }}] }}\n", n + 1);
    let last = format!("- {{ name: r{deepest}, targets: [{{ route: end }}] }}\n");
    (1..deepest).map(level).collect::<String>() + &last
}

/// A route of so many routes, each with thirteen targets.
fn many(routes: usize) -> String {
    let targets: Vec<String> = (0..13).map(|n| format!("{{ provider: local, model: m{n} }}")).collect();
    let leaf = |n: usize| format!("- {{ name: l{n}, targets: [{}] }}\n", targets.join(", "));
    let entries: Vec<String> = (0..routes).map(|n| format!("{{ route: l{n} }}")).collect();
    format!("- {{ name: wide, targets: [{}] }}\n", entries.join(", ")) + &(0..routes).map(leaf).collect::<String>()
}

#[test]
fn a_route_that_leads_nowhere_or_back_is_refused_with_its_place_and_a_mend() {
    const END: &str = "- { name: end, targets: [{ provider: local, model: m }] }\n";
    let refused = |models: &str| {
        let text = format!(
            "providers: [{{ name: local, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }}]\nmodels:\n{END}{models}"
        );
        load(&text).err().map_or_else(|| format!("taken: {models}"), |error| format!("{error:#}"))
    };
    for (models, place, said) in [
        ("- { name: a, targets: [{ route: ende }] }\n".to_owned(), "models[1].targets[0].route", "did you mean `end`?"),
        ("- { name: a, targets: [{ route: a }] }\n".to_owned(), "models[1].targets[0].route", "leads back here"),
        (
            "- { name: a, targets: [{ route: end }, { route: b }] }\n- { name: b, targets: [{ route: a }] }\n"
                .to_owned(),
            "models[1].targets[1].route",
            "`b` leads back here; let one of them",
        ),
        (
            "- { name: a, targets: [{ route: b }] }\n- { name: b, alias_of: a }\n".to_owned(),
            "models[1].targets[0].route",
            "`b` leads back here",
        ),
        ("- { name: 'a*', targets: [{ route: end }] }\n".to_owned(), "models[1].targets[0].route", "of a pattern"),
        (
            "- { name: a, targets: [{ route: end, model: x }] }\n".to_owned(),
            "models[1].targets[0].model",
            "beside `route`",
        ),
        ("- { name: a, targets: [{ weight: 2 }] }\n".to_owned(), "models[1].targets[0]", "neither a `provider`"),
        (
            "- { name: a, strategy: weighted, targets: [{ route: end, weight: 0 }] }\n".to_owned(),
            "models[1].targets",
            "all weights are 0",
        ),
        (
            "- { name: a, targets: [{ route: end, when: 'tema == 1' }] }\n".to_owned(),
            "models[1].targets[0].when",
            "tema",
        ),
        (
            "- { name: a, targets: [{ route: end }], hedge: { after: 1s } }\n".to_owned(),
            "models[1].hedge",
            "one target",
        ),
        (deep(4), "models[1].targets", "more than 4 routes"),
        (many(5), "models[1].targets", "more than 64"),
    ] {
        let problem = refused(&models);
        assert!(problem.contains(place) && problem.contains(said), "{models}: {problem}");
    }
    for models in [deep(3), many(4)] {
        assert!(refused(&models).starts_with("taken"), "{}", refused(&models));
    }
}

#[test]
fn an_inner_route_is_explained() {
    let folder = tempfile::TempDir::new().unwrap();
    let config = format!(
        "providers:\n- {{ name: anthropic, kind: anthropic, api_key: 'env:SIM_KEY' }}\n\
         - {{ name: openai, kind: openai, api_key: 'env:SIM_KEY' }}\n\
         - {{ name: local, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }}\n\
         models:\n{POOLS}teams: [{{ name: red }}]\n"
    );
    std::fs::write(folder.path().join("tallygate.yaml"), config).unwrap();
    let request = json!({"model": "all", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    std::fs::write(folder.path().join("request.json"), request.to_string()).unwrap();
    let run = |format: &str| {
        let arguments = ["explain", "request.json", "--config", "tallygate.yaml", "--team", "red", "--format", format];
        let done = tallygate(folder.path(), &arguments).env("SIM_KEY", "sk-nobody").output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let page: Value = serde_json::from_str(&run("json")).unwrap();
    let told: Vec<(&str, Option<&str>, Option<u64>)> = page["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["model"].as_str().unwrap(), row["through"].as_str(), row["place"].as_u64()))
        .collect();
    assert_eq!(
        told,
        [
            ("local-chat", None, Some(1)),
            ("claude-haiku-4-5", Some("cheap"), None),
            ("gpt-5-nano", Some("cheap"), None),
            ("gpt-5-mini", Some("canary"), None),
        ]
    );
    assert!(page["targets"][1]["dropped"].as_str().unwrap().contains("!stream"), "{page}");
    let table = run("table");
    assert!(table.contains("cheap › anthropic"), "{table}");
}

/// The same target by itself, for other calls, and in a route: the way that the call goes has the place.
#[test]
fn of_two_ways_to_a_target_that_which_is_open_is_explained() {
    let folder = tempfile::TempDir::new().unwrap();
    let config = "providers: [{ name: local, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }]
models:
- name: all
  targets: [{ provider: local, model: m, when: '!stream' }, { route: pool }]
- { name: pool, targets: [{ provider: local, model: m }] }
teams: [{ name: red }]
";
    std::fs::write(folder.path().join("tallygate.yaml"), config).unwrap();
    let request = json!({"model": "all", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    std::fs::write(folder.path().join("request.json"), request.to_string()).unwrap();
    let arguments = ["explain", "request.json", "--config", "tallygate.yaml", "--team", "red", "--format", "json"];
    let done = tallygate(folder.path(), &arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let page: Value = serde_json::from_slice(&done.stdout).unwrap();
    let rows = page["targets"].as_array().unwrap();
    let told: Vec<(Option<&str>, Option<u64>, bool)> =
        rows.iter().map(|row| (row["through"].as_str(), row["place"].as_u64(), row["dropped"].is_null())).collect();
    assert_eq!(told, [(Some("pool"), Some(1), true), (None, None, false)], "{page}");
}
