//! Coverage of the example's eight teams, and of configurations that leave a gap.

use super::*;
use crate::guardrails::compile;
use tg_config::load::from_text;
use tg_config::secrets::Secrets;

const EXAMPLE: &str = include_str!("../../../../../examples/guardrails.yaml");

fn rows(text: &str) -> (Document, Vec<Row>) {
    let document = from_text("t", text).unwrap();
    let guards = compile(&document, &Secrets::standing_in(&document)).unwrap();
    let rows = table(&document, &guards, &declared(&document));
    (document, rows)
}

fn gaps(text: &str) -> Vec<String> {
    let document = from_text("t", text).unwrap();
    let guards = compile(&document, &Secrets::standing_in(&document)).unwrap();
    prove(&document, &guards, &declared(&document)).err().unwrap_or_default()
}

#[test]
fn every_call_of_the_eight_teams_meets_what_is_required() {
    let (document, rows) = rows(EXAMPLE);
    assert_eq!(document.teams.len(), 8);
    assert!(gaps(EXAMPLE).is_empty());
    let required: Vec<&Row> = rows.iter().filter(|row| row.required).collect();
    assert!(required.iter().all(|row| row.state == State::Enforced && row.gaps.is_empty()));
    for team in &document.teams {
        for check in ["secrets", "pii", "injection", "indirect_injection"] {
            assert!(required.iter().any(|row| *row.team == *team.name.as_str() && row.check == check), "{check}");
        }
    }
    let state = |team: &str, route: &str, way: &str, check: &str| {
        let row =
            rows.iter().find(|row| *row.team == *team && row.route == route && row.way == way && row.check == check);
        row.unwrap().state
    };
    assert_eq!(state("support", "fast", "output", "harm"), State::Partly);
    assert_eq!(state("search", "fast", "output", "harm"), State::Observed);
    assert_eq!(state("data", "fast", "input", "characters_max"), State::Enforced);
    assert_eq!(state("data", "sonnet", "input", "characters_max"), State::Missing);
    assert_eq!(state("platform", "sonnet", "output", "canaries"), State::Partly);
    // What a team may not use is no route of it.
    assert!(!rows.iter().any(|row| &*row.team == "mobile" && row.route == "sonnet"));
}

/// Three of eight teams had no content filtering, and nobody knew.
#[test]
fn one_route_of_one_team_that_is_not_covered_is_named_with_the_set_that_nearly_covers_it() {
    let narrowed = EXAMPLE.replace("  - name: house\n", "  - name: house\n    for: { model: '*s*' }\n");
    let gaps = gaps(&narrowed);
    let named = "required_checks.input: calls of the team `marketing` to `gpt-*` (models[5])";
    assert!(gaps.iter().any(|gap| gap.starts_with(named)), "{gaps:#?}");
    assert!(gaps.iter().all(|gap| gap.contains("`house/") && gap.contains("only for the model `*s*`")), "{gaps:#?}");
    assert!(!gaps.iter().any(|gap| gap.contains("to `sonnet`")), "{gaps:#?}");
}

const BASE: &str = "providers: [{name: a, kind: anthropic, api_key: env:K}]
models: [{name: m, targets: [{provider: a}]}, {name: 'claude-*', targets: [{provider: a}]}]
teams: [{name: one, models: [m]}, {name: two, projects: [p], models: ['claude-opus-*']}]
";

fn with(required: &str, sets: &str) -> Vec<String> {
    gaps(&format!("{BASE}required_checks: {{{required}}}\nguardrails: [{sets}]\n"))
}

#[test]
fn a_check_that_does_not_hold_for_all_calls_is_none() {
    let pii =
        |more: &str| format!("{{name: g, unreadable: block, rules: [{{name: r, pii: all, action: block{more}}}]}}");
    assert!(with("input: [pii], output: [pii]", &pii("")).is_empty());
    for (more, why) in [
        (", mode: observe", "it only counts or tells"),
        (", channels: [user]", "it does not look at system, assistant"),
    ] {
        let gaps = with("input: [pii]", &pii(more));
        assert!(gaps.len() == 2 && gaps.iter().all(|gap| gap.contains(why)), "{gaps:#?}");
    }
    let gaps = with("output: [pii]", &pii(", on: input"));
    assert!(gaps.iter().all(|gap| gap.contains("no set has the check for them")), "{gaps:#?}");
    let part = "{name: g, unreadable: block, rules: [{name: r, pii: [email], action: block}]}";
    assert!(with("input: [pii]", part)[0].contains("a part of them only"));
    for scope in ["project: '*'", "project: p", "environment: x", "key: k", "tag: t"] {
        let set =
            format!("{{name: g, for: {{{scope}}}, unreadable: block, rules: [{{name: r, pii: all, action: block}}]}}");
        let gaps = with("input: [pii]", &set);
        assert!(gaps.len() == 2 && gaps[0].contains("only for the "), "{scope} {gaps:#?}");
    }
}

#[test]
fn sets_of_teams_cover_them_together() {
    let set = |name: &str, scope: &str, channels: &str| {
        format!(
            "{{name: {name}, for: {{{scope}}}, unreadable: block, rules: [{{name: r, pii: all, action: block, channels: [{channels}]}}]}}"
        )
    };
    let (some, rest) =
        ("system, user, assistant, reasoning, tool_arguments", "tool_result, document, definition, metadata");
    let halves = [set("a", "team: one", some), set("b", "model: m", rest), set("c", "team: two", some)].join(", ");
    let gaps = with("input: [pii]", &halves);
    assert!(gaps.len() == 1 && gaps[0].contains("team `two`") && gaps[0].contains("models[1]"), "{gaps:#?}");
    // The team can use no other names of the route.
    let whole = [halves, set("d", "model: 'claude-opus*'", rest)].join(", ");
    assert!(with("input: [pii]", &whole).is_empty());
}

#[test]
fn what_is_required_and_nowhere_is_a_gap_of_every_route() {
    assert_eq!(with("input: [secrets]", "").len(), 2);
    assert!(with("", "").is_empty());
}

#[test]
fn what_is_missing_alike_is_told_once_for_all_teams_with_the_same_routes() {
    let gaps = gaps(
        "providers: [{name: a, kind: anthropic, api_key: env:K}]
models: [{name: m, targets: [{provider: a}]}, {name: n, targets: [{provider: a}]}]
teams: [{name: one}, {name: two, models: [m]}, {name: three}]
required_checks: {input: [secrets]}
",
    );
    let ways = "do not all meet the check `secrets`: no set has the check for them";
    let told = [
        format!("required_checks.input: calls of the teams `one`, `three` to `m` (models[0]), `n` (models[1]) {ways}"),
        format!("required_checks.input: calls of the team `two` to `m` (models[0]) {ways}"),
    ];
    assert!(gaps.len() == 2 && gaps.iter().zip(&told).all(|(gap, told)| gap.starts_with(told)), "{gaps:#?}");
}

/// A team's rule about a word of its own is not what the organisation asks for.
#[test]
fn what_looks_for_content_of_its_own_counts_where_the_organisation_says_it() {
    let set = |scope: &str, channels: &str| {
        format!(
            "{{name: g, {scope} unreadable: block, rules: [{{name: r, words: {{list: [zephyr]}}, action: block{channels}}}]}}"
        )
    };
    assert!(with("input: [words]", &set("", "")).is_empty());
    let gaps = with("input: [words]", &set("for: {team: '*'},", ""));
    assert!(gaps.len() == 2 && gaps[0].contains("its set has a `for`"), "{gaps:#?}");
    // Two rules that each look at a part look for different things.
    let part = |name: &str, channels: &str| {
        let set = set("", &format!(", channels: [{channels}]"));
        set.replace("{name: g", &format!("{{name: {name}"))
    };
    let rest = "system, assistant, reasoning, tool_arguments, tool_result, document, definition, metadata";
    assert_eq!(with("input: [words]", &format!("{}, {}", part("a", "user"), part("b", rest))).len(), 2);
}

#[test]
fn a_service_that_may_be_away_is_no_check_that_every_call_meets() {
    let with = |away: &str| {
        let set = format!(
            "{{name: g, unreadable: block, rules: [{{name: r, external: ours, action: block, when_away: {away}}}]}}"
        );
        gaps(&format!(
            "{BASE}guards: [{{name: ours, kind: webhook, url: 'https://guard.example.com/check', secret: env:S}}]\n\
             required_checks: {{input: [external]}}\nguardrails: [{set}]\n"
        ))
    };
    assert!(with("block").is_empty());
    let beside = with("block, on: input, beside: true");
    assert!(
        beside.len() == 2 && beside[0].contains("`g/r` (it is asked beside the call, and the text has left by then)")
    );
    assert!(
        with("allow").iter().all(|gap| gap.contains("unchecked while its service is away")) && with("allow").len() == 2
    );
}
