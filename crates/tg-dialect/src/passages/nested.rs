//! JSON within a string: arguments of a tool as a model writes them, in which escapes hide what is said.

use crate::tape::Tape;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use tg_kernel::passage::Change;

/// JSON of an object or an array as it reads once it is decoded: all escapes are resolved but those of quotes and backslashes.
/// `None` where that is how it is written, and for what cannot be decoded.
pub(super) fn plain(json: &str) -> Option<String> {
    if !json.contains('\\') || !json.trim_start().starts_with(['{', '[']) {
        return None;
    }
    Tape::read(json.as_bytes())?;
    read(json)
}

/// The same for what a model writes, who may leave it incomplete: whoever called it reads as much as there is.
pub(super) fn read(json: &str) -> Option<String> {
    if !json.contains('\\') {
        return None;
    }
    let mut reader = Reader::default();
    let mut out = reader.push(json);
    out.push_str(&reader.finish());
    (out != json).then_some(out)
}

/// Whether a text is such JSON, so that what is put into it has to be written as JSON. What a model writes need not be complete.
pub(super) fn is_json(text: &str, is_answer: bool) -> bool {
    let begins = |signs: &[char]| text.trim_start().starts_with(signs);
    if is_answer { begins(&['{', '[', '"']) } else { begins(&['{', '[']) && Tape::read(text.as_bytes()).is_some() }
}

/// Reads such JSON while it comes.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    place: Place,
    /// An escape that has begun: twelve bytes at most.
    begun: String,
    /// Bytes that were read, as they came and as they read, without what has begun.
    at: Step,
    /// Escapes that read otherwise than they came.
    escapes: VecDeque<Escape>,
    /// Where those begin that are known.
    from: Step,
}

/// Where the reader is.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// Before the first character.
    #[default]
    Start,
    /// It is no JSON.
    Text,
    /// Between strings.
    Between,
    /// Within a string.
    Within,
}

/// A place in what came, and the same place in what it reads.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    came: usize,
    read: usize,
}

#[derive(Clone, Copy, Debug)]
struct Escape {
    start: Step,
    end: Step,
}

impl Reader {
    /// Takes the next piece, and answers how it reads, as far as that is certain.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        let text = if self.begun.is_empty() { Cow::Borrowed(piece) } else { Cow::Owned(self.begun.clone() + piece) };
        self.begun.clear();
        let mut out = String::with_capacity(text.len());
        let mut rest = &*text;
        while let Some(first) = rest.chars().next() {
            let plain = match self.place {
                Place::Text => rest.len(),
                Place::Start if first.is_whitespace() => first.len_utf8(),
                Place::Start => {
                    self.place = match first {
                        '{' | '[' => Place::Between,
                        '"' => Place::Within,
                        _ => Place::Text,
                    };
                    first.len_utf8()
                }
                Place::Between => {
                    let quote = rest.find('"');
                    if quote.is_some() {
                        self.place = Place::Within;
                    }
                    quote.map_or(rest.len(), |quote| quote + 1)
                }
                Place::Within if first == '"' => {
                    self.place = Place::Between;
                    1
                }
                Place::Within if first == '\\' => match escape(rest) {
                    Some(Said { length, text: None }) => length,
                    Some(Said { length, text: Some(text) }) => {
                        let start = self.at;
                        self.at.came += length;
                        self.at.read += text.len();
                        self.escapes.push_back(Escape { start, end: self.at });
                        out.push_str(&text);
                        rest = rest.get(length..).unwrap_or_default();
                        continue;
                    }
                    None => {
                        rest.clone_into(&mut self.begun);
                        break;
                    }
                },
                Place::Within => rest.find(['"', '\\']).unwrap_or(rest.len()),
            };
            let (own, further) = rest.split_at_checked(plain).unwrap_or((rest, ""));
            out.push_str(own);
            self.at.came += own.len();
            self.at.read += own.len();
            rest = further;
        }
        out
    }

    /// There is no more: an escape that has begun is none.
    pub(crate) fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.begun);
        self.at.came += rest.len();
        self.at.read += rest.len();
        rest
    }

    /// Whether what came is JSON, as far as can be told.
    pub(crate) const fn is_json(&self) -> bool {
        matches!(self.place, Place::Between | Place::Within)
    }

    /// Where a place of what was read stands in what came; within an escape, before it or behind it.
    pub(crate) fn came(&self, read: usize, is_end: bool) -> usize {
        if read > self.at.read {
            return usize::MAX;
        }
        let next = self.escapes.partition_point(|escape| escape.end.read <= read);
        match self.escapes.get(next).filter(|escape| escape.start.read < read) {
            Some(within) if is_end => within.end.came,
            Some(within) => within.start.came,
            None => {
                let last = next.checked_sub(1).and_then(|last| self.escapes.get(last));
                let from = last.map_or(self.from, |escape| escape.end);
                // What stands before all that is known has left.
                if read < from.read {
                    from.came.saturating_sub(from.read - read)
                } else {
                    from.came + (read - from.read)
                }
            }
        }
    }

    /// What is certainly read of what came up to a place.
    pub(crate) fn read(&self, came: usize) -> usize {
        let next = self.escapes.partition_point(|escape| escape.end.came <= came);
        let last = next.checked_sub(1).and_then(|last| self.escapes.get(last));
        let from = last.map_or(self.from, |escape| escape.end);
        let read = (from.read + came).saturating_sub(from.came).min(self.at.read);
        self.escapes.get(next).map_or(read, |within| read.min(within.start.read))
    }

    /// Changes of what was read, as changes of what came: those that touch a stretch of it.
    pub(crate) fn changes(&self, changes: &[Change], within: &Range<usize>) -> Cow<'static, [Change]> {
        let first = changes.partition_point(|change| self.came(change.range.end, true) <= within.start);
        let own = changes.get(first..).unwrap_or_default().iter().map(|change| {
            let range = self.came(change.range.start, false)..self.came(change.range.end, true);
            (range, &change.text)
        });
        let own = own.take_while(|(range, _)| range.start < within.end);
        Cow::Owned(own.map(|(range, text)| Change { range, text: text.clone() }).collect())
    }

    /// What came up to here is not asked about any more.
    pub(crate) fn forget(&mut self, came: usize) {
        while let Some(first) = self.escapes.front().filter(|escape| escape.end.came <= came) {
            self.from = first.end;
            self.escapes.pop_front();
        }
    }
}

/// What an escape says.
struct Said {
    /// Its bytes.
    length: usize,
    /// `None` where it reads as it is written.
    text: Option<String>,
}

impl Said {
    fn new(length: usize, c: char) -> Self {
        let text = if matches!(c, '"' | '\\') { format!("\\{c}") } else { c.to_string() };
        Self { length, text: Some(text) }
    }
}

/// The escape at the beginning of a text; `None` where more must come to tell.
fn escape(text: &str) -> Option<Said> {
    let kind = text.chars().nth(1)?;
    let as_it_is = Said { length: 1 + kind.len_utf8(), text: None };
    Some(match kind {
        '/' => Said::new(2, '/'),
        'b' => Said::new(2, '\u{8}'),
        'f' => Said::new(2, '\u{c}'),
        'n' => Said::new(2, '\n'),
        'r' => Said::new(2, '\r'),
        't' => Said::new(2, '\t'),
        'u' => match unit(text)? {
            Ok(first @ 0xD800..=0xDBFF) => match text.get(6..).map(pair) {
                Some(Some(Ok(second @ 0xDC00..=0xDFFF))) => {
                    let c = char::decode_utf16([first, second]).next().and_then(Result::ok);
                    Said::new(12, c.unwrap_or(char::REPLACEMENT_CHARACTER))
                }
                Some(None) => return None,
                _ => Said::new(6, char::REPLACEMENT_CHARACTER),
            },
            Ok(single) => Said::new(6, char::from_u32(u32::from(single)).unwrap_or(char::REPLACEMENT_CHARACTER)),
            Err(()) => as_it_is,
        },
        _ => as_it_is,
    })
}

/// The four digits behind `\u`; `None` where more must come to tell, an error where they are none.
fn unit(text: &str) -> Option<Result<u16, ()>> {
    let digits = text.as_bytes().get(2..).unwrap_or_default();
    let digits = digits.get(..4).unwrap_or(digits);
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Some(Err(()));
    }
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 4)?;
    Some(u16::from_str_radix(digits, 16).map_err(|_| ()))
}

/// The same for a second escape behind the first, if there is one.
fn pair(text: &str) -> Option<Result<u16, ()>> {
    match text {
        "" | "\\" => None,
        _ if text.starts_with("\\u") => unit(text),
        _ => Some(Err(())),
    }
}

/// The JSON that such a text stands for.
pub(super) fn written(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    Writer::default().write(text, &mut out);
    out
}

/// Writes such JSON piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    is_within: bool,
    is_escaped: bool,
}

impl Writer {
    /// A piece goes out as it came.
    pub(crate) fn pass(&mut self, piece: &str) {
        piece.chars().for_each(|c| self.next(c));
    }

    /// A piece of a text as it reads goes out.
    pub(crate) fn write(&mut self, piece: &str, out: &mut String) {
        for c in piece.chars() {
            self.next(c);
            match c {
                '\n' if self.is_within => out.push_str("\\n"),
                '\r' if self.is_within => out.push_str("\\r"),
                '\t' if self.is_within => out.push_str("\\t"),
                c if self.is_within && c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => out.push(c),
            }
        }
    }

    fn next(&mut self, c: char) {
        match c {
            _ if self.is_escaped => self.is_escaped = false,
            '\\' => self.is_escaped = self.is_within,
            '"' => self.is_within = !self.is_within,
            _ => {}
        }
    }
}
