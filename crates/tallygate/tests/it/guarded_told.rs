//! Answers that tell of themselves: what providers repeat of a request and say beside the answer is not what the model says.

use crate::guarded::{EMAIL, SECRET, guarded, no_mail, no_secrets, rule};
use crate::recorder::Recorder;
use crate::speak::{MANNERS, Manner, ask};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World};
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::Verdict;
use tg_kernel::passage::Channel;
use tg_kernel::record::Ending;
use tg_policy::guard::{Action, Check, Set, Way};

const ORDERS: &str =
    "You are the assistant of a small bakery in Bremen and you answer questions on bread and rolls only.";

fn with(mut call: Call, change: impl FnOnce(&mut Value)) -> Call {
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    change(&mut body);
    call.body = body.to_string().into_bytes();
    call
}

#[test]
fn a_request_that_is_repeated_is_no_leak_of_the_system_text_and_one_that_the_model_repeats_is() {
    let world = guarded(vec![rule("orders", Check::SystemPrompt { words: 12 }, Action::Block)]);
    for manner in MANNERS {
        for model in ["on-openai", "on-anthropic", "on-bedrock"] {
            let asked = |prompt: &str| {
                let call = ask(Dialect::OpenaiResponses, manner, model, prompt);
                world.send(&with(call, |body| body["instructions"] = ORDERS.into()))
            };
            let place = format!("{manner:?} {model}");
            let answer = asked("hello");
            assert_eq!((answer.status, answer.clean), (200, true), "{place}: {}", answer.text());
            assert_eq!(answer.text().contains(ORDERS), model == "on-openai", "{place}: {}", answer.text());
            let row = world.row(&answer);
            assert_eq!(row.ending, Ending::Ok, "{place}: {}", answer.text());
            assert_eq!(row.guarded.unwrap().verdict, Verdict::Passed, "{place}");

            let answer = asked(&format!("{ORDERS} [[sim: tokens=60]]"));
            let row = world.row(&answer);
            assert_eq!(row.fault.as_deref(), Some("content_blocked"), "{place}: {}", answer.text());
            let hits = row.guarded.unwrap().hits;
            assert!(
                hits.iter().all(|hit| hit.channel == Channel::Assistant && &*hit.rule == "orders"),
                "{place}: {hits:?}"
            );
        }
    }
}

/// A provider for each of these answers, which is asked under its name.
pub(crate) fn answering(answers: &[(&str, Dialect, Recorder)], set: Set) -> World {
    answering_with(answers, set, "")
}

/// The same, with services that its rules may ask.
pub(crate) fn answering_with(answers: &[(&str, Dialect, Recorder)], set: Set, services: &str) -> World {
    let (mut providers, mut models) = (String::new(), String::new());
    for (name, dialect, Recorder { address, .. }) in answers {
        let (how, model) = match dialect {
            Dialect::OpenaiChat | Dialect::OpenaiResponses => {
                (format!("kind: openai, base_url: 'http://{address}/v1'"), "there")
            }
            Dialect::AnthropicMessages => (format!("kind: anthropic, base_url: 'http://{address}'"), "there"),
            _ => (format!("kind: bedrock, region: us-east-1, base_url: 'http://{address}'"), "amazon.nova-canvas-v1:0"),
        };
        providers += &format!("- {{ name: {name}, {how}, api_key: 'env:SIM_KEY' }}\n");
        models += &format!("- {{ name: {name}, targets: [{{ provider: {name}, model: '{model}' }}] }}\n");
    }
    let services = services.to_owned();
    World::with(Setup { providers, models, services, guards: vec![set], ..Setup::default() })
}

/// A provider that answers with this, whole.
pub(crate) fn whole(body: &Value) -> Recorder {
    Recorder::whole("application/json", "", body.to_string().as_bytes())
}

/// A provider that answers with these events.
pub(crate) fn events(events: &[(&str, Value)]) -> Recorder {
    let one = |(name, data): &(&str, Value)| {
        let event = if name.is_empty() { String::new() } else { format!("event: {name}\n") };
        format!("{event}data: {data}\n\n").into_bytes()
    };
    Recorder::chunked("text/event-stream", &events.iter().map(one).collect::<Vec<_>>())
}

/// A whole answer of OpenAI's Responses, with what it repeats of its request.
pub(crate) fn response(status: &str, output: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": status, "background": false, "error": null,
        "billing": {"payer": "developer"}, "incomplete_details": null, "instructions": null, "max_output_tokens": null,
        "model": "there", "output": output, "parallel_tool_calls": true, "previous_response_id": null,
        "prompt_cache_retention": "24h", "reasoning": {"effort": "low", "summary": "auto"}, "service_tier": "default",
        "store": true, "temperature": 1.0, "tool_choice": {"type": "function", "name": "find_it"}, "tools": [],
        "text": {"format": {"type": "json_schema", "name": "label", "schema": {"type": "object"}}, "verbosity": "medium"},
        "top_p": 1.0, "truncation": "disabled", "user": null, "metadata": {},
        "usage": {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 4,
                  "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7},
    })
}

/// Its events, where it is streamed and its last item says this.
fn streamed(text: &str, before: &[Value]) -> Vec<(&'static str, Value)> {
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let item = |status: &str, content: Value| json!({"type": "message", "id": "msg_1", "status": status, "role": "assistant", "content": content});
    let place = json!({"item_id": "msg_1", "output_index": before.len(), "content_index": 0});
    let (begin, end) = text.split_at(text.len() / 2);
    let all = [before, &[item("completed", json!([part(text)]))]].concat();
    let created = response("in_progress", &json!([]));
    let mut events = vec![
        ("response.created", json!({"response": created})),
        ("response.in_progress", json!({"response": created})),
        ("response.output_item.added", json!({"output_index": before.len(), "item": item("in_progress", json!([]))})),
        ("response.content_part.added", json!({"part": part("")})),
        ("response.output_text.delta", json!({"delta": begin, "logprobs": [], "obfuscation": "aB3"})),
        ("response.output_text.delta", json!({"delta": end, "logprobs": [], "obfuscation": "x"})),
        ("response.output_text.done", json!({"text": text, "logprobs": []})),
        ("response.content_part.done", json!({"part": part(text)})),
        ("response.output_item.done", json!({"output_index": before.len(), "item": all.last()})),
        ("response.completed", json!({"response": response("completed", &json!(all))})),
    ];
    for (number, (name, data)) in events.iter_mut().enumerate() {
        let data = data.as_object_mut().unwrap();
        data.insert("type".to_owned(), (*name).into());
        data.insert("sequence_number".to_owned(), number.into());
        if name.contains("output_text") || name.contains("content_part") {
            data.extend(place.as_object().unwrap().clone());
        }
    }
    events
}

/// A whole answer of Claude's, and its events, where it is streamed: it stopped at a word of the caller's.
fn of_claude(text: &str) -> (Value, Vec<(&'static str, Value)>) {
    let message = |content: Value, reason: Option<&str>| {
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "there", "content": content,
               "stop_reason": reason, "stop_sequence": reason.map(|_| "THE END"),
               "usage": {"input_tokens": 3, "output_tokens": 4, "inference_geo": "us"}})
    };
    let delta = json!({"stop_reason": "stop_sequence", "stop_sequence": "THE END"});
    let events = vec![
        ("message_start", json!({"message": message(json!([]), None)})),
        ("content_block_start", json!({"index": 0, "content_block": {"type": "text", "text": ""}})),
        ("content_block_delta", json!({"index": 0, "delta": {"type": "text_delta", "text": text}})),
        ("content_block_stop", json!({"index": 0})),
        ("message_delta", json!({"delta": delta, "usage": {"output_tokens": 4}})),
        ("message_stop", json!({})),
    ];
    let named = |(name, mut data): (&'static str, Value)| {
        data["type"] = name.into();
        (name, data)
    };
    let whole = message(json!([{"type": "text", "text": text}]), Some("stop_sequence"));
    (whole, events.into_iter().map(named).collect())
}

#[test]
fn the_shape_of_an_answer_is_that_of_what_the_model_says() {
    let schema = json!({"type": "object", "required": ["label"]});
    let shape = || rule("shape", Check::JsonSchema(schema.clone()), Action::Block);
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]});
    for (text, is_right) in [("{\"label\": \"good\"}", true), ("{\"name\": \"good\"}", false), ("good", false)] {
        let before = std::slice::from_ref(&thought);
        let of_openai = streamed(text, before);
        let (claude, of_claude) = of_claude(text);
        let (whole_of_openai, responses) = (&of_openai.last().unwrap().1["response"], Dialect::OpenaiResponses);
        let world = answering(
            &[
                ("responses", responses, whole(whole_of_openai)),
                ("responses-streamed", responses, events(&of_openai)),
                ("messages", Dialect::AnthropicMessages, whole(&claude)),
                ("messages-streamed", Dialect::AnthropicMessages, events(&of_claude)),
            ],
            crate::guarded::house(vec![shape()]),
        );
        for (dialect, name) in [(responses, "responses"), (Dialect::AnthropicMessages, "messages")] {
            for (manner, name) in [(Manner::Plain, name.to_owned()), (Manner::Streamed, format!("{name}-streamed"))] {
                let answer = world.send(&ask(dialect, manner, &name, "label it"));
                let row = world.row(&answer);
                let place = format!("{text} {name}: {}", answer.text());
                assert_eq!((answer.status, row.fault.is_none()), (200, is_right), "{place}");
                assert_eq!(answer.text().contains("good"), is_right, "{place}");
            }
        }
    }
}

#[test]
fn what_names_something_elsewhere_is_no_way_out() {
    let world = guarded(vec![no_secrets(), no_mail(Action::Block)]);
    for value in [SECRET, EMAIL] {
        let file = json!([{"role": "user", "content": [{"type": "input_file", "file_id": value}]}]);
        let of_chat = json!([{"role": "user", "content": [{"type": "file", "file": {"file_id": value}}]}]);
        let plain = |dialect, model| ask(dialect, Manner::Plain, model, "hello");
        let (responses, messages) = (Dialect::OpenaiResponses, Dialect::AnthropicMessages);
        for call in [
            with(plain(responses, "on-openai"), |body| body["input"] = file),
            with(plain(responses, "on-openai"), |body| body["previous_response_id"] = value.into()),
            with(plain(messages, "on-anthropic"), |body| body["container"] = value.into()),
            with(plain(Dialect::OpenaiChat, "on-openai"), |body| body["messages"] = of_chat),
        ] {
            let answer: Answer = world.send(&call);
            let row = world.row(&answer);
            let place = String::from_utf8_lossy(&call.body).into_owned();
            assert_eq!(row.fault.as_deref(), Some("content_blocked"), "{place}: {}", answer.text());
            let hit = &row.guarded.unwrap().hits[0];
            assert_eq!((hit.channel, hit.way.as_str()), (Channel::Metadata, Way::Input.as_str()), "{place}");
        }
    }
    assert!(world.sim.books.entries().is_empty());
}
