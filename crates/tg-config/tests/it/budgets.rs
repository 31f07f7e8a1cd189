//! Budgets and who is told of them: what is wrong, where, and how to mend it.

use crate::bad_input::{OK, check};
use tg_config::document::{BudgetWindow, OnExhausted};
use tg_config::grammar::{Money, Share};
use tg_config::load::from_text;

fn with(budgets: &str) -> String {
    format!(
        "{OK}models: [{{name: fast, targets: [{{provider: a}}]}}, {{name: 'mini-*', targets: [{{provider: a}}]}}]\n\
         teams: [{{name: red, projects: [x], models: [fast], time_zone: Europe/Berlin}}]\n\
         identity: {{tags: {{allow: [user]}}}}\nbudgets: [{budgets}]\n"
    )
}

#[test]
fn budgets_that_would_do_nothing_or_cannot_be() {
    for (list, expected) in [
        ("{name: b}", &[("budgets[0].amount", "is missing")][..]),
        ("{amount: 1 USD}", &[("budgets[0].name", "is missing")]),
        ("{name: b, amount: 1 USD}, {name: b, amount: 2 USD}", &[("budgets[1].name", "already the name")]),
        ("{name: b, amount: 1}", &[("budgets[0].amount", "write a text, as in \"500.00 USD\"")]),
        ("{name: b, amount: 1 EUR}", &[("budgets[0].amount", "as in `25.00 USD`")]),
        ("{name: b, amount: 0 USD}", &[("budgets[0].amount", "is nothing")]),
        ("{name: b, amount: 0.0000000001 USD}", &[("budgets[0].amount", "at most nine decimals")]),
        ("{name: b, amount: 1000001k USD}", &[("budgets[0].amount", "more than 1000000000 USD")]),
        ("{name: b, amount: 1 USD, window: fortnight}", &[("budgets[0].window", "is not one of the words")]),
        ("{name: b, amount: 1 USD, window: prepaid}", &[("budgets[0].starts", "is prepaid")]),
        ("{name: b, amount: 1 USD, window: {rolling: 90m}}", &[("budgets[0].window.rolling", "whole hours")]),
        ("{name: b, amount: 1 USD, window: {rolling: 30s}}", &[("budgets[0].window.rolling", "whole hours")]),
        ("{name: b, amount: 1 USD, time_zone: Europe/Atlantis}", &[("budgets[0].time_zone", "is not a time zone")]),
        ("{name: b, amount: 1 USD, starts: soon}", &[("budgets[0].starts", "is not a moment")]),
        ("{name: b, amount: 1 USD, starts: '2026-02-30'}", &[("budgets[0].starts", "is not a moment")]),
        ("{name: b, amount: 1 USD, warn_at: [80]}", &[("budgets[0].warn_at[0]", "as in \"80%\"")]),
        ("{name: b, amount: 1 USD, warn_at: ['0%']}", &[("budgets[0].warn_at[0]", "1% to 1000%")]),
        ("{name: b, amount: 1 USD, warn_at: ['9%', '9%']}", &[("budgets[0].warn_at[1]", "twice")]),
        ("{name: b, amount: 1 USD, each: [key, key]}", &[("budgets[0].each[1]", "twice")]),
        ("{name: b, amount: 1 USD, each: [provider]}", &[("budgets[0].each[0]", "nothing that a budget counts by")]),
        ("{name: b, amount: 1 USD, for: {provider: a}}", &[("budgets[0].for.provider", "is not known here")]),
        ("{name: b, amount: 1 USD, for: {model: fastt}}", &[("budgets[0].for.model", "no model")]),
        ("{name: b, amount: 1 USD, for: {team: red, project: y}}", &[("budgets[0].for.project", "has no project")]),
        ("{name: b, amount: 1 USD, for: {team: red, tag: a=1}}", &[("budgets[0].for.tag", "without `a`")]),
        ("{name: b, amount: 1 USD, reserve: usual, output: clamp}", &[("budgets[0].reserve", "nothing is cut")]),
        ("{name: b, amount: 1 USD, output_min: 20}", &[("budgets[0].output_min", "nothing is clamped or cut")]),
        ("{name: b, amount: 1 USD, output: cut, output_min: 9}", &[("budgets[0].output_min", "16 output tokens")]),
        (
            "{name: b, amount: 1 USD, output: cut, on_exhausted: allow_and_alert}",
            &[("budgets[0].output", "without money")],
        ),
        ("{name: b, amount: 1 USD, on_exhausted: stop}", &[("budgets[0].on_exhausted", "is not one of the words")]),
        (
            "{name: b, amount: 1 USD, on_exhausted: {downgrade: slow}}",
            &[("budgets[0].on_exhausted.downgrade", "no model")],
        ),
        (
            "{name: b, amount: 1 USD, on_exhausted: {downgrade: 'mini-*'}}",
            &[("budgets[0].on_exhausted.downgrade", "is a pattern")],
        ),
        (
            "{name: b, amount: 1 USD, for: {model: fast}, on_exhausted: {downgrade: fast}}",
            &[("budgets[0].on_exhausted.downgrade", "the model that the budget is for")],
        ),
        (
            "{name: b, amount: 1 USD, on_exhausted: {downgrade: mini-1}}",
            &[("budgets[0].on_exhausted.downgrade", "the team `red` may not use `mini-1`")],
        ),
        (
            "{name: all, amount: 10 USD}, {name: red, amount: 10.01 USD, for: {team: red}}",
            &[("budgets[1].amount", "more than `all` allows")],
        ),
    ] {
        check(&with(list), expected);
    }
}

#[test]
fn a_budget_that_names_what_nobody_serves_does_not_pass_without_models() {
    let usual = |budget: &str| format!("{OK}budgets: [{{name: b, amount: 1 USD, {budget}}}]\n");
    for (budget, path) in [
        ("for: {model: gptt-5}", "budgets[0].for.model"),
        ("on_exhausted: {downgrade: gptt-5}", "budgets[0].on_exhausted.downgrade"),
    ] {
        check(&usual(budget), &[(path, "is served by no provider here")]);
        from_text("test.yaml", &usual(&budget.replace("gptt-5", "claude-opus-4-1"))).unwrap();
    }
}

#[test]
fn budgets_read_as_they_are_written() {
    let text = with(
        "{name: b, amount: 0.5k USD, window: {rolling: 30d}, for: {team: red}, each: [project, 'tag:user'], \
         starts: 2026-11-01, warn_at: ['50%'], on_exhausted: allow_and_alert}, \
         {name: all, amount: 10 USD, window: day, time_zone: UTC, on_exhausted: {downgrade: fast}}, \
         {name: own, amount: 20 USD, for: {team: red}}",
    );
    let document = from_text("test.yaml", &text).unwrap();
    let [first, second, third] = document.budgets.as_slice() else { panic!("{:?}", document.budgets) };
    assert_eq!((first.amount.to_string(), first.amount.get().nanos()), ("500.00 USD".to_owned(), 500_000_000_000));
    assert!(matches!(first.window, BudgetWindow::Rolling(period) if period.get().as_secs() == 30 * 86_400));
    assert_eq!(second.window, BudgetWindow::Day);
    assert!(matches!(&second.on_exhausted, OnExhausted::Downgrade(model) if model.as_str() == "fast"));
    assert_eq!((third.window, &third.on_exhausted), (BudgetWindow::Month, &OnExhausted::Refuse));
    assert_eq!(third.warn_at, [Share::of(80), Share::of(100)]);
    assert_eq!(document.teams[0].time_zone.as_ref().unwrap().to_string(), "Europe/Berlin");
    for amount in ["0.000000001 USD", "1000000000.00 USD", "25.00 USD"] {
        assert_eq!(amount.parse::<Money>().unwrap().to_string(), amount);
    }
}

#[test]
fn notices_go_where_they_can_be_sent() {
    let with = |hook: &str| format!("{OK}notify: {{webhooks: [{hook}]}}\n");
    for (hook, path, part) in [
        ("{url: 'http://example.com/x'}", "notify.webhooks[0].url", "is not encrypted"),
        ("{url: 'https://10.0.0.1/x'}", "notify.webhooks[0].url", "private address"),
        ("{url: 'https://169.254.169.254'}", "notify.webhooks[0].url", "never dialled"),
        ("{url: 'https://example.com', secret: plain}", "notify.webhooks[0].secret", "env:"),
    ] {
        check(&with(hook), &[(path, part)]);
    }
    for hook in ["{url: 'http://127.0.0.1:9/x'}", "{url: 'https://10.0.0.1', egress: {allow_private: true}}"] {
        from_text("test.yaml", &with(hook)).unwrap();
    }
}
