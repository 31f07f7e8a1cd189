//! How much of a request's body a model has to read: text by its bytes, pictures and documents by their number.

/// Texts shorter than this are not looked at: no picture worth sending is smaller.
const MEDIA_BYTES_MIN: usize = 2_048;

/// How much of a long text tells whether it is base64.
const LOOKED_AT: usize = 512;

/// Bytes that may be text, and how many long base64 texts (pictures, documents) stand beside them. A guess that is good
/// enough for a reservation: one pass, nothing is decoded.
#[must_use]
pub fn weigh(body: &[u8]) -> (u64, u64) {
    let (mut media_bytes, mut media) = (0, 0);
    let mut begin = 0;
    for end in memchr::memchr_iter(b'"', body).chain([body.len()]) {
        let piece = body.get(begin..end).unwrap_or_default();
        if piece.len() >= MEDIA_BYTES_MIN && is_base64(piece) {
            media_bytes += piece.len();
            media += 1;
        }
        begin = end + 1;
    }
    ((body.len() - media_bytes) as u64, media)
}

/// Whether a long text looks like base64, or a `data:` URL of it. Prose has blanks, and so has nearly all code.
fn is_base64(text: &[u8]) -> bool {
    let data = memchr::memmem::find(&text[..text.len().min(128)], b";base64,").map_or(0, |at| at + b";base64,".len());
    let looked_at = text.get(data..).unwrap_or_default();
    looked_at.iter().take(LOOKED_AT).all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_\\".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::weigh;
    use serde_json::json;

    #[test]
    fn long_base64_is_media_and_all_else_is_text() {
        let picture = "iVBORw0KGgo".repeat(1_000);
        let prose = "It was a bright cold day in April. ".repeat(1_000);
        let code = "fn main() {\n    println!(\"hi\");\n}\n".repeat(300);
        for (body, media, media_bytes) in [
            (json!({"messages": [{"role": "user", "content": prose}]}), 0, 0),
            (json!({"messages": [{"role": "user", "content": code}]}), 0, 0),
            (json!({"source": {"type": "base64", "data": picture}, "text": prose}), 1, picture.len()),
            (json!({"image_url": {"url": format!("data:image/png;base64,{picture}")}}), 1, picture.len() + 22),
            (json!({"images": [picture, picture]}), 2, 2 * picture.len()),
            (json!({"short": "aGVsbG8="}), 0, 0),
        ] {
            let body = body.to_string();
            assert_eq!(
                weigh(body.as_bytes()),
                ((body.len() - media_bytes) as u64, media),
                "{}",
                &body[..60.min(body.len())]
            );
        }
        assert_eq!(weigh(b""), (0, 0));
    }
}
