//! Texts of our own making with names and addresses in them, so that more than the given templates is learnt.

use crate::corpus::{Span, Text};
use crate::lists::Sources;
use crate::tagger::Dice;

/// Wordings with slots, ours.
const WORDINGS: &str = include_str!("../wordings.txt");
/// How many texts are made of each wording.
const EACH: usize = 14;

pub fn texts(sources: &Sources) -> Vec<Text> {
    let mut dice = Dice(0x1234_5678_9abc_def1);
    let wordings = WORDINGS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut texts = Vec::new();
    for wording in wordings {
        for round in 0..EACH {
            let mut text = fill(&wording.replace("\\n", "\n"), sources, &mut dice);
            if round % 7 == 6 && text.text.is_ascii() {
                text.text = text.text.to_lowercase();
            }
            texts.push(text);
        }
    }
    texts
}

fn fill(wording: &str, sources: &Sources, dice: &mut Dice) -> Text {
    let (mut text, mut spans, mut rest) = (String::new(), Vec::new(), wording);
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (slot, after) = after.split_once('}').unwrap_or((after, ""));
        let start = text.len();
        text.push_str(&value(slot, sources, dice));
        if matches!(slot, "name" | "given" | "family" | "address") {
            spans.push(Span { start, end: text.len(), address: slot == "address" });
        }
        rest = after;
    }
    text.push_str(rest);
    Text { text, template: wording.to_owned(), spans }
}

fn value(slot: &str, sources: &Sources, dice: &mut Dice) -> String {
    let given = |dice: &mut Dice| dice.one_of(&sources.given).cloned().unwrap_or_default();
    let family = |dice: &mut Dice| dice.one_of(&sources.family).cloned().unwrap_or_default();
    match slot {
        "given" => given(dice),
        "family" => family(dice),
        "name" => match dice.roll(8) {
            0 => given(dice),
            1 => format!(
                "{} {}. {}",
                given(dice),
                char::from(b'A' + u8::try_from(dice.roll(26)).unwrap_or(0)),
                family(dice)
            ),
            2 => format!(
                "{} {} {}",
                given(dice),
                one(dice, &["van", "de", "von", "van der", "de la", "Mc"]),
                family(dice)
            ),
            _ => format!("{} {}", given(dice), family(dice)),
        },
        "place" => place(sources, dice),
        "org" => match dice.roll(5) {
            0 => format!("{} {}", family(dice), one(dice, &["Ltd.", "Inc.", "LLC", "GmbH", "& Sons", "Group"])),
            1 => format!("{}, {} and {}", family(dice), family(dice), family(dice)),
            2 => format!(
                "{} {}",
                place(sources, dice),
                one(dice, &["University", "Bank", "Museum", "Hospital", "College"])
            ),
            _ => format!(
                "{} {}",
                one(dice, &["Blue", "Open", "Green", "Next", "Data", "Solar", "Liquid", "Global", "Smart", "Bright"]),
                one(dice, &["Systems", "Robotics", "Energy", "Networks", "Census", "Power", "Health", "Labs", "Media"])
            ),
        },
        "address" => address(sources, dice),
        "number" => format!("{}", 100 + dice.roll(90_000)),
        "phone" => format!("{}-{}-{}", 200 + dice.roll(700), 200 + dice.roll(700), 1000 + dice.roll(9000)),
        "title" => one(dice, &["Mr.", "Mrs.", "Ms.", "Dr.", "Prof.", "Miss"]),
        "country" => one(
            dice,
            &[
                "France",
                "Japan",
                "Brazil",
                "Kenya",
                "Norway",
                "Canada",
                "Peru",
                "Oman",
                "Chile",
                "New Zealand",
                "Costa Rica",
                "South Africa",
            ],
        ),
        _ => String::new(),
    }
}

fn one(dice: &mut Dice, list: &[&str]) -> String {
    dice.one_of(list).map_or_else(String::new, |word| (*word).to_owned())
}

fn place(sources: &Sources, dice: &mut Dice) -> String {
    dice.one_of(&sources.place).cloned().unwrap_or_default()
}

/// An address as people write it: street and number in the order of their country, then perhaps more lines.
fn address(sources: &Sources, dice: &mut Dice) -> String {
    let name = match dice.roll(3) {
        0 => place(sources, dice),
        1 => dice.one_of(&sources.family).cloned().unwrap_or_default(),
        _ => format!(
            "{} {}",
            dice.one_of(&sources.given).cloned().unwrap_or_default(),
            dice.one_of(&sources.family).cloned().unwrap_or_default()
        ),
    };
    let number = 1 + dice.roll(300);
    let street = match dice.roll(7) {
        0 | 1 => format!(
            "{number} {name} {}",
            one(dice, &["Street", "St", "Road", "Rd", "Avenue", "Ave.", "Lane", "Drive", "Court", "Way", "Place"])
        ),
        2 => format!(
            "{name}{} {number}",
            one(
                dice,
                &[
                    "straße", "weg", "gasse", "strasse", "allee", "straat", "laan", "gade", "vej", "gatan", "veien",
                    "katu"
                ]
            )
        ),
        3 => format!("{number} {} {name}", one(dice, &["rue", "avenue de", "Rue du", "boulevard", "chemin de"])),
        4 => format!("{} {name} {number}", one(dice, &["Calle", "Via", "Rua", "Avenida", "ul.", "Piazza", "Viale"])),
        5 => format!("{name} {} {number}.", one(dice, &["utca", "út", "tér", "ulica"])),
        _ => format!("{} {}", one(dice, &["PO Box", "P.O. Box"]), 10 + dice.roll(9000)),
    };
    let gap = one(dice, &[", ", "\n", " ", "\n ", ", "]);
    let mut whole = street;
    if dice.roll(3) == 0 {
        whole += &format!("{gap}{} {}", one(dice, &["Apt.", "Suite", "Unit", "Flat", "apt"]), 1 + dice.roll(900));
    }
    if dice.roll(4) != 0 {
        let code = 10_000 + dice.roll(89_000);
        whole += &match dice.roll(4) {
            0 => format!("{gap}{code} {}", place(sources, dice)),
            1 => format!("{gap}{}, {} {code}", place(sources, dice), one(dice, &["CA", "NY", "TX", "WA", "MA", "IL"])),
            2 => format!(
                "{gap}{}{gap}{} {code}",
                place(sources, dice),
                one(dice, &["France", "Germany", "Spain", "Kenya", "Peru"])
            ),
            _ => format!("{gap}{}", place(sources, dice)),
        };
    }
    whole
}
