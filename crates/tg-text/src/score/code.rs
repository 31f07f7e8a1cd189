//! A character as it was read: four bytes, or one where a whole block is ASCII, of which tables tell the rest.

use super::chars::{ascii, symbol};
use super::stream::SPREAD;

/// What stands for a character in hashes.
#[inline]
const fn spread(code: u32) -> u64 {
    let x = (code as u64).wrapping_mul(SPREAD);
    x ^ (x >> 31)
}

/// One character as it was read.
pub(super) trait Code: Copy {
    /// What stands for it in hashes.
    fn spread(self) -> u64;
    /// What it is to the character model.
    fn symbol(self) -> usize;
}

impl Code for u32 {
    #[inline]
    fn spread(self) -> u64 {
        spread(self)
    }

    #[inline]
    fn symbol(self) -> usize {
        symbol(self)
    }
}

impl Code for u8 {
    #[inline]
    fn spread(self) -> u64 {
        SPREAD_ASCII.get(usize::from(self & 0x7f)).copied().unwrap_or_default()
    }

    #[inline]
    fn symbol(self) -> usize {
        ascii(self).symbol()
    }
}

static SPREAD_ASCII: [u64; 128] = {
    let mut table = [0; 128];
    let mut code = 0;
    while code < table.len() {
        table[code] = spread(code as u32);
        code += 1;
    }
    table
};
