//! What a call costs at one target by how much output it makes, where every doubt is decided against it.

use crate::bound::Bound;
use crate::snapshot::{Ceiling, Snapshot};
use std::sync::Arc;
use tg_catalog::Row;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage};
use tg_policy::route::UnknownPrice;
use tg_upstream::provider::PriceScope;

/// By what a try would be priced.
pub(crate) struct PriceTag<'a> {
    pub(crate) scope: &'a PriceScope,
    pub(crate) model: &'a str,
    pub(crate) tier: ServiceTier,
    pub(crate) unknown: UnknownPrice,
}

/// What a call can cost at a target.
pub(crate) struct Quote {
    tariff: Tariff,
    /// Most input tokens.
    pub(crate) input: u64,
    /// Most output tokens of all answers together.
    pub(crate) most: u64,
    /// What is owed beside tokens.
    pictures: Money,
}

enum Tariff {
    Listed(Arc<Row>, ServiceTier),
    Ceiling(Ceiling),
}

impl PriceTag<'_> {
    /// `None` where the price is not known.
    pub(crate) fn quote(&self, snapshot: &Snapshot, bound: Bound, record: &Record) -> Option<Quote> {
        if !record.asked.operation.is_billed_by_tokens() {
            return None;
        }
        let row = self.scope.find(&snapshot.catalogue, self.model, record.started_at);
        let (input, most) = bound.tokens(row.as_deref(), self.model);
        let pictures = row.as_deref().map_or(Money::ZERO, |row| bound.pictures(row));
        let tariff = match (row, self.unknown) {
            (Some(row), _) => {
                let tier = bound.tier(&row, self.tier);
                Tariff::Listed(row, tier)
            }
            (None, UnknownPrice::Ceiling) => Tariff::Ceiling(snapshot.ceiling),
            (None, UnknownPrice::Deny | UnknownPrice::AllowAndFlag) => return None,
        };
        Some(Quote { tariff, input, most, pictures })
    }
}

impl Quote {
    /// With all the output that the call allows.
    pub(crate) fn worst(&self) -> Money {
        self.with_output(self.most)
    }

    /// With so many output tokens, all answers together, as far as the call allows so many.
    pub(crate) fn with_output(&self, output: u64) -> Money {
        let (input_tokens, output_tokens) = (self.input, output.min(self.most));
        let of_tokens = match &self.tariff {
            Tariff::Listed(row, tier) => tg_catalog::ceiling_estimate(row, *tier, input_tokens, output_tokens),
            Tariff::Ceiling(ceiling) => {
                let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
                tg_catalog::ceiling_cost(&usage, ceiling.input_rate, ceiling.output_rate).amount
            }
        };
        of_tokens.plus(self.pictures)
    }

    /// How many output tokens are paid with `amount` in any case; zero where not even the input is.
    pub(crate) fn output_within(&self, amount: Money) -> u64 {
        let amount = amount.minus(self.pictures);
        match &self.tariff {
            Tariff::Listed(row, tier) => tg_catalog::output_within(row, *tier, self.input, amount),
            Tariff::Ceiling(ceiling) => {
                let input = i128::from(self.input) * i128::from(ceiling.input_rate);
                let left = (i128::from(amount.nanos()) * 1_000 - input).max(0);
                u64::try_from(left / i128::from(ceiling.output_rate.max(1))).unwrap_or(u64::MAX)
            }
        }
    }
}
