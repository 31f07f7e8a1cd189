//! Money and counts as they travel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_kernel::units::Money;

/// An amount of US dollars, twice: as text for people, and as a whole number for programs. Both are exact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Amount {
    /// Dollars, as a decimal with two to nine decimals: `0.006000001`.
    pub usd: String,
    /// Nano-dollars: 1 USD is 1 000 000 000.
    pub nanos: i64,
}

impl Amount {
    /// The amount.
    #[must_use]
    pub const fn money(&self) -> Money {
        Money::from_nanos(self.nanos)
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { usd: money.to_string(), nanos: money.nanos() }
    }
}

/// Counts, disjoint: no token is in two input counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Input tokens neither read from nor written to a prompt cache.
    pub input_tokens: u64,
    /// Input tokens read from a prompt cache.
    pub cache_read_tokens: u64,
    /// Input tokens written to a prompt cache that lives five minutes.
    pub cache_write_5m_tokens: u64,
    /// Input tokens written to a prompt cache that lives one hour.
    pub cache_write_1h_tokens: u64,
    /// All output tokens, reasoning included.
    pub output_tokens: u64,
    /// Those of `output_tokens` that were reasoning.
    pub reasoning_tokens: u64,
    /// Input tokens that were audio.
    pub audio_input_tokens: u64,
    /// Output tokens that were audio.
    pub audio_output_tokens: u64,
    /// Images made.
    pub images: u64,
}

impl From<tg_kernel::usage::Usage> for Usage {
    fn from(usage: tg_kernel::usage::Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            cache_write_5m_tokens: usage.cache_write_5m_tokens,
            cache_write_1h_tokens: usage.cache_write_1h_tokens,
            output_tokens: usage.output_tokens,
            reasoning_tokens: usage.reasoning_tokens,
            audio_input_tokens: usage.audio_input_tokens,
            audio_output_tokens: usage.audio_output_tokens,
            images: usage.images,
        }
    }
}
