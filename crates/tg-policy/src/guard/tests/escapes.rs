//! What is found in texts that are JSON, and what is put into them.

use super::*;
use serde_json::{Value, json};

fn pii(name: &str, action: Action) -> Rule {
    rule(name, Check::Pii(Pii::Structured), action)
}

/// JSON in which all but letters, digits and signs of ASCII are escapes.
fn escaped(value: &Value) -> String {
    let mut out = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

#[test]
fn no_letter_of_an_escape_is_taken_for_a_part_of_a_value() {
    let guard = guard(&[set("house", vec![pii("out", Action::Redact(Style::Tag))])]);
    let json = r#"{"text":"Hi\nann@example.com"}"#;
    let redacted = r#"{"text":"Hi\n[EMAIL_1]"}"#;
    for channel in [Channel::ToolArguments, Channel::ToolResult, Channel::Document, Channel::User] {
        assert_eq!(ask(&guard, &[said(channel, 1, json)]).0.edits, [(0, redacted.to_owned())], "{channel:?}");
    }
    for channel in [Channel::ToolArguments, Channel::Assistant] {
        for size in [1, 7, 100] {
            assert_eq!(streamed(&guard, channel, json, size, &Inquiry::default()).0, redacted, "{channel:?}");
        }
    }
    // A line of a log is no JSON, and has them all the same.
    let (verdict, _) = ask(&guard, &[said(Channel::ToolResult, 1, r"from:\nann@example.com")]);
    assert_eq!(verdict.edits, [(0, r"from:\n[EMAIL_1]".to_owned())]);
    // What a string within a string says.
    let nested = json!({ "body": json }).to_string();
    let (left, _) = streamed(&guard, Channel::ToolArguments, &nested, 5, &Inquiry::default());
    let body: Value = serde_json::from_str(&left).unwrap();
    assert_eq!(body["body"].as_str().unwrap(), redacted);
}

#[test]
fn a_value_behind_an_escape_comes_back_as_it_was() {
    let guard = guard(&[set("house", vec![pii("back", Action::Restore(Style::Tag))])]);
    for channel in [Channel::ToolArguments, Channel::ToolResult] {
        let (_, inquiry) = ask(&guard, &[said(channel, 1, r#"{"text":"Hi\tann@example.com"}"#)]);
        assert_eq!(answered(&guard, Channel::Assistant, "[EMAIL_1]", &inquiry).0, "ann@example.com");
    }
}

#[test]
fn what_stands_in_arguments_is_written_as_their_json_wants_it() {
    let quoted = Definition { name: "note".into(), pattern: r#"N\\?"[a-z]+\\?""#.into(), ..Definition::default() };
    let check = Check::Entities(vec![quoted]);
    for style in [Style::KeepLast(2), Style::Tag, Style::Token] {
        let guard = guard(&[set("house", vec![rule("r", check.clone(), Action::Redact(style))])]);
        let json = r#"{"a":"N\"yes\" x"}"#;
        let (input, _) = ask(&guard, &[said(Channel::ToolArguments, 1, json)]);
        let output = streamed(&guard, Channel::ToolArguments, json, 3, &Inquiry::default()).0;
        assert_eq!(input.edits, [(0, output.clone())]);
        let value: Value = serde_json::from_str(&output).unwrap();
        assert!(!output.contains("yes") && value["a"].as_str().unwrap().ends_with(" x"), "{output}");
    }
}

#[test]
fn signs_of_json_that_a_pattern_takes_in_stay() {
    let json = r#"{"a": 7001, "b": [7002,7003], "c": "is 7004"}"#;
    for pattern in [r"\s*70[0-9]{2}", r"[ \[,]*70[0-9]{2},?", r"70[0-9]{2}\s*[,\]]?"] {
        let own = Definition { name: "own".into(), pattern: pattern.into(), ..Definition::default() };
        let rules = vec![rule("r", Check::Entities(vec![own]), Action::Redact(Style::Tag))];
        let guard = guard(&[set("house", rules)]);
        let (input, _) = ask(&guard, &[said(Channel::ToolArguments, 1, json)]);
        let sent: Value = serde_json::from_str(&input.edits[0].1).unwrap();
        assert_eq!(sent["b"].as_array().map(Vec::len), Some(2), "{pattern}: {sent}");
        assert!(!sent.to_string().contains("70"), "{pattern}: {sent}");
        for size in [1, 4, 9, 200] {
            let (left, _) = streamed(&guard, Channel::ToolArguments, json, size, &Inquiry::default());
            assert_eq!(left, input.edits[0].1, "{pattern} {size}");
        }
    }
}

#[test]
fn arguments_in_which_a_number_is_taken_out_stay_json_and_it_comes_back() {
    let house = |action| guard(&[set("house", vec![pii("r", action)])]);
    let json = r#"{"text": "4111111111111111", "card": 4111111111111111, "more": [ 4111111111111111 ,1]}"#;
    let gone = r#"{"text": "[CARD_1]", "card": "[CARD_1]", "more": [ "[CARD_1]" ,1]}"#;
    let redacting = house(Action::Redact(Style::Tag));
    for channel in [Channel::ToolArguments, Channel::ToolResult] {
        assert_eq!(ask(&redacting, &[said(channel, 1, json)]).0.edits, [(0, gone.to_owned())], "{channel:?}");
    }
    for size in [1, 9, 200] {
        assert_eq!(streamed(&redacting, Channel::ToolArguments, json, size, &Inquiry::default()).0, gone);
    }
    // As a string where the model writes one; as a number where it writes none.
    let (_, inquiry) = ask(&house(Action::Restore(Style::Tag)), &[said(Channel::ToolArguments, 1, json)]);
    let guard = house(Action::Restore(Style::Tag));
    let answer = r#"{"card": "[CARD_1]", "other": [CARD_1], "all": ["[CARD_1]", [CARD_1] ]}"#;
    let whole =
        r#"{"card": "4111111111111111", "other": 4111111111111111, "all": ["4111111111111111", 4111111111111111 ]}"#;
    for size in [1, 9, 200] {
        assert_eq!(streamed(&guard, Channel::ToolArguments, answer, size, &inquiry).0, whole);
    }
    let (_, inquiry) = ask(&guard, &[said(Channel::User, 1, "I am ann@example.com")]);
    let written = answered(&guard, Channel::ToolArguments, r#"{"to": [EMAIL_1]}"#, &inquiry).0;
    assert_eq!(written, r#"{"to": "ann@example.com"}"#);
    // A token of digits is a number.
    let out = streamed(&house(Action::Redact(Style::Token)), Channel::ToolArguments, json, 5, &Inquiry::default()).0;
    let out: Value = serde_json::from_str(&out).unwrap();
    assert!(out["text"].is_string() && !out.to_string().contains("4111111111111111"), "{out}");
}

#[test]
fn an_answer_that_was_asked_for_as_json_stays_json_whatever_is_put_back() {
    let quoted = Definition { name: "note".into(), pattern: "N\"[a-z]+\"".into(), ..Definition::default() };
    let guard = guard(&[set("house", vec![rule("r", Check::Entities(vec![quoted]), Action::Restore(Style::Tag))])]);
    let (_, mut inquiry) = ask(&guard, &[said(Channel::User, 1, "say N\"yes\"")]);
    let answer = r#"{"note": "[NOTE_1]", "bare": [NOTE_1]}"#;
    // Nobody knows that it is to be JSON: it may be prose about some.
    let plain = r#"{"note": "N"yes"", "bare": N"yes"}"#;
    assert_eq!(streamed(&guard, Channel::Assistant, answer, 3, &inquiry).0, plain);
    inquiry.answers_in_json();
    let whole = r#"{"note": "N\"yes\"", "bare": "N\"yes\""}"#;
    for size in [1, 7, 100] {
        assert_eq!(streamed(&guard, Channel::Assistant, answer, size, &inquiry).0, whole);
    }
    assert_eq!(answered(&guard, Channel::Assistant, "It is [NOTE_1].", &inquiry).0, "It is N\"yes\".");
    assert_eq!(answered(&guard, Channel::Reasoning, answer, &inquiry).0, plain);
}

fn said_in_json() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "ann.lee@example.com",
        "4111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 00",
        "\n",
        "\t",
        "\u{b}",
        "\"",
        "\\",
        "/",
        "é",
        "😀",
        "ж",
        " ",
        "x",
        "n",
        "one two",
        "\\n",
        "u00e9",
        "a@b.co",
        "[EMAIL_1]",
        "192.168.10.20",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn arguments_stay_json_whatever_is_taken_out_of_them_or_put_back(
        texts in prop::collection::vec(said_in_json(), 1..4), size in 1_usize..50, is_escaped in prop::bool::ANY,
        style in prop::sample::select(vec![Style::Mask, Style::KeepLast(4), Style::Tag, Style::Hash, Style::Token]),
        number in prop::sample::select(vec![4_111_111_111_111_111_i64, -4_111_111_111_111_111, 4_915_123_456_789, 7]),
    ) {
        let json = json!({ "a": texts, "n": number, "f": number as f64 / 2.0, "z": [number, number] });
        let json = if is_escaped { escaped(&json) } else { json.to_string() };
        let rules = vec![
            pii("back", Action::Restore(Style::Tag)),
            Rule { on: Some(On::Output), ..pii("out", Action::Redact(style)) },
        ];
        let guard = guard(&[set("house", rules)]);
        let (verdict, inquiry) = ask(&guard, &[said(Channel::ToolArguments, 1, &json)]);
        let sent = verdict.edits.first().map_or(&json, |(_, text)| text);
        prop_assert!(serde_json::from_str::<Value>(sent).is_ok(), "{}", sent);
        for text in [&json, sent] {
            let (left, _) = streamed(&guard, Channel::ToolArguments, text, size, &inquiry);
            prop_assert!(serde_json::from_str::<Value>(&left).is_ok(), "{}", left);
        }
    }
}

#[test]
fn a_number_behind_what_stands_between_two_texts_stays_json() {
    let guard = guard(&[set("s", vec![rule("r", Check::Pattern(r"\n\[\d{6}".into()), Action::Redact(Style::Tag))])]);
    let texts = [said(Channel::ToolResult, 1, "[1]"), said(Channel::ToolResult, 1, "[123456, 2]")];
    let (verdict, _) = ask(&guard, &texts);
    assert_eq!(verdict.edits, [(1, "[\"[R_1]\", 2]".to_owned())]);
}
