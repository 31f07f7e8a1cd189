//! What providers say of a failure, to callers of a guarded call: it may repeat what was asked, or what the model said.

use crate::guarded::{EMAIL, SECRET, house, no_mail, no_secrets};
use crate::recorder::Recorder;
use crate::speak::{CHAT, MANNERS, Manner, ask};
use crate::wire::Answer;
use crate::world::{Setup, World};
use bytes::BytesMut;
use serde_json::json;
use tg_dialect::framing::eventstream::{write_event, write_exception};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Verdict, Way};
use tg_policy::guard::{Action, Rule, Style};

/// A provider that answers so, and rules before it.
fn world(recorder: &Recorder, rules: Vec<Rule>) -> World {
    let providers = format!(
        "- {{ name: theirs, kind: openai_compatible, base_url: 'http://{}/v1', api_key: 'env:SIM_KEY' }}\n",
        recorder.address
    );
    let models = "- { name: on-theirs, targets: [{ provider: theirs, model: m }] }\n".to_owned();
    World::with(Setup { providers, models, guards: vec![house(rules)], ..Setup::default() })
}

fn answering(status: &str, body: &str) -> Recorder {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    Recorder::answering(vec![[head.as_bytes(), body.as_bytes()].concat()])
}

/// A refusal that quotes what the model was about to say, as Groq's do.
fn quoting(value: &str) -> Recorder {
    let body = json!({"error": {
        "message": format!("Failed to call a function with {value}."),
        "type": "invalid_request_error",
        "code": "tool_use_failed",
        "failed_generation": format!("<function=send>{{\"to\": \"{value}\"}}</function>"),
    }});
    answering("400 Bad Request", &body.to_string())
}

/// Of the same dialect, where a refusal goes on as it came, and of others, where it is told anew.
fn each(world: &World, prompt: &str, test: impl Fn(&str, &Answer)) {
    for dialect in CHAT {
        for manner in MANNERS {
            let answer = world.send(&ask(dialect, manner, "on-theirs", prompt));
            test(&format!("{dialect:?} {manner:?}"), &answer);
        }
    }
}

/// Whether the caller can read it as the failure of a provider.
fn is_theirs(answer: &Answer) -> bool {
    answer.status == 400 && answer.header("x-tallygate-error-code") == "upstream_refused"
}

#[test]
fn a_refusal_does_not_say_what_an_answer_may_not() {
    let recorder = quoting(SECRET);
    let world = world(&recorder, vec![no_secrets()]);
    each(&world, "hello", |place, answer| {
        assert!(is_theirs(answer), "{place}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains(SECRET), "{place}: {}", answer.text());
        assert_eq!(answer.header("x-tallygate-guardrail"), "house/secrets", "{place}");
        let evidence = world.row(answer).guarded.unwrap();
        assert_eq!((evidence.verdict, evidence.hits[0].way), (Verdict::Blocked, Way::Output), "{place}");
    });
}

#[test]
fn a_refusal_is_redacted_and_goes_on() {
    let recorder = quoting(EMAIL);
    let world = world(&recorder, vec![no_mail(Action::Redact(Style::Tag))]);
    each(&world, "hello", |place, answer| {
        let text = answer.text();
        assert!(is_theirs(answer), "{place}: {} {text}", answer.status);
        assert!(
            !text.contains("lovelace") && text.contains("Failed to call a function with [EMAIL_1]."),
            "{place}: {text}"
        );
    });
}

#[test]
fn what_was_replaced_comes_back_in_a_refusal_too() {
    let recorder = quoting("[EMAIL_1]");
    let world = world(&recorder, vec![no_mail(Action::Restore(Style::Tag))]);
    each(&world, &format!("write to {EMAIL}"), |place, answer| {
        assert!(is_theirs(answer), "{place}: {} {}", answer.status, answer.text());
        assert!(answer.text().contains(&format!("with {EMAIL}.")), "{place}: {}", answer.text());
    });
    assert!(recorder.seen().iter().all(|seen| !seen.text().contains("lovelace")));
}

#[test]
fn an_error_in_place_of_an_answer_does_not_say_it_either() {
    let body = json!({"error": {"message": format!("no room for {SECRET}"), "type": "server_error"}}).to_string();
    let recorder = answering("200 OK", &body);
    let world = world(&recorder, vec![no_secrets()]);
    for dialect in [Dialect::AnthropicMessages, Dialect::BedrockConverse, Dialect::OpenaiChat] {
        let answer = world.send(&ask(dialect, Manner::Plain, "on-theirs", "hello"));
        assert!(!answer.text().contains(SECRET), "{dialect:?}: {}", answer.text());
    }
}

/// A stream of Bedrock's that breaks off with an exception of these words.
fn failing_stream(payload: &str) -> Recorder {
    let mut bytes = BytesMut::new();
    write_event("messageStart", br#"{"role":"assistant"}"#, &mut bytes);
    write_exception("modelStreamErrorException", payload.as_bytes(), &mut bytes);
    Recorder::chunked("application/vnd.amazon.eventstream", &[bytes.to_vec()])
}

fn streamed_from_bedrock(payload: &str, rules: Vec<Rule>) -> Answer {
    let recorder = failing_stream(payload);
    let providers = format!(
        "- {{ name: rec, kind: bedrock, region: us-east-1, base_url: 'http://{}', api_key: 'env:SIM_KEY' }}\n",
        recorder.address
    );
    let models = "- { name: rec, targets: [{ provider: rec, model: anthropic.claude-haiku }] }\n".to_owned();
    let world = World::with(Setup { providers, models, guards: vec![house(rules)], ..Setup::default() });
    world.send(&ask(Dialect::BedrockConverse, Manner::Streamed, "rec", "hello"))
}

#[test]
fn an_exception_within_a_stream_does_not_say_it_either() {
    let quoting = |value: &str| json!({"message": "It broke.", "originalMessage": format!("at {value}")}).to_string();
    let text = |payload: &str, rules| String::from_utf8_lossy(&streamed_from_bedrock(payload, rules).body).into_owned();
    let blocked = text(&quoting(SECRET), vec![no_secrets()]);
    assert!(!blocked.contains(SECRET) && blocked.contains("guardrail_intervened"), "{blocked}");
    let redacted = text(&quoting(EMAIL), vec![no_mail(Action::Redact(Style::Tag))]);
    assert!(!redacted.contains("lovelace") && redacted.contains("at [EMAIL_1]"), "{redacted}");
    assert!(redacted.contains("modelStreamErrorException") && redacted.contains("It broke."), "{redacted}");
    // What cannot be read does not leave, and the caller is told all the same.
    let garbled = text(&format!("broke at {SECRET}"), vec![no_secrets()]);
    assert!(!garbled.contains(SECRET) && garbled.contains("exception"), "{garbled}");
}
