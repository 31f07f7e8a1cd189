//! The same dialect on both sides: what the caller wrote reaches the provider byte for byte, and back.

use crate::recorder::Recorder;
use crate::speak::{Manner, ask, path};
use crate::wire::Call;
use crate::world::{Setup, World};
use tg_kernel::dialect::Dialect;

/// Members that no dialect knows, in spellings that no serialiser writes.
const ODD: &str = " \"x_anything\" :\t{ \"z\":1.0e2,\"a\" : [1E+5 ,-0.0, 12345678901234567890123], \"a\u{fc}\":\"\\u00e9\\/\" } ,\n\n";

/// A recording provider as four: `rec-openai`, `rec-anthropic`, `rec-bedrock`, and `rec-told`, which is Bedrock with
/// request metadata; each with one model.
fn world(recorder: &Recorder) -> World {
    let at = recorder.address;
    let providers = format!(
        "- {{ name: rec-openai, kind: openai, base_url: 'http://{at}/v1', api_key: 'env:SIM_KEY' }}\n\
         - {{ name: rec-anthropic, kind: anthropic, base_url: 'http://{at}', api_key: 'env:SIM_KEY' }}\n\
         - {{ name: rec-bedrock, kind: bedrock, region: us-east-1, base_url: 'http://{at}', api_key: 'env:SIM_KEY', \
           request_metadata: off }}\n\
         - {{ name: rec-told, kind: bedrock, region: us-east-1, base_url: 'http://{at}', api_key: 'env:SIM_KEY' }}\n"
    );
    let models = "- { name: rec-openai, targets: [{ provider: rec-openai, model: there }] }\n\
                  - { name: rec-anthropic, targets: [{ provider: rec-anthropic, model: there }] }\n\
                  - { name: rec-bedrock, targets: [{ provider: rec-bedrock, model: 'anthropic.there:1' }] }\n\
                  - { name: rec-told, targets: [{ provider: rec-told, model: 'anthropic.there:1' }] }\n\
                  - { name: there, targets: [{ provider: rec-openai }] }\n"
        .to_owned();
    World::with(Setup { providers, models, ..Setup::default() })
}

/// Dialect, model, body to send, body to arrive.
fn bodies() -> Vec<(Dialect, &'static str, String, String)> {
    let chat = |model: &str, stream: &str| {
        format!(
            "\n{{{ODD}\"model\" : \"{model}\",\"messages\":[{{ \"content\":\"hi\",  \"role\":\"user\"}}]{stream} }}\n"
        )
    };
    let messages = |model: &str| {
        format!(
            "{{{ODD}\"max_tokens\":10.0,\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}"
        )
    };
    let responses = |model: &str| format!("{{\"input\":\"hi\",{ODD}\"model\":\"{model}\"}}");
    let embed = |model: &str| format!("{{\"input\":\"hi\",{ODD}\"model\":\"{model}\"}}");
    let converse = format!("{{{ODD}\"messages\":[{{\"role\":\"user\",\"content\":[{{\"text\":\"hi\"}}]}}]}}");
    let invoke = format!(
        "{{{ODD}\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":10,\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}"
    );
    vec![
        (Dialect::OpenaiChat, "rec-openai", chat("rec-openai", ""), chat("there", "")),
        (Dialect::OpenaiChat, "there", chat("there", ""), chat("there", "")),
        (Dialect::OpenaiResponses, "rec-openai", responses("rec-openai"), responses("there")),
        (Dialect::OpenaiEmbeddings, "rec-openai", embed("rec-openai"), embed("there")),
        (Dialect::AnthropicMessages, "rec-anthropic", messages("rec-anthropic"), messages("there")),
        (Dialect::BedrockConverse, "rec-bedrock", converse.clone(), converse),
        (Dialect::BedrockInvoke, "rec-bedrock", invoke.clone(), invoke),
    ]
}

#[test]
fn a_request_arrives_byte_for_byte() {
    let recorder = Recorder::whole("application/json", "", b"{}");
    let world = world(&recorder);
    for (dialect, model, sent, arrives) in bodies() {
        world.send(&Call::post(path(dialect, Manner::Plain, model), sent));
        assert_eq!(recorder.last().text(), arrives, "{dialect:?}");
    }
    assert_eq!(recorder.seen().len(), bodies().len());
}

#[test]
fn request_metadata_is_added_and_no_other_byte_changed() {
    let recorder = Recorder::whole("application/json", "", b"{}");
    let world = world(&recorder);
    for (dialect, _, sent, arrives) in bodies().into_iter().filter(|(_, model, ..)| *model == "rec-bedrock") {
        world.send(&Call::post(path(dialect, Manner::Plain, "rec-told"), sent));
        let (seen, told) = (recorder.last(), "\"requestMetadata\":{\"tallygate:request_id\":\"");
        match (dialect, seen.text().split_once(&format!(",{told}"))) {
            (Dialect::BedrockConverse, Some((before, added))) => {
                assert_eq!(format!("{before}{}", added.split_once('}').unwrap().1), arrives);
            }
            (Dialect::BedrockInvoke, None) => assert_eq!(seen.text(), arrives),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_streamed_chat_is_given_the_usage_option_and_nothing_else() {
    let recorder = Recorder::whole("application/json", "", b"{}");
    let world = world(&recorder);
    for (options, arrives) in [
        ("", ",\"stream_options\":{\"include_usage\":true}"),
        (",\"stream_options\":null", ",\"stream_options\":{\"include_usage\":true}"),
        (",\"stream_options\" : { \"x\":1e0 }", ",\"stream_options\" : { \"x\":1e0,\"include_usage\":true }"),
        (",\"stream_options\":{\"include_usage\": true}", ",\"stream_options\":{\"include_usage\": true}"),
    ] {
        let body = |model: &str, options: &str| {
            format!(
                "{{{ODD}\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"stream\":true{options} }}"
            )
        };
        world.send(&Call::post("/v1/chat/completions", body("rec-openai", options)));
        assert_eq!(recorder.last().text(), body("there", arrives), "{options}");
    }
}

#[test]
fn headers_cross_by_a_list_of_those_that_may() {
    let recorder = Recorder::whole("application/json", "", b"{}");
    let world = world(&recorder);
    let passing = [
        ("anthropic-beta", "a-2026-01-01,b"),
        ("anthropic-version", "2026-10-21"),
        ("openai-beta", "responses=v1"),
        ("x-amzn-bedrock-guardrailidentifier", "g1"),
        ("x-amzn-bedrock-trace", "ENABLED"),
        ("idempotency-key", "i-1"),
        ("user-agent", "an-sdk/1.0"),
        ("x-stainless-lang", "python"),
    ];
    let held = [
        ("cookie", "session=stolen"),
        ("x-api-key", "another-key"),
        ("api-key", "another-key"),
        ("x-forwarded-for", "10.1.2.3"),
        ("forwarded", "for=10.1.2.3"),
        ("x-real-ip", "10.1.2.3"),
        ("x-tallygate-tags", "a=b"),
        ("x-litellm-tags", "a"),
        ("x-project-id", "alpha"),
        ("openai-organization", "org-ours"),
        ("x-amz-security-token", "stolen"),
        ("x-internal-auth", "stolen"),
        ("proxy-authorization", "Basic abc"),
        ("x-request-id", "ours"),
        ("baggage", "user=jane"),
        ("referer", "http://intranet/"),
    ];
    for (dialect, model, body, _) in bodies() {
        let mut call = Call::post(path(dialect, Manner::Plain, model), body).header("content-type", "application/json");
        for (name, value) in passing.iter().chain(&held) {
            call = call.header(name, value);
        }
        world.send(&call);
        let seen = recorder.last();
        for (name, value) in passing {
            assert_eq!(seen.header(name), [value], "{dialect:?} {name}: {}", seen.head);
        }
        for (name, value) in held {
            let theirs = seen.header(name);
            assert!(!theirs.iter().any(|v| v.contains(value)), "{dialect:?} {name}: {}", seen.head);
        }
        let secret = world.secret().expose();
        assert!(!seen.head.contains(secret), "{dialect:?}: the caller's key went on");
        let own = match dialect {
            Dialect::AnthropicMessages => seen.header("x-api-key"),
            _ => seen.header("authorization"),
        };
        let wanted = if dialect == Dialect::AnthropicMessages { "sim-provider-key" } else { "Bearer sim-provider-key" };
        assert_eq!(own, [wanted], "{dialect:?}");
    }
}

#[test]
fn a_whole_answer_comes_back_untouched() {
    let body = format!(
        "{{{ODD}\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"h\u{e9}\"}},\"finish_reason\":\"stop\"}}],\
         \"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":1.0e0,\"total_tokens\":4}} }}\n"
    );
    let headers = "x-ratelimit-remaining-requests: 7\r\nopenai-version: 2020-10-01\r\nset-cookie: a=b\r\nserver: theirs\r\n\
                   x-request-id: req-theirs\r\nx-tallygate-cost-usd: 99\r\ncf-ray: 1\r\n";
    let recorder = Recorder::whole("application/json", headers, body.as_bytes());
    let world = world(&recorder);
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "rec-openai", "hi"));
    assert_eq!(answer.text(), body);
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), "7");
    assert_eq!(answer.header("openai-version"), "2020-10-01");
    assert_eq!(answer.header("x-request-id"), "req-theirs");
    assert_ne!(answer.header("x-tallygate-cost-usd"), "99");
    for gone in ["set-cookie", "server", "cf-ray"] {
        assert_eq!(answer.header(gone), "", "{gone}");
    }
    let row = world.row(&answer);
    assert_eq!((row.usage.input_tokens, row.usage.output_tokens), (3, 1));
    assert_eq!(row.served.unwrap().request_id.as_deref(), Some("req-theirs"));
}

const CHUNKS: [&str; 5] = [
    ": a comment\n\n",
    "data: {\"choices\" : [ {\"index\":0,\"delta\":{\"content\":\"h\u{e9}\"},\"finish_reason\":null}],\"x\":1.0e2 }\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5,\"total_tokens\":8}}\n\n",
    "data: [DONE]\n\n",
];

#[test]
fn a_stream_comes_back_untouched_but_for_a_usage_chunk_that_nobody_asked_for() {
    let whole: String = CHUNKS.concat();
    let stripped: String = CHUNKS.iter().filter(|c| !c.contains("usage")).copied().collect();
    // The provider's pieces need not be frames: by frame, by three bytes, all at once.
    let cuts: [Vec<Vec<u8>>; 3] = [
        CHUNKS.iter().map(|c| c.as_bytes().to_vec()).collect(),
        whole.as_bytes().chunks(3).map(<[u8]>::to_vec).collect(),
        vec![whole.clone().into_bytes()],
    ];
    for pieces in cuts {
        let recorder = Recorder::chunked("text/event-stream", &pieces);
        let world = world(&recorder);
        for (asked, wanted) in [(true, &whole), (false, &stripped)] {
            let body = format!(
                "{{\"model\":\"rec-openai\",\"messages\":[],\"stream\":true,\"stream_options\":{{\"include_usage\":{asked}}}}}"
            );
            let answer = world.send(&Call::post("/v1/chat/completions", body));
            assert_eq!(&answer.text(), wanted, "asked: {asked}, {} pieces", pieces.len());
            let row = world.row(&answer);
            assert_eq!((row.usage.input_tokens, row.usage.output_tokens), (3, 5));
        }
    }
}

#[test]
fn frames_of_bedrock_come_back_untouched() {
    let world = World::start();
    for dialect in [Dialect::BedrockConverse, Dialect::BedrockInvoke] {
        // The simulator's own bytes for a given text differ only in ids and clocks, of which these dialects have none.
        let through = world.send(&ask(dialect, Manner::Streamed, "on-bedrock", "hello"));
        let urls = &world.sim.urls;
        let address = urls.bedrock.strip_prefix("http://").unwrap().parse().unwrap();
        let call = ask(dialect, Manner::Streamed, crate::world::HAIKU, "hello").bearer(tg_sim::DEFAULT_KEY);
        let direct = call.send(address);
        assert_eq!(direct.status, 200, "{}", direct.text());
        if dialect == Dialect::BedrockConverse {
            assert_eq!(through.body, direct.body);
        } else {
            assert_eq!(crate::speak::frames(&through.body).len(), crate::speak::frames(&direct.body).len());
        }
        assert_eq!(through.header("content-type"), "application/vnd.amazon.eventstream");
    }
}
