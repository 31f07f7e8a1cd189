//! Requests cut and marked: what came in beside the points is there byte by byte.

use super::*;
use serde_json::{Value, json};

fn cut(dialect: Dialect, body: &str) -> Prefixes {
    prefixes(dialect, body.as_bytes()).unwrap_or_else(|| panic!("no prefix in {body}"))
}

fn marked(dialect: Dialect, body: &str) -> String {
    let Prefixes { tools, system, stable, .. } = cut(dialect, body);
    let all: Vec<Prefix> = [tools, system].into_iter().flatten().chain(stable).collect();
    let out = with_points(body.as_bytes(), &all);
    String::from_utf8(out.to_vec()).unwrap()
}

const TURNS: &str =
    r#"[ {"role":"user","content":"Hi"},{"role":"assistant","content": "Hello" },{"role":"user","content":"And?"}]"#;

#[test]
fn messages_are_marked_after_tools_instructions_and_the_last_answer() {
    let body = format!(
        r#"{{ "model":"m", "tools":[{{"name":"a"}}, {{"name":"b","input_schema":{{}}}} ],"system" : "Be brief.","messages":{TURNS}, "max_tokens":1e2}}"#
    );
    let out = marked(Dialect::AnthropicMessages, &body);
    let point = r#","cache_control":{"type":"ephemeral"}"#;
    let text = |raw: &str| format!(r#"[{{"type":"text","text":{raw}{point}}}]"#);
    let expected = body
        .replace(r#""input_schema":{}} ]"#, &format!(r#""input_schema":{{}}{point}}} ]"#))
        .replace(r#""Be brief.""#, &text(r#""Be brief.""#))
        .replace(r#""Hello""#, &text(r#""Hello""#));
    assert_eq!(out, expected);
    serde_json::from_str::<Value>(&out).unwrap();
    assert_eq!(prefixes(Dialect::AnthropicMessages, out.as_bytes()), None, "who has points gets no more");
}

#[test]
fn converse_has_points_as_blocks_of_their_own() {
    let body = json!({
        "toolConfig": {"tools": [{"toolSpec": {"name": "a"}}]},
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "assistant", "content": [{"text": "Hello"}]},
            {"role": "user", "content": [{"text": "And?"}]},
        ],
    });
    let mut expected = body.clone();
    let point = json!({"cachePoint": {"type": "default"}});
    for place in ["/toolConfig/tools", "/system", "/messages/1/content"] {
        expected.pointer_mut(place).unwrap().as_array_mut().unwrap().push(point.clone());
    }
    assert_eq!(marked(Dialect::BedrockConverse, &body.to_string()), expected.to_string());
}

#[test]
fn what_cannot_have_a_point_gets_none() {
    let with_last = |content: Value| {
        json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": content},
            {"role": "user", "content": "b"}]})
    };
    for content in [
        json!([{"type": "text", "text": "x"}, {"type": "thinking", "thinking": "…", "signature": "s"}]),
        json!([{"type": "text", "text": " "}]),
        json!([]),
        json!(""),
        json!([{"reasoningContent": {"reasoningText": {"text": "…"}}}]),
    ] {
        let found = cut(Dialect::AnthropicMessages, &with_last(content.clone()).to_string());
        assert!(found.stable.iter().all(|prefix| !prefix.takes_a_point()), "{content}");
    }
    for (dialect, body) in [
        (Dialect::AnthropicMessages, json!({"messages": [{"role": "user", "content": "alone"}]})),
        (Dialect::AnthropicMessages, json!({"system": "", "tools": [], "messages": []})),
        (
            Dialect::OpenaiChat,
            json!({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]}),
        ),
    ] {
        assert_eq!(prefixes(dialect, body.to_string().as_bytes()), None, "{body}");
    }
    assert_eq!(prefixes(Dialect::AnthropicMessages, b"{\"system\": \"x"), None);
    let later = json!({"tools": [{"name": "a", "defer_loading": true}], "messages": []});
    assert!(!cut(Dialect::AnthropicMessages, &later.to_string()).tools.unwrap().takes_a_point());
    let quoted = json!({"system": "write \"cache_control\" and \"cachePoint\"", "messages": []});
    assert!(cut(Dialect::AnthropicMessages, &quoted.to_string()).system.unwrap().takes_a_point());
}

#[test]
fn a_conversation_that_goes_on_is_known_by_what_it_was() {
    let turns = |count: usize| {
        let turn = |n| json!({"role": if n % 2 == 0 { "user" } else { "assistant" }, "content": format!("turn {n}")});
        json!({"system": "s", "messages": (0..count).map(turn).collect::<Vec<_>>()}).to_string()
    };
    let (first, second) = (cut(Dialect::AnthropicMessages, &turns(3)), cut(Dialect::AnthropicMessages, &turns(5)));
    assert!(second.turns.contains(&first.whole), "what was the whole is a part now");
    assert_eq!(first.stable[0].digest, second.stable[0].digest, "where the call before had its point is one again");
    assert_eq!((first.stable.len(), second.stable.len()), (1, 2));
    assert_eq!(first.system, second.system);
    assert!(!second.turns.contains(&second.whole));
    let long = cut(Dialect::AnthropicMessages, &turns(401));
    assert_eq!(long.turns.len(), TURNS_MAX);
    let other = turns(5).replace("turn 0", "turn zero");
    assert!(!cut(Dialect::AnthropicMessages, &other).turns.contains(&first.whole));
    let forced = turns(5).replacen('{', r#"{"tool_choice":{"type":"any"},"#, 1);
    assert!(!cut(Dialect::AnthropicMessages, &forced).turns.contains(&first.whole), "another choice, another prompt");
}
