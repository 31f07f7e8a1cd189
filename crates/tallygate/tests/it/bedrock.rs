//! Bedrock's own operations: bodies of every family, guardrails, profiles, its exceptions.

use crate::matrix::usage_of;
use crate::recorder::Recorder;
use crate::speak::{MANNERS, Manner, echo, error, frames};
use crate::wire::{Answer, Call};
use crate::world::{HAIKU, Setup, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::record::{Ending, Pricing};
use tg_kernel::usage::UsageSource;
use tg_store::key::NewKey;

/// Every family by its own name at the one Bedrock provider.
fn world() -> World {
    let mut models = String::new();
    for family in ["amazon.*", "meta.*", "mistral.*", "cohere.*", "deepseek.*", "ai21.*", "openai.*", "qwen.*"] {
        models += &format!("- {{ name: '{family}', targets: [{{ provider: bedrock }}] }}\n");
    }
    World::with(Setup { models, ..Setup::default() })
}

/// A model of each family, its body for a prompt, and where its whole answer has the text.
fn families(prompt: &str) -> Vec<(&'static str, Value, &'static str)> {
    let chat = json!({"messages": [{"role": "user", "content": prompt}], "max_tokens": 200});
    let choice = "/choices/0/message/content";
    vec![
        (
            "amazon.nova-lite-v1:0",
            json!({"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": prompt}]}],
                "inferenceConfig": {"maxTokens": 200}}),
            "/output/message/content/0/text",
        ),
        ("meta.llama3-3-70b-instruct-v1:0", json!({"prompt": prompt, "max_gen_len": 200}), "/generation"),
        ("mistral.mistral-large-2407-v1:0", chat.clone(), choice),
        ("cohere.command-r-plus-v1:0", json!({"message": prompt, "max_tokens": 200}), "/text"),
        ("deepseek.v3-v1:0", chat.clone(), choice),
        ("ai21.jamba-1-5-mini-v1:0", chat.clone(), choice),
        ("openai.gpt-oss-20b-1:0", chat.clone(), choice),
        ("qwen.qwen3-32b-v1:0", chat, choice),
    ]
}

fn invoke(model: &str, manner: Manner, body: &Value) -> Call {
    let verb = if manner == Manner::Plain { "invoke" } else { "invoke-with-response-stream" };
    Call::post(format!("/model/{model}/{verb}"), body.to_string())
}

/// The text in all chunks of a stream.
fn streamed_text(answer: &Answer) -> String {
    let inner = frames(&answer.body).into_iter().map(|(_, _, payload)| {
        serde_json::from_slice::<Value>(&STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap()).unwrap()
    });
    let places =
        ["/contentBlockDelta/delta/text", "/generation", "/choices/0/delta/content", "/text"].map(str::to_owned);
    inner
        .filter_map(|event| places.iter().find_map(|place| event.pointer(place)?.as_str().map(str::to_owned)))
        .collect()
}

#[test]
fn invoke_of_every_family_is_relayed_and_booked() {
    let world = world();
    for (model, body, place) in families("a red bicycle") {
        for manner in MANNERS {
            let answer = world.send(&invoke(model, manner, &body));
            assert_eq!(answer.status, 200, "{model} {manner:?}: {}", answer.text());
            let text = match manner {
                Manner::Plain => answer.json().pointer(place).unwrap().as_str().unwrap().to_owned(),
                Manner::Streamed => streamed_text(&answer),
            };
            assert_eq!(text, echo("a red bicycle", 30), "{model} {manner:?}");
            let row = world.row(&answer);
            let entry = world.entry(&row);
            assert_eq!(entry.detail.unwrap().body, body.to_string(), "{model} {manner:?}: byte for byte");
            assert_eq!(row.usage, usage_of(&entry.counts), "{model} {manner:?}");
            assert_eq!((row.usage_source, row.ending), (UsageSource::Reported, Ending::Ok), "{model} {manner:?}");
            assert_eq!(row.served.unwrap().stop.as_deref(), Some("end_turn"), "{model} {manner:?}");
        }
    }
}

#[test]
fn a_stream_of_any_family_that_is_cut_off_is_estimated() {
    let world = world();
    for (model, body, _) in families("[[sim: tokens=40 die_after=3]] a red bicycle") {
        let answer = world.send(&invoke(model, Manner::Streamed, &body));
        let row = world.row(&answer);
        let entry = world.entry(&row);
        assert_eq!((row.usage_source, row.ending), (UsageSource::Estimated, Ending::Truncated), "{model}");
        assert!(row.usage.output_tokens >= entry.output_emitted, "{model}: {:?} {entry:?}", row.usage);
        assert!(row.usage.output_tokens <= 3 * entry.output_emitted + 60, "{model}: {:?} {entry:?}", row.usage);
    }
}

fn apply(path: &str, text: &str) -> Call {
    Call::post(path, format!("{{ \"source\":\"INPUT\" ,\"content\":[{{\"text\":{{\"text\":\"{text}\"}}}}]}}\n"))
}

#[test]
fn guardrails_are_asked_through_the_same_flow() {
    let world = world();
    let arn = "arn:aws:bedrock:us-east-1:123456789012:guardrail/gr1abc";
    for (path, arrives, model) in [
        (
            "/guardrail/gr1abc/version/DRAFT/apply".to_owned(),
            "gr1abc/version/DRAFT",
            "guardrail/gr1abc/DRAFT".to_owned(),
        ),
        ("/bedrock/guardrail/gr1abc/version/3/apply".to_owned(), "gr1abc/version/3", "guardrail/gr1abc/3".to_owned()),
        (
            format!("/guardrail/{}/version/1/apply", arn.replace(':', "%3A").replace('/', "%2F")),
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aguardrail%2Fgr1abc/version/1",
            format!("guardrail/{arn}/1"),
        ),
    ] {
        for (text, action) in [("hello", "NONE"), ("something forbidden", "GUARDRAIL_INTERVENED")] {
            let call = apply(&path, text);
            let answer = world.send(&call);
            assert_eq!((answer.status, &answer.json()["action"]), (200, &json!(action)), "{path}: {}", answer.text());
            assert_eq!(answer.json()["usage"]["contentPolicyUnits"], 1);
            assert_eq!(answer.header("x-tallygate-cost-usd"), "unknown");
            let row = world.row(&answer);
            assert_eq!((row.asked.operation, &*row.asked.model), (Operation::Guardrail, &*model));
            assert_eq!((row.ending, row.usage.total_tokens()), (Ending::Ok, 0), "{path}");
            assert_eq!((row.cost.pricing, row.usage_source), (Pricing::Unpriced, UsageSource::Reported), "{path}");
            assert_eq!(&*row.attribution.team, "red");
            assert_eq!(&*row.served.as_ref().unwrap().provider, "bedrock");
            let detail = world.entry(&row).detail.unwrap();
            assert_eq!(detail.path, format!("/guardrail/{arrives}/apply"));
            assert_eq!(detail.body.as_bytes(), call.body);
        }
    }
    for path in ["/guardrail-checks/invoke", "/bedrock/guardrail-checks/invoke"] {
        let body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}],
            "checks": {"promptAttack": {"categories": [{"category": "JAILBREAK"}]}}});
        let answer = world.send(&Call::post(path, body.to_string()));
        assert_eq!(answer.json()["usage"]["promptAttack"]["textUnits"], 1, "{path}: {}", answer.text());
        let row = world.row(&answer);
        assert_eq!((row.asked.operation, &*row.asked.model), (Operation::Guardrail, "guardrail-checks"));
    }
    let wrong = world.send(&Call::post("/guardrail/gr1abc/version/1/apply", "{}"));
    assert_eq!((wrong.status, error(Dialect::BedrockConverse, &wrong).0.as_str()), (400, "ValidationException"));
    assert_eq!(world.row(&wrong).ending, Ending::ProviderError);
}

#[test]
fn guardrails_follow_permissions_policies_and_routes() {
    let text = || apply("/guardrail/gr1abc/version/1/apply", "hi");
    let teams = "- { name: red, projects: [alpha], environments: [prod] }\n".to_owned();
    let world = World::with(Setup { pricing: "{ unknown_price: deny }".to_owned(), teams, ..Setup::default() });
    let answer = world.send(&text());
    assert_eq!((answer.status, answer.header("x-tallygate-error-code")), (403, "price_unknown"));
    let narrow = world.issue(&NewKey { models: vec!["us.*".to_owned()], ..world.new_key("red") });
    let answer = text().bearer(narrow.secret.expose()).send(world.address);
    assert_eq!((answer.status, answer.header("x-tallygate-error-code")), (403, "model_not_allowed"));

    // A ceiling is one per token: it says nothing about units of text.
    let pricing =
        "{ unknown_price: ceiling, ceiling: { input: '10.00 USD per 1M tokens', output: '20.00 USD per 1M tokens' } }"
            .to_owned();
    let world = World::with(Setup { pricing, ..Setup::default() });
    let answer = world.send(&text());
    assert_eq!((answer.status, world.row(&answer).cost.pricing), (200, Pricing::Unpriced), "{}", answer.text());

    let recorder = Recorder::whole("application/json", "", br#"{"action":"NONE"}"#);
    let providers = format!(
        "- {{ name: second, kind: bedrock, region: eu-west-1, base_url: 'http://{}', api_key: 'env:SIM_KEY' }}\n",
        recorder.address
    );
    let world = World::with(Setup { providers: providers.clone(), ..Setup::default() });
    assert_eq!(world.send(&text()).status, 404, "which of two is not guessed");
    for (models, path) in [
        ("- { name: 'guardrail*', targets: [{ provider: second }] }\n", "/guardrail/gr1abc/version/1/apply"),
        (
            "- { name: 'guardrail/gr1abc/*', targets: [{ provider: second, model: 'guardrail/gr9/2' }] }\n",
            "/guardrail/gr9/version/2/apply",
        ),
    ] {
        let world = World::with(Setup { providers: providers.clone(), models: models.to_owned(), ..Setup::default() });
        let answer = world.send(&text());
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(recorder.last().path(), path);
    }
    let models = "- { name: 'guardrail*', targets: [{ provider: anthropic }] }\n".to_owned();
    let world = World::with(Setup { models, ..Setup::default() });
    let answer = world.send(&text());
    assert_eq!((answer.status, answer.header("x-tallygate-error-code")), (400, "operation_unsupported"));
}

#[test]
fn profiles_are_listed_as_far_as_they_may_be_used() {
    let world = World::start();
    let narrow = world.issue(&NewKey { models: vec!["us.anthropic.*".to_owned()], ..world.new_key("red") });
    for path in ["/inference-profiles?type=SYSTEM_DEFINED", "/bedrock/inference-profiles"] {
        let answer = Call::new("GET", path).bearer(narrow.secret.expose()).send(world.address);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let json = answer.json();
        let all = json["inferenceProfileSummaries"].as_array().unwrap();
        assert!(all.iter().any(|profile| profile["inferenceProfileId"] == HAIKU), "{json}");
        for profile in all {
            let id = profile["inferenceProfileId"].as_str().unwrap();
            assert!(id.starts_with("us.anthropic."), "{id}");
            assert_eq!((&profile["status"], &profile["type"]), (&json!("ACTIVE"), &json!("SYSTEM_DEFINED")));
            assert_eq!((&profile["inferenceProfileArn"], &profile["models"][0]["modelArn"]), (&json!(id), &json!(id)));
        }
    }
    let one = |id: &str| Call::new("GET", format!("/inference-profiles/{id}")).bearer(narrow.secret.expose());
    assert_eq!(one(&HAIKU.replace(':', "%3A")).send(world.address).json()["inferenceProfileId"], HAIKU);
    let other = one("on-openai").send(world.address);
    assert_eq!((other.status, error(Dialect::BedrockConverse, &other).0.as_str()), (404, "ResourceNotFoundException"));
    let stranger = Call::new("GET", "/inference-profiles").send(world.address);
    assert_eq!(stranger.header("x-amzn-errortype"), "UnrecognizedClientException");
}

#[test]
fn operations_that_are_not_offered_are_refused_in_bedrocks_shape() {
    let world = World::start();
    let answer = world.send(&Call::post("/model/amazon.nova-sonic-v1%3A0/invoke-with-bidirectional-stream", ""));
    let (kind, message) = error(Dialect::BedrockInvoke, &answer);
    assert_eq!((answer.status, kind.as_str()), (400, "ValidationException"));
    assert_eq!(answer.header("x-tallygate-error-code"), "operation_unsupported");
    assert!(message.contains("not offered"), "{message}");
    assert!(world.sim.books.entries().is_empty());
}

/// Guardrail, latency, tier and variables of a prompt that a caller sets arrive as they were written.
#[test]
fn what_callers_set_for_themselves_is_kept() {
    let recorder = Recorder::whole("application/json", "", b"{}");
    let providers = format!(
        "- {{ name: rec, kind: bedrock, region: us-east-1, base_url: 'http://{}', api_key: 'env:SIM_KEY', \
         request_metadata: off }}\n",
        recorder.address
    );
    let models = "- { name: 'arn:aws:bedrock:us-east-1:123456789012:prompt/*', targets: [{ provider: rec }] }\n\
                  - { name: 'meta.*', targets: [{ provider: rec }] }\n"
        .to_owned();
    let world = World::with(Setup { providers, models, ..Setup::default() });
    let prompt = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprompt%2FPROMPT12345%3A1";
    let body = r#"{ "promptVariables":{"topic" : {"text":"\u0061"}}, "guardrailConfig":{"guardrailIdentifier":"g1","guardrailVersion":"1","trace":"enabled_full"},"performanceConfig":{"latency":"optimized"} ,"serviceTier":{"type":"priority"},"additionalModelResponseFieldPaths":["/a"]}"#;
    for verb in ["converse", "converse-stream"] {
        world.send(&Call::post(format!("/model/{prompt}/{verb}"), body));
        assert_eq!(
            (recorder.last().text(), recorder.last().path()),
            (body.to_owned(), &*format!("/model/{prompt}/{verb}"))
        );
    }
    let headers = [
        ("x-amzn-bedrock-guardrailidentifier", "g1"),
        ("x-amzn-bedrock-guardrailversion", "DRAFT"),
        ("x-amzn-bedrock-trace", "ENABLED_FULL"),
        ("x-amzn-bedrock-performanceconfig-latency", "optimized"),
        ("x-amzn-bedrock-service-tier", "flex"),
    ];
    let call = invoke("meta.llama3-8b-instruct-v1:0", Manner::Plain, &json!({"prompt": "hi"}));
    world.send(&headers.iter().fold(call, |call, (name, value)| call.header(name, value)));
    for (name, value) in headers {
        assert_eq!(recorder.last().header(name), [value], "{name}");
    }
}

/// What Bedrock says, with its headers, is what a caller of Bedrock hears; a code tells that the provider said it.
#[test]
fn exceptions_of_bedrock_go_on_as_they_came() {
    for (status, exception, code) in [
        (400, "ValidationException", "upstream_refused"),
        (400, "ConflictException", "upstream_refused"),
        (404, "ResourceNotFoundException", "upstream_not_found"),
        (408, "ModelTimeoutException", "upstream_timeout"),
        (424, "ModelErrorException", "upstream_error"),
        (424, "ModelStreamErrorException", "upstream_error"),
        (429, "ThrottlingException", "upstream_limited"),
        (429, "ModelNotReadyException", "upstream_limited"),
        (500, "InternalServerException", "upstream_error"),
        (503, "ServiceUnavailableException", "upstream_overloaded"),
    ] {
        let body = format!(r#"{{ "message":"It was {exception}." ,"originalStatusCode":599}}"#);
        let head = format!(
            "HTTP/1.1 {status} Why\r\ncontent-type: application/json\r\nretry-after: 7\r\ncontent-length: {}\r\n\
             x-amzn-errortype: {exception}:http://internal.amazon.com/coral/com.amazon.bedrock/\r\n\
             x-amzn-requestid: r-1\r\n\r\n",
            body.len()
        );
        let recorder = Recorder::answering(vec![[head.as_bytes(), body.as_bytes()].concat()]);
        let providers = format!(
            "- {{ name: rec, kind: bedrock, region: us-east-1, base_url: 'http://{}', api_key: 'env:SIM_KEY' }}\n",
            recorder.address
        );
        let models = "- { name: 'meta.*', targets: [{ provider: rec }] }\n".to_owned();
        let world = World::with(Setup { providers, models, ..Setup::default() });
        for manner in MANNERS {
            let answer = world.send(&invoke("meta.llama3-8b-instruct-v1:0", manner, &json!({"prompt": "hi"})));
            assert_eq!((answer.status, answer.text()), (status, body.clone()), "{exception}");
            let kind = answer.header("x-amzn-errortype");
            assert!(kind.starts_with(&format!("{exception}:")), "{kind}");
            assert_eq!((answer.header("retry-after"), answer.header("x-amzn-requestid")), ("7", "r-1"), "{exception}");
            assert_eq!(answer.header("x-tallygate-error-code"), code, "{exception}");
            let row = world.row(&answer);
            assert_eq!((row.fault.as_deref(), row.served.unwrap().request_id.as_deref()), (Some(code), Some("r-1")));
        }
    }
}
