//! Splices by example, and by property: what is not named keeps its bytes.

use super::{Splice, json_string};
use crate::scan::Members;
use proptest::prelude::*;

fn spliced(body: &str, edit: impl for<'m, 'a> FnOnce(Splice<'m, 'a>) -> Splice<'m, 'a>) -> String {
    let members = Members::scan(body.as_bytes()).unwrap();
    String::from_utf8(edit(Splice::new(&members)).finish().to_vec()).unwrap()
}

#[test]
fn members_are_set_in_place_and_appended() {
    let body = " {\n  \"a\" : 1 ,\"model\": \"x\",\n \"z\":[ 1, 2 ] }\n";
    assert_eq!(
        spliced(body, |s| s.set("model", json_string("q\"y")).set("new", "true")),
        " {\n  \"a\" : 1 ,\"model\": \"q\\\"y\",\n \"z\":[ 1, 2 ],\"new\":true }\n"
    );
    assert_eq!(spliced("{ }", |s| s.set("a", "1").set("b", "2")), "{\"a\":1,\"b\":2 }");
    assert_eq!(spliced(r#"{"\u0061":1}"#, |s| s.set("a", "2")), r#"{"\u0061":2}"#);
}

#[test]
fn members_are_removed_with_the_right_comma() {
    let body = r#"{ "a":1, "b":2 , "c":3 }"#;
    for (gone, left) in [
        (vec!["a"], r#"{ "b":2 , "c":3 }"#),
        (vec!["b"], r#"{ "a":1, "c":3 }"#),
        (vec!["c"], r#"{ "a":1, "b":2 }"#),
        (vec!["b", "c"], r#"{ "a":1 }"#),
        (vec!["a", "b"], r#"{ "c":3 }"#),
        (vec!["a", "b", "c", "d"], r"{  }"),
    ] {
        assert_eq!(spliced(body, |s| gone.iter().fold(s, |s, name| s.remove(name))), left);
    }
    assert_eq!(spliced(body, |s| s.remove("a").remove("b").remove("c").set("d", "4")), r#"{ "d":4 }"#);
    assert_eq!(spliced(body, |s| s.remove("a").set("a", "4")), r#"{ "a":4, "b":2 , "c":3 }"#);
}

#[test]
fn a_member_of_a_member_is_set() {
    let set = |body: &str| spliced(body, |s| s.set_in("stream_options", "include_usage", "true").unwrap());
    assert_eq!(set("{}"), r#"{"stream_options":{"include_usage":true}}"#);
    assert_eq!(set(r#"{"stream_options":null,"a":1}"#), r#"{"stream_options":{"include_usage":true},"a":1}"#);
    assert_eq!(
        set(r#"{"stream_options": { "x" : {"y":[1 ,{}]}, "include_usage" : false , "z":"}" } }"#),
        r#"{"stream_options": { "x" : {"y":[1 ,{}]}, "include_usage" : true , "z":"}" } }"#
    );
    let members = Members::scan(br#"{"stream_options":3}"#).unwrap();
    let fault = Splice::new(&members).set_in("stream_options", "include_usage", "true").unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("stream_options"));
    let twice = spliced("{}", |s| s.set_in("o", "a", "1").unwrap().set_in("o", "b", "2").unwrap());
    assert_eq!(twice, r#"{"o":{"a":1,"b":2}}"#);
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", " ", "\n", "\t \r\n"])
}

fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["1", "null", "\"a,\\\"}b\"", "{ \"x\" : [ {} ] }", "[1 , \"]\"]", "-1.5e3", "true"])
        .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn what_is_not_named_keeps_its_bytes(
        parts in prop::collection::vec((space(), space(), value(), space(), space()), 0..7),
        edits in prop::collection::vec((0_usize..9, prop::option::of(value())), 0..5),
    ) {
        let texts: Vec<String> = parts
            .iter()
            .enumerate()
            .map(|(i, (a, b, v, c, d))| format!("{a}\"k{i}\"{b}:{c}{v}{d}"))
            .collect();
        let body = format!("{{{}}}", texts.join(","));
        let members = Members::scan(body.as_bytes()).unwrap();
        let mut splice = Splice::new(&members);
        for (index, edit) in &edits {
            let name = format!("k{index}");
            splice = match edit {
                Some(json) => splice.set(&name, json.as_bytes()),
                None => splice.remove(&name),
            };
        }
        let out = splice.finish();
        let after = Members::scan(&out).unwrap();
        for index in 0..9 {
            let name = format!("k{index}");
            let wanted = match edits.iter().rev().find(|(i, _)| *i == index) {
                Some((_, edit)) => edit.as_ref().map(|json| json.as_bytes()),
                None => members.get(&name),
            };
            prop_assert_eq!(after.get(&name), wanted);
        }
        if edits.is_empty() {
            prop_assert_eq!(out, body.as_bytes());
        }
    }
}
