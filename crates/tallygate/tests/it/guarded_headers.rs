//! What callers write beside the body of a request: it reaches providers, and is checked too.

use crate::guarded::{EMAIL, SECRET, guarded, no_mail, no_secrets, rule, told};
use crate::speak::{Manner, ask};
use crate::wire::Call;
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::Way;
use tg_kernel::passage::Channel;
use tg_policy::guard::{Action, Check, Pii, Style};

/// Calls with a header, on the ways on which headers of callers go on to providers.
fn with_header(name: &str, value: &str) -> [Call; 3] {
    [
        (Dialect::OpenaiChat, "on-openai"),
        (Dialect::AnthropicMessages, "on-anthropic"),
        (Dialect::BedrockInvoke, "on-bedrock"),
    ]
    .map(|(dialect, model)| ask(dialect, Manner::Plain, model, "hello").header(name, value))
}

#[test]
fn no_header_carries_what_was_taken_out_of_the_body() {
    let redacting = guarded(vec![no_mail(Action::Redact(Style::Tag))]);
    let blocking = guarded(vec![no_secrets()]);
    for name in ["session_id", "x-session-id", "x-client-request-id", "idempotency-key", "originator", "x-codex-turn"] {
        for call in with_header(name, &format!("{{\"of\":\"{EMAIL}\"}}")) {
            let answer = redacting.send(&call);
            assert_eq!(answer.status, 200, "{name} {}: {}", call.path, answer.text());
            let sent = told(&redacting, &redacting.row(&answer));
            assert!(!sent.contains("lovelace") && sent.contains("-EMAIL_1-"), "{name} {}: {sent}", call.path);
        }
        for call in with_header(name, SECRET) {
            let answer = blocking.send(&call);
            assert_eq!(answer.header("x-tallygate-error-code"), "content_blocked", "{name} {}", call.path);
            let hits = blocking.row(&answer).guarded.unwrap().hits;
            assert_eq!((hits[0].channel, hits[0].way), (Channel::Metadata, Way::Input), "{name}");
        }
    }
    assert!(blocking.sim.books.entries().is_empty());
}

#[test]
fn a_header_in_which_a_client_tells_of_itself_goes_or_stays_and_stops_no_call() {
    let world = guarded(vec![no_secrets(), rule("personal", Check::Pii(Pii::Structured), Action::Block)]);
    for call in with_header("user-agent", &format!("mine/1.0 ({EMAIL})")) {
        let answer = world.send(&call);
        assert_eq!(answer.status, 200, "{}: {}", call.path, answer.text());
        assert!(!told(&world, &world.row(&answer)).contains("lovelace"), "{}", call.path);
    }
    // What official clients send is what it was.
    for (name, value) in [
        ("user-agent", "OpenAI/Python 1.57.0"),
        ("user-agent", "Boto3/1.35.36 md/Botocore#1.35.36 ua/2.0 os/linux#6.1.0-28 md/arch#x86_64 lang/python#3.11.2"),
        ("x-stainless-runtime-version", "3.11.2"),
        ("idempotency-key", "stainless-node-retry-9d0a2c5e-7d3f-4c55-9d39-0d7a7f1f5c11"),
        ("session_id", "0e6b5c1e-7d3f-4c55-9d39-0d7a7f1f5c11"),
    ] {
        for call in with_header(name, value) {
            let answer = world.send(&call);
            assert_eq!(answer.status, 200, "{name} {}: {}", call.path, answer.text());
            assert!(told(&world, &world.row(&answer)).contains(value), "{name} {}", call.path);
        }
    }
}

#[test]
fn no_loss_repeats_what_a_caller_wrote_for_a_name() {
    let world = guarded(vec![no_secrets()]);
    let mut call = ask(Dialect::OpenaiChat, Manner::Plain, "on-bedrock", "hello");
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    body["messages"][0]["4111111111111111"] = json!(true);
    body["card 4111111111111111"] = json!(true);
    call.body = body.to_string().into();
    let answer = world.send(&call);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (row, header) = (world.row(&answer), answer.header("x-tallygate-losses").to_owned());
    assert!(!row.losses.is_empty() && header.contains('*'), "{header}");
    assert!(!format!("{header} {:?}", row.losses).contains("4111"), "{header} {:?}", row.losses);
}
