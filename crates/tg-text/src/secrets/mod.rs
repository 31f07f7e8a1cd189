//! Credentials in a text: hundreds of vendors' forms, key blocks, connection strings, and whatever a name calls secret.

mod assign;
mod blocks;
mod check;
mod elsewhere;
mod forms;
mod generic;
mod pattern;
mod scan;
#[cfg(test)]
mod tests;
mod value;
mod words;

pub(crate) use blocks::is_open_key;

use crate::finding::{Finding, Kind};
use crate::span::Span;
use crate::view::{Hidden, Hiding, View};
use scan::Hit;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A form of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name for policies and findings: `github-pat`.
    pub id: &'static str,
    /// Whose it is, or who defined it.
    pub vendor: &'static str,
    /// What it is.
    pub what: &'static str,
    /// What stands behind a finding.
    pub basis: Basis,
}

/// What a credential is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// What it looks like, wherever it stands.
    Form,
    /// A larger form that it stands in.
    Block,
    /// The name of its vendor, and a value of the vendor's form.
    Vendor,
    /// Any name that calls it secret, and a value that chance made.
    Name,
}

/// Credentials that are known only by a name that calls them secret.
const GENERIC: &[Entry] = &[
    Entry { id: "generic-password", vendor: "any", what: "password", basis: Basis::Name },
    Entry { id: "generic-secret", vendor: "any", what: "secret or token", basis: Basis::Name },
    Entry { id: "generic-key", vendor: "any", what: "key", basis: Basis::Name },
];

/// All forms.
pub fn entries() -> impl Iterator<Item = Entry> {
    let forms = forms::FORMS.iter().copied().flatten().map(|f| Entry {
        id: f.id,
        vendor: f.vendor,
        what: f.what,
        basis: Basis::Form,
    });
    let blocks = blocks::BLOCKS.iter().map(|b| Entry { id: b.id, vendor: b.vendor, what: b.what, basis: Basis::Block });
    let named = forms::NAMED.iter().map(|n| Entry { id: n.id, vendor: n.vendor, what: n.what, basis: Basis::Vendor });
    forms.chain(blocks).chain(named).chain(GENERIC.iter().copied())
}

/// The form of a name.
#[must_use]
pub fn entry(id: &str) -> Option<Entry> {
    entries().find(|entry| entry.id == id)
}

/// Compiles the tables, which the first text would wait for otherwise; tells how many bytes their words take.
pub fn warm() -> usize {
    scan::tables().map_or(0, scan::Tables::memory)
}

/// Which credentials are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Those that are not told.
    without: BTreeSet<&'static str>,
}

/// A name that no form has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a form of credentials; `tg_text::secrets::entries` lists them")]
pub struct Unknown(pub String);

impl Secrets {
    /// All.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Some, by their names.
    ///
    /// # Errors
    /// The first name that no form has.
    pub fn of<'n>(ids: impl IntoIterator<Item = &'n str>) -> Result<Self, Unknown> {
        let mut without: BTreeSet<&'static str> = entries().map(|entry| entry.id).collect();
        let mut wanted = BTreeSet::new();
        for id in ids {
            wanted.insert(entry(id).ok_or_else(|| Unknown(id.to_owned()))?.id);
        }
        without.retain(|id| !wanted.contains(id));
        Ok(Self { without })
    }

    /// All but some.
    ///
    /// # Errors
    /// The first name that no form has.
    pub fn but<'n>(ids: impl IntoIterator<Item = &'n str>) -> Result<Self, Unknown> {
        let without = ids.into_iter().map(|id| entry(id).map(|entry| entry.id).ok_or_else(|| Unknown(id.to_owned())));
        Ok(Self { without: without.collect::<Result<_, _>>()? })
    }

    /// Whether it looks for this form.
    #[must_use]
    pub fn wants(&self, id: &str) -> bool {
        entry(id).is_some_and(|entry| !self.without.contains(entry.id))
    }

    /// Adds what is found in a text, in order of its place; no two of its findings overlap, but for those in hidden
    /// texts, which have the place of what hid them. A finding is the value alone, without its name.
    pub fn find(&self, view: &View<'_>, found: &mut Vec<Finding>) {
        let Some(tables) = scan::tables() else { return };
        let plain = view.plain();
        let mut hits = tables.hits(plain.text());
        // What has a form of its own has it beside a dash, too.
        let beside = view.without_dashes().map(|text| tables.hits(text)).unwrap_or_default();
        hits.extend(beside.into_iter().filter(|hit| hit.rank >= scan::RANK_FORM));
        for hit in self.resolved(hits) {
            let span = plain.origin(Span::from(hit.span.clone()));
            found.push(finding(&hit, span));
        }
        // What leet hides are words: reading it changes digits, and makes no secret of what was none.
        for hidden in view.hidden().iter().filter(|hidden| hidden.how != Hiding::Leet) {
            for hit in self.hits(tables, &hidden.plain) {
                tell(&hit, hidden, found);
            }
        }
        // What has no form of its own is no credential because its characters stand apart.
        for exact in view.exact() {
            for hit in self.hits(tables, &exact.plain).into_iter().filter(|hit| hit.rank >= scan::RANK_FORM) {
                tell(&hit, exact, found);
            }
        }
    }

    fn hits(&self, tables: &scan::Tables, text: &str) -> Vec<Hit> {
        self.resolved(tables.hits(text))
    }

    fn resolved(&self, mut hits: Vec<Hit>) -> Vec<Hit> {
        hits.retain(|hit| !self.without.contains(hit.id));
        resolve(hits)
    }
}

/// Tells what is hidden, if it has not been told: what can be read without decoding has been, and its place is known better.
fn tell(hit: &Hit, hidden: &Hidden, found: &mut Vec<Finding>) {
    let span = hidden.place_in_plain(Span::from(hit.span.clone()));
    if !found.iter().any(|f| f.kind == Kind::Secret && f.rule == hit.id && f.span.overlaps(span)) {
        found.push(finding(hit, span));
    }
}

fn finding(hit: &Hit, span: Span) -> Finding {
    Finding { kind: Kind::Secret, rule: Cow::Borrowed(hit.id), span, score: hit.score }
}

/// Keeps the more specific, then the surer, then the longer of those that overlap.
fn resolve(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by(|a, b| {
        let surer = b.rank.cmp(&a.rank).then(b.score.total_cmp(&a.score)).then(b.span.len().cmp(&a.span.len()));
        surer.then(a.span.start.cmp(&b.span.start)).then(a.id.cmp(b.id))
    });
    let mut kept = BTreeMap::<usize, Hit>::new();
    for hit in hits {
        let before = kept.range(..hit.span.end).next_back();
        if before.is_none_or(|(_, other)| other.span.end <= hit.span.start) {
            kept.insert(hit.span.start, hit);
        }
    }
    kept.into_values().collect()
}
