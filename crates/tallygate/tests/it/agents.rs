//! Coding agents as they are: requests of the shapes that Claude Code and Codex send, and what must come of them.

use crate::recorder::Recorder;
use crate::wire::Call;
use crate::world::{Setup, World};
use tg_kernel::dialect::Dialect;

const SESSION: &str = "0e6b5c1e-7d3f-4c55-9d39-0d7a7f1f5c11";

/// A recording provider of each kind, under the names that agents use.
fn world(recorder: &Recorder) -> World {
    let at = recorder.address;
    let providers = format!(
        "- {{ name: rec-openai, kind: openai, base_url: 'http://{at}/v1', api_key: 'env:SIM_KEY' }}\n\
         - {{ name: rec-anthropic, kind: anthropic, base_url: 'http://{at}', api_key: 'env:SIM_KEY' }}\n\
         - {{ name: rec-bedrock, kind: bedrock, region: eu-west-1, base_url: 'http://{at}', api_key: 'env:SIM_KEY' }}\n"
    );
    let models = "- { name: 'codex-*', targets: [{ provider: rec-openai }] }\n\
                  - { name: 'claude-sonnet-*', targets: [{ provider: rec-anthropic }] }\n\
                  - { name: 'eu.*', targets: [{ provider: rec-bedrock }] }\n"
        .to_owned();
    World::with(Setup { providers, models, ..Setup::default() })
}

fn user_id() -> String {
    format!("user_4f2a_account_7b1c_session_{SESSION}")
}

/// The members that Claude Code sends, in its order: a line of its own first in the system prompt, cache points, tools.
fn claude_code(first: &str, last: &str) -> String {
    format!(
        r#"{{{first}"messages":[{{"role":"user","content":[{{"type":"text","text":"<system-reminder>\nToday's date is 2026-11-24.\n</system-reminder>\n"}},{{"type":"text","text":"fix the bug","cache_control":{{"type":"ephemeral"}}}}]}}],"system":[{{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.0.abc; cc_entrypoint=cli;"}},{{"type":"text","text":"You are Claude Code, Anthropic's official CLI for Claude.","cache_control":{{"type":"ephemeral"}}}}],"tools":[{{"name":"Bash","description":"Runs a command.","input_schema":{{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{{"command":{{"type":"string"}}}},"required":["command"],"additionalProperties":false}}}}],"metadata":{{"user_id":"{}"}},"max_tokens":32000,"thinking":{{"type":"adaptive"}},"context_management":{{"edits":[{{"type":"clear_thinking_20251015","keep":"all"}}]}}{last}}}"#,
        user_id()
    )
}

fn tagged(world: &World, dialect: Dialect) {
    let answered = || world.rows().into_iter().find(|row| row.asked.dialect == dialect);
    let row = crate::world::until("the row", answered);
    assert_eq!(row.attribution.tags, [format!("session={SESSION}")], "{dialect:?}");
}

#[test]
fn claude_code_speaks_messages() {
    let recorder = Recorder::whole("text/event-stream", "", b"");
    let world = world(&recorder);
    let betas = "claude-code-20250219,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14";
    let body = claude_code(r#""model":"claude-sonnet-4-5-20250929","#, r#","stream":true"#);
    world.send(
        &Call::post("/v1/messages?beta=true", body.clone())
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .header("anthropic-beta", betas)
            .header("anthropic-dangerous-direct-browser-access", "true")
            .header("anthropic-version", "2023-06-01")
            .header("user-agent", "claude-cli/2.1.0 (external, cli)")
            .header("x-app", "cli")
            .header("x-stainless-lang", "js")
            .header("x-claude-code-session-id", SESSION),
    );
    let seen = recorder.last();
    assert_eq!(seen.text(), body, "byte for byte");
    assert_eq!(seen.path(), "/v1/messages");
    assert_eq!(seen.header("anthropic-beta"), [betas]);
    assert_eq!(seen.header("anthropic-version"), ["2023-06-01"]);
    assert!(seen.header("x-claude-code-session-id").is_empty(), "it is the gateway's");
    tagged(&world, Dialect::AnthropicMessages);
}

#[test]
fn claude_code_speaks_bedrock() {
    let recorder = Recorder::whole("application/vnd.amazon.eventstream", "", b"");
    let world = world(&recorder);
    let model = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
    for (prefix, action) in [("", "invoke"), ("/bedrock", "invoke-with-response-stream")] {
        let body = claude_code(
            "",
            r#","anthropic_beta":["claude-code-20250219","interleaved-thinking-2025-05-14"],"anthropic_version":"bedrock-2023-05-31""#,
        );
        world.send(
            &Call::post(format!("{prefix}/model/{model}/{action}"), body.clone())
                .header("content-type", "application/json")
                .header("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14")
                .header("user-agent", "claude-cli/2.1.0 (external, cli)"),
        );
        let seen = recorder.last();
        assert_eq!(seen.text(), body, "byte for byte");
        assert_eq!(seen.path(), format!("/model/{}/{action}", model.replace(':', "%3A")));
    }
    // Without the header the session is that of the body.
    tagged(&world, Dialect::BedrockInvoke);
}

/// What Claude Code asks before its first request: whether anybody is there, and which models there are.
#[test]
fn claude_codes_probes_are_answered() {
    let world = World::start();
    for path in ["/", "/?beta=true"] {
        let answer = Call::new("HEAD", path).send(world.address);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}: no key is needed");
    }
    for (prefix, query) in [("", ""), ("/bedrock", "?type=SYSTEM_DEFINED"), ("", "?type=APPLICATION&maxResults=1000")] {
        let answer = world.send(&Call::new("GET", format!("{prefix}/inference-profiles{query}")));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let json = answer.json();
        for profile in json["inferenceProfileSummaries"].as_array().unwrap() {
            // A name that is listed can be sent as it stands, with a colon in it.
            let id = profile["inferenceProfileId"].as_str().unwrap();
            let kind = profile["type"].as_str().unwrap();
            assert!(["SYSTEM_DEFINED", "APPLICATION"].contains(&kind) && profile["status"] == "ACTIVE", "{profile}");
            let one = world.send(&Call::new("GET", format!("{prefix}/inference-profiles/{id}")));
            assert_eq!((one.status, &one.json()), (200, profile), "{id}");
        }
        assert!(json["inferenceProfileSummaries"].as_array().unwrap().len() > 1, "{json}");
    }
    let models = world.send(&Call::new("GET", "/v1/models?limit=1000").header("anthropic-version", "2023-06-01"));
    assert!(models.json()["data"].as_array().unwrap().iter().any(|model| model["id"] == "claude-haiku-4-5"));
}

#[test]
fn codex_speaks_responses() {
    let recorder = Recorder::whole("text/event-stream", "", b"");
    let world = world(&recorder);
    let body = format!(
        r#"{{"model":"codex-mini","instructions":"You are Codex.","input":[{{"type":"message","role":"user","content":[{{"type":"input_text","text":"fix the bug"}}]}}],"tools":[{{"type":"function","name":"shell","description":"Runs a command.","strict":false,"parameters":{{"type":"object","properties":{{"command":{{"type":"array","items":{{"type":"string"}}}}}},"required":["command"],"additionalProperties":false}}}},{{"type":"web_search"}}],"tool_choice":"auto","parallel_tool_calls":false,"reasoning":{{"effort":"medium","summary":"auto"}},"store":false,"stream":true,"include":["reasoning.encrypted_content"],"prompt_cache_key":"{SESSION}"}}"#
    );
    let call = |body: String| {
        Call::post("/v1/responses", body)
            .header("accept", "text/event-stream")
            .header("content-type", "application/json")
            .header("openai-beta", "responses=experimental")
            .header("originator", "codex_cli_rs")
            .header("session_id", SESSION)
            .header("user-agent", "codex_cli_rs/0.162.1")
    };
    world.send(&call(body.clone()));
    let seen = recorder.last();
    assert_eq!((seen.text(), seen.path()), (body.clone(), "/v1/responses"), "byte for byte");
    assert_eq!(
        (seen.header("originator"), seen.header("session_id")),
        (vec!["codex_cli_rs".into()], vec![SESSION.into()])
    );
    tagged(&world, Dialect::OpenaiResponses);
    // A tool that only OpenAI has is left out on the way to another provider, and said.
    let answer = world.send(&call(body.replace("codex-mini", "on-bedrock")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("response.completed"), "{}", answer.text());
    assert!(world.row(&answer).losses.iter().any(|loss| loss.contains("tools")), "{:?}", world.row(&answer).losses);
}
