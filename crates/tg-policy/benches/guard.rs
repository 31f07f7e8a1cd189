//! What guardrails cost a call: `cargo bench --package tg-policy --bench guard`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

mod rules;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use rules::rule;
use std::borrow::Cow;
use std::sync::Arc;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_policy::guard::{Action, Check, Guard, Guards, Inquiry, Pii, Rule, Said, Set, Style, Subject, Watch, Way};

fn main() {
    divan::main();
}

const PROSE: &str = "I've been reading about the history of jazz for a while. My budget is small and I work full time, so could you \
suggest a plan for the first week, list the most important 20 records of 1959, and explain the basics in plain English? Thanks!\n";

/// Every built-in check, in force.
fn all() -> Arc<Guard> {
    guard(rules::all())
}

fn guard(rules: Vec<Rule>) -> Arc<Guard> {
    let guards = Guards::compile(&[Set::of("house", rules)], None).unwrap();
    guards.of(&Subject { attribution: &Attribution::default(), model: "m" }).unwrap()
}

fn text(bytes: usize) -> String {
    PROSE.chars().cycle().take(bytes).collect()
}

/// A prompt of so many bytes through all checks.
#[divan::bench(args = [1024, 16_384])]
fn request(bencher: Bencher<'_, '_>, bytes: usize) {
    let (guard, text) = (all(), text(bytes));
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        let said = [Said { channel: Channel::User, turn: 1, text: Cow::Borrowed(black_box(&*text)) }];
        guard.judge(Way::Input, &said, &[], &mut Inquiry::default())
    });
}

/// An answer of 4 KiB, in deltas of four characters, through credentials and personal data.
#[divan::bench]
fn stream(bencher: Bencher<'_, '_>) {
    let rules = vec![
        rule(Check::Secrets(None), Action::Redact(Style::Tag)),
        rule(Check::Pii(Pii::Structured), Action::Redact(Style::Tag)),
    ];
    streamed(bencher, &guard(rules));
}

/// The same through all checks.
#[divan::bench]
fn stream_all(bencher: Bencher<'_, '_>) {
    streamed(bencher, &all());
}

fn streamed(bencher: Bencher<'_, '_>, guard: &Arc<Guard>) {
    let text = text(4096);
    let deltas: Vec<String> =
        text.as_bytes().chunks(4).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect();
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        let (mut watch, mut inquiry) = (Watch::new(guard.clone()), Inquiry::default());
        for delta in &deltas {
            watch.grows(0, Channel::Assistant, delta, &mut inquiry);
            black_box(watch.cleared(0));
        }
        watch.ends(0, &mut inquiry);
    });
}
