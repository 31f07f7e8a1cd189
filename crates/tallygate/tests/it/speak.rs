//! What callers of each dialect say and hear, written apart from the gateway's own code.

use crate::wire::{Answer, Call};
use aws_smithy_eventstream::frame::read_message_from;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tg_kernel::dialect::{Dialect, Family};

/// The dialects that ask for a chat.
pub(crate) const CHAT: [Dialect; 5] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::AnthropicMessages,
    Dialect::BedrockConverse,
    Dialect::BedrockInvoke,
];

/// Whether an answer is to be streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Plain,
    Streamed,
}

pub(crate) const MANNERS: [Manner; 2] = [Manner::Plain, Manner::Streamed];

/// Tries every dialect of chats, all at once: most of a test is waiting.
pub(crate) fn each_dialect(test: impl Fn(Dialect) + Sync) {
    std::thread::scope(|scope| {
        for dialect in CHAT {
            let test = &test;
            scope.spawn(move || test(dialect));
        }
    });
}

/// A chat request, without a key.
pub(crate) fn ask(dialect: Dialect, manner: Manner, model: &str, prompt: &str) -> Call {
    let stream = manner == Manner::Streamed;
    let messages = json!([{"role": "user", "content": prompt}]);
    let body = match dialect {
        Dialect::OpenaiChat if stream => {
            json!({"model": model, "messages": messages, "stream": true, "stream_options": {"include_usage": true}})
        }
        Dialect::OpenaiChat => json!({"model": model, "messages": messages}),
        Dialect::OpenaiResponses => json!({"model": model, "input": prompt, "stream": stream}),
        Dialect::AnthropicMessages => {
            json!({"model": model, "max_tokens": 1000, "messages": messages, "stream": stream})
        }
        Dialect::BedrockConverse => json!({"messages": [{"role": "user", "content": [{"text": prompt}]}]}),
        Dialect::BedrockInvoke => {
            json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1000, "messages": messages})
        }
        Dialect::OpenaiEmbeddings => json!({"model": model, "input": prompt}),
    };
    let call = Call::post(path(dialect, manner, model), body.to_string()).header("content-type", "application/json");
    if dialect == Dialect::AnthropicMessages { call.header("anthropic-version", "2023-06-01") } else { call }
}

pub(crate) fn path(dialect: Dialect, manner: Manner, model: &str) -> String {
    let verb = |plain, streamed| format!("/model/{model}/{}", if manner == Manner::Plain { plain } else { streamed });
    match dialect {
        Dialect::OpenaiChat => "/v1/chat/completions".to_owned(),
        Dialect::OpenaiResponses => "/v1/responses".to_owned(),
        Dialect::OpenaiEmbeddings => "/v1/embeddings".to_owned(),
        Dialect::AnthropicMessages => "/v1/messages".to_owned(),
        Dialect::BedrockConverse => verb("converse", "converse-stream"),
        Dialect::BedrockInvoke => verb("invoke", "invoke-with-response-stream"),
    }
}

/// What the simulated model says by default: the prompt, repeated up to so many tokens of four bytes.
pub(crate) fn echo(prompt: &str, tokens: usize) -> String {
    format!("echo: {prompt} ").chars().cycle().take(tokens * 4).collect()
}

/// What a caller understood of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) text: String,
    /// The dialect's own clean end came.
    pub(crate) ended: bool,
    /// The dialect's own error came: its type or exception.
    pub(crate) error: Option<String>,
    /// All input and all output tokens.
    pub(crate) usage: Option<(u64, u64)>,
}

/// Understands a whole answer (status 200).
pub(crate) fn hear(dialect: Dialect, manner: Manner, answer: &Answer) -> Heard {
    match manner {
        Manner::Plain => plain(dialect, &answer.json()),
        Manner::Streamed => streamed(dialect, &answer.body),
    }
}

fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn join(items: &Value, pointer: &str) -> String {
    items.as_array().into_iter().flatten().filter_map(|item| item.pointer(pointer)).map(words).collect()
}

fn plain(dialect: Dialect, body: &Value) -> Heard {
    let text = match dialect {
        Dialect::OpenaiChat => words(&body["choices"][0]["message"]["content"]),
        Dialect::OpenaiResponses => join(&body["output"], "/content/0/text"),
        Dialect::BedrockConverse => join(&body["output"]["message"]["content"], "/text"),
        _ => join(&body["content"], "/text"),
    };
    let ended = match dialect {
        Dialect::OpenaiChat => body["choices"][0]["finish_reason"] == "stop",
        Dialect::OpenaiResponses => body["status"] == "completed",
        Dialect::BedrockConverse => body["stopReason"] == "end_turn",
        _ => body["stop_reason"] == "end_turn",
    };
    Heard { text, ended, error: None, usage: usage(dialect, &body["usage"]) }
}

fn usage(dialect: Dialect, usage: &Value) -> Option<(u64, u64)> {
    let sum = |names: &[&str]| names.iter().map(|name| usage[name].as_u64().unwrap_or(0)).sum::<u64>();
    let (input, output) = match dialect {
        Dialect::OpenaiChat => (["prompt_tokens"].as_slice(), "completion_tokens"),
        Dialect::BedrockConverse => {
            (["inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"].as_slice(), "outputTokens")
        }
        _ => (["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"].as_slice(), "output_tokens"),
    };
    Some((sum(input), usage[output].as_u64()?))
}

/// The data of each server-sent event, with its name.
pub(crate) fn sse(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let field = |block: &str, name: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>().join("\n")
    };
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end + 2]);
    whole.split("\n\n").filter(|b| !b.is_empty()).map(|b| (field(b, "event"), field(b, "data"))).collect()
}

/// Each event-stream frame: message type, event or exception type, payload. Checked by the official implementation.
pub(crate) fn frames(mut body: &[u8]) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    while body.len() >= 4 {
        let length = u32::from_be_bytes(body[..4].try_into().unwrap()) as usize;
        if body.len() < length {
            break;
        }
        let message = read_message_from(&mut &body[..length]).unwrap();
        let header = |name: &str| {
            let found = message.headers().iter().find(|h| h.name().as_str() == name);
            found.map_or(String::new(), |h| h.value().as_string().unwrap().as_str().to_owned())
        };
        let kind = header(":message-type");
        let name = header(if kind == "exception" { ":exception-type" } else { ":event-type" });
        all.push((kind, name, serde_json::from_slice(message.payload()).unwrap_or_default()));
        body = &body[length..];
    }
    all
}

/// Understands the bytes of a stream, as far as they go.
pub(crate) fn streamed(dialect: Dialect, body: &[u8]) -> Heard {
    let mut heard = Heard::default();
    match dialect {
        Dialect::BedrockConverse | Dialect::BedrockInvoke => {
            for (kind, name, payload) in frames(body) {
                match (kind.as_str(), dialect) {
                    ("exception", _) => heard.error = Some(name),
                    (_, Dialect::BedrockConverse) => converse(&mut heard, &name, &payload),
                    _ => {
                        let inner = STANDARD.decode(words(&payload["bytes"])).unwrap();
                        messages(&mut heard, &serde_json::from_slice(&inner).unwrap());
                    }
                }
            }
        }
        _ => {
            for (name, data) in sse(body) {
                match dialect {
                    Dialect::OpenaiChat => chat(&mut heard, &data),
                    Dialect::OpenaiResponses => responses(&mut heard, &name, &data),
                    _ if data.is_empty() => {}
                    _ => messages(&mut heard, &serde_json::from_str(&data).unwrap()),
                }
            }
        }
    }
    heard
}

fn chat(heard: &mut Heard, data: &str) {
    if data == "[DONE]" {
        heard.ended = true;
        return;
    }
    let Ok(chunk) = serde_json::from_str::<Value>(data) else { return };
    if !chunk["error"].is_null() {
        heard.error = Some(words(&chunk["error"]["type"]));
    }
    heard.text += &words(&chunk["choices"][0]["delta"]["content"]);
    heard.usage = usage(Dialect::OpenaiChat, &chunk["usage"]).or(heard.usage);
}

fn responses(heard: &mut Heard, name: &str, data: &str) {
    let Ok(event) = serde_json::from_str::<Value>(data) else { return };
    match name {
        "response.output_text.delta" => heard.text += &words(&event["delta"]),
        "response.completed" => {
            heard.ended = true;
            heard.usage = usage(Dialect::OpenaiResponses, &event["response"]["usage"]);
        }
        "error" | "response.failed" => heard.error = Some(name.to_owned()),
        _ => {}
    }
}

fn messages(heard: &mut Heard, event: &Value) {
    match event["type"].as_str().unwrap_or_default() {
        "message_start" => heard.usage = usage(Dialect::AnthropicMessages, &event["message"]["usage"]),
        "content_block_delta" => heard.text += &words(&event["delta"]["text"]),
        "message_delta" => {
            let started = heard.usage.map_or(0, |(input, _)| input);
            if let Some((input, output)) = usage(Dialect::AnthropicMessages, &event["usage"]) {
                heard.usage = Some((input.max(started), output));
            }
        }
        "message_stop" => heard.ended = true,
        "error" => heard.error = Some(words(&event["error"]["type"])),
        _ => {}
    }
}

fn converse(heard: &mut Heard, name: &str, payload: &Value) {
    match name {
        "contentBlockDelta" => heard.text += &words(&payload["delta"]["text"]),
        "messageStop" => heard.ended = true,
        "metadata" => heard.usage = usage(Dialect::BedrockConverse, &payload["usage"]),
        _ => {}
    }
}

/// An error answer in the shape of its dialect: what stands where a program looks for the kind of error, and the text.
/// Panics where the shape is not that of the dialect.
pub(crate) fn error(dialect: Dialect, answer: &Answer) -> (String, String) {
    let body = answer.json();
    let must = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{dialect:?}: {body}")).to_owned();
    assert_eq!(answer.header("content-type"), "application/json", "{dialect:?}");
    assert!(!answer.header("x-tallygate-request-id").is_empty(), "{dialect:?}");
    match dialect.family() {
        Family::Openai => {
            let kind = body["error"]["code"].as_str().map_or_else(|| must(&body["error"]["type"]), str::to_owned);
            must(&body["error"]["type"]);
            assert!(body["error"].get("param").is_some(), "{body}");
            (kind, must(&body["error"]["message"]))
        }
        Family::Anthropic => {
            assert_eq!(body["type"], "error");
            (must(&body["error"]["type"]), must(&body["error"]["message"]))
        }
        Family::Bedrock => {
            let kind = answer.header("x-amzn-errortype").split(':').next().unwrap_or_default().to_owned();
            assert!(!kind.is_empty(), "{body}");
            (kind, must(&body["message"]))
        }
    }
}
