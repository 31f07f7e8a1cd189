//! Whether a call may go where a target is.

use crate::snapshot::Snapshot;
use std::fmt;
use std::sync::Arc;
use tg_catalog::{Reach, reach};
use tg_kernel::principal::Attribution;
use tg_kernel::target::Target;

/// As whose geographies models of Bedrock say by their names where they are.
const BEDROCK: &str = "bedrock";

/// A target is elsewhere than a call must stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Away {
    /// Where the call must stay.
    pub places: Vec<Arc<str>>,
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the call must stay in {}", self.places.join(" or "))
    }
}

/// Why a call that asks for these models may not go to a target; `None` where it may. Every way that a call, or a copy of it,
/// can go asks this.
#[must_use]
pub fn away(snapshot: &Snapshot, booked: &Attribution, names: [&str; 2], target: &Target) -> Option<Away> {
    let residency = snapshot.routes.residency();
    if residency.is_empty() {
        return None;
    }
    let places = residency.away(booked, names, place(snapshot, target))?;
    Some(Away { places: places.to_vec() })
}

/// Where a target is: its provider's place. A profile of Bedrock that spans a geography is there only if the place has its
/// name: `eu.…` is in `eu`, but not in `frankfurt`; `global.…` is in `global` alone.
fn place<'a>(snapshot: &'a Snapshot, target: &Target) -> Option<&'a str> {
    let home = snapshot.routes.residency().home(&target.provider)?;
    let is_bedrock =
        snapshot.upstreams.get(&target.provider).is_some_and(|upstream| &*upstream.price.vendor == BEDROCK);
    let is_there = !is_bedrock
        || match reach(&target.model) {
            Reach::Region => true,
            Reach::Geography(geography) => geography == &**home,
            Reach::Unknown => false,
        };
    is_there.then_some(&**home)
}
