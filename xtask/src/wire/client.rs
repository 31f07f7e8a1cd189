//! A plain HTTP client, and what it makes of an answer.

use super::dialect::{Ask, Delivery, Dialect, unwrapped};
use super::frames::{Event, Frames};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;
use std::collections::BTreeMap;

/// The header that names a call.
pub const REQUEST_ID: &str = "x-tallygate-request-id";

/// The header that says what is wrong, in a word of the gateway's own.
pub const ERROR_CODE: &str = "x-tallygate-error-code";

/// Makes calls to one gateway with one key.
#[derive(Clone, Debug)]
pub struct Client {
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    base: String,
    key: String,
}

/// An answer that was heard to its end.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The status.
    pub status: u16,
    /// The gateway's id of the call.
    pub id: Option<String>,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The text of the answer.
    pub text: String,
    /// Whether a stream said that it is complete; true for a plain answer with JSON.
    pub complete: bool,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The status.
    pub status: u16,
    /// The gateway's id of the call.
    pub id: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Raw {
    /// All that it says to a caller of a dialect: texts that grow over the events of a stream are put together.
    pub fn said(&self, dialect: Dialect) -> String {
        if let Ok(whole) = serde_json::from_slice(&self.body) {
            return texts(&[whole]);
        }
        let events = Frames::new(dialect.framing()).push(&self.body);
        let events = events.into_iter().filter_map(|event| match event {
            Event::Json(event) if dialect == Dialect::Invoke => Some(unwrapped(&event)),
            Event::Json(event) => Some(event),
            _ => None,
        });
        texts(&events.collect::<Vec<_>>())
    }
}

/// The texts of some JSON: those that stand in the same place of several values are put together.
fn texts(values: &[Value]) -> String {
    let mut all = BTreeMap::new();
    values.iter().for_each(|value| gather(value, String::new(), &mut all));
    all.into_values().collect::<Vec<_>>().join("\n")
}

fn gather(value: &Value, place: String, all: &mut BTreeMap<String, String>) {
    match value {
        Value::String(text) => all.entry(place).or_default().push_str(text),
        Value::Array(items) => items.iter().for_each(|item| gather(item, format!("{place}/-"), all)),
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| gather(value, format!("{place}/{name}"), all));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A stream that is being heard.
#[derive(Debug)]
pub struct Hearing {
    /// The status.
    pub status: u16,
    /// The gateway's id of the call.
    pub id: Option<String>,
    /// The headers of the answer.
    pub headers: HeaderMap,
    body: Incoming,
    frames: Frames,
    waiting: std::collections::VecDeque<Event>,
}

impl Client {
    /// A client with connections of its own. Must be made on a Tokio runtime.
    pub fn new(base: &str, key: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new());
        Self { http: builder.build(connector), base: base.to_owned(), key: key.to_owned() }
    }

    /// The same connections, another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// Makes a call and hears its answer to the end. A stream that breaks off is an incomplete answer, no error.
    ///
    /// # Errors
    /// When no answer begins.
    pub async fn call(&self, ask: &Ask) -> Result<Heard> {
        if ask.delivery == Delivery::Streamed {
            return self.stream(ask).await?.rest(ask).await;
        }
        let response = self.http.request(ask.request(&self.base, &self.key)?).await?;
        let (head, body) = response.into_parts();
        let (status, id, headers) = (head.status.as_u16(), id_of(&head.headers), head.headers);
        let Ok(body) = body.collect().await else {
            return Ok(Heard { status, id, headers, text: String::new(), complete: false });
        };
        let answer: Result<Value, _> = serde_json::from_slice(&body.to_bytes());
        let text = answer.as_ref().map(|answer| ask.dialect.text_of_answer(answer)).unwrap_or_default();
        Ok(Heard { status, id, headers, text, complete: answer.is_ok() })
    }

    /// Makes a call with another body, and hears all of its answer as it is.
    ///
    /// # Errors
    /// When the answer does not come to its end.
    pub async fn raw(&self, ask: &Ask, body: &Value) -> Result<Raw> {
        self.raw_with(ask, body, None).await
    }

    /// The same with a header besides.
    ///
    /// # Errors
    /// When the answer does not come to its end.
    pub async fn raw_with(&self, ask: &Ask, body: &Value, header: Option<(&'static str, String)>) -> Result<Raw> {
        let (mut head, _) = ask.request(&self.base, &self.key)?.into_parts();
        if let Some((name, value)) = header {
            head.headers.insert(name, value.parse()?);
        }
        let response = self.http.request(Request::from_parts(head, Full::from(body.to_string()))).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Raw { status: head.status.as_u16(), id: id_of(&head.headers), headers: head.headers, body })
    }

    /// Begins a stream.
    ///
    /// # Errors
    /// When no answer begins.
    pub async fn stream(&self, ask: &Ask) -> Result<Hearing> {
        let response = self.http.request(ask.request(&self.base, &self.key)?).await?;
        let frames = Frames::new(ask.dialect.framing());
        let (head, body) = response.into_parts();
        let (status, id, headers) = (head.status.as_u16(), id_of(&head.headers), head.headers);
        Ok(Hearing { status, id, headers, body, frames, waiting: std::collections::VecDeque::new() })
    }

    /// Gets JSON from an absolute address.
    ///
    /// # Errors
    /// When the answer is no success, or no JSON.
    pub async fn get(&self, url: &str) -> Result<Value> {
        self.json(url, Request::get(url).body(Full::default())?).await
    }

    /// Gets a page of text beneath this client's base.
    ///
    /// # Errors
    /// When the answer is no success.
    pub async fn text(&self, path: &str) -> Result<String> {
        self.page(&format!("{}{path}", self.base)).await
    }

    /// Gets a page of text from an absolute address.
    ///
    /// # Errors
    /// When the answer is no success.
    pub async fn page(&self, url: &str) -> Result<String> {
        let response =
            self.http.request(Request::get(url).body(Full::default())?).await.with_context(|| url.to_owned())?;
        anyhow::ensure!(response.status().is_success(), "{url}: {}", response.status());
        Ok(String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()).into_owned())
    }

    /// Posts JSON to an absolute address, and gets JSON.
    ///
    /// # Errors
    /// When the answer is no success, or no JSON.
    pub async fn post(&self, url: &str, body: &Value) -> Result<Value> {
        let body = Full::from(body.to_string());
        self.json(url, Request::post(url).header("content-type", "application/json").body(body)?).await
    }

    async fn json(&self, url: &str, request: Request<Full<Bytes>>) -> Result<Value> {
        let response = self.http.request(request).await.with_context(|| url.to_owned())?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::ensure!(status.is_success(), "{url}: {status}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).with_context(|| format!("{url}: no JSON"))
    }
}

impl Hearing {
    /// The next event; `None` at the end, clean or not.
    pub async fn next(&mut self) -> Option<Event> {
        while self.waiting.is_empty() {
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.waiting.extend(self.frames.push(&data));
            }
        }
        self.waiting.pop_front()
    }

    /// Hears the rest.
    async fn rest(mut self, ask: &Ask) -> Result<Heard> {
        let (mut text, mut complete) = (String::new(), false);
        while let Some(event) = self.next().await {
            text += &ask.dialect.text_of_event(&event);
            complete |= ask.dialect.is_end(&event);
        }
        let complete = complete && !self.frames.is_torn();
        Ok(Heard { status: self.status, id: self.id, headers: self.headers, text, complete })
    }
}

fn id_of(headers: &HeaderMap) -> Option<String> {
    word(headers, REQUEST_ID).map(str::to_owned)
}

/// The value of a header that is text.
pub fn word<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
