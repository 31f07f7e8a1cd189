//! What reading a text costs, by length and for texts made to be slow, and what checking it does; all checks over such texts: `cost`.

#[path = "measure/hostile.rs"]
mod hostile;

use divan::Bencher;
use divan::counter::BytesCount;
use hostile::HOSTILE;
use tg_text::engine::{Channel, Checks};
use tg_text::rules::{Check, Rule, Rules};
use tg_text::view::View;

fn main() {
    divan::main();
}

const PROSE: &str = "I've been reading about the history of jazz for a while. My budget is small and I work full time, so could you \
suggest a plan for the first week, list the most important 20 records of 1959, and explain the basics in plain English? Thanks!\n";

const RUSSIAN: &str =
    "Я уже некоторое время читаю об истории джаза и хотел бы составить небольшой план на первую неделю. ";

fn long(unit: &str, bytes: usize) -> String {
    unit.chars().cycle().scan(0, |sum, c| (*sum < bytes).then(|| *sum += c.len_utf8()).map(|()| c)).collect()
}

#[divan::bench(args = [1024, 16_384, 262_144])]
fn view(bencher: Bencher<'_, '_>, bytes: usize) {
    let text = long(PROSE, bytes);
    bencher.counter(BytesCount::of_str(&text)).bench(|| View::of(divan::black_box(&text)));
}

#[divan::bench]
fn view_russian(bencher: Bencher<'_, '_>) {
    let text = long(RUSSIAN, 16_384);
    bencher.counter(BytesCount::of_str(&text)).bench(|| View::of(divan::black_box(&text)));
}

#[divan::bench(args = [1024, 16_384, 262_144])]
fn all(bencher: Bencher<'_, '_>, bytes: usize) {
    let text = long(PROSE, bytes);
    let checks = Checks::built_in();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| checks.check(&View::of(divan::black_box(&text)), Channel::User));
}

#[divan::bench(args = HOSTILE.iter().map(|(name, _)| *name))]
fn view_hostile(bencher: Bencher<'_, '_>, name: &str) {
    let unit = HOSTILE.iter().find(|(n, _)| *n == name).map_or("", |(_, unit)| unit);
    let text = long(unit, 65_536);
    bencher.counter(BytesCount::of_str(&text)).bench(|| View::of(divan::black_box(&text)));
}

#[divan::bench(args = [10, 1000])]
fn words(bencher: Bencher<'_, '_>, count: usize) {
    let words = (0..count).map(|n| format!("word{n}x{}", n * 7919)).chain(["top secret plan".to_owned()]).collect();
    let rule = Rule { name: "words".to_owned(), check: Check::Words { words, fuzzy: 0 } };
    let Ok(rules) = Rules::compile(&[rule]) else { return };
    let text = long(PROSE, 16_384);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut found = Vec::new();
        rules.find(&View::of(divan::black_box(&text)), &mut found);
        found
    });
}
