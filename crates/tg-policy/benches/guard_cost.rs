//! What a rule set with all built-in checks costs a call, as `guard` does, by quantiles and by text:
//! `cargo bench --package tg-policy --bench guard_cost --profile quick`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

#[path = "../../tg-text/benches/measure/mod.rs"]
mod measure;
mod rules;

use std::borrow::Cow;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_policy::guard::{Guards, Inquiry, Said, Set, Subject, Way};

fn main() {
    let guards = Guards::compile(&[Set::of("house", rules::all())], None).unwrap();
    let guard = guards.of(&Subject { attribution: &Attribution::default(), model: "m" }).unwrap();
    let run = |text: &str| {
        let said = [Said { channel: Channel::User, turn: 1, text: Cow::Borrowed(text) }];
        std::hint::black_box(guard.judge(Way::Input, &said, &[], &mut Inquiry::default()));
    };
    measure::single_runs("a rule set with all checks", run);
    measure::by_length("a rule set with all checks", run);
    measure::hostile("a rule set with all checks", run);
}
