//! The caller's side of a call: requests in every dialect and reading of answers, written apart from the gateway's code.

pub mod client;
pub mod dialect;
pub mod frames;

pub use client::Client;
