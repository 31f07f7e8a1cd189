//! Pools and priorities: whether they bound anything, whether what they name is there, and whether anybody reaches them.

use super::Findings;
use super::limits::{Named, check_named};
use super::served::Served;
use crate::document::{Document, Pool, PoolCover, Reserve};
use crate::nearest::propose;
use crate::problem::{Path, Problem};
use std::time::Duration;

/// Longest that a call may wait: no client waits longer for the first byte.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// Greatest weight.
const WEIGHT_MAX: u16 = 1000;

/// Greatest factor of output tokens.
const FACTOR_MAX: u8 = 100;

/// Most calls that may wait: each of them is looked at when one leaves.
const LENGTH_MAX: u32 = 100_000;

pub(super) fn check(document: &Document, served: &Served, found: &mut Findings) {
    let list = Path::root().member("pools");
    let names = document.pools.iter().enumerate();
    found.add_repeated(names.map(|(number, pool)| (list.element(number).member("name"), pool.name.as_str())));
    for (number, pool) in document.pools.iter().enumerate() {
        let path = list.element(number);
        bounds(pool, &path, found);
        queue(pool, &path, found);
        covers(document, number, &path, found);
    }
    priorities(document, served, found);
}

fn bounds(pool: &Pool, path: &Path, found: &mut Findings) {
    let has_rate = [pool.requests, pool.input_tokens, pool.output_tokens, pool.tokens].iter().any(Option::is_some);
    let counts_output = pool.output_tokens.is_some() || pool.tokens.is_some();
    if !has_rate && pool.concurrent.is_none() && pool.adaptive.is_none() {
        let hint = "add `requests`, `input_tokens`, `output_tokens`, `tokens`, `concurrent` or `adaptive`";
        found.add(path.clone(), "bounds nothing", hint);
    }
    if pool.burst.is_some() && !has_rate {
        found.add(path.member("burst"), "has no rate to be of", "remove it, or add a rate, as in `requests: 600/m`");
    }
    let factor = path.member("output_factor");
    match pool.output_factor {
        Some(factor_of) if factor_of == 0 || factor_of > FACTOR_MAX => {
            found.add(factor, format!("{factor_of} is out of range"), format!("write 1 to {FACTOR_MAX}"));
        }
        Some(_) if !counts_output => {
            found.add(factor, "has no output tokens to be of", "remove it, or add `output_tokens` or `tokens`");
        }
        _ => {}
    }
    if pool.reserve != Reserve::Most && !counts_output {
        let hint = "remove it, or add `output_tokens` or `tokens`";
        found.add(path.member("reserve"), "has no output tokens to be of", hint);
    }
    let Some(adaptive) = &pool.adaptive else { return };
    let path = path.member("adaptive");
    if pool.concurrent.is_some() {
        found.add(path.clone(), "stands beside `concurrent`", "remove `concurrent`, and write it as `adaptive.max`");
    }
    if adaptive.min > adaptive.max {
        let message = format!("{} is less than `min` ({})", adaptive.max, adaptive.min);
        let problem = Problem::new(path.member("max"), message, "write at least `min`");
        found.add_resting_on(vec![path.member("min")], problem);
    }
}

fn queue(pool: &Pool, path: &Path, found: &mut Findings) {
    let Some(queue) = &pool.queue else { return };
    let path = path.member("queue");
    if queue.wait_max.get() > WAIT_MAX {
        found.add(path.member("wait_max"), format!("{} is too long", queue.wait_max), "write at most `10m`");
    }
    if queue.length_max.get() > LENGTH_MAX {
        let message = format!("{} are too many", queue.length_max);
        found.add(path.member("length_max"), message, format!("write at most {LENGTH_MAX}"));
    }
}

/// A pool that names what is not there, or what another one has, would do nothing.
fn covers(document: &Document, number: usize, path: &Path, found: &mut Findings) {
    let Some(pool) = document.pools.get(number) else { return };
    if pool.covers.is_empty() {
        found.add(path.member("for"), "is empty", "write 1 to 256 entries, as in `[{ provider: bedrock }]`");
    }
    for (index, cover) in pool.covers.iter().enumerate() {
        let path = path.member("for").element(index);
        let provider = &cover.provider;
        if !document.providers.iter().any(|declared| provider.matches(declared.name.as_str())) {
            let hint = propose(provider.as_str(), document.providers.iter().map(|declared| declared.name.as_str()));
            let message = format!("`{provider}` is the name of no provider");
            let problem = Problem::new(path.member("provider"), message, hint);
            found.add_resting_on(vec![Path::root().member("providers")], problem);
        }
        let earlier = document
            .pools
            .iter()
            .take(number)
            .enumerate()
            .flat_map(|(number, pool)| pool.covers.iter().map(move |cover| (number, cover)));
        if let Some((number, _)) = earlier.into_iter().find(|(_, other)| has_all_of(other, cover)) {
            let message = format!("names only targets that are in the pool at `pools[{number}]` already");
            found.add(path, message, "remove it, or put this pool before that one");
        }
    }
}

/// Whether every target of the other is also its own. A pattern has all of another if it matches the text of that.
fn has_all_of(one: &PoolCover, other: &PoolCover) -> bool {
    one.provider.matches(other.provider.as_str())
        && match (&one.model, &other.model) {
            (None, _) => true,
            (Some(one), Some(other)) => one.matches(other.as_str()),
            (Some(_), None) => false,
        }
}

fn priorities(document: &Document, served: &Served, found: &mut Findings) {
    let list = Path::root().member("priorities");
    if !document.priorities.is_empty() && document.pools.is_empty() {
        let problem =
            Problem::new(list.clone(), "count for nothing where there are no `pools`", "add `pools`, or remove it");
        found.add_resting_on(vec![Path::root().member("pools")], problem);
    }
    for (number, priority) in document.priorities.iter().enumerate() {
        let path = list.element(number);
        if priority.weight == 0 || priority.weight > WEIGHT_MAX {
            let message = format!("{} is out of range", priority.weight);
            found.add(path.member("weight"), message, format!("write 1 to {WEIGHT_MAX}"));
        }
        check_named((document, served), &Named::of(&priority.scope, &[]), &path, found);
    }
}
