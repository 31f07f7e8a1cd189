//! Embedding vectors: derived from the text, so that equal texts have equal vectors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A vector of this many numbers between -1 and 1.
pub(crate) fn of(text: &str, dimensions: usize) -> Vec<f32> {
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

/// The little-endian form that SDKs ask for by default.
pub(crate) fn base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|n| n.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
