//! Every value is found where it stands.

use super::{Kind, Node, Tape};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The value that a node tells, read through the tape alone.
fn told(node: Node<'_, '_>) -> Value {
    match node.kind() {
        Kind::Object => node.members().map(|(key, value)| (key.text().into_owned(), told(value))).collect(),
        Kind::Array => node.items().map(told).collect(),
        Kind::String | Kind::Key => Value::from(node.text().into_owned()),
        Kind::Number | Kind::Word => serde_json::from_slice(node.raw()).unwrap(),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(".{0,5}", inner, 0..6)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn a_tape_tells_what_was_written(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let tape = Tape::read(text.as_bytes()).unwrap();
        prop_assert_eq!(told(tape.root()), value);
    }

    #[test]
    fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(tape) = Tape::read(&bytes) {
            let _ = told(tape.root());
        }
    }
}

#[test]
fn members_are_found_by_name_and_place() {
    let text = json!({"a": {"b": ["x", 12, {"c": "y\n"}]}, "d": "z"}).to_string();
    let tape = Tape::read(text.as_bytes()).unwrap();
    let list = tape.root().member("a").unwrap().member("b").unwrap();
    let last = list.items().last().unwrap().member("c").unwrap();
    assert_eq!((last.text().as_ref(), last.raw()), ("y\n", br#""y\n""#.as_slice()));
    assert_eq!(&text[last.range()], r#""y\n""#);
    assert!(tape.root().member("d").unwrap().says("z"));
    assert!(tape.root().member("e").is_none() && list.member("c").is_none());
    assert!(Tape::read(b"{\"a\":").is_none() && Tape::read(b"\"\xff\"").is_none());
}
