//! What a refresh changes, and whether somebody must look at it first.

use super::say;
use anyhow::{Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use tg_catalog::{RateSource, RowSource};

/// Whether somebody has read the changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// Not yet: removals and jumps stop the refresh.
    Pending,
    /// Yes: removals and jumps are shown, and pass.
    Done,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    rows: Vec<RowSource<'a>>,
}

/// Shows what changed. A price that changed by more than ten times, or a row that is gone, needs a review.
///
/// # Errors
/// When a review is needed and pending.
pub fn compare(old: &str, new: &[RowSource<'_>], review: Review) -> Result<()> {
    let Ok(File { rows: old }) = serde_json::from_str(old) else { return Ok(()) };
    let key = |row: &RowSource<'_>| (row.provider.to_string(), row.id.to_string());
    let new: BTreeMap<_, _> = new.iter().map(|row| (key(row), row)).collect();
    let mut serious = 0;
    let mut changed = 0;
    for row in &old {
        let name = format!("{}/{}", row.provider, row.id);
        match new.get(&key(row)) {
            None => {
                serious += 1;
                say(&format!("removed: {name}"))?;
            }
            Some(now) if jumped(row, now) => {
                serious += 1;
                say(&format!("jumped: {name}: {:?} to {:?}", row.rates, now.rates))?;
            }
            Some(now) if now.rates != row.rates => {
                changed += 1;
                say(&format!("changed: {name}"))?;
            }
            Some(_) => {}
        }
    }
    let added = (new.len() + serious).saturating_sub(old.len());
    say(&format!("{serious} removed or jumped, {changed} changed, about {added} added"))?;
    if serious > 0 && review == Review::Pending {
        bail!("read the lines above, then run again with --reviewed");
    }
    Ok(())
}

fn jumped(old: &RowSource<'_>, new: &RowSource<'_>) -> bool {
    let far = |a: u64, b: u64| a > b.saturating_mul(10) || b > a.saturating_mul(10);
    let differs = |a: Option<u64>, b: Option<u64>| a.zip(b).is_some_and(|(a, b)| far(a, b));
    old.rates.iter().any(|before| {
        let same = |now: &&RateSource| now.tier == before.tier && now.above == before.above;
        new.rates.iter().find(same).is_some_and(|now| {
            differs(before.input, now.input)
                || differs(before.output, now.output)
                || differs(before.cache_read, now.cache_read)
                || differs(before.cache_write_5m, now.cache_write_5m)
        })
    })
}
