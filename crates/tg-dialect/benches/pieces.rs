//! What the pieces of a call take: `cargo bench --package tg-dialect`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use bytes::{Bytes, BytesMut};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use std::fmt::Write as _;
use tg_dialect::dialect::{ReplyFacts, RequestFacts};
use tg_dialect::dialects::{inbound, peek, upstream};
use tg_dialect::scan::Members;
use tg_dialect::splice::Splice;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Dialect;
use tg_kernel::event::Event;
use tg_kernel::ids::CallId;

/// Chunks of the streams.
const CHUNKS: usize = 100;

fn main() {
    divan::main();
}

/// A chat request of about so many bytes.
fn request(size: usize) -> Vec<u8> {
    let words = "You answer questions about networks, \\\"briefly\\\" and in plain words. ".repeat(size / 70);
    let body = format!(
        r#"{{"model":"gpt-5-mini","messages":[{{"role":"system","content":"{words}"}},{{"role":"user","content":"Why?"}}],"stream":true}}"#
    );
    body.into_bytes()
}

/// OpenAI's stream, one chunk of bytes for each event.
fn stream() -> Vec<Bytes> {
    let chunk = |choices: &str, usage: &str| {
        let head = r#""id":"chatcmpl-1","object":"chat.completion.chunk","created":1793500000,"model":"gpt-5-mini""#;
        Bytes::from(format!("data: {{{head},\"choices\":[{choices}],\"usage\":{usage}}}\n\n"))
    };
    let delta = |delta: &str, finish: &str| format!(r#"{{"index":0,"delta":{delta},"finish_reason":{finish}}}"#);
    let mut all = vec![chunk(&delta(r#"{"role":"assistant","content":""}"#, "null"), "null")];
    for number in 0..CHUNKS {
        let mut word = String::new();
        write!(word, r#"{{"content":" word{number}"}}"#).unwrap();
        all.push(chunk(&delta(&word, "null"), "null"));
    }
    all.push(chunk(&delta("{}", "\"stop\""), "null"));
    all.push(chunk("", r#"{"prompt_tokens":231,"completion_tokens":100,"total_tokens":331}"#));
    all.push(Bytes::from_static(b"data: [DONE]\n\n"));
    all
}

#[divan::bench(args = [1_000, 100_000])]
fn scan(bencher: Bencher<'_, '_>, size: usize) {
    let body = request(size);
    bencher.counter(BytesCount::new(body.len())).bench(|| Members::scan(black_box(&body)).unwrap().body().len());
}

#[divan::bench(args = [1_000, 100_000])]
fn scan_and_peek(bencher: Bencher<'_, '_>, size: usize) {
    let body = request(size);
    let facts = RequestFacts::default();
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let members = Members::scan(black_box(&body)).unwrap();
        peek(Dialect::OpenaiChat, &facts, &members).unwrap()
    });
}

#[divan::bench(args = [1_000, 100_000])]
fn splice(bencher: Bencher<'_, '_>, size: usize) {
    let body = request(size);
    let members = Members::scan(&body).unwrap();
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let changed = Splice::new(black_box(&members)).set("model", *br#""gpt-5""#);
        changed.set_in("stream_options", "include_usage", *b"true").unwrap().finish()
    });
}

#[divan::bench]
fn summary_of_an_answer(bencher: Bencher<'_, '_>) {
    let body = br#"{"id":"chatcmpl-1","object":"chat.completion","created":1793500000,"model":"gpt-5-mini","choices":[{
        "index":0,"message":{"role":"assistant","content":"A reverse proxy accepts requests on behalf of servers."},
        "finish_reason":"stop"}],"usage":{"prompt_tokens":231,"completion_tokens":27,"total_tokens":258}}"#;
    let dialect = upstream(Dialect::OpenaiChat);
    bencher.counter(BytesCount::new(body.len())).bench(|| dialect.read_summary(black_box(body)));
}

#[divan::bench]
fn tap(bencher: Bencher<'_, '_>) {
    let chunks = stream();
    bencher.counter(ItemsCount::new(chunks.len())).bench(|| {
        let mut tap = upstream(Dialect::OpenaiChat).tap(true);
        let mut out = Vec::new();
        for chunk in &chunks {
            tap.pass(chunk.clone(), &mut out);
            out.clear();
        }
        tap.close(&mut out);
        tap.summary().usage
    });
}

#[divan::bench(args = [Dialect::AnthropicMessages, Dialect::OpenaiResponses, Dialect::BedrockConverse])]
fn transcode_stream(bencher: Bencher<'_, '_>, to: Dialect) {
    let chunks = stream();
    let facts = ReplyFacts {
        id: CallId::fresh(),
        model: "gpt-5-mini".to_owned(),
        created: Timestamp::from_micros(1_795_000_000_000_000),
        include_usage: true,
    };
    bencher.counter(ItemsCount::new(chunks.len())).bench(|| {
        let mut decoder = upstream(Dialect::OpenaiChat).decoder();
        let mut encoder = inbound(to).encoder(facts.clone());
        let (mut events, mut out): (Vec<Event>, _) = (Vec::new(), BytesMut::new());
        for chunk in &chunks {
            decoder.decode(chunk, &mut events).unwrap();
            for event in events.drain(..) {
                encoder.encode(&event, &mut out);
            }
        }
        out.len()
    });
}

#[divan::bench(args = [Dialect::AnthropicMessages, Dialect::OpenaiResponses, Dialect::BedrockConverse])]
fn transcode_request(bencher: Bencher<'_, '_>, to: Dialect) {
    let body = request(1_000);
    let facts = RequestFacts::default();
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let request = inbound(Dialect::OpenaiChat).decode_request(&facts, black_box(&body)).unwrap();
        upstream(to).encode_request(&request, "a-model").unwrap().body.len()
    });
}
