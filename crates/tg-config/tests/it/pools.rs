//! Pools and priorities, as configured.

use crate::bad_input::{OK, check};
use tg_config::document::{Class, PoolEach, Reserve};
use tg_config::load::from_text;

fn text(pools: &str) -> String {
    format!(
        "{OK}models: [{{name: fast, targets: [{{provider: a}}]}}]\nteams: [{{name: red, projects: [x]}}]\npools: [{pools}]\n"
    )
}

#[test]
fn what_is_not_said_is_as_providers_do() {
    let pools = "{name: p, for: [{provider: a, model: 'claude-*'}], tokens: 4M/m, output_factor: 5, queue: {}}";
    let all = format!("{}priorities: [{{for: {{team: red}}, class: batch}}, {{}}]\n", text(pools));
    let document = from_text("t", &all).unwrap();
    let pool = &document.pools[0];
    assert_eq!((pool.each, pool.reserve, pool.adaptive), (PoolEach::Together, Reserve::Most, None));
    assert_eq!(pool.share.millionths(), 1_000_000);
    let queue = pool.queue.unwrap();
    assert_eq!((queue.wait_max.get().as_secs(), queue.length_max.get()), (2, 1000));
    assert_eq!(queue.bytes_max.bytes(), 256 << 20);
    let of = |number: usize| (document.priorities[number].class, document.priorities[number].weight);
    assert_eq!((of(0), of(1)), ((Class::Batch, 1), (Class::Normal, 1)));
}

/// field.md §14 C 13: a setting that silently does nothing.
#[test]
fn pools_that_would_do_nothing_are_a_problem() {
    let a = "name: p, for: [{provider: a}]";
    for (pools, expected) in [
        (format!("{{{a}}}"), &[("pools[0]", "bounds nothing")][..]),
        ("{name: p, concurrent: 1}".to_owned(), &[("pools[0].for", "is missing")]),
        ("{name: p, for: [], concurrent: 1}".to_owned(), &[("pools[0].for", "is")]),
        ("{name: p, for: [{provider: aa}], concurrent: 1}".to_owned(), &[("pools[0].for[0].provider", "no provider")]),
        (format!("{{{a}, concurrent: 0}}"), &[("pools[0].concurrent", "")]),
        (format!("{{{a}, concurrent: 1, burst: 1s}}"), &[("pools[0].burst", "has no rate")]),
        (format!("{{{a}, concurrent: 1, output_factor: 5}}"), &[("pools[0].output_factor", "no output tokens")]),
        (format!("{{{a}, tokens: 1k/m, output_factor: 0}}"), &[("pools[0].output_factor", "")]),
        (format!("{{{a}, requests: 1/m, reserve: usual}}"), &[("pools[0].reserve", "no output tokens")]),
        (format!("{{{a}, concurrent: 1, adaptive: {{}}}}"), &[("pools[0].adaptive", "beside `concurrent`")]),
        (format!("{{{a}, adaptive: {{min: 9, max: 8}}}}"), &[("pools[0].adaptive.max", "less than `min` (9)")]),
        (format!("{{{a}, concurrent: 1, queue: {{wait_max: 11m}}}}"), &[("pools[0].queue.wait_max", "too long")]),
        (
            format!("{{{a}, concurrent: 1, queue: {{length_max: 100001}}}}"),
            &[("pools[0].queue.length_max", "too many")],
        ),
        (
            format!("{{{a}, concurrent: 1}}, {{{a}, requests: 1/m}}"),
            &[("pools[1].name", "already the name"), ("pools[1].for[0]", "already")],
        ),
        (
            format!("{{{a}, concurrent: 1}}, {{name: q, for: [{{provider: a, model: x}}], concurrent: 1}}"),
            &[("pools[1].for[0]", "in the pool at `pools[0]` already")],
        ),
    ] {
        check(&text(&pools), expected);
    }
    let narrow_first = format!("{{name: q, for: [{{provider: a, model: x}}], concurrent: 1}}, {{{a}, concurrent: 1}}");
    assert!(from_text("t", &text(&narrow_first)).is_ok());
}

#[test]
fn priorities_are_for_somebody_and_of_pools() {
    let pools = text("{name: p, for: [{provider: a}], concurrent: 1}");
    for (priorities, expected) in [
        ("{class: urgent}", &[("priorities[0].class", "interactive")][..]),
        ("{weight: 0}", &[("priorities[0].weight", "")]),
        ("{weight: 1001}", &[("priorities[0].weight", "")]),
        ("{for: {team: red, project: y}}", &[("priorities[0].for.project", "has no project")]),
        ("{for: {model: slow}}", &[("priorities[0].for.model", "no model")]),
        ("{for: {provider: a}}", &[("priorities[0].for.provider", "")]),
    ] {
        check(&format!("{pools}priorities: [{priorities}]\n"), expected);
    }
    check(&format!("{OK}priorities: [{{class: batch}}]\n"), &[("priorities", "no `pools`")]);
}
