//! Keys of counts in memory: hashes that nobody outside can make collide.

use std::hash::Hasher;

/// Which count: a limit, what it counts, and for whom. As good as unique: 128 bits under a secret of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::admit) struct Key(u128);

/// A key that is being made.
pub(in crate::admit) struct KeyMaker(pub(super) [std::hash::DefaultHasher; 2]);

impl KeyMaker {
    pub(in crate::admit) fn add(&mut self, part: &str) {
        for hasher in &mut self.0 {
            // Lengths keep parts apart.
            hasher.write_usize(part.len());
            hasher.write(part.as_bytes());
        }
    }

    pub(in crate::admit) fn finish(self) -> Key {
        let [one, other] = self.0.map(|hasher| u128::from(hasher.finish()));
        Key(one << 64 | other)
    }
}

/// A key is a hash already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        let [_, _, _, _, _, _, _, _, low @ ..] = key.to_be_bytes();
        self.0 = u64::from_be_bytes(low);
    }
}
