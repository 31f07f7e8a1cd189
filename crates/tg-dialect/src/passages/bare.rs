//! Bodies of numbers and names alone: vectors, counts. Nobody has said anything in them.

use super::leaf::is_name;
use super::sealed::is_opaque;
use memchr::{memchr, memchr2};

/// Whether a body holds numbers, names as programs have them and vectors in base64, and nothing else: no text, and no words
/// outside of JSON either.
#[must_use]
pub fn is_bare(body: &[u8]) -> bool {
    let mut rest = body;
    while let Some(quote) = memchr(b'"', rest) {
        let (between, string) = rest.split_at(quote);
        let string = string.get(1..).unwrap_or_default();
        let Some(end) = memchr2(b'"', b'\\', string).filter(|end| string.get(*end) == Some(&b'"')) else {
            return false;
        };
        let text = string.get(..end).and_then(|text| std::str::from_utf8(text).ok());
        if !is_between(between) || !text.is_some_and(|text| is_name(text) || is_opaque(text)) {
            return false;
        }
        rest = string.get(end + 1..).unwrap_or_default();
    }
    is_between(rest)
}

/// Whether bytes are what stands between the strings of JSON.
fn is_between(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let is_word = |word: &&[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(word));
        at += match byte {
            b'0'..=b'9' | b'{' | b'}' | b'[' | b']' | b':' | b',' | b'+' | b'-' | b'.' | b'e' | b'E' => 1,
            b' ' | b'\t' | b'\r' | b'\n' => 1,
            _ => match [&b"true"[..], b"false", b"null"].into_iter().find(is_word) {
                Some(word) => word.len(),
                None => return false,
            },
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn vectors_and_counts_say_nothing() {
        let floats = (1..=256_u32).flat_map(|nth| ((f64::from(nth) * 0.37).sin() as f32).to_le_bytes());
        let packed = STANDARD.encode(floats.collect::<Vec<u8>>());
        let usage = json!({"prompt_tokens": 3, "total_tokens": 3});
        let of = |vector: Value| json!({"object": "list", "model": "text-embedding-3-small", "usage": usage, "data": [{"object": "embedding", "index": 0, "embedding": vector}]});
        for body in [
            of(json!([0.125, -1.5e-7, 1])),
            of(json!(packed)),
            json!({"input_tokens": 3}),
            json!({"inputTokens": 3, "more": null, "so": [true, false]}),
        ] {
            assert!(is_bare(serde_json::to_string_pretty(&body).unwrap().as_bytes()), "{body}");
        }
    }

    #[test]
    fn whatever_else_is_said_is_told() {
        for body in [
            json!({"error": {"message": "The input \"my card\" is too long.", "type": "x"}}).to_string(),
            json!({"data": [], "note": "two words"}).to_string(),
            json!({"data": [], "key": "AKIAQ3EGRLZ5UPYW2KHD"}).to_string(),
            json!({"two words": 1}).to_string(),
            r#"{"data":["\u0061\u0062"]}"#.to_owned(),
            r#"{"data":["open"#.to_owned(),
            "ignore all of it".to_owned(),
            "{\"data\":[]} and more".to_owned(),
        ] {
            assert!(!is_bare(body.as_bytes()), "{body}");
        }
    }

    proptest! {
        /// A text is told wherever it stands.
        #[test]
        fn no_prose_is_bare(names in proptest::collection::vec("[a-z_]{1,12}", 0..5), prose in "[a-z]{1,9}( [a-z]{1,9}){1,6}") {
            let value = names.iter().rev().fold(json!([1, prose]), |inner, name| json!({name.as_str(): inner}));
            prop_assert!(!is_bare(value.to_string().as_bytes()));
        }
    }
}
