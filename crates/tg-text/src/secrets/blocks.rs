//! Credentials that stand in a larger form: key blocks, addresses with a password, headers, files of logins, commands.

use super::assign::{VALUE_MAX, value_at};
use super::check;
use super::elsewhere;
use super::value::{self, Kinds};
use std::ops::Range;

/// Forms that are read by code of their own: id, of what, what it is, and the words that begin it.
pub(super) const BLOCKS: &[Block] = &[
    block("private-key", "PEM, OpenSSH and OpenPGP", "private key", &["-----begin "], private_key),
    block("url-password", "RFC 3986", "password in an address or connection string", &["://"], url_password),
    block("http-basic", "RFC 7617", "user and password of basic authentication", &["basic "], http_basic),
    block("http-bearer", "RFC 6750", "bearer token", &["bearer ", "authorization: token "], http_bearer),
    block("docker-auth", "Docker", "login of a registry", &["\"auth\""], docker_auth),
    block("netrc-password", "netrc", "password of a machine", &["login "], netrc),
    block("pgpass-password", "PostgreSQL", "line of a password file", &[":5432:", ":*:*:"], pgpass),
    block(
        "curl-user",
        "curl",
        "user and password of a command",
        &[" -u ", " -u\"", " -u'", "--user ", "--user=", "--proxy-user "],
        curl_user,
    ),
    block("facebook-app-token", "Meta", "access token of an application", &["|"], facebook_app),
    block("tool-password", "commands", "password of a tool", &[" -p ", " -p'", " -p\"", " /p:"], tool),
    block(
        "command-password",
        "commands",
        "password of a command",
        &[
            "convertto-securestring ",
            "sshpass -p",
            "identified by ",
            "-storepass ",
            "-keypass ",
            "pass:",
            "-p:password=",
            "requirepass ",
            "authtoken ",
        ],
        command,
    ),
];

/// A form that is read by code of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub id: &'static str,
    pub vendor: &'static str,
    pub what: &'static str,
    pub words: &'static [&'static str],
    /// Reads what stands around one of the words, and tells the value and how sure it is.
    pub read: Read,
}

/// How a block is read.
pub(super) type Read = fn(&[u8], Range<usize>) -> Option<(Range<usize>, f32)>;

const fn block(
    id: &'static str,
    vendor: &'static str,
    what: &'static str,
    words: &'static [&'static str],
    read: Read,
) -> Block {
    Block { id, vendor, what, words, read }
}

/// Most bytes of a private key.
const KEY_MAX: usize = 16 << 10;
/// Fewest characters of base64 that make one.
const KEY_MIN: usize = 40;

fn private_key(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    let label = bytes.get(word.end..(word.end + 48).min(bytes.len()))?;
    let dashes = memchr::memmem::find(label, b"-----")?;
    let label = label.get(..dashes)?;
    memchr::memmem::find(label, b"PRIVATE KEY")?;
    let from = word.end + dashes + 5;
    let rest = bytes.get(from..(from + KEY_MAX).min(bytes.len()))?;
    let next = memchr::memmem::find(rest, b"-----");
    let body = rest.get(..next.unwrap_or(rest.len()))?;
    let length = match next {
        Some(length) => length,
        // Its end is missing: as far as there are lines of it.
        None => body.split_inclusive(|b| *b == b'\n').take_while(|line| is_key_line(line)).map(<[u8]>::len).sum(),
    };
    let body = body.get(..length)?;
    let filled = body.iter().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')).count();
    if filled < KEY_MIN || value::is_filler(body.get(..body.len().min(200))?) {
        return None;
    }
    let closed = rest.get(length..).is_some_and(|end| end.starts_with(b"-----END "));
    let end = if closed {
        let tail = bytes.get(from + length + 9..(from + length + 64).min(bytes.len()))?;
        memchr::memmem::find(tail, b"-----").map_or(from + length, |at| from + length + 9 + at + 5)
    } else {
        from + length
    };
    Some((word.start..end, if closed { 1.0 } else { 0.9 }))
}

/// Most lines before a key that say how it is encrypted.
const HEADERS_MAX: usize = 2;

/// Whether a block that begins with `-----BEGIN ` and has no end yet is a private key so far, and no longer than one is read.
pub(crate) fn is_open_key(block: &str) -> bool {
    let Some((_, body)) = block.split_once("PRIVATE KEY-----").filter(|(label, _)| !label.contains('\n')) else {
        return false;
    };
    let mut lines = body.split('\n').enumerate();
    block.len() <= KEY_MAX
        && lines
            .all(|(nth, line)| is_key_line(line.as_bytes()) || (1..=HEADERS_MAX).contains(&nth) && line.contains(':'))
}

fn is_key_line(line: &[u8]) -> bool {
    line.iter().all(|b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\n' | b'\r' | b'\\' | b' ' | b'"' | b',')
    })
}

fn url_password(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    let scheme = word.start.checked_sub(1).and_then(|at| bytes.get(at))?;
    if !scheme.is_ascii_alphanumeric() {
        return None;
    }
    let rest = bytes.get(word.end..(word.end + 256).min(bytes.len()))?;
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\');
    let end = rest.iter().position(ends).unwrap_or(rest.len());
    let mut authority = rest.get(..end)?;
    if let Some(slash) = memchr::memchr(b'/', authority) {
        // A password may have a slash, but then the user has his colon before it and the host its `@` behind.
        let (head, tail) = authority.split_at(slash);
        if memchr::memchr(b'@', head).is_some()
            || memchr::memchr(b':', head).is_none()
            || memchr::memchr2(b'?', b'&', tail).is_some()
        {
            authority = head;
        }
    }
    let sign = memchr::memrchr(b'@', authority)?;
    let login = authority.get(..sign)?;
    let host = authority.get(sign + 1)?;
    if !host.is_ascii_alphanumeric() && !matches!(host, b'[' | b'$' | b'{' | b'(' | b'%') {
        return None;
    }
    match memchr::memchr(b':', login) {
        Some(colon) => {
            let password = login.get(colon + 1..)?;
            is_some_password(password).then_some((word.end + colon + 1..word.end + sign, 0.9))
        }
        None => (login.len() >= 16 && value::is_random(login, 3.2)).then_some((word.end..word.end + sign, 0.8)),
    }
}

/// A password where only passwords stand: anything but a placeholder, a variable, or a word that says that it is one.
fn is_some_password(password: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"pass",
        b"pwd",
        b"secret",
        b"user",
        b"admin",
        b"root",
        b"pw",
        b"token",
        b"guest",
        b"postgres",
        b"mysql",
        b"key",
        b"passwort",
        b"username",
        b"credentials",
        b"apikey",
        b"api_key",
        b"yyy",
    ];
    let variable = password.iter().any(|b| matches!(b, b'<' | b'{' | b'[' | b'(' | b'*'))
        || matches!(password.first(), Some(b'$' | b'%' | b':'));
    // A number is the port of another host.
    let number = password.iter().all(u8::is_ascii_digit) && password.len() < 6;
    let word = WORDS.iter().any(|word| password.eq_ignore_ascii_case(word));
    let name = password.iter().all(u8::is_ascii_uppercase) && value::is_words(password);
    !(password.len() < 4 || variable || number || word || name || value::is_placeholder(password))
}

fn http_basic(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    let found = run(bytes, word.end, |b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'));
    let value = bytes.get(found.clone())?;
    if value.len() < 8 {
        return None;
    }
    let named = bytes.get(word.start.saturating_sub(24)..word.start)?.to_ascii_lowercase();
    let header = memchr::memmem::find(&named, b"auth").is_some();
    let right = check::basic(value).is_some()
        || (header
            && value.len() >= 16
            && Kinds::of(value).digits > 0
            && !value::is_filler(value)
            && value::is_random(value, 3.4));
    right.then_some((found, if header { 0.95 } else { 0.8 }))
}

fn http_bearer(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    let found = run(bytes, word.end, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_' | b'.' | b'~' | b':' | b'|')
    });
    let value = bytes.get(found.clone())?;
    let long = value.len() >= 16 && Kinds::of(value).digits > 0;
    (long && (value::is_random(value, 3.2) || value::is_uuid(value))).then_some((found, 0.85))
}

fn docker_auth(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    let colon = bytes.get(word.end..(word.end + 4).min(bytes.len()))?.iter().position(|b| *b == b':')?;
    let (found, quoted) = value_at(bytes, word.end + colon + 1)?;
    let (_, password) = check::basic(bytes.get(found.clone())?)?;
    (quoted && is_some_password(password.as_bytes())).then_some((found, 0.95))
}

fn netrc(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    let user = run(bytes, word.end, |b| !b.is_ascii_whitespace());
    let gap = run(bytes, user.end, |b| b.is_ascii_whitespace());
    let rest = bytes.get(gap.end..)?;
    if user.is_empty() || !rest.starts_with(b"password") {
        return None;
    }
    let gap = run(bytes, gap.end + 8, |b| b.is_ascii_whitespace());
    let found = run(bytes, gap.end, |b| !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\''));
    let before = bytes.get(word.start.saturating_sub(100)..word.start)?;
    let machine =
        memchr::memmem::find(before, b"machine").is_some() || memchr::memmem::find(before, b"default").is_some();
    (machine && !gap.is_empty() && is_some_password(bytes.get(found.clone())?)).then_some((found, 0.9))
}

fn pgpass(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    let fields = if bytes.get(word.clone())?.contains(&b'*') { 1 } else { 2 };
    let mut colons = 0;
    let (mut start, mut end) = (word.end, word.end);
    for byte in bytes.get(word.end..)?.iter().take(VALUE_MAX) {
        if byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'/' | b'@' | b'<') {
            break;
        }
        end += 1;
        if *byte == b':' {
            (colons, start) = (colons + 1, end);
            if colons > fields {
                return None;
            }
        }
    }
    (colons == fields && is_some_password(bytes.get(start..end)?)).then_some((start..end, 0.85))
}

fn curl_user(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    let before = bytes.get(word.start.saturating_sub(120)..word.start)?.to_ascii_lowercase();
    if ![&b"curl"[..], b"http", b"wget"].iter().any(|tool| memchr::memmem::find(&before, tool).is_some()) {
        return None;
    }
    let from = word.end - usize::from(matches!(bytes.get(word.end - 1), Some(b'"' | b'\'')));
    let start = run(bytes, from, |b| b == b' ').end;
    let quote = bytes.get(start).copied().filter(|b| matches!(b, b'"' | b'\''));
    let inner = start + usize::from(quote.is_some());
    let login = run(bytes, inner, |b| quote.map_or(!b.is_ascii_whitespace(), |mark| b != mark) && b != b'\n');
    let text = bytes.get(login.clone())?;
    let colon = memchr::memchr(b':', text)?;
    // The password may have quotation marks of its own: `user:'password'`.
    let marks = |at: usize| usize::from(matches!(text.get(at), Some(b'"' | b'\'')));
    let first = colon + 1 + marks(colon + 1);
    let last = text.len() - if text.len() > first { marks(text.len() - 1) } else { 0 };
    let is_variable = |part: &[u8]| {
        part.iter().any(|b| matches!(b, b'<' | b'['))
            || part.starts_with(b"$")
            || memchr::memmem::find(part, b"{{").is_some()
    };
    if is_variable(text.get(..colon)?) || text.get(first..last).is_some_and(is_variable) {
        return None;
    }
    if first >= last {
        // Only a user: keys are sent this way.
        let user = text.get(..colon)?;
        return (user.len() >= 8 && value::is_password(user)).then_some((login.start..login.start + colon, 0.8));
    }
    let password = login.start + first..login.start + last;
    is_some_password(bytes.get(password.clone())?).then_some((password, 0.85))
}

/// What stands before `identified by` where a password is behind it.
const OF_COMMANDS: &[&[u8]] = &[b"user", b"grant ", b"role", b"password", b"connect to", b"link", b"key management"];

/// Whether what stands before makes it a command: `identified by` is also said of what has a name.
fn is_of_command(bytes: &[u8], word: &Range<usize>) -> bool {
    if !bytes.get(word.clone()).is_some_and(|word| word.eq_ignore_ascii_case(b"identified by ")) {
        return true;
    }
    let before = bytes.get(word.start.saturating_sub(160)..word.start).unwrap_or_default().to_ascii_lowercase();
    match bytes.get(word.end) {
        Some(b'`') => false,
        Some(b'\'' | b'"') => true,
        _ => OF_COMMANDS.iter().any(|of| memchr::memmem::find(&before, of).is_some()),
    }
}

fn command(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    if bytes
        .get(word.start.saturating_sub(1)..word.start)
        .is_some_and(|before| before.iter().any(|b| b.is_ascii_alphanumeric() || *b == b'_'))
    {
        return None;
    }
    if elsewhere::is_report(bytes, word.start) || !is_of_command(bytes, &word) {
        return None;
    }
    let from = word.end;
    let skipped = if bytes.get(from..)?.starts_with(b"-String ") { 8 } else { 0 };
    let (found, quoted) = value_at(bytes, from + skipped)?;
    let value = bytes.get(found.clone())?;
    let right = if quoted { is_some_password(value) } else { value::is_password(value) };
    (right && !matches!(value.first(), Some(b'$' | b'-' | b'('))).then_some((found, 0.75))
}

/// An application's number before the bar, its token behind.
fn facebook_app(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    let before = bytes.get(word.start.saturating_sub(18)..word.start)?;
    let digits = before.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    if !(13..=17).contains(&digits) {
        return None;
    }
    let found = run(bytes, word.end, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (found.len() == 27 && !value::is_filler(bytes.get(found.clone())?))
        .then_some((word.start - digits..found.end, 0.95))
}

/// Tools that take a password as `-p`.
const TOOLS: &[&[u8]] = &[
    b"psexec",
    b"docker login",
    b"podman login",
    b"az login",
    b"net use",
    b"smbclient",
    b"winexe",
    b"xfreerdp",
    b"sqlcmd",
    b"oc login",
    b"kinit",
    b"impacket",
];

fn tool(bytes: &[u8], word: Range<usize>) -> Option<(Range<usize>, f32)> {
    let before = bytes.get(word.start.saturating_sub(120)..word.start)?.to_ascii_lowercase();
    let line = before.rsplit(|b| *b == b'\n').next()?;
    if !TOOLS.iter().any(|tool| memchr::memmem::find(line, tool).is_some()) {
        return None;
    }
    let from = word.end - usize::from(matches!(bytes.get(word.end - 1), Some(b'"' | b'\'')));
    let (found, _) = value_at(bytes, from)?;
    (is_some_password(bytes.get(found.clone())?)).then_some((found, 0.75))
}

/// The bytes from a place on that fit, as many as a value has at most.
fn run(bytes: &[u8], from: usize, fits: impl Fn(u8) -> bool) -> Range<usize> {
    let length = bytes.get(from..).unwrap_or_default().iter().take(VALUE_MAX * 4).take_while(|b| fits(**b)).count();
    from..from + length
}
