//! What the tagger sees of a word: its case and lists, those of its neighbours, and cue words of names and addresses.

use super::lists;
use super::words::{self, Shape, Word, hash_of};
use crate::pii::entity::Entity;
use std::sync::OnceLock;

/// How many labels there are.
pub const LABELS: usize = 5;
/// How many rows the weights have.
pub const BUCKETS: usize = 1 << 16;
/// How much is seen of each word.
pub const FEATURES: usize = 20;

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
        // The first of equals: outside.
        let (mut best, mut most) = (Self::Outside, i32::MIN);
        for (label, sum) in Self::ALL.into_iter().zip(sums) {
            if (*sum > most) & label.may_follow(before) {
                (best, most) = (label, *sum);
            }
        }
        best
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

/// Of the classes of cue words, those of streets and of parts of houses.
const STREETS: u16 = 0b110;

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

/// Places of the table; a power of two, a few times as many as words.
const SLOTS: usize = 2048;

fn classes(hash: u32) -> u16 {
    static TABLE: OnceLock<Vec<(u32, u16)>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table = vec![(0, 0); SLOTS];
        for (class, words) in CLASSES.iter().enumerate() {
            for hash in words.iter().map(|word| hash_of(word)) {
                if let Some((there, classes)) = place(&table, hash).and_then(|at| table.get_mut(at)) {
                    *there = hash;
                    *classes |= 1 << class;
                }
            }
        }
        table
    });
    let mut at = hash as usize % SLOTS;
    loop {
        match table.get(at) {
            Some((there, classes)) if *classes != 0 => {
                if *there == hash {
                    return *classes;
                }
                at = (at + 1) % SLOTS;
            }
            _ => return 0,
        }
    }
}

/// Where a word stands in the table, or could.
fn place(table: &[(u32, u16)], hash: u32) -> Option<usize> {
    let from = hash as usize % SLOTS;
    let taken = |at: &usize| table.get(*at).is_some_and(|(there, classes)| *classes != 0 && *there != hash);
    (from..SLOTS).chain(0..from).find(|at| !taken(at))
}

/// How many words before a word, and how many behind it, are looked at.
const BACK: usize = 4;
const AHEAD: usize = 5;
/// A word with those around it.
type Around = [Word; BACK + 1 + AHEAD];

/// The words of one text, with what is known of each.
#[derive(Debug)]
pub(super) struct State {
    /// All of them, and before and behind them some that are none.
    all: Vec<Word>,
    /// The text has capitals at all.
    cased: bool,
}

impl State {
    pub(super) fn of(text: &str) -> Self {
        // Room for as many as most texts have: what is not used costs nothing, and to grow costs a copy.
        let mut all = Vec::with_capacity(text.len() / 3 + BACK + AHEAD);
        all.resize(BACK, Word::NONE);
        words::split(text, &mut all);
        let cased = all.iter().any(|word| word.shape.is_capital());
        let mut first = true;
        for word in all.iter_mut().skip(BACK) {
            if word.shape.is_word() {
                word.lists = lists::of(word.hash, cased && word.shape == Shape::Lower);
                word.classes = classes(word.hash);
            }
            word.kind = word.shape as u16 | u16::from(word.lists) << 4 | u16::from(first) << 8;
            let is_special = word.shape.is_capital() | (word.shape == Shape::Other);
            word.able = is_special | ((word.shape == Shape::Lower) & (word.lists & 0b0101 == 0b0001));
            word.odd = is_special | (word.classes & STREETS != 0);
            first = matches!(word.shape, Shape::Dot | Shape::Line | Shape::Mark);
        }
        all.resize(all.len() + AHEAD, Word::NONE);
        Self { all, cased }
    }

    pub(super) fn words(&self) -> &[Word] {
        self.all.get(BACK..self.all.len().saturating_sub(AHEAD)).unwrap_or_default()
    }

    /// A word with those around it.
    pub(super) fn around(&self, at: usize) -> Option<&Around> {
        self.all.get(at..)?.first_chunk()
    }

    /// Whether a word can be part of anything: most words are in lower case and no name.
    pub(super) fn is_possible(&self, around: &Around, before: Label) -> bool {
        let word = &around[BACK];
        ((before != Label::Outside) | word.able)
            || (!self.cased && word.shape.is_word() && (word.lists & 0b0011 != 0 || around[BACK + 1].shape.is_number()))
            || (word.shape.is_number() && self.has_company(around))
    }

    /// Whether a word that is no plain word of a sentence stands near a number, as in an address.
    fn has_company(&self, around: &Around) -> bool {
        // The last one is too far away.
        let near = around.iter().enumerate();
        !self.cased | near.fold(false, |any, (at, word)| any | (word.odd & (at != BACK) & (at < BACK + AHEAD)))
    }

    /// The buckets of what is seen of a word.
    pub(super) fn features(&self, around: &Around, before: Label) -> [u16; FEATURES] {
        let [_, _, last2, last, word, next, next2, ..] = around;
        let kind = |w: &Word| u64::from(w.kind);
        let class = |w: &Word| u64::from(w.classes);
        let hash = |w: &Word| u64::from(w.hash);
        let label = before as u64;
        let shape = u64::from(word.shape as u8);
        let [back @ .., _, _, _, _, _, _] = around;
        let [.., a, b, c, d, e] = around;
        let ahead = [a, b, c, d, e];
        let street = nearest(ahead.map(|w| w.classes & STREETS != 0));
        let digits = nearest(ahead.map(|w| w.shape.is_number()));
        let [w4, w3, w2, w1] = back.each_ref().map(|w| w.shape.is_number());
        let back = nearest([w1, w2, w3, w4]);
        let shapes = [last2, last, word, next, next2].iter().fold(0, |all, w| all << 4 | u64::from(w.shape as u8));
        let seen = [
            0,
            kind(word) << 3 | label,
            kind(word) << 20 | kind(last) << 4 | label,
            kind(word) << 20 | kind(next) << 4 | label,
            hash(word) << 3 | label,
            u64::from(word.tail) << 4 | shape,
            hash(last) << 8 | shape << 3 | label,
            hash(next) << 8 | shape << 3 | label,
            (hash(last2) << 32 | hash(last)) ^ u64::from(word.shape.is_capital()),
            class(word) << 8 | shape << 3 | label,
            class(last) << 16 | kind(word) << 3 | label,
            class(next) << 16 | kind(word) << 3 | label,
            class(last2) << 16 | kind(word) << 3 | label,
            street << 20 | shape << 12 | digits << 6 | label,
            back << 20 | shape << 12 | digits << 6 | label,
            shapes << 3 | label,
            u64::from(word.lists) << 24 | u64::from(last.lists) << 16 | u64::from(next.lists) << 8 | label,
            u64::from(self.cased) << 20 | kind(word) << 4 | label,
            kind(last2) << 40 | kind(last) << 20 | kind(word) << 4 | label,
            kind(word) << 40 | kind(next) << 20 | kind(next2) << 4 | label,
        ];
        // Written down before any weight is fetched: what is fetched in a loop of its own is fetched together.
        let mut buckets = [0; FEATURES];
        for ((slot, value), which) in buckets.iter_mut().zip(seen).zip(0..) {
            *slot = bucket(which, value);
        }
        buckets
    }
}

/// The place of the first that is so; 7: none is. Without a branch for each, for they are as good as chance.
fn nearest<const N: usize>(are: [bool; N]) -> u64 {
    let all = are.iter().rev().fold(0_u32, |all, is| all << 1 | u32::from(*is));
    u64::from((all | 1 << 7).trailing_zeros())
}

fn bucket(which: u64, value: u64) -> u16 {
    let mixed = (value ^ which << 56 ^ which).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 48) as u16
}
