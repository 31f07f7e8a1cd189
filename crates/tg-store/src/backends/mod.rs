//! The list of ways in which a store is kept.

pub mod redis;
pub(crate) mod sqlite;
