//! Output that is bounded by what is left of budgets: nobody spends more than there is, and nearly all of it can be spent.

use crate::budgets::{booked, bounded, code, purses, settled, setup, world};
use crate::speak::{CHAT, Manner, ask, each_dialect};
use crate::wire::Call;
use crate::world::{Setup, World, until};
use serde_json::json;
use tg_kernel::record::{Ending, Record};
use tg_kernel::units::Money;
use tg_kernel::usage::UsageSource;

/// Streams that come at once.
const STREAMS: usize = 128;

/// Models whose streams show all that they make, with a price.
const SHOWN: [&str; 3] = ["gpt-4.1", "on-anthropic", "on-bedrock"];

fn streamed(model: &str, prompt: &str) -> Call {
    let body = json!({"model": model, "stream": true, "service_tier": "default", "messages": [{"role": "user", "content": prompt}]});
    Call::post("/v1/chat/completions", body.to_string()).header("content-type", "application/json")
}

/// A call and its row.
fn fresh(world: &World, call: &Call) -> (crate::wire::Answer, Record) {
    let answer = world.send(call);
    let row = world.row(&answer);
    (answer, row)
}

/// What the provider has really made comes to at most so much, at list price.
fn truth(world: &World, input_rate: i64, output_rate: i64) -> Money {
    let entries = world.sim.books.entries();
    let cost = |entry: &tg_sim::Entry| {
        let [input, output] = [entry.counts.input, entry.output_emitted].map(|n| i64::try_from(n).unwrap());
        input * input_rate + output * output_rate
    };
    Money::from_nanos(entries.iter().map(cost).sum())
}

/// 128 streams at a time, then one after the other until there is no money: no more than there is was spent, and no less
/// than 97 of 100 parts of it.
fn spends_all_and_no_more(output: &str) -> World {
    let amount = Money::from_nanos(400_000_000);
    let world = world(&format!("- {{ name: cap, amount: 0.4 USD, {output} }}\n"));
    // gpt-4.1: 2 USD a million in, 8 out; a call without a bound may make 32 768 tokens.
    let call = world.keyed(&streamed("gpt-4.1", "[[sim: tokens=900]] much"));
    let passed: usize = std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..STREAMS).map(|_| scope.spawn(|| usize::from(call.send(world.address).status == 200))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    let spent = settled(&world);
    assert!(passed >= 1 && spent <= amount && spent == booked(&world), "{passed}: {spent}");
    while call.send(world.address).status == 200 {
        settled(&world);
    }
    let spent = settled(&world);
    assert!(spent <= amount && spent == booked(&world), "{spent} were spent");
    assert!(spent.nanos() * 100 >= amount.nanos() * 97, "{spent} could be spent");
    world
}

/// field.md §14 B 8: a hard cap that concurrent streams pass together.
#[test]
fn a_hundred_and_twenty_eight_streams_that_are_clamped_overspend_nothing_and_can_use_all() {
    let world = spends_all_and_no_more("output: clamp, output_min: 16");
    let made = truth(&world, 2_000, 8_000);
    assert!(made <= Money::from_nanos(400_000_000), "{made} is what the provider has made");
}

#[test]
fn a_hundred_and_twenty_eight_streams_that_are_cut_overspend_nothing_and_can_use_all() {
    spends_all_and_no_more("output: cut, output_min: 16, reserve: usual");
}

#[test]
fn streams_that_hold_their_most_and_are_cut_overspend_nothing_and_can_use_all() {
    spends_all_and_no_more("output: cut, output_min: 16");
}

#[test]
fn a_call_that_allows_more_than_is_left_is_sent_with_what_is_left_and_says_so() {
    each_dialect(|dialect| {
        for model in ["on-anthropic", "on-bedrock"] {
            let world = world("- { name: cap, amount: 0.0080 USD, output: clamp }\n");
            let (answer, row) = fresh(&world, &ask(dialect, Manner::Plain, model, "[[sim: tokens=9000]] much"));
            let case = format!("{dialect:?} {model}");
            assert_eq!(answer.status, 200, "{case}: {}", answer.text());
            let clamped = answer.header("x-tallygate-clamped").strip_prefix("output_tokens=").unwrap_or_default();
            assert_eq!(Ok(row.usage.output_tokens), clamped.parse(), "{case}");
            assert_eq!((row.ending, row.usage_source), (Ending::Ok, UsageSource::Reported), "{case}");
            assert!(settled(&world) <= Money::from_nanos(8_000_000), "{case}");
        }
    });
}

#[test]
fn a_stream_for_which_no_money_is_left_ends_as_one_that_has_reached_its_length() {
    for dialect in CHAT {
        for model in SHOWN {
            // OpenAI may choose a tier that costs twice as much.
            let thousandths = if model.starts_with("gpt") { 16 } else { 8 };
            let world =
                world(&format!("- {{ name: cap, amount: 0.{thousandths:03} USD, output: cut, reserve: usual }}\n"));
            let call = ask(dialect, Manner::Streamed, model, "[[sim: tokens=9000 delay=1ms]] much");
            let (answer, row) = fresh(&world, &call);
            let case = format!("{dialect:?} {model}");
            assert_eq!(answer.status, 200, "{case}: {}", answer.text());
            assert_eq!(answer.header("x-tallygate-clamped"), "", "{case}");
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("output_cut")), "{case}");
            assert_eq!(row.served.unwrap().stop.as_deref(), Some("max_tokens"), "{case}");
            assert!(row.usage.output_tokens >= 16, "{case}");
            let spent = settled(&world);
            assert!(spent > Money::ZERO && spent <= Money::from_nanos(thousandths * 1_000_000), "{case}: {spent}");
        }
    }
}

/// Money is conserved: what the provider says of a stream is booked, also where it was cut and nothing is left for it.
#[test]
fn what_a_provider_reports_of_a_cut_stream_is_booked_as_reported_and_the_excess_is_told() {
    let world = world("- { name: cap, amount: 0.0080 USD, output: cut, reserve: usual }\n");
    // 600 000 tokens of input from a cache, of which the request has nothing: 0.06 USD.
    let call = streamed("on-anthropic", "[[sim: tokens=9000 delay=1ms cache_read=600000]] much");
    let (answer, row) = fresh(&world, &call);
    assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("output_cut")), "{}", answer.text());
    assert_eq!(row.usage.cache_read_tokens, 600_000);
    let spent = settled(&world);
    assert!(spent > Money::from_nanos(60_000_000) && spent == booked(&world), "{spent}");
    let living = &world.gateway().living;
    let figures = living.purses.figures(living.clock.now());
    assert_eq!(figures[0].overdrawn, spent.minus(Money::from_nanos(8_000_000)));
    assert_eq!(code(&fresh(&world, &streamed("on-anthropic", "hi")).0), (429, "budget_exhausted"));
}

#[test]
fn what_reasons_out_of_sight_is_clamped_where_others_are_cut() {
    let world = world("- { name: cap, amount: 0.0050 USD, output: cut, reserve: usual }\n");
    let (answer, row) = fresh(&world, &streamed("on-openai", "[[sim: tokens=9000]] much"));
    let clamped = answer.header("x-tallygate-clamped").strip_prefix("output_tokens=").unwrap_or_default();
    assert_eq!(Ok(row.usage.output_tokens), clamped.parse(), "{}", answer.text());
    assert_eq!(row.ending, Ending::Ok);
    let (refused, _) = fresh(&world, &streamed("on-openai", "hi"));
    assert_eq!(code(&refused), (429, "budget_exhausted"));
    assert!(refused.text().contains("and this call needs 0.00"), "{}", refused.text());
}

#[test]
fn of_a_limit_and_a_budget_the_smaller_bound_wins() {
    let bounds = |limit: u64, amount: &str, output: &str| {
        let world = World::with(Setup {
            limits: format!("- {{ name: words, output_tokens: {limit}/31d, output: {output}, reserve: most }}\n"),
            ..setup(&format!("- {{ name: cap, amount: {amount} USD, output: {output} }}\n"))
        });
        let call = streamed("gpt-4.1", "[[sim: tokens=9000]] much");
        let (answer, row) = fresh(&world, &call);
        assert_eq!(answer.status, 200, "{}", answer.text());
        settled(&world);
        (answer.header("x-tallygate-clamped").to_owned(), row.usage.output_tokens)
    };
    assert_eq!(bounds(400, "1", "clamp"), ("output_tokens=400".to_owned(), 400));
    let (clamped, made) = bounds(30_000, "0.0130", "clamp");
    assert_eq!(clamped, format!("output_tokens={made}"));
    assert!((500..1_500).contains(&made), "{made}");
    let (_, by_limit) = bounds(600, "1", "cut");
    assert!((100..=600).contains(&by_limit), "{by_limit}");
    let (_, by_budget) = bounds(30_000, "0.0130", "cut");
    assert!((100..=1_500).contains(&by_budget), "{by_budget}");
}

#[test]
fn what_a_cut_or_left_stream_held_comes_back() {
    let world = world("- { name: cap, amount: 0.0300 USD, output: cut, reserve: usual }\n");
    let call = streamed("gpt-4.1", "[[sim: tokens=3000 delay=5ms]] much");
    let mut running = world.keyed(&call).open(world.address);
    running.piece();
    assert!(purses(&world)[0].held > Money::ZERO);
    drop(running);
    let spent = settled(&world);
    assert!(spent < Money::from_nanos(10_000_000), "{spent}");
    let (answer, _) = fresh(&world, &bounded("gpt-4.1", 100, "hi"));
    assert_eq!(answer.status, 200);
    until("the ledger says the same", || (settled(&world) == booked(&world)).then_some(()));
}
