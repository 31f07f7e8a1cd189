//! What models of the configuration's providers cost now, as they are charged, and which others could do the same.

use super::name::Name;
use super::seen::Use;
use std::collections::BTreeSet;
use std::sync::Arc;
use tg_catalog::{Ability, Buyer, Catalogue, Discount, ModelKind, RateSheet, Row, Terms, UnitPrice};
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;

/// What calls may ask of a model, and what it is not to be able to.
const CAN: [(Ability, &str); 8] = [
    (Ability::Tools, "calls no tools"),
    (Ability::Vision, "reads no images"),
    (Ability::Documents, "reads no documents"),
    (Ability::AudioInput, "hears no audio"),
    (Ability::AudioOutput, "does not speak"),
    (Ability::VideoInput, "watches no video"),
    (Ability::JsonSchema, "follows no JSON Schema"),
    (Ability::Reasoning, "does not reason"),
];

/// What a model is known to refuse, or to do unasked: where the model in use does not, requests may not fit.
const REFUSED: [(Ability, &str); 5] = [
    (Ability::NoSampling, "refuses `temperature`, `top_p` and `top_k`"),
    (Ability::NoPrefill, "refuses a conversation that ends with the assistant's words"),
    (Ability::NoForcedTools, "refuses a tool choice that forces a tool"),
    (Ability::AdaptiveReasoning, "takes no budget of tokens for reasoning"),
    (Ability::AlwaysReasoning, "always reasons, which costs output"),
];

const DAY_MICROS: i64 = 86_400_000_000;

/// Who sells, under which name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seller {
    /// The provider's name in the configuration.
    pub name: String,
    /// As the catalogue names it.
    pub vendor: String,
    /// The Region, where prices depend on it.
    pub region: Option<String>,
}

/// Where models can be had, and what they cost at this time.
#[derive(Debug)]
pub struct Shop<'a> {
    /// Prices and abilities.
    pub catalogue: &'a Catalogue,
    /// Discounts.
    pub terms: &'a Terms,
    /// The providers of the configuration.
    pub sellers: &'a [Seller],
    /// The time.
    pub now: Timestamp,
}

/// A model that could be used instead.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub provider: String,
    pub model: String,
    pub name: Name,
    pub row: Arc<Row>,
    /// What the same tokens cost there.
    pub cost: Money,
}

impl Shop<'_> {
    fn seller(&self, provider: &str) -> Option<&Seller> {
        self.sellers.iter().find(|seller| seller.name == provider)
    }

    /// The row of a model at a provider of the configuration.
    pub(super) fn find(&self, provider: &str, model: &str) -> Option<Arc<Row>> {
        let seller = self.seller(provider)?;
        match &seller.region {
            Some(region) => self.catalogue.find_in(&seller.vendor, model, &[region.as_str()], self.now),
            None => self.catalogue.find(&seller.vendor, model, self.now),
        }
    }

    fn discount(&self, provider: &str, model: &str) -> Option<&Discount> {
        self.terms.discount(Buyer { provider, model, began: self.now })
    }

    /// What calls like these cost there, as charged: exact for each range of prices, rounded once in each. `None` where
    /// something was used that has no price.
    pub(super) fn cost(&self, provider: &str, model: &str, row: &Row, used: &Use) -> Option<Money> {
        let discount = self.discount(provider, model);
        used.parts.iter().try_fold(Money::ZERO, |sum, part| {
            let rates = row.rates(part.tier, u64::from(part.above) + 1).rates;
            let sheet = RateSheet::of(|kind| {
                let list = rates.of(kind)?;
                Some(UnitPrice { list, contracted: discount.map_or(list, |one| one.contracted(kind, list)) })
            });
            sheet.covers(&part.usage).then(|| sum.plus(sheet.contracted(&part.usage)))
        })
    }

    /// What one token of input costs outside a cache, read from it and written to it, in pico-dollars.
    pub(super) fn input_rates(&self, provider: &str, model: &str, row: &Row, input: u64) -> [u64; 3] {
        use tg_catalog::UnitKind::{CacheRead, CacheWrite5m, Input};
        let discount = self.discount(provider, model);
        let rates = row.rates(tg_kernel::usage::ServiceTier::Default, input).rates;
        [Input, CacheRead, CacheWrite5m].map(|kind| {
            let list = rates.of(kind).unwrap_or_default();
            discount.map_or(list, |one| one.contracted(kind, list))
        })
    }

    /// Whether the provider means to switch the model off within so many days.
    pub(super) fn retires_within(&self, row: &Row, days: i64) -> bool {
        row.retires().is_some_and(|at| at.micros() - self.now.micros() <= days * DAY_MICROS)
    }

    /// Other models of the same maker, at the same provider and served in the same place, that talk and stay for so many
    /// days. Of a model with a dated and an undated id, the undated one.
    pub(super) fn kin(&self, provider: &str, model: &str, row: &Row, used: &Use, days: i64) -> Vec<Offer> {
        let Some(own) = Name::read(model) else { return Vec::new() };
        let ids: BTreeSet<&str> =
            self.catalogue.rows().iter().filter(|r| r.provider() == row.provider()).map(|r| r.id()).collect();
        let others = ids.iter().filter(|id| **id != model);
        let others = others.filter(|id| tg_catalog::undated(id).is_none_or(|bare| !ids.contains(bare)));
        let is_kin = |id: &&&str| Name::read(id).is_some_and(|name| name.is_kin(&own) && !name.is_special);
        others.filter(is_kin).filter_map(|id| self.offer(provider, id, used, days)).collect()
    }

    /// A model as an offer, if it talks, has a price for all that was used, and stays for so many days.
    pub(super) fn offer(&self, provider: &str, model: &str, used: &Use, days: i64) -> Option<Offer> {
        let name = Name::read(model)?;
        let row = self.find(provider, model)?;
        if row.kind() != ModelKind::Chat || self.retires_within(&row, days) {
            return None;
        }
        let cost = self.cost(provider, model, &row, used)?;
        Some(Offer { provider: provider.to_owned(), model: model.to_owned(), name, row, cost })
    }
}

/// Whether a model has all that the one in use has and calls may ask for, refuses nothing that this one takes, and is long
/// enough for what was seen. Of a model whose abilities nobody has written down, nothing is known.
pub(super) fn is_able(own: &Row, other: &Row, used: &Use) -> bool {
    let knows = own.abilities().iter().next().is_some() && other.abilities().iter().next().is_some();
    let (has, needs) = (other.limits(), own.limits());
    let (input, output) = match &used.detail {
        Some(detail) => (Some(detail.input.most()), Some(detail.output.most())),
        None => (needs.context.map(u64::from), needs.output_max.map(u64::from)),
    };
    let holds = |most: Option<u32>, wanted: Option<u64>| match (most, wanted) {
        (Some(most), Some(wanted)) => u64::from(most) >= wanted,
        (None, _) => false,
        (_, None) => true,
    };
    knows && shortcomings(own, other).is_empty() && holds(has.context, input) && holds(has.output_max, output)
}

/// What a model cannot do that the one in use can, or refuses that the one in use takes.
pub(super) fn shortcomings(own: &Row, other: &Row) -> Vec<&'static str> {
    let lacks = CAN.iter().filter(|(ability, _)| own.can(*ability) && !other.can(*ability));
    let refuses = REFUSED.iter().filter(|(ability, _)| other.can(*ability) && !own.can(*ability));
    lacks.chain(refuses).map(|(_, words)| *words).collect()
}
