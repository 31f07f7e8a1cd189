//! Where pieces of text stand on a page, and in which order they may be read.

use crate::Unread;
use crate::budget::Budget;

/// Of a letter's size: what is further apart is two words.
const WORD_GAP: f32 = 0.15;

/// What goes back further than this is another place.
const BACK_GAP: f32 = -0.5;

/// What is higher or lower by more is another line.
const LINE_GAP: f32 = 0.4;

/// A matrix of the plane, as PDF writes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix(pub(super) [f32; 6]);

impl Matrix {
    pub(super) const ONE: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    pub(super) fn of(numbers: &[f32]) -> Option<Self> {
        numbers.try_into().ok().map(Self)
    }

    /// This one, and then the other.
    pub(super) fn before(&self, other: &Self) -> Self {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.0, other.0);
        Self([a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l])
    }
}

/// A piece of text with its place: along its line and across it.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    /// The direction of its line, in degrees.
    angle: i32,
    along: f32,
    end: f32,
    across: f32,
    size: f32,
    pub(super) text: String,
    otherwise: Option<String>,
}

impl Fragment {
    pub(super) fn new((from, to): (&Matrix, &Matrix), size: f32, text: String, otherwise: Option<String>) -> Self {
        let [a, b, c, d, x, y] = from.0;
        let length = a.hypot(b);
        let (u, v) = if length > f32::EPSILON { (a / length, b / length) } else { (1.0, 0.0) };
        let [.., to_x, to_y] = to.0;
        let height = c.hypot(d).max(f32::EPSILON) * size.abs();
        Self {
            angle: v.atan2(u).to_degrees().round() as i32,
            along: x * u + y * v,
            end: to_x * u + to_y * v,
            across: y * u - x * v,
            size: height.max(f32::MIN_POSITIVE),
            text,
            otherwise: otherwise.filter(|other| !other.is_empty()),
        }
    }

    /// The next piece belongs to it.
    pub(super) fn goes_on(&mut self, next: Self) {
        if self.otherwise.is_some() || next.otherwise.is_some() {
            let own = self.otherwise.get_or_insert_with(|| self.text.clone());
            own.push_str(next.otherwise.as_deref().unwrap_or(&next.text));
        }
        self.text.push_str(&next.text);
        self.end = next.end;
    }
}

/// What stands between two pieces: nothing, a blank; `None` for the end of a line.
pub(super) fn distance(one: &Fragment, next: &Fragment) -> Option<&'static str> {
    let size = one.size.max(next.size);
    let gap = next.along - one.end;
    // What cannot be compared is far apart.
    let is_in_line = one.angle == next.angle && (one.across - next.across).abs() <= LINE_GAP * size;
    if !is_in_line {
        None
    } else if gap > WORD_GAP * size || gap < BACK_GAP * size || gap.is_nan() {
        Some(" ")
    } else {
        Some("")
    }
}

/// The text of a page: in the order in which it is written, in that of its places, and by the names of letters, where these
/// differ.
pub(super) fn read(fragments: &[Fragment], out: &mut String, budget: &mut Budget) -> Result<(), Unread> {
    let all: Vec<&Fragment> = fragments.iter().collect();
    let written = joined(&all, |one| &one.text);
    budget.say(out, &written)?;
    if fragments.iter().any(|one| one.otherwise.is_some()) {
        budget.say(out, &joined(&all, |one| one.otherwise.as_ref().unwrap_or(&one.text)))?;
    }
    let placed = joined(&in_places(&all), |one| &one.text);
    let words = |text: &str| text.split_whitespace().eq(written.split_whitespace());
    if words(&placed) { Ok(()) } else { budget.say(out, &placed) }
}

/// Lines from above, each from its beginning.
fn in_places<'f>(all: &[&'f Fragment]) -> Vec<&'f Fragment> {
    let mut sorted = all.to_vec();
    sorted.sort_by(|one, other| one.angle.cmp(&other.angle).then(other.across.total_cmp(&one.across)));
    let mut lines: Vec<Vec<&Fragment>> = Vec::new();
    for one in sorted {
        let is_in_line = |line: &&mut Vec<&Fragment>| {
            line.first().is_some_and(|first| {
                first.angle == one.angle && (first.across - one.across).abs() <= LINE_GAP * first.size.max(one.size)
            })
        };
        match lines.last_mut().filter(is_in_line) {
            Some(line) => line.push(one),
            None => lines.push(vec![one]),
        }
    }
    lines.iter_mut().for_each(|line| line.sort_by(|one, other| one.along.total_cmp(&other.along)));
    lines.concat()
}

fn joined(all: &[&Fragment], text: impl Fn(&Fragment) -> &String) -> String {
    let mut out = String::new();
    let mut last: Option<&Fragment> = None;
    for one in all {
        match last.map(|last| distance(last, one)) {
            Some(None) => out.push('\n'),
            Some(Some(between)) if !out.ends_with(' ') => out.push_str(between),
            _ => {}
        }
        out.push_str(text(one));
        last = Some(one);
    }
    out.push('\n');
    out
}
