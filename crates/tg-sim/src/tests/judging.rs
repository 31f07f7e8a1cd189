//! Services that judge texts: what they take, and what they say of it.

use super::wire_client::{Bench, CONVERSE, saying, set};
use crate::{HOOK_SECRET, Personality};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sha2::Sha256;
use tg_kernel::clock::{Clock as _, SystemClock};

#[tokio::test]
async fn services_take_what_the_real_ones_take() {
    let bench = Bench::start();
    let text = |text: &str| json!({ "source": "INPUT", "content": [{ "text": { "text": text } }] });
    let checks = |wanted: Value| {
        json!({ "messages": [{ "role": "user", "content": [{ "text": "something forbidden" }] }],
            "checks": { "promptAttack": { "categories": [wanted] } } })
    };
    let (bedrock, openai) = (Personality::Bedrock, Personality::Openai);
    let (apply, invoke, moderate) = ("/guardrail/gr1/version/1/apply", "/guardrail-checks/invoke", "/v1/moderations");
    let guarded = |config: Value| set(saying(CONVERSE, "something forbidden"), "/guardrailConfig", config);
    for (personality, path, body, status, telling) in [
        (bedrock, apply, text("hi"), 200, r#""action":"NONE""#),
        (bedrock, apply, text("forbidden"), 200, r#""action":"BLOCKED""#),
        (bedrock, apply, text("say mask-me"), 200, r#""text":"say {EMAIL}""#),
        (bedrock, apply, set(text("hi"), "/source", json!("BOTH")), 400, "source"),
        (bedrock, invoke, checks(json!({ "category": "JAILBREAK" })), 200, r#""severityScore":0.9"#),
        (bedrock, invoke, checks(json!({ "name": "JAILBREAK" })), 400, "name"),
        (bedrock, invoke, checks(json!({ "category": "RUDE" })), 400, "RUDE"),
        (openai, moderate, json!({ "input": "forbidden" }), 200, r#""violence":true"#),
        (openai, moderate, json!({ "input": ["hi", "doubtful"] }), 200, r#""violence":0.4"#),
        (openai, moderate, json!({ "input": "hi", "stream": true }), 400, "stream"),
        (openai, moderate, json!({ "input": "hi", "model": "gpt-4.1" }), 400, "not allowed for moderation"),
        (bedrock, CONVERSE, guarded(json!({ "guardrailIdentifier": "gr1" })), 400, "guardrailVersion"),
        (
            bedrock,
            CONVERSE,
            guarded(json!({ "guardrailIdentifier": "gr1", "guardrailVersion": "1" })),
            200,
            "guardrail_intervened",
        ),
    ] {
        let answered = bench.send(personality, path, &body).await.expect("an answer");
        assert_eq!(answered.status, status, "{path} {body}: {}", answered.text());
        assert!(answered.text().contains(telling), "{path} {body}: {}", answered.text());
    }
}

/// A picture of a format, of so many pixels, and what an editor wrote into it.
fn picture(format: &str, side: u32, comment: &str) -> Vec<u8> {
    let head: &[u8] = match format {
        "png" => b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
        "jpeg" => b"\xff\xd8\xff\xe0",
        "webp" => b"RIFF",
        _ => b"GIF89a",
    };
    [head, &side.to_be_bytes(), &[0, 0, 0, 9], comment.as_bytes()].concat()
}

#[tokio::test]
async fn services_take_pictures_as_the_real_ones_do() {
    let bench = Bench::start();
    let (bedrock, openai) = (Personality::Bedrock, Personality::Openai);
    let (apply, moderate) = ("/guardrail/gr1/version/1/apply", "/v1/moderations");
    let block = |format: &str, bytes: &[u8]| json!({ "image": { "format": format, "source": { "bytes": STANDARD.encode(bytes) } } });
    let asked = |content: Vec<Value>| json!({ "source": "INPUT", "content": content });
    let applied = |format: &str, bytes: &[u8]| asked(vec![block(format, bytes)]);
    let part = |kind: &str, bytes: &[u8]| {
        let url = format!("data:image/{kind};base64,{}", STANDARD.encode(bytes));
        json!({ "type": "image_url", "image_url": { "url": url } })
    };
    let moderated = |parts: Vec<Value>| json!({ "input": parts });
    let (fine, bad) = (picture("png", 9, "a tree"), picture("png", 9, "forbidden"));
    let (large, wide) = (picture("png", 9, &"x".repeat(5 << 20)), picture("png", 8001, ""));
    let old = set(moderated(vec![part("png", &fine)]), "/model", json!("text-moderation-latest"));
    for (personality, path, body, status, telling) in [
        (bedrock, apply, applied("png", &fine), 200, r#""images":{"guarded":1,"total":1}"#),
        (bedrock, apply, applied("png", &bad), 200, r#""type":"VIOLENCE""#),
        (bedrock, apply, applied("jpeg", &picture("jpeg", 9, "forbidden")), 200, "GUARDRAIL_INTERVENED"),
        (
            bedrock,
            "/guardrail/textonly1/version/1/apply",
            applied("png", &bad),
            200,
            r#""images":{"guarded":0,"total":1}"#,
        ),
        (bedrock, apply, applied("webp", &picture("webp", 9, "")), 400, "format"),
        (bedrock, apply, applied("jpeg", &fine), 400, "Could not process image"),
        (bedrock, apply, applied("png", &large), 400, "larger than 4 MB"),
        (bedrock, apply, applied("png", &wide), 400, "8000x8000"),
        (bedrock, apply, asked(vec![block("png", &fine); 21]), 400, "too many images"),
        (bedrock, apply, set(applied("png", &fine), "/content/0/image/detail", json!("low")), 400, "detail"),
        (bedrock, apply, set(applied("png", &fine), "/content/0/image/source/bytes", json!("?")), 400, "base64"),
        (openai, moderate, moderated(vec![part("png", &fine)]), 200, r#""violence":["image"]"#),
        (openai, moderate, moderated(vec![part("png", &bad)]), 200, r#""violence":true"#),
        (
            openai,
            moderate,
            moderated(vec![json!({ "type": "text", "text": "hi" }), part("webp", &picture("webp", 9, ""))]),
            200,
            r#"["text","image"]"#,
        ),
        (openai, moderate, moderated(vec![part("png", &fine), part("png", &fine)]), 400, "Too many images"),
        (openai, moderate, moderated(vec![part("bmp", &fine)]), 400, "bmp"),
        (openai, moderate, moderated(vec![set(part("png", &fine), "/image_url/detail", json!("low"))]), 400, "detail"),
        (openai, moderate, old, 400, "does not support image"),
    ] {
        let answered = bench.send(personality, path, &body).await.expect("an answer");
        assert_eq!(answered.status, status, "{path} {telling}: {}", answered.text());
        assert!(answered.text().contains(telling), "{path} {telling}: {}", answered.text());
    }
}

#[tokio::test]
async fn the_webhook_judges_what_is_signed_and_nothing_else() {
    let bench = Bench::start();
    let client: Client<_, Full<bytes::Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let now = SystemClock::new().now().seconds();
    let signed = |secret: &str, at: i64, body: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
        mac.update(format!("{at}.{body}").as_bytes());
        format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
    };
    let body = |text: &str| json!({ "guard": "g", "way": "input", "text": text }).to_string();
    let strange = json!({ "guard": "g", "way": "input", "text": "hi", "more": 1 }).to_string();
    for (secret, at, sent, status, telling) in [
        (HOOK_SECRET, now, body("hi"), 200, "allow"),
        (HOOK_SECRET, now, body("forbidden"), 200, "block"),
        (HOOK_SECRET, now, body("say mask-me"), 200, "say [gone]"),
        (HOOK_SECRET, now, body("[[sim: status=503]]"), 503, "script"),
        (HOOK_SECRET, now - 3600, body("hi"), 401, "signature"),
        ("another", now, body("hi"), 401, "signature"),
        (HOOK_SECRET, now, strange, 400, "more"),
    ] {
        let request = http::Request::post(format!("{}/check", bench.sim.urls.hook))
            .header("x-tallygate-signature", signed(secret, at, &sent))
            .body(Full::from(sent.clone()))
            .expect("a request");
        let (head, answer) = client.request(request).await.expect("an answer").into_parts();
        let answer = String::from_utf8_lossy(&answer.collect().await.expect("a body").to_bytes()).into_owned();
        assert_eq!(head.status.as_u16(), status, "{sent}: {answer}");
        assert!(answer.contains(telling), "{sent}: {answer}");
    }
    assert_eq!(bench.sim.hook.asked().len(), 4);
}
