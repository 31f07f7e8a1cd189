//! The names under which this process holds what its calls have taken: a new one each time the last was given up.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::ids::CallId;
use tokio::time::Instant;

/// Most earlier names that are kept alive.
const EARLIER_MAX: usize = 16;

/// For how long: no call holds anything longer.
const EARLIER_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A process that is silent for half a minute loses its calls at a time, as it may be dead; it goes on under another name,
/// so that what it does for old calls does not touch the counts of new ones. The money of its old calls stays held.
#[derive(Debug)]
pub(super) struct Incarnations {
    current: Arc<str>,
    earlier: VecDeque<(Arc<str>, Instant)>,
}

impl Incarnations {
    pub(super) fn new() -> Self {
        Self { current: fresh(), earlier: VecDeque::new() }
    }

    pub(super) fn current(&self) -> Arc<str> {
        Arc::clone(&self.current)
    }

    /// Another name instead of one that was given up, unless somebody else has made one already; and that name.
    pub(super) fn renew(&mut self, given_up: &str) -> Arc<str> {
        if &*self.current == given_up {
            let old = std::mem::replace(&mut self.current, fresh());
            self.earlier.push_back((old, Instant::now()));
            if self.earlier.len() > EARLIER_MAX {
                self.earlier.pop_front();
            }
        }
        self.current()
    }

    /// Another name instead of all that were: what was held under them is given up.
    pub(super) fn renounce(&mut self) {
        *self = Self::new();
    }

    /// Names under which calls may still hold money.
    pub(super) fn earlier(&mut self) -> Vec<Arc<str>> {
        self.earlier.retain(|(_, since)| since.elapsed() < EARLIER_LIFE);
        self.earlier.iter().map(|(name, _)| Arc::clone(name)).collect()
    }
}

/// A name that nobody has had.
fn fresh() -> Arc<str> {
    let mut name = String::with_capacity(32);
    for byte in CallId::fresh().as_bytes() {
        let _ = write!(name, "{byte:02x}");
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::{EARLIER_MAX, Incarnations};

    #[test]
    fn a_name_is_given_up_once_and_remembered() {
        let mut names = Incarnations::new();
        let first = names.current();
        let second = names.renew(&first);
        assert_ne!(first, second);
        assert_eq!(names.renew(&first), second, "another thread heard of it, too");
        assert_eq!(names.earlier(), [first]);
        for _ in 0..EARLIER_MAX + 3 {
            let last = names.current();
            let _ = names.renew(&last);
        }
        assert_eq!(names.earlier().len(), EARLIER_MAX);
        names.renounce();
        assert!(names.earlier().is_empty());
    }
}
