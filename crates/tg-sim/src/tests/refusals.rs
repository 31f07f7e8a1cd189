//! What the real APIs refuse, refused here: status, error name and the telling part of the message.

use super::wire_client::{Bench, CHAT, CONVERSE, INVOKE, MESSAGES, RESPONSES, saying, set};
use crate::{Ending, Personality};
use serde_json::{Value, json};

async fn check(personality: Personality, path: &str, cases: Vec<(Value, &str)>) {
    let bench = Bench::start();
    for (body, telling) in cases {
        let answered = bench.send(personality, path, &body).await.expect("an answer");
        assert_eq!(answered.status, 400, "{telling}: {}", answered.text());
        assert!(answered.text().contains(telling), "wanted {telling:?}, got {}", answered.text());
        let entry = bench.sim.books.last().expect("an entry");
        assert_eq!((entry.ending, entry.counts.output), (Ending::Refused, 0));
    }
}

fn text(text: &str) -> Value {
    json!({ "text": text })
}

fn turns(all: &[(&str, Value)]) -> Value {
    let turns: Vec<Value> = all.iter().map(|(role, content)| json!({ "role": role, "content": content })).collect();
    Value::from(turns)
}

#[tokio::test]
async fn converse() {
    let base = || saying(CONVERSE, "hi");
    let call = |input: Value| json!([{ "toolUse": { "toolUseId": "t1", "name": "f", "input": input } }]);
    let result = |id: &str| json!({ "toolResult": { "toolUseId": id, "content": [text("r")] } });
    let tool = json!({ "tools": [{ "toolSpec": { "name": "f", "inputSchema": { "json": { "type": "object" } } } }] });
    let with_tool = |messages: Value| set(set(base(), "/toolConfig", tool.clone()), "/messages", messages);
    let hi = || ("user", json!([text("hi")]));
    check(
        Personality::Bedrock,
        CONVERSE,
        vec![
            (set(base(), "/temperature", json!(1)), "extraneous key [temperature]"),
            (set(base(), "/inferenceConfig", json!({ "temperature": 1.5 })), "between 0 and 1"),
            (set(base(), "/inferenceConfig", json!({ "stopSequences": [""] })), "greater than or equal to 1"),
            (set(base(), "/messages/0/content/0/text", json!(" ")), "is blank"),
            (set(base(), "/messages", turns(&[hi(), hi()])), "roles must alternate"),
            (set(base(), "/messages", turns(&[hi(), ("assistant", json!([text("yo")]))])), "end with a user message"),
            (set(base(), "/toolConfig", json!({ "tools": [] })), "greater than or equal to 1"),
            (
                set(base(), "/messages", turns(&[hi(), ("assistant", call(json!({}))), ("user", json!([result("t1")]))])),
                "toolConfig field must be defined",
            ),
            (with_tool(turns(&[hi(), ("assistant", call(json!("x"))), ("user", json!([result("t1")]))])), "json object"),
            (with_tool(turns(&[hi(), ("assistant", call(json!({}))), hi()])), "without `tool_result`"),
            (with_tool(turns(&[hi(), ("assistant", call(json!({}))), ("user", json!([result("t2")]))])), "unexpected"),
            (
                with_tool(turns(&[hi(), ("assistant", call(json!({}))), ("user", json!([text("x"), result("t1")]))])),
                "must come first",
            ),
            (
                set(base(), "/messages/0/content", json!([{ "image": { "format": "png", "source": { "s3Location": { "uri": "s3://x" } } } }])),
                "send bytes",
            ),
            (
                set(base(), "/messages/0/content", json!([{ "document": { "format": "pdf", "name": "a", "source": { "bytes": "aGk=" } } }])),
                "requires a text block",
            ),
            (
                set(base(), "/messages/0/content", json!([text("x"), { "document": { "format": "pdf", "name": "a.pdf", "source": { "bytes": "aGk=" } } }])),
                "document file name",
            ),
            (set(base(), "/requestMetadata", json!({ "a": "b|c" })), "must match"),
            (set(base(), "/requestMetadata", json!({})), "between 1 and 16"),
            (
                set(base(), "/outputConfig", json!({ "textFormat": { "type": "json_schema", "structure": { "jsonSchema": { "schema": {} } } } })),
                "must be a string",
            ),
            (
                set(base(), "/messages", turns(&[hi(), ("assistant", json!([{ "reasoningContent": { "reasoningText": { "text": "x", "signature": "eA==" } } }])), hi()])),
                "Invalid `signature`",
            ),
            (set(base(), "/messages/0/content/0/text", json!("[[sim: nonsense]]")), "nonsense"),
        ],
    )
    .await;
}

#[tokio::test]
async fn request_metadata() {
    let base = || saying(CONVERSE, "hi");
    check(
        Personality::Bedrock,
        CONVERSE,
        vec![
            (set(base(), "/requestMetadata", json!({})), "length between 1 and 16"),
            (
                set(base(), "/requestMetadata", (0..17).map(|n| (n.to_string(), json!("v"))).collect()),
                "length between 1 and 16",
            ),
            (set(base(), "/requestMetadata", json!({ "a": "ü" })), "must match"),
            (set(base(), "/requestMetadata", json!({ "a": "v".repeat(257) })), "must match"),
            (set(base(), "/requestMetadata", json!({ "a": 1 })), "values must be strings"),
        ],
    )
    .await;
}

#[tokio::test]
async fn control_plane() {
    let model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";
    let base = || json!({ "inferenceProfileName": "a-b", "modelSource": { "copyFrom": model } });
    let long: String = "n".repeat(65);
    check(
        Personality::Bedrock,
        "/control/inference-profiles",
        vec![
            (set(base(), "/extra", json!(1)), "extraneous key [extra]"),
            (set(base(), "/inferenceProfileName", json!("a--b")), "must match"),
            (set(base(), "/inferenceProfileName", json!(long)), "must be 1..64"),
            (set(base(), "/modelSource/copyFrom", json!("amazon.nova-lite-v1:0")), "identifier is invalid"),
            (
                set(base(), "/modelSource/copyFrom", json!(model.replace("us-east-1", "us-west-2"))),
                "identifier is invalid",
            ),
            (set(base(), "/clientRequestToken", json!("a b")), "letters, digits"),
            (set(base(), "/tags", json!([{ "key": "", "value": "v" }])), "must be 1..128"),
            (set(base(), "/tags", json!([{ "key": "k", "value": "v,w" }])), "must satisfy"),
        ],
    )
    .await;
    let bench = Bench::start();
    let send = async |path: &str, body: &Value| bench.send(Personality::Bedrock, path, body).await.expect("an answer");
    for _ in 0..2 {
        let again = set(base(), "/clientRequestToken", json!("once"));
        assert_eq!(send("/control/inference-profiles", &again).await.status, 201);
    }
    assert_eq!(bench.sim.control.profiles().len(), 1);
    assert_eq!(send("/inference-profiles", &base()).await.status, 404);
    assert_eq!(send("/control/tagResource", &json!({ "resourceARN": "arn:x", "tags": [] })).await.status, 404);
}

#[tokio::test]
async fn invoke_and_models() {
    let base = || saying(INVOKE, "hi");
    let mut unversioned = base();
    unversioned.as_object_mut().expect("an object").remove("anthropic_version");
    check(
        Personality::Bedrock,
        INVOKE,
        vec![
            (unversioned, "anthropic_version"),
            (set(base(), "/model", json!("claude")), "extraneous key [model]"),
            (set(base(), "/stream", json!(true)), "extraneous key [stream]"),
            (set(base(), "/anthropic_version", json!("2023-06-01")), "not a valid anthropic_version"),
        ],
    )
    .await;
    let dated = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke";
    check(Personality::Bedrock, dated, vec![(set(base(), "/anthropic_version", json!("2026-10-21")), "not a valid")])
        .await;
    for unknown in
        ["/model/nobody.knows/converse", "/model/anthropic.claude-missing/converse", "/model/arn%3Aaws%3As3/converse"]
    {
        check(Personality::Bedrock, unknown, vec![(saying(CONVERSE, "hi"), "model identifier is invalid")]).await;
    }
}

#[tokio::test]
async fn messages() {
    let base = || saying(MESSAGES, "hi");
    let block = |block: Value| set(base(), "/messages/0/content", json!([block]));
    let mark = json!({ "type": "text", "text": "x", "cache_control": { "type": "ephemeral" } });
    let call = json!([{ "type": "tool_use", "id": "t1", "name": "f", "input": {} }]);
    let tools = json!([{ "name": "f", "input_schema": { "type": "object" } }]);
    let hi = || ("user", json!("hi"));
    let mut unlimited = base();
    unlimited.as_object_mut().expect("an object").remove("max_tokens");
    let answered = json!([{ "type": "tool_result", "tool_use_id": "t1", "content": "r" }]);
    let unthought = set(
        set(
            set(base(), "/tools", tools.clone()),
            "/messages",
            turns(&[hi(), ("assistant", call.clone()), ("user", answered)]),
        ),
        "/thinking",
        json!({ "type": "enabled", "budget_tokens": 1024 }),
    );
    check(
        Personality::Anthropic,
        MESSAGES,
        vec![
            (unlimited, "max_tokens: Field required"),
            (set(base(), "/frobnicate", json!(1)), "frobnicate: Extra inputs are not permitted"),
            (set(base(), "/temperature", json!(1.5)), "between 0 and 1"),
            (block(json!({ "type": "text", "text": "" })), "non-empty"),
            (block(json!({ "type": "text", "text": " \n" })), "non-whitespace"),
            (set(base(), "/messages/0/content", json!(vec![mark.clone(); 5])), "maximum of 4 blocks"),
            (
                set(set(base(), "/tools", tools), "/messages", turns(&[hi(), ("assistant", call.clone()), hi()])),
                "without `tool_result`",
            ),
            (set(base(), "/messages", turns(&[("assistant", json!("yo"))])), "first message"),
            (set(base(), "/stop_sequences", json!([" "])), "non-whitespace"),
            (set(base(), "/thinking", json!({ "type": "enabled", "budget_tokens": 1000 })), "1024"),
            (set(base(), "/thinking", json!({ "type": "enabled", "budget_tokens": 1024 })), "greater than"),
            (set(unthought, "/max_tokens", json!(2000)), "must start with a thinking block"),
            (
                set(
                    base(),
                    "/messages",
                    turns(&[
                        hi(),
                        ("assistant", json!([{ "type": "thinking", "thinking": "x", "signature": "eA==" }])),
                        hi(),
                    ]),
                ),
                "Invalid `signature`",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn chat_completions() {
    let base = || saying(CHAT, "hi");
    let call = json!({ "role": "assistant", "content": null, "tool_calls": [
        { "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{}" } },
    ] });
    let asked = |more: Vec<Value>| {
        let mut all = vec![json!({ "role": "user", "content": "hi" }), call.clone()];
        all.extend(more);
        set(base(), "/messages", Value::from(all))
    };
    let reasoning = || set(base(), "/model", json!("gpt-5.6"));
    let open_schema = json!({ "type": "json_schema", "json_schema": { "name": "s", "strict": true, "schema": { "type": "object" } } });
    check(
        Personality::Openai,
        CHAT,
        vec![
            (set(base(), "/top_k", json!(1)), "Unknown parameter: 'top_k'"),
            (set(base(), "/stream_options", json!({ "include_usage": true })), "only allowed when 'stream'"),
            (set(base(), "/tools", json!([])), "too short"),
            (set(base(), "/tool_choice", json!("auto")), "only allowed when 'tools'"),
            (set(base(), "/stop", json!(["a", "b", "c", "d", "e"])), "maximum length 4"),
            (asked(vec![]), "did not have response messages: c1"),
            (asked(vec![json!({ "role": "tool", "tool_call_id": "c2", "content": "r" })]), "preceeding message"),
            (set(reasoning(), "/max_tokens", json!(5)), "max_completion_tokens"),
            (set(reasoning(), "/temperature", json!(0.2)), "Only the default (1)"),
            (set(base(), "/response_format", open_schema), "'additionalProperties' is required"),
            (set(base(), "/response_format", json!({ "type": "json_object" })), "contain the word 'json'"),
        ],
    )
    .await;
    check(
        Personality::Compatible,
        CHAT,
        vec![
            (set(base(), "/max_completion_tokens", json!(5)), "Unknown parameter"),
            (set(base(), "/messages/0/role", json!("developer")), "developer"),
        ],
    )
    .await;
}

#[tokio::test]
async fn responses() {
    let base = || saying(RESPONSES, "hi");
    let output = json!([{ "type": "function_call_output", "call_id": "c1", "output": "r" }]);
    let call = json!([{ "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}" }]);
    check(
        Personality::Openai,
        RESPONSES,
        vec![
            (set(base(), "/messages", json!([])), "Unknown parameter"),
            (set(base(), "/max_output_tokens", json!(5)), ">= 16"),
            (set(base(), "/input", output), "No tool call found"),
            (set(base(), "/input", call), "No tool output found"),
            (set(base(), "/previous_response_id", json!("resp_1")), "not found"),
        ],
    )
    .await;
}

#[tokio::test]
async fn free_members_survive_everywhere() {
    let bench = Bench::start();
    for (personality, path) in [
        (Personality::Bedrock, CONVERSE),
        (Personality::Bedrock, INVOKE),
        (Personality::Anthropic, MESSAGES),
        (Personality::Openai, CHAT),
        (Personality::Openai, RESPONSES),
        (Personality::Compatible, CHAT),
    ] {
        let body = set(saying(path, "hi"), "/x_probe", json!({ "kept": [1, 2] }));
        let answered = bench.send(personality, path, &body).await.expect("an answer");
        assert_eq!(answered.status, 200, "{path}: {}", answered.text());
    }
}

#[tokio::test]
async fn asynchronous_invocations() {
    let base = || {
        json!({
            "modelId": "amazon.nova-reel-v1:1", "modelInput": {},
            "outputDataConfig": { "s3OutputDataConfig": { "s3Uri": "s3://bucket/x" } },
        })
    };
    let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
    let many: Vec<Value> = (0..201).map(|number| tag(&format!("k{number}"), "v")).collect();
    check(
        Personality::Bedrock,
        "/async-invoke",
        vec![
            (set(base(), "/modelId", Value::Null), "modelId"),
            (set(base(), "/modelInput", Value::Null), "modelInput"),
            (set(base(), "/outputDataConfig", Value::Null), "outputDataConfig"),
            (set(base(), "/extra", json!(1)), "extraneous key [extra]"),
            (set(base(), "/modelId", json!("anthropic.claude-opus-5-5")), "asynchronous invocation"),
            (set(base(), "/modelId", json!("amazon.nova-reel v1")), "letters, digits"),
            (set(base(), "/outputDataConfig/s3OutputDataConfig/s3Uri", json!("s3://B/x")), "s3://[a-z0-9]"),
            (set(base(), "/outputDataConfig/s3OutputDataConfig/bucketOwner", json!("12")), "[0-9]{12}"),
            (set(base(), "/outputDataConfig", json!({ "file": {} })), "s3OutputDataConfig"),
            (set(base(), "/tags", json!([tag("a", "b|c")])), "[a-zA-Z0-9\\\\s._:/=+@-]*"),
            (set(base(), "/tags", json!([tag("a", "b"), tag("a", "c")])), "Duplicate tag keys"),
            (set(base(), "/tags", json!(many)), "less than or equal to 200"),
            (set(base(), "/clientRequestToken", json!("a b")), "[!-~]{1,256}"),
        ],
    )
    .await;
}
