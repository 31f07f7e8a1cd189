//! Wire formats: bytes of a dialect to canonical values and back. Pure functions and small state machines; no I/O.
//!
//! A **relay** (same dialect on both sides) never passes through the canonical form: [`scan`] reads and checks the
//! body once, [`splice`] changes named members and leaves every other byte alone, and a [`tap::Tap`] reads usage from the
//! answer in passing. Only where dialects differ is the body decoded, and the answer transcoded event by event.

pub mod bound;
pub mod cache_points;
pub mod clamp;
mod conversation;
pub mod count;
pub mod cut;
pub mod dialect;
pub mod dialects;
pub mod embedding;
pub mod framing;
pub mod gate;
pub mod loss;
mod media;
pub mod needs;
pub mod passages;
mod provider_fault;
mod reasoning;
pub mod scan;
pub mod splice;
pub mod tap;
pub mod tape;
pub mod tool_names;
mod walk;
pub mod weight;
