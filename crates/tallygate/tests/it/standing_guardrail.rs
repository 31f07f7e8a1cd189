//! The guardrail with which all calls of a Bedrock provider are made: on every API, and beyond what callers write.

use crate::speak::{MANNERS, Manner, ask, each_dialect, error};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World};
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Record;

const MODEL: &str = "on-bedrock";

fn world() -> World {
    World::with(Setup { bedrock: ", guardrail: { id: gr1, version: '3' }".to_owned(), ..Setup::default() })
}

/// How the request that the provider got names a guardrail.
fn named(world: &World, row: &Record) -> String {
    let sent = world.entry(row).detail.unwrap();
    let header = |name: &str| sent.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    match header("x-amzn-bedrock-guardrailidentifier") {
        Some(id) => format!("{id} {}", header("x-amzn-bedrock-guardrailversion").unwrap()),
        None => body["guardrailConfig"].to_string(),
    }
}

fn edited(dialect: Dialect, edit: impl Fn(&mut Value)) -> Call {
    let mut call = ask(dialect, Manner::Plain, MODEL, "hi");
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    edit(&mut body);
    call.body = body.to_string().into();
    call
}

fn refused(world: &World, dialect: Dialect, call: &Call) -> Answer {
    let answer = world.send(call);
    let (_, message) = error(dialect, &answer);
    let code = answer.header("x-tallygate-error-code");
    assert_eq!((answer.status, code), (400, "guardrail_unsupported"), "{dialect:?}: {message}");
    assert!(world.row(&answer).served.is_none(), "nothing was sent");
    answer
}

#[test]
fn a_guardrail_is_not_dropped_on_any_api_plain_or_streamed() {
    let world = world();
    each_dialect(|dialect| {
        for manner in MANNERS {
            let answer = world.send(&ask(dialect, manner, MODEL, "hi"));
            assert_eq!(answer.status, 200, "{dialect:?} {manner:?}: {}", answer.text());
            let row = world.row(&answer);
            let found = named(&world, &row);
            let converse = r#"{"guardrailIdentifier":"gr1","guardrailVersion":"3"}"#;
            assert!(found == "gr1 3" || found == converse, "{dialect:?} {manner:?}: {found}");
            assert!(row.losses.is_empty(), "{:?}", row.losses);
        }
    });
}

#[test]
fn what_a_guardrail_stops_ends_in_the_callers_own_words() {
    let world = world();
    for (dialect, place, word) in [
        (Dialect::OpenaiChat, "/choices/0/finish_reason", "content_filter"),
        (Dialect::OpenaiResponses, "/incomplete_details/reason", "content_filter"),
        (Dialect::AnthropicMessages, "/stop_reason", "refusal"),
        (Dialect::BedrockConverse, "/stopReason", "guardrail_intervened"),
        (Dialect::BedrockInvoke, "/amazon-bedrock-guardrailAction", "INTERVENED"),
    ] {
        let answer = world.send(&ask(dialect, Manner::Plain, MODEL, "something forbidden"));
        assert_eq!(answer.status, 200, "{dialect:?}: {}", answer.text());
        let body = answer.json();
        assert_eq!(body.pointer(place), Some(&json!(word)), "{dialect:?}: {body}");
        assert!(answer.text().contains("Sorry, this is blocked."), "{dialect:?}");
        if dialect == Dialect::AnthropicMessages {
            assert!(body["id"].as_str().unwrap().starts_with("msg_") && body["usage"].is_object(), "{body}");
            assert!(body.get("amazon-bedrock-guardrailAction").is_none(), "{body}");
        }
    }
}

#[test]
fn a_caller_cannot_take_another_guardrail_nor_narrow_this_one() {
    let world = world();
    let config = |id: &str| json!({"guardrailIdentifier": id, "guardrailVersion": "3", "trace": "enabled"});
    let converse = Dialect::BedrockConverse;
    refused(&world, converse, &edited(converse, |body| body["guardrailConfig"] = config("gr2")));
    let block = json!({"guardContent": {"text": {"text": "nice"}}});
    let narrowed = edited(converse, |body| {
        body["messages"][0]["content"] = json!([{"text": "hi"}, block.clone()]);
    });
    refused(&world, converse, &narrowed);
    let invoke = Dialect::BedrockInvoke;
    let tagged = edited(invoke, |body| body["amazon-bedrock-guardrailConfig"] = json!({"tagSuffix": "x"}));
    refused(&world, invoke, &tagged);
    for (id, version, is_taken) in [("gr2", "3", false), ("gr1", "1", false), ("gr1", "3", true)] {
        let call = ask(invoke, Manner::Plain, MODEL, "hi")
            .header("x-amzn-bedrock-guardrailidentifier", id)
            .header("x-amzn-bedrock-guardrailversion", version);
        if is_taken {
            assert_eq!(named(&world, &world.row(&world.send(&call))), "gr1 3");
        } else {
            refused(&world, invoke, &call);
        }
    }
    let same = edited(converse, |body| {
        body["guardrailConfig"] = config("arn:aws:bedrock:us-east-1:123456789012:guardrail/gr1");
        body["guardrailConfig"]["streamProcessingMode"] = json!("async");
    });
    let kept = r#"{"guardrailIdentifier":"gr1","guardrailVersion":"3","trace":"enabled"}"#;
    assert_eq!(named(&world, &world.row(&world.send(&same))), kept);
    // Of what generates nothing the guardrail is not asked for.
    let count = json!({"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}}});
    assert_eq!(world.send(&Call::post("/model/on-bedrock/count-tokens", count.to_string())).status, 200);
}
