//! How much of a request's body a model has to read: text by its bytes, pictures and documents by their number.

use tg_kernel::peek::Weight;

/// Texts shorter than this are not looked at: no picture worth sending is smaller.
const MEDIA_BYTES_MIN: usize = 2_048;

/// How far apart the places are at which a body is looked at: each long enough text has one of them.
const STRIDE: usize = MEDIA_BYTES_MIN / 2;

/// How much of a long text is looked at, at its beginning, in its middle and at its end.
const LOOKED_AT: usize = 256;

/// Weighs a body. A guess that is good enough for an estimate: of a body without long texts a few bytes in each thousand
/// are looked at, and nothing is decoded.
#[must_use]
pub fn weigh(body: &[u8]) -> Weight {
    let (mut media_bytes, mut media) = (0, 0);
    let mut at = STRIDE;
    while at < body.len() {
        let begin = memchr::memrchr(b'"', &body[..at]).map_or(0, |quote| quote + 1);
        let end = memchr::memchr(b'"', &body[at..]).map_or(body.len(), |quote| at + quote);
        if end - begin >= MEDIA_BYTES_MIN && is_base64(&body[begin..end]) {
            media_bytes += end - begin;
            media += 1;
        }
        at = (end / STRIDE + 1) * STRIDE;
    }
    Weight { text_bytes: (body.len() - media_bytes) as u64, media }
}

/// Whether a long text looks like base64, or a `data:` URL of it. Prose has blanks, and so has nearly all code.
fn is_base64(text: &[u8]) -> bool {
    let data = memchr::memmem::find(&text[..text.len().min(128)], b";base64,").map_or(0, |at| at + b";base64,".len());
    let text = text.get(data..).unwrap_or_default();
    let last = text.len().saturating_sub(LOOKED_AT);
    [0, last / 2, last].into_iter().all(|from| {
        let part = &text[from..text.len().min(from + LOOKED_AT)];
        // A slash may stand escaped; letters of other scripts that are escaped are no base64.
        part.iter().zip(part.iter().skip(1).chain(b"/")).all(|(byte, next)| match byte {
            b'\\' => *next == b'/',
            _ => byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::weigh;
    use serde_json::json;
    use tg_kernel::peek::Weight;

    #[test]
    fn long_base64_is_media_and_all_else_is_text() {
        let picture = "iVBORw0KGgo/+".repeat(1_000);
        let prose = "It was a bright cold day in April. ".repeat(1_000);
        let code = "fn main() {\n    println!(\"hi\");\n}\n".repeat(300);
        let disguised = format!("{}{prose}", "a".repeat(600));
        for (body, media, media_bytes) in [
            (json!({"messages": [{"role": "user", "content": prose}]}), 0, 0),
            (json!({"messages": [{"role": "user", "content": code}]}), 0, 0),
            (json!({"messages": [{"role": "user", "content": disguised}]}), 0, 0),
            (json!({"source": {"type": "base64", "data": picture}, "text": prose}), 1, picture.len()),
            (json!({"image_url": {"url": format!("data:image/png;base64,{picture}")}}), 1, picture.len() + 22),
            (json!({"images": [picture, picture, "iVBORw0KGgo/+".repeat(158)]}), 3, 2 * picture.len() + 13 * 158),
            (json!({"short": "aGVsbG8="}), 0, 0),
        ] {
            let body = body.to_string();
            let wanted = Weight { text_bytes: (body.len() - media_bytes) as u64, media };
            assert_eq!(weigh(body.as_bytes()), wanted, "{}", &body[..60.min(body.len())]);
        }
        assert_eq!(weigh(b""), Weight::default());
    }

    #[test]
    fn escapes_are_told_apart() {
        let escaped_script = format!(r#"{{"text":"{}"}}"#, "\\u4f60\\u597d".repeat(2_000));
        assert_eq!(weigh(escaped_script.as_bytes()).media, 0);
        let escaped_slashes = format!(r#"{{"data":"{}"}}"#, "iVBOR\\/w0KGgo".repeat(2_000));
        assert_eq!(weigh(escaped_slashes.as_bytes()).media, 1);
    }
}
