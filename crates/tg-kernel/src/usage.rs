//! What a call used: one set of disjoint counts, whatever the dialect that reported it.

use serde::{Deserialize, Serialize};

/// Counts of one call, disjoint: no token is in two input counts.
///
/// Sources report *cumulative* figures, so a later report **replaces** an earlier one field by field
/// ([`Usage::replace`]); nothing is ever added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input tokens neither read from nor written to a prompt cache.
    pub input_tokens: u64,
    /// Input tokens read from a prompt cache.
    pub cache_read_tokens: u64,
    /// Input tokens written to a prompt cache that lives five minutes (also those of providers with one kind of write).
    pub cache_write_5m_tokens: u64,
    /// Input tokens written to a prompt cache that lives one hour.
    pub cache_write_1h_tokens: u64,
    /// All output tokens, reasoning included.
    pub output_tokens: u64,
    /// Those of `output_tokens` that were reasoning. A mark, not a further count.
    pub reasoning_tokens: u64,
    /// Input tokens that were audio; not in `input_tokens`.
    pub audio_input_tokens: u64,
    /// Output tokens that were audio; not in `output_tokens`.
    pub audio_output_tokens: u64,
    /// Images made.
    pub images: u64,
}

impl Usage {
    /// All input tokens together, cached or not. Decides long-context price tiers.
    #[must_use]
    pub const fn total_input_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_read_tokens)
            .saturating_add(self.cache_write_5m_tokens)
            .saturating_add(self.cache_write_1h_tokens)
            .saturating_add(self.audio_input_tokens)
    }

    /// All tokens together.
    #[must_use]
    pub const fn total_tokens(&self) -> u64 {
        self.total_input_tokens().saturating_add(self.output_tokens).saturating_add(self.audio_output_tokens)
    }

    /// Sets every count that `later` reports, and keeps those on which it is silent.
    pub fn replace(&mut self, later: &PartialUsage) {
        fn set(field: &mut u64, value: Option<u64>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        set(&mut self.input_tokens, later.input_tokens);
        set(&mut self.cache_read_tokens, later.cache_read_tokens);
        set(&mut self.cache_write_5m_tokens, later.cache_write_5m_tokens);
        set(&mut self.cache_write_1h_tokens, later.cache_write_1h_tokens);
        set(&mut self.output_tokens, later.output_tokens);
        set(&mut self.reasoning_tokens, later.reasoning_tokens);
        set(&mut self.audio_input_tokens, later.audio_input_tokens);
        set(&mut self.audio_output_tokens, later.audio_output_tokens);
        set(&mut self.images, later.images);
    }
}

/// A report that may be silent on some counts: what one frame of a stream says. `Some(0)` is a report of zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Usage`")]
pub struct PartialUsage {
    pub input_tokens: Option<u64>,
    pub cache_read_tokens: Option<u64>,
    pub cache_write_5m_tokens: Option<u64>,
    pub cache_write_1h_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,
    pub audio_input_tokens: Option<u64>,
    pub audio_output_tokens: Option<u64>,
    pub images: Option<u64>,
}

impl PartialUsage {
    /// True when the report says nothing at all.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Usage> for PartialUsage {
    fn from(all: Usage) -> Self {
        Self {
            input_tokens: Some(all.input_tokens),
            cache_read_tokens: Some(all.cache_read_tokens),
            cache_write_5m_tokens: Some(all.cache_write_5m_tokens),
            cache_write_1h_tokens: Some(all.cache_write_1h_tokens),
            output_tokens: Some(all.output_tokens),
            reasoning_tokens: Some(all.reasoning_tokens),
            audio_input_tokens: Some(all.audio_input_tokens),
            audio_output_tokens: Some(all.audio_output_tokens),
            images: Some(all.images),
        }
    }
}

/// How far the counts of a record can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// Nothing was used: the call never reached a provider, or the provider refused it.
    #[default]
    None,
    /// The provider reported the counts, and the answer was complete.
    Reported,
    /// The gateway estimated some or all counts: the provider had not reported them when the call ended.
    Estimated,
}

impl UsageSource {
    /// The name in stores and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reported => "reported",
            Self::Estimated => "estimated",
        }
    }

    /// Reads what [`UsageSource::as_str`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::None, Self::Reported, Self::Estimated].into_iter().find(|s| s.as_str() == name)
    }
}

/// The price class at which a provider served (or was asked to serve) a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the providers' service tiers")]
pub enum ServiceTier {
    #[default]
    Default,
    Flex,
    Priority,
    Batch,
    Reserved,
}

impl ServiceTier {
    /// The name in stores and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Batch => "batch",
            Self::Reserved => "reserved",
        }
    }

    /// Reads a provider's word (`standard`, `on_demand`, `auto`, `scale` and `standard_only` are the default tier;
    /// OpenAI's `fast` is served as `priority`). `None` for an unknown word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "default" | "auto" | "standard" | "standard_only" | "on_demand" | "scale" => Self::Default,
            "flex" => Self::Flex,
            "priority" | "fast" => Self::Priority,
            "batch" => Self::Batch,
            "reserved" => Self::Reserved,
            _ => return None,
        })
    }
}
