//! Where a call may be sent: one provider and one model of it.

use std::sync::Arc;

/// One candidate for a call. A plan is an ordered list of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The provider's name in the configuration.
    pub provider: Arc<str>,
    /// The model's id as that provider knows it: id, profile id or ARN.
    pub model: Arc<str>,
}
