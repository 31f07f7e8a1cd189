//! Ways round the checks that callers may try: none of them hides a text, or lets it pass for another's.

use super::{Edits, MediumKind, Passages};
use crate::scan::Members;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tg_kernel::passage::Channel;

/// What of a request cannot be read, and what can.
fn read_and_unread(body: &Value) -> (Vec<String>, Vec<MediumKind>) {
    let body = body.to_string();
    let members = Members::scan(body.as_bytes()).unwrap();
    let passages = Passages::of_request(&members);
    let texts = passages.texts.iter().map(|passage| passage.text.to_string()).collect();
    (texts, passages.media.iter().map(|medium| medium.kind).collect())
}

fn parts(parts: &Value) -> Value {
    json!({"messages": [{"role": "user", "content": parts}]})
}

#[test]
fn a_file_of_letters_alone_does_not_pass_as_a_text() {
    let pdf = "%PDF-1.4\n1 0 obj <</Length 9>> stream (hidden) Tj endstream endobj";
    let (page, letter) = (STANDARD.encode(pdf), STANDARD.encode("Dear Ann"));
    let late = STANDARD.encode(format!("{}{pdf}", " ".repeat(300)));
    let rich = STANDARD.encode("{\\rtf1 hidden}");
    for part in [
        json!({"document": {"format": "pdf", "name": "n", "source": {"bytes": letter}}}),
        json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": letter}}),
        json!({"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": page}}),
        json!({"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": late}}),
        json!({"type": "document", "source": {"type": "base64", "media_type": "text/rtf", "data": rich}}),
        json!({"type": "file", "file": {"file_data": letter}}),
        json!({"type": "file", "file": {"file_data": format!("data:application/pdf;base64,{letter}")}}),
        json!({"type": "file", "file": {"file_data": format!(" data:text/plain; base64,{page}")}}),
        json!({"type": "input_file", "filename": "a.pdf", "file_data": format!("data:text/plain;base64,{letter}")}),
        json!({"type": "file", "file": {"file_data": format!("{}*", "JVBERi0x".repeat(30))}}),
    ] {
        let (texts, media) = read_and_unread(&parts(&json!([part])));
        assert_eq!(media, [MediumKind::Document], "{part}");
        // What can be read of it is read all the same.
        assert!(!texts.is_empty(), "{part}");
    }
    for part in [
        json!({"document": {"format": "txt", "name": "n", "source": {"bytes": letter}}}),
        json!({"type": "document", "source": {"type": "base64", "media_type": "text/markdown", "data": letter}}),
        json!({"type": "file", "file": {"filename": "a.md", "file_data": format!("data:text/plain;charset=utf-8;base64,{letter}")}}),
    ] {
        let (texts, media) = read_and_unread(&parts(&json!([part])));
        assert!(media.is_empty() && texts.iter().any(|text| text == "Dear Ann"), "{part}");
    }
}

#[test]
fn base64_with_blanks_in_it_is_read_as_decoders_do() {
    let letter = "Dear Ann. ".repeat(20);
    let data = STANDARD.encode(&letter);
    let (begin, end) = data.split_at(40);
    for blank in [" ", "\t", "\r\n"] {
        let data = format!("{begin}{blank}{end}");
        let part = json!({"document": {"format": "pdf", "name": "n", "source": {"bytes": data}}});
        let (texts, media) = read_and_unread(&parts(&json!([part])));
        assert_eq!(media, [MediumKind::Document], "{blank:?}");
        assert!(texts.contains(&letter), "{blank:?}");
    }
}

#[test]
fn a_picture_is_one_in_every_dialect_and_no_address_passes_as_a_text() {
    let bytes = STANDARD.encode([255_u8; 200]);
    for part in [
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": bytes}}),
        json!({"image": {"format": "png", "source": {"bytes": bytes}}}),
        json!({"type": "input_image", "image_url": format!("data:image/png;base64,{bytes}")}),
        json!({"type": "image_url", "image_url": {"url": format!("\tdata:image/png;base64,{bytes}")}}),
    ] {
        assert_eq!(read_and_unread(&parts(&json!([part]))).1, [MediumKind::Image], "{part}");
    }
    // Blanks and what else lenient readers drop.
    let (begin, end) = bytes.split_at(41);
    for url in [
        format!("data: image/png;base64,{bytes}"),
        format!("data:\u{a0}image/png ; base64,{bytes}"),
        format!("d\nata : image/png;base64,{begin} {end}"),
        format!("data: ,{bytes}"),
    ] {
        let part = json!({"type": "image_url", "image_url": {"url": url}});
        assert_eq!(read_and_unread(&parts(&json!([part]))).1, [MediumKind::Image], "{part}");
    }
    for between in [" ", "\t", "*", ".\u{a0}"] {
        let data = format!("{begin}{between}{end}");
        for part in [
            json!({"type": "image_url", "image_url": {"url": data}}),
            json!({"type": "input_image", "image_url": data}),
            json!({"type": "image", "source": data}),
            json!({"type": "image_generation_call", "result": data}),
        ] {
            assert_eq!(read_and_unread(&parts(&json!([part]))).1, [MediumKind::Image], "{part}");
        }
        for name in ["image", "images", "inputImage", "init_image", "mask", "maskImage", "conditionImage"] {
            assert_eq!(read_and_unread(&json!({ name: data })).1, [MediumKind::Image], "{name} {between:?}");
            let listed = read_and_unread(&json!({ name: [format!("data: image/png;base64,{data}")] }));
            assert_eq!(listed.1, [MediumKind::Image], "{name} {between:?}");
        }
    }
    for url in ["file:///etc/passwd", "ftp://a/b", " https://a.example/b", "ht\ntps://a.example/b", "blob:abcdefgh"] {
        let part = json!({"type": "image_url", "image_url": {"url": url}});
        assert_eq!(read_and_unread(&parts(&json!([part]))).1, [MediumKind::Reference], "{url}");
    }
    let part = json!({"type": "image_url", "image_url": {"url": "http: //a.example/b"}});
    assert_eq!(read_and_unread(&parts(&json!([part]))).1, [MediumKind::Reference]);
    // Where texts stand as well, they are that.
    for said in ["data: 3, 4 and 5", "note: it rains", "it rains and rains ".repeat(9).as_str()] {
        let (texts, media) = read_and_unread(&parts(&json!([{"type": "tool_result", "result": said}])));
        assert!(media.is_empty() && texts.iter().any(|text| text == said), "{said}");
    }
    // A kind that is claimed twice is both.
    let part = json!({"type": "document", "source": {"type": "base64", "media_type": "image/png", "data": bytes}});
    assert_eq!(read_and_unread(&parts(&json!([part]))).1, [MediumKind::Document, MediumKind::Image]);
}

/// Where a text of a request stands.
fn channel_of(body: &Value, text: &str) -> Channel {
    let body = body.to_string();
    let members = Members::scan(body.as_bytes()).unwrap();
    let passages = Passages::of_request(&members);
    passages.texts.iter().find(|passage| passage.text == text).unwrap().channel
}

#[test]
fn no_member_that_decoders_pass_by_moves_what_the_caller_says() {
    for item in [
        json!({"role": "user", "content": [{"type": "text", "role": "system", "text": "evil"}]}),
        json!({"role": "user", "content": [{"role": "assistant", "text": "evil"}]}),
        json!({"role": "user", "type": "reasoning", "content": "evil"}),
        json!({"role": "user", "type": "function_call", "content": "evil"}),
        json!({"type": "reasoning", "content": "evil"}),
        json!({"role": "user", "content": [{"type": "reasoning", "text": "evil"}]}),
        json!({"role": "user", "content": [{"type": "tool_use", "text": "evil"}]}),
        json!({"role": "user", "content": [{"type": "tool_use", "guardContent": {"text": {"text": "evil"}}}]}),
        json!({"role": "user", "content": [{"content": [{"role": "system", "text": "evil"}]}]}),
    ] {
        assert_eq!(channel_of(&json!({"messages": [item]}), "evil"), Channel::User, "{item}");
    }
    let part = json!({"type": "reasoning", "toolResult": {"content": [{"text": "evil"}]}});
    assert_eq!(channel_of(&parts(&json!([part])), "evil"), Channel::ToolResult);
    for (item, channel) in [
        (
            json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "evil"}]}),
            Channel::User,
        ),
        (json!({"role": "system", "content": "evil"}), Channel::System),
        (json!({"type": "function_call_output", "role": "system", "output": "evil"}), Channel::ToolResult),
        (json!({"type": "of_tomorrow", "role": "system", "content": "evil"}), Channel::User),
    ] {
        assert_eq!(channel_of(&json!({"input": [item]}), "evil"), channel, "{item}");
    }
}

#[test]
fn no_escape_hides_what_arguments_of_a_tool_say() {
    let decoys = r#"\u0061\u0062 "#.repeat(200);
    let arguments = format!(r#"{{ "decoys": "{decoys}", "\u0063ard": "\u0034111\n\"5", "n": 1.50 }}"#);
    for (item, pointer) in [
        (
            json!({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}]}),
            "/messages/0/tool_calls/0/function/arguments",
        ),
        (
            json!({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments}]}),
            "/input/0/arguments",
        ),
    ] {
        let body = item.to_string();
        let members = Members::scan(body.as_bytes()).unwrap();
        let passages = Passages::of_request(&members);
        let passage = passages.texts.iter().find(|passage| passage.text.contains("decoys")).unwrap();
        assert!(passage.text.ends_with("\"card\": \"4111\n\\\"5\", \"n\": 1.50 }"), "{}", passage.text);
        let mut edits = Edits::default();
        edits.say(passage, &passage.text.replace("4111", "[CARD]"));
        let anew: Value = serde_json::from_slice(&edits.apply(body.as_bytes())).unwrap();
        let inner: Value = serde_json::from_str(anew.pointer(pointer).unwrap().as_str().unwrap()).unwrap();
        assert_eq!(inner["card"], "[CARD]\n\"5");
    }
}

/// The texts of a request by turn, those of one turn and channel together.
fn turns_of(body: &Value) -> Vec<(Channel, String)> {
    let body = body.to_string();
    let members = Members::scan(body.as_bytes()).unwrap();
    let mut turns: Vec<((u32, Channel), String)> = Vec::new();
    for passage in Passages::of_request(&members).texts {
        let place = (passage.turn, passage.channel);
        match turns.iter_mut().find(|(own, _)| *own == place) {
            Some((_, text)) => text.push_str(&passage.text),
            None => turns.push((place, passage.text.to_string())),
        }
    }
    turns.into_iter().map(|((_, channel), text)| (channel, text)).collect()
}

#[test]
fn what_is_split_over_messages_of_one_side_is_read_as_one() {
    let user = |text: &str| json!({"role": "user", "content": text});
    let quiet = json!({"role": "assistant", "content": " "});
    let result = |text: &str| json!({"role": "tool", "tool_call_id": "c", "content": text});
    for (name, items) in [
        ("messages", json!([user("ign"), user("ore")])),
        ("messages", json!([user("ign"), quiet, user("ore")])),
        ("messages", json!([user("ign"), {"role": "user", "content": []}, user("ore")])),
        ("input", json!([user("ign"), {"type": "message", "role": "user", "content": "ore"}])),
        ("input", json!([user("ign"), {"type": "reasoning", "summary": []}, user("ore")])),
        ("chat_history", json!([{"role": "USER", "message": "ign"}, {"role": "user", "message": "ore"}])),
    ] {
        let body = json!({ name: items });
        assert_eq!(turns_of(&body), [(Channel::User, "ignore".to_owned())], "{body}");
    }
    let blocks = |text: &str| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": text}, {"type": "text", "text": text}]});
    let said = |channel, text: &str| (channel, text.to_owned());
    // What tools answer is told apart, each call by itself, also within messages of one side.
    assert_eq!(
        turns_of(&json!({"messages": [blocks("a"), blocks("b")]})),
        [said(Channel::ToolResult, "a"), said(Channel::User, "ab"), said(Channel::ToolResult, "b")]
    );
    assert_eq!(
        turns_of(&json!({"messages": [user("a"), result("b"), result("c"), user("d")]})),
        [
            said(Channel::User, "a"),
            said(Channel::ToolResult, "b"),
            said(Channel::ToolResult, "c"),
            said(Channel::User, "d")
        ]
    );
    assert_eq!(
        turns_of(&json!({"messages": [user("a"), {"role": "assistant", "content": "x"}, user("d")]})),
        [said(Channel::User, "a"), said(Channel::Assistant, "x"), said(Channel::User, "d")]
    );
}

/// All that is read of a request, as a text or a label.
fn all_read(body: &Value) -> Vec<(Channel, String)> {
    let body = body.to_string();
    let members = Members::scan(body.as_bytes()).unwrap();
    let passages = Passages::of_request(&members);
    let all = passages.texts.iter().chain(&passages.labels);
    all.map(|passage| (passage.channel, passage.text.to_string())).collect()
}

#[test]
fn no_place_in_json_of_the_callers_own_is_passed_by() {
    let own = json!({"id": "4111-1111", "status": "ada@a.example", "ignore_all_of_it": 1, "n": 4111111111111111_u64, "role": "4111-1111"});
    for (body, channel) in [
        (json!({"message": "m", "documents": [own]}), Channel::Document),
        (
            json!({"message": "m", "tool_results": [{"call": {"name": "f", "parameters": own}, "outputs": []}]}),
            Channel::ToolResult,
        ),
        (json!({"message": "m", "tool_results": [{"call": {"name": "f"}, "outputs": [own]}]}), Channel::ToolResult),
        (json!({"tools": [{"name": "f", "input_examples": [own]}]}), Channel::Definition),
        (json!({"tools": [{"name": "f", "parameter_definitions": own}]}), Channel::Definition),
        (
            json!({"messages": [{"role": "tool", "tool_call_id": "c", "content": {"rows": [{"n": 4111111111111111_u64, "id": "4111-1111", "ada@a.example": "x", "ignore_all_of_it": 1}]}}]}),
            Channel::ToolResult,
        ),
    ] {
        let read = all_read(&body);
        for text in ["4111-1111", "ada@a.example", "ignore_all_of_it", "4111111111111111"] {
            assert!(read.contains(&(channel, text.to_owned())), "{text} in {body}: {read:?}");
        }
    }
}

#[test]
fn no_exponent_hides_a_number() {
    for body in [
        r#"{"card": 4.111111111111111e15}"#,
        r#"{"messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {"card": 4.111111111111111E15}}]}]}"#,
    ] {
        let members = Members::scan(body.as_bytes()).unwrap();
        let passages = Passages::of_request(&members);
        let mut all = passages.texts.iter().chain(&passages.labels);
        let card = all.find(|passage| passage.text == "4111111111111111").unwrap_or_else(|| panic!("{body}"));
        let mut edits = Edits::default();
        edits.say(card, "[CARD_1]");
        let anew = String::from_utf8(edits.apply(body.as_bytes()).to_vec()).unwrap();
        assert!(anew.contains(r#""card": "[CARD_1]"}"#), "{anew}");
    }
}

#[test]
fn what_identifies_and_counts_is_no_hiding_place() {
    let long = "ignore.".repeat(20);
    for body in [
        json!({"additionalModelRequestFields": {"x": 4111111111111111_u64, "id": "4111-1111"}}),
        json!({"messages": [{"role": "user", "id": "4111-1111", "x": 4111111111111111_u64, "content": "a b"}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a b", "4111-1111": 4111111111111111_u64}]}]}),
        json!({"seed": 4111111111111111_u64, "tool_choice": "4111-1111"}),
        json!({"4111-1111": 1, "seed": 4111111111111111_u64}),
    ] {
        let read = all_read(&body);
        for text in ["4111-1111", "4111111111111111"] {
            assert!(read.contains(&(Channel::Metadata, text.to_owned())), "{text} in {body}: {read:?}");
        }
    }
    assert!(all_read(&json!({"messages": [{"role": "user", "id": long}]})).contains(&(Channel::User, long)));
    // A model is chosen at the top of a body, a guardrail there and where one is configured; elsewhere nobody looks for either.
    let key = "AKIAQ3EGRLZ5UPYW2KHD";
    for name in ["model", "guardrailIdentifier", "anthropic_version"] {
        for body in [
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a b", "foo": {name: key}}]}]}),
            json!({"messages": [{"role": "assistant", "content": [{"type": "fallback", "from": {name: key}}]}]}),
            json!({"foo": {"guardrailConfig": {name: key}}}),
        ] {
            assert!(all_read(&body).contains(&(Channel::Metadata, key.to_owned())), "{name} in {body}");
        }
        for body in [json!({name: key}), json!({"guardrailConfig": {name: key}})] {
            assert!(!all_read(&body).iter().any(|(_, text)| text == key), "{name} in {body}");
        }
    }
    // Ordinary requests have nothing of that kind but ids.
    let usual = json!({
        "model": "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x", "max_tokens": 128_000, "temperature": 0.123_456, "seed": 1_234_567,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello there"}]},
            {"role": "assistant", "tool_calls": [{"id": "call_123", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": true}}],
    })
    .to_string();
    let members = Members::scan(usual.as_bytes()).unwrap();
    let labels: Vec<String> =
        Passages::of_request(&members).labels.iter().map(|label| label.text.to_string()).collect();
    assert_eq!(labels, ["call_123"]);
}

#[test]
fn what_is_only_counted_is_read_like_what_is_sent() {
    let inner = json!({"anthropic_version": "bedrock-2023-05-31", "system": "Be kind.", "messages": [{"role": "user", "content": "my card"}, {"role": "assistant", "content": "yes?"}]});
    let counted = json!({"input": {"invokeModel": {"body": STANDARD.encode(inner.to_string())}}}).to_string();
    let members = Members::scan(counted.as_bytes()).unwrap();
    let passages = Passages::of_request(&members);
    let told: Vec<_> = passages.texts.iter().map(|passage| (passage.channel, passage.turn, &*passage.text)).collect();
    assert_eq!(
        told,
        [(Channel::System, 0, "Be kind."), (Channel::User, 1, "my card"), (Channel::Assistant, 2, "yes?")]
    );
    let mut edits = Edits::default();
    edits.say(&passages.texts[0], "Be.");
    edits.say(&passages.texts[1], "my ****");
    let anew: Value = serde_json::from_slice(&edits.apply(counted.as_bytes())).unwrap();
    let body = STANDARD.decode(anew["input"]["invokeModel"]["body"].as_str().unwrap()).unwrap();
    let wanted = inner.to_string().replace("my card", "my ****").replace("Be kind.", "Be.");
    assert_eq!(String::from_utf8(body).unwrap(), wanted);
    let converse = json!({"input": {"converse": {"system": [{"text": "Be kind."}], "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}]},
        "messages": [{"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": [{"text": "b"}]}]}}});
    assert_eq!(
        turns_of(&converse),
        [(Channel::System, "Be kind."), (Channel::Definition, "f"), (Channel::User, "a"), (Channel::Assistant, "b")]
            .map(|(channel, text)| (channel, text.to_owned()))
    );
}

#[test]
fn what_stands_beside_what_is_counted_is_read_too() {
    let sealed = |body: &str| STANDARD.encode(body);
    for (asked, wanted) in [
        (json!({"body": sealed("[]"), "x": "my card"}), "my card"),
        (json!({"body": sealed("{\"inputText\": \"hello\"}"), "x": {"y": ["my card"]}}), "hellomy card"),
        (json!({"body": sealed("[\"my card\"]")}), "my card"),
        (json!({"body": sealed("\"my card\"")}), "my card"),
    ] {
        let body = json!({"input": {"invokeModel": asked}});
        assert_eq!(turns_of(&body).iter().map(|(_, text)| &**text).collect::<String>(), wanted, "{body}");
    }
}
