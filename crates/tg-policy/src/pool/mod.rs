//! Quotas of providers, shared by those who use them: how much may be under way, who waits, and who is next.
//!
//! A pool is what a provider's account lets through for some targets. A call needs a place in the pool of its target for
//! each try. Where there is none it waits in a line that is bounded, and fair between teams; who would wait too long is told
//! so when it comes. In memory, of this process alone, without a clock of its own.

mod adaptive;
mod gate;
mod line;
mod priority;
mod room;
mod spec;
mod state;

pub use adaptive::Signal;
pub use gate::{Figures, Gate, Gates, Seen, WAIT_BOUNDS};
pub use priority::{Class, Precedence, Priorities, Standing};
pub use spec::{Concurrency, Cover, QueueBounds, Quotas, Spec};
pub use state::{Arrival, Ask, End, Need, Pool, Reason, Refusal, Taken, Tallies};

#[cfg(test)]
mod tests;
