//! Calls that do more than answer: what a provider may have done is asked of no other.

use crate::wire::Call;
use crate::world::{Setup, World};
use serde_json::{Value, json};

fn world() -> World {
    let models = "- { name: openai-first, targets: [{ provider: openai, model: gpt-5-mini }, { provider: second, model: gpt-5-mini }] }\n".to_owned();
    let resilience = "{ retries: 2, retry_share: 100%, backoff: 1ms, breaker: { enabled: false } }".to_owned();
    let timeouts = "{ first_byte: 500ms, idle: 500ms }".to_owned();
    let providers = "- { name: second, kind: openai, base_url: 'OPENAI_URL/v1', api_key: 'env:SIM_KEY' }\n".to_owned();
    World::with(Setup { models, resilience, timeouts, providers, ..Setup::default() })
}

fn asks(script: &str, settings: &Value, stream: bool) -> Call {
    let mut body =
        json!({"model": "openai-first", "input": format!("[[sim: {script} times=1]] {script} {settings} {stream}")});
    body["stream"] = json!(stream);
    for (name, value) in settings.as_object().unwrap() {
        body[name] = value.clone();
    }
    Call::post("/v1/responses".to_owned(), body.to_string()).header("content-type", "application/json")
}

/// A call with an MCP tool that fell silent at the first provider was run at the second.
#[test]
fn what_a_provider_may_have_done_is_not_done_twice() {
    let world = world();
    let acting = json!({"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://example.com"}]});
    let plain = json!({"store": true});
    for (script, is_done) in [
        ("hang_before_head", true),
        ("reset", true),
        ("status=500", true),
        ("die_after=0", true),
        ("status=429", false),
        ("status=503", false),
    ] {
        for stream in [false, true] {
            let answer = world.send(&asks(script, &acting, stream));
            let tries = answer.header("x-tallygate-attempts");
            let expected = if is_done { "1" } else { "2" };
            assert_eq!(tries, expected, "{script} {stream}: {} {}", answer.status, answer.text());
            assert_eq!(answer.status == 200, !is_done, "{script} {stream}: {}", answer.text());
            let again = world.send(&asks(script, &plain, stream));
            assert_eq!((again.status, again.header("x-tallygate-attempts")), (200, "2"), "{script} {stream}");
        }
    }
}
