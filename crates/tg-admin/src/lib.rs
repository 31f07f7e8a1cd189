//! The admin interface: a second listener, off the data plane, and the verbs that it shares with the command line.

mod access;
pub mod api;
mod control;
mod query;
pub mod reference;
mod refusal;
mod routes;
mod server;

pub use control::{Control, TeamAction};
pub use query::read_filter;
pub use refusal::{ErrorBody, ErrorDetail, Refusal};
pub use server::{BODY_BYTES_MAX, Parts, SwitchOn, serve};
