//! An answer on its way to its caller, of which a copy is taken: bounded, and dropped where it is not worth keeping.

use super::alike::Near;
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Record;
use tg_kernel::target::Target;
use tg_policy::cache::{Key, may_be_kept};
use tg_store::answers::{Kept, Origin};

/// The copy.
pub(crate) struct Keeping {
    key: Key,
    life: Duration,
    /// The target that is first in line.
    first: Target,
    /// `None` once it is too long.
    copy: Option<Vec<u8>>,
    bytes_max: usize,
    /// What is needed to find it by likeness.
    near: Option<Box<Near>>,
}

impl Keeping {
    pub(crate) const fn new(key: Key, life: Duration, first: Target, bytes_max: usize) -> Self {
        Self { key, life, first, copy: Some(Vec::new()), bytes_max, near: None }
    }

    /// The same, to be found by likeness, too.
    pub(super) fn near(self, near: Option<Box<Near>>) -> Self {
        Self { near, ..self }
    }

    /// These bytes go to the caller.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let Some(copy) = &mut self.copy else { return };
        if copy.len() + bytes.len() > self.bytes_max {
            self.copy = None;
        } else {
            copy.extend_from_slice(bytes);
        }
    }

    /// The answer of this finished call, as it is kept; `None` where it is not.
    pub(crate) fn finish(self, record: &Record, now: Timestamp) -> Option<(Key, Kept, Option<Box<Near>>)> {
        let body = self.copy.filter(|copy| !copy.is_empty() && may_be_kept(record, &self.first))?;
        let served = record.served.clone()?;
        let origin = Origin {
            call: record.id,
            at: now,
            until: now.after(self.life),
            served,
            operation: record.asked.operation,
            usage: record.usage,
            losses: record.losses.clone(),
        };
        // What it grew by beyond its bytes is given back: they alone are counted.
        Some((self.key, Kept { origin, body: body.into_boxed_slice().into() }, self.near))
    }
}
