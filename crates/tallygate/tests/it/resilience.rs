//! Providers that fail before the first word of an answer: who is passed over, what is tried again, and what callers see.

use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, echo, hear};
use crate::wire::Answer;
use crate::world::{Setup, World, until};
use std::time::{Duration, Instant};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Ending;

fn world(resilience: &str, timeouts: &str) -> World {
    let models = "- { name: openai-first, targets: [{ provider: openai, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n\
                  - { name: locked-first, targets: [{ provider: locked-openai, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n\
                  - { name: claude-first, targets: [{ provider: anthropic, model: claude-haiku-4-5 }, { provider: bedrock, model: 'us.anthropic.claude-haiku-4-5-20251001-v1:0' }] }\n\
                  - { name: dead-first, targets: [{ provider: dead, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n\
                  - { name: gone-first, targets: [{ provider: openai, model: gpt-4-missing }, { provider: local, model: local-chat }] }\n\
                  - { name: gone-at-aws, targets: [{ provider: bedrock, model: 'us.anthropic.claude-missing' }, { provider: local, model: local-chat }] }\n"
        .to_owned();
    let (resilience, timeouts) = (resilience.to_owned(), timeouts.to_owned());
    World::with(Setup { models, resilience, timeouts, ..Setup::default() })
}

fn say(world: &World, model: &str, prompt: &str) -> Answer {
    world.send(&ask(Dialect::OpenaiChat, Manner::Plain, model, prompt))
}

/// Who answered, after how many tries.
fn by(answer: &Answer) -> (u16, &str, &str) {
    (answer.status, answer.header("x-tallygate-provider"), answer.header("x-tallygate-attempts"))
}

#[test]
fn a_target_that_keeps_failing_is_passed_over_until_one_call_finds_it_well() {
    let world = world("{ breaker: { failures: 3, rest: 600ms, rest_max: 1s } }", "{}");
    for number in 0..3 {
        let answer = say(&world, "openai-first", &format!("{number} [[sim: status=500 times=1]]"));
        assert_eq!(by(&answer), (200, "local", "2"), "{number}");
    }
    let passed_over = Instant::now();
    assert_eq!(by(&say(&world, "openai-first", "next")), (200, "local", "1"), "nobody waits for who fails");
    let answer = until("the target is tried again", || {
        let answer = say(&world, "openai-first", "again");
        (answer.header("x-tallygate-provider") == "openai").then_some(answer)
    });
    assert!(passed_over.elapsed() > Duration::from_millis(400), "it was left in peace");
    assert_eq!(by(&answer), (200, "openai", "1"));
    assert_eq!(by(&say(&world, "openai-first", "then")), (200, "openai", "1"), "and is well");
}

#[test]
fn a_wrong_key_benches_its_provider_and_a_quota_its_model() {
    let world = world("{}", "{}");
    assert_eq!(by(&say(&world, "locked-first", "one")), (200, "local", "2"));
    assert_eq!(by(&say(&world, "locked-first", "two")), (200, "local", "1"), "a key that is wrong once is wrong");
    let answer = say(&world, "openai-first", "[[sim: status=429 retry_after=30 times=1]] quota");
    assert_eq!(by(&answer), (200, "local", "2"));
    assert_eq!(by(&say(&world, "openai-first", "three")), (200, "local", "1"), "it is not asked before it said");
    let other = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "gpt-5.4", "four"));
    assert_eq!(by(&other), (200, "openai", "1"), "another model has another quota");
}

#[test]
fn a_target_that_answers_much_later_than_the_others_is_tried_after_them() {
    for manner in MANNERS {
        let world = World::with(Setup {
            models: "- { name: one, targets: [{ provider: openai, model: gpt-5-mini }, { provider: local, model: local-chat }], slow: { times: 3, calls_min: 5 } }\n\
                     - { name: other, targets: [{ provider: local, model: local-chat }, { provider: openai, model: gpt-5-mini }], slow: { times: 3, calls_min: 5 } }\n\
                     - { name: by-nature, targets: [{ provider: openai, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n"
                .to_owned(),
            resilience: "{ breaker: { rest: 1m } }".to_owned(),
            ..Setup::default()
        });
        let say = |model: &str, prompt: &str| {
            let answer = world.send(&ask(Dialect::OpenaiChat, manner, model, prompt));
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.header("x-tallygate-provider").to_owned()
        };
        for number in 0..5 {
            assert_eq!(say("other", &format!("{number} [[sim: ttft=5ms]]")), "local");
        }
        let slow = (0..5).map(|number| say("one", &format!("{number} [[sim: ttft=300ms]]")));
        assert!(slow.collect::<Vec<_>>().iter().all(|provider| provider == "openai"), "five answers are needed");
        assert_eq!(say("one", "next"), "local", "{manner:?}");
        assert_eq!(say("by-nature", "next"), "openai", "this route does not ask for it");
        assert_eq!(say("other", "next [[sim: status=500 times=1]]"), "openai", "it is there where the others fail");
        let health = &world.gateway().living.health;
        assert_eq!((health.tallies().slow, health.benched(world.gateway().living.clock.monotonic())), (1, 1));
    }
}

#[test]
fn a_wrong_request_benches_nobody() {
    let world = world("{ breaker: { failures: 1 } }", "{}");
    for status in [400, 404, 413, 422] {
        say(&world, "openai-first", &format!("{status} [[sim: status={status} times=1]]"));
        assert_eq!(by(&say(&world, "openai-first", &format!("after {status}"))), (200, "openai", "1"), "{status}");
    }
}

#[test]
fn a_retired_model_is_not_asked_first_by_each_call() {
    let world = world("{}", "{}");
    for model in ["gone-first", "gone-at-aws"] {
        assert_eq!(by(&say(&world, model, "one")), (200, "local", "2"), "{model}");
        assert_eq!(by(&say(&world, model, "two")), (200, "local", "1"), "{model}");
    }
    assert_eq!(world.gateway.as_ref().unwrap().living.health.tallies().absent, 2);
    assert_eq!(by(&say(&world, "gpt-5-mini", "three")), (200, "openai", "1"), "its provider serves others");
    let alone = say(&world, "gpt-4-missing", "who is asked for it alone hears it");
    assert_eq!((alone.status, alone.header("x-tallygate-attempts")), (404, "1"));
}

#[test]
fn a_target_without_an_alternative_is_always_tried() {
    let world = world("{ breaker: { failures: 1, rest: 1m } }", "{}");
    for number in 0..3 {
        assert_eq!(say(&world, "on-openai", &format!("{number} [[sim: status=500 times=1]]")).status, 500);
    }
    assert_eq!(by(&say(&world, "on-openai", "well")), (200, "openai", "1"));
}

#[test]
fn tries_are_repeated_as_often_as_the_configuration_says_and_all_are_booked() {
    let world = world("{ retries: 2, retry_share: 100%, backoff: 10ms, backoff_max: 3s }", "{}");
    each_dialect(|dialect| {
        for manner in MANNERS {
            let said = format!("{dialect:?} {manner:?}");
            let prompt = format!("{said} [[sim: status=503 times=2]]");
            let answer = world.send(&ask(dialect, manner, "on-openai", &prompt));
            assert_eq!(by(&answer), (200, "openai", "3"), "{said}: {}", answer.text());
            assert_eq!(world.row(&answer).earlier.len(), 2, "{said}");
        }
    });
    let begun = Instant::now();
    let answer = say(&world, "on-openai", "as it asks [[sim: status=429 retry_after=1 times=1]]");
    assert_eq!(by(&answer), (200, "openai", "2"));
    assert!(begun.elapsed() >= Duration::from_secs(1), "no sooner than the provider wants");
    let begun = Instant::now();
    let answer = say(&world, "on-openai", "too long [[sim: status=429 retry_after=30]]");
    assert_eq!((answer.status, answer.header("x-tallygate-attempts")), (429, "1"));
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody is kept waiting for that");
    let refused = say(&world, "on-openai", "wrong [[sim: status=400]]");
    assert_eq!((refused.status, refused.header("x-tallygate-attempts")), (400, "1"));
}

#[test]
fn retries_do_not_multiply_trouble() {
    let world = world("{ retries: 5, retry_share: 1%, backoff: 1ms, backoff_max: 1ms }", "{}");
    let begun = Instant::now();
    for number in 0..40 {
        say(&world, "on-openai", &format!("{number} [[sim: status=503]]"));
    }
    let tries = world.sim.books.entries().len();
    // Ten are there at the start, one comes each second.
    let most = 40 + 11 + usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!((45..=most).contains(&tries), "{tries} tries of 40 calls, {most} at most");
}

#[test]
fn all_tries_together_have_one_deadline() {
    let world = world("{ deadline: 700ms, retries: 5 }", "{}");
    for model in ["on-openai", "openai-first"] {
        let begun = Instant::now();
        let answer = say(&world, model, "[[sim: hang_before_head]]");
        assert_eq!(answer.status, 504, "{}", answer.text());
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(600) && took < Duration::from_secs(10), "{model}: {took:?}");
        assert_eq!(answer.header("x-tallygate-attempts"), "1", "{model}: no time is left for another");
    }
}

#[test]
fn nothing_is_begun_for_a_caller_who_has_given_up() {
    let world = world("{ deadline: 30s, retries: 5 }", "{}");
    let hangs = |dialect, manner| ask(dialect, manner, "openai-first", "[[sim: hang_before_head]]");
    for (manner, header, value) in [
        (Manner::Plain, "x-tallygate-timeout", "700ms"),
        (Manner::Streamed, "x-tallygate-timeout", "0.7"),
        (Manner::Plain, "x-stainless-read-timeout", "0.7"),
        (Manner::Streamed, "x-stainless-timeout", "1"),
    ] {
        each_dialect(|dialect| {
            let said = format!("{dialect:?} {manner:?} {header}");
            let begun = Instant::now();
            let answer = world.send(&hangs(dialect, manner).header(header, value));
            let took = begun.elapsed();
            assert!(took >= Duration::from_millis(600) && took < Duration::from_secs(10), "{said}: {took:?}");
            assert!([408, 504].contains(&answer.status), "{said}: {}", answer.text());
            assert_eq!(answer.header("x-tallygate-attempts"), "1", "{said}");
        });
    }
    assert_eq!(by(&say(&world, "openai-first", "a target without time is not blamed")), (200, "openai", "1"));
    let wrong = hangs(Dialect::OpenaiChat, Manner::Plain).header("x-tallygate-timeout", "soon");
    let refused = world.send(&wrong);
    assert!(refused.status == 400 && refused.text().contains("'30s'"), "{}", refused.text());
}

#[test]
fn until_the_first_word_another_target_answers_instead() {
    let world = world("{ breaker: { enabled: false } }", "{ idle: 700ms }");
    for (number, script) in
        ["die_after=0", "truncate_after=0", "garbage_after=0", "hang_after=0", "fail_after=0"].into_iter().enumerate()
    {
        for model in ["openai-first", "claude-first"] {
            each_dialect(|dialect| {
                let said = format!("{number} {model} {dialect:?}");
                let prompt = format!("{said} [[sim: {script} times=1]]");
                let answer = world.send(&ask(dialect, Manner::Streamed, model, &prompt));
                assert_eq!((answer.status, answer.header("x-tallygate-attempts")), (200, "2"), "{script} {said}");
                let heard = hear(dialect, Manner::Streamed, &answer);
                assert_eq!((heard.text, heard.ended), (echo(&said, 30), true), "{script} {said}");
                let row = world.row(&answer);
                assert_eq!((row.ending, row.earlier.len()), (Ending::Ok, 1), "{script} {said}");
            });
        }
    }
}

#[test]
fn a_model_that_thinks_after_the_head_is_not_left_for_another() {
    let world = world("{}", "{ first_byte: 500ms, idle: 10s }");
    for model in ["openai-first", "claude-first"] {
        each_dialect(|dialect| {
            let said = format!("{model} {dialect:?}");
            let prompt = format!("{said} [[sim: pause=1500ms]]");
            let answer = world.send(&ask(dialect, Manner::Streamed, model, &prompt));
            assert_eq!((answer.status, answer.header("x-tallygate-attempts")), (200, "1"), "{said}");
            assert_eq!(hear(dialect, Manner::Streamed, &answer).text, echo(&said, 30), "{said}");
        });
    }
}

#[test]
fn a_whole_answer_that_breaks_off_is_had_from_another_target() {
    let world = world("{ breaker: { enabled: false } }", "{ idle: 700ms }");
    for dialect in CHAT {
        for script in ["die_after=1", "hang_after=1", "garbage"] {
            let said = format!("{script} {dialect:?}");
            let answer =
                world.send(&ask(dialect, Manner::Plain, "openai-first", &format!("{said} [[sim: {script} times=1]]")));
            assert_eq!(by(&answer), (200, "local", "2"), "{said}: {}", answer.text());
            let row = world.row(&answer);
            assert_eq!(row.ending, Ending::Ok);
            assert!(row.earlier[0].cost.amount.nanos() > 0, "what the provider may bill is booked: {row:?}");
        }
    }
}

#[test]
fn an_unreachable_provider_costs_its_callers_nothing_after_a_few_tries() {
    let world = world("{}", "{}");
    for number in 0..5 {
        assert_eq!(by(&say(&world, "dead-first", &format!("{number}"))), (200, "local", "2"));
    }
    assert_eq!(by(&say(&world, "dead-first", "and then")), (200, "local", "1"));
}
