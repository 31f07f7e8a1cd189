//! The pass itself: a JSON checker without recursion, and the quicker search through text already checked.

use super::{DEPTH_MAX, Member};
use memchr::memchr2;
use std::borrow::Cow;
use std::collections::HashSet;
use tg_kernel::fault::Fault;

/// Objects with more members than this are watched for doubles by hash, smaller ones by comparison.
const COMPARED_MAX: usize = 16;

/// Checks `body` and finds its top-level members.
pub(super) fn check(body: &[u8]) -> Result<Vec<Member<'_>>, Fault> {
    let text = std::str::from_utf8(body).map_err(|error| invalid(error.valid_up_to(), "valid UTF-8"))?;
    let mut pass = Pass {
        text,
        body,
        at: 0,
        open: Vec::with_capacity(16),
        keys: Vec::with_capacity(32),
        members: Vec::with_capacity(16),
    };
    pass.run()?;
    Ok(pass.members)
}

/// An object or array that is open.
enum Open<'a> {
    Array,
    Object(Seen<'a>),
}

/// The keys of an open object.
struct Seen<'a> {
    /// Where its keys start in `Pass::keys`.
    first: usize,
    /// One bit for each key's [`mark`]: a key whose bit is not set cannot be a double.
    marks: u64,
    /// All its keys, once there are more than [`COMPARED_MAX`].
    all: Option<HashSet<Cow<'a, str>>>,
}

/// How a string is written.
#[derive(Clone, Copy)]
enum Form {
    /// Its value stands there as it is.
    Plain,
    /// With escapes.
    Escaped,
}

/// What the grammar wants next.
enum Want {
    /// A key, or the end of an object that has none.
    KeyOrEnd,
    /// A key.
    Key,
    /// A value, or the end of an array that has none.
    ValueOrEnd,
    /// A value.
    Value,
    /// A comma, or the end of what is open.
    CommaOrEnd,
}

struct Pass<'a> {
    text: &'a str,
    /// The bytes of `text`.
    body: &'a [u8],
    at: usize,
    open: Vec<Open<'a>>,
    /// The keys of all open objects, innermost last.
    keys: Vec<Cow<'a, str>>,
    members: Vec<Member<'a>>,
}

impl<'a> Pass<'a> {
    fn run(&mut self) -> Result<(), Fault> {
        self.space();
        if self.peek() != Some(b'{') {
            return Err(invalid(self.at, "a JSON object"));
        }
        let mut want = self.open_object()?;
        while !self.open.is_empty() {
            self.space();
            want = match want {
                Want::KeyOrEnd if self.peek() == Some(b'}') => self.close(),
                Want::KeyOrEnd | Want::Key => self.key()?,
                Want::ValueOrEnd if self.peek() == Some(b']') => self.close(),
                Want::ValueOrEnd | Want::Value => self.value()?,
                Want::CommaOrEnd => self.comma_or_end()?,
            };
        }
        self.space();
        if self.at < self.body.len() { Err(invalid(self.at, "nothing after the object")) } else { Ok(()) }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn comma_or_end(&mut self) -> Result<Want, Fault> {
        match (self.peek(), self.open.last()) {
            (Some(b','), Some(Open::Object(_))) => {
                self.at += 1;
                Ok(Want::Key)
            }
            (Some(b','), _) => {
                self.at += 1;
                Ok(Want::Value)
            }
            (Some(b'}'), Some(Open::Object(_))) | (Some(b']'), Some(Open::Array)) => Ok(self.close()),
            (_, Some(Open::Object(_))) => Err(invalid(self.at, "',' or '}'")),
            _ => Err(invalid(self.at, "',' or ']'")),
        }
    }

    fn open_object(&mut self) -> Result<Want, Fault> {
        self.deeper(Open::Object(Seen { first: self.keys.len(), marks: 0, all: None }))?;
        Ok(Want::KeyOrEnd)
    }

    fn deeper(&mut self, open: Open<'a>) -> Result<(), Fault> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Fault::malformed(format!(
                "The request body is nested too deeply: more than {DEPTH_MAX} levels at byte {}.",
                self.at
            )));
        }
        self.open.push(open);
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> Want {
        self.at += 1;
        if let Some(Open::Object(seen)) = self.open.pop() {
            self.keys.truncate(seen.first);
        }
        self.value_ended();
        Want::CommaOrEnd
    }

    /// Notes where the value of a top-level member ends.
    fn value_ended(&mut self) {
        if self.open.len() == 1
            && let Some(member) = self.members.last_mut()
        {
            member.value.end = self.at;
        }
    }

    fn key(&mut self) -> Result<Want, Fault> {
        if self.peek() != Some(b'"') {
            return Err(invalid(self.at, "a member name in double quotes"));
        }
        let start = self.at;
        let name = self.value_of_string()?;
        let key = start..self.at;
        self.space();
        if self.peek() != Some(b':') {
            return Err(invalid(self.at, "':'"));
        }
        self.at += 1;
        self.space();
        if self.open.len() == 1 {
            self.members.push(Member { name: name.clone(), key, value: self.at..self.at });
        }
        self.admit(name, start)?;
        Ok(Want::Value)
    }

    /// Adds a key to the innermost object, unless it has it already.
    fn admit(&mut self, name: Cow<'a, str>, start: usize) -> Result<(), Fault> {
        let Some(Open::Object(seen)) = self.open.last_mut() else { return Ok(()) };
        let mark = mark(name.as_bytes());
        if let Some(all) = &mut seen.all {
            if let Some(name) = all.replace(name) {
                return Err(double(&name, start));
            }
            return Ok(());
        }
        let earlier = self.keys.get(seen.first..).unwrap_or_default();
        if seen.marks & mark != 0 && earlier.contains(&name) {
            return Err(double(&name, start));
        }
        seen.marks |= mark;
        self.keys.push(name);
        if self.keys.len() - seen.first > COMPARED_MAX {
            seen.all = Some(self.keys.drain(seen.first..).collect());
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Want, Fault> {
        match self.peek() {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'{') => return self.open_object(),
            Some(b'[') => {
                self.deeper(Open::Array)?;
                return Ok(Want::ValueOrEnd);
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            _ => return Err(invalid(self.at, "a value")),
        };
        self.value_ended();
        Ok(Want::CommaOrEnd)
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        if self.body.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(());
        }
        Err(invalid(self.at, "a value"))
    }

    /// Passes a string, and answers its value.
    fn value_of_string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at + 1;
        let form = self.string()?;
        let inner = self.text.get(start..self.at - 1).unwrap_or_default();
        Ok(match form {
            Form::Plain => Cow::Borrowed(inner),
            Form::Escaped => unescape(inner.as_bytes()),
        })
    }

    /// Passes a string.
    fn string(&mut self) -> Result<Form, Fault> {
        self.at += 1;
        let mut form = Form::Plain;
        loop {
            self.at = plain_until(self.body, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(form);
                }
                Some(b'\\') => {
                    form = Form::Escaped;
                    self.escape()?;
                }
                Some(_) => {
                    return Err(invalid(self.at, "no raw control character in a string (write it as \\u00XX)"));
                }
                None => return Err(invalid(self.at, "the closing quote of a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.body.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => self.unicode(),
            _ => Err(invalid(self.at, "a known escape in a string")),
        }
    }

    fn unicode(&mut self) -> Result<(), Fault> {
        let start = self.at;
        match self.unit()? {
            0xD800..=0xDBFF => match self.unit() {
                Ok(0xDC00..=0xDFFF) => Ok(()),
                _ => Err(invalid(start, "both halves of a surrogate pair")),
            },
            0xDC00..=0xDFFF => Err(invalid(start, "both halves of a surrogate pair")),
            _ => Ok(()),
        }
    }

    /// Passes one escaped UTF-16 unit.
    fn unit(&mut self) -> Result<u16, Fault> {
        let digits = match self.body.get(self.at..self.at + 6) {
            Some([b'\\', b'u', digits @ ..]) if digits.iter().all(u8::is_ascii_hexdigit) => digits,
            _ => return Err(invalid(self.at, "four hex digits after \\u")),
        };
        let unit = std::str::from_utf8(digits).ok().and_then(|text| u16::from_str_radix(text, 16).ok());
        self.at += 6;
        unit.ok_or_else(|| invalid(self.at, "four hex digits after \\u"))
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if exponent {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        // Fewer than 300 digits without an exponent are always in range.
        if (exponent || self.at - start > 300) && !self.in_range(start) {
            return Err(invalid(start, "a number in the range of a 64-bit float"));
        }
        Ok(())
    }

    fn in_range(&self, start: usize) -> bool {
        let digits = self.body.get(start..self.at).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| digits.parse::<f64>().ok()).is_some_and(f64::is_finite)
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(invalid(start, "a digit")) } else { Ok(()) }
    }
}

/// One of 64 bits, cheaply told from a key.
fn mark(key: &[u8]) -> u64 {
    let first = key.first().copied().unwrap_or_default();
    let last = key.last().copied().unwrap_or_default();
    let sum =
        key.len().wrapping_mul(7).wrapping_add(usize::from(first).wrapping_mul(3)).wrapping_add(usize::from(last));
    1 << (sum % 64)
}

/// The first byte at or after `from` that is not plain text in a string: a quote, a backslash or a control character.
///
/// Eight bytes at a time, by the carry trick of <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>.
fn plain_until(body: &[u8], from: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let rest = body.get(from..).unwrap_or_default();
    let (words, _) = rest.as_chunks::<8>();
    let mut at = from;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * 0x22);
        let slash = word ^ (ONES * 0x5c);
        let found = (word.wrapping_sub(ONES * 0x20) & !word)
            | (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash);
        if found & HIGH != 0 {
            // The lowest flag is true; those above it may be false, but nobody looks at them.
            return at + ((found & HIGH).trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let tail = body.get(at..).unwrap_or_default();
    at + tail.iter().position(|b| matches!(b, b'"' | b'\\' | ..0x20)).unwrap_or(tail.len())
}

/// What stands between the quotes of a string, unescaped. Half of a surrogate pair, which no body that was checked has,
/// is told as U+FFFD.
pub(crate) fn unescape(inner: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', inner).is_none() {
        return String::from_utf8_lossy(inner);
    }
    let mut quoted = Vec::with_capacity(inner.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(inner);
    quoted.push(b'"');
    Cow::Owned(serde_json::from_slice(&quoted).unwrap_or_else(|_| halves(inner)))
}

/// Unescapes what has half of a surrogate pair in it.
fn halves(inner: &[u8]) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(inner.len());
    let text = String::from_utf8_lossy(inner);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            continue;
        }
        match rest.next() {
            Some('b') => units.push(8),
            Some('f') => units.push(12),
            Some('n') => units.push(10),
            Some('r') => units.push(13),
            Some('t') => units.push(9),
            Some('u') => {
                let digits = rest.as_str().get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
                units.push(digits.unwrap_or(0xFFFD));
                rest = rest.as_str().get(4..).unwrap_or_default().chars();
            }
            Some(other) => units.extend_from_slice(other.encode_utf16(&mut [0; 2])),
            None => {}
        }
    }
    String::from_utf16_lossy(&units)
}

/// Finds the members of an object whose text was checked before: no check is made again.
pub(super) fn find(raw: &[u8]) -> Vec<Member<'_>> {
    let mut members: Vec<Member<'_>> = Vec::new();
    let (mut depth, mut at) = (0_usize, 0_usize);
    let mut key = None;
    while let Some(&byte) = raw.get(at) {
        let start = at;
        at = if byte == b'"' { string_end(raw, at) } else { at + 1 };
        match byte {
            b'"' if depth == 1 && key.is_none() => {
                key = Some(start..at);
                continue;
            }
            b' ' | b'\n' | b'\t' | b'\r' | b':' => continue,
            b',' if depth == 1 => {
                key = None;
                continue;
            }
            b'}' if depth == 1 => break,
            _ => {}
        }
        if depth == 1
            && let Some(key) = &key
        {
            note(raw, &mut members, key, start..at);
        }
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if let (1, Some(member)) = (depth, members.last_mut()) {
                    member.value.end = at;
                }
            }
            _ => {}
        }
    }
    members
}

/// Adds a member whose value starts here, or extends the value that `key` has already (the next byte of a number).
fn note<'a>(raw: &'a [u8], members: &mut Vec<Member<'a>>, key: &std::ops::Range<usize>, value: std::ops::Range<usize>) {
    match members.last_mut() {
        Some(member) if member.key == *key => member.value.end = value.end,
        _ => {
            let name = unescape(raw.get(key.start + 1..key.end - 1).unwrap_or_default());
            members.push(Member { name, key: key.clone(), value });
        }
    }
}

/// Just after the closing quote of the string that starts at `at`.
pub(crate) fn string_end(raw: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(found) = raw.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if raw.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    raw.len()
}

fn invalid(at: usize, expected: &str) -> Fault {
    Fault::malformed(format!("The request body is not valid JSON: expected {expected} at byte {at}."))
}

fn double(name: &str, at: usize) -> Fault {
    // The name is the caller's own text, but an answer need not carry megabytes of it.
    let shown: String = name.chars().take(64).collect();
    Fault::malformed(format!(
        "The request body is not valid JSON: the member '{shown}' stands twice in one object (byte {at})."
    ))
    .at(shown)
}
