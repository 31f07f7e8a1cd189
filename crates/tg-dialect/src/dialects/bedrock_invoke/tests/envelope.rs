//! Envelopes: InvokeModel bodies and Anthropic Messages bodies.

use super::{CLAUDE, path};
use crate::dialect::{InboundDialect, RequestFacts, UpstreamDialect};
use crate::dialects::bedrock_converse::ModelFamily;
use crate::dialects::bedrock_invoke::{BedrockInvoke, family, fit_version, invoke_to_messages, messages_to_invoke};
use crate::scan::Members;
use serde_json::{Value, json};
use tg_kernel::chat::{ChatRequest, Part, Role, Turn};
use tg_kernel::fault::Class;

fn scan(body: &str) -> Members<'_> {
    Members::scan(body.as_bytes()).unwrap()
}

#[test]
fn an_invoke_body_becomes_a_messages_body_byte_for_byte() {
    let body = r#"{"anthropic_version":"bedrock-2023-05-31", "max_tokens" : 5,"anthropic_beta":["a","b"],"new_field":{"x": 1.0e2}}"#;
    let request = invoke_to_messages(&scan(body), "claude-x", true).unwrap();
    assert_eq!(request.body, r#"{"max_tokens" : 5,"new_field":{"x": 1.0e2},"model":"claude-x","stream":true}"#);
    assert_eq!((request.version, request.betas), ("2023-06-01", vec!["a".to_owned(), "b".to_owned()]));
    let newer = invoke_to_messages(&scan(r#"{"anthropic_version":"2026-10-21","stream":true}"#), "c", false).unwrap();
    assert_eq!((newer.body.as_ref(), newer.version), (&br#"{"model":"c"}"#[..], "2026-10-21"));
    let fault = invoke_to_messages(&scan(r#"{"anthropic_beta":"a"}"#), "c", false).unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("anthropic_beta"));
}

#[test]
fn a_messages_body_becomes_an_invoke_body_byte_for_byte() {
    let body = r#"{"model":"claude", "max_tokens" : 5,"stream":true,"new_field":{"x": 1.0e2}}"#;
    let betas =
        ["context-1m-2025-08-07", "advanced-tool-use-2025-11-20", "files-api-2025-04-14"].map(ToOwned::to_owned);
    let encoded = messages_to_invoke(&scan(body), CLAUDE, Some("2023-06-01"), &betas);
    assert_eq!(
        encoded.body,
        r#"{"max_tokens" : 5,"new_field":{"x": 1.0e2},"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["context-1m-2025-08-07","tool-search-tool-2025-10-19"]}"#
    );
    assert_eq!(
        encoded.losses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["anthropic-beta.files-api-2025-04-14"]
    );
}

#[test]
fn only_newer_models_get_the_newer_version() {
    for (model, asked, sent) in [
        ("anthropic.claude-opus-4-7", "2026-10-21", "2026-10-21"),
        ("anthropic.claude-opus-4-7", "2023-06-01", "bedrock-2023-05-31"),
        (CLAUDE, "2026-10-21", "bedrock-2023-05-31"),
        ("arn:aws:bedrock:eu-west-1:1:application-inference-profile/x", "2026-10-21", "bedrock-2023-05-31"),
    ] {
        let encoded = messages_to_invoke(&scan("{}"), model, Some(asked), &[]);
        assert_eq!(encoded.body, format!(r#"{{"anthropic_version":"{sent}"}}"#), "{model} {asked}");
    }
    let body = r#"{"anthropic_version":"2026-10-21","x":1}"#;
    assert_eq!(fit_version(&scan(body), CLAUDE).unwrap(), r#"{"anthropic_version":"bedrock-2023-05-31","x":1}"#);
    assert_eq!(fit_version(&scan(body), "anthropic.claude-opus-5"), None);
    assert_eq!(fit_version(&scan(r#"{"anthropic_version":"bedrock-2023-05-31"}"#), CLAUDE), None);
    assert_eq!(fit_version(&scan("{}"), CLAUDE), None);
}

#[test]
fn a_body_tells_its_family_where_the_id_does_not() {
    let claude = scan(r#"{"anthropic_version":"x"}"#);
    assert_eq!(family("our-alias", &claude), ModelFamily::Claude);
    assert_eq!(family("our-alias", &scan("{}")), ModelFamily::Other);
    assert_eq!(family("amazon.nova-pro-v1:0", &scan("{}")), ModelFamily::Nova);
}

#[test]
fn claude_bodies_are_decoded() {
    let body = json!({
        "anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["context-1m-2025-08-07"], "max_tokens": 5,
        "temperature": 1.0, "messages": [{"role": "user", "content": "hi"}]
    });
    let facts = RequestFacts { path_stream: true, ..path("our-alias") };
    let request = BedrockInvoke.decode_request(&facts, body.to_string().as_bytes()).unwrap();
    assert_eq!((request.model.as_str(), request.delivery.stream), ("our-alias", true));
    assert_eq!(request.extra, [("anthropic-beta".to_owned(), json!(["context-1m-2025-08-07"]))]);

    let mut newer = body;
    newer["anthropic_version"] = "2026-10-21".into();
    let fault = BedrockInvoke.decode_request(&facts, newer.to_string().as_bytes()).unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("temperature"));

    let nova = br#"{"messages":[],"inferenceConfig":{}}"#;
    let fault = BedrockInvoke.decode_request(&path("amazon.nova-pro-v1:0"), nova).unwrap_err();
    assert_eq!(fault.class, Class::Unsupported);
}

#[test]
fn claude_bodies_are_written() {
    let turns = vec![Turn { role: Role::User, parts: vec![Part::text("hi")] }];
    let mut request = ChatRequest { turns, ..ChatRequest::default() };
    request.delivery.stream = true;
    let encoded = BedrockInvoke.encode_request(&request, CLAUDE).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let messages = json!([{"role": "user", "content": "hi"}]);
    assert_eq!(body, json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 8192, "messages": messages}));
    assert_eq!(BedrockInvoke.encode_request(&request, "amazon.nova-pro-v1:0").unwrap_err().class, Class::Unsupported);
}

#[test]
fn peek_finds_the_limit_of_every_family() {
    for (body, limit) in [
        (r#"{"max_tokens":5}"#, Some(5)),
        (r#"{"max_gen_len":6}"#, Some(6)),
        (r#"{"inferenceConfig":{"max_new_tokens":7}}"#, Some(7)),
        (r#"{"textGenerationConfig":{"maxTokenCount":8}}"#, Some(8)),
        (r#"{"inputText":"a"}"#, None),
    ] {
        let peek = BedrockInvoke.peek(&path("m"), &scan(body)).unwrap();
        assert_eq!(peek.output_tokens_max, limit, "{body}");
    }
}

#[test]
fn peek_finds_the_session_in_a_body_of_claudes() {
    let old = "user_4f2a_account_7b1c_session_0e6b";
    let new = r#"{\"device_id\":\"4f2a\",\"account_uuid\":\"\",\"session_id\":\"0e6b\"}"#;
    for (user_id, session) in [(old, Some("0e6b")), (new, Some("0e6b")), ("u-1", None), ("a_session_", None)] {
        let body = format!(r#"{{"anthropic_version":"bedrock-2023-05-31","metadata":{{"user_id":"{user_id}"}}}}"#);
        let members = Members::scan(body.as_bytes()).unwrap();
        let pairs = BedrockInvoke.peek(&path(CLAUDE), &members).unwrap().metadata;
        let expected: Vec<_> = session.map(|id| ("session".to_owned(), id.to_owned())).into_iter().collect();
        assert_eq!(pairs, expected, "{user_id}");
    }
    let other = Members::scan(br#"{"metadata":"free text"}"#).unwrap();
    assert_eq!(BedrockInvoke.peek(&path("meta.llama3-8b-instruct-v1:0"), &other).unwrap().metadata, []);
}
