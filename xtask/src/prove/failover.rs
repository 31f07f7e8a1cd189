//! Failover: providers that fail in every way before, at and after the first word, and what their callers see of it.

mod cells;
mod flapping;
mod hedges;
mod scene;
mod seen;
mod troubles;

use super::Length;
use super::findings::Findings;
use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use crate::wire::dialect::{Delivery, Dialect};
use anyhow::Result;
use scene::Scene;
use std::path::Path;
use std::time::{Duration, Instant};

/// Most that a failover may add to the failing try, in milliseconds, at the median.
const ADDED_MS_MAX: u128 = 5;

/// Dialects that are tried: all of them in the long form.
const SOME: [Dialect; 2] = [Dialect::Chat, Dialect::Converse];

/// What the table has: all of it as it was seen.
const HEAD: [&str; 7] =
    ["who fails", "how", "what callers saw", "tries", "passed over", "booked for the failed tries", "as it has to be"];

/// Proves the claim.
///
/// # Errors
/// When it cannot be run.
pub async fn prove(program: &Path, length: Length) -> Result<Tally> {
    let (mut findings, mut table) = (Findings::new(), Table::new(HEAD));
    let dialects = length.pick(SOME.to_vec(), Dialect::TALKING.to_vec());
    cells::prove(program, &dialects, &mut findings, &mut table).await?;
    flapping::prove(program, length.pick(200, 2000), &mut findings, &mut table).await?;
    say(&table);
    quick(program, length.pick(40, 200), &mut findings).await?;
    hedges::hedged(program, &dialects, length.pick(1, 5), &mut findings).await?;
    Ok(findings.show())
}

/// What a failover adds to the try that failed.
async fn quick(program: &Path, count: usize, findings: &mut Findings) -> Result<()> {
    let scene = Scene::start(program, "{ breaker: { enabled: false } }")?;
    let (mut direct, mut over) = (Vec::new(), Vec::new());
    for number in 0..count {
        for (times, script) in [(&mut direct, ""), (&mut over, "[[sim: status=500 times=1]]")] {
            let begun = Instant::now();
            let heard = scene.call("two", Dialect::Chat, Delivery::Plain, &format!("Quick {number} {script}")).await?;
            anyhow::ensure!(heard.status == 200, "a call without trouble failed: {heard:?}");
            times.push(begun.elapsed());
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    // The failing try itself is a call to a provider that answers at once: as long as the direct one, at most.
    let added = median(&mut over).saturating_sub(median(&mut direct));
    let seen = format_args!("{} µs at the median, the failing try included", added.as_micros());
    findings.note("a failover adds 5 ms at most", seen, added.as_millis() < ADDED_MS_MAX);
    scene.gateway.end()
}
