//! Corrections of the ledger: what re-rating adds to a call's row, which itself is never edited.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::Pricing;
use tg_kernel::units::Money;

/// Why a call was corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorrectionReason {
    /// The price that was valid when the call began is another one than was known then.
    PriceChanged,
    /// There was no price when the call was booked, and there is one now.
    PriceKnown,
}

impl CorrectionReason {
    /// The name in stores and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PriceChanged => "price_changed",
            Self::PriceKnown => "price_known",
        }
    }

    /// Reads what [`CorrectionReason::as_str`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::PriceChanged, Self::PriceKnown].into_iter().find(|reason| reason.as_str() == name)
    }
}

/// One correction of one call. A call's cost is that of its row plus all of its corrections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The call.
    pub call: CallId,
    /// Which correction of the call this is, from 1 on. Of two with the same number the store keeps the first, so that
    /// two who re-rate at once do not both correct.
    pub number: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// Why.
    pub reason: CorrectionReason,
    /// The price by which the call was priced before.
    pub old_price: Arc<str>,
    /// The price by which it is priced now.
    pub new_price: Arc<str>,
    /// Whether the cost of the whole call is known now.
    pub pricing: Pricing,
    /// What is charged more (or less), over all tries of the call.
    pub delta: Money,
    /// The part of `delta` that is of tries before the last one.
    pub earlier_delta: Money,
    /// How much more (or less) the call would have cost at list price.
    pub list_delta: Money,
    /// -1 where the call is unpriced no more, 1 where it has become so, else 0.
    pub unpriced_delta: i8,
    /// -1 where the call is charged by the ceiling no more, 1 where it has come to be, else 0.
    pub ceiling_delta: i8,
    /// The unit prices of the last try, as in a row.
    pub rates: Option<Arc<str>>,
}
