//! What a finished call costs.

use crate::snapshot::Snapshot;
use std::borrow::Cow;
use tg_catalog::Buyer;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Operation;
use tg_kernel::record::{Cost, Pricing, Record, Served};
use tg_kernel::usage::Usage;
use tg_policy::route::UnknownPrice;
use tg_upstream::provider::PriceScope;

/// By what a finished call is priced: also for those that are found in the journal after a crash.
pub struct Basis<'a> {
    /// The provider's place in the catalogue; `None` where the provider is not known any more.
    pub scope: Option<Cow<'a, PriceScope>>,
    /// What to do without a price.
    pub unknown: UnknownPrice,
    /// The catalogue and the ceiling.
    pub snapshot: &'a Snapshot,
}

impl<'a> Basis<'a> {
    /// The basis of a call that was found in the journal: its provider's scope as configured now; policy does not
    /// charge a ceiling in hindsight.
    #[must_use]
    pub fn of(record: &Record, snapshot: &'a Snapshot) -> Self {
        let scope = record.served.as_ref().and_then(|served| {
            let provider = snapshot.upstreams.get(&served.provider)?;
            Some(Cow::Owned(provider.price_of(served.dialect, &served.model)))
        });
        Self { scope, unknown: UnknownPrice::AllowAndFlag, snapshot }
    }

    /// The cost of a record's counts at the price that was valid when the call began.
    #[must_use]
    pub fn cost(&self, record: &Record) -> Cost {
        let price = |served| self.price(record.asked.operation, served, &record.usage, record.started_at);
        record.served.as_ref().map_or_else(Cost::default, price)
    }

    pub(crate) fn price(&self, operation: Operation, served: &Served, usage: &Usage, began: Timestamp) -> Cost {
        let unpriced = Cost { pricing: Pricing::Unpriced, ..Cost::default() };
        // A rate of tokens, or a ceiling of them, would make it look free.
        if !operation.is_billed_by_tokens() {
            return unpriced;
        }
        let catalogue = &self.snapshot.catalogue;
        let row = self.scope.as_ref().and_then(|scope| scope.find(catalogue, &served.model, began));
        let buyer = Buyer { provider: &served.provider, model: &served.model, began };
        let known = row.map(|row| self.snapshot.terms.price(&row, usage, served.tier, buyer));
        match (known, self.unknown) {
            (Some(cost), _) if cost.pricing != Pricing::Unpriced => cost,
            (_, UnknownPrice::Ceiling) => {
                let ceiling = self.snapshot.ceiling;
                tg_catalog::ceiling_cost(usage, ceiling.input_rate, ceiling.output_rate)
            }
            (Some(unpriced), _) => unpriced,
            (None, _) => unpriced,
        }
    }
}
