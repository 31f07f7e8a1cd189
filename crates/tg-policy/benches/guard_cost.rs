//! What a rule set with all built-in checks costs a call, as `guard` does, by quantiles and by text:
//! `cargo bench --package tg-policy --bench guard_cost --profile quick`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

#[path = "../../tg-text/benches/measure/mod.rs"]
mod measure;

use std::borrow::Cow;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_policy::guard::{Action, Check, Guards, Inquiry, Pii, Rule, Said, Set, Style, Subject, Way};

fn main() {
    let rule = |check: Check, action: Action| Rule::of(check.as_str(), check, action);
    let rules = vec![
        rule(Check::Secrets(None), Action::Redact(Style::Tag)),
        rule(Check::Pii(Pii::All), Action::Redact(Style::Tag)),
        rule(Check::Injection(0.9), Action::Block),
        rule(Check::IndirectInjection(0.9), Action::Block),
        rule(Check::Harm([Some(0.95); 7]), Action::Block),
        rule(Check::Words { list: vec!["project heron".into(), "osprey".into()], fuzzy: 1 }, Action::Block),
        rule(Check::Pattern(r"\bPC-\d{8}\b".into()), Action::Block),
    ];
    let guards = Guards::compile(&[Set::of("house", rules)], None).unwrap();
    let guard = guards.of(&Subject { attribution: &Attribution::default(), model: "m" }).unwrap();
    let run = |text: &str| {
        let said = [Said { channel: Channel::User, turn: 1, text: Cow::Borrowed(text) }];
        std::hint::black_box(guard.judge(Way::Input, &said, &[], &mut Inquiry::default()));
    };
    measure::single_runs("a rule set with all checks", run);
    measure::by_length("a rule set with all checks", run);
    measure::hostile("a rule set with all checks", run);
}
