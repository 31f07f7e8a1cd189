//! What happens while the counts that replicas share are away.

/// Of a limit or a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WhenAway {
    /// Each replica lets its own share through, which it counts in its memory.
    FailOpenLocal,
    /// Calls pass uncounted.
    Shadow,
    /// Calls are refused.
    FailClosed,
}
