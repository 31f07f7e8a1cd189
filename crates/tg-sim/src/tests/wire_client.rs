//! A small HTTP client for the tests, and the bodies that they begin with.

use crate::{DEFAULT_KEY, Personality, Sim, SimOptions};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

pub(crate) const CONVERSE: &str = "/model/anthropic.claude-opus-5-5/converse";
pub(crate) const CONVERSE_STREAM: &str = "/model/anthropic.claude-opus-5-5/converse-stream";
pub(crate) const INVOKE: &str = "/model/anthropic.claude-opus-5-5/invoke";
pub(crate) const MESSAGES: &str = "/v1/messages";
pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const RESPONSES: &str = "/v1/responses";

pub(crate) struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Simulators with a client.
pub(crate) struct Bench {
    pub sim: Sim,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Bench {
    pub(crate) fn start() -> Self {
        let sim = Sim::start(SimOptions::default()).expect("the simulators start");
        Self { sim, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    pub(crate) fn base(&self, personality: Personality) -> &str {
        match personality {
            Personality::Bedrock => &self.sim.urls.bedrock,
            Personality::Mantle => &self.sim.urls.bedrock_mantle,
            Personality::Anthropic => &self.sim.urls.anthropic,
            Personality::Openai => &self.sim.urls.openai,
            Personality::Compatible => &self.sim.urls.compatible,
        }
    }

    pub(crate) async fn open(&self, personality: Personality, path: &str, body: &Value) -> Option<Response<Incoming>> {
        let request = Request::post(format!("{}{path}", self.base(personality)))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {DEFAULT_KEY}"))
            .header("anthropic-version", "2023-06-01")
            .header("x-tallygate-request-id", "gw-1")
            .body(Full::new(Bytes::from(body.to_string())))
            .expect("a request");
        self.client.request(request).await.ok()
    }

    /// Sends and reads everything; `None` if the connection broke on the way.
    pub(crate) async fn send(&self, personality: Personality, path: &str, body: &Value) -> Option<Answered> {
        let (parts, body) = self.open(personality, path, body).await?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answered { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// Waits until no call is under way.
    pub(crate) async fn settled(&self) {
        while self.sim.books.open() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

/// A request that says only this, in the dialect of the path.
pub(crate) fn saying(path: &str, text: &str) -> Value {
    let turn = json!([{ "role": "user", "content": text }]);
    match path {
        MESSAGES => json!({ "model": "claude-opus-5-5", "max_tokens": 1000, "messages": turn }),
        INVOKE => json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 1000, "messages": turn }),
        CHAT => json!({ "model": "gpt-4.1", "messages": turn }),
        RESPONSES => json!({ "model": "gpt-4.1", "input": text }),
        _ => json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] }),
    }
}

/// The same, as a stream.
pub(crate) fn streaming(path: &str, text: &str) -> Value {
    let mut body = saying(path, text);
    if matches!(path, MESSAGES | CHAT | RESPONSES) {
        body["stream"] = json!(true);
    }
    body
}

/// Sets a member below the root, given as a JSON Pointer whose parent exists.
pub(crate) fn set(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).expect("the parent exists");
    match parent {
        Value::Array(items) => items[name.parse::<usize>().expect("an index")] = value,
        other => other[name] = value,
    }
    body
}
