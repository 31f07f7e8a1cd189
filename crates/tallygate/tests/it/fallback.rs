//! A second target, where the first cannot serve.

use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, echo, hear};
use crate::world::{Setup, World};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Ending, Pricing, Record};
use tg_kernel::units::Money;
use tg_kernel::usage::UsageSource;
use tg_store::ledger::ReportQuery;

fn world() -> World {
    let models = "- { name: dead-first, targets: [{ provider: dead, model: gpt-5-mini }, { provider: anthropic, model: claude-haiku-4-5 }] }\n\
                  - { name: openai-first, targets: [{ provider: openai, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n\
                  - { name: locked-first, targets: [{ provider: locked-openai, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n\
                  - { name: missing-first, targets: [{ provider: openai, model: gpt-missing }, { provider: local, model: local-chat }] }\n\
                  - { name: openai-then-dead, targets: [{ provider: openai, model: gpt-5-mini }, { provider: dead, model: gpt-5-mini }] }\n\
                  - { name: openai-then-unpriced, unknown_price: deny, targets: [{ provider: openai, model: gpt-5-mini }, { provider: local, model: local-chat }] }\n\
                  - { name: none-left, targets: [{ provider: dead, model: gpt-5-mini }, { provider: locked-openai, model: gpt-5-mini }] }\n"
        .to_owned();
    let resilience = "{ breaker: { enabled: false } }".to_owned();
    World::with(Setup { models, resilience, timeouts: "{ first_byte: 700ms }".to_owned(), ..Setup::default() })
}

#[test]
fn the_second_target_serves_where_the_first_cannot() {
    let world = world();
    for (number, (model, script, provider, fault)) in [
        ("dead-first", "", "anthropic", "upstream_unreachable"),
        ("locked-first", "", "local", "upstream_credentials_refused"),
        ("missing-first", "", "local", "upstream_not_found"),
        ("openai-first", "[[sim: status=500 times=1]] ", "local", "upstream_error"),
        ("openai-first", "[[sim: status=429 times=1]] ", "local", "upstream_limited"),
        ("openai-first", "[[sim: status=503 times=1]] ", "local", "upstream_overloaded"),
        ("openai-first", "[[sim: hang_before_head times=1]] ", "local", "first_byte_timeout"),
        ("openai-first", "[[sim: reset times=1]] ", "local", "upstream_reset"),
        ("openai-first", "[[sim: html times=1]] ", "local", "upstream_error"),
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
                tried(&row, fault, &said);
                if provider == "anthropic" && manner == Manner::Plain {
                    assert_eq!(answer.header("x-tallygate-cost-usd"), row.total_cost().amount.to_string(), "{said}");
                }
            }
        });
    }
}

/// The row tells of the try before the last, and what it may have cost.
fn tried(row: &Record, fault: &str, place: &str) {
    let [earlier] = row.earlier.as_slice() else { panic!("{place}: {row:?}") };
    assert_eq!((earlier.fault.as_str(), earlier.served.attempts), (fault, 1), "{place}");
    let billed = matches!(fault, "first_byte_timeout" | "upstream_reset");
    assert_eq!(earlier.usage.input_tokens > 0, billed, "{place}: {earlier:?}");
    assert_eq!(earlier.cost.pricing, if billed { Pricing::Priced } else { Pricing::Nothing }, "{place}");
    assert_eq!(earlier.cost.amount.nanos() > 0, billed, "{place}: {earlier:?}");
}

#[test]
fn a_try_that_may_be_billed_is_booked_however_the_call_ends() {
    let world = world();
    let mut spent = Money::ZERO;
    for (script, fault, code) in [("hang_before_head", "first_byte_timeout", 504), ("reset", "upstream_reset", 502)] {
        for manner in MANNERS {
            // The second target cannot be reached: the row is its, and knows of the first.
            let prompt = format!("[[sim: {script}]] {manner:?}");
            let answer = world.send(&ask(Dialect::OpenaiChat, manner, "openai-then-dead", &prompt));
            assert_eq!(answer.status, 502, "{}", answer.text());
            let row = world.row(&answer);
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::ProviderError, Some("upstream_unreachable")));
            assert_eq!((row.usage_source, row.cost.amount), (UsageSource::None, Money::ZERO));
            tried(&row, fault, &prompt);
            spent = spent.plus(row.total_cost().amount);
            // The second target refuses before it is asked: the row is the first one's, and so is its fault.
            let answer = world.send(&ask(Dialect::OpenaiChat, manner, "openai-then-unpriced", &prompt));
            assert_eq!(answer.status, code, "{}", answer.text());
            let row = world.row(&answer);
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::ProviderError, Some(fault)));
            assert_eq!(row.usage_source, UsageSource::Estimated);
            assert!(row.earlier.is_empty() && row.cost.amount.nanos() > 0, "{row:?}");
            assert_eq!(&*row.served.unwrap().provider, "openai");
            spent = spent.plus(row.cost.amount);
        }
    }
    let totals = world.gateway().store.ledger().unwrap().report(&ReportQuery::default()).unwrap().totals;
    assert_eq!((totals.calls, totals.cost, totals.estimated_calls), (8, spent, 8));
    assert_eq!(totals.estimated_cost, spent);
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
