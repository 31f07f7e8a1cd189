//! Assignments in the ways of many languages and formats: a name, what stands between, and a value.

use std::ops::Range;

/// Most bytes of a name.
const NAME_MAX: usize = 64;
/// Most bytes of what stands between a name and its value.
const BETWEEN_MAX: usize = 64;
/// Most bytes of a value.
pub(super) const VALUE_MAX: usize = 512;

/// A value and the name that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assigned {
    pub name: Range<usize>,
    pub value: Range<usize>,
    /// Whether the value stands in quotation marks.
    pub quoted: bool,
    /// What joins them is a sign that nothing but an assignment has, rather than a space, a comma or `is`.
    pub firm: bool,
}

/// What is assigned to the name that a word at a place is part of.
pub(super) fn after(bytes: &[u8], word: Range<usize>) -> Option<Assigned> {
    let mut reader = Reader { bytes, at: word.end, closed: false };
    let start = name_start(bytes, word.start);
    reader.name();
    let name = start..reader.at;
    let limit = reader.at + BETWEEN_MAX;
    let flag = bytes.get(start..start + 1) == Some(b"-");
    let join = reader.join(flag)?;
    let quote = reader.open();
    if join == Join::Space && !flag && quote.is_none() {
        return None;
    }
    if reader.at > limit {
        return None;
    }
    let value = reader.value(quote)?;
    Some(Assigned { name, value, quoted: quote.is_some(), firm: join == Join::Firm })
}

/// The run of a value that begins at a place, quoted or not.
pub(super) fn value_at(bytes: &[u8], at: usize) -> Option<(Range<usize>, bool)> {
    let mut reader = Reader { bytes, at, closed: false };
    reader.spaces(8);
    let quote = reader.open();
    reader.value(quote).map(|value| (value, quote.is_some()))
}

fn name_start(bytes: &[u8], at: usize) -> usize {
    let before = bytes.get(at.saturating_sub(NAME_MAX)..at).unwrap_or_default();
    at - before.iter().rev().take_while(|b| of_name(**b)).count()
}

fn of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    Firm,
    Loose,
    Space,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    Plain(u8),
    Escaped(u8),
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    /// Whether the name stood in quotation marks.
    closed: bool,
}

/// Words that a name goes on with when it is written for people: `API key`.
const MORE: &[&[u8]] = &[
    b"api",
    b"access",
    b"secret",
    b"auth",
    b"client",
    b"private",
    b"app",
    b"key",
    b"token",
    b"password",
    b"id",
    b"value",
];

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let taken = self.rest().get(..text.len()).is_some_and(|next| next.eq_ignore_ascii_case(text));
        if taken {
            self.at += text.len();
        }
        taken
    }

    fn spaces(&mut self, most: usize) -> usize {
        let count = self.rest().iter().take(most).take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.at += count;
        count
    }

    /// The rest of a name, with the words behind it and the quotation mark that closes it.
    fn name(&mut self) {
        self.at += self.rest().iter().take(NAME_MAX).take_while(|b| of_name(**b)).count();
        for _ in 0..3 {
            let from = self.at;
            self.spaces(1);
            let went_on =
                self.at > from && MORE.iter().any(|word| self.take(word)) && !self.peek().is_ascii_alphanumeric();
            if !went_on {
                self.at = from;
                break;
            }
        }
        self.take(b"\\");
        if matches!(self.peek(), b'"' | b'\'' | b'`') {
            self.at += 1;
            self.closed = true;
        }
        while matches!(self.peek(), b']' | b')' | b'}') {
            self.at += 1;
            self.closed = true;
        }
    }

    /// What joins a name and its value.
    fn join(&mut self, flag: bool) -> Option<Join> {
        if self.take(b"</key>") || self.take(b"</name>") {
            self.at += self.rest().iter().take(40).take_while(|b| b.is_ascii_whitespace()).count();
            return (self.take(b"<string>") || self.take(b"<value>")).then_some(Join::Firm);
        }
        if self.tag() {
            return Some(Join::Loose);
        }
        let spaces = self.spaces(24);
        if let Some(join) = self.value_member() {
            return Some(join);
        }
        self.annotation();
        const FIRM: &[&[u8]] = &[b":=", b"=>", b"===", b"==", b"!==", b"!=", b"->", b"<-", b"?=", b"||=", b"=", b":"];
        if FIRM.iter().any(|sign| self.take(sign)) {
            self.spaces(24);
            return Some(Join::Firm);
        }
        let loose = (self.closed && self.take(b",")) || self.take(b"(") || (self.peek() == b'>' && self.take(b">"));
        if loose || self.take(b"is ") || self.take(b"is: ") || self.take(b"was ") {
            self.spaces(8);
            return Some(Join::Loose);
        }
        (spaces > 0 && (flag || !self.peek().is_ascii_alphanumeric())).then_some(Join::Space)
    }

    /// The attributes of a tag whose name it is: `<Pass encoding="base64">`.
    fn tag(&mut self) -> bool {
        let rest = self.rest().get(..40.min(self.rest().len())).unwrap_or_default();
        let attributes = rest.first() == Some(&b' ')
            && rest.iter().position(|b| *b == b'>').is_some_and(|end| {
                let inside = rest.get(..end).unwrap_or_default();
                inside.contains(&b'=') && inside.last().is_some_and(|b| matches!(b, b'"' | b'\''))
            });
        if attributes && memchr::memmem::find(rest, b" value=").is_none() {
            self.at += rest.iter().position(|b| *b == b'>').map_or(0, |end| end + 1);
            return true;
        }
        false
    }

    /// `name: X` and on the next line, or in the same tag, `value: Y`.
    fn value_member(&mut self) -> Option<Join> {
        let from = self.at;
        if self.closed || matches!(self.peek(), b'\n' | b'\r') {
            self.take(b",");
            self.at += self.rest().iter().take(40).take_while(|b| b.is_ascii_whitespace()).count();
            self.take(b"\"");
            self.take(b"secret_");
            if self.take(b"value") {
                self.take(b"\"");
                self.spaces(8);
                if self.take(b":") || self.take(b"=") {
                    self.spaces(8);
                    return Some(Join::Firm);
                }
            }
        }
        self.at = from;
        None
    }

    /// A type between a name and `=`: `key: &str = `, `String key = ` has none.
    fn annotation(&mut self) {
        let from = self.at;
        if self.take(b":") {
            self.spaces(2);
            let of_type = |b: &u8| {
                b.is_ascii_alphanumeric() || matches!(b, b'&' | b'<' | b'>' | b'[' | b']' | b'\'' | b'_' | b' ' | b'?')
            };
            let length = self.rest().iter().take(24).take_while(|b| of_type(b)).count();
            self.at += length;
            if length > 0 && self.peek() == b'=' {
                return;
            }
        }
        self.at = from;
    }

    /// What opens a value: brackets, letters of string literals, a scheme of authentication, a quotation mark.
    fn open(&mut self) -> Option<Quote> {
        let mut quote = self.quote();
        for scheme in [&b"bearer "[..], b"token ", b"basic ", b"apikey ", b"api-token "] {
            if self.take(scheme) {
                quote = self.quote().or(quote);
                break;
            }
        }
        quote
    }

    fn quote(&mut self) -> Option<Quote> {
        while matches!(self.peek(), b'(' | b'[' | b'{')
            && matches!(self.bytes.get(self.at + 1), Some(b'"' | b'\'' | b'`'))
        {
            self.at += 1;
        }
        if matches!(self.peek(), b'b' | b'r' | b'f' | b'u' | b'@' | b'L')
            && matches!(self.bytes.get(self.at + 1), Some(b'"' | b'\''))
        {
            self.at += 1;
        }
        match (self.peek(), self.bytes.get(self.at + 1)) {
            (b'\\', Some(mark @ (b'"' | b'\''))) => {
                self.at += 2;
                Some(Quote::Escaped(*mark))
            }
            (mark @ (b'"' | b'\'' | b'`'), _) => {
                // Three of them are one.
                self.at += if self.rest().starts_with(&[mark, mark, mark]) { 3 } else { 1 };
                Some(Quote::Plain(mark))
            }
            _ => None,
        }
    }

    /// The value itself, which has no spaces.
    fn value(&self, quote: Option<Quote>) -> Option<Range<usize>> {
        let ends = |byte: u8| match quote {
            Some(Quote::Plain(mark)) => byte == mark || byte == b'\\',
            Some(Quote::Escaped(_)) => byte == b'\\',
            None => matches!(
                byte,
                b'"' | b'\'' | b'`' | b',' | b';' | b'&' | b'<' | b'>' | b')' | b'}' | b']' | b'\\' | b'|'
            ),
        };
        let rest = self.rest();
        // Another assignment: `a=b=c`. At the end of a value it fills up base64.
        let joins = |at: usize| {
            quote.is_none() && rest.get(at) == Some(&b'=') && rest.get(at + 1).is_some_and(u8::is_ascii_alphanumeric)
        };
        let within = |at: usize, b: u8| !b.is_ascii_whitespace() && !ends(b) && !joins(at);
        let length = rest.iter().take(VALUE_MAX).enumerate().take_while(|(at, b)| within(*at, **b)).count();
        let next = rest.get(length).copied().unwrap_or(b' ');
        // A quoted value that has spaces is a sentence, and one that is too long is something else.
        let whole = length < VALUE_MAX && (quote.is_none() || ends(next) || rest.len() == length);
        let mut value = rest.get(..length)?;
        if quote.is_none() {
            // The end of a sentence is not its own.
            let end = value.iter().rposition(|b| !matches!(b, b'.' | b':' | b'!' | b'?')).map_or(0, |at| at + 1);
            value = value.get(..end)?;
        }
        (whole && !value.is_empty() && value.is_ascii()).then(|| self.at..self.at + value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(text: &str, word: &str) -> Option<String> {
        let at = text.find(word)?;
        let found = after(text.as_bytes(), at..at + word.len())?;
        Some(format!("{}={}", &text[found.name], &text[found.value]))
    }

    #[test]
    fn values_are_found_in_many_languages() {
        for (text, name) in [
            (r#"{"api_key": "v-1"}"#, "api_key\""),
            (r#"{\"api_key\": \"v-1\"}"#, "api_key\\\""),
            ("api_key: v-1\n", "api_key"),
            ("export X_api_key='v-1'", "X_api_key"),
            (r#"let api_key: &str = "v-1";"#, "api_key"),
            (r#"os.environ["api_key"] = "v-1""#, "api_key\"]"),
            ("tool --api_key v-1 --more", "--api_key"),
            ("https://h/p?api_key=v-1&x=2", "api_key"),
            ("define('api_key', 'v-1');", "api_key'"),
            ("set_api_key(\"v-1\")", "set_api_key"),
            (":api_key => \"v-1\"", "api_key"),
            ("x.api_key := `v-1`", "x.api_key"),
            ("<api_key>v-1</api_key>", "api_key"),
            ("<add key=\"api_key\" value=\"v-1\"/>", "api_key\""),
            ("- name: api_key\n  value: \"v-1\"", "api_key"),
            ("<key>api_key</key>\n\t<string>v-1</string>", "api_key"),
            ("my api_key is v-1.", "api_key"),
            ("-H \"api_key: Bearer v-1\"", "api_key"),
            ("IDENTIFIED api_key 'v-1'", "api_key"),
        ] {
            assert_eq!(assigned(text, "api_key"), Some(format!("{name}=v-1")), "{text}");
        }
        for text in ["the api_key that I lost", "api_key", "api_key =", "api_key: \"two words\"", "api_key v-1"] {
            assert_eq!(assigned(text, "api_key"), None, "{text}");
        }
    }
}
