//! Bedrock's OpenAI- and Anthropic-compatible surfaces, at the runtime and at the mantle endpoint.

use crate::matrix::check;
use crate::recorder::Recorder;
use crate::speak::{CHAT, MANNERS, Manner, ask, error};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World};
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::usage::ServiceTier;
use tg_proxy::cost::Basis;
use tg_sim::{Operation, Personality};
use tg_store::key::NewKey;
use tg_store::ledger::{Dimension, ReportQuery};

const GPT: &str = "us.openai.gpt-6-luna";
const OSS: &str = "openai.gpt-oss-20b";
const GEMMA: &str = "google.gemma-4-31b";
const OPUS: &str = "anthropic.claude-opus-5-5";
const US_OPUS: &str = "us.anthropic.claude-opus-5-5";

const KEYS: &str = "credentials: { access_key_id: 'env:SIM_ID', secret_access_key: 'env:SIM_SECRET' }";

/// `ONLY` stands for whether the models are had by surfaces only.
const RULES: &str = "surfaces: [\
    { models: ['openai.gpt-oss-*'], dialects: [openai_chat], endpoint: mantle, path: /v1, only: ONLY }, \
    { models: ['*openai.*'], dialects: [openai_chat, openai_responses], only: ONLY }, \
    { models: ['google.*'], dialects: [openai_responses], endpoint: mantle, only: ONLY }, \
    { models: ['anthropic.claude-opus-5-5'], dialects: [anthropic_messages], endpoint: mantle, only: ONLY }, \
    { models: ['us.anthropic.claude-opus-5-5'], dialects: [anthropic_messages], only: ONLY }]";

/// A provider `door` with the usual surfaces and these members, and a name for each of its models.
fn setup(only: bool, more: &str) -> Setup {
    let rules = RULES.replace("ONLY", if only { "true" } else { "false" });
    let mut models = String::new();
    for (name, model) in [("gpt", GPT), ("oss", OSS), ("gemma", GEMMA), ("opus", OPUS), ("us-opus", US_OPUS)] {
        models += &format!("- {{ name: {name}, targets: [{{ provider: door, model: '{model}' }}] }}\n");
    }
    Setup {
        providers: format!("- {{ name: door, kind: bedrock, region: us-east-1, {rules}, {more} }}\n"),
        models,
        ..Setup::default()
    }
}

fn simulated(only: bool, more: &str) -> World {
    World::with(setup(only, &format!("base_url: 'BEDROCK_URL', mantle_url: 'MANTLE_URL', {more}")))
}

fn recorded(recorder: &Recorder) -> World {
    let at = recorder.address;
    let more = format!("base_url: 'http://{at}/run', mantle_url: 'http://{at}/mantle', api_key: 'env:SIM_KEY'");
    World::with(setup(false, &more))
}

/// The headers of this name that the provider got.
fn headers(world: &World, row: &Record, name: &str) -> Vec<String> {
    let sent = world.entry(row).detail.unwrap().headers;
    sent.into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
}

fn answered(world: &World, call: &Call) -> (Answer, Record) {
    let answer = world.send(call);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let row = world.row(&answer);
    (answer, row)
}

#[test]
fn every_dialect_reaches_models_that_only_surfaces_have() {
    let world = simulated(true, KEYS);
    let (mut calls, runtime, mantle) = (0, Personality::Bedrock, Personality::Mantle);
    for dialect in CHAT {
        let of_gpt =
            if dialect == Dialect::OpenaiResponses { Operation::Responses } else { Operation::ChatCompletions };
        for (name, model, endpoint, operation) in [
            ("gpt", GPT, runtime, of_gpt),
            ("oss", OSS, if of_gpt == Operation::Responses { runtime } else { mantle }, of_gpt),
            ("gemma", GEMMA, mantle, Operation::Responses),
            ("opus", OPUS, mantle, Operation::Messages),
            ("us-opus", US_OPUS, runtime, Operation::Messages),
        ] {
            for manner in MANNERS {
                let entry = check(&world, dialect, manner, (name, "door", model));
                assert_eq!((entry.personality, entry.operation), (endpoint, operation), "{dialect:?} {name}");
                calls += 1;
            }
        }
    }
    let snapshot = world.gateway().living.snapshot.load_full();
    let rows = world.finish();
    assert_eq!(rows.len(), calls);
    for row in &rows {
        // As it would be priced if it were found in the journal after a crash.
        assert_eq!(Basis::of(row, &snapshot).cost(row), row.cost, "{:?}", row.served);
    }
    // The same model has another price at mantle.
    let price =
        |model: &str| rows.iter().find(|row| &*row.served.as_ref().unwrap().model == model).unwrap().cost.price.clone();
    assert!(price(OPUS).contains("bedrock_mantle"), "{}", price(OPUS));
    assert!(!price(US_OPUS).contains("mantle"), "{}", price(US_OPUS));
}

#[test]
fn without_only_other_dialects_go_by_the_native_apis() {
    let world = simulated(false, KEYS);
    for dialect in CHAT {
        let operation = match dialect {
            Dialect::BedrockInvoke => Operation::Invoke,
            Dialect::AnthropicMessages => Operation::Messages,
            _ => Operation::Converse,
        };
        let (_, row) = answered(&world, &ask(dialect, Manner::Plain, "us-opus", "hi"));
        assert_eq!(world.entry(&row).operation, operation, "{dialect:?}");
    }
    for (dialect, endpoint, operation) in [
        (Dialect::OpenaiChat, Personality::Mantle, Operation::ChatCompletions),
        // Mantle's entry has no Responses: the next one that has counts.
        (Dialect::OpenaiResponses, Personality::Bedrock, Operation::Responses),
        (Dialect::AnthropicMessages, Personality::Bedrock, Operation::Converse),
    ] {
        let (_, row) = answered(&world, &ask(dialect, Manner::Streamed, "oss", "hi"));
        let entry = world.entry(&row);
        assert_eq!((entry.personality, entry.operation), (endpoint, operation), "{dialect:?}");
    }
}

#[test]
fn bytes_are_relayed_as_they_are_to_each_address() {
    let odd = "\"x_odd\" :\t{ \"z\":1.0e2,\"a\" : [1E+5 ,-0.0], \"\u{e4}\":\"\\u00e9\\/\" } ,\n";
    let recorder = Recorder::whole("application/json", "", b"{}");
    let world = recorded(&recorder);
    for (path, name, model, arrives_at) in [
        ("/v1/chat/completions", "gpt", GPT, "/run/openai/v1/chat/completions"),
        ("/v1/responses", "gpt", GPT, "/run/openai/v1/responses"),
        ("/v1/chat/completions", "oss", OSS, "/mantle/v1/chat/completions"),
        ("/v1/responses", "gemma", GEMMA, "/mantle/openai/v1/responses"),
        ("/v1/messages?beta=true", "opus", OPUS, "/mantle/anthropic/v1/messages"),
        ("/v1/messages/count_tokens", "opus", OPUS, "/mantle/anthropic/v1/messages/count_tokens"),
        ("/v1/messages", "us-opus", US_OPUS, "/run/anthropic/v1/messages"),
    ] {
        let body = |model: &str| {
            format!(
                "\n{{{odd}\"model\" : \"{model}\",  \"input\":[] ,\"messages\":[],\"tools\":[{{\"type\":\"custom\" }}] }}\n"
            )
        };
        world.send(&Call::post(path, body(name)).header("anthropic-beta", "a,b"));
        let seen = recorder.last();
        assert_eq!((seen.path(), seen.text()), (arrives_at, body(model)), "{path} {name}");
        assert_eq!(seen.header("authorization"), ["Bearer sim-provider-key"], "{path} {name}");
        assert_eq!(seen.header("anthropic-beta"), ["a,b"], "{path} {name}");
        let versions = seen.header("anthropic-version");
        assert_eq!(versions.len(), usize::from(path.contains("messages")), "{path} {name}: {versions:?}");
    }
}

#[test]
fn a_stream_comes_back_byte_for_byte() {
    let frames = [
        ": a comment\n\n",
        "event: message_start\ndata: {\"type\" : \"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}},\"x\":1.0e2 }\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}}\r\n\r\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ];
    let pieces: Vec<Vec<u8>> = frames.concat().as_bytes().chunks(7).map(<[u8]>::to_vec).collect();
    let recorder = Recorder::chunked("text/event-stream; charset=utf-8", &pieces);
    let world = recorded(&recorder);
    let (answer, row) = answered(&world, &ask(Dialect::AnthropicMessages, Manner::Streamed, "opus", "hi"));
    assert_eq!(answer.text(), frames.concat());
    assert_eq!((row.usage.input_tokens, row.usage.output_tokens), (3, 5));
}

#[test]
fn tokens_are_counted_where_messages_are() {
    let world = simulated(true, KEYS);
    let body = json!({"model": "opus", "messages": [{"role": "user", "content": "one two three"}]});
    let converse =
        json!({"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "one two three"}]}]}}});
    for call in [
        Call::post("/v1/messages/count_tokens", body.to_string()).header("anthropic-version", "2023-06-01"),
        Call::post("/model/opus/count-tokens", converse.to_string()),
    ] {
        let (answer, row) = answered(&world, &call);
        let counted = answer.json();
        assert_eq!(counted.get("input_tokens").or(counted.get("inputTokens")), Some(&json!(4)), "{counted}");
        let entry = world.entry(&row);
        assert_eq!((entry.personality, entry.operation), (Personality::Mantle, Operation::CountTokens));
    }
    // Where nothing counts, it is estimated.
    let body = Value::from_iter([("model", json!("us-opus")), ("messages", body["messages"].clone())]);
    let (answer, _) = answered(&world, &Call::post("/v1/messages/count_tokens", body.to_string()));
    assert_eq!(answer.header("x-tallygate-losses"), "input_tokens=changed");
}

#[test]
fn sessions_sign_for_the_service_of_each_endpoint() {
    let role = "arn:aws:iam::123456789012:role/calls";
    let world = simulated(true, &format!("{KEYS}, assume_role: {{ role_arn: '{role}', sts_url: 'STS_URL' }}"));
    for (name, endpoint) in [("gpt", Personality::Bedrock), ("opus", Personality::Mantle)] {
        let (_, row) = answered(&world, &ask(Dialect::OpenaiChat, Manner::Plain, name, "hi"));
        let entry = world.entry(&row);
        let session = row.served.as_ref().unwrap().session.as_deref();
        assert_eq!((entry.personality, session), (endpoint, Some("tg-red.alpha.prod")));
        assert_eq!(entry.aws_session.as_deref(), session);
    }
    assert_eq!(world.sim.sts.assumed().len(), 1, "one session signs for both");
    // Each endpoint refuses the other's scope.
    let crossed = World::with(setup(true, &format!("base_url: 'MANTLE_URL', mantle_url: 'BEDROCK_URL', {KEYS}")));
    for name in ["gpt", "gemma", "us-opus", "opus"] {
        let answer = crossed.send(&ask(Dialect::OpenaiChat, Manner::Plain, name, "hi"));
        let (code, message) = error(Dialect::OpenaiChat, &answer);
        assert_eq!((answer.status, code.as_str()), (502, "upstream_credentials_invalid"), "{name}: {message}");
        assert_eq!(crossed.entry(&crossed.row(&answer)).status, 403);
    }
}

#[test]
fn an_api_key_is_a_bearer_at_both_endpoints_and_aws_own_address_stays_out_of_it() {
    let world = simulated(true, "api_key: 'env:SIM_KEY'");
    for name in ["gpt", "opus"] {
        answered(&world, &ask(Dialect::BedrockConverse, Manner::Streamed, name, "hi"));
    }
    // Only the mantle endpoint is on this machine.
    let world = World::with(setup(true, "mantle_url: 'MANTLE_URL', api_key: 'env:SIM_KEY'"));
    answered(&world, &ask(Dialect::AnthropicMessages, Manner::Plain, "opus", "hi"));
}

/// As Codex sends it, with a tool that OpenAI runs.
fn codex(name: &str, more: &str) -> Call {
    let shell = r#"{ "type":"function","name":"shell","parameters":{"type":"object","properties":{}},"strict":false }"#;
    Call::post(
        "/v1/responses",
        format!(
            r#"{{"model":"{name}","input":"hi","tools":[{shell}, {{"type":"web_search"}}],"tool_choice":"auto"{more}}}"#
        ),
    )
    .header("content-type", "application/json")
}

#[test]
fn tools_that_the_runtime_does_not_run_are_left_out_and_named() {
    let mut setup = setup(false, &format!("base_url: 'BEDROCK_URL', mantle_url: 'MANTLE_URL', {KEYS}"));
    setup.models +=
        &format!("- {{ name: strict, on_loss: reject, targets: [{{ provider: door, model: '{GPT}' }}] }}\n");
    let world = World::with(setup);
    for stream in ["", r#","stream":true"#] {
        let call = codex("gpt", stream);
        let (answer, row) = answered(&world, &call);
        assert_eq!(
            (answer.header("x-tallygate-losses"), row.losses.as_slice()),
            ("tools.1", &["tools.1".to_owned()][..])
        );
        let arrived = world.entry(&row).detail.unwrap().body;
        let sent = String::from_utf8(call.body).unwrap();
        assert_eq!(arrived, sent.replace("\"gpt\"", &format!("\"{GPT}\"")).replace(r#", {"type":"web_search"}"#, ""));
    }
    let refused = world.send(&codex("strict", ""));
    assert_eq!((refused.status, error(Dialect::OpenaiResponses, &refused).0.as_str()), (400, "not_expressible"));
    // Mantle runs such tools, and answers in the background.
    let (answer, _) = answered(&world, &codex("gemma", r#","background":true"#));
    assert_eq!(answer.header("x-tallygate-losses"), "");
    let refused = world.send(&codex("gpt", r#","background":true"#));
    assert_eq!(
        (refused.status, refused.json()["error"]["param"].as_str(), refused.header("x-tallygate-error-code")),
        (400, Some("background"), "stateful_unsupported"),
        "{}",
        refused.text()
    );
    assert!(world.row(&refused).served.is_none(), "nothing was sent");
}

#[test]
fn calls_to_mantle_count_to_the_projects_of_their_team() {
    let projects = "mantle_projects: [{ team: red, id: proj_team }, { team: red, project: alpha, id: proj_alpha }]";
    let world = simulated(true, &format!("{KEYS}, {projects}"));
    let beta = world.issue(&NewKey { project: Some("beta".to_owned()), ..world.new_key("red") });
    for (dialect, name, header) in [
        (Dialect::OpenaiChat, "oss", "openai-project"),
        (Dialect::OpenaiResponses, "gemma", "openai-project"),
        (Dialect::AnthropicMessages, "opus", "anthropic-workspace-id"),
        (Dialect::BedrockConverse, "opus", "anthropic-workspace-id"),
    ] {
        for (key, project, id) in [(world.secret(), "alpha", "proj_alpha"), (&beta.secret, "beta", "proj_team")] {
            // The caller's own names of projects are the gateway's business.
            let call = ask(dialect, Manner::Plain, name, "hi").header("openai-project", project);
            let call = call.header("anthropic-workspace-id", "proj_of_somebody_else");
            let answer = call.bearer(key.expose()).send(world.address);
            assert_eq!(answer.status, 200, "{dialect:?} {name}: {}", answer.text());
            let row = world.row(&answer);
            assert_eq!(headers(&world, &row, header), [id], "{dialect:?} {name}");
            assert_eq!(row.served.unwrap().profile.as_deref(), Some(id), "{dialect:?} {name}");
        }
    }
    let (_, row) = answered(&world, &ask(Dialect::OpenaiChat, Manner::Plain, "gpt", "hi"));
    assert!(headers(&world, &row, "openai-project").is_empty() && row.served.unwrap().profile.is_none());
    let query = ReportQuery { by: vec![Dimension::Profile], ..ReportQuery::default() };
    let report = world.gateway().store.ledger().unwrap().report(&query).unwrap();
    let mut groups: Vec<_> = report.rows.iter().map(|row| (row.group[0].as_deref(), row.figures.calls)).collect();
    groups.sort_unstable();
    assert_eq!(groups, [(None, 1), (Some("proj_alpha"), 4), (Some("proj_team"), 4)]);
}

#[test]
fn a_profile_is_named_only_where_it_can_be() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/red0000001";
    let profiles = format!("inference_profiles: [{{ model: '{US_OPUS}', team: red, arn: '{arn}' }}]");
    let mut setup = setup(true, &format!("base_url: 'BEDROCK_URL', mantle_url: 'MANTLE_URL', {KEYS}, {profiles}"));
    setup.providers =
        setup.providers.replace("dialects: [anthropic_messages], only: true", "dialects: [anthropic_messages]");
    setup.models += &format!("- {{ name: by-arn, targets: [{{ provider: door, model: '{arn}' }}] }}\n");
    let world = World::with(setup);
    for (dialect, name, operation, profile) in [
        (Dialect::AnthropicMessages, "us-opus", Operation::Messages, None),
        (Dialect::OpenaiChat, "us-opus", Operation::Converse, Some(arn)),
        // Who names a profile means it.
        (Dialect::AnthropicMessages, "by-arn", Operation::Invoke, Some(arn)),
    ] {
        let (_, row) = answered(&world, &ask(dialect, Manner::Plain, name, "hi"));
        let served = row.served.as_ref().unwrap();
        assert_eq!((&*served.model, served.profile.as_deref()), (US_OPUS, profile), "{dialect:?} {name}");
        assert_eq!((world.entry(&row).operation, row.cost.pricing), (operation, Pricing::Priced), "{dialect:?} {name}");
    }
}

#[test]
fn headers_of_features_that_a_surface_does_not_have_are_losses() {
    let world = simulated(true, KEYS);
    let [guardrail, trace, metadata] =
        ["guardrailidentifier", "trace", "request-metadata"].map(|name| format!("x-amzn-bedrock-{name}"));
    for (name, features, losses, kept) in [
        ("gpt", vec![&guardrail, &trace, &metadata], vec![&metadata], vec![&guardrail, &trace]),
        ("oss", vec![&trace, &metadata], vec![&metadata, &trace], vec![]),
    ] {
        let mut call = ask(Dialect::OpenaiChat, Manner::Plain, name, "hi");
        for feature in &features {
            call = call.header(feature, r#"{"tallygate:team":"blue"}"#);
        }
        let (_, row) = answered(&world, &call);
        assert_eq!(row.losses.iter().collect::<Vec<_>>(), losses, "{name}");
        let arrived: Vec<_> = features.into_iter().filter(|header| !headers(&world, &row, header).is_empty()).collect();
        assert_eq!(arrived, kept, "{name}");
    }
}

/// With a guardrail, as each of Bedrock's APIs names one.
fn guarded(dialect: Dialect, name: &str) -> Call {
    let mut call = ask(dialect, Manner::Plain, name, "hi");
    if dialect != Dialect::BedrockConverse {
        return call.header("x-amzn-bedrock-guardrailidentifier", "gr1").header("x-amzn-bedrock-guardrailversion", "1");
    }
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    body["guardrailConfig"] = json!({"guardrailIdentifier": "gr1", "guardrailVersion": "1"});
    call.body = body.to_string().into();
    call
}

#[test]
fn a_guardrail_is_honoured_or_the_call_is_not_made() {
    let mut setup = setup(true, &format!("base_url: 'BEDROCK_URL', mantle_url: 'MANTLE_URL', {KEYS}"));
    setup.models += "- { name: either, targets: [{ provider: anthropic, model: claude-haiku-4-5 }, \
         { provider: door, model: 'us.anthropic.claude-haiku-4-5-20251001-v1:0' }] }\n";
    let world = World::with(setup);
    for (dialect, names, place) in [
        (
            Dialect::BedrockInvoke,
            ["on-anthropic", "on-openai", "opus", "us-opus"],
            "x-amzn-bedrock-guardrailidentifier",
        ),
        (Dialect::BedrockConverse, ["on-anthropic", "on-openai", "gpt", "opus"], "guardrailConfig"),
        (Dialect::AnthropicMessages, ["on-bedrock", "on-openai", "opus", "gpt"], "x-amzn-bedrock-guardrailidentifier"),
        (Dialect::OpenaiChat, ["on-bedrock", "on-anthropic", "oss", "gemma"], "x-amzn-bedrock-guardrailidentifier"),
    ] {
        for name in names {
            let refused = world.send(&guarded(dialect, name));
            let (_, message) = error(dialect, &refused);
            let code = refused.header("x-tallygate-error-code");
            assert_eq!((refused.status, code), (400, "guardrail_unsupported"), "{dialect:?} {name}: {message}");
            assert!(message.contains(&format!("'{place}'")), "{message}");
            assert!(world.row(&refused).served.is_none(), "{dialect:?} {name}");
        }
    }
    assert!(world.sim.books.entries().is_empty(), "nothing was sent");
    // A later target may have it.
    for dialect in [Dialect::BedrockInvoke, Dialect::BedrockConverse] {
        let (answer, row) = answered(&world, &guarded(dialect, "either"));
        assert_eq!((answer.header("x-tallygate-provider"), row.losses.len()), ("door", 0), "{dialect:?}");
        let sent = world.entry(&row).detail.unwrap();
        let by_header =
            sent.headers.iter().any(|(name, value)| name.ends_with("guardrailidentifier") && value == "gr1");
        assert!(by_header || sent.body.contains(r#""guardrailIdentifier":"gr1""#), "{dialect:?}");
    }
    // Nothing is generated where tokens are counted.
    let body = json!({"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}}});
    let count = Call::post("/model/on-anthropic/count-tokens", body.to_string());
    answered(&world, &count.header("x-amzn-bedrock-guardrailidentifier", "gr1"));
}

#[test]
fn headers_of_bedrock_that_do_not_travel_are_losses_and_their_tier_is_not_booked() {
    let mut setup = setup(true, &format!("base_url: 'BEDROCK_URL', mantle_url: 'MANTLE_URL', {KEYS}"));
    setup.models +=
        "- { name: strict, on_loss: reject, targets: [{ provider: anthropic, model: claude-haiku-4-5 }] }\n";
    let world = World::with(setup);
    let with = |name: &str| {
        let call = ask(Dialect::BedrockInvoke, Manner::Plain, name, "hi").header("x-amzn-bedrock-service-tier", "flex");
        call.header("x-amzn-bedrock-accept", "application/json")
    };
    for name in ["on-anthropic", "on-openai", "us-opus", "gpt"] {
        let (answer, row) = answered(&world, &with(name).header("x-amzn-bedrock-trace", "ENABLED"));
        let lost = answer.header("x-tallygate-losses");
        assert!(
            lost.contains("x-amzn-bedrock-service-tier") && lost.contains("x-amzn-bedrock-trace"),
            "{name}: {lost}"
        );
        assert!(!lost.contains("accept"), "{lost}");
        assert_eq!(row.served.unwrap().tier, ServiceTier::Default, "{name}");
    }
    let refused = world.send(&with("strict"));
    assert_eq!(refused.header("x-tallygate-error-code"), "not_expressible");
    // In Converse it is a member.
    let mut call = ask(Dialect::BedrockConverse, Manner::Plain, "on-anthropic", "hi");
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    body["serviceTier"] = json!({"type": "flex"});
    call.body = body.to_string().into();
    let (answer, row) = answered(&world, &call);
    assert!(answer.header("x-tallygate-losses").contains("service_tier"));
    assert_eq!(row.served.unwrap().tier, ServiceTier::Default);
}

#[test]
fn models_that_mantle_alone_has_are_listed_where_it_is_used() {
    let mut setup = setup(true, &format!("base_url: 'BEDROCK_URL', mantle_url: 'MANTLE_URL', {KEYS}"));
    for pattern in ["google.*", "openai.*", "amazon.*"] {
        setup.models += &format!("- {{ name: '{pattern}', targets: [{{ provider: door }}] }}\n");
    }
    let world = World::with(setup);
    for (path, place, member) in
        [("/v1/models", "data", "id"), ("/inference-profiles", "inferenceProfileSummaries", "inferenceProfileId")]
    {
        let json = world.send(&Call::new("GET", path)).json();
        let ids: Vec<_> = json[place].as_array().unwrap().iter().map(|one| one[member].as_str().unwrap()).collect();
        assert!(ids.contains(&GEMMA), "{path}");
        // The entry for it names the runtime endpoint, which has no such model.
        assert!(!ids.contains(&"openai.gpt-5.5"), "{path}");
        assert!(ids.contains(&"amazon.nova-lite-v1:0"), "{path}");
    }
}

#[test]
fn what_a_surface_refuses_goes_on_as_it_came() {
    let world = simulated(true, KEYS);
    let mut call = ask(Dialect::AnthropicMessages, Manner::Plain, "opus", "hi");
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    body["output_config"] = json!({"format": {"type": "json_schema", "schema": {"type": "object"}}});
    call.body = body.to_string().into();
    let refused = world.send(&call);
    let (kind, message) = error(Dialect::AnthropicMessages, &refused);
    assert_eq!((refused.status, kind.as_str()), (400, "invalid_request_error"));
    assert!(message.starts_with("output_config.format"), "{message}");
    let row = world.row(&refused);
    assert!(row.served.unwrap().request_id.is_some_and(|id| id.starts_with("00000000-0000-4000-8000-")));
    // The wrong path for a model is its operator's matter, and said in the caller's dialect.
    let wrong = setup(true, &format!("base_url: 'BEDROCK_URL', mantle_url: 'MANTLE_URL', {KEYS}"));
    let world = World::with(Setup { providers: wrong.providers.replace("path: /v1, ", ""), ..wrong });
    for dialect in [Dialect::OpenaiChat, Dialect::AnthropicMessages] {
        let refused = world.send(&ask(dialect, Manner::Plain, "oss", "hi"));
        let (_, message) = error(dialect, &refused);
        assert!(refused.status == 400 && message.contains("isn't supported on this route"), "{message}");
    }
}

#[test]
fn what_aws_refuses_before_a_surface_is_said_in_the_callers_dialect() {
    let body = r#"{"message":"Too many requests, please wait before trying again."}"#;
    let head = format!(
        "HTTP/1.1 429 Too Many Requests\r\nx-amzn-errortype: ThrottlingException:http://internal.amazon.com/\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let recorder = Recorder::answering(vec![head.into_bytes()]);
    let world = recorded(&recorder);
    for (dialect, name, expected) in [
        (Dialect::OpenaiChat, "gpt", "rate_limit_exceeded"),
        (Dialect::OpenaiResponses, "gemma", "rate_limit_exceeded"),
        (Dialect::AnthropicMessages, "opus", "rate_limit_error"),
    ] {
        let refused = world.send(&ask(dialect, Manner::Plain, name, "hi"));
        let (kind, message) = error(dialect, &refused);
        assert_eq!((refused.status, kind.as_str()), (429, expected), "{message}");
    }
}
