//! Whole frames of a stream in either framing, as they came.

use crate::framing::eventstream::FrameDecoder;
use crate::framing::sse::{self, FrameEnds};
use bytes::{Bytes, BytesMut};
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;

/// Takes a stream apart into whole frames.
pub(crate) enum Frames {
    Sse {
        buffer: BytesMut,
        ends: FrameEnds,
        /// How far `ends` has looked.
        looked: usize,
        /// The beginning of the open frame has gone on: it is too large to be held.
        begun: bool,
    },
    EventStream(FrameDecoder),
}

/// What comes next.
pub(crate) struct Next {
    pub(crate) bytes: Bytes,
    /// The bytes are a piece of a frame that is too large to be held.
    pub(crate) is_piece: bool,
    /// The bytes are the LF behind the CR that ended the last frame, which was handed out without it.
    pub(crate) is_belated: bool,
}

impl Frames {
    /// Of a stream in this dialect.
    pub(crate) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::BedrockConverse | Dialect::BedrockInvoke => Self::EventStream(FrameDecoder::new()),
            Dialect::OpenaiChat | Dialect::OpenaiEmbeddings | Dialect::OpenaiResponses | Dialect::AnthropicMessages => {
                Self::Sse { buffer: BytesMut::new(), ends: FrameEnds::new(), looked: 0, begun: false }
            }
        }
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        match self {
            Self::Sse { buffer, .. } => buffer.extend_from_slice(chunk),
            Self::EventStream(frames) => frames.push(chunk),
        }
    }

    /// The next whole frame. Of one that is too large to be held, pieces as they come.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` for bytes that are no frames.
    pub(crate) fn next(&mut self) -> Result<Option<Next>, Fault> {
        let (buffer, ends, looked, begun) = match self {
            Self::Sse { buffer, ends, looked, begun } => (buffer, ends, looked, begun),
            Self::EventStream(frames) => {
                let next = |bytes| Next { bytes, is_piece: false, is_belated: false };
                return Ok(frames.next_raw()?.map(next));
            }
        };
        if *looked == 0 && !*begun && ends.is_belated(buffer) {
            return Ok(Some(Next { bytes: buffer.split_to(1).freeze(), is_piece: false, is_belated: true }));
        }
        let end = ends.next(buffer, *looked);
        let was_begun = *begun;
        let length = match end {
            Some(end) => {
                *begun = false;
                end
            }
            None if buffer.len() > sse::FRAME_BYTES_MAX || was_begun && !buffer.is_empty() => {
                *begun = true;
                buffer.len()
            }
            None => {
                *looked = buffer.len();
                return Ok(None);
            }
        };
        *looked = 0;
        Ok(Some(Next { bytes: buffer.split_to(length).freeze(), is_piece: was_begun || *begun, is_belated: false }))
    }

    /// The upstream closed: what is left without its end.
    pub(crate) fn rest(&mut self) -> Bytes {
        match self {
            Self::Sse { buffer, .. } => buffer.split().freeze(),
            Self::EventStream(frames) => frames.rest(),
        }
    }
}
