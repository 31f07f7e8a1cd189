//! Services that judge texts: what they take, and what they say of it.

use super::wire_client::{Bench, CONVERSE, saying, set};
use crate::{HOOK_SECRET, Personality};
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
