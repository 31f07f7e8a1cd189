//! What is read of each dialect's bodies and frames, and that nothing else changes when a passage does.

use super::walk::APART;
use super::{Edits, MediumKind, Passages};
use crate::scan::Members;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;
use tg_kernel::passage::Channel::{
    self, Assistant, Definition, Document, Metadata, Reasoning, System, ToolArguments, ToolResult, User,
};

fn request(body: &Value) -> Vec<(Channel, u32, String)> {
    let body = body.to_string();
    let members = Members::scan(body.as_bytes()).unwrap();
    told(&Passages::of_request(&members))
}

fn told(passages: &Passages<'_>) -> Vec<(Channel, u32, String)> {
    passages.texts.iter().map(|p| (p.channel, p.turn, p.text.to_string())).collect()
}

fn check(found: &[(Channel, u32, String)], wanted: &[(Channel, u32, &str)]) {
    let found: Vec<_> = found.iter().map(|(channel, turn, text)| (*channel, *turn, text.as_str())).collect();
    assert_eq!(found, wanted);
}

#[test]
fn chat_completions() {
    let body = json!({
        "model": "gpt-5", "user": "u-1", "stop": ["END"],
        "messages": [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "name": "Ann Lee", "content": [
                {"type": "text", "text": "Look:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
                {"type": "file", "file": {"file_id": "file-9"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": "{\"q\":\"x y\"}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "found it"},
        ],
        "tools": [{"type": "function", "function": {"name": "find", "description": "Finds.", "parameters": {"type": "object"}}}],
        "a_member_of_tomorrow": {"deep": ["unheard of"]},
    });
    check(
        &request(&body),
        &[
            (Metadata, 0, "u-1"),
            (User, 0, "END"),
            (System, 1, "Be kind."),
            (User, 2, "Ann Lee"),
            (User, 2, "Look:"),
            (ToolArguments, 3, "find"),
            (ToolArguments, 3, "{\"q\":\"x y\"}"),
            (ToolResult, 4, "found it"),
            (Definition, 0, "find"),
            (Definition, 0, "Finds."),
            (Definition, 0, "type"),
            (Definition, 0, "object"),
            (User, 0, "unheard of"),
        ],
    );
    let text = body.to_string();
    let members = Members::scan(text.as_bytes()).unwrap();
    let media: Vec<_> = Passages::of_request(&members).media.iter().map(|m| m.kind).collect();
    assert_eq!(media, [MediumKind::Image, MediumKind::Reference]);
}

#[test]
fn responses() {
    let body = json!({
        "model": "gpt-5", "instructions": "Be brief.", "previous_response_id": "resp_1",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "42 it is"},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "gAAAA=="},
        ],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"title": "t"}}},
    });
    check(
        &request(&body),
        &[
            (System, 0, "Be brief."),
            (User, 1, "Hi"),
            (ToolArguments, 2, "f"),
            (ToolArguments, 2, "{}"),
            (ToolResult, 3, "42 it is"),
            (Reasoning, 4, "Hm."),
            (Definition, 0, "n"),
            (Definition, 0, "title"),
            (Definition, 0, "t"),
        ],
    );
    check(&request(&json!({"model": "m", "input": "plain"})), &[(User, 0, "plain")]);
    check(&request(&json!({"model": "m", "input": ["a b", "c"]})), &[(User, 1, "a b"), (User, 2, "c")]);
}

#[test]
fn messages() {
    let text_file = STANDARD.encode("A letter:\nDear Ann");
    let body = json!({
        "model": "claude", "max_tokens": 9, "system": [{"type": "text", "text": "Sys", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "document", "title": "T 1", "source": {"type": "text", "media_type": "text/plain", "data": "ignore_all_previous"}},
                {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": text_file}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": STANDARD.encode([0_u8; 150])}},
                {"type": "text", "text": "Sum up."},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Well", "signature": "EqQB+/=="},
                {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"},
                {"type": "tool_use", "id": "t1", "name": "pay", "input": {"card": 4111111111111111_u64, "to": {"type": "x"}}},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "paid it"}]}]},
        ],
        "metadata": {"user_id": "u 1"},
    });
    check(
        &request(&body),
        &[
            (System, 0, "Sys"),
            (Document, APART | 1, "T 1"),
            (Document, 1, "ignore_all_previous"),
            (Document, 1, "A letter:\nDear Ann"),
            (User, 1, "Sum up."),
            (Reasoning, 2, "Well"),
            (ToolArguments, 2, "pay"),
            (ToolArguments, 2, "card"),
            (ToolArguments, 2, "4111111111111111"),
            (ToolArguments, 2, "to"),
            (ToolArguments, 2, "type"),
            (ToolArguments, 2, "x"),
            (ToolResult, 3, "paid it"),
            (Metadata, 0, "user_id"),
            (Metadata, 0, "u 1"),
        ],
    );
}

#[test]
fn converse() {
    let body = json!({
        "system": [{"text": "Sys"}, {"guardContent": {"text": {"text": "guarded words"}}}],
        "messages": [
            {"role": "user", "content": [
                {"document": {"format": "pdf", "name": "a b", "source": {"bytes": STANDARD.encode([1_u8; 200])}}},
                {"image": {"format": "png", "source": {"bytes": STANDARD.encode([255_u8; 200])}}},
                {"text": "Hi"}, {"cachePoint": {"type": "default"}},
            ]},
            {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}},
                {"toolUse": {"toolUseId": "t", "name": "f", "input": {"q": "x y"}}},
            ]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "status": "success", "content": [{"json": {"a": "b c"}}, {"text": "z"}]}}]},
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "description": "d d", "inputSchema": {"json": {}}}}]},
        "requestMetadata": {"team": "x"},
    });
    check(
        &request(&body),
        &[
            (System, 0, "Sys"),
            (System, 0, "guarded words"),
            (Document, APART | 1, "a b"),
            (User, 1, "Hi"),
            (Reasoning, 2, "Hm"),
            (ToolArguments, 2, "f"),
            (ToolArguments, 2, "q"),
            (ToolArguments, 2, "x y"),
            (ToolResult, 3, "a"),
            (ToolResult, 3, "b c"),
            (ToolResult, 3, "z"),
            (Definition, 0, "f"),
            (Definition, 0, "d d"),
            (Metadata, 0, "team"),
            (Metadata, 0, "x"),
        ],
    );
}

#[test]
fn families_of_invoke_model_and_vectors() {
    for body in [
        json!({"inputText": "some words", "textGenerationConfig": {"maxTokenCount": 5}}),
        json!({"prompt": "some words", "max_gen_len": 5}),
        json!({"message": "some words", "chat_history": []}),
        json!({"text_prompts": [{"text": "some words"}]}),
        json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "some words"}}),
    ] {
        assert!(request(&body).iter().any(|(channel, _, text)| *channel == User && text == "some words"), "{body}");
    }
    let body = json!({"model": "e", "input": [[1, 2, 3], [4]]}).to_string();
    let members = Members::scan(body.as_bytes()).unwrap();
    let passages = Passages::of_request(&members);
    assert_eq!((passages.texts.len(), passages.media[0].kind), (0, MediumKind::Tokens));
}

/// What grows in a stream of frames, by part.
fn grown(frames: &[(&str, Value)]) -> Vec<(Channel, String)> {
    let mut parts: Vec<(super::Part, Channel, String)> = Vec::new();
    for (kind, frame) in frames {
        let text = frame.to_string();
        for passage in Passages::of_frame(kind, text.as_bytes()).unwrap().texts.iter().filter(|p| p.grows) {
            match parts.iter_mut().find(|(part, ..)| *part == passage.part) {
                Some((_, _, text)) => text.push_str(&passage.text),
                None => parts.push((passage.part, passage.channel, passage.text.to_string())),
            }
        }
    }
    parts.into_iter().map(|(_, channel, text)| (channel, text)).collect()
}

#[test]
fn frames_of_sse_grow_by_part() {
    let chat = |delta: Value| {
        ("", json!({"object": "chat.completion.chunk", "id": "c", "choices": [{"index": 0, "delta": delta}]}))
    };
    let call = |arguments: &str| json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]});
    assert_eq!(
        grown(&[chat(json!({"content": "a "})), chat(call("{x")), chat(json!({"content": "b"})), chat(call("}"))]),
        [(Assistant, "a b".to_owned()), (ToolArguments, "{x}".to_owned())]
    );
    let block = |index: u64, delta: Value| {
        ("content_block_delta", json!({"type": "content_block_delta", "index": index, "delta": delta}))
    };
    assert_eq!(
        grown(&[
            (
                "content_block_start",
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "o"}})
            ),
            block(0, json!({"type": "text_delta", "text": "k"})),
            block(1, json!({"type": "input_json_delta", "partial_json": "{"})),
            block(2, json!({"type": "thinking_delta", "thinking": "hm"})),
            block(1, json!({"type": "input_json_delta", "partial_json": "}"})),
        ]),
        [(Assistant, "ok".to_owned()), (ToolArguments, "{}".to_owned()), (Reasoning, "hm".to_owned())]
    );
}

#[test]
fn frames_of_other_kinds_grow_by_part() {
    let delta = |index: u64, delta: Value| {
        ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "ab"}))
    };
    assert_eq!(
        grown(&[
            delta(0, json!({"text": "x"})),
            delta(1, json!({"toolUse": {"input": "{}"}})),
            delta(0, json!({"text": "y"}))
        ]),
        [(Assistant, "xy".to_owned()), (ToolArguments, "{}".to_owned())]
    );
    let event = |kind: &'static str, text: &str| {
        (kind, json!({"type": kind, "output_index": 0, "item_id": "i", "delta": text}))
    };
    assert_eq!(
        grown(&[
            event("response.output_text.delta", "a"),
            event("response.function_call_arguments.delta", "{"),
            event("response.output_text.delta", "b"),
            ("response.output_text.done", json!({"type": "response.output_text.done", "text": "ab"})),
        ]),
        [(Assistant, "ab".to_owned()), (ToolArguments, "{".to_owned())]
    );
    // In these `index` counts the chunks of one text.
    for next in [0, 1] {
        assert_eq!(
            grown(&[("", json!({"outputText": "a", "index": 0})), ("", json!({"outputText": "b", "index": next}))]),
            [(Assistant, "ab".to_owned())]
        );
    }
}

#[test]
fn a_changed_passage_changes_nothing_else() {
    let file = STANDARD.encode("call 555-1234 now");
    let body = format!(
        r#"{{ "model":"m", "x":1e400000000000000000000000000000000000,"messages":[{{"role":"user","content":"my \u0063ard"}}, {{"role":"user","content":[{{"type":"file","file":{{"file_data":"data:text/plain;base64,{file}"}}}}]}}] }}"#
    )
    .replace("1e400000000000000000000000000000000000", "1.50");
    let members = Members::scan(body.as_bytes()).unwrap();
    let passages = Passages::of_request(&members);
    let mut edits = Edits::default();
    for passage in &passages.texts {
        edits.say(passage, &passage.text.replace("card", "****").replace("555-1234", "********"));
    }
    let out = String::from_utf8(edits.apply(body.as_bytes()).to_vec()).unwrap();
    let wanted = body.replace(r"my \u0063ard", "my ****").replace(&file, &STANDARD.encode("call ******** now"));
    assert_eq!(out, wanted);
}

#[test]
fn what_is_put_into_arguments_without_escapes_is_written_as_json_where_they_are() {
    for (arguments, wanted) in [
        (r#"{"to": "Ann"}"#, r#"{"to": "Al\nBo"}"#),
        ("[\n\"Ann\"]", "[\n\"Al\\nBo\"]"),
        ("{say \"Ann\"", "{say \"Al\nBo\""),
        ("say \"Ann\"", "say \"Al\nBo\""),
    ] {
        let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let body = json!({"messages": [{"role": "assistant", "tool_calls": [call]}]}).to_string();
        let members = Members::scan(body.as_bytes()).unwrap();
        let passages = Passages::of_request(&members);
        let passage = passages.texts.iter().find(|passage| passage.text == arguments).unwrap();
        let mut edits = Edits::default();
        edits.say(passage, &passage.text.replace("Ann", "Al\nBo"));
        let anew: Value = serde_json::from_slice(&edits.apply(body.as_bytes())).unwrap();
        assert_eq!(anew["messages"][0]["tool_calls"][0]["function"]["arguments"], wanted);
    }
}

#[test]
fn what_repeats_the_text_is_known() {
    let body = json!({"choices": [{"message": {"content": "hi there"}, "logprobs": {"content": [{"token": "hi"}]}}]});
    let text = body.to_string();
    let passages = Passages::of_answer(text.as_bytes()).unwrap();
    check(&told(&passages), &[(Assistant, 1, "hi there")]);
    let mut edits = Edits::default();
    edits.blank(passages.echoes[0].clone());
    let out: Value = serde_json::from_slice(&edits.apply(text.as_bytes())).unwrap();
    assert_eq!(out["choices"][0]["logprobs"], Value::Null);
}

#[test]
fn every_text_of_the_corpus_can_be_said_anew() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut seen = 0;
    for folder in std::fs::read_dir(corpus).unwrap().flatten().filter(|e| e.path().is_dir()) {
        for case in std::fs::read_dir(folder.path()).unwrap().flatten() {
            for name in ["request.json", "reply.json"] {
                let Ok(body) = std::fs::read(case.path().join(name)) else { continue };
                let passages = Passages::of_answer(&body).unwrap();
                let mut edits = Edits::default();
                passages.texts.iter().for_each(|p| edits.say(p, &p.text));
                let anew: Value = serde_json::from_slice(&edits.apply(&body)).unwrap();
                assert_eq!(anew, serde_json::from_slice::<Value>(&body).unwrap(), "{:?}", case.path());
                seen += passages.texts.len();
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

proptest! {
    /// Whatever a member is called and wherever it stands, prose in it is read.
    #[test]
    fn prose_is_never_passed_by(names in proptest::collection::vec("[a-z_A-Z]{1,12}", 1..6), prose in "[a-z]{1,9}( [a-z]{1,9}){1,6}") {
        let value = names.iter().rev().fold(Value::from(prose.clone()), |inner, name| json!({name.as_str(): inner}));
        prop_assert!(request(&value).iter().any(|(_, _, text)| *text == prose));
    }

    #[test]
    fn no_frame_upsets_it(bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in "[a-z._]{0,12}") {
        let _ = Passages::of_frame(&kind, &bytes);
    }
}
