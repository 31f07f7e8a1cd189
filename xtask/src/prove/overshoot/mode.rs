//! The ways of keeping a budget that are compared, and where it is kept.

use std::fmt;

/// Where a budget is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// In the memory of one gateway, beside a ledger in SQLite.
    Alone,
    /// In Redis, for so many gateways, beside a ledger in PostgreSQL.
    Shared(usize),
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone => f.write_str("1 (memory, SQLite)"),
            Self::Shared(replicas) => write!(f, "{replicas} (Redis, PostgreSQL)"),
        }
    }
}

/// A way of keeping a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What is spent is looked at before a call and counted after it, as gateways do that hold nothing. It exists here
    /// alone: the gateways let every call pass, and its caller does the looking.
    CountAfter,
    /// The most that a call can cost is held before it is sent; what does not fit is refused.
    Most,
    /// The same, but a call may be bounded to what is left.
    Clamp,
    /// What a call usually costs is held, more as it grows, and it is ended where nothing is left.
    Cut,
}

impl Mode {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 4] = [Self::CountAfter, Self::Most, Self::Clamp, Self::Cut];

    /// The name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CountAfter => "count afterwards",
            Self::Most => "hold the most, refuse",
            Self::Clamp => "hold the most, clamp",
            Self::Cut => "hold the usual, cut",
        }
    }

    /// What makes the budget's configuration.
    pub const fn members(self) -> &'static str {
        match self {
            Self::CountAfter => "on_exhausted: allow_and_alert",
            Self::Most => "on_exhausted: refuse",
            Self::Clamp => "output: clamp, output_min: 16",
            Self::Cut => "output: cut, output_min: 16, reserve: usual",
        }
    }

    /// Whether the budget is a hard cap.
    pub fn is_hard(self) -> bool {
        self != Self::CountAfter
    }
}
