//! What must hold for any bytes that callers and providers send. Each fuzz target calls one function of this file.
//!
//! `cargo +nightly fuzz run stream_openai_chat -- -max_total_time=60`; the corpus of `tg-dialect` makes good seeds. Those of `document`
//! are files that `cargo xtask fuzz` has libraries write.

mod document;

pub use document::{document, document_parts};

mod guarded;

pub use guarded::{gate, guard, passages};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use tg_dialect::dialect::{InboundDialect, ReplyFacts, RequestFacts, UpstreamDialect};
use tg_dialect::dialects::anthropic_messages::AnthropicMessages;
use tg_dialect::dialects::bedrock_converse::BedrockConverse;
use tg_dialect::dialects::bedrock_invoke::BedrockInvoke;
use tg_dialect::dialects::openai_chat::OpenaiChat;
use tg_dialect::dialects::openai_responses::OpenaiResponses;
use tg_dialect::framing::eventstream::{Frame, FrameDecoder};
use tg_dialect::framing::sse::{self, SseReader};
use tg_dialect::scan::Members;
use tg_dialect::splice::Splice;
use tg_kernel::clock::Timestamp;
use tg_kernel::event::{Event, PartKind};
use tg_kernel::ids::CallId;
use tg_kernel::secret::Secret;
use tg_policy::aws::{Authorization, Claim, Flaw, SignedRequest};
use tg_policy::iam::caller_identity::{encode, judge};
use tg_policy::iam::keys::keys_address;
use tg_policy::iam::{CallerIdentity, KeySet, Place, Presented, Trust, WebIdentity};

const INBOUND: [&dyn InboundDialect; 5] =
    [&OpenaiChat::OPENAI, &OpenaiResponses, &AnthropicMessages, &BedrockConverse, &BedrockInvoke];

const UPSTREAM: [&dyn UpstreamDialect; 5] =
    [&OpenaiChat::OPENAI, &OpenaiResponses, &AnthropicMessages, &BedrockConverse, &BedrockInvoke];

/// The first byte says how the rest is torn.
fn torn(data: &[u8]) -> Option<(&[u8], usize)> {
    let (first, rest) = data.split_first()?;
    Some((rest, usize::from(*first % 17) + 1))
}

/// Personal data: findings stand in order on whole characters, and do not overlap.
///
/// # Panics
/// When a promise is broken.
pub fn pii(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut found = Vec::new();
    tg_text::pii::Pii::all().find(&tg_text::view::View::of(&text), &mut found);
    let hidden = !tg_text::view::View::of(&text).hidden().is_empty();
    let mut end = 0;
    for finding in found {
        assert!(text.get(finding.span.range()).is_some());
        assert!(hidden || finding.span.start >= end);
        end = finding.span.end;
    }
}

/// Server-sent events.
///
/// # Panics
/// When a promise is broken.
pub fn sse(data: &[u8]) {
    let Some((data, size)) = torn(data) else { return };
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut reader, mut events) = (SseReader::new(), Vec::new());
        for piece in pieces {
            reader.push(piece);
            while let Ok(Some(event)) = reader.next_event() {
                events.push((event.event.map(str::to_owned), event.data.to_vec()));
            }
        }
        let last = reader.finish().map(|event| (event.event.map(str::to_owned), event.data.to_vec()));
        (events, last)
    };
    let whole = read(&mut std::iter::once(data));
    assert_eq!(read(&mut data.chunks(size)), whole);
    // What is written is read as it was, where lines end as they do everywhere today.
    let mut out = BytesMut::new();
    let events: Vec<_> = whole.0.into_iter().filter(|(_, data)| !data.contains(&b'\r')).collect();
    for (event, data) in &events {
        sse::write_event(event.as_deref(), data, &mut out);
    }
    assert_eq!(read(&mut std::iter::once(&out[..])).0, events);
}

/// AWS event-stream frames.
///
/// # Panics
/// When a promise is broken.
pub fn eventstream(data: &[u8]) {
    let Some((data, size)) = torn(data) else { return };
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut decoder, mut frames) = (FrameDecoder::new(), Vec::<Frame>::new());
        for piece in pieces {
            decoder.push(piece);
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(fault) => return (frames, Some(fault.code)),
                }
            }
        }
        (frames, None)
    };
    let whole = read(&mut std::iter::once(data));
    let pieces = read(&mut data.chunks(size));
    assert_eq!(format!("{pieces:?}"), format!("{whole:?}"));
}

/// The scanner and the splice.
///
/// # Panics
/// When a promise is broken.
pub fn scan_splice(data: &[u8]) {
    let parsed = serde_json::from_slice::<Value>(data).ok().filter(Value::is_object);
    let Ok(members) = Members::scan(data) else { return };
    // All that the scanner lets pass is JSON. It refuses more: doubles, depth, numbers out of range are serde_json's.
    let Some(Value::Object(parsed)) = parsed else { return check_number(data) };
    assert_eq!(members.names().collect::<Vec<_>>(), parsed.keys().map(String::as_str).collect::<Vec<_>>());
    for (name, raw) in members.iter() {
        assert_eq!(serde_json::from_slice::<Value>(raw).ok().as_ref(), parsed.get(name));
    }
    let untouched = Splice::new(&members).finish();
    assert_eq!(untouched, data);

    let spliced = Splice::new(&members).set("model", "\"m\"").remove("user").finish();
    let Ok(Value::Object(spliced)) = serde_json::from_slice::<Value>(&spliced) else { panic!("not JSON any more") };
    let mut expected = parsed;
    expected.shift_remove("user");
    expected.insert("model".into(), "m".into());
    assert_eq!(spliced.iter().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
}

/// Only a number too great for a float is JSON to the scanner and not to `serde_json`.
fn check_number(data: &[u8]) {
    let error = serde_json::from_slice::<Value>(data).unwrap_err().to_string();
    assert!(error.contains("number out of range"), "{error}");
}

/// A signed request: a first line of `Authorization`, then path, query and a header's value, one line each, then a body.
///
/// # Panics
/// When a promise is broken.
pub fn signature(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(5, '\n');
    let [authorization, path, query, value, body] = [(); 5].map(|()| lines.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("gateway.example"));
    headers.insert("x-amz-date", HeaderValue::from_static("20261124T030000Z"));
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert("x-amz-target", value);
    }
    let request = SignedRequest { method: "POST", path, query, authority: "", headers: &headers };
    canonical(request);
    if let Ok(read) = Authorization::parse(authorization) {
        let Authorization { access_key_id, day, region, service, terminator, signed_headers, signature } = read;
        let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        let again = format!(
            "AWS4-HMAC-SHA256 Credential={access_key_id}/{day}/{region}/{service}/{terminator}, \
             SignedHeaders={signed_headers}, Signature={signature}"
        );
        assert_eq!(Authorization::parse(&again), Ok(read));
    }
    let now = Timestamp::parse("2026-11-24T03:00:00Z").expect("a time");
    if let Ok(claim) = Claim::read(authorization, request, now) {
        // Nobody guesses a signature.
        assert_eq!(claim.check(&Secret::new("a secret that no input knows"), body.as_bytes()), Err(Flaw::Mismatch));
    }
}

/// A proof of an IAM identity as it is presented, as the URL within it, as the answer of STS, and as what an issuer tells.
///
/// # Panics
/// When a promise is broken.
pub fn identity_proof(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (base, issuer) = ("https://sts.us-east-1.amazonaws.com", "https://abc.tokens.sts.global.api.aws");
    let trust = Trust {
        web_identity: Some(WebIdentity { audience: "tallygate".to_owned(), issuers: vec![issuer.into()] }),
        caller_identity: Some(CallerIdentity {
            server_id: "tallygate.example".to_owned(),
            places: vec![Place { base: base.to_owned(), region: Some("us-east-1".to_owned()) }],
        }),
        ..Trust::default()
    };
    let now = Timestamp::parse("2026-11-24T03:00:00Z").expect("a time");
    let keys = KeySet::parse(data).unwrap_or_default();
    let wrapped = encode(&Secret::new(text));
    for presented in [text, wrapped.expose()] {
        if !Presented::is_one(presented) {
            continue;
        }
        match Presented::read(presented, &trust, now) {
            // Nothing is asked but STS, and of it nothing but who the caller is.
            Ok(Presented::Proof(proof)) => {
                let asked = proof.url().expose();
                assert!(asked.starts_with("https://sts.us-east-1.amazonaws.com/?"), "{asked}");
                let actions: Vec<&str> =
                    asked.split(['?', '&']).filter_map(|pair| pair.strip_prefix("Action=")).collect();
                assert_eq!(actions.len(), 1, "{asked}");
                assert_eq!(percent_decoded(actions[0].as_bytes()), b"GetCallerIdentity");
                assert!(asked.bytes().all(|byte| byte.is_ascii_graphic()), "{asked}");
                assert!(proof.ends_at() > now);
            }
            // Nobody guesses a signature.
            Ok(Presented::Token(token)) => assert!(token.verify(&keys).is_err()),
            Err(_) => {}
        }
    }
    if let Ok(who) = judge(200, data) {
        assert!(who.arn().starts_with("arn:") && who.account().len() == 12, "{who:?}");
    }
    if let Some(address) = keys_address(data, issuer) {
        assert!(address.starts_with("https://abc.tokens.sts.global.api.aws/"), "{address}");
    }
}

/// What any one request comes to has as many lines as it must, whatever path and query hold, and no two paths come to the
/// same.
fn canonical(request: SignedRequest<'_>) {
    let signed = "host;x-amz-date";
    let whole = request.canonical(signed, "hash").expect("both headers are there");
    let lines: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 8, "{:?}", String::from_utf8_lossy(&whole));
    assert_eq!(lines[7], b"hash");
    let decoded: Vec<u8> = percent_decoded(lines[1]);
    assert_eq!(decoded, request.path.as_bytes());
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let pair = [*high, *low];
                let hex = std::str::from_utf8(&pair).expect("hex digits");
                (u8::from_str_radix(hex, 16).expect("hex digits"), after)
            }
            _ => (*first, after),
        };
        out.push(byte);
        rest = after;
    }
    out
}

/// A caller's request: read, and written for every provider.
///
/// # Panics
/// When a promise is broken.
pub fn request(dialect: &dyn InboundDialect, data: &[u8]) {
    let facts = RequestFacts {
        path_model: Some("anthropic.claude-sonnet-4-6".into()),
        api_version: Some("2023-06-01".into()),
        ..RequestFacts::default()
    };
    // As in the gateway: nothing is decoded that the scanner has not passed.
    let Ok(members) = Members::scan(data) else { return };
    drop(dialect.peek(&facts, &members));
    let Ok(request) = dialect.decode_request(&facts, data) else { return };
    for upstream in UPSTREAM {
        if let Ok(encoded) = upstream.encode_request(&request, "anthropic.claude-sonnet-4-6") {
            assert!(Members::scan(&encoded.body).is_ok(), "{:?}", encoded.body);
            assert!(encoded.losses.is_sorted());
        }
    }
}

/// Events without the ids of calls, which a decoder makes at random where the provider gives none.
fn unmade(mut events: Vec<Event>) -> Vec<Event> {
    for event in &mut events {
        if let Event::PartStart { kind: PartKind::ToolUse { id, .. }, .. } = event {
            id.clear();
        }
    }
    events
}

/// A provider's streamed answer: read, relayed, and written for every caller.
///
/// # Panics
/// When a promise is broken.
pub fn stream(dialect: &dyn UpstreamDialect, data: &[u8]) {
    let Some((data, size)) = torn(data) else { return };
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut decoder, mut events) = (dialect.decoder(), Vec::new());
        for piece in pieces {
            if let Err(fault) = decoder.decode(piece, &mut events) {
                return (unmade(events), Some(fault.code));
            }
        }
        let end = decoder.finish(&mut events);
        (unmade(events), end.err().map(|fault| fault.code))
    };
    let (events, fault) = read(&mut std::iter::once(data));
    assert_eq!(read(&mut data.chunks(size)), (events.clone(), fault));
    assert!(events.iter().filter(|event| **event == Event::End).count() <= 1);

    let relay = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut tap, mut out) = (dialect.tap(false), Vec::new());
        pieces.for_each(|piece| tap.pass(Bytes::copy_from_slice(piece), &mut out));
        tap.close(&mut out);
        assert_eq!(out.concat(), data);
        tap.summary().clone()
    };
    assert_eq!(relay(&mut data.chunks(size)), relay(&mut std::iter::once(data)));
    let strip = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut tap, mut out) = (dialect.tap(true), Vec::new());
        pieces.for_each(|piece| tap.pass(Bytes::copy_from_slice(piece), &mut out));
        tap.close(&mut out);
        out.concat()
    };
    assert_eq!(strip(&mut data.chunks(size)), strip(&mut std::iter::once(data)));

    for inbound in INBOUND {
        let facts = ReplyFacts {
            id: CallId::from_bytes([1; 16]),
            model: "m".into(),
            created: Timestamp::from_seconds(0),
            include_usage: true,
        };
        let (mut encoder, mut out) = (inbound.encoder(facts), BytesMut::new());
        events.iter().for_each(|event| encoder.encode(event, &mut out));
    }
}

/// Trained scores: any text has scores from 0 to 1, and each span is a stretch of the text.
pub fn text_scores(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let view = tg_text::view::View::of(&text);
    let scores = tg_text::score::Scores::of(&view);
    for score in [scores.injection, scores.indirect].into_iter().chain(scores.harm) {
        assert!((0.0..=1.0).contains(&score.value), "{score:?}");
        assert!(text.get(score.span.range()).is_some(), "{score:?}");
    }
}

/// Credentials: findings are whole characters of the text, in order, and no two overlap where nothing was hidden.
///
/// # Panics
/// When a promise is broken.
pub fn text_secrets(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let secrets = tg_text::secrets::Secrets::all();
    let (mut open, mut all) = (Vec::new(), Vec::new());
    secrets.find(&tg_text::view::View::open_only(&text), &mut open);
    secrets.find(&tg_text::view::View::of(&text), &mut all);
    assert!(open.windows(2).all(|pair| matches!(pair, [a, b] if a.span.end <= b.span.start)), "{open:?}");
    for finding in all.iter().chain(&open) {
        assert!(text.get(finding.span.range()).is_some_and(|value| !value.is_empty()), "{finding:?}");
        assert!((0.0..=1.0).contains(&finding.score), "{finding:?}");
    }
}

/// The view: each place of each reading leads back to whole characters of the text.
///
/// # Panics
/// When a promise is broken.
pub fn text_view(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let view = tg_text::view::View::of(&text);
    for layer in [view.plain(), view.folded()] {
        for (at, c) in layer.text().char_indices() {
            let back = layer.origin(tg_text::span::Span::new(at, at + c.len_utf8()));
            assert!(!back.is_empty() && text.get(back.range()).is_some(), "{back:?}");
        }
    }
    assert!(view.hidden().len() <= tg_text::view::PIECES_MAX);
    for hidden in view.hidden() {
        assert!(text.get(hidden.origin.range()).is_some(), "{hidden:?}");
    }
}

/// Checks: spans are stretches of the text, and nothing of them is left.
///
/// # Panics
/// When a promise is broken.
pub fn text_checks(data: &[u8]) {
    use tg_text::redact::{Placeholders, Style, merged, redact};
    let text = String::from_utf8_lossy(data);
    static CHECKS: std::sync::LazyLock<tg_text::engine::Checks> =
        std::sync::LazyLock::new(tg_text::engine::Checks::built_in);
    let found = CHECKS.spans(&tg_text::view::View::of(&text));
    let out = redact(&text, &found, &|_| Style::Mask, &mut Placeholders::default(), None);
    let taken: usize = out.spans.iter().map(|span| span.len()).sum();
    assert_eq!(out.text.len(), text.len() - taken + 4 * out.spans.len());
    assert_eq!(out.spans.len(), merged(&found).len());
}
