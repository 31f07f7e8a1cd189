//! The beginning of a streamed answer, looked at before any of it goes on: until then another target may answer instead.
//! Only where there is one: where there is none, all goes on as it comes.

use super::lane::truncated;
use super::silence::idle_too_long;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tg_dialect::dialect::{StreamDecoder, UpstreamDialect};
use tg_kernel::event::Event;
use tg_kernel::fault::{Fault, Retry};
use tg_kernel::usage::Usage;
use tokio::time::{Instant, timeout_at};

/// Most bytes that are held while nothing has been said: what comes before the first word is a few hundred.
const BEGINNING_BYTES_MAX: usize = 64 << 10;

/// Most bytes of a stream that are read ahead of what may leave: what a model says in some ten seconds.
const AHEAD_BYTES_MAX: usize = 256 << 10;

/// A provider's answer, of which the beginning may have been looked at.
pub(crate) struct Begun {
    first: VecDeque<Bytes>,
    rest: Incoming,
    /// How it has ended behind what came, where it has been read so far: well, or by this.
    end: Option<Option<hyper::Error>>,
}

impl From<Incoming> for Begun {
    fn from(rest: Incoming) -> Self {
        Self { first: VecDeque::new(), rest, end: None }
    }
}

/// What is known of a try that is under way, for who gives it up.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    request_id: OnceLock<String>,
    reported: Mutex<Usage>,
}

impl Heard {
    /// The provider's id of it.
    pub(crate) fn answers_as(&self, request_id: Option<String>) {
        if let Some(request_id) = request_id {
            // A try has one head.
            drop(self.request_id.set(request_id));
        }
    }

    /// That id, where its head has come.
    pub(crate) fn request_id(&self) -> Option<String> {
        self.request_id.get().cloned()
    }

    /// What the provider has reported until now.
    pub(crate) fn reported(&self) -> Usage {
        *self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reports(&self, usage: Usage) {
        *self.reported.lock().unwrap_or_else(PoisonError::into_inner) = usage;
    }
}

/// A failure before the first word, and what the provider has reported until then: it is owed whoever answers instead.
pub(crate) struct Early {
    pub(crate) fault: Fault,
    pub(crate) reported: Usage,
}

impl Begun {
    /// Reads on while nothing of it may leave, as far as there is room. What came stays in its place.
    pub(super) async fn read_ahead(&mut self) {
        let mut held: usize = self.first.iter().map(Bytes::len).sum();
        while held < AHEAD_BYTES_MAX && self.end.is_none() {
            match poll_fn(|cx| Pin::new(&mut self.rest).poll_frame(cx)).await {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        held += bytes.len();
                        self.first.push_back(bytes);
                    }
                }
                Some(Err(error)) => self.end = Some(Some(error)),
                None => self.end = Some(None),
            }
        }
    }

    /// What has come, and whether that is all.
    pub(super) fn come(self) -> (VecDeque<Bytes>, bool) {
        (self.first, matches!(self.end, Some(None)))
    }

    /// Waits until the model says something, so long from one piece to the next, and until `end` at most, where there is one.
    /// What came stays in its place.
    ///
    /// # Errors
    /// Where nothing is said, or where the provider says that it fails in a way that another may mend.
    pub(super) async fn look(
        &mut self,
        end: Option<Instant>,
        idle: Duration,
        (reader, is_sse): (&dyn UpstreamDialect, bool),
        heard: &Heard,
    ) -> Result<(), Box<Early>> {
        let (mut decoder, mut held, mut reported) = (reader.decoder(), 0, Usage::default());
        loop {
            heard.reports(reported);
            let early = |fault| Box::new(Early { fault, reported });
            let frame = poll_fn(|cx| Pin::new(&mut self.rest).poll_frame(cx));
            let silent = Instant::now() + idle;
            let bytes = match timeout_at(end.map_or(silent, |end| end.min(silent)), frame).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(error))) => return Err(early(truncated().caused_by(error))),
                Ok(None) => return Err(early(truncated())),
                Err(_elapsed) => return Err(early(idle_too_long().retry(Retry::Elsewhere))),
            };
            if bytes.is_empty() {
                continue;
            }
            held += bytes.len();
            let says = says_something(&mut *decoder, &bytes, is_sse, &mut reported);
            self.first.push_back(bytes);
            match says {
                Ok(false) if held < BEGINNING_BYTES_MAX => {}
                // A failure that would be the same elsewhere is told as it came.
                Err(fault) if fault.retry != Retry::Never => return Err(Box::new(Early { fault, reported })),
                Ok(_) | Err(_) => return Ok(()),
            }
        }
    }
}

/// Whether the model has said something, or something came of which nobody here knows that it says nothing: then it goes on as
/// it comes. What is known to say nothing are the beginning, counts and signs of life.
fn says_something(
    decoder: &mut dyn StreamDecoder,
    bytes: &[u8],
    is_sse: bool,
    reported: &mut Usage,
) -> Result<bool, Fault> {
    let mut events = Vec::new();
    let read = decoder.decode(bytes, &mut events);
    for event in &events {
        if let Event::Usage(counts) = event {
            reported.replace(counts);
        }
    }
    let is_silent =
        |event: &Event| matches!(event, Event::Start { .. } | Event::Usage(_) | Event::Tier(_) | Event::Ping);
    // Comments, bytes that are no events, and events that are not whole yet say nothing, where events have a form by which
    // they are known.
    let has = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    let is_unknown = || events.is_empty() && (!is_sse || has(b"data:") && (has(b"\n\n") || has(b"\n\r\n")));
    if events.iter().any(|event| !is_silent(event)) || (read.is_ok() && is_unknown()) {
        return Ok(true);
    }
    read.map(|()| false)
}

impl Body for Begun {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.first.pop_front() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None if self.end.is_some() => Poll::Ready(self.end.as_mut().and_then(Option::take).map(Err)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.end.as_ref().map_or_else(|| self.rest.is_end_stream(), Option::is_none)
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.rest.size_hint();
        let first = self.first.iter().map(Bytes::len).sum::<usize>() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint.set_lower(hint.lower().saturating_add(first));
        hint
    }
}
