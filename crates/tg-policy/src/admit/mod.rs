//! Whether a call may go on now: limits on requests, tokens and concurrency, reserved before it leaves, settled after it.
//!
//! Every limit of a call is looked at together and taken together, or none is. What was taken for tokens is an estimate;
//! the difference to what the call really used goes back, or is owed, when it ends.

pub(crate) mod bucket;
pub mod budget;
mod counters;
mod estimate;
mod limit;
mod output;
mod shared;
mod when_away;

pub use bucket::Rate;
pub use counters::{Counters, Hold};
pub use estimate::{Estimate, Lessons};
pub use limit::{Bound, Dimension, Facts, Limit, Limits, Measure, Mode, Reserve, Scope, Size, Standing};
pub use output::{OutputFacts, Shortage};
pub use shared::{SharedAsks, SharedPart};
pub use when_away::WhenAway;

use crate::admit::counters::Full;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::usage::Usage;

/// How long a caller is asked to wait for a limit on calls at a time, of which nobody knows when one ends.
const MOMENT: std::time::Duration = std::time::Duration::from_secs(1);

/// What a call has used, as limits count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Input tokens that were not read from a prompt cache: providers' own quotas leave those out, too.
    pub input: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
}

impl From<&Usage> for Used {
    fn from(usage: &Usage) -> Self {
        Self {
            input: usage.total_input_tokens().saturating_sub(usage.cache_read_tokens),
            output: usage.output_tokens.saturating_add(usage.audio_output_tokens),
        }
    }
}

impl std::ops::AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
    }
}

/// A call for which a limit has no room.
#[derive(Debug)]
pub struct Denied {
    /// How the bound stands.
    pub standing: Standing,
    message: String,
    wait: std::time::Duration,
}

impl From<Denied> for Fault {
    /// `Class::Limited` (`limit_reached`), with the time after which there is room.
    fn from(denied: Denied) -> Self {
        Self::new(Class::Limited, Origin::Gateway, "limit_reached", denied.message).retry(Retry::After(denied.wait))
    }
}

/// The refusal of a call for which a limit has no room, in words that say which, whose count it is, how much is left, and
/// when it opens.
fn denied(limits: &[Limit], facts: &Facts<'_>, full: &Full) -> Denied {
    let wait = full.wait.unwrap_or(MOMENT);
    let message = limits.get(full.limit).map_or_else(
        || "A limit is reached.".to_owned(),
        |limit| {
            let bound = limit.describe(full.standing.measure, full.size);
            let needed = match full.standing.measure {
                Measure::InputTokens | Measure::OutputTokens | Measure::Tokens => {
                    format!(" This call needs about {}, {} are left.", full.units, full.standing.remaining)
                }
                Measure::Requests | Measure::Calls | Measure::Streams => String::new(),
            };
            let opens = match full.wait {
                Some(wait) => format!("Try again in {}.", shown(wait)),
                None => "Try again when one of them has ended.".to_owned(),
            };
            let whose = if full.is_apart { limit.whose(facts) } else { String::new() };
            format!("The limit '{}'{whose} is reached: {bound}.{needed} {opens}", limit.name)
        },
    );
    Denied { standing: full.standing, message, wait }
}

/// A value that callers wrote: short, and without what a terminal obeys.
fn printable(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// A wait in whole seconds, rounded up, in the largest units that show it.
fn shown(wait: std::time::Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests;
