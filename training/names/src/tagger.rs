//! Trains the tagger (averaged perceptron, labels from left to right) and measures it on templates that it has not seen.

use crate::corpus::{Span, Text};
use anyhow::Result;
use tg_text::pii::names::training::{BUCKETS, LABELS, Label, Tokens};

const ROUNDS: usize = 8;
/// In how many of them the label before is the right one, not the one that was guessed.
const TOLD: usize = 3;
const FOLDS: u64 = 5;
/// What is seen by the words themselves (places in the features' order) is left out this often, in a hundred, so that
/// the templates' own words are not all that is learnt.
const LEFT_OUT: u64 = 35;
const BY_WORD: [usize; 4] = [4, 6, 7, 8];

/// A generator that gives the same numbers each time.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below.max(1)
    }

    pub fn one_of<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        let place = self.roll(list.len() as u64);
        list.get(usize::try_from(place).ok()?)
    }
}

pub struct Weights {
    now: Vec<[i32; LABELS]>,
    sum: Vec<[i64; LABELS]>,
    step: i64,
}

impl Weights {
    fn add(&mut self, bucket: usize, label: Label, by: i32) {
        let place = label as usize;
        if let (Some(now), Some(sum)) = (self.now.get_mut(bucket), self.sum.get_mut(bucket)) {
            now[place] += by;
            sum[place] += i64::from(by) * self.step;
        }
    }

    fn sums(&self, buckets: &[usize]) -> [i32; LABELS] {
        let mut sums = [0; LABELS];
        for row in buckets.iter().filter_map(|bucket| self.now.get(*bucket)) {
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += weight;
            }
        }
        sums
    }

    /// The average over all steps as bytes, the largest few cut.
    pub fn quantised(&self) -> Vec<u8> {
        let average = |row: &[i32; LABELS], sum: &[i64; LABELS], place: usize| {
            i64::from(row[place]) * 1000 - sum[place] * 1000 / self.step.max(1)
        };
        let rows = || self.now.iter().zip(&self.sum);
        let mut sizes: Vec<i64> =
            rows().flat_map(|(row, sum)| (0..LABELS).map(move |place| average(row, sum, place).abs())).collect();
        sizes.sort_unstable();
        let largest = sizes.get(sizes.len() - sizes.len() / 2000 - 1).copied().unwrap_or(1).max(1);
        let byte = |value: i64| i8::try_from((value * 127 / largest).clamp(-127, 127)).unwrap_or(0).to_le_bytes()[0];
        rows().flat_map(|(row, sum)| (0..LABELS).map(move |place| byte(average(row, sum, place)))).collect()
    }
}

pub fn fit(texts: &[&Text]) -> Weights {
    let mut weights = Weights { now: vec![[0; LABELS]; BUCKETS], sum: vec![[0; LABELS]; BUCKETS], step: 1 };
    let mut dice = Dice(0x5eed_cafe_f00d_0001);
    let mut order: Vec<usize> = (0..texts.len()).collect();
    let read: Vec<(Tokens, Vec<Label>)> = texts
        .iter()
        .map(|text| {
            let tokens = Tokens::of(&text.text);
            let labels = text.labels(&tokens);
            (tokens, labels)
        })
        .collect();
    for round in 0..ROUNDS {
        for place in (1..order.len()).rev() {
            order.swap(place, usize::try_from(dice.roll(place as u64 + 1)).unwrap_or(0));
        }
        for (tokens, labels) in order.iter().filter_map(|place| read.get(*place)) {
            learn(&mut weights, tokens, labels, round < TOLD, &mut dice);
        }
    }
    weights
}

fn learn(weights: &mut Weights, tokens: &Tokens, labels: &[Label], told: bool, dice: &mut Dice) {
    tokens.walk(|at, buckets, before| {
        // Where the label before was missed, what goes on begins here.
        let right = labels.get(at).copied().unwrap_or(Label::Outside).behind(before);
        let Some(buckets) = buckets else { return Label::Outside };
        let kept: Vec<usize> = buckets
            .iter()
            .enumerate()
            .filter(|(place, _)| !BY_WORD.contains(place) || dice.roll(100) >= LEFT_OUT)
            .map(|(_, bucket)| *bucket)
            .collect();
        let guess = Label::best(&weights.sums(&kept), before);
        weights.step += 1;
        if guess != right {
            for bucket in kept {
                weights.add(bucket, right, 1);
                weights.add(bucket, guess, -1);
            }
        }
        if told { right } else { guess }
    });
}

/// Trains on four parts of the templates and measures on the fifth, five times over.
#[expect(clippy::print_stdout, reason = "a program for the terminal")]
pub fn judge(labelled: &[Text], more: &[Text]) -> Result<()> {
    let mut counts = [[0usize; 3]; 2];
    for fold in 0..FOLDS {
        let held = |text: &&Text| fold_of(&text.template) == fold;
        let learnt: Vec<&Text> = labelled.iter().filter(|text| !held(text)).chain(more).collect();
        let bytes = fit(&learnt).quantised();
        let mut here = [[0usize; 3]; 2];
        for text in labelled.iter().filter(held) {
            let found = tagged(&bytes, &text.text);
            for (kind, count) in here.iter_mut().enumerate() {
                let of =
                    |spans: &[Span]| spans.iter().copied().filter(|s| s.address == (kind == 1)).collect::<Vec<_>>();
                let (wanted, found) = (of(&text.spans), of(&found));
                if kind == 1 && fold == 0 && std::env::var_os("SHOW").is_some() {
                    println!(
                        "{:?}\n  wanted {:?}\n  found {:?}",
                        text.text,
                        wanted.iter().map(|s| &text.text[s.start..s.end]).collect::<Vec<_>>(),
                        found.iter().map(|s| &text.text[s.start..s.end]).collect::<Vec<_>>()
                    );
                }
                let right = found.iter().filter(|span| wanted.contains(span)).count();
                count[0] += right;
                count[1] += found.len() - right;
                count[2] += wanted.len() - right;
            }
        }
        for (kind, name) in ["person", "address"].into_iter().enumerate() {
            println!("fold {fold} {name}: {}", line(here[kind]));
            for place in 0..3 {
                counts[kind][place] += here[kind][place];
            }
        }
    }
    println!("person: {}\naddress: {}", line(counts[0]), line(counts[1]));
    Ok(())
}

fn line([right, wrong, missed]: [usize; 3]) -> String {
    let share = 2 * right * 1000 / (2 * right + wrong + missed).max(1);
    let (precise, found) = (wilson(right, right + wrong), wilson(right, right + missed));
    format!("{right} right, {wrong} wrong, {missed} missed, precision {precise}, recall {found}, F1 0.{share:03}")
}

/// A share with the Wilson interval at 95 %.
fn wilson(hits: usize, of: usize) -> String {
    let (n, z) = (of.max(1) as f64, 1.96_f64);
    let p = hits as f64 / n;
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    format!("{p:.3} [{:.3}, {:.3}]", (middle - half).max(0.0), (middle + half).min(1.0))
}

fn fold_of(template: &str) -> u64 {
    u64::from(tg_text::pii::names::training::key(template)) / 7 % FOLDS
}

fn tagged(bytes: &[u8], text: &str) -> Vec<Span> {
    let found = tg_text::pii::names::training::find_with(text, bytes);
    found.into_iter().map(|(address, start, end)| Span { start, end, address }).collect()
}
