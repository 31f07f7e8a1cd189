//! Rows of fixed prices, and a fixed time.

use std::sync::Arc;
use tg_catalog::{Catalogue, parse_overrides};
use tg_kernel::clock::Timestamp;

/// The embedded catalogue with rows of fixed prices over it, so that a refresh of the data changes no expectation.
pub fn catalogue() -> Arc<Catalogue> {
    let rows = serde_json::from_str(include_str!("rows.json")).unwrap();
    let rows = parse_overrides(&rows).unwrap();
    Catalogue::embedded().unwrap().with_overrides("t", rows).unwrap().catalogue
}

pub fn now() -> Timestamp {
    Timestamp::parse("2026-11-24T00:00:00Z").unwrap()
}
