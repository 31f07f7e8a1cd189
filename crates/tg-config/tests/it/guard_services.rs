//! Guard services, as configured, and rules that ask them.

use crate::bad_input::check;
use tg_config::document::GuardServiceKind;
use tg_config::load::from_text;

const PROVIDERS: &str = "providers: [{name: a, kind: anthropic, api_key: env:K}, {name: b, kind: bedrock, region: us-east-1}, \
                         {name: o, kind: openai, api_key: env:K}, {name: guarded, kind: bedrock, region: us-east-1, \
                         guardrail: {id: gr1, version: '1'}}]\n";

fn guards(guards: &str) -> String {
    format!("{PROVIDERS}guards: [{guards}]\n")
}

fn rule(rule: &str) -> String {
    let guards = guards("{name: house, kind: moderation, provider: o}");
    format!("{guards}guardrails: [{{name: g, unreadable: block, rules: [{{name: r, {rule}}}]}}]\n")
}

#[test]
fn every_kind_can_be_written() {
    let text = guards(
        "{name: house, kind: bedrock_guardrail, provider: b, guardrail: {id: gr1, version: '1'}, timeout: 500ms},
        {name: checks, kind: bedrock_checks, provider: b, thresholds: {JAILBREAK: 0.5, EMAIL: 0.9}, remember: off},
        {name: scores, kind: moderation, provider: o, thresholds: {violence/graphic: 0.4}, questions_max: 8},
        {name: llama, kind: judge, provider: o, model: llama-guard}, {name: judge, kind: judge, provider: a, model: m, question: q},
        {name: hook, kind: webhook, url: 'https://example.com/x', secret: env:S, characters_max: 1000, remember_size: 1 MiB}",
    );
    let document = from_text("t", &text).unwrap();
    assert_eq!(document.guards.len(), 6);
    assert_eq!(document.guards[1].kind, GuardServiceKind::BedrockChecks);
    from_text("t", &rule("external: house, when_away: block, action: redact")).unwrap();
    from_text("t", &rule("external: house, when_away: allow, action: annotate, on: output")).unwrap();
}

#[test]
fn what_is_asked_beside_a_call_can_stop_or_tell_and_nothing_else() {
    let of = |more: &str| rule(&format!("external: house, when_away: block, beside: true, {more}"));
    for more in ["action: block, on: input", "action: annotate, on: input", "action: block, on: input, mode: observe"] {
        let document = from_text("t", &of(more)).unwrap();
        assert!(document.guardrails[0].rules[0].beside, "{more}");
    }
    let beside = "guardrails[0].rules[0].beside";
    for (more, part) in [
        ("action: redact, on: input", "`action: redact`: the text has left by then"),
        ("action: redact, on: input, mode: observe", "write `action: block` or `annotate`, or remove `beside`"),
        ("action: route_to, model: m, on: input", "`action: route_to`"),
        ("action: block", "write `on: input`"),
        ("action: block, on: output", "for requests alone"),
        ("action: annotate, on: both", "a rule of its own for answers"),
    ] {
        let text = of(more).replace("guards:", "models: [{name: m, targets: [{provider: o}]}]\nguards:");
        check(&text, &[(beside, part)]);
    }
    check(&rule("pii: all, action: block, on: input, beside: true"), &[(beside, "asks no service")]);
}

#[test]
fn streamed_answers_are_judged_in_pieces_by_rules_that_keep_them() {
    let of = |more: &str| rule(&format!("external: house, when_away: block, {more}"));
    for more in ["action: block, pieces: 200", "action: redact, on: both, pieces: 10000, mode: observe"] {
        let document = from_text("t", &of(more)).unwrap();
        assert!(document.guardrails[0].rules[0].pieces.is_some(), "{more}");
    }
    let pieces = "guardrails[0].rules[0].pieces";
    for (more, part) in [
        ("action: block, pieces: 199", "200"),
        ("action: block, pieces: 50001", "50000"),
        ("action: block, pieces: 10001", "write at most 10000, half of `characters_max` of `house`"),
        ("action: annotate, on: output, pieces: 1000", "keeps nothing of an answer back"),
        ("action: block, on: input, pieces: 1000", "write `on: output` or `on: both`"),
        ("action: block, on: both, channels: [user, system], pieces: 1000", "names nothing that a model says"),
    ] {
        check(&of(more), &[(pieces, part)]);
    }
    check(&rule("pii: all, action: block, pieces: 1000"), &[(pieces, "asks no service")]);
}

#[test]
fn what_a_kind_lacks_or_has_no_use_for_is_told() {
    for (guard, member, part) in [
        ("{name: g, kind: webhook, url: 'https://example.com'}", "secret", "env:GUARD_SECRET"),
        ("{name: g, kind: webhook, secret: env:S}", "url", "needs it"),
        ("{name: g, kind: webhook, url: 'http://example.com', secret: env:S}", "url", "not encrypted"),
        ("{name: g, kind: webhook, url: 'https://10.0.0.1', secret: env:S}", "url", "private address"),
        ("{name: g, kind: webhook, url: 'https://169.254.169.254', secret: env:S}", "url", "never dialled"),
        ("{name: g, kind: webhook, url: 'https://example.com', secret: env:S, provider: o}", "provider", "no meaning"),
        ("{name: g, kind: judge, provider: a}", "model", "needs it"),
        ("{name: g, kind: judge, provider: a, model: m, thresholds: {x: 0.5}}", "thresholds", "no meaning"),
        ("{name: g, kind: judge, provider: guarded, model: m}", "provider", "without `guardrail`"),
        ("{name: g, kind: moderation, provider: a}", "provider", "`openai` or `openai_compatible`"),
        ("{name: g, kind: moderation, provider: oo}", "provider", "there is no provider `oo`"),
        ("{name: g, kind: moderation}", "provider", "needs it"),
        ("{name: g, kind: moderation, provider: o, question: q}", "question", "no meaning"),
        ("{name: g, kind: moderation, provider: o, timeout: 2m}", "timeout", "at most `60s`"),
        ("{name: g, kind: moderation, provider: o, questions_max: 5000}", "questions_max", "4096"),
        ("{name: g, kind: moderation, provider: o, remember_size: 2 GiB}", "remember_size", "1 GiB"),
        ("{name: g, kind: moderation, provider: o, thresholds: {violence: 0}}", "thresholds.violence", "every text"),
        ("{name: g, kind: bedrock_checks, provider: b}", "thresholds", "JAILBREAK"),
        (
            "{name: g, kind: bedrock_checks, provider: b, thresholds: {JAILBRAKE: 0.5}}",
            "thresholds.JAILBRAKE",
            "`JAILBREAK`",
        ),
        ("{name: g, kind: bedrock_guardrail, provider: b}", "guardrail", "needs it"),
        (
            "{name: g, kind: bedrock_guardrail, provider: b, guardrail: {id: G, version: '1'}}",
            "guardrail.id",
            "is not the id",
        ),
    ] {
        check(&guards(guard), &[(&format!("guards[0].{member}"), part)]);
    }
    let twice = "{name: g, kind: moderation, provider: o}, {name: g, kind: moderation, provider: o}";
    check(&guards(twice), &[("guards[1].name", "guards[0].name")]);
}

/// field.md §5: a guard that fails open because nobody said what it should do.
#[test]
fn a_rule_that_asks_says_what_happens_while_nobody_answers() {
    for (stated, member, part) in [
        ("external: house, action: block", "when_away", "write `block`"),
        ("external: hous, when_away: block, action: block", "external", "did you mean `house`?"),
        ("external: house, when_away: block, action: restore", "action", "write `redact`"),
        ("external: house, when_away: block, action: redact, as: tag", "as", "service's to choose"),
        ("secrets: all, when_away: block, action: block", "when_away", "never away"),
    ] {
        check(&rule(stated), &[(&format!("guardrails[0].rules[0].{member}"), part)]);
    }
}
