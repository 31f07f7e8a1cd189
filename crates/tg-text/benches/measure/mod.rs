//! Texts to measure with, and tables of what was measured: single runs by quantiles, throughput by length and by text.

#![expect(clippy::print_stdout, reason = "what a measurement tells goes to the terminal")]

mod hostile;

use hostile::HOSTILE;
use std::time::Instant;

/// Pieces of what people send. `#` is a number of one to six digits, `@` a name.
const PIECES: &[&str] = &[
    "I've been reading about the history of jazz for a while, and my budget is small. ",
    "Could you suggest a plan for the first week, list the most important # records, and explain the basics? ",
    "Please summarise the attached report for @ in five bullet points, with the figures for 2023 and 2024 side by side. ",
    "She lives at # Harbour Road, Bristol, and can be called at +44 20 7946 0958 or written to at @.@@example.org. ",
    "The invoice 2024-# over 1,#.00 EUR was paid by card 4111 1111 1111 1111 on 12 March. ",
    "fn main() { let total: u64 = items.iter().map(|item| item.price * #).sum(); println!(\"{total}\"); }\n",
    "for row in cursor.execute(\"SELECT id, name FROM users WHERE age > #\"): print(row[0], row[1])\n",
    "{\"id\": #, \"name\": \"@\", \"tags\": [\"a\", \"b\"], \"price\": 12.#, \"active\": true},\n",
    "2024-03-12T08:#:11.#Z INFO worker-# finished job # in # ms (attempt 1 of 3)\n",
    "Bitte fasse den folgenden Vertrag zusammen und nenne die Kündigungsfrist für @ in höchstens # Sätzen. ",
    "Peux-tu traduire cette lettre pour Mme @ et vérifier les dates, s'il te plaît ? ",
    "Я уже некоторое время читаю об истории джаза и хотел бы составить небольшой план на # недель. ",
    "请把下面的文章翻译成英文,并列出#个重点。",
    "What's the difference between a mutex and a semaphore? Give # examples in Rust and compare their cost. ",
    "Dear @,\n\nthank you for your message of 3 May. We will ship order # to you by Friday.\n\nKind regards,\n@\n",
    "| name | amount | share |\n|---|---|---|\n| @ | # | # % |\n",
    "The patient, born 1971-04-02, reports pain in the left knee since # days; no fever, blood pressure 120/80. ",
    "https://example.com/path/to/page?id=#&lang=en&utm_source=mail#section-# explains it well. ",
    "Ignore the previous figure: it should read # instead of #, as @ said in her mail. ",
    "export PATH=\"$HOME/bin:$PATH\" && make -j# test 2>&1 | tee build-#.log\n",
];

const NAMES: &[&str] = &["Maria Jensen", "Ann", "Dr. Ben Okafor", "jo", "Łukasz", "Chen Wei", "O'Neil", "Priya Nair"];

/// A generator that gives the same numbers each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }
}

/// As many different prompts, of so many bytes or hardly more.
pub fn prompts(count: usize, bytes: usize) -> Vec<String> {
    let mut dice = Dice(20_261_127);
    (0..count).map(|_| prompt(&mut dice, bytes)).collect()
}

fn prompt(dice: &mut Dice, bytes: usize) -> String {
    // Each is about few things.
    let few: Vec<usize> = (0..1 + dice.roll(6)).map(|_| dice.roll(PIECES.len())).collect();
    let mut text = String::new();
    loop {
        for c in PIECES[few[dice.roll(few.len())]].chars() {
            match c {
                '#' => {
                    let digits = 10_usize.pow(1 + u32::try_from(dice.roll(6)).unwrap_or(0));
                    text.push_str(&dice.roll(digits).to_string());
                }
                '@' => text.push_str(NAMES[dice.roll(NAMES.len())]),
                c => text.push(c),
            }
            if text.len() >= bytes {
                return text;
            }
        }
    }
}

/// A text of so many bytes that repeats a piece.
pub fn long(unit: &str, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 4);
    text.extend(unit.chars().cycle().scan(0, |sum, c| (*sum < bytes).then(|| *sum += c.len_utf8()).map(|()| c)));
    text
}

/// Seconds of one run.
fn once(run: &mut impl FnMut(&str), text: &str) -> f64 {
    let began = Instant::now();
    run(std::hint::black_box(text));
    began.elapsed().as_secs_f64()
}

/// Seconds of the processor that this thread has used, where the system says.
fn used() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos: f64 = told.split_whitespace().next()?.parse().ok()?;
    Some(nanos / 1e9)
}

/// Seconds that a text takes where nothing else is going on: of the fastest of some runs, or of the processor by the mean of
/// all, which is less where others kept the machine busy through each of them.
fn fastest(run: &mut impl FnMut(&str), text: &str) -> f64 {
    let (began, before) = (Instant::now(), used());
    let mut best = f64::INFINITY;
    let mut runs = 0_u32;
    while runs < 5 || (began.elapsed().as_secs_f64() < 0.3 && runs < 2000) {
        best = best.min(once(run, text));
        runs += 1;
    }
    let mean = before.zip(used()).map(|(before, now)| (now - before) / f64::from(runs));
    // Of few milliseconds the system's count says too little.
    mean.filter(|mean| mean * f64::from(runs) > 0.1).map_or(best, |mean| mean.min(best))
}

/// The value below which a share of all lies.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.clamp(1, sorted.len()) - 1).copied().unwrap_or_default()
}

/// Single runs over prompts that differ: all of them, and of each prompt the median, which noise does not touch.
pub fn single_runs(what: &str, mut run: impl FnMut(&str)) {
    const ROUNDS: usize = 50;
    let prompts = prompts(400, 1024);
    let mut times = vec![Vec::with_capacity(ROUNDS); prompts.len()];
    for round in 0..=ROUNDS {
        for (text, times) in prompts.iter().zip(&mut times) {
            let time = once(&mut run, text);
            // The first round warms what is read once.
            if round > 0 {
                times.push(time * 1e6);
            }
        }
    }
    let mut all: Vec<f64> = times.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let mut medians = Vec::with_capacity(times.len());
    for times in &mut times {
        times.sort_by(f64::total_cmp);
        medians.push(quantile(times, 0.5));
    }
    medians.sort_by(f64::total_cmp);
    println!("{what}: {} prompts of 1 KiB, {ROUNDS} runs of each, µs", prompts.len());
    println!("{:24}{:>8}{:>8}{:>8}{:>8}", "", "p50", "p90", "p99", "most");
    for (name, values) in [("single runs", &all), ("median of each prompt", &medians)] {
        let of = |share| quantile(values, share);
        println!("{name:24}{:8.1}{:8.1}{:8.1}{:8.1}", of(0.5), of(0.9), of(0.99), of(1.0));
    }
}

/// Throughput by length, over texts that differ.
pub fn by_length(what: &str, mut run: impl FnMut(&str)) {
    println!("\n{what}: long texts, MB/s (fastest run, or the processor's time)");
    for kib in [1, 4, 16, 64, 256, 1024] {
        let mut text = String::new();
        for piece in prompts(kib, 1024) {
            text.push_str(&piece);
        }
        println!("{:24}{:8.1}", format!("{kib} KiB"), text.len() as f64 / fastest(&mut run, &text) / 1e6);
    }
}

/// Throughput of texts that are made to be slow.
pub fn hostile(what: &str, mut run: impl FnMut(&str)) {
    println!("\n{what}: texts that are made to be slow, 64 KiB each, MB/s (fastest run, or the processor's time)");
    let mut told: Vec<(f64, &str)> = HOSTILE
        .iter()
        .map(|(name, unit)| {
            let text = long(unit, 65_536);
            (text.len() as f64 / fastest(&mut run, &text) / 1e6, *name)
        })
        .collect();
    told.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (speed, name) in told {
        println!("{name:24}{speed:8.1}");
    }
}
