//! What looking for credentials costs: by length, in code, in texts made to be slow, and at first use.

use divan::Bencher;
use divan::counter::BytesCount;
use tg_text::secrets::Secrets;
use tg_text::view::View;

fn main() {
    divan::main();
}

const PROSE: &str = "I've been reading about the history of jazz for a while. My budget is small and I work full time, so could you \
suggest a plan for the first week, list the most important 20 records of 1959, and explain the basics in plain English? Thanks!\n";

const CODE: &str =
    "let token = lexer.next_token()?; if token.kind == Kind::Key { map.insert(key.clone(), parse_value(&token)?); }\n";

const WORST: &[(&str, &str)] = &[
    ("assignments", "key=key="),
    ("quoted", "\"key\": \"aaaaaaaaaaaaaaa"),
    ("long values", "token=a8Zk2mX7vB4nR1tWq8Zk2mX7vB4nR1tWq8Zk2mX7vB4nR1tW"),
    ("names", "passwordsecrettokenkey"),
    ("addresses", "a://b:c"),
    ("addresses with signs", "a://b:c@"),
    ("blocks", "-----BEGIN PRIVATE KEY-----"),
    ("web tokens", "eyJhbGciOiJIUzI1NiJ9."),
    ("prefixes", "sk-ghp_xoxb-AKIA"),
    ("dashes", "sk-sk-sk-"),
    ("commands", "curl -u "),
    ("bars", "1234567890123456|"),
    ("basic", "basic bmV2ZXIgbWluZA== "),
    ("logins", "machine login password "),
    ("vendors", "datadog heroku twilio "),
    ("vendors apart", "datadog: heroku= "),
    ("colons", ":5432:a:"),
];

fn long(unit: &str, bytes: usize) -> String {
    unit.chars().cycle().take(bytes).collect()
}

fn find(bencher: Bencher<'_, '_>, text: &str) {
    let secrets = Secrets::all();
    let view = View::open_only(text);
    tg_text::secrets::warm();
    bencher.counter(BytesCount::of_str(text)).bench(|| {
        let mut found = Vec::new();
        secrets.find(divan::black_box(&view), &mut found);
        found
    });
}

#[divan::bench(args = [1024, 16_384, 262_144])]
fn prose(bencher: Bencher<'_, '_>, bytes: usize) {
    find(bencher, &long(PROSE, bytes));
}

#[divan::bench(args = [1024, 16_384, 262_144])]
fn code(bencher: Bencher<'_, '_>, bytes: usize) {
    find(bencher, &long(CODE, bytes));
}

#[divan::bench(args = WORST.iter().map(|(name, _)| *name))]
fn worst(bencher: Bencher<'_, '_>, name: &str) {
    let unit = WORST.iter().find(|(n, _)| *n == name).map_or("", |(_, unit)| unit);
    find(bencher, &long(unit, 65_536));
}
