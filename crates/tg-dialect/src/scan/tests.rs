//! The scan against serde_json, and at its edges.

use super::{DEPTH_MAX, Members};
use proptest::prelude::*;
use serde_json::Value;

fn refusal(body: &[u8]) -> String {
    Members::scan(body).unwrap_err().message.into_owned()
}

#[test]
fn members_are_found_with_their_bytes() {
    let body = br#" { "model" : "a\n\u00e9\ud83d\ude00" ,"n":2.0, "s":true,"x":null, "o": { "k" : [1, {"z":"}"}], "l":-1e-3 } } "#;
    let members = Members::scan(body).unwrap();
    assert_eq!(members.names().collect::<Vec<_>>(), ["model", "n", "s", "x", "o"]);
    assert_eq!(members.string("model").unwrap().unwrap(), "a\né😀");
    assert_eq!(members.get("n"), Some(&b"2.0"[..]));
    assert_eq!(members.u64("n").unwrap(), Some(2));
    assert_eq!(members.bool("s").unwrap(), Some(true));
    assert!(members.is_null("x") && !members.is_null("s") && !members.is_null("none"));
    assert_eq!(members.string("x").unwrap(), None);
    let inner = members.object("o").unwrap().unwrap();
    let listed: Vec<_> = inner.iter().collect();
    assert_eq!(listed, [("k", &br#"[1, {"z":"}"}]"#[..]), ("l", &b"-1e-3"[..])]);
}

#[test]
fn members_of_the_wrong_type_are_named() {
    let members = Members::scan(br#"{"a":1,"b":"x","c":-1,"d":[]}"#).unwrap();
    for (fault, name, words) in [
        (members.string("a").unwrap_err(), "a", "expected a string, but got a number"),
        (members.bool("b").unwrap_err(), "b", "expected true or false, but got a string"),
        (members.u64("c").unwrap_err(), "c", "expected a whole number that is not negative"),
        (members.object("d").unwrap_err(), "d", "expected an object, but got an array"),
    ] {
        assert_eq!(fault.param.as_deref(), Some(name));
        assert!(fault.message.contains(words), "{}", fault.message);
    }
}

#[test]
fn what_is_wrong_and_where_is_said() {
    for (body, words) in [
        (&b""[..], "expected a JSON object at byte 0"),
        (b"[1]", "expected a JSON object at byte 0"),
        (b"{\"a\":1} x", "expected nothing after the object at byte 8"),
        (b"{\"a\" 1}", "expected ':' at byte 5"),
        (b"{\"a\":1,}", "expected a member name in double quotes at byte 7"),
        (b"{\"a\":[1,]}", "expected a value at byte 8"),
        (b"{\"a\":01}", "expected ',' or '}' at byte 6"),
        (b"{\"a\":1.}", "expected a digit at byte 7"),
        (b"{\"a\":1e999}", "expected a number in the range of a 64-bit float at byte 5"),
        (b"{\"a\":\"\n\"}", "expected no raw control character"),
        (b"{\"a\":\"\\q\"}", "expected a known escape in a string at byte 6"),
        (b"{\"a\":\"\\ud800\"}", "expected both halves of a surrogate pair at byte 6"),
        (b"{\"a\":\"\\u12\"}", "expected four hex digits after \\u at byte 6"),
        (b"{\"a\":\"\xff\"}", "expected valid UTF-8 at byte 6"),
        (b"{\"a\":tru}", "expected a value at byte 5"),
        (b"{\"a\":\"x", "expected the closing quote of a string at byte 7"),
        (b"{\"a\":{\"b\":[]", "expected ',' or '}' at byte 12"),
    ] {
        let message = refusal(body);
        assert!(message.contains(words), "{}: {message}", String::from_utf8_lossy(body));
    }
}

#[test]
fn no_member_may_stand_twice() {
    let many: String = (0..40).map(|i| format!("\"k{i}\":1,")).collect();
    for body in [
        r#"{"a":1,"a":2}"#.to_owned(),
        r#"{"a":1,"\u0061":2}"#.to_owned(),
        r#"{"o":{"b":{"a":1},"b":2}}"#.to_owned(),
        r#"{"l":[{"a":1},{"c":0,"a":1,"a":2}]}"#.to_owned(),
        format!("{{{many}\"k3\":1}}"),
        format!("{{{many}\"\\u006b39\":1}}"),
    ] {
        assert!(refusal(body.as_bytes()).contains("stands twice"), "{body}");
    }
    for body in [r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#.to_owned(), format!("{{{many}\"K3\":1}}")] {
        assert!(Members::scan(body.as_bytes()).is_ok(), "{body}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(Members::scan(nested(DEPTH_MAX).as_bytes()).is_ok());
    for levels in [DEPTH_MAX + 1, 10_000] {
        assert!(refusal(nested(levels).as_bytes()).contains("nested too deeply"));
    }
    assert!(refusal("{\"a\":".repeat(10_000).as_bytes()).contains("nested too deeply"));
}

#[test]
fn large_bodies_take_linear_time() {
    let keys: String = (0..500_000).map(|i| format!("\"{i}\":0,")).collect();
    assert!(Members::scan(format!("{{{keys}\"z\":0}}").as_bytes()).is_ok());
    let text = "x\\n\u{e9} ".repeat(4 << 20);
    assert!(Members::scan(format!("{{\"a\":\"{text}\"}}").as_bytes()).is_ok());
    let digits = "9".repeat(32 << 20);
    assert!(refusal(format!("{{\"a\":{digits}}}").as_bytes()).contains("64-bit float"));
    assert!(Members::scan(format!("{{\"a\":0.{digits}}}").as_bytes()).is_ok());
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or_default(),
        Value::Object(map) => 1 + map.values().map(depth_of).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Both accept or both refuse; where both accept, the members are the same.
fn agree(body: &[u8]) {
    let ours = Members::scan(body);
    let theirs = serde_json::from_slice::<Value>(body);
    match (&ours, &theirs) {
        (Ok(members), Ok(Value::Object(map))) => {
            assert_eq!(members.iter().count(), map.len());
            for (name, raw) in members.iter() {
                assert_eq!(serde_json::from_slice::<Value>(raw).ok().as_ref(), map.get(name));
                if let Ok(Some(inner)) = members.object(name) {
                    let found: serde_json::Map<String, Value> =
                        inner.iter().map(|(k, v)| (k.to_owned(), serde_json::from_slice(v).unwrap())).collect();
                    assert_eq!(Some(&Value::Object(found)), map.get(name));
                }
            }
        }
        (Ok(_), other) => panic!("accepted {:?}: {other:?}", String::from_utf8_lossy(body)),
        (Err(fault), Ok(value)) => {
            let rule = fault.message.contains("stands twice") || fault.message.contains("nested too deeply");
            assert!(rule || !value.is_object(), "refused {:?}: {}", String::from_utf8_lossy(body), fault.message);
        }
        (Err(_), Err(_)) => {}
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[\"\\\\\u{1}-\u{1f}é😀a]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 24, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-c\"é]{0,3}", inner), 0..24)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_writes_is_accepted(value in json(), pretty in any::<bool>()) {
        let body = serde_json::json!({"a": value.clone(), "b": value});
        let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
        prop_assert!(depth_of(&body) <= DEPTH_MAX);
        prop_assert!(Members::scan(text.as_bytes()).is_ok());
        agree(text.as_bytes());
    }

    #[test]
    fn damage_is_seen_as_serde_sees_it(value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut body = serde_json::to_vec(&serde_json::json!({"a": value})).unwrap();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = byte }
        agree(&body);
    }

    #[test]
    fn tokens_in_any_order_are_judged_alike(tokens in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"\\u0041\"", "\"\\ud83d\\ude00\"", "\"\\ude00\"", "1", "-", "0", "1.5",
        "1e5", "1E+400", "0e999", "1e-999", "true", "null", " ", "\n", "\u{b}", "\"",
    ]), 0..12)) {
        agree(format!("{{\"k\":{}}}", tokens.concat()).as_bytes());
        agree(tokens.concat().as_bytes());
    }
}
