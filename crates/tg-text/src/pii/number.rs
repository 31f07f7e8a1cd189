//! What a group of letters and digits is: every reading of a cluster against the forms of its length.

use super::bank::{self, Usual};
use super::cluster::{Atom, CHARS_MAX, Candidate, Cluster};
use super::crypto;
use super::cue::{CueFinder, Cues, HOUSE, VERSION};
use super::entity::Entity;
use super::national::{Form, forms, is_usual_nir};
use super::surroundings::{self, closes, closes_tightly, opens, opens_tightly};
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
    tell: impl FnMut(Entity, Range<usize>, f32),
) {
    find_within(text, cluster, told, cues, tell, reach);
}

/// The same, with as many groups for one number as `reach` says.
fn find_within(
    text: &[u8],
    cluster: &Cluster,
    told: Cues,
    cues: &mut CueFinder<'_>,
    mut tell: impl FnMut(Entity, Range<usize>, f32),
    reach: impl Fn(&[u8], &[Atom], Cues) -> usize,
) {
    let mut candidate = Candidate::new();
    let mut behind = 0;
    for (from, atom) in cluster.atoms.iter().enumerate() {
        if atom.start < behind {
            continue;
        }
        let tight = !opens(text, atom.start);
        if tight && !may_be_tight(text, *atom, told) {
            continue;
        }
        if !tight
            && atom.len() >= 25
            && atom.digits > 0
            && crypto::address(text.get(atom.start..atom.end).unwrap_or_default())
        {
            tell(Entity::Crypto, atom.start..atom.end, SURE);
        }
        let Some(rest) = cluster.atoms.get(from..) else { continue };
        let rest = rest.get(..reach(text, rest, told)).unwrap_or(rest);
        if rest.is_empty() {
            continue;
        }
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
            if !is_dense(&candidate) || !is_worth(&candidate, told) {
                continue;
            }
            let closed = closes(text, candidate.end);
            if closed || closes_tightly(text, candidate.end) {
                candidate.tight = tight || !closed;
                candidate.alone = alone(text, cluster, from, place);
                if let Some(end) = read(text, &candidate, told, cues, &mut tell) {
                    behind = behind.max(end);
                }
            }
        }
    }
}

/// Words that speak of the number of a card within a path or a name.
const CARD_NAMES: Cues = Entity::Card.bit() | Entity::InPan.bit() | Entity::BankAccount.bit();

/// Whether a number that begins within a path or a name is read: an IBAN says what it is, all else a word has to name.
fn may_be_tight(text: &[u8], atom: Atom, told: Cues) -> bool {
    let letter = text.get(atom.start).is_some_and(u8::is_ascii_alphabetic);
    (told != 0 || letter && atom.digits >= 2) && opens_tightly(text, atom.start)
}

/// How many groups may be one number. An IBAN begins with a letter, and a word names what it likes; all else is written in
/// groups that are known, which most rows of numbers are not.
fn reach(text: &[u8], atoms: &[Atom], told: Cues) -> usize {
    let letter = atoms.first().and_then(|atom| text.get(atom.start)).is_some_and(u8::is_ascii_alphabetic);
    if told != 0 || letter { atoms.len() } else { shapes().longest(atoms) }
}

/// The rows of groups in which numbers are written that no word has to name, as an automaton over how long groups are.
struct Shapes(Vec<Step>);

/// What a row of groups that was read so far can go on with.
#[derive(Clone)]
struct Step {
    /// The next step for a group of each length; nought: there is none.
    next: [u16; CHARS_MAX + 1],
    /// Whether a number may end here.
    ends: bool,
}

fn shapes() -> &'static Shapes {
    static SHAPES: OnceLock<Shapes> = OnceLock::new();
    SHAPES.get_or_init(|| {
        let mut shapes = Shapes(vec![Step { next: [0; CHARS_MAX + 1], ends: false }]);
        let free = forms().flat_map(|form| form.free).map(|(groups, _)| *groups);
        free.chain(bank::CARD_GROUPS.iter().copied()).for_each(|groups| shapes.add(groups));
        shapes
    })
}

impl Shapes {
    fn add(&mut self, groups: &[u8]) {
        let mut at = 0;
        for group in groups {
            let new = self.0.len();
            let Some(next) = self.0.get_mut(at).and_then(|step| step.next.get_mut(usize::from(*group))) else { return };
            if *next == 0 {
                *next = u16::try_from(new).unwrap_or(0);
                self.0.push(Step { next: [0; CHARS_MAX + 1], ends: false });
                at = new;
            } else {
                at = usize::from(*next);
            }
        }
        if let Some(step) = self.0.get_mut(at) {
            step.ends = true;
        }
    }

    /// The most groups at the front that are such a row; nought: none is.
    fn longest(&self, atoms: &[Atom]) -> usize {
        let (mut at, mut longest) = (0, 0);
        for (count, atom) in (1..).zip(atoms) {
            let next = self.0.get(at).and_then(|step| step.next.get(atom.len())).copied().unwrap_or(0);
            let Some(step) = self.0.get(usize::from(next)).filter(|_| next != 0) else { break };
            if step.ends {
                longest = count;
            }
            at = usize::from(next);
        }
        longest
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
        let joined = a.digits > 0 && b.digits > 0 && matches!(gap, [b'-' | b'.' | b'/']);
        joined && !surroundings::parts(text, a.end, b.start)
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
        let named = near.has(if c.tight { CARD_NAMES } else { Entity::Card.bit() });
        let usual = usual == Usual::Alone;
        if usual && named || !c.tight && (usual || named) {
            tell(Entity::Card, span, if named { SURE } else { FORM });
            return Some(c.end);
        }
    }
    let regular = c.even() || gaps_of_nothing(c);
    for form in by_length(c.chars().len(), told != 0) {
        // What is cheap comes first: most numbers are beside no word, and are counted for nothing.
        let free = is_free(form, c) && !(c.gaps().contains(&b' ') && near.has(HOUSE)) && is_usual(form, c, text);
        let own = near.has(form.entity.bit());
        let known = if c.tight { own && free } else { own || free || near.has(form.cues) };
        if !known || !(free || regular) || (!free && is_decimal(c)) || !(form.check)(c) || (!own && c.is_monotone()) {
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
    if !c.tight {
        tell_told(text, c, &mut near, tell);
    }
    None
}

/// Two groups with a dot, in which no number is written but those that have it in their usual form: seconds, amounts.
fn is_decimal(c: &Candidate) -> bool {
    c.groups().len() == 2 && c.gaps() == [b'.']
}

/// Whether a number in its usual form is told without a word also by where it stands: not behind a sign, and no part of a row
/// of numbers, as matrices are. Of numbers without groups more must be usual.
fn is_usual(form: &Form, c: &Candidate, text: &[u8]) -> bool {
    let signed = c.start.checked_sub(1).and_then(|at| text.get(at)) == Some(&b'+');
    let bare = c.groups().len() == 1;
    let said = match form.entity {
        Entity::FrNir => !bare || is_usual_nir(c),
        // So many digits alone are the article number of something Swiss.
        Entity::ChAhv => !bare,
        _ => true,
    };
    // Two check digits tell more than a row of numbers does.
    let row = || form.entity != Entity::FrNir && surroundings::is_in_row(text, c.groups(), c.start, c.end);
    said && !signed && !(c.gaps().contains(&b' ') && row())
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
fn tell_told(text: &[u8], c: &Candidate, near: &mut Near<'_, '_>, tell: &mut impl FnMut(Entity, Range<usize>, f32)) {
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
    let date = is_date(c);
    let account = plain
        && !date
        && !is_decimal(c)
        && !is_of_cloud(c, text)
        && (6..=17).contains(&length)
        && c.groups().len() <= 4;
    told(Entity::BankAccount, account, TOLD - 0.1, near);
    let letters = length - c.digits;
    told(Entity::Passport, one && (7..=10).contains(&length) && letters <= 3, TOLD, near);
    let licence = (5..=18).contains(&length) && letters <= 7 && c.even() && !date && !is_decimal(c);
    told(Entity::DrivingLicence, licence, TOLD, near);
    told(
        Entity::MedicalRecord,
        (5..=14).contains(&length) && letters <= 4 && c.even() && !date && c.groups().len() <= 3,
        TOLD,
        near,
    );
}

/// Whether it is a day, or a day and a time without signs, of this century or the last: `2021-04-04`, `31/07/2026`,
/// `20260520184629`.
fn is_date(c: &Candidate) -> bool {
    let pair = |from: usize| {
        c.values().get(from..from + 2).map_or(99, |two| two.iter().fold(0, |n, v| n * 10 + u32::from(*v)))
    };
    let day = |year: usize, month: usize, day: usize| {
        matches!(pair(year), 19 | 20) && matches!(pair(month), 1..=12) && matches!(pair(day), 1..=31)
    };
    if !c.all_digits() || !c.even() {
        return false;
    }
    match c.groups() {
        [4, 2, 2] => day(0, 4, 6),
        [2, 2, 4] => day(4, 2, 0) || day(4, 0, 2),
        [14] => day(0, 4, 6) && pair(8) < 24 && pair(10) < 60 && pair(12) < 60,
        _ => false,
    }
}

/// How far before and behind a number a word says that it is an account of a cloud.
const CLOUD_AWAY: usize = 48;

/// Whether it is the number of an account of AWS, of which no money can be had: twelve digits beside a word for it, or digits
/// that only count up, which stand in its manuals.
fn is_of_cloud(c: &Candidate, text: &[u8]) -> bool {
    if c.groups().len() != 1 {
        return false;
    }
    let digits = c.chars();
    if digits.len() >= 10
        && digits.windows(2).all(|pair| matches!(pair, [b'9', b'0']) || matches!(pair, [a, b] if a + 1 == *b))
    {
        return true;
    }
    let around = text.get(c.start.saturating_sub(CLOUD_AWAY)..(c.end + CLOUD_AWAY).min(text.len())).unwrap_or_default();
    digits.len() == 12
        && around.windows(4).any(|word| {
            let (name, next) = word.split_at(3);
            let cloud = name.eq_ignore_ascii_case(b"aws") && next.iter().all(|b| !b.is_ascii_lowercase());
            cloud || word == b"arn:"
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Told = Vec<(Entity, Range<usize>, u32)>;

    /// What is found in a text where no word is near, with a look at as many groups as `reach` says.
    fn found(text: &str, reach: impl Fn(&[u8], &[Atom], Cues) -> usize) -> Told {
        let mut cluster = Cluster::default();
        let Some(at) = text.bytes().position(|b| b.is_ascii_digit()) else { return Vec::new() };
        cluster.read(text.as_bytes(), 0, at);
        let mut told = Vec::new();
        let tell = |entity, span, score: f32| told.push((entity, span, score.to_bits()));
        find_within(text.as_bytes(), &cluster, 0, &mut CueFinder::new(text), tell, reach);
        told
    }

    #[test]
    fn what_is_found_without_a_word_is_within_reach() {
        for text in ["4111 1111 1111 1111", "3782 822463 10005", "GB82 WEST 1234 5698 7654 32", "AB 12 34 56 C"] {
            assert!(!found(text, reach).is_empty(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn groups_out_of_reach_are_nothing(text in "([0-9]{1,5}|[0-9]{8,16}|[A-Z]{1,2}[0-9]{2,6}|[A-Z]|4111|[0-9]{4} [0-9]{4} [0-9]{4} [0-9]{4})([ ./-]([0-9]{1,5}|[0-9]{6,12}|[A-Z])){0,9}") {
            prop_assert_eq!(found(&text, reach), found(&text, |_, atoms, _| atoms.len()));
        }
    }
}
