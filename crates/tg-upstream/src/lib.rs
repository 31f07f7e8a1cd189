//! Providers: where each one is, what it speaks, how to prove to it who calls, and one try at a call.

pub mod attempt;
pub mod aws;
pub mod control;
pub mod guard;
pub mod headers;
pub mod inquiry;
pub mod pools;
pub mod probe;
pub mod provider;
pub mod providers;
pub mod road;
mod sign;
pub mod signature;
