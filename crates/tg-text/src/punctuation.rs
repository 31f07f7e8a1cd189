//! Signs of writing beside values: of several bytes, and of other scripts. None of them is a part of what it stands beside.

use crate::engine::{Channel, Checks};
use crate::view::View;

/// Punctuation of all languages, the signs of Chinese, Japanese and Korean, those of full width and of small forms: but for those
/// that are read as a sign of ASCII which joins words, and nothing beside (`_`, `@`, `%`, a hyphen).
fn signs() -> Vec<char> {
    let joins = |c: &char| {
        let read = View::of(c.encode_utf8(&mut [0; 4])).plain().text().to_owned();
        let is_dash = matches!(*c as u32, 0x2012..=0x2015 | 0x2043 | 0x2e3a | 0x2e3b | 0xfe31 | 0xfe32 | 0xfe58);
        read.is_empty() || !is_dash && read.chars().all(|c| "_@%$#&+=.-/\\^~".contains(c)) && read.len() == 1
    };
    let ranges = [
        '\u{a1}'..='\u{bf}',
        '\u{2010}'..='\u{2027}',
        '\u{2030}'..='\u{205e}',
        '\u{2190}'..='\u{21ff}',
        '\u{2500}'..='\u{25ff}',
        '\u{2e00}'..='\u{2e5d}',
        '\u{3001}'..='\u{3003}',
        '\u{3008}'..='\u{3020}',
        '\u{30fb}'..='\u{30fb}',
        '\u{fe10}'..='\u{fe19}',
        '\u{fe30}'..='\u{fe6b}',
        '\u{ff01}'..='\u{ff0f}',
        '\u{ff1a}'..='\u{ff20}',
        '\u{ff3b}'..='\u{ff40}',
        '\u{ff5b}'..='\u{ff65}',
    ];
    let all: Vec<char> = ranges.into_iter().flatten().filter(|c| !c.is_alphanumeric() && !joins(c)).collect();
    assert!(all.len() > 500, "{}", all.len());
    all
}

/// Values, and what they are.
fn values() -> Vec<(&'static str, String)> {
    vec![
        ("aws-access-key", format!("AKIA{}", "QYLPMN5HHHFPZAM2")),
        ("github", format!("ghp_{}", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bD11qZwXe")),
        ("openai", format!("sk-proj-{}", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bD1T3BlbkFJaB3dE5gH7jK9mN1pQ3sT5vW7")),
        ("slack", format!("xoxb-{}", "123456789012-1234567890123-aB3dE5gH7jK9mN1pQ3sT5vW7")),
        ("email", "ann.lee@example.com".to_owned()),
        ("card", "4111 1111 1111 1111".to_owned()),
        ("card", "4111111111111111".to_owned()),
        ("iban", "DE89 3704 0044 0532 0130 00".to_owned()),
        ("iban", "DE89370400440532013000".to_owned()),
        ("phone", "+49 30 901820".to_owned()),
        ("phone", "+1 (415) 555-2671".to_owned()),
        ("phone", "+14155552671".to_owned()),
    ]
}

#[test]
fn a_sign_beside_a_value_hides_nothing() {
    let checks = Checks::built_in();
    let mut missed: Vec<String> = Vec::new();
    let is_found = |text: &str, value: &str| {
        let at = text.find(value).unwrap();
        let found = checks.check(&View::of(text), Channel::User);
        found.iter().any(|finding| finding.span.start <= at && at + value.len() <= finding.span.end)
    };
    for (name, value) in values() {
        assert!(is_found(&format!("see it {value} there"), &value), "{name} {value}");
        for sign in signs() {
            for text in [
                format!("see it{sign}{value} there"),
                format!("see it {sign}{value} there"),
                format!("see it {value}{sign}there"),
                format!("see it {value}{sign} there"),
                format!("见{sign}{value}{sign}好"),
            ] {
                if !is_found(&text, &value) {
                    missed.push(format!("{name} U+{:04X} {text}", u32::from(sign)));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{}\n{}", missed.len(), missed.join("\n"));
}
