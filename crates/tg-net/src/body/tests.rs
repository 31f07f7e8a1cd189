//! Tests of reading and writing bodies.

use super::{BodyError, BodyLimits, Cut, OutBody, read};
use crate::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A body of given pieces that announces a length of its own choosing, and may stall or break at its end.
struct Pieces {
    left: VecDeque<Bytes>,
    announced: Option<u64>,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Clean,
    Stall,
    Break,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match (self.left.pop_front(), self.end) {
            (Some(piece), _) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            (None, End::Clean) => Poll::Ready(None),
            (None, End::Stall) => Poll::Pending,
            (None, End::Break) => Poll::Ready(Some(Err("the caller left".into()))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn pieces(texts: &[&'static str], announced: Option<u64>, end: End) -> Pieces {
    Pieces { left: texts.iter().map(|t| Bytes::from_static(t.as_bytes())).collect(), announced, end }
}

/// Ten bytes, one each twenty seconds: never silent for long.
fn drip() -> OutBody {
    OutBody::frames(futures_util::stream::unfold(10, |left: u8| async move {
        let next = left.checked_sub(1)?;
        tokio::time::sleep(Duration::from_secs(20)).await;
        Some((Ok::<_, Cut>(Frame::data(Bytes::from_static(b"x"))), next))
    }))
}

const LIMITS: BodyLimits =
    BodyLimits { bytes_max: 10, idle_timeout: Duration::from_secs(30), whole_timeout: Some(Duration::from_secs(100)) };

#[tokio::test]
async fn bodies_within_the_limit_are_whole() {
    for texts in [&[][..], &["0123456789"], &["01234", "", "56789"], &["0", "1", "2", "3"]] {
        let body = read(pieces(texts, None, End::Clean), LIMITS).await.unwrap();
        assert_eq!(body, texts.concat());
    }
}

#[tokio::test]
async fn a_body_of_one_piece_is_not_copied() {
    let piece = Bytes::from(vec![7; 10]);
    let body = Pieces { left: [piece.clone()].into(), announced: Some(10), end: End::Clean };
    assert_eq!(read(body, LIMITS).await.unwrap().as_ptr(), piece.as_ptr());
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused() {
    for (texts, announced) in [
        (&["0123456789", "x"][..], None),
        (&["0123456789x"], None),
        (&["01234", "56789x"], None),
        (&["short"], Some(11)),
        (&["short"], Some(u64::MAX)),
    ] {
        let refused = read(pieces(texts, announced, End::Stall), LIMITS).await;
        assert!(matches!(refused, Err(BodyError::TooLarge { limit: 10 })), "{texts:?} {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_or_breaks_is_an_error() {
    let stalled = read(pieces(&["012"], Some(9), End::Stall), LIMITS).await;
    assert!(matches!(stalled, Err(BodyError::TimedOut(t)) if t == LIMITS.idle_timeout), "{stalled:?}");
    let dripped = read(drip(), LIMITS).await;
    assert!(matches!(dripped, Err(BodyError::TooSlow(t)) if Some(t) == LIMITS.whole_timeout), "{dripped:?}");
    let unhurried = read(drip(), BodyLimits { whole_timeout: None, ..LIMITS }).await.unwrap();
    assert_eq!(unhurried, "xxxxxxxxxx");
    let broken = read(pieces(&["012"], Some(9), End::Break), LIMITS).await;
    assert!(matches!(broken, Err(BodyError::Broken(_))), "{broken:?}");
}

#[tokio::test]
async fn answer_bodies_say_their_size_and_end() {
    assert_eq!(OutBody::Empty.size_hint().exact(), Some(0));
    assert!(OutBody::from(Bytes::new()).is_end_stream());
    let full = OutBody::from(Bytes::from_static(b"whole"));
    assert_eq!(full.size_hint().exact(), Some(5));
    assert_eq!(full.collect().await.unwrap().to_bytes(), "whole");
    let frames = ["a", "b"].map(|text| Ok::<_, Cut>(Frame::data(Bytes::from_static(text.as_bytes()))));
    let stream = OutBody::frames(futures_util::stream::iter(frames));
    assert_eq!(stream.size_hint().exact(), None);
    assert_eq!(stream.collect().await.unwrap().to_bytes(), "ab");
    let cut = OutBody::frames(futures_util::stream::iter([Err::<Frame<Bytes>, _>(Cut)]));
    assert!(cut.collect().await.unwrap_err().is::<Cut>());
}
