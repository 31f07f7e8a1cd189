//! What bills and logs say is read exactly, and what cannot be read is said clearly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bills;
mod commitments;
mod comparisons;
mod files;
mod focus;
mod logs;
mod rows;
mod showback;
