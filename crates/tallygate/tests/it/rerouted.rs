//! Calls that a guardrail sends to another model: they reach that one, and no other learns anything of them.

use crate::budgets::code;
use crate::cli::tallygate;
use crate::guarded::{EMAIL, SECRET, guarded, house, no_mail, rule, told};
use crate::outside::outside;
use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, hear};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Action as Done, Verdict};
use tg_kernel::record::Record;
use tg_policy::admit::{Mode, Scope};
use tg_policy::guard::{Action, Check, On, Rule, Set, Style};
use tg_store::key::NewKey;

/// The simulated model of `on-local`.
const KEPT: &str = "local-chat";

/// Credentials stay in the house.
fn stay() -> Rule {
    rule("stay", Check::Secrets(None), Action::RouteTo("on-local".into()))
}

fn chat(model: &str, prompt: &str) -> Call {
    ask(Dialect::OpenaiChat, Manner::Plain, model, prompt)
}

/// What the row says of where its call was sent.
fn rerouted(row: &Record) -> Option<(String, String, String)> {
    let rerouted = row.decided.as_ref()?.rerouted.as_ref()?;
    Some((rerouted.by.to_string(), rerouted.from.to_string(), rerouted.to.to_string()))
}

/// The models that were sent anything with the credential in it.
fn saw(world: &World) -> Vec<String> {
    let entries = world.sim.books.entries();
    entries
        .iter()
        .filter(|entry| entry.detail.as_ref().is_some_and(|detail| detail.body.contains(SECRET)))
        .map(|entry| entry.model.clone())
        .collect()
}

#[test]
fn a_call_goes_where_a_rule_sends_it_in_every_dialect_and_no_other_model_sees_it() {
    let world = guarded(vec![stay()]);
    each_dialect(|dialect| {
        for manner in MANNERS {
            for model in ["on-anthropic", "on-bedrock", "on-openai", "on-local"] {
                let place = format!("{dialect:?} {manner:?} {model}");
                let answer = world.send(&ask(dialect, manner, model, &format!("deploy with {SECRET} please")));
                assert_eq!(answer.status, 200, "{place}: {}", answer.text());
                assert_eq!(answer.header("x-tallygate-provider"), "local", "{place}");
                assert_eq!(answer.header("x-tallygate-guardrail"), "house/stay", "{place}");
                let heard = hear(dialect, manner, &answer);
                assert!(heard.ended && heard.text.contains(SECRET), "{place}: it is not taken out: {}", heard.text);
                let row = world.row(&answer);
                let sent = ("house/stay".to_owned(), model.to_owned(), "on-local".to_owned());
                // InvokeModel and Converse name a model as they know it.
                let (by, from, to) = rerouted(&row).unwrap();
                assert_eq!((by, to), (sent.0, sent.2), "{place}");
                assert!(!from.is_empty() && &*row.asked.model == "on-local", "{place}");
                let evidence = row.guarded.as_ref().unwrap();
                assert_eq!((evidence.verdict, evidence.hits[0].action), (Verdict::Rerouted, Done::Rerouted), "{place}");
            }
        }
        let fine = world.send(&ask(dialect, Manner::Plain, "on-anthropic", "good morning"));
        assert_eq!(fine.header("x-tallygate-provider"), "anthropic", "{dialect:?}");
        assert!(rerouted(&world.row(&fine)).is_none());
    });
    let saw = saw(&world);
    assert_eq!((saw.len(), saw.iter().all(|model| model == KEPT)), (CHAT.len() * MANNERS.len() * 4, true), "{saw:?}");
    assert_eq!(world.gateway().living.counts.unguarded.load(Ordering::Relaxed), 0);
}

/// field.md §14 E 17: a guardrail that holds for the first try, and not for what follows.
#[test]
fn neither_failures_nor_mirrors_nor_caches_carry_it_to_another_model() {
    let models = "- name: watched\n  targets: [{ provider: openai, model: gpt-5-mini }, { provider: anthropic, model: claude-haiku-4-5 }]\n\
                  \x20 mirror: { provider: bedrock, model: 'amazon.nova-lite-v1:0', share: 100% }\n\
                  - name: kept\n  targets: [{ provider: local, model: local-chat }]\n\
                  \x20 mirror: { provider: bedrock, model: 'amazon.nova-lite-v1:0', share: 100% }\n";
    let send = Rule { action: Action::RouteTo("kept".into()), ..stay() };
    let mut world = World::with(Setup {
        models: models.to_owned(),
        cache: "{ rules: [{ name: all, ttl: 1h, only_deterministic: false }] }".to_owned(),
        guards: vec![house(vec![send])],
        ..Setup::default()
    });
    let failing = world.send(&chat("watched", &format!("[[sim: status=500]] {SECRET}")));
    assert!(failing.status >= 500, "{}: it has no other target", failing.status);
    for manner in MANNERS {
        for _ in 0..2 {
            let answer = world.send(&ask(Dialect::AnthropicMessages, manner, "watched", &format!("keep {SECRET}")));
            assert_eq!(answer.status, 200, "{}", answer.text());
            let decided = world.row(&answer).decided.unwrap();
            assert!(decided.cache.is_none() && decided.routed.is_none(), "{decided:?}");
        }
    }
    let fates = world.gateway().living.shadows.figures().fates;
    assert!(fates.iter().all(|(.., count)| *count == 0), "{fates:?}");
    world.drain(crate::world::DEADLINE);
    let saw = saw(&world);
    assert!(saw.len() >= 5 && saw.iter().all(|model| model == KEPT), "{saw:?}");
    assert_eq!(world.sim.books.entries().len(), saw.len(), "nothing else left");
}

#[test]
fn what_other_rules_take_out_is_taken_out_and_what_they_stop_is_stopped() {
    let stop = rule("stop", Check::Words { list: vec!["project heron".into()], fuzzy: 0 }, Action::Block);
    let world = guarded(vec![stay(), no_mail(Action::Redact(Style::Tag)), stop]);
    each_dialect(|dialect| {
        let answer = world.send(&ask(dialect, Manner::Plain, "on-anthropic", &format!("{SECRET} for {EMAIL}")));
        let row = world.row(&answer);
        let sent = told(&world, &row);
        assert!(sent.contains(SECRET) && sent.contains("[EMAIL_1]") && !sent.contains("lovelace"), "{sent}");
        assert_eq!(row.guarded.unwrap().verdict, Verdict::Rerouted);
        let stopped = world.send(&ask(dialect, Manner::Plain, "on-anthropic", &format!("{SECRET}, project heron")));
        assert_eq!(stopped.header("x-tallygate-error-code"), "content_blocked", "{dialect:?}");
        let row = world.row(&stopped);
        assert!(row.served.is_none() && rerouted(&row).is_none(), "{row:?}");
    });
}

#[test]
fn it_meets_what_is_for_the_model_that_it_goes_to_and_is_sent_on_once() {
    let scope = |model: &str| Scope { model: Some(model.to_owned()), ..Scope::default() };
    let of_kept = vec![
        rule("stop", Check::Words { list: vec!["project heron".into()], fuzzy: 0 }, Action::Block),
        rule("back", Check::Secrets(None), Action::RouteTo("on-anthropic".into())),
    ];
    let guards = vec![
        Set { name: "outer".into(), scope: scope("on-anthropic"), ..house(vec![stay()]) },
        Set { name: "inner".into(), scope: scope("on-local"), ..house(of_kept) },
    ];
    let world = World::with(Setup { guards, ..Setup::default() });
    let provider = |answer: &Answer| answer.header("x-tallygate-provider").to_owned();
    let send = |prompt: String| world.send(&chat("on-anthropic", &prompt));
    assert_eq!(provider(&send("project heron".to_owned())), "anthropic", "that is a rule of the other model");
    assert_eq!(code(&send(format!("{SECRET} project heron"))), (400, "content_blocked"));
    let once = send(format!("keep {SECRET}"));
    assert_eq!(provider(&once), "local", "it does not go round and round");
    let row = world.row(&once);
    assert_eq!(row.guarded.unwrap().sets, [Arc::from("outer"), Arc::from("inner")]);
    assert_eq!(world.gateway().living.counts.unguarded.load(Ordering::Relaxed), 0);
    assert!(saw(&world).iter().all(|model| model == KEPT));
}

#[test]
fn a_rule_that_observes_sends_nothing_elsewhere() {
    let world = guarded(vec![Rule { mode: Mode::Observe, ..stay() }]);
    let answer = world.send(&chat("on-anthropic", &format!("keep {SECRET}")));
    assert_eq!(answer.header("x-tallygate-provider"), "anthropic");
    let row = world.row(&answer);
    let rerouted = row.decided.and_then(|decided| decided.rerouted);
    assert_eq!((row.guarded.unwrap().hits[0].action, rerouted), (Done::Observed, None));
}

#[test]
fn what_is_no_chat_is_stopped_and_a_count_is_made_there() {
    let world = guarded(vec![stay()]);
    let vector = json!({"model": "on-openai", "input": format!("keep {SECRET}")}).to_string();
    let vector = world.send(&Call::post("/v1/embeddings", vector).header("content-type", "application/json"));
    assert_eq!(code(&vector), (400, "content_blocked"));
    assert_eq!(vector.header("x-tallygate-guardrail"), "house/stay");
    assert_eq!(world.row(&vector).guarded.unwrap().hits[0].action, Done::Blocked);
    let messages = json!([{"role": "user", "content": format!("keep {SECRET}")}]);
    let count = json!({"model": "on-anthropic", "messages": messages}).to_string();
    let count = Call::post("/v1/messages/count_tokens", count).header("anthropic-version", "2023-06-01");
    let count = world.send(&count);
    assert_eq!(count.status, 200, "{}", count.text());
    assert!(rerouted(&world.row(&count)).is_some());
    assert!(saw(&world).iter().all(|model| model == KEPT), "{:?}", saw(&world));
}

#[test]
fn the_house_decides_and_not_the_list_of_a_key_but_limits_of_the_other_model_hold() {
    let world = World::with(Setup {
        guards: vec![house(vec![stay()])],
        limits: "- { name: few, for: { model: on-local }, requests: 1/1h }\n\
                 - { name: none, for: { model: on-openai }, requests: 1/1h }\n"
            .to_owned(),
        ..Setup::default()
    });
    let models = vec!["on-openai".to_owned()];
    let key = world.issue(&NewKey { models, ..world.new_key("red") });
    let send = |prompt: &str| chat("on-openai", prompt).bearer(key.secret.expose()).send(world.address);
    let first = send(SECRET);
    assert_eq!((first.status, first.header("x-tallygate-provider")), (200, "local"), "{}", first.text());
    assert_eq!(code(&send(SECRET)), (429, "limit_reached"), "the other model's limit holds");
    assert_eq!(send("good morning").status, 200, "that of the model that was named was not used");
}

#[test]
fn no_budget_sends_it_to_a_cheaper_model() {
    let send = Rule { action: Action::RouteTo("on-openai".into()), ..stay() };
    let world = World::with(Setup {
        guards: vec![house(vec![send])],
        budgets:
            "- { name: poor, for: { model: on-openai }, amount: 0.000001 USD, on_exhausted: { downgrade: on-local } }\n"
                .to_owned(),
        ..Setup::default()
    });
    assert_eq!(code(&world.send(&chat("on-anthropic", SECRET))), (429, "budget_exhausted"));
    assert_eq!(world.send(&chat("on-anthropic", "good morning")).status, 200);
    assert!(saw(&world).is_empty());
}

#[test]
fn what_the_other_model_cannot_do_is_refused_and_not_sent_back() {
    // What the catalogue says of it: it sees no pictures.
    let world = World::with(Setup {
        guards: vec![house(vec![Rule { action: Action::RouteTo("gpt-3.5-turbo".into()), ..stay() }])],
        ..Setup::default()
    });
    let picture = json!([{"role": "user", "content": [{"type": "text", "text": format!("what is {SECRET}?")},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}]);
    let body = json!({"model": "on-anthropic", "messages": picture}).to_string();
    let answer = world.send(&Call::post("/v1/chat/completions", body).header("content-type", "application/json"));
    assert_eq!(code(&answer), (400, "not_able"));
    assert_eq!(answer.header("x-tallygate-guardrail"), "house/stay");
    assert!(world.sim.books.entries().is_empty());
}

#[test]
fn a_service_outside_can_send_a_call_elsewhere_and_is_not_left_out_when_it_is_away() {
    let services = "- { name: hook, kind: webhook, url: 'HOOK_URL/check', secret: 'env:HOOK_SECRET' }\n\
                    - { name: gone, kind: moderation, provider: dead }\n";
    let world = |service: &str| {
        let ask = outside(service, Action::RouteTo("on-local".into()), On::Input);
        World::with(Setup { guards: vec![house(vec![ask])], services: services.to_owned(), ..Setup::default() })
    };
    let asked = world("hook");
    each_dialect(|dialect| {
        for manner in MANNERS {
            let sent = asked.send(&ask(dialect, manner, "on-anthropic", "something forbidden"));
            assert_eq!(sent.header("x-tallygate-provider"), "local", "{dialect:?} {manner:?}: {}", sent.text());
            assert_eq!(rerouted(&asked.row(&sent)).unwrap().0, "house/hook");
            let fine = asked.send(&ask(dialect, manner, "on-anthropic", "good morning"));
            assert_eq!(fine.header("x-tallygate-provider"), "anthropic", "{dialect:?} {manner:?}");
        }
    });
    let away = world("gone");
    assert_eq!(code(&away.send(&chat("on-anthropic", "good morning"))), (400, "content_blocked"), "it fails closed");
    assert!(away.sim.books.entries().is_empty());
}

/// A policy on paper: it is explained, shown with its model, and replayed.
#[test]
fn commands_say_where_a_rule_sends_calls() {
    let folder = tempfile::TempDir::new().unwrap();
    let config = "providers:\n- { name: openai, kind: openai, api_key: 'env:SIM_KEY' }\n\
                  models:\n- { name: smart, targets: [{ provider: openai, model: gpt-5-mini }] }\n\
                  - { name: kept, targets: [{ provider: openai, model: gpt-4o }] }\n\
                  teams: [{ name: red, models: [smart] }]\n\
                  guardrails:\n- { name: house, unreadable: allow, rules: [{ name: stay, secrets: all, action: route_to, model: kept }] }\n\
                  required_checks: { input: [secrets] }\n";
    std::fs::write(folder.path().join("tallygate.yaml"), config).unwrap();
    let run = |words: &[&str]| {
        let done = tallygate(folder.path(), words).env("SIM_KEY", "sk-nobody").output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let explained = |prompt: &str| {
        let body = json!({"model": "smart", "messages": [{"role": "user", "content": prompt}]});
        std::fs::write(folder.path().join("request.json"), body.to_string()).unwrap();
        let out = run(&["explain", "request.json", "--config", "tallygate.yaml", "--team", "red", "--format", "json"]);
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let (fine, sent) = (explained("good morning"), explained(&format!("keep {SECRET}")));
    assert_eq!((&fine["rerouted"], &fine["targets"][0]["model"]), (&Value::Null, &json!("gpt-5-mini")));
    assert_eq!(sent["rerouted"], json!({"by": "house/stay", "to": "kept"}));
    assert_eq!((&sent["targets"][0]["model"], &sent["refused"]), (&json!("gpt-4o"), &Value::Null));
    let out = run(&["coverage", "--config", "tallygate.yaml"]);
    assert!(out.contains("house/stay route_to kept") && out.contains("enforced"), "{out}");
    let out = run(&["explain", "request.json", "--config", "tallygate.yaml", "--team", "red"]);
    assert!(out.contains("guardrail house/stay sends it to: kept"), "{out}");
}
