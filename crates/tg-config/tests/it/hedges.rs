//! Second tries beside slow first ones, and who is put last for being slow, as configured.

use crate::bad_input::{OK, check};
use tg_config::load::from_text;

const TWO: &str = "[{provider: a}, {provider: a, model: other}]";

fn text(hedge: &str, targets: &str) -> String {
    format!(
        "{OK}models: [{{name: fast, targets: {targets}, hedge: {hedge}}}, {{name: slow, targets: [{{provider: a}}]}}]\n"
    )
}

#[test]
fn a_twentieth_of_the_calls_may_have_one_where_nothing_is_said() {
    for after in ["800ms", "p95"] {
        let document = from_text("t", &text(&format!("{{after: {after}}}"), TWO)).unwrap();
        let hedge = document.models[0].hedge.unwrap();
        assert_eq!((hedge.after.to_string().as_str(), hedge.share_max.millionths()), (after, 50_000));
        assert!(document.models[1].hedge.is_none(), "off where nobody asks for it");
    }
}

/// field.md §14 C 13: a setting that silently does nothing.
#[test]
fn second_tries_that_could_not_be_or_for_which_no_room_is_held_are_a_problem() {
    let counters = "counters: { url: 'redis://127.0.0.1:6379/0' }\n";
    let alias = "models: [{name: fast, targets: [{provider: a}]}, {name: b, alias_of: fast, hedge: {after: 1s}}]\n";
    for (text, expected) in [
        (text("{after: 1s}", "[{provider: a}]"), ("models[0].hedge", "with one target")),
        (text("{}", TWO), ("models[0].hedge.after", "is missing")),
        (text("{after: p5}", TWO), ("models[0].hedge.after", "no percentile")),
        (text("{after: 0s}", TWO), ("models[0].hedge.after", "no time at all")),
        (text("{after: 1s, share_max: 0%}", TWO), ("models[0].hedge.share_max", "is nothing")),
        (text("{after: 1s, twice: true}", TWO), ("models[0].hedge.twice", "is not known")),
        (
            format!("{}resilience: {{deadline: 1s}}\n", text("{after: 1s}", TWO)),
            ("models[0].hedge.after", "not before"),
        ),
        (format!("{}{counters}", text("{after: 1s}", TWO)), ("models[0].hedge", "stands beside `counters`")),
        (format!("{OK}{alias}"), ("models[1].hedge", "beside `alias_of`")),
    ] {
        check(&text, &[expected]);
    }
}

#[test]
fn who_is_slow_is_put_last_only_where_a_route_says_it_and_by_what_can_be() {
    let text = |slow: &str, targets: &str| {
        format!(
            "{OK}models: [{{name: fast, targets: {targets}, slow: {slow}}}, {{name: b, targets: [{{provider: a}}]}}]\n"
        )
    };
    let document = from_text("t", &text("{times: 3}", TWO)).unwrap();
    let slow = document.models[0].slow.unwrap();
    assert_eq!((slow.times, slow.calls_min), (3, 20));
    assert!(document.models[1].slow.is_none(), "off where nobody asks for it");
    let alias = "models: [{name: fast, targets: [{provider: a}]}, {name: b, alias_of: fast, slow: {times: 3}}]\n";
    for (text, expected) in [
        (text("{times: 3}", "[{provider: a}]"), ("models[0].slow", "with one target")),
        (text("{}", TWO), ("models[0].slow.times", "is missing")),
        (text("{times: 1}", TWO), ("models[0].slow.times", "out of range")),
        (text("{times: 3, calls_min: 51}", TWO), ("models[0].slow.calls_min", "from 5 to 50")),
        (
            format!("{}resilience: {{breaker: {{enabled: false}}}}\n", text("{times: 3}", TWO)),
            ("models[0].slow", "counts for nothing where nobody is passed over"),
        ),
        (format!("{OK}{alias}"), ("models[1].slow", "beside `alias_of`")),
    ] {
        check(&text, &[expected]);
    }
}
