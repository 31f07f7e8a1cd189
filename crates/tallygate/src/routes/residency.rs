//! From declared places to those of calls and providers.

use std::sync::Arc;
use tg_config::document::{self, Document};
use tg_config::grammar::Name;
use tg_policy::route::residency::{Bound, Residency};

/// Compiles where calls must stay.
pub(super) fn compile(document: &Document) -> Residency {
    let bound = |declared: &document::Residency| Bound {
        scope: crate::scope::scope(document, &declared.scope),
        places: declared.places.iter().map(Name::shared).collect(),
    };
    let home = |provider: &document::Provider| Some((provider.name.shared(), provider.residency.as_ref()?.shared()));
    let homes: std::collections::HashMap<Arc<str>, Arc<str>> = document.providers.iter().filter_map(home).collect();
    Residency::new(document.residency.iter().map(bound).collect(), homes)
}
