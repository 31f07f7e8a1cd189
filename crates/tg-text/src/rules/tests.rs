//! What rules find, what they leave alone, and what is said of those that cannot be compiled.

use super::*;
use serde_json::json;

fn rule(check: Check) -> Rule {
    Rule { name: "test".to_owned(), check }
}

fn words(list: &[&str], fuzzy: u8) -> Check {
    Check::Words { words: list.iter().map(|word| (*word).to_owned()).collect(), fuzzy }
}

/// What a rule finds in a text, as stretches of it.
fn found(check: Check, text: &str) -> Vec<String> {
    let rules = Rules::compile(&[rule(check)]).unwrap();
    let mut findings = Vec::new();
    rules.find(&View::of(text), &mut findings);
    findings.iter().map(|finding| text[finding.span.range()].to_owned()).collect()
}

fn problem(check: Check) -> String {
    Rules::compile(&[rule(check)]).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn words_are_found_whole_however_they_are_written() {
    let list = || words(&["acme", "top secret", "geheim", "机密", "Ärger", "c++"], 0);
    for (text, expected) in [
        ("ACME and acmes", vec!["ACME"]),
        ("it is top\n  secret, Top-Secret!", vec!["top\n  secret", "Top-Secret"]),
        ("ас\u{200b}mе", vec!["ас\u{200b}mе"]), // Cyrillic а, с, е
        ("die ist ärger als ARGER", vec!["ärger", "ARGER"]),
        ("这是机密文件", vec!["机密"]),
        ("a c m e inc", vec!["a c m e"]),
        ("c++ but not vc++", vec!["c++"]),
        ("acmé", vec!["acmé"]),
        ("nothing here: acmex", vec![]),
    ] {
        assert_eq!(found(list(), text), expected, "{text}");
    }
    assert_eq!(found(list(), "see dG9wIHNlY3JldCBwbGFucw== now"), ["dG9wIHNlY3JldCBwbGFucw"]);
}

#[test]
fn words_with_wrong_letters_are_found_within_the_edits_that_are_allowed() {
    for (text, edits, expected) in [
        ("the projct begins", 1, vec!["projct"]),
        ("the proejct begins", 1, vec!["proejct"]),
        ("the projects", 1, vec!["projects"]),
        ("the projXcX", 1, vec![]),
        ("a confdental thing", 2, vec!["confdental"]),
        ("a confdental thing", 1, vec![]),
        ("reject inject", 1, vec![]),
        ("project", 1, vec!["project"]),
    ] {
        assert_eq!(found(words(&["project", "confidential", "abc"], edits), text), expected, "{text}");
    }
    assert_eq!(found(words(&["abc", "project"], 2), "abd abc"), ["abc"]);
}

#[test]
fn expressions_are_searched_in_the_plain_reading_and_in_what_is_hidden() {
    let check = || Check::Expression(r"\bPRJ-\d{4}\b".to_owned());
    assert_eq!(found(check(), "see PRJ-1234, PRJ‑5678 and PRJ-12345"), ["PRJ-1234", "PRJ‑5678"]);
    assert_eq!(found(check(), "UFJKLTEyMzQgaXMgc2VjcmV0"), ["UFJKLTEyMzQgaXMgc2VjcmV0"]);
    assert_eq!(found(Check::Expression("a+".to_owned()), &"a".repeat(10_000)).concat().len(), 10_000);
    let long = format!("{}PRJ-1234{}", "x ".repeat(20_000), " y".repeat(20_000));
    assert_eq!(found(check(), &long), ["PRJ-1234"]);
}

#[test]
fn an_expression_that_looks_far_ahead_does_not_stall() {
    // Of each letter the whole rest is looked at before it is settled that one letter matches.
    let text = "A".repeat(1 << 20);
    let all = found(Check::Expression(".*[^A-Z]|[A-Z]".to_owned()), &text);
    assert_eq!(all.concat().len(), text.len());
    assert_eq!(all.len(), MATCHES_MAX + 1);
}

#[test]
fn canaries_are_found_within_words_and_encoded() {
    let check = || Check::Canary(vec!["kanarie-7f3a9c".to_owned()]);
    assert_eq!(found(check(), "xKANARIE-7F3A9Cx"), ["KANARIE-7F3A9C"]);
    assert_eq!(found(check(), "it says a2FuYXJpZS03ZjNhOWMgaXMgaXQ="), ["a2FuYXJpZS03ZjNhOWMgaXMgaXQ"]);
    assert!(!problem(Check::Canary(vec!["abc-12".to_owned()])).contains("abc"));
}

#[test]
fn a_system_text_that_is_repeated_is_found() {
    let system = "You are the assistant of Acme. Never tell a customer what the discount of another customer is, \
                  and always answer in the language in which you were asked.";
    let leak = Leak::of(&View::of(system), LEAK_WORDS_DEFAULT).unwrap();
    let find = |text: &str| {
        let mut spans = Vec::new();
        leak.find(&View::of(text), &mut |span| spans.push(text[span.range()].to_owned()));
        spans
    };
    let said = "never tell a customer, what the DISCOUNT of another customer is - and always";
    assert_eq!(find(&format!("I was told: {said} be nice.")), [said]);
    assert_eq!(find("never tell a customer what the discount of others is, and always answer"), Vec::<String>::new());
    assert_eq!(find(system).len(), 1);
    assert!(Leak::of(&View::of("You are helpful."), LEAK_WORDS_DEFAULT).is_none());
    let short = Leak::of(&View::of("You are a helpful pirate named Jack Sparrow."), LEAK_WORDS_DEFAULT).unwrap();
    let mut count = 0;
    short.find(&View::of("ok: you are a helpful pirate named jack sparrow"), &mut |_| count += 1);
    assert_eq!(count, 1);
}

#[test]
fn schemas_say_where_a_text_breaks_them() {
    let schema = json!({
        "type": "object",
        "required": ["name", "lines"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"},
            "kind": {"enum": ["a", 1]},
            "lines": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/line"}},
            "tree": {"$ref": "#/$defs/tree"},
            "amount": {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}
        },
        "$defs": {
            "line": {"type": "object", "properties": {"n": {"type": "number", "exclusiveMaximum": 10, "multipleOf": 0.5}}},
            "tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}, "additionalProperties": false}
        }
    });
    let schema = Schema::compile(&schema).unwrap();
    for (text, expected) in [
        (r#"{"name": "ab", "lines": [{"n": 9.5}], "kind": 1.0, "amount": null, "tree": {"left": {"left": {}}}}"#, None),
        ("nothing", Some("")),
        (r#"{"name": "ab"}"#, Some("")),
        (r#"{"name": "a", "lines": []}"#, Some("/name")),
        (r#"{"name": "aB", "lines": []}"#, Some("/name")),
        (r#"{"name": "ab", "lines": [{}, {"n": 10}]}"#, Some("/lines/1/n")),
        (r#"{"name": "ab", "lines": [{"n": 0.3}]}"#, Some("/lines/0/n")),
        (r#"{"name": "ab", "lines": [1, 2, 3]}"#, Some("/lines")),
        (r#"{"name": "ab", "lines": [], "more": 1}"#, Some("")),
        (r#"{"name": "ab", "lines": [], "tree": {"left": {"right": 1}}}"#, Some("/tree/left")),
        (r#"{"name": "ab", "lines": [], "amount": -1}"#, Some("/amount")),
        (r#"{"name": "ab", "lines": [], "kind": "b"}"#, Some("/kind")),
    ] {
        assert_eq!(schema.check_text(text).err().map(|broken| broken.path).as_deref(), expected, "{text}");
    }
}

#[test]
fn a_schema_that_multiplies_ends() {
    let twice = json!({"anyOf": [{"allOf": [{"$ref": "#"}, {"$ref": "#"}]}, {"not": {"$ref": "#"}}]});
    let schema = Schema::compile(&twice).unwrap();
    assert!(schema.check_text("1").is_err());
}

#[test]
fn what_cannot_be_compiled_is_told_with_what_to_do() {
    for (check, says) in [
        (Check::Expression(r"(?=a)b".to_owned()), "look-around"),
        (Check::Expression(r"(a)\1".to_owned()), "backreferences"),
        (Check::Expression("a*".to_owned()), "matches the empty text"),
        (Check::Expression("(".to_owned()), "cannot be read"),
        (Check::Expression("x".repeat(5000)), "5000 bytes"),
        (Check::Expression(r"\w{1000}{100}".to_owned()), "grows beyond 1 MiB"),
        (words(&[], 0), "no words"),
        (words(&["..."], 0), "neither letter nor digit"),
        (words(&["abc"], 3), "fuzzy is 3"),
        (words(&["project heron", "heron"], 1), "fuzzy finds nothing more here"),
        (Check::Canary(vec![]), "no canaries"),
    ] {
        let told = problem(check);
        assert!(told.starts_with("rule 0 (test): ") && told.contains(says), "{told}");
    }
    for (schema, says) in [
        (json!({"typo": 1}), "#/typo is not checked here"),
        (json!({"type": "text"}), "#/type has the wrong kind"),
        (json!({"$ref": "https://example.com/x"}), "leads nowhere"),
        (json!({"items": {"pattern": "(?!a)"}}), "#/items/pattern: "),
    ] {
        let told = Schema::compile(&schema).unwrap_err();
        assert!(told.iter().any(|(what, _)| what.contains(says)), "{told:?}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let rules = [rule(words(&[], 0)), rule(words(&["fine"], 0)), rule(Check::Expression("(".to_owned()))];
    let problems = Rules::compile(&rules).unwrap_err();
    assert_eq!(problems.iter().map(|problem| problem.rule).collect::<Vec<_>>(), [0, 2]);
}
