//! Signatures of thinking: issued with every thinking block, and checked when one comes back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

const KEY: &[u8] = b"tg-sim thinking signature";
const SEED_BYTES: usize = 8;

fn mac(label: &[u8], seed: &[u8], text: &str) -> Vec<u8> {
    let mut outer = Sha256::new();
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(KEY) {
        mac.update(label);
        mac.update(seed);
        mac.update(text.as_bytes());
        outer.update(mac.finalize().into_bytes());
    }
    outer.finalize().to_vec()
}

/// The signature of thinking as it is shown (the text may be empty); `origin` makes it differ between requests.
pub(crate) fn sign(shown: &str, origin: &str) -> String {
    let digest = Sha256::digest(origin.as_bytes());
    let seed = &digest[..SEED_BYTES];
    let mut whole = seed.to_vec();
    whole.extend(mac(b"sign", seed, shown));
    STANDARD.encode(whole)
}

/// Whether this simulator signed exactly this thinking.
pub(crate) fn holds(shown: &str, signature: &str) -> bool {
    let Ok(whole) = STANDARD.decode(signature) else { return false };
    whole.split_at_checked(SEED_BYTES).is_some_and(|(seed, rest)| rest == mac(b"sign", seed, shown))
}

/// Thinking as an opaque block.
pub(crate) fn seal(thought: &str) -> String {
    let mut whole = mac(b"seal", b"", thought);
    whole.extend(thought.as_bytes());
    STANDARD.encode(whole)
}

/// Whether this simulator made the opaque block.
pub(crate) fn sealed(data: &str) -> bool {
    let Ok(whole) = STANDARD.decode(data) else { return false };
    whole
        .split_at_checked(32)
        .and_then(|(seal, thought)| std::str::from_utf8(thought).ok().map(|t| seal == mac(b"seal", b"", t)))
        .unwrap_or(false)
}
