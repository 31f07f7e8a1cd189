//! What is left of a large event.

use super::{DEPTH_KEPT, GIST_BYTES_MAX, Gist, STRING_BYTES_MAX};
use proptest::prelude::*;
use serde_json::{Value, json};

fn gist(pieces: &[&[u8]]) -> Vec<u8> {
    let mut gist = Gist::default();
    pieces.iter().for_each(|piece| gist.feed(piece));
    gist.event().to_vec()
}

fn text(event: &str) -> String {
    String::from_utf8(gist(&[event.as_bytes()])).unwrap()
}

#[test]
fn short_outer_members_are_kept_and_the_rest_is_told_as_empty() {
    let long = "\\\"é\\\\".repeat(STRING_BYTES_MAX);
    for (event, left) in [
        ("event: a\ndata: { \"b\" : 1.0e2, \"c\":null }\n\n".to_owned(), "event: a\ndata:{\"b\":1.0e2,\"c\":null}\n"),
        ("data:{\"a\":[1,{\"b\":\"]}\"},[\"\\\"\"]],\"c\":2}\n".to_owned(), "data:{\"a\":[],\"c\":2}\n"),
        (
            "data:{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{}},\"x\":\"y\"}}}}\n".to_owned(),
            "data:{\"1\":{\"2\":{\"3\":{\"4\":{},\"x\":\"y\"}}}}\n",
        ),
        (
            format!("data: {{\"a\":\"{long}\",\"{long}\":\"\\\\\",\"b\":\"\\\"\"}}\r\n"),
            "data:{\"a\":\"\",\"\":\"\\\\\",\"b\":\"\\\"\"}\n",
        ),
        (": comment\nid: 5\nretry\n\nevent:x\rdata:1\r".to_owned(), "event:x\ndata:1\n"),
        ("data: {\"a\":\ndata: 1}\n".to_owned(), "data:{\"a\":\ndata:1}\n"),
    ] {
        assert_eq!(text(&event), left, "{}", &event[..event.len().min(80)]);
    }
    assert_eq!(DEPTH_KEPT, 4);
}

#[test]
fn a_gist_has_a_bound() {
    let members: Vec<String> = (0..GIST_BYTES_MAX / 8).map(|n| format!("\"m{n}\":{n}")).collect();
    assert_eq!(text(&format!("data: {{{}}}\n\n", members.join(","))), "");
    assert_eq!(text(&"x".repeat(GIST_BYTES_MAX + 1)), "");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from)
    ];
    leaf.prop_recursive(7, 60, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

fn emptied(value: &Value, depth: usize) -> Value {
    match value {
        Value::Array(_) => json!([]),
        Value::Object(_) if depth == DEPTH_KEPT => json!({}),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), emptied(v, depth + 1))).collect()),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn any_json_in_any_pieces_has_the_gist_that_it_should(value in any_json(), mut cuts in prop::collection::vec(0_usize..4000, 0..20)) {
        let event = format!("event: e\ndata: {value}\n\n");
        let bytes = event.as_bytes();
        cuts.retain(|cut| *cut < bytes.len());
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        let left = String::from_utf8(gist(&pieces)).unwrap();
        prop_assert_eq!(&left, &text(&event));
        let data = left.strip_prefix("event: e\ndata:").unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(data).unwrap(), emptied(&value, 0));
    }

    #[test]
    fn arbitrary_bytes_never_break_a_gist(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        gist(&[b"data:", &bytes]);
    }
}
