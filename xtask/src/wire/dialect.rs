//! What callers say in each dialect, and where the text is in what they hear.

use super::frames::{Event, Framing};
use anyhow::Result;
use base64::Engine as _;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

/// The most output that a proof asks for.
pub const OUTPUT_MAX: u64 = 30_000;

/// A dialect that callers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Bedrock Converse.
    Converse,
    /// Bedrock InvokeModel with a body of Anthropic's.
    Invoke,
    /// OpenAI Embeddings.
    Embeddings,
}

/// Whether an answer is to be streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Delivery {
    /// In one piece.
    Plain,
    /// As a stream.
    Streamed,
}

/// One call to be made.
#[derive(Clone, Debug)]
pub struct Ask {
    /// In which dialect.
    pub dialect: Dialect,
    /// Of which model.
    pub model: String,
    /// What is said.
    pub prompt: String,
    /// How the answer comes.
    pub delivery: Delivery,
    /// The most output that is asked for.
    pub output_max: u64,
}

impl Dialect {
    /// The dialects in which models talk.
    pub const TALKING: [Self; 5] = [Self::Chat, Self::Responses, Self::Messages, Self::Converse, Self::Invoke];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "openai chat",
            Self::Responses => "openai responses",
            Self::Messages => "anthropic messages",
            Self::Converse => "bedrock converse",
            Self::Invoke => "bedrock invoke",
            Self::Embeddings => "openai embeddings",
        }
    }

    /// How its streams are framed.
    pub const fn framing(self) -> Framing {
        match self {
            Self::Converse | Self::Invoke => Framing::EventStream,
            _ => Framing::Sse,
        }
    }

    fn path(self, model: &str, delivery: Delivery) -> String {
        let model = model.replace(':', "%3A");
        match (self, delivery) {
            (Self::Chat, _) => "/v1/chat/completions".to_owned(),
            (Self::Responses, _) => "/v1/responses".to_owned(),
            (Self::Messages, _) => "/v1/messages".to_owned(),
            (Self::Embeddings, _) => "/v1/embeddings".to_owned(),
            (Self::Converse, Delivery::Plain) => format!("/model/{model}/converse"),
            (Self::Converse, Delivery::Streamed) => format!("/model/{model}/converse-stream"),
            (Self::Invoke, Delivery::Plain) => format!("/model/{model}/invoke"),
            (Self::Invoke, Delivery::Streamed) => format!("/model/{model}/invoke-with-response-stream"),
        }
    }

    /// The text that an event of a stream adds.
    pub fn text_of_event(self, event: &Event) -> String {
        let Event::Json(event) = event else { return String::new() };
        let found = match self {
            Self::Chat => event.pointer("/choices/0/delta/content"),
            Self::Responses => event.get("delta").filter(|_| event["type"] == "response.output_text.delta"),
            Self::Messages | Self::Converse => event.pointer("/delta/text"),
            Self::Invoke => return unwrapped(event).pointer("/delta/text").map(text).unwrap_or_default(),
            Self::Embeddings => None,
        };
        found.map(text).unwrap_or_default()
    }

    /// Whether an event says that the answer is complete.
    pub fn is_end(self, event: &Event) -> bool {
        match (self, event) {
            (Self::Chat, event) => *event == Event::Done,
            // The second is the end of an answer that has reached the bound asked for.
            (Self::Responses, Event::Json(event)) => {
                event["type"] == "response.completed" || event["type"] == "response.incomplete"
            }
            (Self::Messages, Event::Json(event)) => event["type"] == "message_stop",
            (Self::Converse, Event::Json(event)) => event.get("metrics").is_some(),
            (Self::Invoke, Event::Json(event)) => unwrapped(event)["type"] == "message_stop",
            _ => false,
        }
    }

    /// The text of an answer in one piece.
    pub fn text_of_answer(self, answer: &Value) -> String {
        let pieces = match self {
            Self::Chat => return answer.pointer("/choices/0/message/content").map(text).unwrap_or_default(),
            Self::Responses => {
                let items = answer["output"].as_array().into_iter().flatten();
                items.filter_map(|item| item.pointer("/content/0/text")).collect::<Vec<_>>()
            }
            Self::Messages | Self::Invoke => blocks(&answer["content"]),
            Self::Converse => answer.pointer("/output/message/content").map(blocks).unwrap_or_default(),
            Self::Embeddings => Vec::new(),
        };
        pieces.into_iter().map(text).collect()
    }
}

fn blocks(content: &Value) -> Vec<&Value> {
    content.as_array().into_iter().flatten().filter_map(|block| block.get("text")).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The event inside a chunk of InvokeModel's stream.
pub(super) fn unwrapped(event: &Value) -> Value {
    let bytes = event["bytes"].as_str().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

impl Ask {
    /// The request to a gateway at `base`, made with its key.
    ///
    /// # Errors
    /// When the base is no address.
    pub fn request(&self, base: &str, key: &str) -> Result<Request<Full<Bytes>>> {
        let uri = format!("{base}{}", self.dialect.path(&self.model, self.delivery));
        let builder = Request::builder().method(Method::POST).uri(uri).header("content-type", "application/json");
        let builder = match self.dialect {
            Dialect::Messages => builder.header("x-api-key", key).header("anthropic-version", "2023-06-01"),
            _ => builder.header("authorization", format!("Bearer {key}")),
        };
        Ok(builder.body(Full::new(Bytes::from(self.body().to_string())))?)
    }

    /// The body.
    pub fn body(&self) -> Value {
        let (model, prompt, streamed) = (&self.model, &self.prompt, self.delivery == Delivery::Streamed);
        let messages = json!([{ "role": "user", "content": prompt }]);
        let mut body = match self.dialect {
            Dialect::Chat => {
                json!({ "model": model, "max_completion_tokens": self.output_max, "messages": messages })
            }
            Dialect::Responses => json!({ "model": model, "max_output_tokens": self.output_max, "input": prompt }),
            Dialect::Messages => json!({ "model": model, "max_tokens": self.output_max, "messages": messages }),
            Dialect::Invoke => json!({
                "anthropic_version": "bedrock-2023-05-31", "max_tokens": self.output_max, "messages": messages
            }),
            Dialect::Converse => json!({
                "messages": [{ "role": "user", "content": [{ "text": prompt }] }],
                "inferenceConfig": { "maxTokens": self.output_max }
            }),
            Dialect::Embeddings => json!({ "model": model, "input": prompt }),
        };
        if streamed && matches!(self.dialect, Dialect::Chat | Dialect::Responses | Dialect::Messages) {
            body["stream"] = Value::Bool(true);
        }
        body
    }
}
