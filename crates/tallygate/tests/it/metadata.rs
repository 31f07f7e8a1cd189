//! Request metadata: what Bedrock is told about each call, before the caller's own pairs.

use crate::speak::{CHAT, MANNERS, Manner, ask};
use crate::wire::Call;
use crate::world::{HAIKU, Setup, World};
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Record;
use tg_sim::Entry;

const HEADER: &str = "x-amzn-bedrock-request-metadata";
const TEAMS: &str = "- { name: red, projects: [alpha], environments: [prod], tags: { allow: [feature] } }\n";

fn world() -> World {
    World::with(Setup { teams: TEAMS.to_owned(), ..Setup::default() })
}

/// The gateway's own pairs for a call, and these.
fn told(world: &World, row: &Record, more: &Value) -> Value {
    let mut pairs = json!({
        "tallygate:request_id": row.id.to_string(), "tallygate:team": "red", "tallygate:project": "alpha",
        "tallygate:environment": "prod", "tallygate:key_id": &*world.key.as_ref().unwrap().record.id,
    });
    pairs.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    pairs
}

/// What a call's provider was told, wherever it stood.
fn heard(entry: &Entry) -> Value {
    let detail = entry.detail.as_ref().unwrap();
    let header = detail.headers.iter().find(|(name, _)| name == HEADER);
    header.map_or_else(|| detail.metadata.clone(), |(_, text)| serde_json::from_str(text).unwrap())
}

#[test]
fn every_call_to_bedrock_says_whose_it_is() {
    let world = world();
    let tag = json!({ "tallygate:tag:feature": "search" });
    for dialect in CHAT {
        for manner in MANNERS {
            for name in ["on-bedrock", "on-nova"] {
                // InvokeModel carries the body of a model's own family.
                if dialect == Dialect::BedrockInvoke && name == "on-nova" {
                    continue;
                }
                let call = ask(dialect, manner, name, "hi").header("x-tallygate-tags", "feature=search");
                let answer = world.send(&call);
                assert_eq!(answer.status, 200, "{dialect:?} {manner:?} {name}: {}", answer.text());
                let row = world.row(&answer);
                assert_eq!(heard(&world.entry(&row)), told(&world, &row, &tag), "{dialect:?} {manner:?} {name}");
                assert_eq!(row.losses.iter().filter(|loss| loss.contains("etadata")).count(), 0, "{dialect:?} {name}");
            }
        }
    }
    let body = json!({ "model": "us.amazon.titan-embed-text-v2:0", "input": "hi" }).to_string();
    let answer = world.send(&Call::post("/v1/embeddings", body).header("content-type", "application/json"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let row = world.row(&answer);
    assert_eq!(heard(&world.entry(&row)), told(&world, &row, &json!({})));
}

#[test]
fn callers_keep_their_own_pairs_but_not_the_gateways() {
    let world = world();
    let own = json!({ "app": "shop", "tallygate:team": "blue", "TALLYGATE:x": "y" });
    for (dialect, lost) in [
        (Dialect::BedrockConverse, "requestMetadata"),
        (Dialect::BedrockInvoke, "requestMetadata"),
        (Dialect::OpenaiChat, "metadata"),
    ] {
        let mut call = ask(dialect, Manner::Plain, HAIKU, "hi");
        let mut body: Value = serde_json::from_slice(&call.body).unwrap();
        match dialect {
            Dialect::BedrockConverse => body["requestMetadata"] = own.clone(),
            Dialect::BedrockInvoke => call = call.header(HEADER, &own.to_string()),
            _ => body["metadata"] = own.clone(),
        }
        call.body = body.to_string().into();
        let answer = world.send(&call);
        assert_eq!(answer.status, 200, "{dialect:?}: {}", answer.text());
        let row = world.row(&answer);
        assert_eq!(heard(&world.entry(&row)), told(&world, &row, &json!({ "app": "shop" })), "{dialect:?}");
        assert_eq!((row.losses.as_slice(), answer.header("x-tallygate-losses")), ([lost.to_owned()].as_slice(), lost));
    }
    // What AWS refuses without the gateway it refuses with it.
    let mut call = ask(Dialect::BedrockConverse, Manner::Plain, HAIKU, "hi");
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    body["requestMetadata"] = json!({ "app": "ü" });
    call.body = body.to_string().into();
    let answer = world.send(&call);
    assert_eq!(
        (answer.status, answer.header("x-amzn-errortype").split(':').next()),
        (400, Some("ValidationException"))
    );
}
