//! Calls that lean on what a provider keeps go where it is kept.

use crate::recorder::Recorder;
use crate::wire::{Answer, Call};
use crate::world::{Setup, World};
use serde_json::{Value, json};

const ACCOUNTS: [&str; 3] = ["one", "two", "three"];

/// Three accounts, each of which gives its answers a name of its own.
fn world(strategy: &str, streamed: bool) -> (World, Vec<Recorder>) {
    let accounts: Vec<Recorder> = ACCOUNTS.iter().map(|name| account(name, streamed)).collect();
    let provider = |(name, account): (&&str, &Recorder)| {
        format!(
            "- {{ name: {name}, kind: openai, base_url: 'http://{}/v1', api_key: 'env:SIM_KEY' }}\n",
            account.address
        )
    };
    let providers = ACCOUNTS.iter().zip(&accounts).map(provider).collect();
    let target = |name: &&str| format!("{{ provider: {name}, model: gpt-5-mini }}");
    let targets: Vec<String> = ACCOUNTS.iter().map(target).collect();
    let models = format!("- {{ name: spread, strategy: {strategy}, targets: [{}] }}\n", targets.join(", "));
    (World::with(Setup { providers, models, ..Setup::default() }), accounts)
}

fn account(name: &str, streamed: bool) -> Recorder {
    let usage = json!({"input_tokens": 3, "output_tokens": 1, "total_tokens": 4});
    let part = json!({"type": "output_text", "text": "hi", "annotations": []});
    let item = json!({"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]});
    let response = json!({
        "id": format!("resp_{name}"), "object": "response", "created_at": 1, "status": "completed",
        "model": "gpt-5-mini", "output": [item], "usage": usage,
    });
    if !streamed {
        return Recorder::whole("application/json", "", response.to_string().as_bytes());
    }
    let event = |kind: &str, mut data: Value| {
        data["type"] = json!(kind);
        format!("event: {kind}\ndata: {data}\n\n").into_bytes()
    };
    let delta = json!({"item_id": "m", "output_index": 0, "content_index": 0, "delta": "hi"});
    let pieces =
        [event("response.output_text.delta", delta), event("response.completed", json!({"response": response}))];
    Recorder::chunked("text/event-stream", &pieces)
}

fn say(world: &World, streamed: bool, more: &Value) -> Answer {
    let mut body = json!({"model": "spread", "input": "hi", "stream": streamed});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let call = Call::post("/v1/responses".to_owned(), body.to_string()).header("content-type", "application/json");
    let answer = world.send(&call);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// Under `weighted`, calls that went on with an answer were spread over accounts that had no such answer.
#[test]
fn an_answer_that_a_provider_keeps_is_not_asked_for_at_another_account() {
    for streamed in [false, true] {
        let (world, _accounts) = world("weighted", streamed);
        let unknown = |_: usize| {
            let answer = say(&world, streamed, &json!({"previous_response_id": "resp_of_before"}));
            answer.header("x-tallygate-provider").to_owned()
        };
        assert_eq!((0..6).map(unknown).collect::<Vec<_>>(), ["one"; 6], "what is not known is not drawn for");
        // Until each account has been drawn once.
        let mut first = std::collections::BTreeSet::new();
        for _ in 0..200 {
            first.insert(say(&world, streamed, &json!({})).header("x-tallygate-provider").to_owned());
            if first.len() == ACCOUNTS.len() {
                break;
            }
        }
        assert_eq!(first.len(), ACCOUNTS.len());
        for account in ACCOUNTS {
            for _ in 0..6 {
                let answer = say(&world, streamed, &json!({"previous_response_id": format!("resp_{account}")}));
                assert_eq!(answer.header("x-tallygate-provider"), account, "{streamed}");
            }
        }
    }
}

#[test]
fn a_conversation_that_a_provider_keeps_stays_there() {
    let (world, _accounts) = world("weighted", false);
    let mut by = Vec::new();
    for conversation in [json!("conv_1"), json!({"id": "conv_1"}), json!("conv_1"), json!({"id": "conv_1"})] {
        by.push(say(&world, false, &json!({"conversation": conversation})).header("x-tallygate-provider").to_owned());
    }
    assert_eq!(by, ["one"; 4]);
}
