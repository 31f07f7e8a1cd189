//! Bodies: a request's body read into memory within limits, and the kinds of answer body.

use crate::BoxError;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};
use std::future::Future as _;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Why a request's body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is longer than allowed. What was read of it is dropped.
    #[error("the request body is longer than {limit} bytes")]
    TooLarge {
        /// The most allowed.
        limit: usize,
    },
    /// No byte arrived for this long.
    #[error("the request body stalled for {0:?}")]
    TimedOut(Duration),
    /// The body came, piece by piece, but was not whole after this long.
    #[error("the request body was not whole after {0:?}")]
    TooSlow(Duration),
    /// The caller left, or broke the rules of HTTP.
    #[error("the request body broke off: {0}")]
    Broken(#[source] BoxError),
}

/// Bounds on reading a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Most bytes.
    pub bytes_max: usize,
    /// Longest silence between two pieces.
    pub idle_timeout: Duration,
    /// Longest time for the whole, from the first wait on; `None` where a body may take as long as it goes on.
    pub whole_timeout: Option<Duration>,
}

/// Memory that is set aside on the word of a `content-length` header alone; beyond it, memory follows the bytes.
const TRUSTED_LENGTH: usize = 256 << 10;

/// Reads a whole body. Refuses by `content-length` before reading; never holds more than the limit and one piece.
/// A body that arrives in one piece is not copied. Trailers are dropped.
///
/// # Errors
/// When the body is too long, stalls, or breaks off.
pub async fn read<B>(body: B, limits: BodyLimits) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let announced = body.size_hint();
    if announced.lower() > limits.bytes_max as u64 {
        return Err(BodyError::TooLarge { limit: limits.bytes_max });
    }
    let mut body = pin!(body);
    let mut held = Held::Nothing;
    let mut wait = Wait { limits, began: None, timer: None };
    while !body.is_end_stream() {
        let Some(frame) = std::future::poll_fn(|cx| wait.next(body.as_mut(), cx)).await? else { break };
        if let Ok(piece) = frame.into_data() {
            held.push(piece, announced.lower(), limits.bytes_max)?;
        }
    }
    Ok(held.into_bytes())
}

/// How long a body has been waited for. Small bodies are there when they are asked for: then nothing is timed.
struct Wait {
    limits: BodyLimits,
    began: Option<Instant>,
    timer: Option<(Pin<Box<Sleep>>, BodyError)>,
}

impl Wait {
    /// The next frame, or that it did not come in time.
    fn next<B>(&mut self, body: Pin<&mut B>, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, BodyError>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        if let Poll::Ready(frame) = body.poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame.transpose().map_err(|error| BodyError::Broken(error.into())));
        }
        if self.timer.is_none() {
            let (limit, error) = self.patience();
            self.timer = Some((Box::pin(tokio::time::sleep(limit)), error));
        }
        let expired = self.timer.as_mut().is_some_and(|(timer, _)| timer.as_mut().poll(cx).is_ready());
        match self.timer.take_if(|_| expired) {
            Some((_, error)) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    }

    /// How long the next piece may take, and what it means if it takes longer.
    fn patience(&mut self) -> (Duration, BodyError) {
        let waited = self.began.get_or_insert_with(Instant::now).elapsed();
        let idle = self.limits.idle_timeout;
        match self.limits.whole_timeout.map(|whole| (whole.saturating_sub(waited), whole)) {
            Some((left, whole)) if left < idle => (left, BodyError::TooSlow(whole)),
            _ => (idle, BodyError::TimedOut(idle)),
        }
    }
}

enum Held {
    Nothing,
    One(Bytes),
    Many(BytesMut),
}

impl Held {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(piece) => piece.len(),
            Self::Many(pieces) => pieces.len(),
        }
    }

    fn push(&mut self, piece: Bytes, announced: u64, limit: usize) -> Result<(), BodyError> {
        if piece.is_empty() {
            return Ok(());
        }
        if piece.len() > limit - self.len() {
            return Err(BodyError::TooLarge { limit });
        }
        *self = match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => Self::One(piece),
            Self::One(first) => {
                let announced = usize::try_from(announced).unwrap_or(usize::MAX).min(TRUSTED_LENGTH);
                let mut all = BytesMut::with_capacity(announced.max(2 * (first.len() + piece.len())));
                all.extend_from_slice(&first);
                all.extend_from_slice(&piece);
                Self::Many(all)
            }
            Self::Many(mut all) => {
                all.extend_from_slice(&piece);
                Self::Many(all)
            }
        };
        Ok(())
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(piece) => piece,
            Self::Many(all) => all.freeze(),
        }
    }
}

/// The body of an answer.
///
/// An `Err` from a stream ends the connection without a clean end (HTTP/1.1: closed; HTTP/2: the stream is reset), so
/// that the caller cannot take a cut answer for a whole one.
#[derive(Default)]
pub enum OutBody {
    /// No bytes.
    #[default]
    Empty,
    /// Bytes at hand.
    Full(Bytes),
    /// Frames as they come.
    Stream(Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>),
}

/// The error by which a stream asks for its connection to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer was cut off: it cannot be completed, and its dialect has no way to say so")]
pub struct Cut;

impl OutBody {
    /// A body that is polled for frames. Use this for bodies of our own; it costs one allocation.
    #[must_use]
    pub fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + 'static,
    {
        Self::Stream(Box::pin(body))
    }

    /// A body from a stream of frames.
    #[must_use]
    pub fn frames<S, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<Frame<Bytes>, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        use futures_util::TryStreamExt as _;
        Self::stream(http_body_util::StreamBody::new(stream.map_err(Into::into)))
    }
}

impl From<Bytes> for OutBody {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl std::fmt::Debug for OutBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests;
