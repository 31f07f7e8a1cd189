//! Sets of channels, and in which of them a check makes sense.

use super::set::CheckKind;
use super::{Way, set};
use tg_kernel::passage::Channel;

/// Some of the channels of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Channels(u16);

/// Where content is, apart from what whoever built the application wrote.
const CONTENT: &[Channel] = &[
    Channel::User,
    Channel::Assistant,
    Channel::Reasoning,
    Channel::ToolArguments,
    Channel::ToolResult,
    Channel::Document,
];

impl Channels {
    /// None.
    pub const NONE: Self = Self(0);

    /// All.
    pub const ALL: Self = Self::of(&Channel::ALL);

    /// Those of what an answer says.
    pub const OF_ANSWERS: Self = Self::of(&[
        Channel::Assistant,
        Channel::Reasoning,
        Channel::ToolArguments,
        Channel::ToolResult,
        Channel::Document,
    ]);

    /// These.
    #[must_use]
    pub const fn of(channels: &[Channel]) -> Self {
        let mut bits = 0;
        let mut rest = channels;
        while let [first, others @ ..] = rest {
            bits |= 1 << (*first as u16);
            rest = others;
        }
        Self(bits)
    }

    /// Whether a channel is among them.
    #[must_use]
    pub const fn has(self, channel: Channel) -> bool {
        self.0 & (1 << (channel as u16)) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of the other's are among them.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Each of them, in the order in which docs list them.
    pub fn iter(self) -> impl Iterator<Item = Channel> {
        Channel::ALL.into_iter().filter(move |channel| self.has(*channel))
    }

    /// Where a check looks on a way if its rule names no channels; none where it makes no sense on that way.
    #[must_use]
    pub const fn usual(check: CheckKind, way: Way) -> Self {
        use CheckKind as Kind;
        match (check, way) {
            (Kind::Secrets | Kind::Pii | Kind::Entities | Kind::Words | Kind::Pattern, _)
            | (Kind::Canaries, Way::Output)
            | (Kind::External, Way::Input) => Self::ALL,
            (Kind::Harm | Kind::Topics | Kind::CharactersMax, _) | (Kind::External, Way::Output) => Self::of(CONTENT),
            (Kind::Injection, Way::Input) => Self::of(&[Channel::User, Channel::ToolResult, Channel::Document]),
            (Kind::IndirectInjection, Way::Input) => Self::of(&[Channel::ToolResult, Channel::Document]),
            (Kind::JsonSchema, Way::Output) => Self::of(&[Channel::Assistant]),
            (Kind::SystemPrompt, Way::Output) => {
                Self::of(&[Channel::Assistant, Channel::Reasoning, Channel::ToolArguments])
            }
            (Kind::Injection | Kind::IndirectInjection | Kind::SystemPrompt, _)
            | (Kind::Canaries | Kind::JsonSchema, Way::Input) => Self::NONE,
        }
    }

    /// Where a rule looks on a way.
    #[must_use]
    pub const fn of_rule(rule: &set::Rule, way: Way) -> Self {
        let usual = Self::usual(rule.check.kind(), way);
        if usual.is_empty() || !rule.on(way) {
            return Self::NONE;
        }
        match rule.channels {
            Some(channels) => channels,
            None => usual,
        }
    }
}
