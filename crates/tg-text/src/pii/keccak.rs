//! Keccak-256 as Ethereum uses it (before SHA-3 changed the padding), for the case of its addresses.

const ROUNDS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];
const TURNS: [u32; 24] = [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44];
const PLACES: [usize; 24] = [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1];
/// Bytes that one turn of the sponge takes.
const RATE: usize = 136;

/// The hash of a message that is shorter than one turn takes; what is longer is cut.
pub(super) fn keccak256(message: &[u8]) -> [u8; 32] {
    let mut block = [0u8; RATE];
    let message = message.get(..RATE - 1).unwrap_or(message);
    for (to, from) in block.iter_mut().zip(message.iter().chain(&[1])) {
        *to = *from;
    }
    if let Some(last) = block.last_mut() {
        *last |= 0x80;
    }
    let mut state = [0u64; 25];
    for (lane, bytes) in state.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane = u64::from_le_bytes(*bytes);
    }
    for round in ROUNDS {
        turn(&mut state, round);
    }
    let mut hash = [0u8; 32];
    for (to, lane) in hash.as_chunks_mut::<8>().0.iter_mut().zip(state) {
        *to = lane.to_le_bytes();
    }
    hash
}

fn turn(state: &mut [u64; 25], round: u64) {
    let mut column = [0u64; 5];
    for (place, lane) in state.iter().enumerate() {
        column[place % 5] ^= lane;
    }
    for (place, lane) in state.iter_mut().enumerate() {
        *lane ^= column[(place + 4) % 5] ^ column[(place + 1) % 5].rotate_left(1);
    }
    let mut carried = state[1];
    for (place, turns) in PLACES.into_iter().zip(TURNS) {
        carried = std::mem::replace(&mut state[place], carried.rotate_left(turns));
    }
    for row in state.as_chunks_mut::<5>().0 {
        let [a, b, c, d, e] = *row;
        *row = [a ^ (!b & c), b ^ (!c & d), c ^ (!d & e), d ^ (!e & a), e ^ (!a & b)];
    }
    state[0] ^= round;
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hash_of_nothing_is_the_published_one() {
        let hash = super::keccak256(b"");
        assert_eq!(hash[..4], [0xc5, 0xd2, 0x46, 0x01]);
    }
}
