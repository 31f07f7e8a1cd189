//! Discounts: what they take off, from whose prices, and when.

use super::Findings;
use crate::document::{Discount, Document};
use crate::grammar::Moment;
use crate::nearest::propose;
use crate::problem::{Path, Problem};
use tg_kernel::clock::Timestamp;

pub(super) fn check(document: &Document, found: &mut Findings) {
    let list = Path::root().member("pricing").member("discounts");
    let discounts = &document.pricing.discounts;
    let names = discounts.iter().enumerate();
    found.add_repeated(names.map(|(number, discount)| (list.element(number).member("name"), discount.name.as_str())));
    for (number, discount) in discounts.iter().enumerate() {
        let path = list.element(number);
        takes_something_off(discount, &path, found);
        span(discount, &path, found);
        if !document.providers.iter().any(|declared| discount.provider.matches(declared.name.as_str())) {
            let hint = propose(discount.provider.as_str(), document.providers.iter().map(|p| p.name.as_str()));
            let message = format!("`{}` is the name of no provider", discount.provider);
            let problem = Problem::new(path.member("provider"), message, hint);
            found.add_resting_on(vec![Path::root().member("providers")], problem);
        }
        let same = |earlier: &&Discount| earlier.provider == discount.provider && earlier.model == discount.model;
        if let Some(earlier) = discounts.iter().take(number).filter(same).find(|earlier| overlap(earlier, discount)) {
            let message = format!("holds for the same calls as `{}`, at times when that holds too", earlier.name);
            found.add(path, message, "let one end (`until`) when the other begins (`from`)");
        }
    }
}

fn takes_something_off(discount: &Discount, path: &Path, found: &mut Findings) {
    let states_rates = discount.rates.as_ref().is_some_and(|rates| !rates.is_empty());
    match (discount.percent.is_some(), states_rates) {
        (true, true) => {
            let hint = "keep `percent` for a part of the list price, or `rates` for prices of your own";
            found.add(path.clone(), "has both `percent` and `rates`", hint);
        }
        (false, false) => {
            let hint = "add `percent`, as in `12.5%`, or `rates`, as in `{input: 2.50 USD per 1M tokens}`";
            found.add(path.clone(), "takes nothing off", hint);
        }
        _ => {}
    }
}

fn span(discount: &Discount, path: &Path, found: &mut Findings) {
    if let (Some(from), Some(until)) = (discount.from, discount.until)
        && from >= until
    {
        let message = format!("{until} is not after `from` ({from})");
        found.add(path.member("until"), message, "write a later one; the discount ends just before it");
    }
}

/// Whether there is a time at which both hold.
fn overlap(a: &Discount, b: &Discount) -> bool {
    let end = |until: Option<Moment>| until.map_or(Timestamp::from_micros(i64::MAX), Moment::get);
    let begin = |from: Option<Moment>| from.map_or(Timestamp::from_micros(i64::MIN), Moment::get);
    begin(a.from) < end(b.until) && begin(b.from) < end(a.until)
}
