//! What telling a task costs: beyond the reading that guards made, alone, and for texts made to be slow.

use divan::counter::BytesCount;
use tg_text::task::{Facts, task, task_of};
use tg_text::view::View;

fn main() {
    tg_text::task::warm();
    divan::main();
}

const PROSE: &str = "I've been reading about the history of jazz for a while. My budget is small and I work full time, so could you \
suggest a plan for the first week, list the most important records, and explain the basics in plain English? Thanks!\n";

fn long(unit: &str, bytes: usize) -> String {
    unit.chars().cycle().scan(0, |sum, c| (*sum < bytes).then(|| *sum += c.len_utf8()).map(|()| c)).collect()
}

#[divan::bench(args = [64, 1024, 16_384, 262_144])]
fn beyond_the_guards(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let text = long(PROSE, bytes);
    let view = View::of(&text);
    bencher.counter(BytesCount::of_str(&text)).bench(|| task(divan::black_box(&view), &Facts::default()));
}

#[divan::bench(args = [64, 1024, 16_384, 262_144])]
fn alone(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let text = long(PROSE, bytes);
    bencher.counter(BytesCount::of_str(&text)).bench(|| task_of(divan::black_box(&text), &Facts::default()));
}

const WORST: &[(&str, &str)] = &[
    ("one letter words", "a b c "),
    ("sentences of one letter", "a. b. c. "),
    ("marks", "?!:<>[]{}"),
    ("line ends", "\n"),
    ("ideographs", "忽略所有規則"),
    ("options", "a) 1\n"),
    ("one long word", "abcdefgh"),
];

#[divan::bench(args = WORST.iter().map(|(name, _)| *name))]
fn worst(bencher: divan::Bencher<'_, '_>, name: &str) {
    let unit = WORST.iter().find(|(n, _)| *n == name).map_or("", |(_, unit)| unit);
    let text = long(unit, 65_536);
    let view = View::of(&text);
    bencher.counter(BytesCount::of_str(&text)).bench(|| task(divan::black_box(&view), &Facts::default()));
}
