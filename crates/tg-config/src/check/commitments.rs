//! Commitments: what they cost, when, and the discount under which calls use them.

use super::Findings;
use crate::document::{Commitment, Discount, DiscountTerms, Document};
use crate::grammar::{Moment, Percent};
use crate::nearest::propose;
use crate::problem::{Path, Problem};
use tg_kernel::clock::Timestamp;

const HOUR_MICROS: i64 = 3_600_000_000;

pub(super) fn check(document: &Document, found: &mut Findings) {
    let list = Path::root().member("pricing").member("commitments");
    let commitments = &document.pricing.commitments;
    let names = commitments.iter().enumerate();
    found.add_repeated(names.map(|(number, declared)| (list.element(number).member("name"), declared.name.as_str())));
    for (number, commitment) in commitments.iter().enumerate() {
        let path = list.element(number);
        costs_something(commitment, &path, found);
        span(commitment, &path, found);
        if !document.providers.iter().any(|declared| declared.name == commitment.provider) {
            let hint = propose(commitment.provider.as_str(), document.providers.iter().map(|p| p.name.as_str()));
            let message = format!("`{}` is the name of no provider", commitment.provider);
            let problem = Problem::new(path.member("provider"), message, hint);
            found.add_resting_on(vec![Path::root().member("providers")], problem);
        }
        let discount = document.pricing.discounts.iter().enumerate().find(|(_, d)| d.name == commitment.name);
        match discount {
            Some((at, discount)) => {
                let place = Path::root().member("pricing").member("discounts").element(at);
                covers(commitment, discount, &path, &place, found);
                frees_no_other(document, commitment, discount, &place, found);
            }
            None => found.add(
                path.member("name"),
                format!("no discount is named `{}`, so no call would use the commitment", commitment.name),
                "add one to `pricing.discounts`, with `percent: 100%`, `terms: committed`, and the same `from` and `until`",
            ),
        }
    }
}

fn costs_something(commitment: &Commitment, path: &Path, found: &mut Findings) {
    match (commitment.hourly, commitment.monthly) {
        (Some(_), Some(_)) => found.add(path.clone(), "has both `hourly` and `monthly`", "keep the one that is billed"),
        (None, None) => found.add(path.clone(), "states no cost", "add `hourly`, as in `39.60 USD`, or `monthly`"),
        _ => {}
    }
}

fn span(commitment: &Commitment, path: &Path, found: &mut Findings) {
    for (name, at) in [("from", Some(commitment.from)), ("until", commitment.until)] {
        if let Some(at) = at.filter(|at| at.get().micros().rem_euclid(HOUR_MICROS) != 0) {
            let message = format!("{at} is within an hour");
            found.add(path.member(name), message, "write a whole hour: what is charged is charged by the hour");
        }
    }
    if let Some(until) = commitment.until.filter(|until| *until <= commitment.from) {
        let message = format!("{until} is not after `from` ({})", commitment.from);
        found.add(path.member("until"), message, "write a later one; the commitment ends just before it");
    }
}

/// Calls under a commitment cost nothing more, and only while it is paid for.
fn covers(commitment: &Commitment, discount: &Discount, path: &Path, place: &Path, found: &mut Findings) {
    let name = &commitment.name;
    if discount.terms != DiscountTerms::Committed || discount.percent.is_none_or(|p| p.millionths() != Percent::WHOLE) {
        let message = format!("is that of the commitment `{name}`, whose calls cost nothing beside it");
        found.add(place.clone(), message, "write `percent: 100%` and `terms: committed`, without `rates`");
    }
    if !discount.provider.matches(commitment.provider.as_str()) {
        let message =
            format!("`{}` is not among the providers of its discount, `{}`", commitment.provider, discount.provider);
        found.add(path.member("provider"), message, "name the same provider in both");
    }
    let until = |until: Option<Moment>| until.map_or(Timestamp::from_micros(i64::MAX), Moment::get);
    let begins_early = discount.from.is_none_or(|from| from < commitment.from);
    if begins_early || until(discount.until) > until(commitment.until) {
        let message =
            format!("holds at times when the commitment `{name}` is not paid for, and calls would be free then");
        found.add(place.clone(), message, "give the discount the `from` and `until` of the commitment");
    }
}

/// Calls at another provider are not those of the commitment.
fn frees_no_other(
    document: &Document,
    commitment: &Commitment,
    discount: &Discount,
    place: &Path,
    found: &mut Findings,
) {
    let others = document.providers.iter().map(|declared| &declared.name).filter(|name| **name != commitment.provider);
    let freed: Vec<String> =
        others.filter(|name| discount.provider.matches(name.as_str())).map(|name| format!("`{name}`")).collect();
    if !freed.is_empty() {
        let message = format!("`{}` is also {}, and calls there would be free", discount.provider, freed.join(", "));
        let hint = format!("write `{}`, the provider of the commitment `{}`", commitment.provider, commitment.name);
        found.add(place.member("provider"), message, hint);
    }
}
