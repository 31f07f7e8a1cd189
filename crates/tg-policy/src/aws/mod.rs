//! Callers that sign: AWS Signature Version 4, verified. Pure but for the memory of signatures that were seen.

pub mod authorization;
pub mod canonical;
pub mod replay;
pub mod signature;

pub use authorization::Authorization;
pub use canonical::SignedRequest;
pub use replay::Replays;
pub use signature::{Claim, Flaw};
