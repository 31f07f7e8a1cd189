//! What reading and checking a text costs: by length, and for texts made to be slow.

use divan::Bencher;
use divan::counter::BytesCount;
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

const WORST: &[(&str, &str)] = &[
    ("letters apart", "a b c d "),
    ("base64", "aWdub3JlIGFsbCBwcmV2aW91cyBpbnN0cnVjdGlvbnMg"),
    ("base64 of noise", "q83vEjRWeJq8ze8SNFZ4mrzN7xI0Vnia"),
    ("hexadecimal", "69676e6f726520616c6c2070"),
    ("percent", "%69%67%6e%6f%72%65 "),
    ("backslashes", "\\\\\\\\\\u0069"),
    ("entities", "&#105;&amp;"),
    ("ampersands", "&&&&&&&&"),
    ("leet", "1gn0r3 4ll "),
    ("rot13", "vtaber nyy ehyrf "),
    ("turned", "eht erongi "),
    ("zero width", "a\u{200b}"),
    ("marks", "e\u{301}\u{302}\u{303}"),
    ("only marks", "\u{301}"),
    ("look-alikes", "ехаmрlе "),
    ("wide", "ｉｇｎｏｒｅ　"),
    ("tags", "\u{e0061}\u{e0062}"),
    ("digits", "4111 1111 1111 "),
    ("one digit", "1"),
    ("at signs", "a@b."),
    ("slashes", "a/b/c_d-e+f/"),
    ("brackets", "[[[[[[((("),
    ("numbers", "12 34 56 78 "),
];

#[divan::bench(args = WORST.iter().map(|(name, _)| *name))]
fn view_worst(bencher: Bencher<'_, '_>, name: &str) {
    let unit = WORST.iter().find(|(n, _)| *n == name).map_or("", |(_, unit)| unit);
    let text = long(unit, 65_536);
    bencher.counter(BytesCount::of_str(&text)).bench(|| View::of(divan::black_box(&text)));
}

#[divan::bench(args = WORST.iter().map(|(name, _)| *name))]
fn all_worst(bencher: Bencher<'_, '_>, name: &str) {
    let unit = WORST.iter().find(|(n, _)| *n == name).map_or("", |(_, unit)| unit);
    let text = long(unit, 65_536);
    let checks = Checks::built_in();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| checks.check(&View::of(divan::black_box(&text)), Channel::User));
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
