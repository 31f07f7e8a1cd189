//! Embeddings through InvokeModel: Amazon Titan (one text) and Cohere (up to 96 texts).

use http::HeaderMap;
use serde_json::{Map, Value, json};
use tg_kernel::embed::{EmbedInput, EmbedReply, EmbedRequest};
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::usage::Usage;

use super::usage;
use crate::dialects::bedrock_converse::ModelFamily;
use crate::embedding::EmbedUpstream;
use crate::loss::{Encoded, Loss};

/// The most texts that Cohere embeds in one call.
const COHERE_TEXTS_MAX: usize = 96;

/// What the texts are for, where the caller does not say (`input_type`): the side of a search that is stored.
const INPUT_TYPE_DEFAULT: &str = "search_document";

/// Embedding models on Bedrock.
#[derive(Clone, Copy, Debug, Default)]
pub struct BedrockEmbeddings;

impl EmbedUpstream for BedrockEmbeddings {
    fn encode_request(&self, request: &EmbedRequest, model: &str) -> Result<Encoded, Fault> {
        let EmbedInput::Texts(texts) = &request.input else {
            return Err(unsupported("This model embeds texts, not token ids. Send the input as strings."));
        };
        let mut losses = Vec::new();
        let body = match ModelFamily::of(model) {
            ModelFamily::TitanEmbed => titan(texts, request, model, &mut losses)?,
            ModelFamily::CohereEmbed => cohere(texts, request, model, &mut losses)?,
            ModelFamily::Claude
            | ModelFamily::Nova
            | ModelFamily::OtherEmbed
            | ModelFamily::Other
            | ModelFamily::Opaque => {
                return Err(unsupported("Only Amazon Titan and Cohere models embed text on Amazon Bedrock here."));
            }
        };
        if request.user.is_some() {
            losses.push(Loss::dropped("user"));
        }
        losses.sort();
        losses.dedup();
        Ok(Encoded { body: Value::Object(body).to_string().into(), losses, ..Encoded::default() })
    }

    fn decode_reply(&self, headers: &HeaderMap, body: &[u8]) -> Result<EmbedReply, Fault> {
        let garbage = || Fault::upstream_failed("upstream_garbage", "The provider's answer holds no embeddings.");
        let body: Value = serde_json::from_slice(body).map_err(|error| garbage().caused_by(error))?;
        let single = body.get("embedding").map(std::slice::from_ref);
        let several = body.get("embeddings").and_then(|all| all.get("float").unwrap_or(all).as_array());
        let rows = single.or(several.map(Vec::as_slice)).ok_or_else(garbage)?;
        let vectors: Option<Vec<Vec<f32>>> = rows.iter().map(vector).collect();
        let mut counts = Usage::default();
        if let Some(report) = usage::read(&body).or_else(|| usage::usage_from_headers(headers)) {
            counts.replace(&report);
        }
        Ok(EmbedReply { model: String::new(), vectors: vectors.ok_or_else(garbage)?, usage: counts })
    }
}

fn titan(
    texts: &[String],
    request: &EmbedRequest,
    model: &str,
    losses: &mut Vec<Loss>,
) -> Result<Map<String, Value>, Fault> {
    let [text] = texts else {
        return Err(unsupported("This model embeds one text in each call. Send the inputs one by one."));
    };
    let mut body = Map::from_iter([("inputText".to_owned(), Value::from(text.as_str()))]);
    match request.dimensions {
        Some(dimensions) if model.contains("text-v2") => {
            body.insert("dimensions".into(), dimensions.into());
        }
        Some(_) => losses.push(Loss::dropped("dimensions")),
        None => {}
    }
    losses.extend(request.extra.iter().map(|(name, _)| Loss::dropped(name)));
    Ok(body)
}

fn cohere(
    texts: &[String],
    request: &EmbedRequest,
    model: &str,
    losses: &mut Vec<Loss>,
) -> Result<Map<String, Value>, Fault> {
    if texts.len() > COHERE_TEXTS_MAX {
        let found = texts.len();
        return Err(unsupported(format!(
            "This model embeds at most {COHERE_TEXTS_MAX} texts in each call, not {found}."
        )));
    }
    let mut body = Map::from_iter([
        ("texts".to_owned(), json!(texts)),
        ("input_type".to_owned(), INPUT_TYPE_DEFAULT.into()),
        ("embedding_types".to_owned(), json!(["float"])),
    ]);
    for (name, value) in &request.extra {
        // The dialect's own members, which callers of other dialects send as extra ones.
        match name.as_str() {
            "input_type" | "truncate" => {
                body.insert(name.clone(), value.clone());
            }
            _ => losses.push(Loss::dropped(name)),
        }
    }
    match request.dimensions {
        Some(dimensions) if model.contains("embed-v4") => {
            body.insert("output_dimension".into(), dimensions.into());
        }
        Some(_) => losses.push(Loss::dropped("dimensions")),
        None => {}
    }
    Ok(body)
}

fn vector(row: &Value) -> Option<Vec<f32>> {
    row.as_array()?.iter().map(|number| serde_json::from_value(number.clone()).ok()).collect()
}

fn unsupported(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Class::Unsupported, Origin::Caller, "unsupported_input", message).at("input").retry(Retry::Elsewhere)
}
