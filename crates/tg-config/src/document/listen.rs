//! The listeners.

use crate::grammar::{Address, Period, SecretRef, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;
use std::path::PathBuf;

/// Where callers connect: the data plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The address and port. Plain connections carry HTTP/1.1 and HTTP/2 with prior knowledge.
    pub address: Address,
    /// Serve TLS (HTTP/1.1 and HTTP/2 by ALPN) instead of plain connections.
    pub tls: Option<Tls>,
    /// The largest body of a request; a larger one is refused with 413. At most 1 GiB.
    pub body_bytes_max: Size,
    /// How long a caller may take to send the head of a request.
    pub head_timeout: Period,
    /// How long a caller may take to send the whole body of a request; it is also ended after 60 seconds of silence.
    pub body_timeout: Period,
    /// Threads that serve calls. Absent: one for each core.
    #[schemars(range(max = 1024))]
    pub workers: Option<NonZeroU16>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: Address::loopback(8080),
            tls: None,
            // Bedrock takes 25 MB of documents in one request; base64 and history come on top.
            body_bytes_max: Size::mebibytes(32),
            head_timeout: Period::seconds(30),
            // The largest body over a line of a megabit.
            body_timeout: Period::seconds(300),
            workers: None,
        }
    }
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file of the certificate, followed by those that lead to its root.
    pub certificate: PathBuf,
    /// PEM file of the certificate's private key.
    pub key: PathBuf,
}

/// The second listener: administration, health and metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// The address and port; not that of `listen`.
    pub address: Address,
    /// What a caller of the admin interface presents as bearer. May be absent only on a loopback address.
    pub token: Option<SecretRef>,
    /// Serve TLS instead of plain connections.
    pub tls: Option<Tls>,
}

impl Default for Admin {
    fn default() -> Self {
        Self { address: Address::loopback(8081), token: None, tls: None }
    }
}
