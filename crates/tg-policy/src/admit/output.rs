//! How much output a call may make where a limit has less room than the call allows.

/// What happens with a call that allows more output than a limit has room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shortage {
    /// It goes on if there is room for what is reserved, and is refused otherwise.
    #[default]
    Refuse,
    /// Its bound on output is lowered to what there is room for. Less than `least` is refused.
    Clamp {
        /// Fewest output tokens that an answer is of use with.
        least: u64,
    },
    /// Its output is taken step by step as it streams, and the stream is ended where there is no room. What cannot be
    /// ended like that is clamped.
    Cut {
        /// As of [`Shortage::Clamp`].
        least: u64,
    },
}

/// What limits want to know of a call's output besides its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputFacts {
    /// The call or its model has a bound of its own: it makes no more than the estimate's `output_most` in any case.
    pub is_bounded: bool,
    /// It streams, and all that it makes can be seen in the stream.
    pub can_cut: bool,
    /// Fewest output tokens of one answer with which the request can be sent at all: more than its reasoning budget.
    pub least: u64,
    /// How many answers are asked for beyond the first.
    pub further_answers: u64,
}

/// How a call's output is taken from one bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutputAsk {
    /// Output tokens to be taken if there is room.
    pub(super) wanted: u64,
    /// Fewest with which the call may go on.
    pub(super) least: u64,
    pub(super) kind: OutputKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputKind {
    /// All or nothing.
    Fixed,
    /// The call is bounded by what there is.
    Clamped,
    /// More is taken while it streams.
    Stepwise,
}

impl OutputAsk {
    /// No output, or of no interest.
    pub(super) const NONE: Self = Self { wanted: 0, least: 0, kind: OutputKind::Fixed };

    /// Of a limit that handles a shortage so. `wanted` is what it reserves, `most` what the call allows.
    pub(super) fn new(shortage: Shortage, facts: OutputFacts, wanted: u64, most: u64) -> Self {
        let of_answers = |least: u64| least.max(facts.least).saturating_mul(facts.further_answers.saturating_add(1));
        match shortage {
            Shortage::Refuse => Self { wanted, least: wanted, kind: OutputKind::Fixed },
            Shortage::Clamp { least } => Self { wanted, least: of_answers(least).min(most), kind: OutputKind::Clamped },
            Shortage::Cut { least } if facts.can_cut => {
                Self { wanted, least: of_answers(least).min(wanted), kind: OutputKind::Stepwise }
            }
            // All that it may make is taken at once: nothing can be added later, nor be kept from it.
            Shortage::Cut { least } => {
                Self { wanted: most, least: of_answers(least).min(most), kind: OutputKind::Clamped }
            }
        }
    }
}
