//! What a group of letters and digits is: every reading of a cluster against the forms of its length.

use super::bank::{self, Usual};
use super::cluster::{CHARS_MAX, Candidate, Cluster, closes, opens};
use super::crypto;
use super::cue::{CueFinder, Cues, HOUSE, VERSION};
use super::entity::Entity;
use super::national::{Form, forms};
use std::ops::Range;
use std::sync::OnceLock;

/// How sure: a check digit and a word, or a form that needs no word.
const SURE: f32 = 1.0;
/// A check digit or a fixed form alone.
const FORM: f32 = 0.9;
/// The same beside a word for something else.
const DOUBTFUL: f32 = 0.65;
/// A word alone.
const TOLD: f32 = 0.7;

/// Forms by their length; first all of them, then those that need no word.
type Table = Vec<[Vec<&'static Form>; 2]>;

/// Forms of a length; if no word is near, only those that need none.
fn by_length(length: usize, told: bool) -> &'static [&'static Form] {
    static TABLE: OnceLock<Table> = OnceLock::new();
    let of = |length: usize| {
        let all: Vec<_> = forms().filter(|form| form.length == length).collect();
        let free = all.iter().copied().filter(|form| !form.free.is_empty()).collect();
        [all, free]
    };
    let table = TABLE.get_or_init(|| (0..=CHARS_MAX).map(of).collect());
    let [all, free] = match table.get(length) {
        Some(row) => row,
        None => return &[],
    };
    if told { all } else { free }
}

/// Everything but phones that a cluster is. `told`: what any word near anything in it speaks of.
pub(super) fn find(
    text: &[u8],
    cluster: &Cluster,
    told: Cues,
    cues: &mut CueFinder<'_>,
    mut tell: impl FnMut(Entity, Range<usize>, f32),
) {
    let mut candidate = Candidate::new();
    let mut behind = 0;
    for (from, atom) in cluster.atoms.iter().enumerate() {
        if atom.start < behind || !opens(text, atom.start) {
            continue;
        }
        if atom.len() >= 25 && atom.digits > 0 && crypto::address(text.get(atom.start..atom.end).unwrap_or_default()) {
            tell(Entity::Crypto, atom.start..atom.end, SURE);
        }
        let Some(rest) = cluster.atoms.get(from..) else { continue };
        let mut going = candidate.begin(text, *atom);
        let mut place = from;
        for (index, next) in rest.iter().enumerate() {
            if !going {
                break;
            }
            if index > 0 {
                going = candidate.push(text, *next);
                place += 1;
                if !going {
                    break;
                }
            }
            if is_dense(&candidate) && is_worth(&candidate, told) && closes(text, candidate.end) {
                candidate.alone = alone(text, cluster, from, place);
                if let Some(end) = read(text, &candidate, told, cues, &mut tell) {
                    behind = behind.max(end);
                }
            }
        }
    }
}

/// Whether it has enough in it: more than four digits, and groups of more than one for the most part.
fn is_dense(c: &Candidate) -> bool {
    let length = c.chars().len();
    (c.digits >= 5 || length >= 10) && length + 2 >= 2 * c.groups().len()
}

/// Whether it can be anything at all: beside no word most forms cannot.
fn is_worth(c: &Candidate, told: Cues) -> bool {
    told != 0
        || bank::iban_begins(c.chars())
        || bank::card_groups(c).is_some()
        || by_length(c.chars().len(), false).iter().any(|form| is_free(form, c))
}

/// Whether it is written as a form is where no word has to name it.
fn is_free(form: &Form, c: &Candidate) -> bool {
    form.free.iter().any(|(groups, gaps)| groups.len() == c.groups().len() && c.is_shape(groups, gaps))
}

/// Whether no digits join the groups before or behind by more than a blank.
fn alone(text: &[u8], cluster: &Cluster, from: usize, to: usize) -> bool {
    let tight = |left: usize, right: usize| {
        let (Some(a), Some(b)) = (cluster.atoms.get(left), cluster.atoms.get(right)) else { return false };
        let gap = text.get(a.end..b.start).unwrap_or_default();
        a.digits > 0 && b.digits > 0 && matches!(gap, [b'-' | b'.' | b'/'])
    };
    let before = from.checked_sub(1).is_some_and(|left| tight(left, from));
    !before && !tight(to, to + 1)
}

/// Reads one candidate; gives its end where it is surely something, so that nothing else is read in it.
fn read(
    text: &[u8],
    c: &Candidate,
    told: Cues,
    cues: &mut CueFinder<'_>,
    tell: &mut impl FnMut(Entity, Range<usize>, f32),
) -> Option<usize> {
    let span = c.start..c.end;
    if bank::iban_begins(c.chars()) && c.chars().len() >= 15 && bank::iban(c) {
        tell(Entity::Iban, span, SURE);
        return Some(c.end);
    }
    if !c.alone {
        return None;
    }
    let nothing = (told == 0).then_some((0, 0));
    let mut near = Near { cues, start: c.start, end: c.end, known: nothing };
    if let Some(usual) = bank::card(c) {
        let named = near.has(Entity::Card.bit());
        if usual == Usual::Alone || named {
            tell(Entity::Card, span, if named { SURE } else { FORM });
            return Some(c.end);
        }
    }
    let regular = c.even() || gaps_of_nothing(c);
    for form in by_length(c.chars().len(), told != 0) {
        // What is cheap comes first: most numbers are beside no word, and are counted for nothing.
        let free = is_free(form, c) && !(c.gaps().contains(&b' ') && near.has(HOUSE));
        let own = near.has(form.entity.bit());
        let known = own || free || near.has(form.cues);
        if !known || !(free || regular) || !(form.check)(c) || (!own && c.is_monotone()) {
            continue;
        }
        let mut span = span.clone();
        if form.entity == Entity::HkId && text.get(c.end) == Some(&b')') {
            span.end += 1;
        }
        // A word for phones makes a form without a word of its own doubtful.
        let score = if near.has(Entity::Phone.bit()) { DOUBTFUL } else { FORM };
        tell(form.entity, span, if own { SURE } else { score });
    }
    tell_told(c, &mut near, tell);
    None
}

/// Groups with blanks only, however many.
fn gaps_of_nothing(c: &Candidate) -> bool {
    c.gaps().iter().all(|gap| *gap == b' ')
}

/// What [`tell_told`] looks for.
const TOLD_ONES: Cues = Entity::UsRouting.bit()
    | Entity::Vin.bit()
    | Entity::Imei.bit()
    | Entity::UkSortCode.bit()
    | Entity::BankAccount.bit()
    | Entity::Passport.bit()
    | Entity::DrivingLicence.bit()
    | Entity::MedicalRecord.bit();

/// What is known by a word beside it, and by little else.
fn tell_told(c: &Candidate, near: &mut Near<'_, '_>, tell: &mut impl FnMut(Entity, Range<usize>, f32)) {
    if !near.has_before(TOLD_ONES) {
        return;
    }
    let span = c.start..c.end;
    let (length, one) = (c.chars().len(), c.groups().len() == 1);
    let mut told = |entity: Entity, fits: bool, score: f32, near: &mut Near<'_, '_>| {
        if fits && near.has_before(entity.bit()) && !near.has(VERSION) {
            tell(entity, span.clone(), score);
        }
    };
    told(Entity::UsRouting, length == 9 && bank::routing(c), SURE, near);
    told(Entity::Vin, length == 17 && one && bank::vin(c), SURE, near);
    told(Entity::Imei, length == 15 && c.all_digits() && super::check::luhn(c.values()), SURE, near);
    told(Entity::UkSortCode, c.all_digits() && length == 6 && (one || c.groups() == [2, 2, 2]), TOLD, near);
    let plain = c.all_digits() && c.even() && !c.is_monotone();
    told(Entity::BankAccount, plain && (6..=17).contains(&length) && c.groups().len() <= 4, TOLD - 0.1, near);
    let letters = length - c.digits;
    told(Entity::Passport, one && (7..=10).contains(&length) && letters <= 3, TOLD, near);
    let licence = (5..=18).contains(&length) && letters <= 7 && c.even();
    told(Entity::DrivingLicence, licence, TOLD, near);
    told(
        Entity::MedicalRecord,
        (5..=14).contains(&length) && letters <= 4 && c.even() && c.groups().len() <= 3,
        TOLD,
        near,
    );
}

/// The words near a candidate, looked for once and only where they are asked for.
struct Near<'a, 't> {
    cues: &'a mut CueFinder<'t>,
    start: usize,
    end: usize,
    known: Option<(Cues, Cues)>,
}

impl Near<'_, '_> {
    fn known(&mut self) -> (Cues, Cues) {
        let (cues, start, end) = (&mut self.cues, self.start, self.end);
        *self.known.get_or_insert_with(|| (cues.near(start, end), cues.before(start)))
    }

    fn has(&mut self, wanted: Cues) -> bool {
        wanted != 0 && self.known().0 & wanted != 0
    }

    fn has_before(&mut self, wanted: Cues) -> bool {
        self.known().1 & wanted != 0
    }
}
