//! The writer of `application/vnd.amazon.eventstream` frames.

use bytes::{BufMut, BytesMut};

const STRING: u8 = 7;

/// Appends one frame with string headers. Sizes are those of a simulator: far below the format's limits.
pub(crate) fn write(headers: &[(&str, &str)], payload: &[u8], out: &mut BytesMut) {
    let header_bytes: usize = headers.iter().map(|(name, value)| 1 + name.len() + 1 + 2 + value.len()).sum();
    let total = 12 + header_bytes + payload.len() + 4;
    let start = out.len();
    out.reserve(total);
    out.put_u32(u32::try_from(total).unwrap_or(u32::MAX));
    out.put_u32(u32::try_from(header_bytes).unwrap_or(u32::MAX));
    out.put_u32(crc32fast::hash(&out[start..]));
    for (name, value) in headers {
        out.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        out.put_slice(name.as_bytes());
        out.put_u8(STRING);
        out.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        out.put_slice(value.as_bytes());
    }
    out.put_slice(payload);
    out.put_u32(crc32fast::hash(&out[start..]));
}

/// Appends an event whose payload is JSON.
pub(crate) fn event(kind: &str, payload: &[u8], out: &mut BytesMut) {
    write(&[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")], payload, out);
}

/// Appends a modelled exception.
pub(crate) fn exception(kind: &str, payload: &[u8], out: &mut BytesMut) {
    write(
        &[(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")],
        payload,
        out,
    );
}

/// Appends the frame by which a stream fails: of an overloaded model, unless the script says otherwise.
pub(crate) fn failure(kind: Option<&str>, out: &mut BytesMut) {
    const MESSAGE: &str = "The model is overloaded. Try again later.";
    match kind {
        Some("error") => {
            write(
                &[(":message-type", "error"), (":error-code", "InternalError"), (":error-message", MESSAGE)],
                b"",
                out,
            );
        }
        other => {
            let kind = other.unwrap_or("serviceUnavailableException");
            exception(kind, serde_json::json!({ "message": MESSAGE }).to_string().as_bytes(), out);
        }
    }
}
