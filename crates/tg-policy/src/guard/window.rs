//! A text that comes in pieces, looked at in stretches whose ends lie at fixed distances from its beginning: what is found,
//! and what may go on, depend on the text alone, not on its pieces.

use super::found::Cluster;
use super::hold::Hold;
use std::ops::Range;
use tg_text::span::Span;
use tg_text::view::is_left_out;

/// Most characters that are taken in at once.
const PORTION: usize = 4096;

/// Most characters of a word that is held back until it ends, unless it may be a credential.
const WORD_MAX: usize = 256;

/// Of what is held back, so much has to come anew before it is looked at again: what is held long is not read all the time.
const PART: usize = 4;

/// A text that stops behind a value's first half has so many digits, or an address, among its last characters.
const CUT_DIGITS: usize = 2;
const CUT_WITHIN: usize = 40;

/// Something that stands in a stretch.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) span: Span,
    pub(super) what: What,
}

/// What it is.
#[derive(Debug)]
pub(super) enum What {
    /// Rules found it.
    Found(Cluster),
    /// A placeholder, and what is to stand there.
    Kept(String),
}

/// What is not complete at the end of a stretch.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Where something begins that is held back while it is not too long.
    pub(super) from: Option<usize>,
    /// Where something begins that is held back however long it is: it is known to be no longer than it can be read.
    pub(super) kept: Option<usize>,
    /// What is read from its beginning or not at all, in order.
    pub(super) rows: Vec<Span>,
}

impl Open {
    /// With what is not complete at the end of a stretch that begins at an offset.
    pub(super) fn add(&mut self, other: &Self, at: usize) {
        let least = |one: Option<usize>, other: Option<usize>| one.into_iter().chain(other.map(|from| from + at)).min();
        self.from = least(self.from, other.from);
        self.kept = least(self.kept, other.kept);
        self.rows.extend(other.rows.iter().map(|row| row.moved(at)));
        self.rows.sort_unstable();
    }
}

/// Who looks at the stretches.
pub(super) trait Sight {
    /// What stands in a stretch, in order and apart; and what is not complete at its end. The stretch begins at `base` in the
    /// whole text, and up to `from` all of it is decided.
    fn look(&mut self, stretch: &str, base: usize, from: usize, is_end: bool) -> (Vec<Piece>, Open);

    /// The last place up to this one where a text may be cut.
    fn cut(&self, stretch: &str, at: usize) -> usize;

    /// Acts on it, once for each. `range` is in the whole text. Whether the text goes on.
    fn act(&mut self, piece: &Piece, range: Range<usize>, value: &str) -> bool;
}

/// A text on its way.
#[derive(Debug)]
pub(super) struct Window {
    hold: Hold,
    /// From the context on to what came last.
    text: String,
    /// Where it begins in the whole text.
    base: usize,
    /// Up to where all is decided.
    left: usize,
    /// Up to where it was looked at.
    seen: usize,
    /// Characters that have come since.
    unseen: usize,
    /// Characters to the next look.
    step: usize,
    is_over: bool,
}

impl Window {
    pub(super) const fn new(hold: Hold) -> Self {
        Self { hold, text: String::new(), base: 0, left: 0, seen: 0, unseen: 0, step: hold.step, is_over: false }
    }

    /// Bytes of the whole text about which all is decided.
    pub(super) const fn decided(&self) -> usize {
        self.base + self.left
    }

    pub(super) fn push(&mut self, piece: &str, sight: &mut dyn Sight) {
        let mut rest = piece;
        // A long piece in portions: what is decided is cut off the front of what is kept, which must be little.
        while !rest.is_empty() && !self.is_over {
            let portion = forward(rest, 0, PORTION).unwrap_or(rest.len());
            let (next, later) = rest.split_at_checked(portion).unwrap_or((rest, ""));
            self.text.push_str(next);
            self.unseen += next.chars().count();
            rest = later;
            while let Some(frontier) = self.frontier() {
                self.go_on(frontier, false, sight);
            }
        }
    }

    /// Whether what is held back may end within a value: in a word, or behind digits or an address.
    pub(super) fn may_be_cut(&self) -> bool {
        let held = self.text.get(self.left..).unwrap_or_default();
        let mut seen = held.chars().rev().filter(|c| !is_left_out(*c)).take(CUT_WITHIN).peekable();
        let in_word = seen.peek().is_some_and(|c| c.is_alphanumeric() || "_-+/=".contains(*c));
        let (mut digits, mut is_address) = (0, false);
        for c in seen {
            digits += usize::from(c.is_numeric());
            is_address |= c == '@';
        }
        in_word || is_address || digits >= CUT_DIGITS
    }

    /// All that came is decided as it stands; the text goes on later.
    pub(super) fn pause(&mut self, sight: &mut dyn Sight) {
        if !self.is_over && self.left < self.text.len() {
            self.go_on(self.text.len(), true, sight);
        }
    }

    /// The same, of a text that may stop within something: what stands in it as it is is decided, and what is behind that waits.
    pub(super) fn pause_within(&mut self, sight: &mut dyn Sight) {
        if !self.is_over && self.left < self.text.len() {
            (self.seen, self.unseen) = (self.text.len(), 0);
            let (pieces, _) = sight.look(&self.text, self.base, self.left, true);
            self.act(&pieces, self.seen, sight);
        }
    }

    pub(super) fn finish(&mut self, sight: &mut dyn Sight) {
        if !self.is_over {
            self.go_on(self.text.len(), true, sight);
            self.is_over = true;
            // Nothing of it is looked at again.
            self.base += std::mem::take(&mut self.left);
            (self.text, self.seen) = (String::new(), 0);
        }
    }

    /// Up to where is looked next, if enough has come.
    fn frontier(&self) -> Option<usize> {
        match self.step {
            _ if self.is_over => None,
            0 => Some(self.text.len()).filter(|end| *end > self.seen),
            // What is held long has come in many pieces, and is not gone through with each.
            step if self.unseen < step => None,
            step => forward(&self.text, self.seen, step),
        }
    }

    fn go_on(&mut self, frontier: usize, is_end: bool, sight: &mut dyn Sight) {
        let looked_at = self.text.get(self.seen..frontier).map_or(0, |new| new.chars().count());
        self.unseen = self.unseen.saturating_sub(looked_at);
        self.seen = frontier;
        let limit = if is_end { frontier } else { back_seen(&self.text, frontier, self.hold.back) };
        if limit <= self.left && !is_end {
            self.step = self.next_step();
            return;
        }
        let stretch = self.text.get(..frontier).unwrap_or_default();
        let (pieces, open) = sight.look(stretch, self.base, self.left, is_end);
        let limit = if is_end { limit } else { sight.cut(stretch, self.settled(stretch, &pieces, &open, limit)) };
        if !self.act(&pieces, limit, sight) {
            return;
        }
        self.left = self.left.max(limit);
        self.step = self.next_step();
        self.forget(&open.rows);
    }

    /// Acts on what begins before `limit` and is not decided; whether the text goes on.
    fn act(&mut self, pieces: &[Piece], limit: usize, sight: &mut dyn Sight) -> bool {
        for piece in pieces.iter().filter(|piece| piece.span.start < limit) {
            if piece.span.end <= self.left {
                continue;
            }
            let start = piece.span.start.max(self.left);
            let value = self.text.get(start..piece.span.end).unwrap_or_default();
            let goes_on = sight.act(piece, self.base + start..self.base + piece.span.end, value);
            if !goes_on {
                self.left = start;
                self.is_over = true;
                return false;
            }
            self.left = piece.span.end;
        }
        true
    }

    /// Whole steps, so that looks lie where other checks have their ends, too.
    fn next_step(&self) -> usize {
        let held = self.text.get(self.left..self.seen).map_or(0, |held| held.chars().count());
        let steps = (held / PART).checked_div(self.hold.step).unwrap_or_default();
        self.hold.step * steps.max(1)
    }

    /// How far all is decided: not into what is open at the end of what has come, unless it is too long.
    fn settled(&self, stretch: &str, pieces: &[Piece], open: &Open, limit: usize) -> usize {
        let earliest = back_seen(stretch, stretch.len(), self.hold.longest);
        let is_last = |end: usize| stretch.get(end..).is_none_or(|rest| rest.chars().all(is_left_out));
        let is_open = |piece: &&Piece| matches!(piece.what, What::Found(_)) && is_last(piece.span.end);
        let at_end = pieces.iter().filter(is_open).map(|piece| piece.span.start);
        // The word in which the limit lies, if it reaches the end.
        let word = if self.hold.back > 0 { open_word(stretch) } else { None };
        at_end.chain(open.from).chain(word).filter(|at| *at >= earliest).chain(open.kept).fold(limit, usize::min)
    }

    /// Lets go of what is no context any more.
    fn forget(&mut self, rows: &[Span]) {
        let from = back_seen(&self.text, self.left, self.hold.context);
        // From a whole word on, so that no part of one is taken for one.
        let context = self.text.get(from..self.left);
        let from = context.and_then(|context| context.find(is_border)).map_or(from, |at| from + at);
        let row = rows.iter().rev().find(|row| row.start <= from && from < row.end);
        let from = row.map_or(from, |row| row.start);
        self.text.drain(..from);
        self.base += from;
        self.left -= from;
        self.seen -= from;
    }
}

/// Where the word begins that the end of a text cuts off; of one that is too long to be waited for, where that begins in it
/// which may be a credential, whatever stands before: `(`, a backtick. `None` where nothing does.
pub(super) fn open_word(text: &str) -> Option<usize> {
    let behind = |is: fn(char) -> bool| {
        let last = text.char_indices().rev().find(|(_, c)| is(*c));
        last.map_or(0, |(at, c)| at + c.len_utf8())
    };
    let start = behind(is_border);
    if start >= back_seen(text, text.len(), WORD_MAX) {
        return Some(start);
    }
    let credential = behind(|c| !may_be_of_credential(c)).max(start);
    (credential < text.len()).then_some(credential)
}

/// What ends a word, wherever the next begins: also the signs between the strings of JSON, and letters of scripts that have no
/// spaces, each of which is a word as far as this goes.
fn is_border(c: char) -> bool {
    let has_no_spaces = matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff01}' | '\u{ff0c}'
        | '\u{ff1b}' | '\u{ff1f}' | '\u{20000}'..='\u{2fa1f}');
    c.is_whitespace() || matches!(c, '"' | ',') || (has_no_spaces && !c.is_numeric())
}

/// Whether keys, tokens, addresses with credentials in them and what is encoded consist of such characters, or of what is read
/// as those: characters of full width, letters of mathematics and in circles.
fn may_be_of_credential(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphanumeric() || "+/=_-.~%:@&?$!#*;".contains(c) || is_left_out(c),
        '\u{ff00}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}' | '\u{2460}'..='\u{24ff}' => true,
        _ => is_left_out(c),
    }
}

/// Offset so many characters further on; `None` where there are not so many.
pub(super) fn forward(text: &str, from: usize, characters: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let last = rest.char_indices().nth(characters.checked_sub(1)?).map(|(at, c)| at + c.len_utf8())?;
    Some(from + last)
}

/// Offset so many characters back, or the beginning.
pub(super) fn backward(text: &str, from: usize, characters: usize) -> usize {
    let before = text.get(..from).unwrap_or_default();
    match characters.checked_sub(1) {
        Some(skip) => before.char_indices().rev().nth(skip).map_or(0, |(at, _)| at),
        None => from,
    }
}

/// The same, of characters that can be seen: those that cannot stand for nothing in what is read.
pub(super) fn back_seen(text: &str, from: usize, characters: usize) -> usize {
    let before = text.get(..from).unwrap_or_default();
    match characters.checked_sub(1) {
        Some(skip) => before.char_indices().rev().filter(|(_, c)| !is_left_out(*c)).nth(skip).map_or(0, |(at, _)| at),
        None => from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds nothing, and counts what it reads.
    #[derive(Default)]
    struct Reader(usize);

    impl Sight for Reader {
        fn look(&mut self, stretch: &str, _: usize, _: usize, _: bool) -> (Vec<Piece>, Open) {
            self.0 += stretch.chars().count();
            (Vec::new(), Open::default())
        }

        fn cut(&self, _: &str, at: usize) -> usize {
            at
        }

        fn act(&mut self, _: &Piece, _: Range<usize>, _: &str) -> bool {
            true
        }
    }

    /// Most characters that were held, and how often each was read, of a text that came by four.
    fn held(text: &str) -> (usize, usize) {
        let (mut window, mut reader) = (Window::new(Hold::of(64)), Reader::default());
        let (mut came, mut most) = (0, 0);
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(4) {
            let piece: String = piece.iter().collect();
            window.push(&piece, &mut reader);
            came += piece.len();
            most = most.max(text.get(window.decided()..came).unwrap().chars().count());
        }
        (most, reader.0 / chars.len())
    }

    #[test]
    fn no_script_without_spaces_and_no_json_without_them_is_held_longer_than_prose() {
        for text in [
            "我们明天早上九点在图书馆见面，然后一起去买菜。",
            "สวัสดีครับวันนี้อากาศดีมาก",
            "ここは図書館です。明日も来ます。",
            "{\"id\":17,\"name\":\"ann\",\"tags\":[\"a\",\"b\"]},",
            "the quick brown fox jumps over the lazy dog ",
        ] {
            let (most, read) = held(&text.repeat(400));
            assert!(most <= 64 + 32 + 12 && read <= 10, "{text} {most} {read}");
        }
    }

    #[test]
    fn a_word_is_held_while_it_may_be_a_credential_and_not_read_all_the_time() {
        let (most, read) = held(&"eyJhbGciOiJIUzI1NiJ9.".repeat(1000));
        assert!((4000..=4096 * 5 / 4 + 128).contains(&most) && read <= 8, "{most} {read}");
        let (most, read) = held(&"f(x){return(y)}".repeat(1000));
        assert!((200..=256 * 5 / 4 + 64).contains(&most) && read <= 12, "{most} {read}");
    }

    #[test]
    fn words_without_an_end_are_let_go_of_and_read_no_more_often_than_others() {
        for unit in ["q8Zk2mX7vB4nR1tW+/", "abcdefghij", "0123456789", "a\u{200b}", "e\u{301}\u{302}", "%69%67", "a@b."]
        {
            let (most, read) = held(&unit.repeat((128 << 10) / unit.len()));
            let seen = unit.chars().filter(|c| !is_left_out(*c)).count();
            assert!(most * seen <= (4096 * 5 / 4 + 128) * unit.chars().count() && read <= 12, "{unit} {most} {read}");
        }
    }

    #[test]
    fn what_nobody_sees_is_held_with_what_stands_before_it_and_read_seldom() {
        let text = format!("some words {}", "\u{200b}\u{2060}".repeat(32 << 10));
        let (most, read) = held(&text);
        assert!(most >= 64 << 10 && read <= 2, "{most} {read}");
    }

    /// Seconds of the processor that so many of these take which come one by one.
    fn spent(count: usize) -> f64 {
        let used = || {
            let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
            told.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok()).map(|nanos| nanos / 1e9)
        };
        let (began, before) = (std::time::Instant::now(), used());
        let (mut window, mut reader) = (Window::new(Hold::of(64)), Reader::default());
        (0..count).for_each(|_| window.push("\u{200b}", &mut reader));
        assert!(window.decided() < 3 * count);
        before.zip(used()).map_or_else(|| began.elapsed().as_secs_f64(), |(before, now)| now - before)
    }

    #[test]
    fn what_is_held_long_and_comes_in_very_many_pieces_is_not_gone_through_with_each() {
        let (few, many) = (spent(20_000).min(spent(20_000)), spent(160_000));
        assert!(many < 24.0 * few.max(0.002), "8 times as many pieces take {:.0} times as long", many / few);
    }
}
