//! Answers that are kept: given again as they were, to those alone who may have them, at no cost, and only while nothing that
//! decides them has changed.

use crate::budgets::{bounded, code};
use crate::guarded::{EMAIL, house, no_mail, no_secrets};
use crate::replicas::Fleet;
use crate::speak::{MANNERS, Manner, ask, each_dialect, hear};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, put_in_force, until};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tg_kernel::clock::{ManualClock, Timestamp};
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::record::{Ending, Record};
use tg_kernel::reuse::{Outcome, Reuse};
use tg_kernel::units::Money;
use tg_kernel::usage::UsageSource;
use tg_policy::guard::{Action, On, Rule};
use tg_store::key::NewKey;

/// For all calls, whatever their temperature.
const ALL: &str = "{ rules: [{ name: all, ttl: 1h, only_deterministic: false }] }";

fn setup(cache: &str) -> Setup {
    Setup {
        cache: cache.to_owned(),
        teams: "- { name: red, projects: [alpha, beta], environments: [prod, dev] }\n- { name: blue }\n".to_owned(),
        ..Setup::default()
    }
}

fn world(cache: &str) -> World {
    World::with(setup(cache))
}

fn hi(prompt: &str) -> Call {
    ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", prompt)
}

fn outcome(answer: &Answer) -> &str {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-tallygate-cache")
}

fn reuse(row: &Record) -> Reuse {
    row.decided.clone().unwrap().cache.unwrap()
}

/// Whether two calls were answered by one and the same answer.
fn same(one: &Answer, other: &Answer) -> bool {
    one.body == other.body
}

#[test]
fn every_dialect_is_given_again_byte_for_byte_what_it_was_told_plain_and_streamed() {
    let world = world(ALL);
    each_dialect(|dialect| {
        for manner in MANNERS {
            for model in ["on-bedrock", "on-openai", "on-anthropic"] {
                let place = format!("{dialect:?} {manner:?} {model}");
                let call = ask(dialect, manner, model, &format!("{place} [[sim: tokens=40 chunk=3 tools=1 preamble]]"));
                let first = world.send(&call);
                assert_eq!(outcome(&first), "miss", "{place}");
                let before = world.row(&first);
                assert!(reuse(&before).kept, "{place}: {before:?}");
                let again = world.send(&call);
                assert_eq!((outcome(&again), again.clean), ("hit", true), "{place}");
                assert!(same(&first, &again), "{place}: {} / {}", first.text(), again.text());
                assert_eq!(first.header("content-type"), again.header("content-type"), "{place}");
                let (told, heard) = (hear(dialect, manner, &first), hear(dialect, manner, &again));
                assert_eq!((told.text.len() > 9, &told), (true, &heard), "{place}");
                assert_ne!(first.header("x-tallygate-request-id"), again.header("x-tallygate-request-id"), "{place}");
                assert_eq!(again.header("x-tallygate-cost-usd"), "0.00", "{place}");
                assert_eq!(again.header("age"), "0", "{place}");
                assert_eq!(first.header("x-tallygate-losses"), again.header("x-tallygate-losses"), "{place}");
                let row = world.row(&again);
                assert_eq!((row.ending, row.status, row.usage_source), (Ending::Ok, 200, UsageSource::None), "{place}");
                assert!(row.served.is_none() && row.cost.amount == Money::ZERO, "{place}: {row:?}");
                let reuse = reuse(&row);
                let hit = reuse.hit.unwrap();
                assert_eq!((&*reuse.rule, reuse.outcome, hit.from), ("all", Outcome::Hit, before.id), "{place}");
                assert_eq!((hit.usage, hit.saved.amount), (before.usage, before.cost.amount), "{place}");
                assert!(hit.saved.amount > Money::ZERO, "{place}");
                assert_eq!(again.header("x-tallygate-saved-usd"), hit.saved.amount.to_string(), "{place}");
            }
        }
    });
    let sent = world.sim.books.entries().len();
    assert_eq!(sent, 5 * 2 * 3, "one call each has left");
}

#[test]
fn vectors_are_given_again() {
    let world = world("{ rules: [{ name: all, ttl: 1h }] }");
    let call = Call::post("/v1/embeddings", json!({"model": "on-openai", "input": "hi"}).to_string());
    let answers = [world.send(&call), world.send(&call)];
    assert_eq!((outcome(&answers[0]), outcome(&answers[1])), ("miss", "hit"));
    assert!(same(&answers[0], &answers[1]));
    assert_eq!(world.row(&answers[1]).cost.amount, Money::ZERO);
}

#[test]
fn without_a_rule_nothing_is_kept_and_nothing_is_said() {
    for cache in ["{}", "{ rules: [{ name: other, ttl: 1h, for: { team: blue } }] }"] {
        let world = world(cache);
        let answers = [world.send(&hi("hi")), world.send(&hi("hi"))];
        assert_eq!((outcome(&answers[0]), outcome(&answers[1])), ("", ""), "{cache}");
        assert!(!same(&answers[0], &answers[1]), "{cache}");
        assert!(world.row(&answers[1]).decided.is_none_or(|decided| decided.cache.is_none()), "{cache}");
    }
}

#[test]
fn a_caller_who_wants_another_answer_each_time_is_given_one_unless_a_rule_says_otherwise() {
    let world = world("{ rules: [{ name: all, ttl: 1h }] }");
    let with = |more: serde_json::Value| {
        let mut body = json!({"model": "on-local", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Call::post("/v1/chat/completions", body.to_string())
    };
    for (more, second) in [
        (json!({}), "unfit"),
        (json!({"temperature": 1}), "unfit"),
        (json!({"temperature": 0}), "hit"),
        (json!({"temperature": 1, "seed": 7}), "hit"),
    ] {
        world.send(&with(more.clone()));
        assert_eq!(outcome(&world.send(&with(more.clone()))), second, "{more}");
    }
}

#[test]
fn no_answer_is_given_to_another_team_nor_past_what_a_rule_shares() {
    for (share, to_project, to_key) in [("team", "hit", "hit"), ("project", "miss", "hit"), ("key", "miss", "miss")] {
        let rule = format!("{{ rules: [{{ name: all, ttl: 1h, only_deterministic: false, share: {share} }}] }}");
        let world = world(&rule);
        let key = |team: &str, project: Option<&str>| {
            world.issue(&NewKey { project: project.map(str::to_owned), ..world.new_key(team) })
        };
        let by = |key: &tg_store::key::IssuedKey| hi("hi").bearer(key.secret.expose()).send(world.address);
        let first = world.send(&hi("hi"));
        assert_eq!(outcome(&first), "miss");
        for (who, key, expected) in [
            ("another key of the project", key("red", Some("alpha")), to_key),
            ("another project", key("red", Some("beta")), to_project),
            ("another team", key("blue", None), "miss"),
        ] {
            let answer = by(&key);
            assert_eq!(outcome(&answer), expected, "{share}: {who}");
            assert_eq!(same(&first, &answer), expected == "hit", "{share}: {who}");
        }
        assert_eq!(outcome(&world.send(&hi("hi"))), "hit", "{share}: the same key");
    }
}

#[test]
fn callers_decide_for_each_call() {
    let world = world(ALL);
    let with = |name: &str, value: &str| world.send(&hi("hi").header(name, value));
    assert_eq!(outcome(&with("x-tallygate-cache", "off")), "off");
    assert_eq!(outcome(&world.send(&hi("hi"))), "miss", "nothing was kept");
    let fresh = with("x-tallygate-cache", "refresh");
    assert_eq!(outcome(&fresh), "refresh");
    let again = world.send(&hi("hi"));
    assert_eq!((outcome(&again), same(&fresh, &again)), ("hit", true), "the newest answer stays");
    for (name, value, expected) in [
        ("cache-control", "no-store", "off"),
        ("cf-aig-skip-cache", "true", "off"),
        ("cache-control", "max-age=3600", "hit"),
        ("x-portkey-cache-force-refresh", "true", "refresh"),
    ] {
        let answer = with(name, value);
        assert_eq!(outcome(&answer), expected, "{name}");
    }
}

#[test]
fn an_answer_is_given_until_its_time_is_over_and_its_age_is_told() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_790_000_000)));
    let world = World::by(setup(ALL), Arc::clone(&clock) as Arc<dyn tg_kernel::clock::Clock>);
    let send = |name: &str, value: &str| world.send(&hi("hi").header(name, value));
    assert_eq!(outcome(&send("x-tallygate-cache", "ttl=100")), "miss");
    clock.advance(Duration::from_secs(40));
    let answer = send("x-any", "");
    assert_eq!((outcome(&answer), answer.header("age")), ("hit", "40"));
    let too_old = send("cache-control", "max-age=39");
    assert_eq!(outcome(&too_old), "miss", "and is kept for an hour");
    clock.advance(Duration::from_secs(3599));
    assert_eq!(outcome(&send("x-any", "")), "hit");
    clock.advance(Duration::from_secs(1));
    assert_eq!(outcome(&send("x-any", "")), "miss");
}

#[test]
fn no_answer_outlives_a_change_of_route_provider_or_guardrail() {
    let world = world(ALL);
    let plain = world.config.clone();
    let changed = |from: &str, to: &str| {
        assert!(plain.contains(from), "{from}");
        plain.replacen(from, to, 1)
    };
    assert_eq!(outcome(&world.send(&hi("hi"))), "miss");
    assert_eq!(outcome(&world.send(&hi("hi"))), "hit");
    put_in_force(world.gateway(), &changed("limits:\n  []\n", "limits: [{ name: l, requests: 999/m }]\n"));
    assert_eq!(outcome(&world.send(&hi("hi"))), "hit", "what decides nothing of an answer");
    for (what, from, to) in [
        ("route", "[{ provider: openai, model: gpt-5-mini }]", "[{ provider: local, model: local-chat }]"),
        ("provider", "name: openai, kind: openai,", "name: openai, headers: { x-other: y }, kind: openai,"),
        (
            "guardrail",
            "cache:",
            "guardrails: [{ name: house, unreadable: allow, rules: [{ name: keys, secrets: all, action: block }] }]\ncache:",
        ),
    ] {
        put_in_force(world.gateway(), &changed(from, to));
        assert_eq!(outcome(&world.send(&hi("hi"))), "miss", "another {what}");
        assert_eq!(outcome(&world.send(&hi("hi"))), "hit", "another {what}");
        put_in_force(world.gateway(), &plain);
        assert_eq!(outcome(&world.send(&hi("hi"))), "hit", "the {what} of before");
    }
    put_in_force(world.gateway(), &changed(&format!("cache: {ALL}"), "cache: {}"));
    assert_eq!(outcome(&world.send(&hi("hi"))), "", "no rule any more");
}

#[test]
fn what_is_cut_filtered_failed_or_cut_off_is_never_given_again() {
    let world = world(ALL);
    for (dialect, model, filtered) in [
        (Dialect::OpenaiChat, "on-openai", "stop=content_filtered"),
        (Dialect::AnthropicMessages, "on-anthropic", "stop=refusal"),
        (Dialect::BedrockConverse, "on-bedrock", "stop=content_filtered"),
        (Dialect::OpenaiChat, "on-bedrock", "stop=guardrail"),
    ] {
        for manner in MANNERS {
            for script in ["stop=max_tokens", filtered, "fail_after=2", "truncate_after=2", "die_after=2"] {
                let place = format!("{dialect:?} {manner:?} {model} {script}");
                if manner == Manner::Plain && script.contains("after") {
                    continue;
                }
                let call = ask(dialect, manner, model, &format!("{place} [[sim: tokens=40 chunk=2 {script}]]"));
                for _ in 0..2 {
                    let answer = world.send(&call);
                    assert_eq!(answer.header("x-tallygate-cache"), "miss", "{place}: {}", answer.text());
                    assert!(!reuse(&world.row(&answer)).kept, "{place}");
                }
            }
        }
    }
}

#[test]
fn no_guardrail_is_gone_round_by_what_was_kept() {
    let of_answers = |rule: Rule| Rule { on: Some(On::Output), ..rule };
    let rules = vec![no_mail(Action::Annotate), of_answers(no_secrets())];
    let world = World::with(Setup { guards: vec![house(rules)], ..setup(ALL) });
    each_dialect(|dialect| {
        for manner in MANNERS {
            let place = format!("{dialect:?} {manner:?}");
            // What is said of a request is said each time.
            let call = ask(dialect, manner, "on-anthropic", &format!("{place}: write [[sim: tokens=1]] to {EMAIL}"));
            for expected in ["miss", "hit"] {
                let answer = world.send(&call);
                assert_eq!(
                    (outcome(&answer), answer.header("x-tallygate-guardrail")),
                    (expected, "house/mail"),
                    "{place}"
                );
                assert_eq!(world.row(&answer).guarded.unwrap().hits.len(), 1, "{place} {expected}");
            }
        }
    });
}

#[test]
fn what_a_guardrail_took_out_of_one_request_does_not_come_back_in_the_answer_to_another() {
    for action in [Action::Redact(tg_policy::guard::Style::Tag), Action::Restore(tg_policy::guard::Style::Tag)] {
        let world = World::with(Setup { guards: vec![house(vec![no_mail(action)])], ..setup(ALL) });
        for (mail, literally) in [(EMAIL, false), ("grace@example.com", false), ("[EMAIL_1]", true)] {
            let answer = world.send(&hi(&format!("write to {mail} now")));
            assert_eq!(outcome(&answer), if literally { "miss" } else { "unfit" }, "{mail}");
            assert!(!answer.text().contains("ada") || mail == EMAIL, "{mail}: {}", answer.text());
        }
        assert_eq!(outcome(&world.send(&hi(&format!("write to {EMAIL} now")))), "unfit");
    }
}

#[test]
fn a_hit_counts_as_a_request_and_uses_neither_tokens_nor_money() {
    let limits = "- { name: few, each: [key], requests: 3/h }\n- { name: words, each: [key], tokens: 1500/31d }\n";
    let setup =
        Setup { limits: limits.to_owned(), budgets: "- { name: cap, amount: 0.003 USD }\n".to_owned(), ..setup(ALL) };
    let world = World::with(setup);
    // It takes most of both: nobody could send it twice.
    let call = bounded("on-openai", 900, "[[sim: tokens=900]] hi");
    assert_eq!(outcome(&world.send(&call)), "miss");
    let other = bounded("on-openai", 900, "[[sim: tokens=900]] ho");
    assert_eq!(code(&world.send(&other)).0, 429);
    for left in [1, 0] {
        let answer = world.send(&call);
        assert_eq!(outcome(&answer), "hit");
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), left.to_string());
    }
    let refused = world.send(&call);
    assert_eq!(code(&refused), (429, "limit_reached"));
    assert!(refused.text().contains("'few'"), "{}", refused.text());
}

#[test]
fn what_hits_saved_is_what_their_calls_would_have_cost() {
    let world = world(ALL);
    let calls: Vec<Call> = (1..=4)
        .map(|number| bounded("on-openai", 900, &format!("[[sim: tokens={} cache_read=7]] {number}", number * 50)))
        .collect();
    let mut hits = 0;
    for round in 0..3 {
        for (number, call) in calls.iter().enumerate() {
            if number <= round {
                hits += usize::from(outcome(&world.send(call)) == "hit");
            }
        }
    }
    assert_eq!(hits, 3);
    let rows = until("all rows", || Some(world.rows()).filter(|rows| rows.len() == 6));
    let of = |row: &Record| reuse(row).hit;
    let saved = rows.iter().filter_map(of).fold(Money::ZERO, |sum, hit| sum.plus(hit.saved.amount));
    let paid = |hit: &tg_kernel::reuse::Hit| rows.iter().find(|row| row.id == hit.from).unwrap().cost.amount;
    let wanted = rows.iter().filter_map(of).fold(Money::ZERO, |sum, hit| sum.plus(paid(&hit)));
    assert!(saved > Money::ZERO);
    assert_eq!(saved, wanted);
}

#[test]
fn an_answer_too_long_to_be_kept_reaches_its_caller_all_the_same() {
    let world = world("{ answer_bytes_max: 4 KiB, rules: [{ name: all, ttl: 1h, only_deterministic: false }] }");
    for manner in MANNERS {
        let call = ask(Dialect::OpenaiChat, manner, "on-openai", "[[sim: tokens=900]] hi");
        let answers = [world.send(&call), world.send(&call)];
        for answer in &answers {
            assert_eq!((outcome(answer), answer.clean), ("miss", true), "{manner:?}");
            assert!(hear(Dialect::OpenaiChat, manner, answer).ended, "{manner:?}");
            assert!(answer.body.len() > 4096, "{manner:?}");
        }
    }
    assert_eq!(world.gateway().living.answers.figures(), Default::default());
}

#[test]
fn no_more_is_held_than_may_be() {
    let world = world(
        "{ bytes_max: 16 KiB, answer_bytes_max: 8 KiB, rules: [{ name: all, ttl: 1h, only_deterministic: false }] }",
    );
    for number in 0..40 {
        assert_eq!(outcome(&world.send(&hi(&format!("{number}")))), "miss");
        let held = world.gateway().living.answers.figures().held;
        assert!(held.bytes <= 16 << 10 && held.answers >= 1, "{held:?}");
    }
    let held = world.gateway().living.answers.figures().held;
    assert!(held.crowded_out > 20, "{held:?}");
    assert_eq!(outcome(&world.send(&hi("39"))), "hit");
    assert_eq!(outcome(&world.send(&hi("0"))), "miss");
}

#[test]
fn signs_of_life_are_no_part_of_what_is_given_again() {
    let streams = "{ keepalive: 20ms }".to_owned();
    let world = World::with(Setup { streams, ..setup(ALL) });
    for (dialect, model) in [(Dialect::OpenaiChat, "on-openai"), (Dialect::AnthropicMessages, "on-bedrock")] {
        let call = ask(dialect, Manner::Streamed, model, "[[sim: ttft=150ms tokens=20]] hi");
        let (first, again) = (world.send(&call), world.send(&call));
        assert_eq!((outcome(&first), outcome(&again)), ("miss", "hit"), "{dialect:?}");
        assert!(first.body.len() > again.body.len(), "{dialect:?}: {}", first.text());
        assert_eq!(hear(dialect, Manner::Streamed, &first), hear(dialect, Manner::Streamed, &again), "{dialect:?}");
        assert!(first.text().ends_with(&again.text()[again.text().len() - 100..]), "{dialect:?}");
    }
}

#[test]
fn a_stream_that_its_caller_left_is_not_kept() {
    let world = world(ALL);
    let call = ask(Dialect::OpenaiChat, Manner::Streamed, "on-openai", "[[sim: tokens=200 chunk=1 pause=5ms]] hi");
    drop(world.keyed(&call).open(world.address));
    let row = until("the row of who left", || world.rows().pop());
    assert_eq!((row.ending, reuse(&row).kept), (Ending::ClientGone, false));
    assert_eq!(outcome(&world.send(&call)), "miss");
}

#[test]
fn many_who_ask_the_same_at_once_are_all_answered() {
    let world = world(ALL);
    let call = hi("[[sim: delay=100ms]] hi");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let send = || world.send(&call);
        let all: Vec<_> = (0..12).map(|_| scope.spawn(send)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| matches!(outcome(answer), "miss" | "hit")));
    let ids: std::collections::HashSet<&str> = answers.iter().map(|it| it.header("x-tallygate-request-id")).collect();
    assert_eq!(ids.len(), 12, "each is a call of its own");
    let last = world.send(&call);
    assert_eq!(outcome(&last), "hit");
    assert!(answers.iter().any(|answer| same(answer, &last)));
}

#[test]
fn gateways_share_answers_and_go_on_without_them() {
    let cache = "{ place: counters, rules: [{ name: all, ttl: 1h, only_deterministic: false }] }";
    let mut fleet = Fleet::start(2, &setup(cache), "");
    for dialect in [Dialect::OpenaiChat, Dialect::BedrockConverse] {
        for manner in MANNERS {
            let model = if dialect.family() == Family::Bedrock { "on-bedrock" } else { "on-openai" };
            let call = ask(dialect, manner, model, "hi");
            let first = fleet.send(0, &call);
            assert_eq!(outcome(&first), "miss");
            let again = until("the other gateway has it", || {
                let answer = fleet.send(1, &call);
                (outcome(&answer) == "hit").then_some(answer)
            });
            let heard = hear(dialect, manner, &again);
            assert!(heard.ended, "{dialect:?} {manner:?}: {}", again.text());
            assert_eq!(again.header("x-tallygate-cost-usd"), "0.00");
        }
    }
    fleet.redis.kill();
    let call = hi("hi");
    for number in 0..10 {
        let begun = Instant::now();
        let answer = fleet.send(number % 2, &call);
        assert_eq!(outcome(&answer), "away");
        // The time that the configuration of the test gives the server, and the rest.
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}
