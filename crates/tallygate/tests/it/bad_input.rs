//! What no caller should send: a clear refusal in its dialect, nothing sent, nothing billed, and the gateway goes on.

use crate::recorder::Recorder;
use crate::speak::{CHAT, MANNERS, Manner, ask, echo, error, hear, path};
use crate::wire::{Answer, Call, raw};
use crate::world::{Setup, World};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io::Write as _;
use std::time::{Duration, Instant};
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::record::Ending;

fn dialects() -> Vec<Dialect> {
    [CHAT.as_slice(), &[Dialect::OpenaiEmbeddings]].concat()
}

/// A call that works: the gateway is well.
#[track_caller]
fn still_serves(world: &World) {
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Streamed, "on-openai", "still there?"));
    assert_eq!(hear(Dialect::OpenaiChat, Manner::Streamed, &answer).text, echo("still there?", 30));
}

/// Bodies that are no JSON object of a sane shape.
fn broken_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str| {
        format!("{{\"model\":\"on-openai\",\"x\":{}{}}}", open.repeat(10_000), close.repeat(10_000)).into_bytes()
    };
    vec![
        ("empty", Vec::new()),
        ("blank", b" \n\t ".to_vec()),
        ("null", b"null".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a text", b"\"model\"".to_vec()),
        ("torn", b"{\"model\":\"on-openai\",\"mess".to_vec()),
        ("no quotes", b"{model:\"on-openai\"}".to_vec()),
        ("a comma too many", b"{\"model\":\"on-openai\",}".to_vec()),
        ("more than one", b"{\"model\":\"on-openai\"} {}".to_vec()),
        ("a mark before", b"\xEF\xBB\xBF{\"model\":\"on-openai\"}".to_vec()),
        ("a member twice", b"{\"model\":\"on-openai\",\"a\":1,\"a\":2}".to_vec()),
        ("the model twice", b"{\"model\":\"on-openai\",\"model\":\"on-local\"}".to_vec()),
        ("the model twice, disguised", b"{\"model\":\"on-openai\",\"\\u006dodel\":\"on-local\"}".to_vec()),
        ("a member twice, deep", b"{\"model\":\"on-openai\",\"x\":[{\"a\":1,\"a\":2}]}".to_vec()),
        ("no UTF-8", b"{\"model\":\"on-openai\",\"x\":\"\xff\xfe\"}".to_vec()),
        ("half a surrogate pair in bytes", b"{\"model\":\"on-openai\",\"x\":\"\xed\xa0\x80\"}".to_vec()),
        ("a control character", b"{\"model\":\"on-openai\",\"x\":\"\x01\"}".to_vec()),
        ("a zero byte", b"{\"model\":\"on-openai\"}\0".to_vec()),
        ("deep lists", deep("[", "]")),
        ("deep objects", deep("{\"a\":", "}").into_iter().collect()),
        ("deep and torn", format!("{{\"x\":{}", "[".repeat(10_000)).into_bytes()),
        ("no number", b"{\"model\":\"on-openai\",\"x\":01}".to_vec()),
        ("not a number", b"{\"model\":\"on-openai\",\"x\":NaN}".to_vec()),
    ]
}

#[test]
fn a_body_that_is_no_object_is_refused_in_the_dialect() {
    let world = World::start();
    let mut calls = 0;
    for dialect in dialects() {
        for (what, body) in broken_bodies() {
            let answer = world.send(&Call::post(path(dialect, Manner::Plain, "on-openai"), body));
            assert_eq!(answer.status, 400, "{dialect:?} {what}: {}", answer.text());
            let (_, message) = error(dialect, &answer);
            assert!(message.len() < 1000 && !message.contains('\u{1}'), "{dialect:?} {what}: {message}");
            let row = world.row(&answer);
            assert_eq!((row.ending, row.served.is_none()), (Ending::Refused, true), "{dialect:?} {what}");
            assert_eq!(&*row.attribution.team, "red");
            calls += 1;
        }
    }
    assert!(world.sim.books.entries().is_empty());
    still_serves(&world);
    assert_eq!(world.finish().len(), calls + 1);
}

#[test]
fn members_of_the_wrong_type_are_refused_and_not_billed() {
    let world = World::start();
    for (dialect, body) in [
        (Dialect::OpenaiChat, r#"{"messages":[]}"#),
        (Dialect::OpenaiChat, r#"{"model":1,"messages":[]}"#),
        (Dialect::OpenaiChat, r#"{"model":null,"messages":[]}"#),
        (Dialect::OpenaiChat, r#"{"model":["M"],"messages":[]}"#),
        (Dialect::OpenaiChat, r#"{"model":"M","messages":"hi"}"#),
        (Dialect::OpenaiChat, r#"{"model":"M","messages":[1]}"#),
        (Dialect::OpenaiChat, r#"{"model":"M","messages":[],"stream":"yes"}"#),
        (
            Dialect::OpenaiChat,
            r#"{"model":"M","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":3}"#,
        ),
        (Dialect::OpenaiChat, r#"{"model":"M","messages":[{"role":"user","content":"hi"}],"temperature":1e999}"#),
        (Dialect::OpenaiChat, r#"{"model":"M","messages":[{"role":"user","content":"hi"}],"max_tokens":-1}"#),
        (Dialect::OpenaiChat, r#"{"model":"M","messages":[{"role":"user","content":"hi"}],"max_tokens":1.5}"#),
        (
            Dialect::OpenaiChat,
            r#"{"model":"M","messages":[{"role":"user","content":"hi"}],"max_tokens":18446744073709551616}"#,
        ),
        (Dialect::OpenaiResponses, r#"{"model":"M","input":5}"#),
        (Dialect::OpenaiResponses, r#"{"model":"M"}"#),
        (Dialect::OpenaiResponses, r#"{"model":"M","input":[{"type":"nonsense"}]}"#),
        (Dialect::AnthropicMessages, r#"{"model":"M","max_tokens":10,"messages":{}}"#),
        (
            Dialect::AnthropicMessages,
            r#"{"model":"M","max_tokens":"many","messages":[{"role":"user","content":"hi"}]}"#,
        ),
        (
            Dialect::AnthropicMessages,
            r#"{"model":"M","max_tokens":10,"messages":[{"role":"user","content":"hi"}],"stream":1}"#,
        ),
        (Dialect::AnthropicMessages, r#"{"model":"M","max_tokens":10,"messages":[{"role":"user","content":7}]}"#),
        (Dialect::BedrockConverse, r#"{"messages":"hi"}"#),
        (Dialect::BedrockConverse, r#"{"messages":[{"role":"user","content":"hi"}]}"#),
        (
            Dialect::BedrockConverse,
            r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":"x"}}"#,
        ),
        (
            Dialect::BedrockInvoke,
            r#"{"anthropic_version":7,"max_tokens":10,"messages":[{"role":"user","content":"hi"}]}"#,
        ),
        (Dialect::BedrockInvoke, r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":10,"messages":"hi"}"#),
    ] {
        for model in ["on-bedrock", "on-anthropic", "on-openai"] {
            let place = format!("{dialect:?} {model} {body}");
            let call = Call::post(path(dialect, Manner::Plain, model), body.replace("\"M\"", &format!("\"{model}\"")));
            let call = call.header("content-type", "application/json").header("anthropic-version", "2023-06-01");
            let answer = world.send(&call);
            assert_eq!(answer.status, 400, "{place}: {}", answer.text());
            error(dialect, &answer);
            let row = world.row(&answer);
            assert!(matches!(row.ending, Ending::Refused | Ending::ProviderError), "{place}");
            assert_eq!((row.cost.amount.nanos(), row.usage.total_tokens()), (0, 0), "{place}");
        }
    }
    still_serves(&world);
}

fn too_large(dialect: Dialect, answer: &Answer) {
    assert_eq!(answer.status, 413, "{dialect:?}: {}", answer.text());
    let (kind, message) = error(dialect, answer);
    let wanted = match dialect.family() {
        Family::Openai => "request_too_large",
        Family::Anthropic => "request_too_large",
        Family::Bedrock => "ValidationException",
    };
    assert_eq!(kind, wanted);
    assert!(message.contains("body_bytes_max") && message.contains("65536"), "{message}");
}

#[test]
fn a_body_over_the_limit_is_413_in_the_dialect() {
    let world = World::with(Setup { listen: ", body_bytes_max: 64KiB".to_owned(), ..Setup::default() });
    for dialect in dialects() {
        let model = "on-openai";
        let large = ask(dialect, Manner::Plain, model, &"x".repeat(70_000));
        too_large(dialect, &world.send(&large));

        let mut chunked = large.clone().header("transfer-encoding", "chunked");
        chunked.body = large
            .body
            .chunks(10_000)
            .flat_map(|c| [format!("{:x}\r\n", c.len()).as_bytes(), c, b"\r\n"].concat())
            .collect();
        chunked.body.extend(b"0\r\n\r\n");
        too_large(dialect, &world.send(&chunked));

        // A length alone is enough: not a byte of the body need come.
        let mut announced = large.clone().header("content-length", "99999999999");
        announced.body.clear();
        too_large(dialect, &world.send(&announced));

        let mut fits = ask(dialect, Manner::Plain, model, "hi").header("transfer-encoding", "chunked");
        let whole = std::mem::take(&mut fits.body);
        fits.body = whole.iter().flat_map(|b| [b"1;x=y\r\n".as_slice(), &[*b], b"\r\n"].concat()).collect();
        fits.body.extend(b"0\r\ntrailer: t\r\n\r\n");
        let answer = world.send(&fits);
        assert_eq!(answer.status, 200, "{dialect:?}: {}", answer.text());
    }
    still_serves(&world);
}

#[test]
fn a_body_that_does_not_come_is_a_timeout_in_the_dialect() {
    let world = World::with(Setup { body_idle: Duration::from_millis(150), ..Setup::default() });
    for dialect in dialects() {
        let mut call = world.keyed(&ask(dialect, Manner::Plain, "on-openai", "hi")).header("content-length", "5000");
        call.body.truncate(10);
        let answer = call.send(world.address);
        assert_eq!(answer.status, 408, "{dialect:?}: {}", answer.text());
        error(dialect, &answer);
        let row = world.row(&answer);
        assert_eq!((row.ending, row.fault.as_deref()), (Ending::Refused, Some("request_timeout")));
    }
    assert!(world.sim.books.entries().is_empty());
    still_serves(&world);
}

#[test]
fn a_body_that_drips_is_a_timeout_however_often_a_byte_comes() {
    let world = World::with(Setup { listen: ", body_timeout: 300ms".to_owned(), ..Setup::default() });
    let call = world.keyed(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi"));
    let key = world.secret().expose();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 90000\r\n\r\n"
    );
    let mut dripping = raw(world.address, head.as_bytes(), false);
    let mut socket = dripping.socket.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        for byte in call.body.iter().cycle().take(1000) {
            if socket.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    dripping.read_head();
    assert_eq!(
        (dripping.status, &dripping.headers["x-tallygate-error-code"]),
        (408, &"request_timeout".parse().unwrap())
    );
    assert!(world.sim.books.entries().is_empty());
    drop(dripping);
    drip.join().unwrap();
    still_serves(&world);
}

#[test]
fn a_head_that_does_not_come_ends_the_connection() {
    let world = World::with(Setup { listen: ", head_timeout: 500ms".to_owned(), ..Setup::default() });
    let began = Instant::now();
    let mut silent = raw(world.address, b"", false);
    let mut torn = raw(world.address, b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-a", false);
    let mut dripping = raw(world.address, b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-a: ", false);
    let mut socket = dripping.socket.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        while began.elapsed() < Duration::from_secs(10) && socket.write_all(b"a").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    for exchange in [&mut silent, &mut torn, &mut dripping] {
        exchange.read_head();
        assert!(matches!(exchange.status, 0 | 408), "{}", exchange.status);
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    drip.join().unwrap();
    still_serves(&world);
}

#[test]
fn odd_framing_is_refused_and_smuggles_nothing() {
    let world = World::start();
    let key = world.secret().expose();
    let body = r#"{"model":"on-openai","messages":[{"role":"user","content":"hi"}]}"#;
    let length = body.len();
    let head = |more: &str| {
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{more}\r\n")
    };
    let long = "a".repeat(300_000);
    let many: String = (0..400).map(|i| format!("x-{i}: y\r\n")).collect();
    for (what, bytes) in [
        ("a line feed in a value", head(&format!("content-length: {length}\r\nx-a: b\nx-c: d\r\nbad\u{0}: x\r\n"))),
        ("a zero byte in a value", head(&format!("content-length: {length}\r\nx-a: b\0c\r\n"))),
        ("a lone carriage return", head(&format!("content-length: {length}\r\nx-a: b\rc\r\n"))),
        ("a blank in a name", head(&format!("content-length: {length}\r\nx a: b\r\n"))),
        ("two lengths", head(&format!("content-length: {length}\r\ncontent-length: 3\r\n"))),
        ("a negative length", head("content-length: -1\r\n")),
        ("a length in words", head("content-length: many\r\n")),
        ("chunks of no size", format!("{}zz\r\nx\r\n0\r\n\r\n", head("transfer-encoding: chunked\r\n"))),
        ("a huge chunk", format!("{}ffffffffffffffffff\r\nx\r\n", head("transfer-encoding: chunked\r\n"))),
        ("an unknown coding", head("transfer-encoding: gzip, identity\r\n")),
        ("a huge header", head(&format!("content-length: {length}\r\nx-a: {long}\r\n"))),
        ("many headers", head(&format!("content-length: {length}\r\n{many}"))),
        ("a long line", format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n")),
        ("no HTTP", "\u{16}\u{3}\u{1}\u{2}hello\r\n\r\n".to_owned()),
        ("an unknown version", "GET / HTTP/7.3\r\n\r\n".to_owned()),
    ] {
        let bytes = format!("{bytes}{body}");
        let mut exchange = raw(world.address, bytes.as_bytes(), false);
        exchange.read_head();
        let status = exchange.status;
        assert!(status == 0 || (400..=431).contains(&status), "{what}: {status}");
    }
    // Both a length and chunks: whatever is read, what follows must not be taken for a request.
    let smuggled = format!(
        "{}0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        head("content-length: 4\r\ntransfer-encoding: chunked\r\n")
    );
    let answer = raw(world.address, smuggled.as_bytes(), false).whole();
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(world.sim.books.entries().is_empty());
    still_serves(&world);
}

#[test]
fn unknown_paths_and_methods_are_told_in_a_dialect() {
    let world = World::start();
    for (method, path, anthropic, status) in [
        ("GET", "/v1/unknown", false, 404),
        ("POST", "/v1/unknown", true, 404),
        ("POST", "/", false, 405),
        ("POST", "/v1/chat/completions/", false, 404),
        ("POST", "//v1/chat/completions", false, 404),
        ("POST", "/v1/../v1/chat/completions", false, 404),
        ("POST", "/V1/CHAT/COMPLETIONS", false, 404),
        ("GET", "/v1/chat/completions", false, 405),
        ("DELETE", "/v1/messages", true, 405),
        ("OPTIONS", "/v1/responses", false, 405),
        ("PUT", "/v1/embeddings", false, 405),
        ("POST", "/v1/models", false, 405),
        ("GET", "/model/x/converse", false, 405),
        ("POST", "/model/x/unknown", false, 404),
        ("POST", "/model//converse", false, 400),
        ("POST", "/model/%ff/converse", false, 400),
        ("POST", "/model/a%0d%0ab/converse", false, 400),
        ("TRACE", "/healthz", false, 405),
        ("FROBNICATE", "/v1/messages", true, 405),
        ("POST", "/admin/v1/keys", false, 404),
        ("GET", "/metrics", false, 404),
    ] {
        let mut call = Call::new(method, path);
        if anthropic {
            call = call.header("anthropic-version", "2023-06-01");
        }
        let answer = world.send(&call);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        let dialect = match (path.starts_with("/model"), anthropic) {
            (true, _) => Dialect::BedrockConverse,
            (_, true) => Dialect::AnthropicMessages,
            _ => Dialect::OpenaiChat,
        };
        error(dialect, &answer);
    }
    still_serves(&world);
    assert_eq!(world.finish().len(), 1, "what is no call leaves no row");
}

#[test]
fn any_content_type_and_any_query_will_do() {
    let world = World::start();
    for dialect in CHAT {
        for kind in ["", "text/plain", "application/json; charset=latin-1", "application/x-amz-json-1.0", "nonsense"] {
            let mut call = ask(dialect, Manner::Plain, "on-local", "hi").without("content-type");
            if !kind.is_empty() {
                call = call.header("content-type", kind);
            }
            call.path += "?beta=true&x=%2e%2e&y";
            let answer = world.send(&call);
            assert_eq!(answer.status, 200, "{dialect:?} '{kind}': {}", answer.text());
        }
    }
}

#[test]
fn a_models_name_never_leaves_its_place_in_the_path() {
    let recorder = Recorder::whole("application/json", "", b"{}");
    let providers = format!(
        "- {{ name: rec, kind: bedrock, region: us-east-1, base_url: 'http://{}', api_key: 'env:SIM_KEY' }}\n",
        recorder.address
    );
    let models = "- { name: 'odd*', targets: [{ provider: rec }] }\n".to_owned();
    let world = World::with(Setup { providers, models, ..Setup::default() });
    for (name, segment) in [
        ("odd/../../admin", "odd%2F..%2F..%2Fadmin"),
        ("odd?x=1#y", "odd%3Fx%3D1%23y"),
        ("odd%2e%2e%2fx", "odd%252e%252e%252fx"),
        ("odd\\\\..", "odd%5C.."),
        ("odd\\r\\nhost: evil", "odd%0D%0Ahost%3A%20evil"),
        ("odd \u{e9}\\u0000", "odd%20%C3%A9%00"),
        ("odd@evil.test:80", "odd%40evil.test%3A80"),
    ] {
        let body = format!(r#"{{"model":"{name}","messages":[{{"role":"user","content":"hi"}}]}}"#);
        world.send(&Call::post("/v1/chat/completions", body));
        let seen = recorder.last();
        assert_eq!(seen.path(), format!("/model/{segment}/converse"), "{name}");
        assert_eq!(seen.header("host"), [recorder.address.to_string()], "{name}");
    }
    let long = format!(r#"{{"model":"odd{}","messages":[{{"role":"user","content":"hi"}}]}}"#, "x".repeat(3000));
    let before = recorder.seen().len();
    assert_eq!(world.send(&Call::post("/v1/chat/completions", long)).status, 404);
    assert_eq!(recorder.seen().len(), before);
}

#[test]
fn probes_are_answered_without_a_key() {
    let world = World::start();
    for (method, path, body) in [
        ("HEAD", "/", ""),
        ("GET", "/", "ok\n"),
        ("GET", "/healthz", "ok\n"),
        ("GET", "/readyz", "ready\n"),
        ("HEAD", "/readyz", ""),
    ] {
        let answer = Call::new(method, path).send(world.address);
        assert_eq!((answer.status, answer.text().as_str()), (200, body), "{method} {path}");
    }
    assert!(world.finish().is_empty());
}

#[test]
fn http2_with_prior_knowledge_is_served_on_the_same_port() {
    let world = World::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        for dialect in CHAT {
            for manner in MANNERS {
                let call = world.keyed(&ask(dialect, manner, "on-anthropic", "hi"));
                let mut request = http::Request::post(format!("http://{}{}", world.address, call.path));
                for (name, value) in &call.headers {
                    request = request.header(name, value);
                }
                let request = request.body(Full::new(Bytes::from(call.body))).unwrap();
                let response = sender.send_request(request).await.unwrap();
                let (head, body) = response.into_parts();
                let body = body.collect().await.unwrap();
                let answer = Answer {
                    status: head.status.as_u16(),
                    headers: head.headers,
                    body: body.to_bytes().to_vec(),
                    trailers: http::HeaderMap::new(),
                    clean: true,
                };
                assert_eq!(answer.status, 200, "{dialect:?}");
                assert_eq!(hear(dialect, manner, &answer).text, echo("hi", 30), "{dialect:?} {manner:?}");
            }
        }
        driver.abort();
    });
    // A connection that nobody drives would hold the drain up.
    drop(runtime);
    assert_eq!(world.finish().len(), 2 * CHAT.len());
}

#[test]
fn a_caller_that_reads_nothing_does_not_make_the_gateway_grow() {
    let world = World::start();
    let prompt = "[[sim: tokens=15000000 chunk=16384]] hi";
    let slow = world.keyed(&ask(Dialect::OpenaiChat, Manner::Streamed, "on-openai", prompt)).open(world.address);
    assert_eq!(slow.status, 200);
    // Sixty megabytes fit in no socket buffer. Other calls meanwhile give a gateway that would swallow them the time to.
    for _ in 0..30 {
        still_serves(&world);
    }
    assert_eq!(world.sim.books.open(), 1, "the gateway has swallowed an answer that nobody reads");
    let answer = slow.whole();
    assert!(answer.clean && answer.body.len() > 60_000_000, "{}", answer.body.len());
    assert!(answer.body.ends_with(b"data: [DONE]\n\n"));
}
