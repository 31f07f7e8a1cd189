//! Guardrails, as configured.

use crate::bad_input::{OK, check};
use tg_config::document::{CheckName, Unread, UnreadAnswer, Wanted, WantedWord};
use tg_config::load::from_text;

fn rules(rules: &str) -> String {
    format!("{OK}guardrails: [{{name: g, unreadable: block, rules: [{rules}]}}]\n")
}

#[test]
fn every_check_can_be_written() {
    let text = rules(
        "{name: a, secrets: all, action: block}, {name: b, pii: structured, action: redact, as: keep_last},
        {name: c, pii: [email, iban], action: restore}, {name: d, injection: 0.7, action: block},
        {name: e, indirect_injection: 0.5, action: annotate}, {name: f, harm: {threshold: 0.5, categories: [hate]}, action: block},
        {name: g, topics: [{name: t, examples: ['Which stocks should I buy?'], threshold: 0.6}], action: block, message: 'Not here.'},
        {name: h, words: {list: [zephyr], fuzzy: 1}, action: redact}, {name: i, pattern: 'AB-\\d+', action: block, on: input},
        {name: j, characters_max: 4000, action: block, on: both}, {name: k, canaries: [canary-77123-xyz], action: block},
        {name: l, json_schema: {type: object, required: [a]}, action: block}, {name: m, system_prompt: {}, action: block},
        {name: n, entities: [{name: staff, pattern: 'E-\\d{6}', near: [badge], check_digit: luhn}], action: redact, mode: observe},
        {name: o, pii: all, action: block, channels: [tool_arguments]}",
    );
    let document = from_text("t", &text).unwrap();
    let set = &document.guardrails[0];
    assert_eq!(set.rules[0].secrets, Some(Wanted::Word(WantedWord::All)));
    assert_eq!(set.rules[2].pii, Some(Wanted::These(vec!["email".into(), "iban".into()])));
    assert_eq!(set.rules[11].json_schema.as_ref().unwrap()["required"][0], "a");
    assert!(set.rules.iter().all(|rule| rule.checks().len() == 1));
    assert_eq!(set.rules[3].checks(), [CheckName::Injection]);
    assert!(set.unreadable.unwrap().each().iter().all(|(_, unread)| *unread == Unread::Block));
}

#[test]
fn files_are_read_where_a_set_says_so_and_nothing_else_is() {
    let each = |document: &str, image: &str| {
        format!(
            "{OK}guardrails: [{{name: g, unreadable: {{image: {image}, audio: block, video: block, document: {document}, reference: block, tokens: block, hidden: allow, answers: block}}, rules: [{{name: a, pii: all, action: block}}]}}]\n"
        )
    };
    let unreadable = |text: &str| from_text("t", text).unwrap().guardrails[0].unreadable.unwrap();
    let reads = unreadable(&each("read", "block"));
    assert!(reads.reads_documents());
    assert!(reads.each().contains(&("document", Unread::Allow)) && reads.each().contains(&("image", Unread::Block)));
    for word in ["allow", "block"] {
        assert!(!unreadable(&each(word, "block")).reads_documents(), "{word}");
    }
    assert!(from_text("t", &each("read", "read")).is_err());
}

#[test]
fn services_are_asked_about_pictures_where_a_set_says_so_and_one_of_them_sees() {
    let guards = "guards: [{name: eyes, kind: moderation, provider: o}, {name: old, kind: moderation, provider: o, model: text-moderation-latest}, \
                  {name: applied, kind: bedrock_guardrail, provider: b, guardrail: {id: gr1, version: '1'}}, \
                  {name: hook, kind: webhook, url: 'https://example.com/x', secret: env:S}]\n";
    let providers =
        "providers: [{name: o, kind: openai, api_key: env:K}, {name: b, kind: bedrock, region: us-east-1}]\n";
    let set = |rule: &str| {
        format!(
            "{providers}{guards}guardrails: [{{name: g, unreadable: {{image: ask, audio: block, video: block, document: block, reference: block, tokens: block, hidden: allow}}, rules: [{rule}]}}]\n"
        )
    };
    for service in ["eyes", "applied"] {
        let rule = format!("{{name: a, external: {service}, when_away: block, action: block, on: input}}");
        let unreadable = from_text("t", &set(&rule)).unwrap().guardrails[0].unreadable.unwrap();
        assert!(unreadable.asks_about_images() && unreadable.each().contains(&("image", Unread::Allow)));
    }
    let place = "guardrails[0].unreadable.image";
    for (rule, part) in [
        ("{name: a, pii: all, action: block, on: input}", "no rule that is in force for requests asks a service"),
        ("{name: a, external: eyes, when_away: block, action: block, mode: observe}", "no rule that is in force"),
        ("{name: a, external: eyes, when_away: block, action: annotate}", "no rule that is in force"),
        ("{name: a, external: eyes, when_away: block, action: block, on: output}", "no rule that is in force"),
        ("{name: a, external: old, when_away: block, action: block, on: input}", "sees pictures"),
        ("{name: a, external: hook, when_away: block, action: block, on: input}", "write `image: block`"),
    ] {
        let answers = if rule.contains("output") { ", answers: block" } else { "" };
        let document = set(rule).replace("hidden: allow", &format!("hidden: allow{answers}"));
        check(&document, &[(place, part)]);
    }
    let unknown = "{name: a, external: eye, when_away: block, action: block, on: input}";
    check(&set(unknown), &[("guardrails[0].rules[0].external", "did you mean `eyes`?")]);
}

/// field.md §14 C 13: a rule that silently does nothing, or something else than it says.
#[test]
fn no_rule_is_taken_that_could_not_do_what_it_says() {
    for (rule, expected) in [
        ("{name: a, action: block}", ("guardrails[0].rules[0]", "looks for nothing")),
        ("{name: a, pii: all, secrets: all, action: block}", ("guardrails[0].rules[0].pii", "second check")),
        ("{name: a, injection: 0.5, action: redact}", ("guardrails[0].rules[0].action", "no stretch")),
        ("{name: a, pii: all, action: redact, as: hash}", ("guardrails[0].rules[0].as", "redaction_key")),
        ("{name: a, pii: all, action: restore, as: mask}", ("guardrails[0].rules[0].as", "put back")),
        ("{name: a, pii: all, action: restore, on: output}", ("guardrails[0].rules[0].on", "comes back in its answer")),
        ("{name: a, pii: all, action: block, as: tag}", ("guardrails[0].rules[0].as", "nothing to stand in place of")),
        ("{name: a, pii: all, action: redact, message: x}", ("guardrails[0].rules[0].message", "shown to nobody")),
        ("{name: a, injection: 0.5, action: block, on: output}", ("guardrails[0].rules[0].on", "means nothing")),
        ("{name: a, characters_max: 9, action: block}", ("guardrails[0].rules[0].on", "is missing")),
        ("{name: a, json_schema: {}, action: block, on: both}", ("guardrails[0].rules[0].on", "means nothing")),
        ("{name: a, injection: 0, action: block}", ("guardrails[0].rules[0].injection", "reached by every text")),
        ("{name: a, system_prompt: {}, action: block, on: both}", ("guardrails[0].rules[0].on", "means nothing")),
        ("{name: a, pii: [emal], action: block}", ("guardrails[0].rules[0].pii[0]", "did you mean `email`?")),
        (
            "{name: a, secrets: [gihub-pat], action: block}",
            ("guardrails[0].rules[0].secrets[0]", "did you mean `github-pat`?"),
        ),
        (
            "{name: a, secrets: structured, action: block}",
            ("guardrails[0].rules[0].secrets", "is not one of the words"),
        ),
        ("{name: a, pattern: '(?=a)b', action: block}", ("guardrails[0].rules[0].pattern", "linear time")),
        ("{name: a, pattern: 'a*', action: block}", ("guardrails[0].rules[0].pattern", "everywhere")),
        ("{name: a, pattern: '(\\w{900}){900}', action: block}", ("guardrails[0].rules[0].pattern", "1 MiB")),
        (
            "{name: a, json_schema: {typ: object}, action: block}",
            ("guardrails[0].rules[0].json_schema", "not checked here"),
        ),
        ("{name: a, canaries: [abc], action: block}", ("guardrails[0].rules[0].canaries", "fewer than 8")),
        (
            "{name: a, entities: [{name: x, pattern: '('}], action: block}",
            ("guardrails[0].rules[0].entities[0].pattern", "does not compile"),
        ),
        (
            "{name: a, topics: [{name: t, examples: [qwxz], threshold: 0.6}], action: block}",
            ("guardrails[0].rules[0].topics[0]", "fewer than two words"),
        ),
        (
            "{name: a, pii: all, action: block, on: output, channels: [user]}",
            ("guardrails[0].rules[0].channels", "no text that an answer has"),
        ),
        (
            "{name: a, canaries: [canary-77123-xyz], action: block, channels: [user]}",
            ("guardrails[0].rules[0].channels", "no text that an answer has"),
        ),
        (
            "{name: a, harm: {threshold: 0.5, categories: [hat]}, action: block}",
            ("guardrails[0].rules[0].harm.categories[0]", "hate"),
        ),
    ] {
        check(&rules(rule), &[expected]);
    }
}

/// Where calls are sent is a model that is there, and is said of requests alone.
#[test]
fn no_rule_sends_calls_where_nobody_serves_them() {
    for (rule, expected) in [
        ("{name: a, pii: all, action: route_to}", ("guardrails[0].rules[0].model", "to which model")),
        ("{name: a, pii: all, action: block, model: x}", ("guardrails[0].rules[0].model", "sends calls nowhere")),
        ("{name: a, pii: all, action: route_to, model: 'x-*'}", ("guardrails[0].rules[0].model", "is a pattern")),
        ("{name: a, pii: all, action: route_to, model: nobody}", ("guardrails[0].rules[0].model", "is served by no")),
        (
            "{name: a, pii: all, action: route_to, model: claude-x, on: both}",
            ("guardrails[0].rules[0].on", "an answer is there already"),
        ),
        (
            "{name: a, canaries: [canary-77123-xyz], action: route_to, model: claude-x}",
            ("guardrails[0].rules[0].action", "comes too late"),
        ),
        (
            "{name: a, pii: all, action: route_to, model: claude-x, as: tag}",
            ("guardrails[0].rules[0].as", "nothing to stand in place of"),
        ),
    ] {
        check(&rules(rule), &[expected]);
    }
    let sent = "{name: a, pii: all, action: route_to, model: claude-x, message: Not here., mode: observe}";
    assert!(from_text("t", &rules(sent)).is_ok());
    let narrow = "models: [{name: big, targets: [{provider: a, model: claude-x}]}]\n";
    let text = format!("{}{narrow}", rules("{name: a, pii: all, action: route_to, model: bigg}"));
    check(&text, &[("guardrails[0].rules[0].model", "is the name of no model in `models`")]);
}

#[test]
fn all_problems_are_told_at_once() {
    let text = format!(
        "{OK}guardrails:\n- {{name: g, for: {{team: nobody}}, rules: [{{name: a, pii: [shoe], action: block}}, {{name: a, injection: 0.5, action: restore}}]}}\n- {{name: g, unreadable: allow, hold_back: 9000, rules: []}}\nrequired_checks: {{input: [canaries], output: [injection, pii, pii]}}\n"
    );
    check(
        &text,
        &[
            ("guardrails[0].unreadable", "is missing"),
            ("guardrails[0].rules[0].pii[0]", "is no entity"),
            ("guardrails[0].rules[1].name", "already the name"),
            ("guardrails[0].rules[1].action", "no stretch"),
            ("guardrails[1].hold_back", "out of range"),
            ("guardrails[1].rules", "is empty"),
            ("required_checks.input[0]", "means nothing"),
            ("required_checks.output[0]", "means nothing"),
            ("required_checks.output[2]", "stands there twice"),
        ],
    );
}

/// Fail open or closed is said, never left out.
#[test]
fn nothing_unreadable_passes_a_set_in_force_without_being_said() {
    let set = |rule: &str| format!("{OK}guardrails: [{{name: g, rules: [{{name: a, pii: all, {rule}}}]}}]\n");
    check(&set("action: block"), &[("guardrails[0].unreadable", "write `unreadable: block`")]);
    check(&set("action: block, on: output"), &[("guardrails[0].unreadable", "in force for answers")]);
    for rule in ["action: block, mode: observe", "action: annotate"] {
        assert!(from_text("t", &set(rule)).is_ok(), "{rule}");
    }
}

#[test]
fn what_happens_with_pictures_and_sound_of_answers_is_said_where_a_rule_looks_at_answers() {
    let set = |answers: &str, rule: &str| {
        format!(
            "{OK}guardrails: [{{name: g, unreadable: {{image: allow, audio: allow, video: block, document: block, reference: block, tokens: block, hidden: allow{answers}}}, rules: [{{name: a, {rule}}}]}}]\n"
        )
    };
    let place = "guardrails[0].unreadable.answers";
    for rule in ["pii: all, action: block", "pii: all, action: redact, on: output", "json_schema: {}, action: block"] {
        check(&set("", rule), &[(place, "is missing: the rule `a` is in force for answers")]);
        for (word, expected) in [("block", UnreadAnswer::Block), ("allow", UnreadAnswer::Allow)] {
            let document = from_text("t", &set(&format!(", answers: {word}"), rule)).unwrap();
            assert_eq!(document.guardrails[0].unreadable.unwrap().of_answers(), Some(expected), "{rule}");
        }
    }
    for rule in [
        "pii: all, action: restore",
        "pii: all, action: block, on: input",
        "pii: all, action: block, channels: [user, system]",
        "injection: 0.9, action: block",
        "pii: all, action: annotate",
        "pii: all, action: block, mode: observe",
    ] {
        check(&set(", answers: block", rule), &[(place, "holds for nothing")]);
        assert_eq!(
            from_text("t", &set("", rule)).unwrap().guardrails[0].unreadable.unwrap().of_answers(),
            None,
            "{rule}"
        );
    }
    let all = from_text("t", &rules("{name: a, pii: all, action: block}")).unwrap();
    assert_eq!(all.guardrails[0].unreadable.unwrap().of_answers(), Some(UnreadAnswer::Block));
}

#[test]
fn what_holds_nothing_back_says_so() {
    let set =
        |rule: &str| format!("{OK}guardrails: [{{name: g, unreadable: block, hold_back: 200, rules: [{rule}]}}]\n");
    check(&set("{name: a, injection: 0.5, action: block}"), &[("guardrails[0].hold_back", "nothing to hold back for")]);
    assert!(from_text("t", &set("{name: a, pattern: 'AB-\\d+', action: block}")).is_ok());
}

#[test]
fn a_service_that_redacts_may_block_and_say_why() {
    let text = rules("{name: a, external: ours, when_away: block, action: redact, message: 'Not here.'}");
    let guards = "guards: [{name: ours, kind: webhook, url: 'https://guard.example.com/check', secret: env:S}]\n";
    from_text("t", &format!("{text}{guards}")).unwrap();
}

#[test]
fn no_threshold_is_taken_that_no_text_reaches() {
    for (rule, expected) in [
        ("{name: a, injection: 1, action: block}", ("guardrails[0].rules[0].injection", "hardly a text")),
        (
            "{name: a, harm: {threshold: 0.995}, action: block}",
            ("guardrails[0].rules[0].harm.threshold", "hardly a text"),
        ),
        (
            "{name: a, topics: [{name: t, examples: ['Which stocks should I buy?'], threshold: 1}], action: block}",
            ("guardrails[0].rules[0].topics[0].threshold", "nothing else"),
        ),
    ] {
        check(&rules(rule), &[expected]);
    }
}
