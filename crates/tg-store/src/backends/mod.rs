//! The list of ways in which a store is kept.

pub(crate) mod sqlite;
