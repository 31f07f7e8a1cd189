//! Policy on one call: who calls, to whom it is booked, where it may go. Decisions only; no I/O of its own.

pub mod admit;
pub mod attribute;
pub mod authenticate;
pub mod aws;
pub mod iam;
pub mod route;
