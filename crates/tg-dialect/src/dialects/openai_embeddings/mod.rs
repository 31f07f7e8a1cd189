//! OpenAI Embeddings, as callers and as providers speak it.

#[cfg(test)]
mod tests;

use crate::dialects::openai_fault;
use crate::embedding::EmbedUpstream;
use crate::loss::Encoded;
use crate::scan::Members;
use crate::tap::Summary;
use crate::tool_names::ToolNames;
use crate::walk::{self, Fields};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tg_kernel::embed::{EmbedInput, EmbedReply, EmbedRequest, VectorEncoding};
use tg_kernel::fault::Fault;
use tg_kernel::peek::Peek;
use tg_kernel::usage::Usage;

/// The dialect. Faults are written by [`openai_fault::encode_fault`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenaiEmbeddings;

impl OpenaiEmbeddings {
    /// Reads the cheap facts of a body.
    ///
    /// # Errors
    /// `Class::Malformed` naming the member.
    pub fn peek(self, members: &Members<'_>) -> Result<Peek, Fault> {
        let Some(model) = members.string("model")? else {
            return Err(Fault::malformed_at("model", "Missing required parameter: 'model'."));
        };
        Ok(Peek { model: model.into_owned(), ..Peek::default() })
    }

    /// Decodes a whole request.
    ///
    /// # Errors
    /// `Class::Malformed` naming the member.
    pub fn decode_request(self, body: &[u8]) -> Result<EmbedRequest, Fault> {
        let mut fields = Fields::body(body)?;
        let model = fields.required_string("model")?;
        let input = fields.take("input").ok_or_else(|| fields.missing("input"))?;
        let encoding = match fields.string("encoding_format")?.as_deref() {
            None | Some("float") => VectorEncoding::Float,
            Some("base64") => VectorEncoding::Base64,
            Some(_) => return Err(fields.invalid("encoding_format", "expected 'float' or 'base64'")),
        };
        let dimensions = fields.u64("dimensions")?.map(u32::try_from).transpose();
        Ok(EmbedRequest {
            model,
            input: read_input(input)?,
            dimensions: dimensions.map_err(|_| fields.invalid("dimensions", "too large"))?,
            encoding,
            user: fields.string("user")?,
            extra: fields.rest(),
        })
    }

    /// Writes a whole answer: vectors in the encoding that the caller asked for, under the model name it asked for.
    #[must_use]
    pub fn encode_reply(self, reply: &EmbedReply, encoding: VectorEncoding, model: &str) -> Bytes {
        let data = reply.vectors.iter().enumerate().map(|(index, vector)| Item {
            object: "embedding",
            index,
            embedding: match encoding {
                VectorEncoding::Float => Vector::Float(vector),
                VectorEncoding::Base64 => Vector::Base64(base64_of(vector)),
            },
        });
        let tokens = reply.usage.total_input_tokens();
        let list = List {
            object: "list",
            data: data.collect(),
            model,
            usage: Tokens { prompt_tokens: tokens, total_tokens: tokens },
        };
        // Numbers that JSON has no form for become `null`; nothing else can fail here.
        Bytes::from(serde_json::to_vec(&list).unwrap_or_default())
    }

    /// Reads usage and model from a whole relayed answer (status 2xx) without reading the vectors.
    #[must_use]
    pub fn read_summary(self, body: &[u8]) -> Summary {
        let Ok(glance) = serde_json::from_slice::<Glance>(body) else {
            return Summary { failed: true, ..Summary::default() };
        };
        let usage = read_usage(&glance.usage);
        Summary {
            usage: usage.unwrap_or_default(),
            usage_seen: usage.is_some(),
            usage_final: usage.is_some(),
            model: glance.model,
            complete: true,
            ..Summary::default()
        }
    }

    /// Reads an error answer (status not 2xx).
    #[must_use]
    pub fn decode_fault(self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
        openai_fault::decode_fault(status, headers, body)
    }
}

impl EmbedUpstream for OpenaiEmbeddings {
    fn encode_request(&self, request: &EmbedRequest, model: &str) -> Result<Encoded, Fault> {
        let mut body = Map::from_iter([("model".to_owned(), Value::from(model))]);
        let input = match &request.input {
            EmbedInput::Texts(texts) => Value::from(texts.clone()),
            EmbedInput::Tokens(lists) => lists.iter().map(|tokens| Value::from(tokens.clone())).collect(),
        };
        body.insert("input".into(), input);
        if let Some(dimensions) = request.dimensions {
            body.insert("dimensions".into(), dimensions.into());
        }
        if request.encoding == VectorEncoding::Base64 {
            body.insert("encoding_format".into(), "base64".into());
        }
        if let Some(user) = &request.user {
            body.insert("user".into(), user.as_str().into());
        }
        // Callers' embeddings come in no other dialect: what has no word here is this dialect's own.
        body.extend(request.extra.iter().cloned());
        let body = Bytes::from(Value::Object(body).to_string());
        Ok(Encoded { body, losses: Vec::new(), names: ToolNames::default() })
    }

    fn decode_reply(&self, _headers: &HeaderMap, body: &[u8]) -> Result<EmbedReply, Fault> {
        let answer: Answer = serde_json::from_slice(body).map_err(|e| unreadable().caused_by(e))?;
        let mut data = answer.data;
        data.sort_by_key(|item| item.index);
        let vectors: Option<Vec<_>> = data.into_iter().map(|item| item.embedding.floats()).collect();
        Ok(EmbedReply {
            model: answer.model.unwrap_or_default(),
            vectors: vectors.ok_or_else(unreadable)?,
            usage: read_usage(&answer.usage).unwrap_or_default(),
        })
    }
}

fn unreadable() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's answer is not a list of embeddings.")
}

/// One text, texts, the tokens of one text, or the tokens of several.
fn read_input(input: Value) -> Result<EmbedInput, Fault> {
    let items = match input {
        Value::String(text) => return Ok(EmbedInput::Texts(vec![text])),
        Value::Array(items) if !items.is_empty() => items,
        Value::Array(_) => {
            return Err(Fault::malformed_at("input", "Invalid value for 'input': at least one item is required."));
        }
        other => return Err(walk::wrong("input", "a string or an array", &other)),
    };
    match items.first() {
        Some(Value::Number(_)) => tokens("input", items).map(|list| EmbedInput::Tokens(vec![list])),
        Some(Value::Array(_)) => {
            let lists = items.into_iter().enumerate().map(|(index, item)| {
                let path = walk::join("input", index);
                match item {
                    Value::Array(items) => tokens(&path, items),
                    other => Err(walk::wrong(&path, "an array of token ids", &other)),
                }
            });
            lists.collect::<Result<_, _>>().map(EmbedInput::Tokens)
        }
        _ => {
            let texts = items.into_iter().enumerate().map(|(index, item)| match item {
                Value::String(text) => Ok(text),
                other => Err(walk::wrong(&walk::join("input", index), "a string", &other)),
            });
            texts.collect::<Result<_, _>>().map(EmbedInput::Texts)
        }
    }
}

fn tokens(path: &str, items: Vec<Value>) -> Result<Vec<u32>, Fault> {
    let token = |(index, item): (usize, Value)| {
        let number = walk::whole(&item).and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| walk::wrong(&walk::join(path, index), "a token id", &item))
    };
    items.into_iter().enumerate().map(token).collect()
}

fn base64_of(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Item<'a>>,
    model: &'a str,
    usage: Tokens,
}

#[derive(Serialize)]
struct Item<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Float(&'a [f32]),
    Base64(String),
}

#[derive(Serialize)]
struct Tokens {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// What a `usage` object says. Some servers report only one of the two counts, or `null`.
fn read_usage(usage: &Value) -> Option<Usage> {
    let count = |name: &str| usage.get(name).and_then(walk::whole);
    let input_tokens = count("prompt_tokens").filter(|tokens| *tokens > 0).or_else(|| count("total_tokens"))?;
    Some(Usage { input_tokens, ..Usage::default() })
}

#[derive(Deserialize)]
struct Glance {
    model: Option<String>,
    #[serde(default)]
    usage: Value,
}

#[derive(Deserialize)]
struct Answer {
    model: Option<String>,
    #[serde(default)]
    usage: Value,
    data: Vec<AnswerItem>,
}

#[derive(Deserialize)]
struct AnswerItem {
    #[serde(default)]
    index: usize,
    embedding: AnswerVector,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AnswerVector {
    Float(Vec<f32>),
    Base64(String),
}

impl AnswerVector {
    fn floats(self) -> Option<Vec<f32>> {
        match self {
            Self::Float(floats) => Some(floats),
            Self::Base64(text) => {
                let bytes = STANDARD.decode(text).ok()?;
                let (numbers, rest) = bytes.as_chunks::<4>();
                rest.is_empty().then(|| numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
            }
        }
    }
}
