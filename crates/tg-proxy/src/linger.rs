//! Callers who leave before their answer has begun, where the rest is read all the same, for its counts.

use crate::snapshot::{OnDisconnect, Streams};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tg_net::BoxError;
use tg_net::drain::Closing;
use tokio::time::{Instant, timeout_at};

/// What holds for a call whose caller leaves.
#[derive(Debug)]
pub(crate) struct Absence {
    time_max: Duration,
    pub(crate) bytes_max: u64,
    until: OnceLock<Instant>,
}

impl Absence {
    /// `None` where the call ends with its caller's leaving.
    pub(crate) fn of(streams: &Streams) -> Option<Arc<Self>> {
        match streams.on_disconnect {
            OnDisconnect::Cancel => None,
            OnDisconnect::Drain { time_max, bytes_max } => {
                Some(Arc::new(Self { time_max, bytes_max, until: OnceLock::new() }))
            }
        }
    }

    /// Whether the caller left before its answer had begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.until.get().is_some()
    }

    /// How long the rest is read, for a caller who leaves now or has left.
    pub(crate) fn until(&self) -> Instant {
        self.until.get().copied().unwrap_or_else(|| Instant::now() + self.time_max)
    }

    fn begin(&self) -> Instant {
        *self.until.get_or_init(|| Instant::now() + self.time_max)
    }
}

type Going<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call on its way. Dropped before its end, it goes on in a task of its own, or ends, as the configuration says.
pub(crate) struct Lingering<T: Send + 'static> {
    going: Option<Going<T>>,
    absence: Option<Arc<Absence>>,
    closing: Arc<Closing>,
    /// What is left to do with what the call comes to.
    rest: fn(T) -> Going<()>,
}

impl<T: Send + 'static> Lingering<T> {
    /// `rest` settles what nobody takes.
    pub(crate) fn new(
        going: Going<T>,
        absence: Option<Arc<Absence>>,
        closing: Arc<Closing>,
        rest: fn(T) -> Going<()>,
    ) -> Self {
        Self { going: Some(going), absence, closing, rest }
    }
}

impl<T: Send + 'static> Future for Lingering<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(going) = &mut self.going else { return Poll::Pending };
        let ended = ready!(going.as_mut().poll(cx));
        self.going = None;
        Poll::Ready(ended)
    }
}

impl<T: Send + 'static> Drop for Lingering<T> {
    fn drop(&mut self) {
        let (Some(going), Some(absence)) = (self.going.take(), &self.absence) else { return };
        // Where the gateway ends, it is not the caller who left, and nothing is waited for.
        if self.closing.has_begun() {
            return;
        }
        let (until, rest) = (absence.begin(), self.rest);
        let reading = async move { rest(going.await).await };
        drop(tg_net::tasks::spawn("drain before the head", async move {
            // What does not end in time is dropped, and settles itself.
            drop(timeout_at(until, reading).await);
        }));
    }
}

/// A provider's whole answer, of which only so much is read once its caller has left.
pub(crate) struct Unheard<B> {
    body: B,
    absence: Option<Arc<Absence>>,
    read: u64,
}

impl<B> Unheard<B> {
    pub(crate) const fn new(body: B, absence: Option<Arc<Absence>>) -> Self {
        Self { body, absence, read: 0 }
    }
}

impl<B> Body for Unheard<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else { return Poll::Ready(None) };
        let frame = frame.map_err(Into::into)?;
        if let Some(absence) = self.absence.as_ref().filter(|absence| absence.has_begun()) {
            let bytes_max = absence.bytes_max;
            self.read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if self.read > bytes_max {
                return Poll::Ready(Some(Err("more than is read for a caller who has left".into())));
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::{Absence, Closing, Lingering, Unheard};
    use bytes::Bytes;
    use std::sync::{Arc, OnceLock};
    use std::time::Duration;
    use tg_net::body::{BodyLimits, OutBody};
    use tokio::sync::oneshot;

    fn absence(bytes_max: u64) -> Arc<Absence> {
        Arc::new(Absence { time_max: Duration::from_secs(60), bytes_max, until: OnceLock::new() })
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_goes_on_unless_it_is_cancelled_or_the_gateway_ends() {
        let ended = Arc::new(Closing::default());
        ended.begin();
        for (absence, closing, goes_on) in
            [(Some(absence(1)), Arc::default(), true), (None, Arc::default(), false), (Some(absence(1)), ended, false)]
        {
            let (answer, waiting) = oneshot::channel::<oneshot::Sender<()>>();
            let begun = absence.clone();
            drop(Lingering::new(Box::pin(waiting), absence, closing, |told| {
                Box::pin(async { drop(told.map(|told| told.send(()))) })
            }));
            let (told, done) = oneshot::channel();
            assert_eq!(answer.send(told).is_ok(), goes_on);
            assert_eq!(done.await.is_ok(), goes_on);
            assert_eq!(begun.is_some_and(|absence| absence.has_begun()), goes_on);
        }
    }

    #[tokio::test]
    async fn the_rest_of_an_answer_has_a_bound_once_its_caller_has_left() {
        for (bytes_max, left, whole) in [(1, false, true), (3, true, true), (2, true, false)] {
            let absence = absence(bytes_max);
            if left {
                absence.begin();
            }
            let body = OutBody::from(Bytes::from_static(b"abc"));
            let limits = BodyLimits { bytes_max: 10, idle_timeout: Duration::from_secs(60), whole_timeout: None };
            let read = tg_net::body::read(Unheard { body, absence: Some(absence), read: 0 }, limits);
            assert_eq!(read.await.is_ok(), whole, "{bytes_max} {left}");
        }
    }
}
