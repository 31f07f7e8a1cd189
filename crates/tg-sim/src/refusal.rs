//! A refusal before it is phrased by a personality.

use crate::shape::{Flaw, FlawKind};

/// Why a request is refused. The personality turns it into its own error body.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub status: u16,
    /// The provider's own error name, where the status alone does not decide it.
    pub name: Option<String>,
    pub message: String,
    /// The member at fault, where one is.
    pub param: Option<String>,
    pub flaw: Option<FlawKind>,
    /// Seconds.
    pub retry_after: Option<u64>,
    /// Refused at the door, before it mattered which API was called.
    pub at_the_door: bool,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            name: None,
            message: message.into(),
            param: None,
            flaw: None,
            retry_after: None,
            at_the_door: false,
        }
    }

    pub(crate) fn named(status: u16, name: &str, message: impl Into<String>) -> Self {
        Self { name: Some(name.to_owned()), ..Self::new(status, message) }
    }
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        Self { param: Some(flaw.path), flaw: Some(flaw.kind), ..Self::new(400, flaw.message) }
    }
}
