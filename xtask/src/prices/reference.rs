//! The check of the embedded catalogue: every row's costs against an independent computation over the same source.

use super::{fetch, say};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use tg_catalog::{Catalogue, price};
use tg_kernel::usage::{ServiceTier, Usage};

/// Computes with decimals, by the rules of `docs/prices.md`, from the source's own file; shares no code with ours.
const REFERENCE: &str = include_str!("reference.py");

const TIERS: [ServiceTier; 4] = [ServiceTier::Default, ServiceTier::Flex, ServiceTier::Priority, ServiceTier::Batch];

/// Counts that reach every rate, and both sides of every threshold in use.
fn usages() -> Vec<Usage> {
    let text = |input_tokens, output_tokens| Usage { input_tokens, output_tokens, ..Usage::default() };
    let mut usages = vec![text(1, 0), text(0, 1), text(999, 333)];
    for threshold in [32_000, 100_000, 128_000, 200_000, 256_000, 272_000, 512_000] {
        usages.extend([text(threshold, 1001), text(threshold + 1, 1001)]);
        usages.push(Usage {
            input_tokens: threshold - 5,
            cache_read_tokens: 3,
            cache_write_5m_tokens: 2,
            cache_write_1h_tokens: 1,
            output_tokens: 77,
            reasoning_tokens: 33,
            ..Usage::default()
        });
    }
    usages.push(Usage { audio_input_tokens: 101, audio_output_tokens: 57, ..text(11, 7) });
    usages
}

/// Compares the catalogue that is built in with the reference.
///
/// # Errors
/// When the newest source is not the one the catalogue was made from, or when a cost differs.
pub fn check(catalogue_file: &Path) -> Result<()> {
    let source = fetch::latest()?;
    let catalogue = Catalogue::embedded()?;
    let known = catalogue.sources().iter().any(|known| known.sha256 == source.sha256);
    ensure!(known, "the source is newer than the catalogue; run `cargo xtask prices` first");
    let usages = usages();
    let mut costs = Vec::new();
    for row in catalogue.rows() {
        for tier in TIERS {
            let nanos: Vec<i64> = usages.iter().map(|usage| price(row, usage, tier).amount.nanos()).collect();
            costs.push(json!([row.provider(), row.id(), tier.as_str(), nanos]));
        }
    }
    let folder = tempfile::tempdir()?;
    let [prices, ours, program] = ["prices.json", "ours.json", "reference.py"].map(|name| folder.path().join(name));
    std::fs::write(&prices, source.prices)?;
    std::fs::write(&ours, json!({ "usages": usages, "costs": costs }).to_string())?;
    std::fs::write(&program, REFERENCE)?;
    let status = Command::new("python3").args([&program, &prices, &ours]).status().context("cannot run python3")?;
    if !status.success() {
        bail!("{} does not agree with its source", catalogue_file.display());
    }
    say(&format!("{} rows, {} costs agree", catalogue.rows().len(), costs.len() * usages.len()))
}
