//! Cheaper models by what calls ask for: noted, advised or enforced; for teams, between floors and ceilings, and never to the
//! harm of a warm prompt cache.

use crate::cli::tallygate;
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, put_in_force};
use serde_json::{Value, json};
use tg_kernel::decided::Routed;
use tg_kernel::units::Money;

/// A call that any of the models here would do for.
const LABEL: &str = "Classify the sentiment of this review as positive or negative. Answer with one word.\n\n\
                     Review: The food was cold and the staff were rude.";
const CODE: &str = "Write a Python function that merges two sorted lists, and explain its complexity.";

fn models(more: &str) -> String {
    format!(
        "- name: smart\n  targets: [{{ provider: openai, model: gpt-5 }}]\n  task_routing:\n    steps:\n\
         \x20   - {{ provider: openai, model: gpt-5-nano, tasks: [classification] }}\n\
         \x20   - {{ provider: openai, model: gpt-5-mini, tasks: [classification, translation] }}\n{more}"
    )
}

fn world(more: &str) -> World {
    let teams = "- { name: red, projects: [alpha], environments: [prod] }\n- { name: blue }\n".to_owned();
    World::with(Setup { models: models(more), teams, ..Setup::default() })
}

fn said(messages: &Value) -> Call {
    let body = json!({"model": "smart", "messages": messages});
    Call::post("/v1/chat/completions".to_owned(), body.to_string()).header("content-type", "application/json")
}

fn asks(text: &str) -> Call {
    said(&json!([{"role": "user", "content": text}]))
}

fn model(answer: &Answer) -> &str {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-tallygate-model")
}

fn routed(world: &World, answer: &Answer) -> Routed {
    world.row(answer).decided.and_then(|decided| decided.routed).unwrap()
}

/// Two of eight teams ran the most expensive model for simple classification.
#[test]
fn a_simple_call_is_noted_then_advised_then_sent_to_the_cheaper_model() {
    let world = world("");
    let observed = world.send(&asks(LABEL));
    assert_eq!((model(&observed), observed.header("x-tallygate-advice")), ("gpt-5", ""), "nothing is done by default");
    let noted = routed(&world, &observed);
    assert_eq!((&*noted.mode, noted.to.as_deref(), noted.stays), ("observe", Some("openai/gpt-5-nano"), None));
    assert!(noted.saving.is_some_and(|saving| saving > Money::ZERO) && noted.rule.starts_with("smart#"));
    let hard = routed(&world, &world.send(&asks(CODE)));
    assert_eq!((hard.to, hard.stays.as_deref()), (None, Some("no_step")));

    let config = |mode: &str| {
        let config = world.config.replace(&models(""), &models(&format!("    mode: {mode}\n")));
        assert_ne!(config, world.config);
        config
    };
    put_in_force(world.gateway(), &config("advise"));
    let advised = world.send(&asks(LABEL));
    assert_eq!(model(&advised), "gpt-5");
    let advice = advised.header("x-tallygate-advice");
    assert!(advice.starts_with("model=openai/gpt-5-nano; task=classification; saving_usd=0."), "{advice}");
    assert_eq!(world.send(&asks(CODE)).header("x-tallygate-advice"), "");

    put_in_force(world.gateway(), &config("enforce"));
    let enforced = world.send(&asks(LABEL));
    assert_eq!((model(&enforced), enforced.header("x-tallygate-advice")), ("gpt-5-nano", ""));
    assert_eq!(model(&world.send(&asks(CODE))), "gpt-5");
    for status in [400, 413, 422] {
        let again = world.send(&asks(&format!("[[sim@gpt-5-nano: status={status}]] {LABEL}")));
        assert_eq!(model(&again), "gpt-5", "{status}: nor does the cheaper one refuse what the route's own takes");
        let tried = world.row(&again).earlier;
        assert_eq!(tried.iter().map(|try_| &*try_.served.model).collect::<Vec<_>>(), ["gpt-5-nano"], "{status}");
    }
    let refused = world.send(&asks(&format!("[[sim: status=400]] {LABEL}")));
    assert_eq!(refused.status, 400, "what no model takes is refused");
    let again = world.send(&asks(&format!("[[sim@gpt-5-nano: status=500]] {LABEL}")));
    assert_eq!(model(&again), "gpt-5", "where the cheaper one fails, the route's own is there");
    assert_eq!(routed(&world, &enforced).rule, noted.rule, "a mode makes no other rule of it");
}

#[test]
fn teams_have_modes_floors_and_ceilings_of_their_own_and_calls_may_keep_out_where_they_may() {
    let world = world(
        "    mode: enforce\n    floor: gpt-5-mini\n    teams:\n\
         \x20   - { team: blue, floor: gpt-5-nano, ceiling: gpt-5-mini, opt_out: false }\n",
    );
    let key = world.issue(&world.new_key("blue"));
    let blue = |call: Call| call.bearer(key.secret.expose()).send(world.address);
    assert_eq!(model(&world.send(&asks(LABEL))), "gpt-5-mini", "none is sent below the floor");
    assert_eq!(model(&world.send(&asks(CODE))), "gpt-5");
    assert_eq!(model(&blue(asks(LABEL))), "gpt-5-nano");
    assert_eq!(model(&blue(asks(CODE))), "gpt-5-mini", "nor above the ceiling");

    let off = |call: Call| call.header("x-tallygate-routing", "off");
    let out = world.send(&off(asks(LABEL)));
    assert_eq!(model(&out), "gpt-5");
    assert_eq!(routed(&world, &out).stays.as_deref(), Some("opted_out"));
    let refused = blue(off(asks(LABEL)));
    assert_eq!((refused.status, refused.header("x-tallygate-error-code")), (403, "routing_not_optional"));
    let wrong = world.send(&asks(LABEL).header("x-tallygate-routing", "no"));
    assert_eq!((wrong.status, wrong.header("x-tallygate-error-code")), (400, "routing_header"));
    let plain = world.send(
        &Call::post(
            "/v1/chat/completions".to_owned(),
            json!({"model": "on-openai", "messages": [{"role": "user", "content": LABEL}]}).to_string(),
        )
        .header("content-type", "application/json"),
    );
    let noted = world.row(&plain).decided.and_then(|decided| decided.routed);
    assert_eq!(noted, None, "routes without steps have no rule");
}

/// A rule that moves classification from gpt-5, which reads its cache at a tenth of its price, to gpt-5-mini.
fn moving() -> World {
    World::with(Setup {
        models: "- name: smart\n  targets: [{ provider: openai, model: gpt-5 }]\n  task_routing:\n    mode: enforce\n\
                 \x20   steps: [{ provider: openai, model: gpt-5-mini, tasks: [classification] }]\n"
            .to_owned(),
        ..Setup::default()
    })
}

fn turn(role: &str, text: &str) -> Value {
    json!({"role": role, "content": text})
}

fn talk(messages: &[Value]) -> Call {
    let body = json!({"model": "smart", "messages": messages, "max_completion_tokens": 50});
    Call::post("/v1/chat/completions".to_owned(), body.to_string()).header("content-type", "application/json")
}

/// What fills a prompt cache.
fn long() -> String {
    "A very long review of the food, and of how cold it was. ".repeat(2_000)
}

/// A long conversation whose last turn is a simple one.
fn conversation() -> Vec<Value> {
    let mut messages = vec![turn("user", &long())];
    for _ in 0..10 {
        messages.extend([turn("assistant", "negative"), turn("user", LABEL)]);
    }
    messages
}

#[test]
fn a_conversation_with_a_warm_prompt_cache_is_not_moved_where_that_costs_more_than_it_saves() {
    // A long conversation is cheaper where its cache is than read anew by a cheaper model.
    let (world, long) = (moving(), long());
    let unknown = world.send(&talk(&conversation()));
    assert_eq!(model(&unknown), "gpt-5", "its cache may be warm there");
    assert_eq!(routed(&world, &unknown).stays.as_deref(), Some("warm_cache"));
    // One that has begun at the cheaper model goes on there: its cache is there. It says no session, and needs none.
    let first = [turn("user", LABEL)];
    assert_eq!(model(&world.send(&talk(&first))), "gpt-5-mini");
    let mut goes_on = first.to_vec();
    for _ in 0..4 {
        goes_on.extend([turn("assistant", "negative"), turn("user", &format!("{LABEL} {long}"))]);
        let next = world.send(&talk(&goes_on));
        assert_eq!(model(&next), "gpt-5-mini", "{:?}", routed(&world, &next));
    }
}

/// Coding agents send titles and summaries under the session of the conversation that they serve.
#[test]
fn a_sessions_small_calls_do_not_move_its_long_conversation() {
    let world = moving();
    let talk = |messages: &[Value]| talk(messages).header("x-claude-code-session-id", "s-1");
    for round in 0..3 {
        let conversation = world.send(&talk(&conversation()));
        assert_eq!(model(&conversation), "gpt-5", "{round}");
        assert_eq!(routed(&world, &conversation).stays.as_deref(), Some("warm_cache"), "{round}");
        assert_eq!(model(&world.send(&talk(&[turn("user", LABEL)]))), "gpt-5-mini", "{round}");
    }
}

#[test]
fn what_a_rule_makes_of_a_call_is_explained() {
    let folder = tempfile::TempDir::new().unwrap();
    let config = format!(
        "providers: [{{ name: openai, kind: openai, api_key: 'env:SIM_KEY' }}]\nmodels:\n{}\
         \x20 mirror: {{ provider: openai, model: gpt-4o, share: 1% }}\nteams: [{{ name: red }}]\n",
        models("    mode: enforce\n")
    );
    std::fs::write(folder.path().join("tallygate.yaml"), config).unwrap();
    let request = json!({"model": "smart", "messages": [{"role": "user", "content": LABEL}]});
    std::fs::write(folder.path().join("request.json"), request.to_string()).unwrap();
    let run = |more: &[&str]| {
        let arguments =
            [&["explain", "request.json", "--config", "tallygate.yaml", "--team", "red"][..], more].concat();
        let done = tallygate(folder.path(), &arguments).env("SIM_KEY", "sk-nobody").output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let page: Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    let by_task = &page["task_routing"];
    assert_eq!(
        (&by_task["mode"], &by_task["to"], &by_task["moved"]),
        (&json!("enforce"), &json!("openai/gpt-5-nano"), &json!(true))
    );
    assert!(by_task["usd_from"].is_string() && by_task["usd_to"].is_string() && by_task["stays"].is_null(), "{page}");
    assert_eq!((&page["targets"][0]["model"], &page["targets"][1]["model"]), (&json!("gpt-5-nano"), &json!("gpt-5")));
    let text = run(&[]);
    assert!(text.contains("task routing: enforce; openai/gpt-5 (") && text.contains("it goes there"), "{text}");
    assert!(text.contains("mirror: openai/gpt-4o"), "{text}");
    let text = run(&["--header", "x-tallygate-routing: off"]);
    assert!(text.contains("it stays: opted_out"), "{text}");
}
