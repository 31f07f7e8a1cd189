//! Values that names call secret: any vendor's, or nobody's.

use super::assign::Assigned;
use super::elsewhere::{is_argument, is_arn, is_file, is_frame, is_name, is_receipt, is_scheme};
use super::value::{self, Kinds};
use crate::lookup::Lookup;
use std::sync::OnceLock;

/// Parts of names, without what stands between words, that say that the value is a password.
const PASSWORDS: &[&str] =
    &["password", "passwd", "passphrase", "passcode", "pwd", "passw", "psw", "pword", "userpass", "dbpass"];
/// That it is a token or key.
const TOKENS: &[&str] = &[
    "secret",
    "token",
    "apikey",
    "privatekey",
    "accesskey",
    "authkey",
    "credential",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "accountkey",
    "sharedkey",
    "authorization",
    "apipass",
    "bearer",
    "securitykey",
    "hmackey",
    "appkey",
    "servicekey",
    "subscriptionkey",
    "licensekey",
    "serverkey",
    "adminkey",
    "integrationkey",
    "sshkey",
    "storagekey",
    "deploykey",
    "clientkey",
    "consumerkey",
    "apptoken",
];
/// Ends of names that may say so.
const PERHAPS: &[&str] = &["key", "auth", "cred", "creds"];
/// Parts of names that say that it is something else.
const OTHERS: &[&str] = &[
    "public",
    "primarykey",
    "foreignkey",
    "keyboard",
    "keycode",
    "keyword",
    "tokenizer",
    "tokentype",
    "tokencount",
    "tokenlimit",
    "tokenuri",
    "tokenurl",
    "maxtoken",
    "passwordreset",
    "forgot",
    "author.",
    "authored",
    "csrf",
    "xsrf",
    "nonce",
    "requestverification",
    "hash",
    "digest",
    "checksum",
    "fingerprint",
    "cachekey",
    "sortkey",
    "partitionkey",
    "objectkey",
    "s3key",
    "keyid",
    "keyname",
    "keypath",
    "tokenid",
    "integrity",
    "etag",
    "commit",
    "revision",
    "thumbprint",
    "pagetoken",
    "continuation",
    "cursor",
    "nexttoken",
    "nextforwardtoken",
    "nextbackwardtoken",
    "startingtoken",
    "synctoken",
    "monkey",
    "turkey",
    "bypass",
    "compass",
    "surpass",
    "idempotency",
    "sitekey",
    "unlockedby",
];
/// Ends of names that say that it tells of the secret, and is not it.
const ABOUT: &[&str] = &[
    "name",
    "path",
    "file",
    "filename",
    "url",
    "uri",
    "endpoint",
    "type",
    "length",
    "len",
    "size",
    "count",
    "field",
    "label",
    "policy",
    "arn",
    "header",
    "expiry",
    "expires",
    "expiration",
    "ttl",
    "id",
    "prefix",
    "suffix",
    "format",
    "regex",
    "pattern",
    "dir",
    "location",
    "store",
    "ref",
    "version",
    "description",
    "hint",
    "error",
    "message",
    "class",
    "provider",
    "manager",
    "service",
    "required",
    "status",
    "column",
];

/// What a name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Password,
    Token,
    Perhaps,
}

/// What a name says, if anything.
pub(super) fn says(name: &[u8]) -> Option<Says> {
    let name: Vec<u8> = name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    if ABOUT.iter().any(|end| name.ends_with(end.as_bytes())) {
        return None;
    }
    let mut says = name.ends_with(b"pass").then_some(Says::Password);
    let mut other = false;
    parts().all(&name, |_, _, part| {
        if part < OTHERS.len() {
            other = true;
        } else if part < OTHERS.len() + PASSWORDS.len() {
            says = Some(Says::Password);
        } else {
            says = says.or(Some(Says::Token));
        }
    });
    if other {
        return None;
    }
    says.or_else(|| PERHAPS.iter().any(|end| name.ends_with(end.as_bytes())).then_some(Says::Perhaps))
}

/// All parts of names, in the order of their lists.
fn parts() -> &'static Lookup {
    static PARTS: OnceLock<Lookup> = OnceLock::new();
    PARTS.get_or_init(|| Lookup::new(OTHERS.iter().chain(PASSWORDS).chain(TOKENS)))
}

/// The name of the rule and how sure it is, of a value that looks as secret as its name says.
pub(super) fn judge(bytes: &[u8], found: &Assigned) -> Option<(&'static str, f32)> {
    let value = bytes.get(found.value.clone())?;
    let kinds = Kinds::of(value);
    let plain = kinds.digits + kinds.other == 0 && value.len() < 20;
    if value.len() < 6 || plain || is_code(value, found.quoted) {
        return None;
    }
    let name = bytes.get(found.name.clone())?;
    let says = says(name)?;
    if is_name(bytes, found) || is_arn(bytes, found) || is_scheme(value) || is_frame(value) || is_receipt(name, value) {
        return None;
    }
    let firm = if found.firm { 0.1 } else { 0.0 };
    match says {
        Says::Password if value.len() <= 128 => {
            (!is_argument(bytes, found) && value::is_password(value) && !is_reference(value))
                .then_some(("generic-password", 0.7 + firm))
        }
        Says::Token | Says::Password => {
            let random =
                value.len() >= 10 && (value::is_random(value, 3.2) || value::is_uuid(value)) && !is_reference(value);
            random.then_some(("generic-secret", 0.7 + firm))
        }
        Says::Perhaps => {
            let dense =
                value.len() >= 16 && kinds.digits > 1 && !value::is_uuid(value) && kinds.other * 6 <= value.len();
            (dense && !is_file(value) && value::is_random(value, 3.5) && !is_reference(value))
                .then_some(("generic-key", 0.5 + firm))
        }
    }
}

/// Whether it is an expression rather than a value.
fn is_code(value: &[u8], quoted: bool) -> bool {
    let Some(first) = value.first() else { return true };
    if matches!(first, b'$' | b'%' | b'{' | b'<' | b'[' | b'(' | b'*')
        && !(quoted && value.len() > 12 && !value.contains(&b'{'))
    {
        return true;
    }
    if quoted {
        return false;
    }
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    // Numbers with their type, constants, paths of names.
    let number = digits * 10 >= value.len() * 6 && value.iter().filter(|b| b.is_ascii_alphabetic()).count() <= 1;
    let constant =
        value.contains(&b'_') && value.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
    number
        || constant
        || value.iter().any(|b| matches!(b, b'(' | b'[' | b'{'))
        || value.windows(2).any(|pair| pair == b"::")
}

/// Whether it is a path, an address, or a member of something.
fn is_reference(value: &[u8]) -> bool {
    if value.starts_with(b"/")
        || value.starts_with(b"./")
        || value.starts_with(b"~/")
        || value.windows(3).any(|part| part == b"://")
    {
        return true;
    }
    let dotted = value.iter().filter(|b| matches!(b, b'.' | b'/' | b':' | b'-' | b'_')).count();
    if dotted == 0 {
        return false;
    }
    // Parts that are all words or numbers.
    let mut parts = value.split(|b| matches!(b, b'.' | b'/' | b':' | b'-' | b'_')).filter(|part| !part.is_empty());
    parts.all(|part| part.len() <= 3 || (part.iter().all(u8::is_ascii_alphabetic) && value::pairs(part).0 >= 70))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_their_values_are() {
        for (name, what) in [
            ("DB_PASSWORD", Some(Says::Password)),
            ("client-secret", Some(Says::Token)),
            ("x.apiKey", Some(Says::Token)),
            ("key", Some(Says::Perhaps)),
            ("public_key", None),
            ("password_file", None),
            ("max_tokens", None),
            ("monkey", None),
            ("author", None),
        ] {
            assert_eq!(says(name.as_bytes()), what, "{name}");
        }
    }
}
