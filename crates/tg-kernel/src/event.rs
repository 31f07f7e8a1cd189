//! The canonical events of a streamed answer: what lies between two dialects' frames.

use crate::chat::Stop;
use crate::usage::{PartialUsage, ServiceTier};

/// One event of a streamed answer.
///
/// Order: `Start`, then for each part `PartStart`, `Delta`s, `PartStop` (parts of one answer may interleave only for
/// tool calls), then `Finish`; `Usage` may come anywhere and replaces what came before, the last one possibly after
/// `Finish`; `End` is the upstream's own clean end and comes exactly once, last. A stream without `End` was cut off.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The provider's id of the answer; may be empty.
        id: String,
        /// The model that the provider names; may be empty.
        model: String,
    },
    /// A part begins. `index` counts the parts of this answer from 0.
    PartStart {
        /// Which part.
        index: u32,
        /// What kind of part.
        kind: PartKind,
    },
    /// A part goes on.
    Delta {
        /// Which part.
        index: u32,
        /// What is added.
        delta: Delta,
    },
    /// A part is whole.
    PartStop {
        /// Which part.
        index: u32,
    },
    /// Counts so far.
    Usage(PartialUsage),
    /// The tier at which the call is served.
    Tier(ServiceTier),
    /// The model is done; why.
    Finish(Stop),
    /// The provider is alive but has nothing to say yet.
    Ping,
    /// The upstream ended cleanly.
    End,
}

/// The kinds of part that stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// Text.
    Text,
    /// Reasoning.
    Reasoning,
    /// A declined answer.
    Refusal,
    /// A tool call.
    ToolUse {
        /// The call's id.
        id: String,
        /// The tool.
        name: String,
    },
}

/// What is added to a part. Fragments travel verbatim: their concatenation is the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Text of a text or refusal part.
    Text(String),
    /// A fragment of a tool call's JSON arguments. May be empty.
    Arguments(String),
    /// Reasoning text.
    Reasoning(String),
    /// The signature of the reasoning part.
    Signature(String),
    /// Encrypted reasoning.
    Redacted(String),
}
