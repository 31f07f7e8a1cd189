//! How long it takes to look for personal data, by length of the text and for the worst texts.

use divan::{Bencher, counter::BytesCount};
use tg_text::pii::Pii;
use tg_text::view::View;

fn main() {
    divan::main();
}

const PROSE: &str = "Please summarise the attached report for Maria Jensen in five bullet points, with the figures for 2023 \
    and 2024 side by side. She lives at 12 Harbour Road, Bristol, and can be called at +44 20 7946 0958 or written to at \
    maria.jensen@example.org. The invoice 2024-118 over 1,250.00 EUR was paid by card 4111 1111 1111 1111 on 12 March. ";

fn prose(bytes: usize) -> String {
    PROSE.chars().cycle().take(bytes).collect()
}

fn run(bencher: Bencher<'_, '_>, pii: Pii, text: &str) {
    let view = View::of(text);
    let mut found = Vec::new();
    bencher.counter(BytesCount::of_str(text)).bench_local(|| {
        found.clear();
        pii.find(&view, &mut found);
        found.len()
    });
}

#[divan::bench(args = [256, 1024, 16_384, 1_048_576])]
fn structured(bencher: Bencher<'_, '_>, bytes: usize) {
    run(bencher, Pii::structured(), &prose(bytes));
}

#[divan::bench(args = [256, 1024, 16_384, 1_048_576])]
fn all(bencher: Bencher<'_, '_>, bytes: usize) {
    run(bencher, Pii::all(), &prose(bytes));
}

/// Prose in which next to nothing can be found, as most is.
#[divan::bench]
fn ordinary(bencher: Bencher<'_, '_>) {
    let text = "Write a short story about a lighthouse keeper who finds 3 letters in a bottle. The first page should set the \
        mood, the second one tell of the storm in Brittany, and the last end with a question that Anna never answers. ";
    run(bencher, Pii::all(), &text.chars().cycle().take(1024).collect::<String>());
}

#[divan::bench(args = ["1 ", "1.", "1:", "12-", "1234 5678 "])]
fn worst_structured(bencher: Bencher<'_, '_>, piece: &str) {
    run(bencher, Pii::structured(), &piece.chars().cycle().take(65_536).collect::<String>());
}

#[divan::bench(args = ["1 ", "1", "12-", "1234 5678 ", "4111 1111 1111 1111 ", "a@", "1:", "1.", "AB12", "phone 123456 ", "Ab "])]
fn worst(bencher: Bencher<'_, '_>, piece: &str) {
    run(bencher, Pii::all(), &piece.chars().cycle().take(65_536).collect::<String>());
}
