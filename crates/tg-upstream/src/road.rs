//! How a call gets from the caller's dialect to one that a provider speaks.

use crate::providers::bedrock::Surface;
use tg_kernel::dialect::Dialect;

/// The dialect to speak to a provider, and how the bytes get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Road {
    /// The dialect spoken to the provider.
    pub dialect: Dialect,
    /// How.
    pub mode: Mode,
    /// By which of Bedrock's compatible surfaces; `None`: by the provider's own API.
    pub surface: Option<Surface>,
}

/// How the caller's bytes become the provider's, and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The same dialect: original bytes travel, with named members spliced.
    Relay,
    /// The same JSON in another envelope: Anthropic Messages as such, or inside Bedrock InvokeModel.
    Rewrap,
    /// Another dialect: through the canonical form.
    Transcode,
}

impl Road {
    /// The same dialect on both sides.
    #[must_use]
    pub const fn relay(dialect: Dialect) -> Self {
        Self { dialect, mode: Mode::Relay, surface: None }
    }

    /// The same JSON in another envelope.
    #[must_use]
    pub const fn rewrap(dialect: Dialect) -> Self {
        Self { dialect, mode: Mode::Rewrap, surface: None }
    }

    /// Another dialect.
    #[must_use]
    pub const fn transcode(dialect: Dialect) -> Self {
        Self { dialect, mode: Mode::Transcode, surface: None }
    }

    /// The same, by a surface.
    #[must_use]
    pub const fn by(self, surface: Surface) -> Self {
        Self { surface: Some(surface), ..self }
    }
}
