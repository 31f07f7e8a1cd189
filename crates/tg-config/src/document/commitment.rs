//! What was committed to, and is paid by the hour or month whether calls come or not.

use crate::grammar::{Moment, Money, Name, Pattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_kernel::commitment::{self, CommitmentRate};

/// Capacity that is paid by the hour or month, whether calls come or not. The calls that use it are those of the discount of
/// the same name, which has `percent: 100%` and `terms: committed`: they cost nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// Its name: that of its discount.
    pub name: Name,
    /// The provider that bills it.
    pub provider: Name,
    /// What one of it costs an hour. This or `monthly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly: Option<Money>,
    /// What one of it costs a month in UTC: spread evenly over its hours. This or `hourly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly: Option<Money>,
    /// How many of it there are. Absent: one.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10_000))]
    pub quantity: u32,
    /// When it begins, at a whole hour.
    pub from: Moment,
    /// When it ends, at a whole hour. Absent: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Its usage type on the provider's bill, as in `*ProvisionedThroughput*`: `tallygate reconcile` compares what is charged
    /// there. Absent: it is not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Pattern>,
}

const fn one() -> u32 {
    1
}

impl Commitment {
    /// As the rest of the gateway counts it; `None` where it states no rate.
    #[must_use]
    pub fn compiled(&self) -> Option<commitment::Commitment> {
        let hourly = self.hourly.map(|rate| CommitmentRate::Hourly(rate.get()));
        let monthly = || self.monthly.map(|rate| CommitmentRate::Monthly(rate.get()));
        Some(commitment::Commitment {
            name: self.name.shared(),
            provider: self.provider.shared(),
            sku: self.sku.as_ref().map(|sku| sku.as_str().into()),
            rate: hourly.or_else(monthly)?,
            quantity: self.quantity,
            from: self.from.get(),
            until: self.until.map(Moment::get),
        })
    }
}
