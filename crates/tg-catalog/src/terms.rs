//! What was negotiated: discounts on list prices, and the unit prices that follow, written once for all calls that share them.

use crate::price::{by_sheet, label};
use crate::row::{Rates, Row};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tg_kernel::clock::Timestamp;
use tg_kernel::pattern;
use tg_kernel::rates::{RateSheet, UnitKind, UnitPrice};
use tg_kernel::record::Cost;
use tg_kernel::usage::{ServiceTier, Usage};

/// Most texts of unit prices that are kept. A catalogue has a few thousand sets of rates, a gateway calls a few dozen;
/// beyond the bound a text is made for its call alone.
const SHEETS_MAX: usize = 4096;

/// A discount on the list prices of one provider's models, for a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// Its name, which stands in the price of every call that it lowered.
    pub name: Arc<str>,
    /// The provider's name in the configuration; `*` stands for any run of characters.
    pub provider: String,
    /// The model's id as sent to the provider; `*` stands for any run of characters.
    pub model: String,
    /// What is paid.
    pub paid: Paid,
    /// Whether the use was committed to and is paid for elsewhere.
    pub committed: bool,
    /// From when on calls begin, inclusive.
    pub from: Timestamp,
    /// Until when calls begin, exclusive.
    pub until: Timestamp,
}

/// What is paid under a discount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paid {
    /// This part of every list price: numerator and denominator, the latter above zero. What leaves no whole
    /// pico-dollar for one unit is rounded up.
    Part(u64, u64),
    /// These prices for one unit, in pico-dollars; list price where none is stated. A list price that is lower holds.
    Rates(Vec<(UnitKind, u64)>),
}

impl Discount {
    /// Whether it lowers the price of a call.
    #[must_use]
    pub fn holds(&self, buyer: Buyer<'_>) -> bool {
        self.from <= buyer.began
            && buyer.began < self.until
            && pattern::matches(&self.provider, buyer.provider)
            && pattern::matches(&self.model, buyer.model)
    }

    /// The price of one unit, of which the list price is this. A discount makes nothing dearer.
    #[must_use]
    pub fn contracted(&self, kind: UnitKind, list: u64) -> u64 {
        match &self.paid {
            Paid::Part(numerator, denominator) => {
                let part = (u128::from(list) * u128::from(*numerator)).div_ceil(u128::from(*denominator).max(1));
                u64::try_from(part).unwrap_or(u64::MAX).min(list)
            }
            Paid::Rates(rates) => {
                let own = rates.iter().find(|(of, _)| *of == kind).map_or(list, |(_, rate)| *rate);
                own.min(list)
            }
        }
    }
}

/// Of whom a call was bought, and when.
#[derive(Clone, Copy, Debug)]
pub struct Buyer<'a> {
    /// The provider's name in the configuration.
    pub provider: &'a str,
    /// The model's id as sent to the provider.
    pub model: &'a str,
    /// When the call began.
    pub began: Timestamp,
}

/// List prices, and the place of the discount on them.
type Priced = (Rates, Option<usize>);

/// The discounts in force, and the unit prices that were written so far.
#[derive(Debug, Default)]
pub struct Terms {
    discounts: Vec<Discount>,
    sheets: RwLock<HashMap<Priced, Arc<str>>>,
}

impl Terms {
    /// Of several discounts that hold for a call, the first is taken.
    #[must_use]
    pub fn new(discounts: Vec<Discount>) -> Self {
        Self { discounts, sheets: RwLock::default() }
    }

    /// The discounts, in the order in which they are tried.
    #[must_use]
    pub fn discounts(&self) -> &[Discount] {
        &self.discounts
    }

    /// The discount that holds for a call.
    #[must_use]
    pub fn discount(&self, buyer: Buyer<'_>) -> Option<&Discount> {
        self.discounts.iter().find(|discount| discount.holds(buyer))
    }

    /// The cost of these counts at this row, charged after discount. `tier` is the one at which the call was served.
    /// Otherwise as [`crate::price`].
    #[must_use]
    pub fn price(&self, row: &Row, usage: &Usage, tier: ServiceTier, buyer: Buyer<'_>) -> Cost {
        let set = row.rates(tier, usage.total_input_tokens());
        let at = self.discounts.iter().position(|discount| discount.holds(buyer));
        let discount = at.and_then(|at| self.discounts.get(at));
        let sheet = RateSheet::of(|kind| {
            let list = set.rates.of(kind)?;
            Some(UnitPrice { list, contracted: discount.map_or(list, |discount| discount.contracted(kind, list)) })
        });
        by_sheet(&sheet, usage, || {
            (label(row, set.tier, set.above, discount).into(), self.written(&sheet, (set.rates, at)))
        })
    }

    fn written(&self, sheet: &RateSheet, key: Priced) -> Arc<str> {
        // Whoever panicked held whole entries only.
        if let Some(text) = self.sheets.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(text);
        }
        let text: Arc<str> = sheet.to_text().into();
        let mut sheets = self.sheets.write().unwrap_or_else(PoisonError::into_inner);
        if sheets.len() < SHEETS_MAX {
            return Arc::clone(sheets.entry(key).or_insert(text));
        }
        text
    }
}
