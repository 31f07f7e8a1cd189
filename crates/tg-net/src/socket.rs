//! A caller's socket: bytes counted as they arrive, and a close that lets the last answer arrive.

use crate::connection::Activity;
use std::future::Future;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Longest that a refused caller may go on sending after the answer: it is to find the answer, not a reset connection.
const LINGER: Duration = Duration::from_secs(5);
/// Longest that an HTTP/2 connection that has nothing more to carry stays, for the caller to end it by itself.
const GRACE: Duration = Duration::from_secs(2);
/// What is thrown away at a time.
const SCRAP_BYTES: usize = 16 << 10;

/// A connection's bytes.
///
/// Closing a socket with unread bytes makes the system send a reset, at which callers throw away the answer that they
/// have not read yet (RFC 9112, section 9.6). So where an answer went out before its request was read, the rest of the
/// request is read and thrown away for a while between the end of what we say and the close.
pub(crate) struct Socket<T> {
    io: T,
    activity: Arc<Activity>,
    closing: Closing,
}

enum Closing {
    /// Bytes go both ways.
    Open,
    /// We have said all that there was, and the caller may read it and end the connection until then.
    Waiting(Pin<Box<Sleep>>),
    /// We end our side.
    Ending,
    /// We have ended our side, and the caller may still send until then.
    Lingering(Pin<Box<Sleep>>),
    /// Nothing more is read.
    Closed,
}

impl<T> Socket<T> {
    pub(crate) const fn new(io: T, activity: Arc<Activity>) -> Self {
        Self { io, activity, closing: Closing::Open }
    }
}

impl<T: AsyncRead + Unpin> Socket<T> {
    /// How a close begins.
    fn first(&self) -> Closing {
        if self.activity.is_http2() { Closing::Waiting(Box::pin(tokio::time::sleep(GRACE))) } else { Closing::Ending }
    }

    /// Reads until the caller ends its side, the connection breaks, or the time is over.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Closing::Waiting(limit) | Closing::Lingering(limit)) = &mut self.closing else { return Poll::Ready(()) };
        let mut scrap = [0; SCRAP_BYTES];
        while limit.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut scrap);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if polled.is_ready() {
            self.activity.bytes_read.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        }
        polled
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if matches!(self.closing, Closing::Open) {
            self.closing = self.first();
        }
        if matches!(self.closing, Closing::Waiting(_)) {
            ready!(self.poll_rest(cx));
            self.closing = Closing::Ending;
        }
        if matches!(self.closing, Closing::Ending) {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            let lingers = self.activity.may_have_unread.load(Ordering::Relaxed);
            self.closing =
                if lingers { Closing::Lingering(Box::pin(tokio::time::sleep(LINGER))) } else { Closing::Closed };
        }
        ready!(self.poll_rest(cx));
        self.closing = Closing::Closed;
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
