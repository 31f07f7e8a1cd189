//! Addresses of the net: mail, IP, hardware, and credentials in URLs.

use super::cue::{CueFinder, VERSION};
use super::entity::Entity;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// The longest local part (RFC 5321), domain, and stretch of a URL that is looked back for its scheme.
const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 253;
const AUTHORITY_MAX: usize = 256;

/// What stands around an `@`: a mail address, or the end of credentials in a URL.
pub(super) fn at_sign(text: &str, at: usize) -> Option<(Entity, Range<usize>)> {
    let bytes = text.as_bytes();
    match credentials(bytes, at) {
        Some(Login::Somebody(span)) => return Some((Entity::UrlCredentials, span)),
        Some(Login::Nobody) => return None,
        None => {}
    }
    let local = bytes.get(..at)?.iter().rev().take(LOCAL_MAX + 1).take_while(|b| is_local(**b)).count();
    let mut start = at - local.min(LOCAL_MAX);
    // A sentence may have put a dot, an apostrophe or a dash before it.
    while start < at
        && matches!(
            bytes.get(start),
            Some(
                b'.' | b'\''
                    | b'-'
                    | b'/'
                    | b'='
                    | b'*'
                    | b'`'
                    | b'#'
                    | b'&'
                    | b'+'
                    | b'?'
                    | b'!'
                    | b'{'
                    | b'}'
                    | b'|'
                    | b'~'
                    | b'^'
                    | b'$'
                    | b'%'
            )
        )
    {
        start += 1;
    }
    while !text.is_char_boundary(start) {
        start += 1;
    }
    if start >= at || matches!(bytes.get(at - 1), Some(b'.')) {
        return None;
    }
    let end = domain(bytes, at + 1)?;
    // `git@host:path` names a repository.
    let repository =
        bytes.get(end) == Some(&b':') && bytes.get(end + 1).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'/');
    (!(repository && bytes.get(start..at) == Some(b"git"))).then_some((Entity::Email, start..end))
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"._%+-'&=*/!#$?^`{|}~".contains(&byte)
}

/// Where a domain with a dot and a last label of letters ends.
fn domain(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let is_label = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b >= 0x80;
    let length = rest.iter().take(DOMAIN_MAX + 1).take_while(|b| is_label(**b) || **b == b'.').count();
    if length > DOMAIN_MAX {
        return None;
    }
    let mut name = rest.get(..length)?;
    while let [shorter @ .., b'.' | b'-'] = name {
        name = shorter;
    }
    // Where a sentence goes on without a blank (`a@b.org.Then`), labels stop at the first that is empty.
    if let Some(double) = name.windows(2).position(|two| two == b"..") {
        name = name.get(..double)?;
    }
    let dot = name.iter().rposition(|b| *b == b'.')?;
    let last = name.get(dot + 1..)?;
    let good = |label: &[u8]| {
        !label.is_empty() && label.len() <= 63 && label.first() != Some(&b'-') && label.last() != Some(&b'-')
    };
    let top = last.len() >= 2
        && last.len() <= 24
        && last.iter().all(|b| b.is_ascii_alphabetic() || *b >= 0x80 || last.starts_with(b"xn--"));
    (top && name.split(|b| *b == b'.').all(good) && std::str::from_utf8(name).is_ok()).then_some(start + name.len())
}

/// What stands before the `@` of a URL.
enum Login {
    /// A name and a password.
    Somebody(Range<usize>),
    /// The words for them, as in manuals: `https://user:password@host`.
    Nobody,
}

/// `name:password` before the `@` of a URL.
fn credentials(bytes: &[u8], at: usize) -> Option<Login> {
    let from = at.saturating_sub(AUTHORITY_MAX);
    let before = bytes.get(from..at)?;
    let length = before.iter().rev().take_while(|b| !b.is_ascii_whitespace() && !b"\"'<>/`@".contains(b)).count();
    let start = at - length;
    let scheme = start.checked_sub(3).and_then(|s| bytes.get(s..start))? == b"://";
    let user_info = bytes.get(start..at)?;
    let colon = user_info.iter().position(|b| *b == b':')?;
    let password = user_info.get(colon + 1..)?;
    let host = bytes.get(at + 1).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'[' | b'{' | b'$'));
    // `${PASSWORD}`, `<password>` and their like stand for a value, they are none.
    let stands_for = matches!(password.first(), None | Some(b'$' | b'{' | b'<' | b'%' | b'*'))
        && !password.iter().any(u8::is_ascii_digit);
    if !scheme || !host || stands_for {
        return None;
    }
    let nobody = says_what_stands_there(user_info.get(..colon)?, password);
    Some(if nobody { Login::Nobody } else { Login::Somebody(start..at) })
}

/// Whether name and password are the words for them.
fn says_what_stands_there(user: &[u8], password: &[u8]) -> bool {
    const USERS: [&[u8]; 7] = [b"user", b"username", b"usr", b"name", b"login", b"myuser", b"dbuser"];
    const PASSWORDS: [&[u8]; 8] =
        [b"pass", b"password", b"passwd", b"pwd", b"pw", b"secret", b"mypassword", b"dbpassword"];
    let is_one = |word: &[u8], of: &[&[u8]]| of.iter().any(|known| word.eq_ignore_ascii_case(known));
    is_one(user, &USERS) && is_one(password, &PASSWORDS)
}

/// An IPv4 address that begins at a digit. Four numbers and no more; those that name nobody are left out.
pub(super) fn ipv4(text: &[u8], start: usize, cues: &mut CueFinder<'_>) -> Option<Range<usize>> {
    let at = |index: usize| text.get(index).copied().unwrap_or(b' ');
    // Cheap, before it is read: a row of numbers with dots is looked at from each of them.
    let before = start.checked_sub(1).map_or(b' ', at);
    if before.is_ascii_alphanumeric() || matches!(before, b'.' | b'_' | b'-' | b'~' | b'^' | b'$') {
        return None;
    }
    let rest = text.get(start..)?;
    let length = rest.iter().take(16).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let mut word = rest.get(..length)?;
    if let [shorter @ .., b'.'] = word {
        word = shorter;
    }
    if word.iter().filter(|b| **b == b'.').count() != 3 {
        return None;
    }
    let address: Ipv4Addr = std::str::from_utf8(word).ok()?.parse().ok()?;
    let end = start + word.len();
    let goes_on = at(end).is_ascii_alphanumeric()
        || matches!(at(end), b'_' | b'%')
        || (matches!(at(end), b'.' | b'-') && at(end + 1).is_ascii_alphanumeric());
    let octets = address.octets();
    let nobody = address.is_loopback()
        || address.is_unspecified()
        || address.is_broadcast()
        || octets.starts_with(&[255])
        || octets[0] == 0;
    if goes_on || nobody {
        return None;
    }
    let near = cues.near(start, end);
    let named = near & Entity::Ip.bit() != 0;
    // Single digits and the numbers of software, sections and objects look alike.
    let small = octets.iter().all(|octet| *octet < 20);
    // `package==5.29.14.16` asks for a version.
    let asked = text.get(..start).is_some_and(|before| before.ends_with(b"=="));
    (named || !(small || asked || near & VERSION != 0)).then_some(start..end)
}

/// What groups of hexadecimal digits with colons or dots consist of.
static PARTS: [bool; 256] = parts();

const fn parts() -> [bool; 256] {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        table[b] = byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
        b += 1;
    }
    table
}

/// The most bytes of an address with colons.
const COLONS_MAX: usize = 46;

/// The stretch of hexadecimal digits, colons and dots around a digit. Of one that is too long to be an address it is not said where it
/// begins.
pub(super) fn parts_around(text: &[u8], at: usize) -> Range<usize> {
    let is_part = |b: &&u8| PARTS.get(usize::from(**b)).is_some_and(|part| *part);
    let before = text.get(..at).unwrap_or_default().iter().rev().take(COLONS_MAX).take_while(is_part).count();
    let behind = text.get(at..).unwrap_or_default().iter().take_while(is_part).count();
    at - before..at + behind
}

/// An IPv6 or hardware address: groups of hexadecimal digits with colons, of which the stretch is a row.
pub(super) fn colons(text: &[u8], parts: Range<usize>, cues: &mut CueFinder<'_>) -> Option<(Entity, Range<usize>)> {
    let joined = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let (start, length) = (parts.start, parts.len());
    let outer = start.checked_sub(1).and_then(|index| text.get(index)).copied().unwrap_or(b' ');
    if joined(outer) || length > COLONS_MAX {
        return None;
    }
    let rest = text.get(start..)?;
    let mut word = rest.get(..length)?;
    while let [shorter @ .., b'.'] = word {
        word = shorter;
    }
    if let [shorter @ .., x, b':'] = word
        && *x != b':'
    {
        word = rest.get(..shorter.len() + 1)?;
    }
    let colons = word.iter().filter(|b| **b == b':').count();
    let at = |index: usize| text.get(index).copied().unwrap_or(b' ');
    let end = start + word.len();
    if colons < 2 || joined(at(end)) {
        return None;
    }
    if octets(word, b':') {
        return Some((Entity::Mac, start..end));
    }
    let address: Ipv6Addr = std::str::from_utf8(word).ok()?.parse().ok()?;
    let digits = word.iter().filter(|b| b.is_ascii_hexdigit()).count();
    let named = digits >= 8 || cues.near(start, end) & Entity::Ip.bit() != 0;
    (named && !address.is_loopback() && !address.is_unspecified()).then_some((Entity::Ip, start..end))
}

/// A hardware address with dashes or dots, around a digit.
pub(super) fn dashes(text: &[u8], from: usize, at: usize) -> Option<Range<usize>> {
    let is_part = |b: u8| b.is_ascii_hexdigit() || b == b'-' || b == b'.';
    let before = text.get(from..at)?.iter().rev().take(18).take_while(|b| is_part(**b)).count();
    let start = at - before;
    let rest = text.get(start..)?;
    let word = rest.get(..17).filter(|word| octets(word, b'-'));
    let word = word.or_else(|| rest.get(..14).filter(|word| dotted(word)))?;
    let end = start + word.len();
    let joined = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let outer = start.checked_sub(1).and_then(|s| text.get(s));
    (!joined(outer) && !joined(text.get(end))).then_some(start..end)
}

/// Six pairs with the same character between, not all alike.
fn octets(word: &[u8], gap: u8) -> bool {
    let pairs = word.chunks(3);
    word.len() == 17
        && pairs.clone().all(|p| matches!(p, [a, b, rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() && rest.iter().all(|g| *g == gap)))
        && pairs.clone().any(|p| p.get(..2) != word.get(..2))
}

/// Three groups of four with dots, with a letter among them.
fn dotted(word: &[u8]) -> bool {
    word.len() == 14
        && word.iter().enumerate().all(|(i, b)| if i % 5 == 4 { *b == b'.' } else { b.is_ascii_hexdigit() })
        && word.iter().any(u8::is_ascii_alphabetic)
}
