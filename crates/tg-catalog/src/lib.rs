//! Prices, limits and abilities of models: an embedded catalogue, its overrides, and the arithmetic from counts to money.
//!
//! Money is integers throughout. A rate is **micro-dollars per million units**, which is the same number as
//! pico-dollars per unit; see `docs/prices.md`.

mod ability;
mod catalogue;
mod history;
mod name;
mod overrides;
mod price;
mod row;
mod source;
mod terms;

pub use ability::{Abilities, Ability};
pub use catalogue::{Catalogue, CatalogueError, Provenance};
pub use history::{ListKind, Merged, Origin, RateChange, RowChange, Touched, changes, merge};
pub use name::{Reach, reach, undated};
pub use overrides::{Overridden, OverrideProblem, PriceJump, parse_overrides};
pub use price::{CostLine, CostLines, ceiling_cost, ceiling_estimate, cost_lines, output_within, price};
pub use row::{HIGHEST_RATE, Limits, ModelKind, RateSet, Rates, Row};
pub use source::{Factor, RateSource, RowSource};
pub use terms::{Buyer, Discount, Paid, Terms};
pub use tg_kernel::rates::{RateSheet, UnitKind, UnitPrice};
