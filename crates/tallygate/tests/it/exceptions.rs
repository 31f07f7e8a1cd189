//! Bedrock's exceptions to its callers: those of Bedrock as they came, those of other providers by what they mean.

use crate::recorder::Recorder;
use crate::speak::{MANNERS, Manner, ask, error, frames};
use crate::world::{Setup, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde_json::{Value, json};
use tg_dialect::framing::eventstream::{write_event, write_exception};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Ending;

const BEDROCK: [Dialect; 2] = [Dialect::BedrockConverse, Dialect::BedrockInvoke];

/// The recorder as a provider of this kind, and its model.
fn world(recorder: &Recorder, kind: &str) -> World {
    let more = if kind == "bedrock" { ", region: us-east-1" } else { "" };
    let path = if kind == "openai" { "/v1" } else { "" };
    let providers = format!(
        "- {{ name: rec, kind: {kind}{more}, base_url: 'http://{}{path}', api_key: 'env:SIM_KEY' }}\n",
        recorder.address
    );
    let models = "- { name: rec, targets: [{ provider: rec, model: anthropic.claude-haiku }] }\n".to_owned();
    World::with(Setup { providers, models, ..Setup::default() })
}

fn answering(status: u16, headers: &str, body: &str) -> Recorder {
    let head = format!(
        "HTTP/1.1 {status} Why\r\ncontent-type: application/json\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    Recorder::answering(vec![[head.as_bytes(), body.as_bytes()].concat()])
}

/// What concerns the gateway's own account does not go on as it came: the caller can do nothing about it.
#[test]
fn exceptions_about_the_gateways_account_are_a_failure_of_the_model() {
    for (status, exception, code) in [
        (403, "AccessDeniedException", "upstream_credentials_refused"),
        (403, "UnrecognizedClientException", "upstream_credentials_invalid"),
        (400, "ServiceQuotaExceededException", "upstream_account"),
    ] {
        let head = format!("x-amzn-errortype: {exception}\r\n");
        let world = world(&answering(status, &head, r#"{"message":"account OURS"}"#), "bedrock");
        for dialect in BEDROCK {
            for manner in MANNERS {
                let answer = world.send(&ask(dialect, manner, "rec", "hi"));
                let (found, _) = error(dialect, &answer);
                assert_eq!((answer.status, found.as_str()), (424, "ModelErrorException"), "{exception}");
                assert_eq!(answer.header("x-tallygate-error-code"), code);
                assert_eq!(answer.json().as_object().unwrap().keys().collect::<Vec<_>>(), ["message"]);
                assert!(!answer.text().contains("OURS"), "{}", answer.text());
            }
        }
    }
}

#[test]
fn exceptions_within_streams_of_bedrock_go_on_byte_for_byte() {
    let all = [
        "internalServerException",
        "modelStreamErrorException",
        "validationException",
        "throttlingException",
        "serviceUnavailableException",
        "modelTimeoutException",
    ];
    let start = json!({"type": "message_start", "message": {"usage": {"input_tokens": 3}}}).to_string();
    for dialect in BEDROCK {
        for exception in all {
            // Converse has no such exception.
            if (dialect, exception) == (Dialect::BedrockConverse, "modelTimeoutException") {
                continue;
            }
            let mut bytes = BytesMut::new();
            match dialect {
                Dialect::BedrockConverse => write_event("messageStart", br#"{"role":"assistant"}"#, &mut bytes),
                _ => {
                    let chunk = json!({ "bytes": STANDARD.encode(&start) }).to_string();
                    write_event("chunk", chunk.as_bytes(), &mut bytes);
                }
            }
            let payload = r#"{ "message":"Why." ,"originalStatusCode":529,"originalMessage":"busy"}"#;
            write_exception(exception, payload.as_bytes(), &mut bytes);
            let recorder = Recorder::chunked("application/vnd.amazon.eventstream", &[bytes.to_vec()]);
            let world = world(&recorder, "bedrock");
            let answer = world.send(&ask(dialect, Manner::Streamed, "rec", "hi"));
            assert_eq!((answer.status, answer.body.as_slice()), (200, bytes.as_ref()), "{dialect:?} {exception}");
            let row = world.row(&answer);
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("upstream_error_event")));
        }
    }
}

#[test]
fn failures_of_other_providers_have_the_exception_that_means_the_same() {
    for (status, wanted, exception, code) in [
        (400, 400, "ValidationException", "upstream_refused"),
        (401, 424, "ModelErrorException", "upstream_credentials_refused"),
        (402, 424, "ModelErrorException", "upstream_account"),
        (404, 404, "ResourceNotFoundException", "upstream_not_found"),
        (408, 408, "ModelTimeoutException", "upstream_timeout"),
        (413, 413, "ValidationException", "upstream_too_large"),
        (429, 429, "ThrottlingException", "upstream_limited"),
        (500, 424, "ModelErrorException", "upstream_error"),
        (503, 503, "ServiceUnavailableException", "upstream_overloaded"),
        (529, 503, "ServiceUnavailableException", "upstream_overloaded"),
    ] {
        let body = r#"{"type":"error","error":{"type":"x","message":"Why."}}"#;
        let recorder = answering(status, "retry-after: 7\r\n", body);
        for kind in ["anthropic", "openai"] {
            let world = world(&recorder, kind);
            for dialect in BEDROCK {
                for manner in MANNERS {
                    let place = format!("{status} {kind} {dialect:?} {manner:?}");
                    let answer = world.send(&ask(dialect, manner, "rec", "hi"));
                    let (found, _) = error(dialect, &answer);
                    assert_eq!((answer.status, found.as_str()), (wanted, exception), "{place}");
                    // Told apart from limits of the gateway's own by this.
                    assert_eq!(answer.header("x-tallygate-error-code"), code, "{place}");
                    let waits = ![400, 401, 413].contains(&status);
                    assert_eq!(answer.header("retry-after"), if waits { "7" } else { "" }, "{place}");
                    let original = (status == 500).then(|| json!(500));
                    assert_eq!(answer.json().get("originalStatusCode"), original.as_ref(), "{place}");
                }
            }
        }
    }
}

#[test]
fn failures_within_streams_of_other_providers_too() {
    let start =
        json!({"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}});
    for (kind, converse, invoke) in [
        ("overloaded_error", "serviceUnavailableException", "serviceUnavailableException"),
        ("rate_limit_error", "throttlingException", "throttlingException"),
        ("timeout_error", "modelStreamErrorException", "modelTimeoutException"),
        ("api_error", "modelStreamErrorException", "modelStreamErrorException"),
        ("invalid_request_error", "validationException", "validationException"),
    ] {
        let failure = json!({"type": "error", "error": {"type": kind, "message": "Why."}});
        let stream: String = [("message_start", &start), ("error", &failure)]
            .map(|(name, data): (&str, &Value)| format!("event: {name}\ndata: {data}\n\n"))
            .concat();
        let recorder = Recorder::chunked("text/event-stream", &[stream.into_bytes()]);
        let world = world(&recorder, "anthropic");
        for (dialect, exception) in BEDROCK.into_iter().zip([converse, invoke]) {
            let answer = world.send(&ask(dialect, Manner::Streamed, "rec", "hi"));
            let last = frames(&answer.body).pop().unwrap();
            assert_eq!((last.0.as_str(), last.1.as_str()), ("exception", exception), "{dialect:?} {kind}");
            assert_eq!(last.2["message"], "Why.", "{dialect:?} {kind}");
        }
    }
}
