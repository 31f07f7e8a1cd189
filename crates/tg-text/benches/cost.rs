//! What all built-in checks cost together, on one core: single runs over prompts of 1 KiB that differ, throughput by
//! length, and of texts that are made to be slow. `cargo bench --package tg-text --bench cost`.

mod measure;

use tg_text::engine::{Channel, Checks};
use tg_text::view::View;

fn main() {
    let checks = Checks::built_in();
    let run = |text: &str| {
        std::hint::black_box(checks.check(&View::of(text), Channel::User));
    };
    measure::single_runs("all built-in checks", run);
    measure::by_length("all built-in checks", run);
    measure::hostile("all built-in checks", run);
}
