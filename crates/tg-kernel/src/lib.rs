//! The nouns of Tallygate: plain values that every other crate agrees on.
//!
//! No I/O, no async runtime, no HTTP server, no wire format. See `ARCHITECTURE.md` for the floors.

pub mod calendar;
pub mod chat;
pub mod clock;
pub mod commitment;
pub mod decided;
pub mod dialect;
pub mod embed;
pub mod event;
pub mod fault;
pub mod guarded;
pub mod ids;
pub mod kept;
pub mod needs;
pub mod outage;
pub mod passage;
pub mod pattern;
pub mod peek;
pub mod principal;
pub mod rates;
pub mod record;
pub mod reuse;
pub mod secret;
pub mod target;
pub mod trace;
pub mod units;
pub mod usage;
