//! Policy on one call: who calls, to whom it is booked, where it may go, what it may say. Decisions only; no I/O of its own.

pub mod admit;
pub mod attribute;
pub mod authenticate;
pub mod aws;
pub mod cache;
pub mod guard;
pub mod health;
pub mod iam;
pub mod pool;
pub mod route;
