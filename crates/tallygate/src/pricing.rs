//! From declared discounts to compiled ones.

use tg_catalog::{Discount, Paid, UnitKind};
use tg_config::document::{self, DiscountRates, DiscountTerms};
use tg_config::grammar::{Moment, Percent, TokenPrice};
use tg_kernel::clock::Timestamp;

/// Compiles a discount that has been checked.
pub(crate) fn discount(declared: &document::Discount) -> Discount {
    let paid = match declared.percent {
        Some(off) => Paid::Part(u64::from(Percent::WHOLE - off.millionths()), u64::from(Percent::WHOLE)),
        None => Paid::Rates(declared.rates.as_ref().map(rates).unwrap_or_default()),
    };
    Discount {
        name: declared.name.shared(),
        provider: declared.provider.as_str().to_owned(),
        model: declared.model.as_ref().map_or("*", |model| model.as_str()).to_owned(),
        paid,
        committed: declared.terms == DiscountTerms::Committed,
        from: declared.from.map_or(Timestamp::from_micros(i64::MIN), Moment::get),
        until: declared.until.map_or(Timestamp::from_micros(i64::MAX), Moment::get),
    }
}

fn rates(declared: &DiscountRates) -> Vec<(UnitKind, u64)> {
    let DiscountRates { input, cache_read, cache_write_5m, cache_write_1h, output } = *declared;
    let all = [
        (UnitKind::Input, input),
        (UnitKind::CacheRead, cache_read),
        (UnitKind::CacheWrite5m, cache_write_5m),
        (UnitKind::CacheWrite1h, cache_write_1h),
        (UnitKind::Output, output),
        (UnitKind::Reasoning, output),
    ];
    all.into_iter().filter_map(|(kind, price)| Some((kind, price.map(TokenPrice::picos_per_token)?))).collect()
}
