//! What a model can do, as a set of named bits.

use serde::{Deserialize, Serialize};

/// One thing that a model can do, or is known to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Calls tools.
    Tools,
    /// Calls several tools in one answer.
    ParallelTools,
    /// Heeds a tool choice.
    ToolChoice,
    /// Refuses a tool choice that forces a tool.
    NoForcedTools,
    /// Reads images.
    Vision,
    /// Reads documents (PDF).
    Documents,
    /// Hears audio.
    AudioInput,
    /// Speaks audio.
    AudioOutput,
    /// Watches video.
    VideoInput,
    /// Follows a JSON Schema for its answer.
    JsonSchema,
    /// Can reason before it answers.
    Reasoning,
    /// Chooses by itself how long to reason; a token budget is refused or ignored.
    AdaptiveReasoning,
    /// Reasoning cannot be switched off.
    AlwaysReasoning,
    /// Reads from and writes to a prompt cache.
    PromptCaching,
    /// Has the provider's web search.
    WebSearch,
    /// Has the provider's computer-use tools.
    ComputerUse,
    /// Refuses `temperature`, `top_p` and `top_k`.
    NoSampling,
    /// Refuses a conversation that ends with the assistant's words.
    NoPrefill,
}

impl Ability {
    /// Every ability.
    pub const ALL: [Self; 18] = [
        Self::Tools,
        Self::ParallelTools,
        Self::ToolChoice,
        Self::NoForcedTools,
        Self::Vision,
        Self::Documents,
        Self::AudioInput,
        Self::AudioOutput,
        Self::VideoInput,
        Self::JsonSchema,
        Self::Reasoning,
        Self::AdaptiveReasoning,
        Self::AlwaysReasoning,
        Self::PromptCaching,
        Self::WebSearch,
        Self::ComputerUse,
        Self::NoSampling,
        Self::NoPrefill,
    ];
}

/// A set of abilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities(u32);

impl Abilities {
    /// Whether `ability` is in the set.
    #[must_use]
    pub const fn has(self, ability: Ability) -> bool {
        self.0 & (1 << ability as u32) != 0
    }

    /// The members, in the order of [`Ability::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Ability> {
        Ability::ALL.into_iter().filter(move |a| self.has(*a))
    }
}

impl FromIterator<Ability> for Abilities {
    fn from_iter<I: IntoIterator<Item = Ability>>(abilities: I) -> Self {
        Self(abilities.into_iter().fold(0, |bits, a| bits | 1 << a as u32))
    }
}
