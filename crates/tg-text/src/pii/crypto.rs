//! Addresses of crypto currencies, told by their checksums.

use sha2::{Digest, Sha256};

/// Bitcoin's alphabet of 58 characters; XRP orders the same ones in its own way.
const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// The longest address that is looked at.
const ADDRESS_MAX: usize = 110;

/// Whether a word is an address.
pub(super) fn address(word: &[u8]) -> bool {
    if !(25..=ADDRESS_MAX).contains(&word.len()) {
        return false;
    }
    match word {
        [b'0', b'x' | b'X', hex @ ..] => hex.len() == 40 && ethereum(hex),
        [b'b', b'c', b'1', ..] | [b'B', b'C', b'1', ..] => bech32(word, 2),
        [b't', b'b', b'1', ..] => bech32(word, 2),
        [b'l', b't', b'c', b'1', ..] => bech32(word, 3),
        [b'a', b'd', b'd', b'r', b'1', ..] => bech32(word, 4),
        [b'G', ..] if word.len() == 56 => stellar(word),
        [b'r', ..] if word.len() <= 35 => base58(word, RIPPLE).is_some_and(|version| version == [0]),
        [b'1' | b'3' | b'L' | b'M' | b'D' | b'X' | b'T' | b't' | b'm' | b'n' | b'2' | b'9' | b'A', ..]
            if word.len() <= 35 =>
        {
            base58(word, BITCOIN).is_some_and(|version| known(&version))
        }
        [b'q' | b'p', ..] if word.len() == 42 => cash(word),
        _ => false,
    }
}

/// Versions of Bitcoin (and its test net), Litecoin, Dogecoin, Dash, Tron and Zcash.
fn known(version: &[u8]) -> bool {
    matches!(version, [0 | 5 | 111 | 196 | 48 | 50 | 30 | 22 | 76 | 16 | 65] | [0x1c, 0xb8 | 0xbd])
}

/// The version of a base58 word of twenty bytes whose checksum is right.
fn base58(word: &[u8], alphabet: &[u8; 58]) -> Option<Vec<u8>> {
    let mut bytes = [0u8; 26];
    for c in word {
        let mut carry = alphabet.iter().position(|a| a == c)?;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        if carry > 0 {
            return None;
        }
    }
    // One byte of version, as most have, or two; twenty of address; four of checksum.
    for skipped in [1, 0] {
        let payload = bytes.get(skipped..)?;
        if bytes.iter().take(skipped).any(|b| *b != 0) {
            continue;
        }
        let (body, sum) = payload.split_last_chunk::<4>()?;
        if Sha256::digest(Sha256::digest(body)).starts_with(sum) {
            return Some(body.get(..body.len() - 20)?.to_vec());
        }
    }
    None
}

/// BIP-173 and BIP-350: one case, the checksum of either.
fn bech32(word: &[u8], prefix: usize) -> bool {
    let upper = word.iter().any(u8::is_ascii_uppercase);
    if upper && word.iter().any(u8::is_ascii_lowercase) {
        return false;
    }
    let mut state: u32 = 1;
    let mut step = |value: u8| {
        let top = state >> 25;
        state = ((state & 0x1ff_ffff) << 5) ^ u32::from(value);
        for (bit, generator) in [0x3b6a_57b2u32, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3].iter().enumerate()
        {
            if top >> bit & 1 == 1 {
                state ^= generator;
            }
        }
    };
    let lower = || word.iter().map(u8::to_ascii_lowercase);
    lower().take(prefix).for_each(|b| step(b >> 5));
    step(0);
    lower().take(prefix).for_each(|b| step(b & 31));
    for b in lower().skip(prefix + 1) {
        let Some(value) = BECH32.iter().position(|c| *c == b) else { return false };
        step(u8::try_from(value).unwrap_or(0));
    }
    matches!(state, 1 | 0x2bc8_30a3)
}

/// Bitcoin Cash without its prefix, which is the same for all.
fn cash(word: &[u8]) -> bool {
    let mut state: u64 = 1;
    let mut step = |value: u8| {
        let top = state >> 35;
        state = ((state & 0x07_ffff_ffff) << 5) ^ u64::from(value);
        let generators = [0x98_f2bc_8e61u64, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];
        for (bit, generator) in generators.iter().enumerate() {
            if top >> bit & 1 == 1 {
                state ^= generator;
            }
        }
    };
    b"bitcoincash".iter().for_each(|b| step(b & 31));
    step(0);
    for b in word {
        let Some(value) = BECH32.iter().position(|c| c == b) else { return false };
        step(u8::try_from(value).unwrap_or(0));
    }
    state == 1
}

/// Forty hexadecimal digits; where their case is mixed it is a checksum (EIP-55).
fn ethereum(hex: &[u8]) -> bool {
    if !hex.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let lower = hex.to_ascii_lowercase();
    let mixed = hex.iter().any(u8::is_ascii_uppercase) && hex.iter().any(u8::is_ascii_lowercase);
    if !mixed {
        // Runs of one digit are examples and masks.
        let mut seen = [false; 128];
        lower.iter().filter_map(|b| seen.get_mut(usize::from(*b)).map(|s| *s = true)).count();
        return seen.iter().filter(|s| **s).count() > 6;
    }
    let hash = super::keccak::keccak256(&lower);
    let nibbles = hash.iter().flat_map(|b| [b >> 4, b & 15]);
    hex.iter().zip(nibbles).all(|(b, nibble)| b.is_ascii_digit() || b.is_ascii_uppercase() == (nibble >= 8))
}

/// Stellar: base32 with CRC-16/XMODEM behind version and key.
fn stellar(word: &[u8]) -> bool {
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::with_capacity(35));
    for b in word {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'2'..=b'7' => b - b'2' + 26,
            _ => return false,
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap_or(0));
        }
    }
    let Some((body, sum)) = bytes.split_last_chunk::<2>() else { return false };
    let crc = body.iter().fold(0u16, |crc, b| {
        (0..8).fold(crc ^ u16::from(*b) << 8, |c, _| if c & 0x8000 == 0 { c << 1 } else { c << 1 ^ 0x1021 })
    });
    u16::from_le_bytes(*sum) == crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_public_documents_are_known_and_slips_are_not() {
        for word in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
            "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        ] {
            assert!(address(word.as_bytes()), "{word}");
            let mut slipped = word.as_bytes().to_vec();
            let last = slipped.len() - 3;
            slipped[last] = if slipped[last] == b'e' { b'c' } else { b'e' };
            assert!(!address(&slipped) || word.starts_with("0x"), "{word}");
        }
        assert!(!address(b"0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
    }
}
