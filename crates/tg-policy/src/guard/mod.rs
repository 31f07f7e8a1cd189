//! Guardrails: what calls may say and be told. Sets of rules, compiled once, and what they make of a text.
//!
//! [`Guards`] are all sets of a configuration; [`Guards::of`] gives those of one call, joined, as a [`Guard`]. It judges
//! whole texts ([`Guard::judge`]) and texts that come in pieces ([`Watch`]); both give the same for an answer, whatever the
//! pieces are, because a whole answer goes the way of one that comes in pieces. What was found is told in the [`Inquiry`] of
//! the call, never with its value. No I/O; services outside are asked by others ([`Guard::externals`], [`Guard::hear`]).

mod across;
mod blocks;
mod changes;
mod channels;
mod detector;
mod edits;
mod escapes;
mod external;
mod files;
mod found;
mod guards;
mod heard;
mod hold;
mod images;
mod inquiry;
mod joined;
mod judge;
mod names;
mod open;
mod plan;
mod replay;
mod rule;
mod scalars;
mod set;
mod spent;
mod strand;
#[cfg(test)]
mod tests;
mod unread;
mod watch;
mod whole;
mod window;

pub use channels::Channels;
pub use external::{ExternalRule, Opinion, Timing};
pub use files::Files;
pub use guards::{Guards, Problem, Required, SETS_MAX, Subject};
pub use heard::Effort;
pub use hold::{HOLD_BACK_DEFAULT, HOLD_BACK_MAX, HOLD_BACK_MIN};
pub use images::Unseen;
pub(crate) use inquiry::HITS_MAX;
pub use inquiry::{Doing, Evidence, Hit, Inquiry};
pub use judge::Guard;
pub use names::Named;
pub use replay::{Mark, RECORD_FORMAT, Recorded, Replayed, Stripped};
pub use rule::Ruled;
pub use set::{Action, Check, CheckKind, Medium, On, Pii, Rule, Set, Style, THRESHOLD_MAX, WhenAway};
pub use watch::Watch;

use std::borrow::Cow;
use std::sync::Arc;
use tg_kernel::guarded;
use tg_kernel::passage::Channel;

/// Which way a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// To the model.
    Input,
    /// To the caller.
    Output,
}

impl From<Way> for guarded::Way {
    fn from(way: Way) -> Self {
        match way {
            Way::Input => Self::Input,
            Way::Output => Self::Output,
        }
    }
}

impl Way {
    /// The name in configuration, logs and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// Set in the turn of texts of an answer that follow each other without a break: those with the same turn and channel are one
/// text that was cut into blocks.
pub const IN_A_ROW: u32 = 1 << 30;

/// A text of a call.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// What it is to the model.
    pub channel: Channel,
    /// Texts of a request with the same turn and channel are read as one; an attack that is split over them is found. Those of
    /// an answer are where [`IN_A_ROW`] is set in it.
    pub turn: u32,
    /// What it says.
    pub text: Cow<'a, str>,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The call or the answer must not go on. Then there are no edits, and no route.
    pub block: Option<Block>,
    /// Texts that are to stand in place of others, by the index of what was said; in order.
    pub edits: Vec<(usize, String)>,
    /// Where the call goes in place of the model that it names.
    pub route: Option<Route>,
    /// What callers are told although nothing was changed.
    pub annotations: Vec<Annotation>,
}

/// Where a rule sends a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The model, as it is named in the configuration.
    pub model: Arc<str>,
    /// Which rule of its guard it is: of several the first decides.
    pub nth: usize,
    /// What is said where the call cannot go there. It has the names of the rule.
    pub instead: Block,
}

impl Route {
    /// Of two, the one of the rule that stands first.
    #[must_use]
    pub fn first(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).min_by_key(|route| route.nth)
    }

    /// The rule, as `SET/RULE`.
    #[must_use]
    pub fn by(&self) -> String {
        format!("{}/{}", self.instead.set, self.instead.rule)
    }
}

impl Verdict {
    /// Tells a caller of something once.
    pub(crate) fn annotate(&mut self, annotation: Annotation) {
        if !self.annotations.contains(&annotation) {
            self.annotations.push(annotation);
        }
    }
}

/// Why something must not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The set that its rule stands in.
    pub set: Arc<str>,
    /// The rule.
    pub rule: Arc<str>,
    /// What the rule checks: `pii`, `injection`.
    pub check: &'static str,
    /// What was found: `email`, `aws-access-key`; never the value.
    pub found: Cow<'static, str>,
    /// For the caller; never the value.
    pub message: Arc<str>,
}

/// What a caller is told of a text that goes on as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The set that its rule stands in.
    pub set: Arc<str>,
    /// The rule.
    pub rule: Arc<str>,
    /// What was found; never the value.
    pub found: Cow<'static, str>,
}
