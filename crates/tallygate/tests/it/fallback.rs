//! A second target, where the first cannot serve.

use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, echo, hear};
use crate::world::{Setup, World};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Ending;

fn world() -> World {
    let models = "- { name: dead-first, targets: [{ provider: dead, model: gpt-5-mini }, { provider: anthropic, model: claude-haiku-4-5 }] }\n\
                  - { name: openai-first, targets: [{ provider: openai, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n\
                  - { name: locked-first, targets: [{ provider: locked-openai, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n\
                  - { name: missing-first, targets: [{ provider: openai, model: gpt-missing }, { provider: local, model: local-chat }] }\n\
                  - { name: none-left, targets: [{ provider: dead, model: gpt-5-mini }, { provider: locked-openai, model: gpt-5-mini }] }\n"
        .to_owned();
    World::with(Setup { models, timeouts: "{ first_byte: 700ms }".to_owned(), ..Setup::default() })
}

#[test]
fn the_second_target_serves_where_the_first_cannot() {
    let world = world();
    for (number, (model, script, provider)) in [
        ("dead-first", "", "anthropic"),
        ("locked-first", "", "local"),
        ("missing-first", "", "local"),
        ("openai-first", "[[sim: status=500 times=1]] ", "local"),
        ("openai-first", "[[sim: status=429 times=1]] ", "local"),
        ("openai-first", "[[sim: status=503 times=1]] ", "local"),
        ("openai-first", "[[sim: hang_before_head times=1]] ", "local"),
        ("openai-first", "[[sim: reset times=1]] ", "local"),
        ("openai-first", "[[sim: html times=1]] ", "local"),
    ]
    .into_iter()
    .enumerate()
    {
        each_dialect(|dialect| {
            for manner in MANNERS {
                // The simulator counts the tries of a text, so every call has its own.
                let said = format!("{number} {model} {dialect:?} {manner:?}");
                let answer = world.send(&ask(dialect, manner, model, &format!("{script}{said}")));
                assert_eq!(answer.status, 200, "{said}: {}", answer.text());
                assert_eq!(hear(dialect, manner, &answer).text, echo(&said, 30), "{said}");
                assert_eq!(answer.header("x-tallygate-attempts"), "2", "{said}");
                assert_eq!(answer.header("x-tallygate-provider"), provider, "{said}");
                let row = world.row(&answer);
                let served = row.served.as_ref().unwrap();
                assert_eq!((&*served.provider, served.attempts, row.ending), (provider, 2, Ending::Ok), "{said}");
                let entries = world.sim.books.entries();
                let entry = entries.iter().rfind(|e| e.gateway_request_id.as_deref() == Some(&row.id.to_string()));
                assert_eq!(row.usage.output_tokens, entry.unwrap().counts.output, "{said}");
            }
        });
    }
}

#[test]
fn a_wrong_request_is_not_tried_elsewhere() {
    let world = world();
    for dialect in CHAT {
        for manner in MANNERS {
            let prompt = format!("[[sim: status=400]] {dialect:?} {manner:?}");
            let before = world.sim.books.entries().len();
            let answer = world.send(&ask(dialect, manner, "openai-first", &prompt));
            assert_eq!(answer.status, 400, "{}", answer.text());
            assert_eq!(answer.header("x-tallygate-attempts"), "1");
            assert_eq!(world.sim.books.entries().len(), before + 1);
        }
    }
}

#[test]
fn where_no_target_is_left_the_last_failure_is_told_once() {
    let world = world();
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "none-left", "hi"));
    assert_eq!((answer.status, answer.header("x-tallygate-attempts")), (502, "2"));
    let rows = world.finish();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].ending, rows[0].served.as_ref().unwrap().attempts), (Ending::ProviderError, 2));
}

#[test]
fn a_stream_that_has_begun_is_never_begun_again() {
    let world = world();
    let prompt = "[[sim: tokens=20 die_after=2]] hi";
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Streamed, "openai-first", prompt));
    let heard = hear(Dialect::OpenaiChat, Manner::Streamed, &answer);
    assert!(heard.error.is_some() && !heard.ended);
    assert_eq!(world.sim.books.entries().len(), 1);
    assert_eq!(world.finish().len(), 1);
}
