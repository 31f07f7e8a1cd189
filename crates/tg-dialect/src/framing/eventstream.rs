//! AWS event-stream frames (`application/vnd.amazon.eventstream`), reading and writing.
//!
//! A frame is: total length, header length, CRC-32 of these two, headers, payload, CRC-32 of all before it.
//! Format: <https://smithy.io/2.0/aws/amazon-eventstream.html>.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tg_kernel::fault::Fault;

#[cfg(test)]
mod tests;

/// The media type of a stream of frames.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// The most bytes that the headers of one frame may have: what the official clients accept.
pub const HEADERS_BYTES_MAX: usize = 128 * 1024;

/// The most bytes that the payload of one frame may have: what the official clients accept.
pub const PAYLOAD_BYTES_MAX: usize = 24 * 1024 * 1024;

const PRELUDE: usize = 12;
const TRAILER: usize = 4;
const OVERHEAD: usize = PRELUDE + TRAILER;

/// The value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the value types of the format")]
pub enum HeaderValue {
    Bool(bool),
    Byte(i8),
    Short(i16),
    Integer(i32),
    Long(i64),
    Bytes(Bytes),
    String(String),
    /// Milliseconds since the Unix epoch.
    Timestamp(i64),
    Uuid([u8; 16]),
}

/// One frame, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The headers, in order.
    pub headers: Vec<(String, HeaderValue)>,
    /// The payload.
    pub payload: Bytes,
}

impl Frame {
    /// The value of a header that is a string.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).and_then(|(_, value)| match value {
            HeaderValue::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// What kind of frame this is.
    #[must_use]
    pub fn kind(&self) -> Kind<'_> {
        match self.header(":message-type").unwrap_or("event") {
            "exception" => Kind::Exception(self.header(":exception-type").unwrap_or_default()),
            "error" => Kind::Error {
                code: self.header(":error-code").unwrap_or_default(),
                message: self.header(":error-message").unwrap_or_default(),
            },
            _ => Kind::Event(self.header(":event-type").unwrap_or_default()),
        }
    }
}

/// What a frame's `:message-type` and its companions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// An event of this type.
    Event(&'a str),
    /// A modelled failure of this type; the payload says more.
    Exception(&'a str),
    /// A failure outside the model.
    #[expect(missing_docs, reason = "the headers `:error-code` and `:error-message`")]
    Error { code: &'a str, message: &'a str },
}

/// Appends an `event` frame with a JSON payload.
pub fn write_event(event_type: &str, payload: &[u8], out: &mut BytesMut) {
    let headers = [(":event-type", event_type), (":content-type", "application/json"), (":message-type", "event")];
    write(&headers, payload, out);
}

/// Appends an `exception` frame with a JSON payload.
pub fn write_exception(exception_type: &str, payload: &[u8], out: &mut BytesMut) {
    let headers =
        [(":exception-type", exception_type), (":content-type", "application/json"), (":message-type", "exception")];
    write(&headers, payload, out);
}

/// Appends an `error` frame, which has its words in a header and no payload.
pub fn write_error(code: &str, message: &str, out: &mut BytesMut) {
    write(&[(":error-code", code), (":error-message", message), (":message-type", "error")], b"", out);
}

/// Appends a frame with string headers.
///
/// Header names are cut at 255 bytes and values at 65 535, which the format cannot exceed; headers are ours and short.
pub fn write(headers: &[(&str, &str)], payload: &[u8], out: &mut BytesMut) {
    let start = out.len();
    out.put_bytes(0, PRELUDE);
    for (name, value) in headers {
        let name = &name.as_bytes()[..name.len().min(usize::from(u8::MAX))];
        let value = &value.as_bytes()[..value.len().min(usize::from(u16::MAX))];
        out.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        out.put_slice(name);
        out.put_u8(7);
        out.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        out.put_slice(value);
    }
    let headers_length = length(out.len() - start - PRELUDE);
    out.put_slice(payload);
    let total = length(out.len() - start + TRAILER);
    let frame = &mut out[start..];
    frame[0..4].copy_from_slice(&total.to_be_bytes());
    frame[4..8].copy_from_slice(&headers_length.to_be_bytes());
    let prelude_sum = crc32fast::hash(&frame[..8]);
    frame[8..PRELUDE].copy_from_slice(&prelude_sum.to_be_bytes());
    let sum = crc32fast::hash(frame);
    out.put_u32(sum);
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Reads frames from bytes that may be torn anywhere.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    held: BytesMut,
}

impl FrameDecoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream. Call [`FrameDecoder::next_frame`] until it has no more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next whole frame: its bytes as they came, not yet taken apart.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` with code `upstream_garbage` for lengths or a prelude that cannot be right.
    pub fn next_raw(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(total) = frame_length(&self.held)? else { return Ok(None) };
        if self.held.len() < total {
            return Ok(None);
        }
        Ok(Some(self.held.split_to(total).freeze()))
    }

    /// The next whole frame. Its payload shares the memory of the frame.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` with code `upstream_garbage` for a frame that cannot be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Fault> {
        self.next_raw()?.map(|raw| parse(&raw)).transpose()
    }

    /// Whether bytes of a frame that is not yet whole are held.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        !self.held.is_empty()
    }

    /// The stream ended: the bytes of a frame that is not whole.
    pub fn rest(&mut self) -> Bytes {
        self.held.split().freeze()
    }
}

/// Shows whole frames of a passing stream without owning it: only a frame that is torn across chunks is copied.
///
/// Checksums of messages are left to the receiver, who gets every byte as it came. Where the stream cannot be read at
/// all, nothing more is shown.
#[derive(Debug, Default)]
pub struct PassingFrames {
    torn: BytesMut,
    lost: bool,
}

impl PassingFrames {
    /// Takes the next chunk, and calls `see` for each frame that ends in it.
    pub fn feed(&mut self, chunk: &Bytes, mut see: impl FnMut(Frame)) {
        let mut rest = chunk.clone();
        while !self.lost && !rest.is_empty() {
            if self.torn.is_empty() {
                match whole(&rest) {
                    Ok(Some(total)) => self.show(rest.split_to(total), &mut see),
                    Ok(None) => self.keep(&mut rest, usize::MAX),
                    Err(_) => self.lost = true,
                }
                continue;
            }
            // First the prelude, which says how much more belongs to the frame.
            let wanted = match frame_length(&self.torn) {
                Ok(length) => length.unwrap_or(PRELUDE),
                Err(_) => {
                    self.lost = true;
                    return;
                }
            };
            self.keep(&mut rest, wanted - self.torn.len());
            if wanted > PRELUDE && self.torn.len() == wanted {
                let frame = self.torn.split().freeze();
                self.show(frame, &mut see);
            }
        }
        if self.lost {
            self.torn = BytesMut::new();
        }
    }

    /// Whether a frame is open: a stream that ends here is cut off.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        !self.torn.is_empty()
    }

    fn keep(&mut self, rest: &mut Bytes, wanted: usize) {
        let piece = rest.split_to(wanted.min(rest.len()));
        self.torn.extend_from_slice(&piece);
    }

    fn show(&mut self, raw: Bytes, see: &mut impl FnMut(Frame)) {
        match split(&raw) {
            Some(frame) => see(frame),
            None => self.lost = true,
        }
    }
}

/// The length of the frame at the start of `bytes`, if it is whole.
fn whole(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    Ok(frame_length(bytes)?.filter(|total| *total <= bytes.len()))
}

/// The length of the frame at the start of `bytes`; `None` while its prelude is not whole.
///
/// # Errors
/// `Class::UpstreamFailed` with code `upstream_garbage` for lengths beyond the limits or a wrong checksum.
pub fn frame_length(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let Some(mut prelude) = bytes.get(..PRELUDE) else { return Ok(None) };
    let sum = crc32fast::hash(&prelude[..8]);
    let (total, headers, expected) = (prelude.get_u32(), prelude.get_u32(), prelude.get_u32());
    if sum != expected {
        return Err(garbage("the prelude of a frame has a wrong checksum"));
    }
    let (total, headers) = (total as usize, headers as usize);
    if headers > HEADERS_BYTES_MAX || total < OVERHEAD + headers || total - OVERHEAD - headers > PAYLOAD_BYTES_MAX {
        return Err(garbage("a frame has impossible lengths"));
    }
    Ok(Some(total))
}

/// Takes one whole frame apart. The payload shares its memory.
///
/// # Errors
/// `Class::UpstreamFailed` with code `upstream_garbage` for a wrong checksum, length or header.
pub fn parse(raw: &Bytes) -> Result<Frame, Fault> {
    match frame_length(raw)? {
        Some(total) if total == raw.len() => {}
        _ => return Err(garbage("a frame is not whole")),
    }
    let body_end = raw.len() - TRAILER;
    let expected = (&raw[body_end..]).get_u32();
    if crc32fast::hash(&raw[..body_end]) != expected {
        return Err(garbage("a frame has a wrong checksum"));
    }
    split(raw).ok_or_else(|| garbage("a frame's headers cannot be read"))
}

/// Takes a frame of checked length apart.
fn split(raw: &Bytes) -> Option<Frame> {
    let headers_end = PRELUDE + (&raw[4..8]).get_u32() as usize;
    let headers = parse_headers(raw.slice(PRELUDE..headers_end))?;
    Some(Frame { headers, payload: raw.slice(headers_end..raw.len() - TRAILER) })
}

fn parse_headers(mut bytes: Bytes) -> Option<Vec<(String, HeaderValue)>> {
    let mut headers = Vec::with_capacity(4);
    while bytes.has_remaining() {
        let name_length = usize::from(bytes.try_get_u8().ok()?);
        let name = take(&mut bytes, name_length)?;
        let name = std::str::from_utf8(&name).ok()?.to_owned();
        headers.push((name, parse_value(&mut bytes)?));
    }
    Some(headers)
}

fn parse_value(bytes: &mut Bytes) -> Option<HeaderValue> {
    Some(match bytes.try_get_u8().ok()? {
        0 => HeaderValue::Bool(true),
        1 => HeaderValue::Bool(false),
        2 => HeaderValue::Byte(bytes.try_get_i8().ok()?),
        3 => HeaderValue::Short(bytes.try_get_i16().ok()?),
        4 => HeaderValue::Integer(bytes.try_get_i32().ok()?),
        5 => HeaderValue::Long(bytes.try_get_i64().ok()?),
        6 => HeaderValue::Bytes(take_sized(bytes)?),
        7 => HeaderValue::String(std::str::from_utf8(&take_sized(bytes)?).ok()?.to_owned()),
        8 => HeaderValue::Timestamp(bytes.try_get_i64().ok()?),
        9 => HeaderValue::Uuid(<[u8; 16]>::try_from(&take(bytes, 16)?[..]).ok()?),
        _ => return None,
    })
}

fn take_sized(bytes: &mut Bytes) -> Option<Bytes> {
    let size = usize::from(bytes.try_get_u16().ok()?);
    take(bytes, size)
}

fn take(bytes: &mut Bytes, size: usize) -> Option<Bytes> {
    (bytes.remaining() >= size).then(|| bytes.split_to(size))
}

fn garbage(what: &'static str) -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's event stream cannot be read.").caused_by(what)
}
