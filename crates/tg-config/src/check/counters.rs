//! Counters that many gateways share: whether they can be, and whether what rests on them has them.

use super::Findings;
use crate::document::{Document, SharedCounters};
use crate::problem::Path;
use std::time::Duration;

/// Longest that a call may wait for an answer.
const TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// Longest that a connection may take, and the summing of a purse.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Largest part of a rate that may be taken ahead.
const LEASE_MAX: u8 = 25;

const TAG_MAX: usize = 64;

pub(super) fn check(document: &Document, found: &mut Findings) {
    match &document.counters {
        Some(counters) => declared(counters, &Path::root().member("counters"), found),
        None => unshared(document, found),
    }
}

fn declared(counters: &SharedCounters, path: &Path, found: &mut Findings) {
    if counters.user.is_some() && counters.password.is_none() {
        found.add(
            path.member("user"),
            "stands there without a `password`",
            "add it, as a reference, or remove the user",
        );
    }
    let sentinel = counters.sentinel_user.is_some() || counters.sentinel_password.is_some();
    if sentinel && !counters.url.has_sentinels() {
        let member = if counters.sentinel_user.is_some() { "sentinel_user" } else { "sentinel_password" };
        found.add(path.member(member), "has no meaning: `url` names no Sentinels", "remove it, or mend the URL");
    } else if counters.sentinel_user.is_some() && counters.sentinel_password.is_none() {
        let hint = "add it, as a reference, or remove the user";
        found.add(path.member("sentinel_user"), "stands there without a `sentinel_password`", hint);
    }
    if counters.ca.is_some() && !counters.url.is_tls() {
        let hint = "write `rediss` in `url`, or remove it";
        found.add(path.member("ca"), "has no meaning where nothing is encrypted", hint);
    }
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if counters.tag.is_empty() || counters.tag.len() > TAG_MAX || !counters.tag.chars().all(good) {
        let message = "is empty, longer than 64 characters, or has others than letters, digits and `-_.:`";
        found.add(path.member("tag"), message, "write as in `tallygate`");
    }
    for (member, period, most) in [
        ("timeout", counters.timeout, TIMEOUT_MAX),
        ("connect_timeout", counters.connect_timeout, WAIT_MAX),
        ("sum_timeout", counters.sum_timeout, WAIT_MAX),
    ] {
        if period.get() > most {
            let hint = format!("write at most `{}s`", most.as_secs());
            found.add(path.member(member), format!("{period} is too long for a call to wait"), hint);
        }
    }
    if counters.lease_percent > LEASE_MAX {
        let message = format!("{} is more than a quarter of what is allowed", counters.lease_percent);
        found.add(path.member("lease_percent"), message, format!("write at most `{LEASE_MAX}`"));
    }
}

/// Without shared counters, `when_away` does nothing.
fn unshared(document: &Document, found: &mut Findings) {
    let limits = document.limits.iter().map(|limit| limit.when_away.is_some()).enumerate();
    let budgets = document.budgets.iter().map(|budget| budget.when_away.is_some()).enumerate();
    let in_list = |list: &str, number| Path::root().member(list).element(number).member("when_away");
    let limits = limits.filter(|(_, stands)| *stands).map(|(number, _)| in_list("limits", number));
    let budgets = budgets.filter(|(_, stands)| *stands).map(|(number, _)| in_list("budgets", number));
    for path in limits.chain(budgets) {
        let hint = "add `counters` with the `url` of a Redis or Valkey, or remove it";
        let problem = crate::problem::Problem::new(path, "has no meaning: nothing is counted elsewhere", hint);
        found.add_resting_on(vec![Path::root().member("counters")], problem);
    }
}
