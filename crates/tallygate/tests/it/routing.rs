//! Where calls go: conditions, abilities, weights, prices and sessions.

use crate::cli::tallygate;
use crate::speak::{CHAT, Manner, ask};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, load};
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;

fn world(models: &str) -> World {
    let teams =
        "- { name: red, projects: [alpha, beta], environments: [prod, dev], tags: { allow: ['*'] } }\n".to_owned();
    World::with(Setup { models: models.to_owned(), teams, ..Setup::default() })
}

fn chat(model: &str, body: Value) -> Call {
    let mut whole = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    if let (Some(whole), Value::Object(body)) = (whole.as_object_mut(), body) {
        whole.extend(body);
    }
    Call::post("/v1/chat/completions".to_owned(), whole.to_string()).header("content-type", "application/json")
}

fn provider(answer: &Answer) -> &str {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-tallygate-provider")
}

#[test]
fn a_target_is_for_the_calls_of_which_its_condition_holds() {
    let world = world(
        "- name: smart\n  targets:\n\
         \x20 - { provider: anthropic, model: claude-haiku-4-5, when: \"'tier' in tags && tags.tier == 'gold'\" }\n\
         \x20 - { provider: local, model: local-chat, when: \"tools\" }\n\
         \x20 - { provider: openai, model: gpt-5-mini, when: \"project == 'alpha' && environment == 'prod' && !stream\" }\n\
         - { name: never, targets: [{ provider: local, model: local-chat, when: \"team == 'blue'\" }] }\n",
    );
    let plain = chat("smart", json!({}));
    assert_eq!(provider(&world.send(&plain)), "openai");
    assert_eq!(provider(&world.send(&plain.clone().header("x-tallygate-tags", "tier=gold"))), "anthropic");
    assert_eq!(provider(&world.send(&plain.header("x-tallygate-tags", "tier=silver"))), "openai");
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    assert_eq!(provider(&world.send(&chat("smart", json!({"tools": tools})))), "local");
    for dialect in CHAT {
        let answer = world.send(&ask(dialect, Manner::Plain, "never", "hi"));
        assert_eq!((answer.status, answer.header("x-tallygate-error-code")), (404, "no_target"), "{dialect:?}");
    }
}

#[test]
fn what_calls_are_for_is_known_though_no_condition_asks() {
    for (classify, found) in [("100%", Some("classification")), ("off", None)] {
        let more = format!("routing: {{ classify: {classify} }}\n");
        let world = World::with(Setup { more, ..Setup::default() });
        let label = "Classify the sentiment of this review as positive or negative. Answer with one word.\n\n\
                     Review: The food was cold and the staff were rude.";
        for dialect in CHAT {
            for manner in [Manner::Plain, Manner::Streamed] {
                let answer = world.send(&ask(dialect, manner, "on-bedrock", label));
                assert_eq!(answer.status, 200, "{}", answer.text());
                let task = world.row(&answer).decided.and_then(|decided| decided.task);
                assert_eq!(task.as_ref().map(|task| &*task.class), found, "{dialect:?}");
                let said = task.map(|task| format!("{}; difficulty={}", task.class, task.difficulty));
                assert_eq!(answer.header("x-tallygate-task"), said.unwrap_or_default(), "{dialect:?} {manner:?}");
            }
        }
    }
}

/// Two of eight teams ran the most expensive model for simple classification.
#[test]
fn simple_tasks_go_to_the_cheap_model_and_a_session_is_not_moved_in_its_midst() {
    let world = world(
        "- name: smart\n  targets:\n\
         \x20 - { provider: local, model: local-chat, when: \"task == 'classification'\" }\n\
         \x20 - { provider: openai, model: gpt-5-mini }\n",
    );
    let said = |text: &str| chat("smart", json!({"messages": [{"role": "user", "content": text}]}));
    let label = "Classify the sentiment of this review as positive or negative. Answer with one word.\n\n\
                 Review: The food was cold and the staff were rude.";
    let code = "Write a Python function that merges two sorted lists, and explain its complexity.";
    let labelled = world.send(&said(label));
    assert_eq!(provider(&labelled), "local");
    let decided = world.row(&labelled).decided.expect("the row says what the call was taken for");
    assert_eq!(decided.task.expect("a task").class, "classification");
    assert_eq!(provider(&world.send(&said(code))), "openai");
    let session = |text: &str| said(text).header("x-session-id", "s1");
    assert_eq!(provider(&world.send(&session(code))), "openai");
    assert_eq!(provider(&world.send(&session(label))), "openai", "its cache is warm there");
    let goes_on = |first: &str, then: &str| {
        let turns = json!([{"role": "user", "content": first}, {"role": "assistant", "content": "ok"},
            {"role": "user", "content": then}]);
        provider(&world.send(&chat("smart", json!({"messages": turns})))).to_owned()
    };
    assert_eq!(goes_on(code, label), "openai", "nor is a conversation that names no session");
    assert_eq!(goes_on(label, code), "local");
}

#[test]
fn a_call_goes_to_who_can_do_what_it_asks_and_an_impossible_one_is_refused_unsent() {
    // What the catalogue says of these: the first reads no documents and writes little, the second does both.
    let world = world(
        "- name: able\n  targets:\n\
         \x20 - { provider: openai, model: gpt-3.5-turbo }\n  - { provider: anthropic, model: claude-haiku-4-5 }\n\
         - name: unable\n  on_unable: refuse\n  targets:\n\
         \x20 - { provider: openai, model: gpt-3.5-turbo }\n  - { provider: openai, model: gpt-4 }\n\
         - name: tried\n  targets:\n\
         \x20 - { provider: openai, model: gpt-3.5-turbo }\n  - { provider: openai, model: gpt-4 }\n",
    );
    let picture = json!([{"role": "user", "content": [{"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}]);
    assert_eq!(provider(&world.send(&chat("able", json!({})))), "openai");
    assert_eq!(provider(&world.send(&chat("able", json!({"messages": picture})))), "anthropic");
    let before = world.sim.books.entries().len();
    let refused = world.send(&chat("unable", json!({"messages": picture})));
    assert_eq!((refused.status, refused.header("x-tallygate-error-code")), (400, "not_able"), "{}", refused.text());
    assert!(refused.text().contains("reads no images"), "{}", refused.text());
    assert_eq!(world.sim.books.entries().len(), before, "it has cost nothing");
    assert!(world.row(&refused).served.is_none());
    world.send(&chat("tried", json!({"messages": picture})));
    assert_eq!(world.sim.books.entries().len(), before + 1, "unless somebody wants that, it is tried");
}

#[test]
fn a_route_with_one_target_refuses_what_that_cannot_do_and_no_downgrade_is_to_who_cannot() {
    let picture = json!([{"role": "user", "content": [{"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}]);
    let world = World::with(Setup {
        models: "- { name: one, on_unable: refuse, targets: [{ provider: openai, model: gpt-3.5-turbo }] }\n\
                 - { name: tried, targets: [{ provider: openai, model: gpt-3.5-turbo }] }\n\
                 - { name: dear, targets: [{ provider: openai, model: gpt-5 }] }\n"
            .to_owned(),
        budgets: "- { name: thrift, for: { model: dear }, amount: 0.0050 USD, on_exhausted: { downgrade: tried } }\n"
            .to_owned(),
        ..Setup::default()
    });
    let asks = |model: &str, messages: Value| {
        let answer = world.send(&chat(model, json!({"messages": messages, "max_completion_tokens": 1000})));
        (answer.status, answer.header("x-tallygate-error-code").to_owned())
    };
    assert_eq!(asks("one", picture.clone()), (400, "not_able".to_owned()));
    assert_eq!(asks("dear", picture.clone()), (429, "budget_exhausted".to_owned()), "rather refused than in vain");
    assert!(world.sim.books.entries().is_empty(), "neither has cost anything");
    assert_eq!(asks("dear", json!([{"role": "user", "content": "hi"}])).0, 200, "what it can do goes there");
    asks("tried", picture);
    assert_eq!(world.sim.books.entries().len(), 2, "unless somebody wants that, it is tried");
}

#[test]
fn weights_are_shares_and_a_session_stays_where_it_is() {
    let world = world(
        "- name: canary\n  strategy: weighted\n  targets:\n\
         \x20 - { provider: openai, model: gpt-5-mini, weight: 3 }\n  - { provider: local, model: local-chat }\n\
         \x20 - { provider: anthropic, model: claude-haiku-4-5, weight: 0 }\n",
    );
    let calls = 200;
    let mut local = 0;
    for number in 0..calls {
        let who = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "canary", &number.to_string()));
        match provider(&who) {
            "local" => local += 1,
            other => assert_eq!(other, "openai", "what has no weight is for nobody while others serve"),
        }
    }
    // A quarter, give or take five standard deviations.
    assert!((20..=80).contains(&local), "{local} of {calls}");
    for session in ["a", "b", "c", "d", "e", "f"] {
        let said = || chat("canary", json!({})).header("x-session-id", session);
        let first = world.send(&said());
        for _ in 0..6 {
            assert_eq!(provider(&world.send(&said())), provider(&first), "session {session}");
        }
    }
    let dead = World::with(Setup {
        models: "- name: canary\n  strategy: weighted\n  targets:\n\
                 \x20 - { provider: dead, model: gpt-5-mini }\n  - { provider: local, model: local-chat, weight: 0 }\n"
            .to_owned(),
        ..Setup::default()
    });
    assert_eq!(provider(&dead.send(&chat("canary", json!({})))), "local", "but for them it is there");
}

#[test]
fn the_cheapest_target_is_found_by_the_price_of_the_call_and_a_warm_session_is_not_moved() {
    let world = world(
        "- name: thrifty\n  strategy: cheapest\n  targets:\n\
         \x20 - { provider: anthropic, model: claude-opus-4-5 }\n  - { provider: openai, model: gpt-5-mini }\n\
         \x20 - { provider: local, model: local-chat }\n",
    );
    let answer = world.send(&chat("thrifty", json!({})));
    assert_eq!(provider(&answer), "openai", "what has no price is no bargain");
    let dear = world.send(&chat("claude-opus-4-5", json!({})).header("x-session-id", "warm"));
    assert_eq!(provider(&dear), "anthropic");
    let stays = world.send(&chat("thrifty", json!({})).header("x-session-id", "warm"));
    assert_eq!(provider(&stays), "anthropic", "its cache is warm there");
    assert_eq!(provider(&world.send(&chat("thrifty", json!({})).header("x-session-id", "cold"))), "openai");
}

#[test]
fn the_cheapest_target_of_a_long_call_is_found_by_the_price_of_long_calls() {
    // Of these the first is the cheaper one up to 100 000 tokens, and dearer beyond.
    let world = world(
        "- name: thrifty\n  strategy: cheapest\n  targets:\n\
         \x20 - { provider: openai, model: gpt-5.6-luna }\n  - { provider: anthropic, model: claude-haiku-5-5 }\n",
    );
    let asks = |words: usize| {
        chat(
            "thrifty",
            json!({"messages": [{"role": "user", "content": "word ".repeat(words)}], "max_completion_tokens": 50}),
        )
    };
    assert_eq!(provider(&world.send(&asks(100))), "anthropic");
    assert_eq!(provider(&world.send(&asks(150_000))), "openai");
}

#[test]
fn a_conversation_stays_at_the_dearer_target_while_its_prompt_is_cheaper_there_from_the_cache() {
    let world = world(
        "- name: thrifty\n  strategy: cheapest\n  targets:\n\
         \x20 - { provider: openai, model: gpt-5 }\n  - { provider: openai, model: gpt-5-mini }\n",
    );
    let long = "word ".repeat(1_500);
    let conversation = |first: &str, turns: usize| {
        let turn = |number: usize| {
            let role = if number.is_multiple_of(2) { "user" } else { "assistant" };
            json!({"role": role, "content": if number == 0 { format!("{first} {long}") } else { long.clone() }})
        };
        let messages: Vec<Value> = (0..turns).map(turn).collect();
        world.send(&chat("thrifty", json!({"messages": messages, "max_completion_tokens": 20})))
    };
    let served = |answer: &Answer| {
        let row = world.row(answer);
        (row.served.map(|served| served.model.to_string()), row.earlier.len())
    };
    let failing = "[[sim@gpt-5-mini: status=503]]";
    assert_eq!(served(&conversation(failing, 1)), (Some("gpt-5".to_owned()), 1), "the cheaper one has failed");
    assert_eq!(served(&conversation(failing, 21)), (Some("gpt-5".to_owned()), 0), "it is not even asked");
    assert_eq!(served(&conversation("hi", 21)), (Some("gpt-5-mini".to_owned()), 0), "who is nowhere yet goes there");
}

#[test]
fn the_quickest_target_is_the_one_that_was() {
    let world = world(
        "- { name: slow, targets: [{ provider: openai, model: gpt-5-mini }] }\n\
         - name: quick\n  strategy: fastest\n  targets:\n\
         \x20 - { provider: openai, model: gpt-5-mini }\n  - { provider: local, model: local-chat }\n",
    );
    world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "slow", "[[sim: ttft=700ms]] take your time"));
    world.send(&chat("on-local", json!({})));
    assert_eq!(provider(&world.send(&chat("quick", json!({})))), "local");
}

#[test]
fn a_budget_that_is_nearly_spent_sends_calls_to_the_cheaper_target_before_it_refuses_any() {
    let world = World::with(Setup {
        models: "- name: thrifty\n  targets:\n\
                 \x20 - { provider: openai, model: gpt-5-nano, when: 'budget_left < 0.5' }\n\
                 \x20 - { provider: openai, model: gpt-5 }\n"
            .to_owned(),
        budgets: "- { name: month, for: { team: red }, amount: 0.010 USD }\n".to_owned(),
        ..Setup::default()
    });
    let asks = |output: u64, tokens: u64| {
        let body = json!({"messages": [{"role": "user", "content": format!("[[sim: tokens={tokens}]] hi")}],
            "max_completion_tokens": output, "service_tier": "default"});
        let answer = world.send(&chat("thrifty", body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("x-tallygate-model").to_owned()
    };
    assert_eq!(asks(700, 600), "gpt-5", "nothing is spent");
    assert_eq!(asks(10, 5), "gpt-5-nano", "more than half is");
}

#[test]
fn hours_are_those_of_the_zone_that_is_said() {
    let served = |zone: &str| {
        let setup = Setup {
            more: format!("routing: {{ time_zone: {zone} }}\n"),
            models: "- name: timely\n  targets:\n\
                     \x20 - { provider: local, model: local-chat, when: 'hour == 0 && weekday == 5' }\n\
                     \x20 - { provider: openai, model: gpt-5-mini }\n"
                .to_owned(),
            ..Setup::default()
        };
        // Half past eleven on a Thursday evening in UTC is Friday in Berlin.
        let world = World::by(setup, crate::midnight::Moved::at("2026-11-26T23:30:00Z"));
        provider(&world.send(&chat("timely", json!({})))).to_owned()
    };
    assert_eq!((served("UTC"), served("Europe/Berlin")), ("openai".to_owned(), "local".to_owned()));
}

#[test]
fn another_name_is_as_if_callers_had_written_it() {
    let world = world(
        "- { name: newest, alias_of: stable }\n- { name: stable, alias_of: claude-haiku-4-5 }\n\
         - { name: mine, alias_of: smart }\n\
         - { name: smart, targets: [{ provider: local, model: local-chat }] }\n",
    );
    let answer = world.send(&chat("newest", json!({})));
    assert_eq!((provider(&answer), answer.header("x-tallygate-model")), ("anthropic", "claude-haiku-4-5"));
    assert_eq!(provider(&world.send(&chat("mine", json!({})))), "local");
    let refused = |models: &str| {
        let text = format!(
            "providers: [{{ name: local, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }}]\nmodels:\n{models}"
        );
        format!("{:#}", load(&text).err().unwrap_or_else(|| panic!("taken: {models}")))
    };
    for (models, place, said) in [
        ("- { name: a, alias_of: b }\n- { name: b, alias_of: a }\n", "models[0].alias_of", "leads back"),
        ("- { name: a, alias_of: nowhere }\n", "models[0].alias_of", "no entry of `models` serves"),
        ("- { name: a }\n", "models[0].targets", "is empty"),
        (
            "- { name: a, alias_of: b, unknown_price: deny }\n- { name: b, targets: [{ provider: local }] }\n",
            "models[0].unknown_price",
            "counts for nothing",
        ),
        (
            "- { name: 'a*', alias_of: b }\n- { name: b, targets: [{ provider: local }] }\n",
            "models[0].alias_of",
            "pattern",
        ),
        ("- { name: a, targets: [{ provider: local, when: 'tema == 1' }] }\n", "models[0].targets[0].when", "tema"),
        ("- { name: a, targets: [{ provider: local, when: 'team' }] }\n", "models[0].targets[0].when", "true or false"),
        (
            "- { name: a, targets: [{ provider: local, weight: 3 }] }\n",
            "models[0].targets[0].weight",
            "counts for nothing",
        ),
        (
            "- { name: a, strategy: weighted, targets: [{ provider: local, weight: 0 }] }\n",
            "models[0].targets",
            "all weights",
        ),
    ] {
        let problem = refused(models);
        assert!(problem.contains(place) && problem.contains(said), "{models}: {problem}");
    }
}

#[test]
fn a_request_is_explained_without_being_sent() {
    let folder = tempfile::TempDir::new().unwrap();
    let config = "providers:\n\
         - { name: anthropic, kind: anthropic, api_key: 'env:SIM_KEY' }\n\
         - { name: openai, kind: openai, api_key: 'env:SIM_KEY' }\n\
         models:\n- name: smart\n  strategy: cheapest\n  targets:\n\
         \x20 - { provider: anthropic, model: claude-opus-4-5 }\n  - { provider: openai, model: gpt-5-mini }\n\
         \x20 - { provider: openai, model: gpt-3.5-turbo }\n  - { provider: openai, model: gpt-4o, when: \"team == 'blue'\" }\n\
         teams: [{ name: red }]\n\
         limits: [{ name: per-team, each: [team], requests: 10/s }, { name: others, for: { team: blue }, requests: 1/s }]\n\
         pools: [{ name: gpt, for: [{ provider: openai }], requests: 1k/m }]\n\
         priorities: [{ for: { team: red }, class: batch }]\n\
         budgets: [{ name: monthly, for: { team: red }, amount: 100 USD }]\n";
    let picture = json!({"model": "smart", "messages": [{"role": "user", "content": [{"type": "image_url",
        "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}]});
    std::fs::write(folder.path().join("tallygate.yaml"), config).unwrap();
    std::fs::write(folder.path().join("request.json"), picture.to_string()).unwrap();
    let run = |more: &[&str]| {
        let arguments = [&["explain", "request.json", "--config", "tallygate.yaml"][..], more].concat();
        let done = tallygate(folder.path(), &arguments).env("SIM_KEY", "sk-nobody").output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (done.status.success(), text(done.stdout), text(done.stderr))
    };
    let (is_fine, out, err) = run(&["--team", "red", "--format", "json"]);
    assert!(is_fine, "{err}");
    let page: Value = serde_json::from_str(&out).unwrap();
    let rows = page["targets"].as_array().unwrap();
    let told: Vec<(&str, Option<u64>)> =
        rows.iter().map(|row| (row["model"].as_str().unwrap(), row["place"].as_u64())).collect();
    assert_eq!(
        told,
        [("gpt-5-mini", Some(1)), ("claude-opus-4-5", Some(2)), ("gpt-3.5-turbo", Some(3)), ("gpt-4o", None)],
        "{out}"
    );
    assert_eq!(rows[2]["dropped"], "it reads no images");
    assert!(rows[3]["dropped"].as_str().unwrap().contains("team == 'blue'") && rows[0]["usd"].is_string(), "{out}");
    assert_eq!((&page["limits"], &page["budgets"]), (&json!(["per-team"]), &json!(["monthly"])));
    assert_eq!((&page["pools"], &page["priority"]), (&json!(["gpt"]), &json!("batch, weight 1")));
    let (is_fine, out, _) = run(&["--team", "red"]);
    assert!(
        is_fine && out.contains("order: cheapest") && out.contains("task: ") && out.contains("it reads no images"),
        "{out}"
    );
    let (is_fine, _, err) = run(&["--team", "green"]);
    assert!(!is_fine && err.contains("no team 'green'") && err.contains("red"), "{err}");
    assert!(!run(&[]).0, "somebody calls");
}

#[test]
fn a_key_is_explained_by_what_it_may_and_is_bound_to() {
    let folder = tempfile::TempDir::new().unwrap();
    let config = "providers: [{ name: openai, kind: openai, api_key: 'env:SIM_KEY' }]\n\
         models:\n- name: smart\n  targets:\n\
         \x20 - { provider: openai, model: gpt-5, when: \"environment == 'prod'\" }\n  - { provider: openai, model: gpt-5-mini }\n\
         - { name: other, targets: [{ provider: openai, model: gpt-5 }] }\n\
         prompt_cache: [{ for: { project: alpha }, points: auto }]\n";
    std::fs::write(folder.path().join("tallygate.yaml"), config).unwrap();
    let run = |arguments: &[&str]| {
        let done = tallygate(folder.path(), arguments).env("SIM_KEY", "sk-nobody").output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", text(done.stderr));
        text(done.stdout)
    };
    // Of the store alone: no file declares it.
    run(&["teams", "create", "blue", "--project", "alpha", "--environment", "prod"]);
    let keys = ["keys", "create", "--team", "blue", "--project", "alpha", "--environment", "prod", "--json"];
    let made: Value = serde_json::from_str(&run(&[&keys[..], &["--model", "smart"]].concat())).unwrap();
    let id = made.pointer("/key/id").or_else(|| made.get("id")).unwrap().as_str().unwrap().to_owned();
    let explained = |model: &str| -> Value {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
        std::fs::write(folder.path().join("request.json"), body.to_string()).unwrap();
        serde_json::from_str(&run(&["explain", "request.json", "--key", &id, "--format", "json"])).unwrap()
    };
    let smart = explained("smart");
    assert_eq!((&smart["targets"][0]["model"], &smart["prompt_cache"]), (&json!("gpt-5"), &json!(true)), "{smart}");
    assert_eq!(explained("other")["refused"]["code"], "model_not_allowed");
}

#[test]
fn a_running_gateway_says_who_is_passed_over_and_what_room_is_left() {
    let (folder, _sim) = crate::process::prepared(&Setup {
        models: "- { name: smart, targets: [{ provider: openai, model: gpt-5-mini }, { provider: anthropic, model: claude-haiku-4-5 }] }\n"
            .to_owned(),
        more: "teams: [{ name: red }, { name: blue }]\npools: [{ name: gpt, for: [{ provider: openai }], concurrent: 7 }]\n"
            .to_owned(),
        budgets: "- { name: monthly, each: [team], amount: 100 USD }\n".to_owned(),
        teams: String::new(),
        ..Setup::default()
    });
    let gateway = crate::process::Process::start(folder.path());
    let admin = format!("http://{}", gateway.admin);
    let run = |arguments: &[&str]| {
        let mut command = crate::process::command(folder.path(), arguments);
        let done = command.args(["--admin", &admin]).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    for (team, prompt) in [("red", "[[sim@gpt-5-mini: status=429 retry_after=50 times=1]] hi"), ("blue", "hi")] {
        let made: Value = serde_json::from_str(&run(&["keys", "create", "--team", team, "--json"])).unwrap();
        let limited = json!({"messages": [{"role": "user", "content": prompt}]});
        let call = chat("smart", limited).bearer(made["secret"].as_str().unwrap());
        assert_eq!(provider(&call.send(gateway.address)), "anthropic");
    }
    let request = json!({"model": "smart", "messages": [{"role": "user", "content": "hi"}]});
    std::fs::write(folder.path().join("request.json"), request.to_string()).unwrap();
    let explain = ["explain", "request.json", "--config", "tallygate.yaml", "--team", "red"];
    let page: Value = serde_json::from_str(&run(&[&explain[..], &["--format", "json"]].concat())).unwrap();
    let over = page["targets"][0]["passed_over"].as_str().unwrap();
    assert!(over.starts_with("passed over now: quota, 4") && page["targets"][1]["passed_over"].is_null(), "{page}");
    let pool = &page["now"]["pools"][0];
    assert_eq!((&pool["pool"], &pool["limit"], &pool["under_way"]), (&json!("gpt"), &json!(7), &json!(0)), "{page}");
    let budgets = page["now"]["budgets"].as_array().unwrap();
    assert_eq!((budgets.len(), &budgets[0]["of"]), (1, &json!({"team": "red"})), "{page}");
    let table = run(&explain);
    assert!(table.contains("passed over now: quota") && table.contains("now in pool gpt: 0 of 7 under way"), "{table}");
    assert!(table.contains("now in budget monthly of red: ") && table.contains("left of 100.00"), "{table}");
}
