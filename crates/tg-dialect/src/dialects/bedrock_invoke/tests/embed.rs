//! Embeddings of Titan and Cohere.

use crate::dialects::bedrock_invoke::BedrockEmbeddings;
use crate::embedding::EmbedUpstream;
use http::HeaderMap;
use serde_json::{Value, json};
use tg_kernel::embed::{EmbedInput, EmbedRequest};
use tg_kernel::fault::Class;

fn request(texts: &[&str]) -> EmbedRequest {
    let texts = texts.iter().map(ToString::to_string).collect();
    EmbedRequest {
        input: EmbedInput::Texts(texts),
        dimensions: Some(256),
        user: Some("u".into()),
        ..EmbedRequest::default()
    }
}

#[test]
fn requests_are_written_for_each_model() {
    let cohere = json!({"texts": ["a"], "input_type": "search_document", "embedding_types": ["float"]});
    let mut cohere_v4 = cohere.clone();
    cohere_v4["output_dimension"] = 256.into();
    for (model, body, losses) in [
        ("amazon.titan-embed-text-v1", json!({"inputText": "a"}), ["dimensions", "user"].as_slice()),
        ("amazon.titan-embed-text-v2:0", json!({"inputText": "a", "dimensions": 256}), &["user"]),
        ("cohere.embed-english-v3", cohere, &["dimensions", "user"]),
        ("us.cohere.embed-v4:0", cohere_v4, &["user"]),
    ] {
        let encoded = BedrockEmbeddings.encode_request(&request(&["a"]), model).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&encoded.body).unwrap(), body, "{model}");
        assert_eq!(encoded.losses.iter().map(ToString::to_string).collect::<Vec<_>>(), losses, "{model}");
    }
    let mut query = request(&["a"]);
    query.extra = vec![("input_type".into(), "search_query".into()), ("other".into(), json!(1))];
    let encoded = BedrockEmbeddings.encode_request(&query, "cohere.embed-v4:0").unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&encoded.body).unwrap()["input_type"], "search_query");
    assert_eq!(encoded.losses[0].field, "other");
}

#[test]
fn what_a_model_cannot_embed_is_refused() {
    let many = vec!["a"; 97];
    let tokens = EmbedRequest { input: EmbedInput::Tokens(vec![vec![1]]), ..EmbedRequest::default() };
    for (request, model) in [
        (request(&["a", "b"]), "amazon.titan-embed-text-v2:0"),
        (request(&[]), "amazon.titan-embed-text-v2:0"),
        (request(&many), "cohere.embed-english-v3"),
        (tokens, "cohere.embed-english-v3"),
        (request(&["a"]), "amazon.nova-pro-v1:0"),
    ] {
        assert_eq!(BedrockEmbeddings.encode_request(&request, model).unwrap_err().class, Class::Unsupported, "{model}");
    }
}

#[test]
fn answers_of_each_model_are_read() {
    let mut headers = HeaderMap::new();
    headers.insert("x-amzn-bedrock-input-token-count", "7".parse().unwrap());
    for (body, vectors, tokens) in [
        (json!({"embedding": [0.5, 1], "inputTextTokenCount": 3}), vec![vec![0.5, 1.0]], 3),
        (json!({"embeddings": [[0.5], [1.5]]}), vec![vec![0.5], vec![1.5]], 7),
        (json!({"embeddings": {"float": [[0.5]]}}), vec![vec![0.5]], 7),
    ] {
        let reply = BedrockEmbeddings.decode_reply(&headers, body.to_string().as_bytes()).unwrap();
        assert_eq!((reply.vectors, reply.usage.input_tokens), (vectors, tokens), "{body}");
    }
    for garbage in ["<html>", "{}", r#"{"embedding":"x"}"#, r#"{"embeddings":[1]}"#] {
        assert_eq!(BedrockEmbeddings.decode_reply(&headers, garbage.as_bytes()).unwrap_err().code, "upstream_garbage");
    }
}
