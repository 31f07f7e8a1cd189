//! What reading a file may take: time, room for what is unpacked, text, depth.

use crate::{NESTING_MAX, Unread};
use std::time::{Duration, Instant};

/// Most text that a file may have.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// Most that all that is packed in a file may be.
pub const UNPACKED_BYTES_MAX: usize = 128 << 20;

/// Longest that reading a file may take.
pub const TIME_MAX: Duration = Duration::from_secs(5);

/// Steps between two looks at the clock.
const STEPS: u32 = 256;

/// What reading a file may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most text, in bytes.
    pub text_bytes: usize,
    /// Most that is unpacked, in bytes.
    pub unpacked_bytes: usize,
    /// Longest time.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { text_bytes: TEXT_BYTES_MAX, unpacked_bytes: UNPACKED_BYTES_MAX, time: TIME_MAX }
    }
}

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Budget {
    text_bytes: usize,
    unpacked_bytes: usize,
    until: Instant,
    steps: u32,
    depth: usize,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        let Limits { text_bytes, unpacked_bytes, time } = *limits;
        Self { text_bytes, unpacked_bytes, until: Instant::now() + time, steps: 0, depth: 0 }
    }

    /// When it is over.
    pub(crate) const fn until(&self) -> Instant {
        self.until
    }

    /// A file begins, within another or by itself.
    pub(crate) const fn enter(&mut self) -> Result<(), Unread> {
        self.depth += 1;
        if self.depth > NESTING_MAX { Err(Unread::Embedded) } else { Ok(()) }
    }

    /// It ends.
    pub(crate) const fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// One step more.
    pub(crate) fn step(&mut self) -> Result<(), Unread> {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS) && Instant::now() > self.until { Err(Unread::Time) } else { Ok(()) }
    }

    /// How much may still be unpacked.
    pub(crate) const fn unpacked_left(&self) -> usize {
        self.unpacked_bytes
    }

    /// So much was unpacked.
    pub(crate) fn unpacked(&mut self, bytes: usize) -> Result<(), Unread> {
        self.unpacked_bytes = self.unpacked_bytes.checked_sub(bytes).ok_or(Unread::TooLarge)?;
        if Instant::now() > self.until { Err(Unread::Time) } else { Ok(()) }
    }

    /// Adds to a text.
    pub(crate) fn say(&mut self, out: &mut String, text: &str) -> Result<(), Unread> {
        self.text_bytes = self.text_bytes.checked_sub(text.len()).ok_or(Unread::TooLarge)?;
        out.push_str(text);
        Ok(())
    }
}
