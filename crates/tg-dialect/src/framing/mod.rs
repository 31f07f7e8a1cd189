//! Bytes to frames and back: server-sent events, and AWS event streams.

pub mod eventstream;
pub(crate) mod frames;
pub mod gist;
pub mod sse;
