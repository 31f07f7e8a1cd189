//! What operators see: metrics, traces and the call log, all made from finished calls by one thread off the data path.

mod labels;
pub mod log;
pub mod metrics;
pub mod names;
mod otlp;
mod readings;
mod reference;
pub mod traces;

pub use reference::reference;
