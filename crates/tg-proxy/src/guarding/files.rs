//! Files that go with a request: their texts, where a rule is to look at them.

use bytes::Bytes;
use std::borrow::Cow;
use std::time::{Duration, Instant};
use tg_dialect::passages::{Medium, MediumKind, Passages};
use tg_document::{Limits, Unread};
use tg_kernel::passage::Channel;
use tg_policy::guard::{Files, Guard, Said};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Most files of a request that are read.
const FILES_MAX: usize = 20;

/// How many requests have their files read at a time: what is unpacked lies in memory, and each has a core.
const AT_A_TIME_MAX: usize = 4;

/// Longest that a request waits for its turn: as long as two before it may take.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);

/// Whose files are being read.
static READING: Semaphore = Semaphore::const_new(AT_A_TIME_MAX);

/// Whether there are files to be read.
pub(super) fn are_in(passages: &Passages<'_>, guard: &Guard) -> bool {
    guard.reads_documents() && files(passages).next().is_some()
}

fn files<'p>(passages: &'p Passages<'_>) -> impl Iterator<Item = &'p Medium> {
    passages.media.iter().filter(|medium| medium.kind == MediumKind::Document)
}

/// Waits until files may be read; `None` where that takes too long.
pub(super) async fn turn() -> Option<SemaphorePermit<'static>> {
    tokio::time::timeout(TURN_WAIT_MAX, READING.acquire()).await.ok()?.ok()
}

/// Reads the files of a request. One that is not read is told, and the others are not looked at then. Without its turn, none
/// is read.
pub(super) fn read(passages: &Passages<'_>, body: &Bytes, guard: &Guard, has_turn: bool) -> Files<'static> {
    let mut read = Files::default();
    if !guard.reads_documents() {
        return read;
    }
    if !has_turn {
        read.unread = Some((Unread::Time.as_str(), Unread::Time.told()));
        return read;
    }
    let all = Limits::default();
    let (began, mut text_bytes) = (Instant::now(), all.text_bytes);
    for (number, file) in (0_u32..).zip(files(passages)) {
        if usize::try_from(number).is_ok_and(|number| number >= FILES_MAX) {
            read.unread = Some((Unread::TooLarge.as_str(), "there are too many"));
            return read;
        }
        let bytes = file.bytes(body);
        // What is a text as it stands was found as one.
        if bytes.as_deref().is_some_and(tg_document::is_plain) {
            continue;
        }
        let limits = Limits { text_bytes, time: all.time.saturating_sub(began.elapsed()), ..all };
        match bytes.ok_or(Unread::Format).and_then(|bytes| tg_document::read(&bytes, &limits)) {
            Ok(layers) => {
                text_bytes = text_bytes.saturating_sub(layers.text.len());
                read.has_pictures |= layers.has_pictures;
                let channel = if file.channel == Channel::ToolResult { file.channel } else { Channel::Document };
                // Each by itself, from the other end than turns are counted.
                read.said.push(Said { channel, turn: u32::MAX - number, text: Cow::Owned(layers.text) });
            }
            Err(unread) => {
                read.unread = Some((unread.as_str(), unread.told()));
                return read;
            }
        }
    }
    read
}
