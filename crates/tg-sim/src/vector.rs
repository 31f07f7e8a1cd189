//! Embedding vectors: derived from the text, so that equal texts have equal vectors; or at an angle that the text asks for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The word behind which a text says the angle of its vector, in degrees: as many as the next word has letters.
const ANGLE: &str = "angle";

/// A vector of this many numbers between -1 and 1. "What is this, angle aaaa?" has one that stands at four degrees, so that the
/// likeness of two such texts is the cosine of the difference.
pub(crate) fn of(text: &str, dimensions: usize) -> Vec<f32> {
    if let Some(degrees) = degrees(text).filter(|_| dimensions > 1) {
        let mut vector = vec![0.0; dimensions];
        let (sine, cosine) = degrees.to_radians().sin_cos();
        (vector[0], vector[1]) = (cosine, sine);
        return vector;
    }
    let mut vector = Vec::with_capacity(dimensions);
    let mut block: Vec<u8> = Sha256::digest(text.as_bytes()).to_vec();
    while vector.len() < dimensions {
        for &byte in block.iter().take(dimensions - vector.len()) {
            vector.push((f32::from(byte) - 128.0) / 128.0);
        }
        block = Sha256::digest(&block).to_vec();
    }
    vector
}

fn degrees(text: &str) -> Option<f32> {
    let mut words = text.split_whitespace().skip_while(|word| *word != ANGLE).skip(1);
    let word = words.next()?.trim_end_matches(|sign: char| !sign.is_alphabetic());
    u16::try_from(word.len()).ok().map(f32::from)
}

/// The little-endian form that SDKs ask for by default.
pub(crate) fn base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|n| n.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
