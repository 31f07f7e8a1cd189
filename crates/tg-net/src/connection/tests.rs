//! Tests of the watch over silent connections.

use super::{Activity, Verdict, Watch};
use crate::listener::ListenerOptions;
use http::Version;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What happens between two looks.
#[derive(Clone, Copy, Debug)]
enum Event {
    Nothing,
    Bytes,
    Call,
    Begins,
    Ends,
}
use Event::{Begins, Bytes, Call, Ends, Nothing};
use Verdict::{Drop, Finish, Keep};

/// Looks once after each event; the header timeout is one look, the idle timeout three.
async fn check(version: Version, looks: &[(Event, Verdict)]) {
    let (header_timeout, idle_timeout) = (Duration::from_secs(1), Duration::from_secs(3));
    let mut watch = Watch::new(&ListenerOptions { header_timeout, idle_timeout, ..ListenerOptions::default() });
    let activity = Arc::new(Activity::default());
    let mut open = None;
    for (position, (event, expected)) in looks.iter().enumerate() {
        match event {
            Nothing => {}
            Bytes => drop(activity.bytes_read.fetch_add(1, Ordering::Relaxed)),
            Call => std::mem::drop(activity.begin(version)),
            Begins => open = Some(activity.begin(version)),
            Ends => open = None,
        }
        assert_eq!(&watch.next(&activity).await, expected, "look {position} after {event:?} of {looks:?}");
    }
    assert!(open.is_none(), "{looks:?} leaves a call open");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_judged_by_what_happened_since_the_last_look() {
    for looks in [
        &[(Nothing, Drop)][..],
        &[(Bytes, Drop)],
        &[(Call, Keep), (Nothing, Keep), (Nothing, Keep), (Nothing, Finish), (Nothing, Drop)],
        &[(Call, Keep), (Nothing, Keep), (Call, Keep), (Nothing, Keep), (Nothing, Keep), (Nothing, Finish)],
        &[(Call, Keep), (Nothing, Keep), (Bytes, Drop)],
        &[(Call, Keep), (Bytes, Keep), (Bytes, Drop)],
        &[
            (Begins, Keep),
            (Nothing, Keep),
            (Bytes, Keep),
            (Nothing, Keep),
            (Nothing, Keep),
            (Nothing, Keep),
            (Ends, Keep),
        ],
    ] {
        check(Version::HTTP_11, looks).await;
    }
    // Pings are bytes without a call.
    let pings = [(Call, Keep), (Bytes, Keep), (Bytes, Keep), (Bytes, Finish), (Bytes, Drop)];
    check(Version::HTTP_2, &pings).await;
}
