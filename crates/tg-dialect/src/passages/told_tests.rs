//! What answers say, told apart from what they tell of themselves; and what of them no text can be read of.

use super::{MediumKind, Passages};
use crate::scan::Members;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tg_kernel::passage::Channel::{self, Assistant, Definition, Document, Metadata, Reasoning, System, ToolArguments};

fn told(passages: &Passages<'_>) -> Vec<(Channel, String)> {
    passages.texts.iter().map(|passage| (passage.channel, passage.text.to_string())).collect()
}

fn answer(body: &Value) -> Vec<(Channel, String)> {
    told(&Passages::of_answer(body.to_string().as_bytes()).unwrap())
}

fn of_assistant(found: &[(Channel, String)]) -> Vec<&str> {
    found.iter().filter(|(channel, _)| *channel == Assistant).map(|(_, text)| text.as_str()).collect()
}

/// An answer as OpenAI has it, with all of the request that it repeats.
fn of_responses() -> Value {
    json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5", "created_at": 1_700_000_000_u64,
        "instructions": "Be kind to all.", "previous_response_id": "resp_0", "truncation": "disabled",
        "prompt": {"id": "pmpt_1", "variables": {"who": "Ann the caller"}}, "billing": {"payer": "developer"},
        "reasoning": {"effort": "low", "summary": "auto"}, "prompt_cache_retention": "24h",
        "text": {"format": {"type": "json_schema", "name": "label", "schema": {"title": "A label."}}, "verbosity": "low"},
        "tool_choice": {"type": "function", "name": "find_it"},
        "tools": [{"type": "function", "name": "find_it", "description": "Finds it all.", "parameters": {"type": "object"}}],
        "incomplete_details": {"reason": "max_output_tokens"}, "metadata": {"who": "a caller"}, "user": "u 1",
        "usage": {"input_tokens": 3, "tier": "of old"}, "safety_identifier": "u 2",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Well."}]},
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "labels"}},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "{\"label\":\"a\"}", "annotations": [
                    {"type": "url_citation", "url": "https://example.com/x", "title": "On labels", "start_index": 1},
                ]},
            ]},
        ],
    })
}

#[test]
fn what_an_event_repeats_of_a_request_is_what_it_is_in_the_whole_answer() {
    let body = of_responses();
    let whole = answer(&body);
    for kind in ["response.created", "response.in_progress", "response.completed", "response.incomplete"] {
        let frame = json!({"type": kind, "sequence_number": 1, "response": body}).to_string();
        let frame = Passages::of_frame(kind, frame.as_bytes()).unwrap();
        assert_eq!(told(&frame), whole, "{kind}");
    }
    assert_eq!(of_assistant(&whole), ["{\"label\":\"a\"}"]);
    for (channel, text) in [
        (System, "Be kind to all."),
        (Definition, "label"),
        (Definition, "Finds it all."),
        (Metadata, "Ann the caller"),
        (Metadata, "auto"),
        (Metadata, "find_it"),
        (Metadata, "max_output_tokens"),
        (Reasoning, "Well."),
        (ToolArguments, "labels"),
        (Document, "On labels"),
    ] {
        assert!(whole.contains(&(channel, text.to_owned())), "{channel:?} {text}: {whole:?}");
    }
}

#[test]
fn what_answers_tell_of_themselves_is_read_and_is_not_what_they_say() {
    let filtered = json!({"hate": {"filtered": false, "severity": "safe"}});
    for body in [
        json!({"type": "message", "id": "msg_1", "role": "assistant", "stop_reason": "stop_sequence", "stop_sequence": "THE END",
               "content": [{"type": "text", "text": "{}"}], "container": {"id": "c", "expires_at": "2026-01-01T00:00:00Z"},
               "usage": {"input_tokens": 1, "inference_geo": "us"}}),
        json!({"id": "c", "provider": "OpenAI", "prompt_filter_results": [{"content_filter_results": filtered}], "choices": [
            {"index": 0, "finish_reason": "stop", "native_finish_reason": "completed", "content_filter_results": filtered,
             "message": {"role": "assistant", "content": "{}", "reasoning": "Well, then.", "annotations": [
                 {"type": "url_citation", "url_citation": {"title": "On it", "url": "https://example.com"}}]}}]}),
        json!({"completion": "{}", "stop_reason": "stop_sequence", "amazon-bedrock-guardrailAction": "NONE"}),
    ] {
        let found = answer(&body);
        assert_eq!(of_assistant(&found), ["{}"], "{body}");
        assert!(found.len() > 1, "{body}");
    }
    let delta = json!({"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "THE END"}});
    let delta = delta.to_string();
    let delta = Passages::of_frame("message_delta", delta.as_bytes()).unwrap();
    assert_eq!(told(&delta), [(Metadata, "THE END".to_owned())]);
    let cited = json!({"type": "char_location", "cited_text": "as it is written", "document_title": "On it"});
    let frame =
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": cited}});
    let frame = frame.to_string();
    let frame = told(&Passages::of_frame("content_block_delta", frame.as_bytes()).unwrap());
    assert!(frame.len() == 2 && frame.iter().all(|(channel, _)| *channel == Document), "{frame:?}");
    // A member of tomorrow is what the model says until it is known to be something else.
    assert_eq!(of_assistant(&answer(&json!({"choices": [{"message": {"tomorrow": "new words"}}]}))), ["new words"]);
}

#[test]
fn parts_of_a_whole_answer_of_chat_are_blocks_and_each_choice_has_its_own() {
    let part = |text: &str| json!({"type": "text", "text": text});
    let reference = json!({"type": "reference", "reference_ids": [1]});
    let call = json!([{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
    let choice = |content: Value| json!({"message": {"role": "assistant", "content": content, "tool_calls": call}});
    let body = json!({"choices": [
        choice(json!([part("AKIAQ3EGR"), reference, part("LZ5UPYW2KHD")])),
        choice(json!([part("one"), part("two")])),
        choice(json!("a string")),
    ]});
    let text = body.to_string();
    let passages = Passages::of_answer(text.as_bytes()).unwrap();
    let said = passages.texts.iter().filter(|passage| passage.channel == Assistant);
    let rows: Vec<(&str, Option<u32>)> = said.map(|passage| (&*passage.text, passage.row)).collect();
    assert_eq!(
        rows,
        [("AKIAQ3EGR", Some(1)), ("LZ5UPYW2KHD", Some(1)), ("one", Some(2)), ("two", Some(2)), ("a string", None)]
    );
    // Parts that grow are known by their place alone.
    let frame = json!({"choices": [{"index": 0, "delta": {"content": [part("AKIA")]}}]}).to_string();
    assert!(Passages::of_frame("", frame.as_bytes()).unwrap().texts.iter().all(|passage| passage.row.is_none()));
}

fn unread(body: &Value) -> Vec<MediumKind> {
    Passages::of_answer(body.to_string().as_bytes()).unwrap().unread().collect()
}

#[test]
fn pictures_and_sound_of_answers_are_known_and_words_and_addresses_are_none() {
    let bytes = STANDARD.encode([200_u8; 300]);
    let choice = |message: Value| json!({"choices": [{"index": 0, "message": message}]});
    let item = |item: Value| json!({"object": "response", "output": [item]});
    let picture = json!({"image_url": {"url": format!("data:image/png;base64,{bytes}")}});
    let page = json!({"type": "base64", "media_type": "application/pdf", "data": bytes});
    let fetched = json!({"type": "web_fetch_result", "content": {"type": "document", "source": page}});
    for (body, kind) in [
        (choice(json!({"audio": {"id": "audio_1", "data": bytes, "transcript": "hi"}})), MediumKind::Audio),
        (choice(json!({"images": [picture]})), MediumKind::Image),
        (item(json!({"type": "image_generation_call", "result": bytes})), MediumKind::Image),
        (json!({"images": [bytes], "error": null}), MediumKind::Image),
        (json!({"result": "success", "artifacts": [{"base64": bytes, "finishReason": "SUCCESS"}]}), MediumKind::Image),
        (json!({"content": [{"type": "web_fetch_tool_result", "content": fetched}]}), MediumKind::Document),
        (
            json!({"output": {"message": {"content": [{"image": {"format": "png", "source": {"bytes": bytes}}}]}}}),
            MediumKind::Image,
        ),
    ] {
        assert_eq!(unread(&body), [kind], "{body}");
    }
    for body in [
        of_responses(),
        choice(json!({"content": "hi", "source": "database", "result": "complete"})),
        choice(json!({"content": "hi", "images": [{"image_url": {"url": "https://example.com/a.png"}}]})),
        item(json!({"type": "reasoning", "encrypted_content": bytes, "summary": []})),
        json!({"content": [{"type": "thinking", "thinking": "hm", "signature": bytes}, {"type": "redacted_thinking", "data": bytes}]}),
        json!({"instructions": [{"role": "user", "content": [picture]}], "output": []}),
        json!({"embedding": [0.5], "inputTextTokenCount": 3}),
    ] {
        assert_eq!(unread(&body), [], "{body}");
    }
}

#[test]
fn sound_in_events_is_no_text() {
    let bytes = STANDARD.encode([200_u8; 300]);
    let frame = |kind: &str, body: Value| {
        let text = body.to_string();
        let found = Passages::of_frame(kind, text.as_bytes()).unwrap();
        (told(&found), found.unread().collect::<Vec<_>>())
    };
    let event = |kind: &str, delta: &str| json!({"type": kind, "sequence_number": 2, "delta": delta});
    for kind in ["response.audio.delta", "response.output_audio.delta"] {
        assert_eq!(frame(kind, event(kind, &bytes)), (Vec::new(), vec![MediumKind::Audio]));
        // What is no sound is read.
        let (texts, _) = frame(kind, event(kind, "words in its place"));
        assert_eq!(texts, [(Assistant, "words in its place".to_owned())]);
    }
    let kind = "response.audio.transcript.delta";
    assert_eq!(frame(kind, event(kind, "hello")), (vec![(Assistant, "hello".to_owned())], Vec::new()));
    let chunk = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
    let (_, media) = frame("", chunk(json!({"audio": {"data": bytes}})));
    assert_eq!(media, [MediumKind::Audio]);
    assert_eq!(
        frame("", chunk(json!({"audio": {"id": "audio_1", "transcript": "hello"}}))),
        (vec![(Assistant, "hello".to_owned())], Vec::new())
    );
    let kind = "response.image_generation_call.partial_image";
    let (texts, media) = frame(kind, json!({"type": kind, "partial_image_index": 0, "partial_image_b64": bytes}));
    assert_eq!((texts.len(), media), (0, vec![MediumKind::Image]));
}

#[test]
fn what_names_something_elsewhere_is_a_label_as_well() {
    let body = json!({
        "model": "m", "previous_response_id": "resp_1", "container": "ann.lee@example.com",
        "input": [{"role": "user", "content": [{"type": "input_file", "file_id": "AKIAQ3EGRLZ5UPYW2KHD"}]}],
        "tools": [{"type": "file_search", "vector_store_ids": ["vs-ann.lee@example.com"]}],
    });
    let text = body.to_string();
    let members = Members::scan(text.as_bytes()).unwrap();
    let passages = Passages::of_request(&members);
    assert!(passages.labels.iter().all(|label| label.channel == Metadata));
    let labels: Vec<&str> = passages.labels.iter().map(|label| &*label.text).collect();
    assert_eq!(labels, ["resp_1", "ann.lee@example.com", "AKIAQ3EGRLZ5UPYW2KHD", "vs-ann.lee@example.com"]);
    assert_eq!(passages.media.len(), 4);
}
