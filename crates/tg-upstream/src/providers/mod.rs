//! The list of vendors. Each folder owns one vendor's facts; OpenAI-compatible servers are presets of `openai`.

pub mod anthropic;
pub(crate) mod base;
pub mod bedrock;
pub mod openai;
