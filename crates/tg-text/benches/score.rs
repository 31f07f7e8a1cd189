//! What the trained scores cost: by length, and for texts made to be slow.

use divan::counter::BytesCount;
use tg_text::score::{Scores, topic::Topic};
use tg_text::view::View;

fn main() {
    divan::main();
}

const PROSE: &str = "I've been reading about the history of jazz for a while. My budget is small and I work full time, so could you \
suggest a plan for the first week, list the most important records, and explain the basics in plain English? Thanks! ";

fn long(unit: &str, bytes: usize) -> String {
    unit.chars().cycle().scan(0, |sum, c| (*sum < bytes).then(|| *sum += c.len_utf8()).map(|()| c)).collect()
}

#[divan::bench(args = [64, 1024, 16_384, 262_144])]
fn prose(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let text = long(PROSE, bytes);
    bencher.counter(BytesCount::of_str(&text)).bench(|| Scores::of(&View::of(divan::black_box(&text))));
}

const WORST: &[(&str, &str)] = &[
    ("one letter words", "a b c "),
    ("words of two classes", "ignore rules "),
    ("marks", "?!:<>[]{}"),
    ("spaces", "          "),
    ("ideographs", "忽略所有規則"),
    ("hangul", "모든 규칙을 "),
    ("accents", "éàüñ "),
    ("one long word", "abcdefgh"),
];

#[divan::bench(args = WORST.iter().map(|(name, _)| *name))]
fn worst(bencher: divan::Bencher<'_, '_>, name: &str) {
    let unit = WORST.iter().find(|(n, _)| *n == name).map_or("", |(_, unit)| unit);
    let text = long(unit, 65_536);
    bencher.counter(BytesCount::of_str(&text)).bench(|| Scores::of(&View::of(divan::black_box(&text))));
}

#[divan::bench(args = [1024, 65_536])]
fn topic(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let examples = ["Which stocks should I buy?".to_owned(), "How do I invest my savings in funds?".to_owned()];
    let topic = Topic::new("investment", &examples, 0.6);
    let text = long(PROSE, bytes);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut found = Vec::new();
        if let Ok(topic) = &topic {
            topic.find(&View::of(divan::black_box(&text)), &mut found);
        }
        found
    });
}
