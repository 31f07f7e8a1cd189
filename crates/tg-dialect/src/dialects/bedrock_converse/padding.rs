//! Padding of stream payloads, so that their lengths on the wire say less about the words in them.

use tg_kernel::ids::CallId;

/// Where padding is cut from.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Whether a text is padding, as Bedrock and the gateway cut it.
pub(crate) fn is_padding(text: &str) -> bool {
    LETTERS.starts_with(text)
}

/// A source of paddings of varied length for one answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Padding {
    state: u64,
}

impl Padding {
    /// For the answer to this call. The random bits of its id, which travel encrypted, decide the lengths.
    pub(crate) fn new(call: CallId) -> Self {
        let seed = call.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
            (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { state: seed | 1 }
    }

    /// The next padding.
    pub(crate) fn next(&mut self) -> &'static str {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let length = usize::try_from((self.state >> 32) % 61).unwrap_or_default() + 1;
        LETTERS.get(..length).unwrap_or(LETTERS)
    }
}
