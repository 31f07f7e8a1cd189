//! One pass over a text that stops where personal data can be: at digits and at `@`.

use super::cluster::Cluster;
use super::cue::CueFinder;
use super::entity::Entity;
use super::surroundings::opens;
use super::{Hit, bank, date, net, number, phone, place};
use crate::span::Span;
use std::ops::Range;

/// Fewer digits than these are in no number that is looked for.
const DIGITS_MIN: usize = 5;
/// But for a word this long, in which one less will do.
const WORD_MIN: usize = 10;
/// How far behind its name a BIC may stand.
const BIC_AWAY: usize = 40;

/// Everything that has a form. `wanted` spares the search for what nobody asked for.
pub(super) fn structured(text: &str, wanted: u128) -> Vec<Hit> {
    let mut scan = Scan {
        text,
        bytes: text.as_bytes(),
        cues: CueFinder::new(text),
        cluster: Cluster::default(),
        parts_end: 0,
        hits: Vec::new(),
    };
    let mut from = 0;
    let mut at = 0;
    while let Some(next) = next_trigger(scan.bytes, at) {
        if scan.bytes.get(next) == Some(&b'@') {
            if let Some((entity, span)) = net::at_sign(text, next) {
                scan.tell(entity, span, 1.0);
            }
            at = next + 1;
            continue;
        }
        scan.digits(from, next);
        from = scan.cluster.next_from().max(next + 1);
        at = from;
        scan.signs_before(next + 1, from);
    }
    if wanted & Entity::Bic.bit() != 0 {
        scan.bics();
    }
    scan.hits
}

fn next_trigger(bytes: &[u8], at: usize) -> Option<usize> {
    const BLOCK: usize = 16;
    let is_trigger = |b: &u8| b.is_ascii_digit() | (*b == b'@');
    let rest = bytes.get(at..)?;
    // Blocks of prose without a branch inside, so that the compiler makes wide instructions of it.
    let is_quiet = |block: &&[u8]| !block.iter().fold(false, |any, b| any | is_trigger(b));
    let skipped = rest.chunks_exact(BLOCK).take_while(is_quiet).count() * BLOCK;
    let found = rest.get(skipped..)?.iter().position(is_trigger)?;
    Some(at + skipped + found)
}

struct Scan<'t> {
    text: &'t str,
    bytes: &'t [u8],
    cues: CueFinder<'t>,
    cluster: Cluster,
    /// Where the stretch ends in which addresses with colons were looked for last.
    parts_end: usize,
    hits: Vec<Hit>,
}

impl Scan<'_> {
    fn tell(&mut self, entity: Entity, span: Range<usize>, score: f32) {
        self.hits.push(Hit { entity, span: Span::from(span), score });
    }

    /// No `@` stands within a cluster: it would have ended there.
    fn signs_before(&self, from: usize, to: usize) {
        debug_assert!(!self.bytes.get(from..to).unwrap_or_default().contains(&b'@'));
    }

    /// What begins around a digit.
    fn digits(&mut self, from: usize, at: usize) {
        self.cluster.read(self.bytes, from, at);
        if let Some((entity, span)) = self.colons(at) {
            self.tell(entity, span, 1.0);
        }
        self.dotted(from, at);
        let (first, last) = (self.cluster.atoms.first(), self.cluster.atoms.last());
        let span = first.map_or(at, |atom| atom.start)..last.map_or(at, |atom| atom.end);
        let told = self.cues.within(span.start, span.end);
        if told & Entity::BirthDate.bit() != 0 {
            self.dates();
        }
        let few = self.cluster.digits < DIGITS_MIN;
        if few && !self.cluster.atoms.iter().any(|atom| atom.len() >= WORD_MIN && atom.digits + 1 >= DIGITS_MIN) {
            return;
        }
        let hits = &mut self.hits;
        number::find(self.bytes, &self.cluster, told, &mut self.cues, |entity, span, score| {
            hits.push(Hit { entity, span: Span::from(span), score });
        });
        phone::find(self.bytes, &self.cluster, told, &mut self.cues, |span, score| {
            hits.push(Hit { entity: Entity::Phone, span: Span::from(span), score });
        });
        if told & Entity::Coordinates.bit() == 0 {
            return;
        }
        if let Some(span) = place::coordinates(self.text, self.cluster.first_digits(), &mut self.cues) {
            self.tell(Entity::Coordinates, span, 0.8);
        }
    }

    /// Addresses with colons: looked for where one stands right before or behind the first group.
    fn colons(&mut self, at: usize) -> Option<(Entity, Range<usize>)> {
        // What is one stretch of digits, colons and dots has been looked at from its first digit on.
        if at < self.parts_end {
            return None;
        }
        let first = self.cluster.atoms.iter().find(|atom| atom.end > at)?;
        let colon = |index: Option<usize>| index.and_then(|index| self.bytes.get(index)) == Some(&b':');
        if !colon(Some(first.end)) && !colon(first.start.checked_sub(1)) {
            return None;
        }
        let parts = net::parts_around(self.bytes, at);
        self.parts_end = parts.end;
        net::colons(self.bytes, parts, &mut self.cues)
    }

    /// Addresses with dots or dashes that begin with a group of the cluster.
    fn dotted(&mut self, from: usize, at: usize) {
        if self.cluster.atoms.len() < 3 {
            if let Some(span) = net::dashes(self.bytes, from, at) {
                self.tell(Entity::Mac, span, 0.95);
            }
            return;
        }
        for index in 0..self.cluster.atoms.len().saturating_sub(2) {
            let Some(atom) = self.cluster.atoms.get(index).copied() else { continue };
            match self.bytes.get(atom.end) {
                Some(b'.') if atom.is_digits() && atom.len() <= 3 => {
                    if let Some(span) = net::ipv4(self.bytes, atom.start, &mut self.cues) {
                        self.tell(Entity::Ip, span, 1.0);
                    }
                }
                Some(b'-' | b'.') if matches!(atom.len(), 2 | 4) => {
                    if let Some(span) = net::dashes(self.bytes, atom.start, atom.start) {
                        self.tell(Entity::Mac, span, 1.0);
                    }
                }
                _ => {}
            }
        }
    }

    /// Dates that begin with a group of the cluster, or with the month before it, where a word speaks of birth.
    fn dates(&mut self) {
        for index in 0..self.cluster.atoms.len() {
            let Some(atom) = self.cluster.atoms.get(index).copied() else { continue };
            if atom.digits == 0 || atom.digits > 4 || !opens(self.bytes, atom.start) {
                continue;
            }
            let date = date::digits(self.text, atom.start);
            let date = date.or_else(|| (atom.len() <= 4).then(|| date::month_first(self.text, atom.start)).flatten());
            let Some(span) = date else { continue };
            if self.cues.before(span.start) & Entity::BirthDate.bit() != 0 {
                self.tell(Entity::BirthDate, span, 0.97);
            }
        }
    }

    /// Whether a word begins with the name of a BIC (`BICFI`, `SWIFTCODE`), or another has it within (`ARABIC`, `LIBICONV`).
    fn names_bic(&self, at: usize) -> bool {
        let letter = |index: usize| self.bytes.get(index).is_some_and(u8::is_ascii_uppercase);
        self.bytes.get(at) == Some(&b'w') || at.checked_sub(1).is_none_or(|before| !letter(before))
    }

    /// BICs have no digit to stop at: they are looked for behind their name.
    fn bics(&mut self) {
        for name in [&b"BIC"[..], b"SWIFT", b"wift"] {
            let found: Vec<usize> = memchr::memmem::find_iter(self.bytes, name).collect();
            for at in found {
                let end = at + name.len();
                if !self.names_bic(at) {
                    continue;
                }
                let stretch = self.bytes.get(end..(end + BIC_AWAY).min(self.bytes.len())).unwrap_or_default();
                let mut start = end;
                for word in stretch.split(|b| !b.is_ascii_alphanumeric()) {
                    let span = start..start + word.len();
                    start = span.end + 1;
                    let ends = self.bytes.get(span.end).is_none_or(|b| !b.is_ascii_alphanumeric());
                    if ends && span.start > end && bank::bic(word) {
                        self.tell(Entity::Bic, span, 0.9);
                        break;
                    }
                }
            }
        }
    }
}
