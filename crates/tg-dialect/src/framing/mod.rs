//! Bytes to frames and back: server-sent events, and AWS event streams.

pub mod eventstream;
pub mod gist;
pub mod sse;
