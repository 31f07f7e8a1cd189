//! OpenAI embeddings in both roles.

use super::OpenaiEmbeddings;
use crate::embedding::EmbedUpstream;
use crate::scan::Members;
use http::HeaderMap;
use serde_json::{Value, json};
use tg_kernel::embed::{EmbedInput, EmbedReply, EmbedRequest, VectorEncoding};
use tg_kernel::fault::{Class, Fault};
use tg_kernel::usage::Usage;

fn decode(body: &Value) -> Result<EmbedRequest, Fault> {
    OpenaiEmbeddings.decode_request(body.to_string().as_bytes())
}

#[test]
fn inputs_come_in_four_forms() {
    let texts = |texts: &[&str]| EmbedInput::Texts(texts.iter().map(|&text| text.to_owned()).collect());
    for (input, wanted) in [
        (json!("a"), texts(&["a"])),
        (json!(["a", "b"]), texts(&["a", "b"])),
        (json!([1, 2]), EmbedInput::Tokens(vec![vec![1, 2]])),
        (json!([[1], [2, 3]]), EmbedInput::Tokens(vec![vec![1], vec![2, 3]])),
    ] {
        assert_eq!(decode(&json!({ "model": "m", "input": input })).unwrap().input, wanted);
    }
}

#[test]
fn a_request_survives() {
    let body = json!({ "model": "m", "input": ["a"], "dimensions": 8, "encoding_format": "base64", "user": "u", "input_type": "query" });
    let request = decode(&body).unwrap();
    assert_eq!(request.encoding, VectorEncoding::Base64);
    let encoded = OpenaiEmbeddings.encode_request(&request, "m").unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&encoded.body).unwrap(), body);
    assert!(encoded.losses.is_empty());
    let tokens = decode(&json!({ "model": "m", "input": [[1], [2]] })).unwrap();
    let encoded = OpenaiEmbeddings.encode_request(&tokens, "t").unwrap();
    assert_eq!(&encoded.body[..], br#"{"model":"t","input":[[1],[2]]}"#);
}

#[test]
fn wrong_members_are_named() {
    for (body, param) in [
        (json!({ "input": "a" }), "model"),
        (json!({ "model": "m" }), "input"),
        (json!({ "model": "m", "input": [] }), "input"),
        (json!({ "model": "m", "input": 3 }), "input"),
        (json!({ "model": "m", "input": ["a", 1] }), "input.1"),
        (json!({ "model": "m", "input": [1, -2] }), "input.1"),
        (json!({ "model": "m", "input": [[1], ["x"]] }), "input.1.0"),
        (json!({ "model": "m", "input": "a", "encoding_format": "hex" }), "encoding_format"),
        (json!({ "model": "m", "input": "a", "dimensions": -1 }), "dimensions"),
    ] {
        let fault = decode(&body).unwrap_err();
        assert_eq!((fault.class, fault.param.as_deref()), (Class::Malformed, Some(param)), "{body}");
    }
}

#[test]
fn answers_are_written_and_read_in_both_encodings() {
    let reply = EmbedReply {
        model: "served".into(),
        vectors: vec![vec![0.1, -2.5], vec![1e-7, 0.0]],
        usage: Usage { input_tokens: 6, ..Usage::default() },
    };
    for (encoding, first) in
        [(VectorEncoding::Float, json!([0.1, -2.5])), (VectorEncoding::Base64, json!("zczMPQAAIMA="))]
    {
        let body = OpenaiEmbeddings.encode_reply(&reply, encoding, "asked");
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["data"][0], json!({ "object": "embedding", "index": 0, "embedding": first }));
        assert_eq!((&value["object"], &value["model"]), (&json!("list"), &json!("asked")));
        assert_eq!(value["usage"], json!({ "prompt_tokens": 6, "total_tokens": 6 }));
        let again = OpenaiEmbeddings.decode_reply(&HeaderMap::new(), &body).unwrap();
        assert_eq!((again.vectors, again.usage), (reply.vectors.clone(), reply.usage));
    }
}

#[test]
fn vectors_stand_in_the_order_of_the_input() {
    let body = br#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}],"usage":{"total_tokens":3}}"#;
    let reply = OpenaiEmbeddings.decode_reply(&HeaderMap::new(), body).unwrap();
    assert_eq!((reply.vectors, reply.usage.input_tokens), (vec![vec![1.0], vec![2.0]], 3));
    for garbage in [&b"<html>"[..], b"{}", br#"{"data":[{"embedding":"AAA="}]}"#] {
        let fault = OpenaiEmbeddings.decode_reply(&HeaderMap::new(), garbage).unwrap_err();
        assert_eq!(fault.class, Class::UpstreamFailed);
    }
}

#[test]
fn a_relayed_answer_is_summed_up() {
    let body = br#"{"data":[{"embedding":[1,2,3]}],"model":"m","usage":{"prompt_tokens":4,"total_tokens":4}}"#;
    let summary = OpenaiEmbeddings.read_summary(body);
    assert_eq!((summary.usage.input_tokens, summary.model.as_deref()), (4, Some("m")));
    assert!(summary.complete && summary.usage_final);
    let body = br#"{"data":[{"embedding":[1]}],"model":"m","usage":{"prompt_tokens":null,"total_tokens":4.0}}"#;
    assert_eq!(OpenaiEmbeddings.read_summary(body).usage.input_tokens, 4);
    let body = br#"{"data":[{"embedding":[1]}],"usage":{"prompt_tokens":null,"total_tokens":null}}"#;
    let summary = OpenaiEmbeddings.read_summary(body);
    assert!(summary.complete && !summary.usage_seen && !summary.failed);
    assert!(OpenaiEmbeddings.read_summary(b"<html>").failed);
    let members = Members::scan(br#"{"model":"m","input":[1]}"#).unwrap();
    assert_eq!(OpenaiEmbeddings.peek(&members).unwrap().model, "m");
}
