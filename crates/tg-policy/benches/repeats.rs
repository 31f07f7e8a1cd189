//! What it costs to know how often the same is asked: `cargo bench --package tg-policy --bench repeats`.
//!
//! `a_call` is what each costs on average: all are ranked, and one of eight is read and looked at.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use divan::{Bencher, black_box};
use serde_json::{Value, json};
use std::time::Duration;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::principal::Attribution;
use tg_policy::cache::{Repeats, Request, Share, is_determined, key, rests_on_itself};

fn main() {
    divan::main();
}

/// The members of a chat whose question is so long.
fn members(number: u64, bytes: usize) -> [(&'static str, String); 3] {
    let text = format!("{number} {}", "Which of these reviews is the best? ".repeat(bytes / 36));
    [
        ("model", "\"fast\"".to_owned()),
        ("messages", json!([{"role": "user", "content": text}]).to_string()),
        ("temperature", "0".to_owned()),
    ]
}

#[divan::bench(args = [100, 1_000, 10_000])]
fn rank(bencher: Bencher<'_, '_>, bytes: usize) {
    let (repeats, members) = (Repeats::default(), members(7, bytes));
    bencher.bench_local(|| {
        let told = members.iter().map(|(name, value)| (*name, value.as_bytes()));
        repeats.rank(black_box(("search", "fast", Dialect::OpenaiChat)), told)
    });
}

#[divan::bench(args = [100, 1_000, 10_000])]
fn a_call(bencher: Bencher<'_, '_>, bytes: usize) {
    let (repeats, booked) = (Repeats::default(), Attribution { team: "search".into(), ..Attribution::default() });
    let calls: Vec<_> = (0..4_096).map(|number| members(number, bytes)).collect();
    let bodies = calls.iter().map(|members| {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    });
    let bodies: Vec<String> = bodies.collect();
    let mut next = 0;
    bencher.bench_local(|| {
        next = (next + 1) % calls.len();
        let told = calls[next].iter().map(|(name, value)| (*name, value.as_bytes()));
        let rank = repeats.rank(("search", "fast", Dialect::OpenaiChat), told)?;
        let body: Value = serde_json::from_str(&bodies[next]).unwrap();
        rests_on_itself(Dialect::OpenaiChat, "fast", &[], &body).then_some(())?;
        let key = key(&Request {
            booked: &booked,
            share: Share::Team,
            dialect: Dialect::OpenaiChat,
            operation: Operation::Chat,
            stream: false,
            model: "fast",
            headers: &[],
            body: &body,
            targets: &[],
            guard: None,
            revision: &[0; 32],
        });
        Some(repeats.look(&key, rank, is_determined(Operation::Chat, &body), Duration::ZERO))
    });
}
