//! How much of a streamed answer is held back before it goes on.

use super::set::Check;
use tg_text::rules::LEAK_WORDS_DEFAULT;

/// Characters that are held back where a set says nothing: the structured forms have 64 and fewer.
pub const HOLD_BACK_DEFAULT: usize = 64;

/// Fewest characters that a set may say.
pub const HOLD_BACK_MIN: usize = 16;

/// Most characters that a set may say.
pub const HOLD_BACK_MAX: usize = 4096;

/// Characters that come before what was let go, and are looked at with it.
const CONTEXT: usize = 128;

/// Characters between two looks at a stream.
const STEP: usize = 32;

/// Characters between two looks that nothing waits for.
const STEP_SHADOW: usize = 512;

/// Most characters that are held back while something is open, unless it is known to be no longer than it can be read, as a
/// private key.
const LONGEST: usize = 4096;

/// Letters of a word with what separates it from the next, as they are written to be missed: `s e c r e t`.
const SPACED: usize = 2;

/// Characters that may stand around a word or in it besides: wrong letters, signs.
const AROUND: usize = 8;

/// Characters of a usual word with the space behind it, and some.
const WORD: usize = 10;

/// How a window moves over a text; all in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    /// Held back behind what may go on.
    pub(super) back: usize,
    /// Between two looks; 0: whenever something came. Then what is found must not depend on it.
    pub(super) step: usize,
    /// Looked at before what is held.
    pub(super) context: usize,
    /// Most that is held back while something is open.
    pub(super) longest: usize,
}

impl Hold {
    /// For rules that need so much.
    pub(super) fn of(back: usize) -> Self {
        Self { back, step: STEP, context: CONTEXT.max(back), longest: LONGEST.max(back) }
    }

    /// For placeholders alone, which tell themselves whether they are complete; the character before may be one of a word.
    pub(super) const PLACEHOLDERS: Self = Self { back: 0, step: 0, context: 1, longest: LONGEST };

    /// The same without hurry.
    pub(super) fn shadow(back: usize) -> Self {
        Self { step: STEP_SHADOW, ..Self::of(back) }
    }
}

/// What a check needs at least.
pub(super) fn of_check(check: &Check) -> usize {
    let longest = |list: &[String]| {
        let longest = list.iter().map(|text| text.chars().count()).max().unwrap_or_default();
        SPACED * longest + AROUND
    };
    match check {
        Check::Secrets(_) | Check::Pii(_) | Check::Entities(_) | Check::Pattern(_) => HOLD_BACK_DEFAULT,
        Check::Words { list, .. } | Check::Canaries(list) => longest(list),
        Check::SystemPrompt { words } => WORD * (*words).max(LEAK_WORDS_DEFAULT),
        _ => 0,
    }
}
