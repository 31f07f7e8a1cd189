//! Metrics of the machine's clock.

use super::{Kind, Metric, own};

/// Steps of the clock.
pub const CLOCK_STEPS: Metric = own(
    "tallygate_clock_steps",
    Kind::Counter,
    "",
    "How often the clock was put back or leapt ahead by more than 2 s since start",
    &[],
);
