//! Personal data in a text: forms with check digits, numbers that words name, and best-effort names and addresses.

mod bank;
pub(crate) mod check;
mod cluster;
mod crypto;
mod cue;
pub mod custom;
mod date;
pub mod entity;
mod keccak;
pub mod names;
mod national;
mod net;
mod number;
mod phone;
mod place;
mod scan;
mod surroundings;

use crate::finding::{Finding, Kind};
use crate::span::Span;
use crate::view::View;
use entity::Entity;
use std::borrow::Cow;

/// Which entities are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pii {
    wanted: u128,
}

/// A name that no entity has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an entity; `tg_text::pii::entity` lists them")]
pub struct Unknown(pub String);

impl Pii {
    /// All entities, the best-effort ones among them.
    #[must_use]
    pub fn all() -> Self {
        Self { wanted: Entity::ALL.iter().fold(0, |all, entity| all | entity.bit()) }
    }

    /// All but the best-effort ones (names, addresses).
    #[must_use]
    pub fn structured() -> Self {
        Self { wanted: Self::all().wanted & !GUESSES }
    }

    /// Some entities by their names.
    ///
    /// # Errors
    /// The first name that no entity has.
    pub fn of<'n>(ids: impl IntoIterator<Item = &'n str>) -> Result<Self, Unknown> {
        let mut wanted = 0;
        for id in ids {
            wanted |= Entity::named(id).ok_or_else(|| Unknown(id.to_owned()))?.bit();
        }
        Ok(Self { wanted })
    }

    /// Whether an entity is looked for.
    #[must_use]
    pub fn wants(self, entity: Entity) -> bool {
        self.wanted & entity.bit() != 0
    }

    /// Adds what is found in a text, in order of its place; no two of its findings overlap, but for those in hidden
    /// texts, which have the place of what hid them.
    pub fn find(self, view: &View<'_>, found: &mut Vec<Finding>) {
        let plain = view.plain();
        let first = found.len();
        let mut hits = self.hits(plain.text());
        if let Some(text) = view.without_dashes() {
            hits.extend(Self { wanted: self.wanted & !GUESSES }.hits(text));
            hits = resolve(hits);
        }
        for hit in hits {
            found.push(finding(hit, |span| plain.origin(span)));
        }
        let behind = found.len();
        // Only forms are looked for in it: a guess at what was decoded would be one too many. Of digits that stand apart there
        // are many: only what they are is told that little else can be.
        let hidden = view.hidden().iter().map(|hidden| (hidden, !GUESSES));
        for (hidden, among) in hidden.chain(view.exact().iter().map(|exact| (exact, EXACT))) {
            let hits = Self { wanted: self.wanted & among }.hits(&hidden.plain);
            for hit in hits.into_iter().filter(|hit| among != EXACT || hit.span.len() >= EXACT_MIN) {
                let next = finding(hit, |span| hidden.place_in_plain(span));
                // What was not hidden itself stands in the plain reading, too.
                let plain = found.get(first..behind).unwrap_or_default();
                let at = plain.partition_point(|known| known.span.end <= next.span.start);
                let known =
                    plain.get(at).is_some_and(|known| known.rule == next.rule && known.span.overlaps(next.span));
                // The same row may be read in two ways, and twice where it is long.
                let decoded = found.get(behind..).unwrap_or_default();
                let again = decoded.iter().rev().take(AGAIN).any(|other| *other == next);
                if !known && !again {
                    found.push(next);
                }
            }
        }
    }

    fn hits(self, text: &str) -> Vec<Hit> {
        if self.wanted == 0 {
            return Vec::new();
        }
        let mut hits = scan::structured(text, self.wanted);
        if self.wanted & GUESSES != 0 {
            hits.extend(names::find(text).into_iter().map(|(entity, span)| Hit { entity, span, score: GUESS }));
        }
        hits.retain(|hit| self.wants(hit.entity));
        resolve(hits)
    }
}

const GUESSES: u128 = Entity::Person.bit() | Entity::Address.bit();

/// What is looked for in single characters that stand apart.
const EXACT: u128 = Entity::Email.bit() | Entity::Card.bit() | Entity::Iban.bit();

/// Fewest characters of it: `a @ b . c d` is a formula.
const EXACT_MIN: usize = 9;

/// Among how many of the last findings one is looked for that was told before.
const AGAIN: usize = 64;

/// How sure a guess is: less than anything with a form.
const GUESS: f32 = 0.5;

/// One thing that was found, before it is told.
#[derive(Clone, Debug)]
struct Hit {
    entity: Entity,
    span: Span,
    score: f32,
}

fn finding(hit: Hit, origin: impl Fn(Span) -> Span) -> Finding {
    let rule = Cow::Borrowed(hit.entity.id());
    Finding { kind: Kind::Pii, rule, span: origin(hit.span), score: hit.score }
}

/// Keeps the surer and then the longer of those that overlap.
fn resolve(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then(b.span.len().cmp(&a.span.len()))
            .then(a.span.start.cmp(&b.span.start))
            .then(a.entity.cmp(&b.entity))
    });
    let mut kept = std::collections::BTreeMap::<usize, Hit>::new();
    for hit in hits {
        let before = kept.range(..hit.span.end).next_back();
        if before.is_none_or(|(_, other)| !other.span.overlaps(hit.span)) {
            kept.insert(hit.span.start, hit);
        }
    }
    kept.into_values().collect()
}

#[cfg(test)]
mod tests;
