//! Processes that had this one's journal before it: what they hold is given up once what they left is said.

use super::{Shared, SharedCounters, lock};

impl SharedCounters {
    /// The name of this process, by which [`SharedCounters::succeeds`] knows it when it is dead.
    #[must_use]
    pub fn process(&self) -> String {
        lock(&self.0.incarnations).process().to_owned()
    }

    /// These processes are dead, and their calls that are in the ledger were [booked](SharedCounters::book): when the server
    /// has heard that, it is told for a quarter of an hour that they hold nothing, neither of money nor of calls at a time.
    /// So also what a server hears late of them takes nothing. At most 16 are told of. Waits for nothing.
    pub fn succeeds(&self, processes: impl IntoIterator<Item = String>) {
        lock(&self.0.forebears).extend(processes);
        self.0.bell.notify_one();
    }
}

impl Shared {
    /// All that waited is said. Whether processes that are dead are to be given up now.
    pub(super) fn bury(&self) -> bool {
        let dead = std::mem::take(&mut *lock(&self.forebears));
        let is_any = !dead.is_empty();
        lock(&self.incarnations).bury(dead);
        is_any
    }
}
