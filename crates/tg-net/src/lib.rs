//! The network: listeners, the upstream client, which addresses may be dialled, bodies with limits, TLS, and tasks.
//!
//! Nothing here knows what a call is. Every function needs a Tokio runtime around it only where it is `async`.

pub mod body;
pub mod certs;
pub mod client;
mod connection;
mod dial;
pub mod drain;
pub mod egress;
pub mod listener;
pub mod resolve;
mod socket;
pub mod tasks;
pub mod tls;

/// A boxed cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
