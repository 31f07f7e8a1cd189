//! What finding a price and computing a cost take: `cargo bench --package tg-catalog`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use divan::{Bencher, black_box};
use tg_catalog::{Catalogue, price};
use tg_kernel::clock::Timestamp;
use tg_kernel::usage::{ServiceTier, Usage};

const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

fn main() {
    divan::main();
}

#[divan::bench(args = [
    ("openai", "gpt-5-mini"),
    ("anthropic", "claude-haiku-4-5-20251001"),
    ("bedrock", "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0"),
    ("openai", "no-such-model"),
])]
fn find(bencher: Bencher<'_, '_>, (provider, model): (&str, &str)) {
    let catalogue = Catalogue::embedded().unwrap();
    bencher.bench(|| catalogue.find(black_box(provider), black_box(model), NOW));
}

#[divan::bench]
fn cost(bencher: Bencher<'_, '_>) {
    let row = Catalogue::embedded().unwrap().find("openai", "gpt-5-mini", NOW).unwrap();
    let usage = Usage { input_tokens: 1200, cache_read_tokens: 800, output_tokens: 300, ..Usage::default() };
    bencher.bench(|| price(&row, black_box(&usage), ServiceTier::Default));
}
