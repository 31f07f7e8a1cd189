//! The history of a user's own prices: how a new list goes over the rows that are there, and what it changes from when.

use crate::catalogue::Catalogue;
use crate::overrides::clashes;
use crate::row::{ALWAYS, RateSet, Row, date};
use crate::source::RowSource;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::rates::UnitKind;
use tg_kernel::usage::ServiceTier;

/// The factor from which on a change of a rate should be looked at by a human: a slip of the unit looks so.
const JUMP: u64 = 10;

/// What a new list says of models that it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Nothing: their rows stay.
    Partial,
    /// That they have no price of one's own any more: their rows end.
    Whole,
}

/// Rows with their history, and which of them a new list touches.
#[derive(Debug)]
pub struct Merged {
    /// All rows, for the file.
    pub rows: Vec<RowSource<'static>>,
    /// Where each of them comes from.
    pub origins: Vec<Origin>,
    /// Where and from when on something may change.
    pub touched: Vec<Touched>,
    /// Those of them that the list does not name, and that take their rates from one that it does (`like`).
    pub followers: Vec<Touched>,
}

/// Where a row comes from: a list, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The rows that were there.
    Present(usize),
    /// The new list.
    List(usize),
}

/// A model whose price may change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touched {
    /// Its seller.
    pub provider: String,
    /// Its id.
    pub id: String,
    /// From when on.
    pub from: Timestamp,
    /// Until when; `None`: from then on.
    pub to: Option<Timestamp>,
    /// Whether its own price ends, rather than changes.
    pub ends: bool,
}

/// When a row holds.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Span {
    from: Timestamp,
    to: Option<Timestamp>,
}

impl Span {
    fn of(row: &RowSource<'_>) -> Result<Self, String> {
        let read = |field, text: &Option<Cow<'_, str>>| date(field, text.as_deref().map(|t| t.to_owned().into()));
        let from = read("valid_from", &row.valid_from)?.unwrap_or(ALWAYS);
        Ok(Self { from, to: read("valid_to", &row.valid_to)? })
    }

    fn write(self, row: &mut RowSource<'static>) {
        row.valid_from = (self.from != ALWAYS).then(|| self.from.to_string().into());
        row.valid_to = self.to.map(|to| to.to_string().into());
    }
}

/// Puts a new list over the rows that are there, and forgets nothing: a row that is followed gets an end. Rows of the list
/// without `valid_from` hold from `from` on. A row that begins when another one began takes its place.
///
/// # Errors
/// Every row whose dates cannot be read, and what is wrong with them; rows of the list that cannot hold together.
pub fn merge(
    present: Vec<RowSource<'static>>,
    list: Vec<RowSource<'static>>,
    from: Timestamp,
    kind: ListKind,
) -> Result<Merged, Vec<(Origin, String)>> {
    let mut problems = Vec::new();
    let mut spanned = |rows: Vec<RowSource<'static>>, origin: fn(usize) -> Origin| {
        let read = rows.into_iter().enumerate().filter_map(|(at, mut row)| {
            row.provider = crate::name::provider(&row.provider).to_owned().into();
            let span = Span::of(&row).map_err(|reason| problems.push((origin(at), reason))).ok()?;
            Some(Dated { span, row, origin: origin(at) })
        });
        read.collect::<Vec<_>>()
    };
    let (mut rows, mut list) = (spanned(present, Origin::Present), spanned(list, Origin::List));
    if !problems.is_empty() {
        return Err(problems);
    }
    for new in list.iter_mut().filter(|new| new.row.valid_from.is_none()) {
        new.span.from = from;
    }
    let named: Vec<_> = list.iter().map(|d| (&*d.row.provider, &*d.row.id, (d.span.from, d.span.to))).collect();
    let clashes = clashes(&named);
    if !clashes.is_empty() {
        return Err(clashes.into_iter().map(|(at, reason)| (Origin::List(at), reason)).collect());
    }
    let mut touched = Vec::new();
    if kind == ListKind::Whole {
        touched.extend(end_unnamed(&mut rows, &list, from));
    }
    for new in bases_first(list) {
        // What is in force already, letter for letter, begins nothing, unless what it is like does.
        for new in if is_there(&rows, &new) { anew(&new, &touched) } else { vec![new] } {
            let (provider, id) = (new.row.provider.to_string(), new.row.id.to_string());
            touched.push(Touched { provider, id, from: new.span.from, to: new.span.to, ends: false });
            rows = with(rows, new);
        }
    }
    let mut followers = Vec::new();
    if !touched.is_empty() {
        followers = followers_of(&rows, &touched);
        touched.extend(followers.iter().cloned());
    }
    let written = rows.into_iter().map(|Dated { span, mut row, origin }| {
        span.write(&mut row);
        (row, origin)
    });
    let (rows, origins) = written.unzip();
    Ok(Merged { rows, origins, touched, followers })
}

/// A row, when it holds, and where it comes from.
#[derive(Clone)]
struct Dated {
    span: Span,
    row: RowSource<'static>,
    origin: Origin,
}

/// The id of the row that a row takes its rates from.
fn base<'a>(row: &'a RowSource<'_>) -> Option<&'a str> {
    row.like.as_deref().filter(|_| row.rates.is_empty())
}

/// The rows of a list, each behind those that it takes its rates from, wherever they stand in it: what the list says of
/// those holds for it. Rows that take them from each other in a circle stay as they stand.
fn bases_first(list: Vec<Dated>) -> Vec<Dated> {
    let (mut ordered, mut waiting) = (Vec::with_capacity(list.len()), list);
    while !waiting.is_empty() {
        let name = |dated: &Dated| (dated.row.provider.to_string(), dated.row.id.to_string());
        let names: HashSet<_> = waiting.iter().map(name).collect();
        let is_held = |dated: &Dated| {
            let base = base(&dated.row).filter(|base| *base != dated.row.id);
            base.is_some_and(|base| names.contains(&(dated.row.provider.to_string(), base.to_owned())))
        };
        let (held, ready): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_held);
        if ready.is_empty() {
            ordered.extend(held);
            break;
        }
        ordered.extend(ready);
        waiting = held;
    }
    ordered
}

/// Whether a row is in force already, letter for letter, as long as it should be: in one piece, or in several on end.
fn is_there(rows: &[Dated], new: &Dated) -> bool {
    let mut piece = in_force(rows, &new.row, new.span.from);
    while let Some(there) = piece.filter(|there| is_same_price(&there.row, &new.row)) {
        match there.span.to {
            to if to == new.span.to => return true,
            Some(end) => piece = in_force(rows, &new.row, end),
            None => return false,
        }
    }
    false
}

/// A row that is there already, letter for letter, once more for each time in which an earlier row of the list changes the
/// one that it takes its rates from. Before that, and after, what is there stays.
fn anew(there: &Dated, touched: &[Touched]) -> Vec<Dated> {
    let Dated { span, row, .. } = there;
    let of_base = touched.iter().filter(|t| !t.ends && t.provider == row.provider && base(row) == Some(&*t.id));
    let spans = of_base.filter_map(|t| {
        let from = span.from.max(t.from);
        let to = span.to.into_iter().chain(t.to).min();
        to.is_none_or(|to| from < to).then_some(Span { from, to })
    });
    spans.map(|span| Dated { span, ..there.clone() }).collect()
}

/// The rows with a new one, which stands last, or where one stood of which nothing is left: `like` of rows further down
/// finds it there. One that takes its rates from a row of the list stands behind that, where its own `like` finds it.
fn with(rows: Vec<Dated>, new: Dated) -> Vec<Dated> {
    let mut all = Vec::with_capacity(rows.len() + 1);
    let mut place = None;
    for there in rows {
        let left = give_way(there, &new);
        if left.is_empty() && place.is_none() {
            place = Some(all.len());
        }
        all.extend(left);
    }
    let is_base = |dated: &Dated| {
        let Dated { span, row, origin } = dated;
        let is_named = row.provider == new.row.provider && base(&new.row) == Some(&*row.id);
        is_named && matches!(origin, Origin::List(_)) && span.from <= new.span.from
    };
    let bases = all.iter().enumerate().filter(|(_, dated)| is_base(dated));
    let behind = bases.max_by_key(|(_, dated)| dated.span.from).map(|(base, _)| base + 1);
    all.insert(behind.or(place).unwrap_or(all.len()), new);
    all
}

/// Rows that take their rates from a model that a list touches, and that it does not name themselves: whether they follow
/// it depends on the order of the file, so that they should be looked at.
fn followers_of(rows: &[Dated], touched: &[Touched]) -> Vec<Touched> {
    let mut found: Vec<Touched> = Vec::new();
    let is_named = |row: &RowSource<'_>| touched.iter().any(|t| t.provider == row.provider && t.id == row.id);
    for Dated { span, row, .. } in rows.iter().filter(|dated| !is_named(&dated.row)) {
        let Some(like) = base(row) else { continue };
        let base = touched.iter().chain(&found).find(|t| t.provider == row.provider && t.id == like);
        let Some(from) = base.map(|base| base.from.max(span.from)) else { continue };
        if span.to.is_none_or(|to| from < to) {
            let (provider, id) = (row.provider.to_string(), row.id.to_string());
            found.push(Touched { provider, id, from, to: span.to, ends: false });
        }
    }
    found
}

fn is_same_model(a: &RowSource<'_>, b: &RowSource<'_>) -> bool {
    a.provider == b.provider && a.id == b.id
}

/// The row of the same model that holds at a time.
fn in_force<'a>(rows: &'a [Dated], of: &RowSource<'_>, at: Timestamp) -> Option<&'a Dated> {
    let same = rows.iter().filter(|dated| is_same_model(&dated.row, of));
    let holds = |span: Span| span.from <= at && span.to.is_none_or(|to| at < to);
    same.filter(|dated| holds(dated.span)).max_by_key(|dated| dated.span.from)
}

fn is_same_price(a: &RowSource<'_>, b: &RowSource<'_>) -> bool {
    let undated = |row: &RowSource<'_>| RowSource { valid_from: None, valid_to: None, ..row.clone() }.into_owned();
    undated(a) == undated(b)
}

/// What is left of a row beside a new one of the same model: its part before, its part after, or both.
fn give_way(dated: Dated, by: &Dated) -> Vec<Dated> {
    let (there, new) = (dated.span, by.span);
    let is_past = there.to.is_some_and(|to| to <= new.from);
    let is_later = new.to.is_some_and(|to| to <= there.from) || (new.to.is_none() && there.from > new.from);
    // One without an end holds again by itself when a passing one ends.
    let outlasts = there.to.is_none() && there.from < new.from && new.to.is_some();
    if !is_same_model(&dated.row, &by.row) || is_past || is_later || outlasts {
        return vec![dated];
    }
    let before = (there.from < new.from).then_some(Span { from: there.from, to: Some(new.from) });
    let after = new.to.filter(|end| there.to.is_none_or(|to| to > *end)).map(|end| Span { from: end, to: there.to });
    before.into_iter().chain(after).map(|span| Dated { span, ..dated.clone() }).collect()
}

/// Ends the rows of models that the list does not name.
fn end_unnamed(rows: &mut Vec<Dated>, list: &[Dated], from: Timestamp) -> Vec<Touched> {
    let mut touched = Vec::new();
    rows.retain_mut(|Dated { span, row, .. }| {
        let is_named = list.iter().any(|named| is_same_model(&named.row, row));
        if is_named || span.to.is_some_and(|to| to <= from) {
            return true;
        }
        let (provider, id) = (row.provider.to_string(), row.id.to_string());
        touched.push(Touched { provider, id, from: span.from.max(from), to: span.to, ends: true });
        let has_begun = span.from < from;
        span.to = Some(from);
        has_begun
    });
    touched
}

/// A rate that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateChange {
    /// At which service tier.
    pub tier: ServiceTier,
    /// For calls with more than this many input tokens.
    pub above: u32,
    /// Of what.
    pub kind: UnitKind,
    /// Pico-dollars for one unit before; `None`: there was no price.
    pub before: Option<u64>,
    /// Now; `None`: there is no price any more.
    pub after: Option<u64>,
}

impl RateChange {
    /// Whether it becomes more than ten times as much, or less than a tenth.
    #[must_use]
    pub const fn is_jump(&self) -> bool {
        match (self.before, self.after) {
            (Some(a), Some(b)) => a > b.saturating_mul(JUMP) || b > a.saturating_mul(JUMP),
            _ => false,
        }
    }
}

/// A model whose price changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// Which, from when on.
    pub of: Touched,
    /// The rates that differ; empty where only other facts of the row do.
    pub rates: Vec<RateChange>,
}

impl RowChange {
    /// Whether a human should have looked at it: a rate jumps, or there is no price (of one's own) any more.
    #[must_use]
    pub fn needs_review(&self) -> bool {
        self.of.ends || self.rates.iter().any(|rate| rate.is_jump() || rate.after.is_none())
    }
}

/// What differs between two catalogues at the moments at which something may change.
#[must_use]
pub fn changes(before: &Catalogue, after: &Catalogue, touched: &[Touched]) -> Vec<RowChange> {
    let mut touched = touched.to_vec();
    touched.sort();
    touched.dedup();
    let compared = touched.into_iter().map(|of| {
        let find = |catalogue: &Catalogue| catalogue.find(&of.provider, &of.id, of.from);
        let rates = rate_changes(find(before), find(after));
        RowChange { of, rates }
    });
    compared.collect()
}

fn rate_changes(before: Option<Arc<Row>>, after: Option<Arc<Row>>) -> Vec<RateChange> {
    let sets = |row: &Option<Arc<Row>>| row.as_ref().map_or_else(Vec::new, |row| row.rate_sets().to_vec());
    let mut keys: Vec<(ServiceTier, u32)> =
        [sets(&before), sets(&after)].concat().iter().map(|set: &RateSet| (set.tier, set.above)).collect();
    keys.sort_by_key(|(tier, above)| (*tier as u8, *above));
    keys.dedup();
    // A call just above the threshold, at that tier: also where the one row does not tell it apart.
    let rate = |row: &Option<Arc<Row>>, (tier, above): (ServiceTier, u32), kind| {
        row.as_ref()?.rates(tier, u64::from(above).saturating_add(1)).rates.of(kind)
    };
    let of = |key: (ServiceTier, u32)| {
        UnitKind::ALL.into_iter().map(move |kind| (key, kind)).map(|(key, kind)| RateChange {
            tier: key.0,
            above: key.1,
            kind,
            before: rate(&before, key, kind),
            after: rate(&after, key, kind),
        })
    };
    keys.into_iter().flat_map(of).filter(|change| change.before != change.after).collect()
}
