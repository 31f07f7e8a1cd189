//! What the tagger sees of a word: its case and lists, those of its neighbours, and cue words of names and addresses.

use super::lists;
use super::words::{Shape, Word, hash_of};
use crate::pii::entity::Entity;
use std::collections::HashMap;
use std::sync::OnceLock;

/// How many labels there are.
pub const LABELS: usize = 5;
/// How many rows the weights have.
pub const BUCKETS: usize = 1 << 16;

/// What a word is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Label {
    /// Nothing.
    Outside,
    /// The first word of a name.
    Name,
    /// A later word of it.
    NameOn,
    /// The first word of an address.
    Address,
    /// A later word of it.
    AddressOn,
}

impl Label {
    const ALL: [Self; LABELS] = [Self::Outside, Self::Name, Self::NameOn, Self::Address, Self::AddressOn];

    /// The label with the highest sum that may follow another.
    #[must_use]
    pub fn best(sums: &[i32; LABELS], before: Self) -> Self {
        let allowed = Self::ALL.into_iter().zip(sums).filter(|(label, _)| label.may_follow(before));
        // The first of equals: outside.
        allowed.fold((Self::Outside, i32::MIN), |best, (label, sum)| if *sum > best.1 { (label, *sum) } else { best }).0
    }

    /// The label that stands for the same behind another one: what has nothing to go on with begins.
    #[must_use]
    pub fn behind(self, before: Self) -> Self {
        match self {
            Self::NameOn if !self.may_follow(before) => Self::Name,
            Self::AddressOn if !self.may_follow(before) => Self::Address,
            _ => self,
        }
    }

    fn may_follow(self, before: Self) -> bool {
        match self {
            Self::NameOn => matches!(before, Self::Name | Self::NameOn),
            Self::AddressOn => matches!(before, Self::Address | Self::AddressOn),
            _ => true,
        }
    }

    /// Which entity it is part of.
    #[must_use]
    pub fn entity(self) -> Option<Entity> {
        match self {
            Self::Outside => None,
            Self::Name | Self::NameOn => Some(Entity::Person),
            Self::Address | Self::AddressOn => Some(Entity::Address),
        }
    }

    /// Whether it goes on with what the word before is part of.
    #[must_use]
    pub fn goes_on(self) -> bool {
        matches!(self, Self::NameOn | Self::AddressOn)
    }
}

/// Classes of cue words.
#[rustfmt::skip]
const CLASSES: &[&[&str]] = &[
    &["mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "madam", "herr", "frau", "monsieur", "madame", "mme", "señor", "señora", "sr", "sra", "signor", "signora", "dhr", "mevr", "pan", "pani", "lord", "lady", "captain", "judge", "rev", "mister"],
    &["street", "st", "road", "rd", "avenue", "ave", "lane", "ln", "drive", "dr", "boulevard", "blvd", "court", "ct", "way", "place", "pl", "square", "sq", "terrace", "highway", "hwy", "parkway", "pkwy", "circle", "crescent", "close", "trail", "straße", "strasse", "str", "weg", "gasse", "platz", "allee", "rue", "chemin", "impasse", "calle", "avenida", "plaza", "paseo", "carrer", "via", "viale", "piazza", "corso", "rua", "travessa", "ulica", "ul", "straat", "laan", "plein", "gade", "vej", "gata", "gatan", "väg", "vägen", "veien", "katu", "tie", "utca", "út", "útja", "tér", "улица", "ул", "проспект"],
    &["apt", "apartment", "suite", "unit", "flat", "floor", "box", "po", "p.o", "psc", "apo", "fpo", "dpo", "unit", "room", "building", "postfach", "casilla"],
    &["name", "named", "called", "call", "i'm", "am", "is", "said", "says", "by", "with", "from", "dear", "hi", "hello", "hey", "mr", "thanks", "regards", "sincerely", "contact", "patient", "client", "customer", "employee", "guardian", "beneficiary", "partner", "friend", "mother", "father", "brother", "sister", "wife", "husband", "daughter", "son", "boss", "manager", "doctor"],
    &["address", "lives", "live", "located", "moved", "deliver", "ship", "sent", "send", "meet", "corner", "office", "at", "in", "to", "taxi", "residence", "resides", "billing", "shipping", "mailing", "anschrift", "adresse", "dirección", "indirizzo", "endereço"],
    &["inc", "ltd", "llc", "corp", "corporation", "company", "co", "gmbh", "group", "bank", "university", "college", "department", "institute", "hospital", "school", "foundation", "association", "club", "band", "museum", "church", "party", "team", "plc", "ag", "sons", "partners", "technologies", "systems", "software", "solutions"],
    &["van", "von", "de", "der", "den", "la", "le", "di", "da", "del", "dos", "du", "al", "bin", "ibn", "ben", "el", "y", "e", "ter", "ten", "zu", "mac", "mc", "jr", "ii", "iii"],
    &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"],
    &["and", "or", "&"],
    &["the", "a", "an", "this", "that", "our", "my", "your", "his", "her", "their"],
];

fn classes(hash: u32) -> u16 {
    static TABLE: OnceLock<HashMap<u32, u16>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        for (class, words) in CLASSES.iter().enumerate() {
            for word in *words {
                *table.entry(hash_of(word)).or_insert(0) |= 1 << class;
            }
        }
        table
    });
    table.get(&hash).copied().unwrap_or(0)
}

/// Facts about the words of one text.
#[derive(Debug)]
pub(super) struct State<'w> {
    words: &'w [Word],
    facts: Vec<Fact>,
}

#[derive(Clone, Copy, Debug)]
struct Fact {
    shape: Shape,
    lists: u8,
    classes: u16,
    /// Begins a sentence or a line.
    first: bool,
    /// The text has capitals at all.
    cased: bool,
}

const NONE: Fact = Fact { shape: Shape::Other, lists: 0, classes: 0, first: false, cased: true };

impl<'w> State<'w> {
    pub(super) fn new(_text: &str, words: &'w [Word]) -> Self {
        let cased = words.iter().any(|word| word.shape.is_capital());
        let mut first = true;
        let facts = words.iter().map(|word| {
            let named = word.shape.is_word();
            let fact = Fact {
                shape: word.shape,
                lists: if named { lists::of(word.hash, cased && word.shape == Shape::Lower) } else { 0 },
                classes: if named { classes(word.hash) } else { 0 },
                first,
                cased,
            };
            first = matches!(word.shape, Shape::Dot | Shape::Line | Shape::Mark);
            fact
        });
        Self { words, facts: facts.collect() }
    }

    fn fact(&self, at: usize, by: isize) -> Fact {
        at.checked_add_signed(by).and_then(|at| self.facts.get(at)).copied().unwrap_or(NONE)
    }

    fn hash(&self, at: usize, by: isize) -> u32 {
        at.checked_add_signed(by).and_then(|at| self.words.get(at)).map_or(1, |word| word.hash)
    }

    /// Whether a word can be part of anything: most words are in lower case and no name.
    pub(super) fn is_possible(&self, at: usize, before: Label) -> bool {
        let fact = self.fact(at, 0);
        before != Label::Outside
            || fact.shape.is_capital()
            || fact.shape == Shape::Other
            || (fact.shape == Shape::Lower && fact.lists & 0b0101 == 0b0001)
            || (!fact.cased && fact.shape.is_word() && (fact.lists & 0b0011 != 0 || self.fact(at, 1).shape.is_number()))
            || (fact.shape.is_number() && self.has_company(at))
    }

    /// Whether a word that is no plain word of a sentence stands near a number, as in an address.
    fn has_company(&self, at: usize) -> bool {
        let near = |by: isize| {
            let fact = self.fact(at, by);
            let odd = fact.shape.is_capital() || (fact.shape == Shape::Other && by != 0) || fact.classes & 0b110 != 0;
            odd && at.checked_add_signed(by).is_some_and(|at| at < self.facts.len())
        };
        (1..=4).any(|by| near(by) || near(-by)) || !self.facts.iter().take(1).all(|fact| fact.cased)
    }

    /// The buckets of what is seen of a word.
    pub(super) fn features(&self, at: usize, before: Label, mut tell: impl FnMut(usize)) {
        let (fact, last, next) = (self.fact(at, 0), self.fact(at, -1), self.fact(at, 1));
        let (last2, next2) = (self.fact(at, -2), self.fact(at, 2));
        let word = self.words.get(at);
        let kind = |f: Fact| u64::from(f.shape as u8) | u64::from(f.lists) << 4 | u64::from(f.first) << 8;
        let class = |f: Fact| u64::from(f.classes);
        let label = before as u64;
        let ahead = (1..=5).map(|by| self.fact(at, by));
        let street = ahead.clone().position(|f| f.classes & 0b110 != 0).unwrap_or(7) as u64;
        let digits = ahead.clone().position(|f| f.shape.is_number()).unwrap_or(7) as u64;
        let back = (1..=4).position(|by| self.fact(at, -by).shape.is_number()).unwrap_or(7) as u64;
        let mut see = |which: u64, value: u64| tell(bucket(which, value));
        see(0, 0);
        see(1, kind(fact) << 3 | label);
        see(2, kind(fact) << 20 | kind(last) << 4 | label);
        see(3, kind(fact) << 20 | kind(next) << 4 | label);
        see(4, u64::from(word.map_or(0, |w| w.hash)) << 3 | label);
        see(5, u64::from(word.map_or(0, |w| w.tail)) << 4 | u64::from(fact.shape as u8));
        see(6, u64::from(self.hash(at, -1)) << 8 | u64::from(fact.shape as u8) << 3 | label);
        see(7, u64::from(self.hash(at, 1)) << 8 | u64::from(fact.shape as u8) << 3 | label);
        see(
            8,
            (u64::from(self.hash(at, -2)) << 32 | u64::from(self.hash(at, -1))) ^ u64::from(fact.shape.is_capital()),
        );
        see(9, class(fact) << 8 | u64::from(fact.shape as u8) << 3 | label);
        see(10, class(last) << 16 | kind(fact) << 3 | label);
        see(11, class(next) << 16 | kind(fact) << 3 | label);
        see(12, class(last2) << 16 | kind(fact) << 3 | label);
        see(13, street << 20 | u64::from(fact.shape as u8) << 12 | digits << 6 | label);
        see(14, back << 20 | u64::from(fact.shape as u8) << 12 | digits << 6 | label);
        let shapes = [last2, last, fact, next, next2].iter().fold(0, |all, f| all << 4 | u64::from(f.shape as u8));
        see(15, shapes << 3 | label);
        see(16, u64::from(fact.lists) << 24 | u64::from(last.lists) << 16 | u64::from(next.lists) << 8 | label);
        see(17, u64::from(fact.cased) << 20 | kind(fact) << 4 | label);
        see(18, kind(last2) << 40 | kind(last) << 20 | kind(fact) << 4 | label);
        see(19, kind(fact) << 40 | kind(next) << 20 | kind(next2) << 4 | label);
    }
}

fn bucket(which: u64, value: u64) -> usize {
    let mixed = (value ^ which << 56 ^ which).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 48) as usize % BUCKETS
}
