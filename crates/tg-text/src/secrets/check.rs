//! Checksums and inner forms of credentials.

use super::forms::Check;

/// How sure a value of a form is, from 0 to 1. A checksum that fails makes a value unlikely, not impossible: formats
/// change, and what was mistyped is a secret all the same.
pub(super) fn score(check: Check, value: &str) -> f32 {
    match check {
        Check::Form => 0.95,
        Check::Crc32 => sure(crc32_ends(value), 0.5),
        Check::AwsKey => sure(value.bytes().skip(4).all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7')), 0.5),
        Check::Jwt => {
            if jwt_header(value) {
                1.0
            } else {
                0.0
            }
        }
    }
}

fn sure(right: bool, otherwise: f32) -> f32 {
    if right { 1.0 } else { otherwise }
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether the last six characters are the CRC-32 of what stands before them behind the prefix.
fn crc32_ends(value: &str) -> bool {
    let Some((_, body)) = value.split_once('_') else { return false };
    let Some((body, sum)) = body.len().checked_sub(6).and_then(|at| body.split_at_checked(at)) else { return false };
    base62(crc32(body.as_bytes())) == sum.as_bytes()
}

/// A number in base 62, in six digits.
pub(super) fn base62(mut number: u32) -> [u8; 6] {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(number % 62).unwrap_or(0);
        *digit = BASE62.get(index).copied().unwrap_or(b'0');
        number /= 62;
    }
    digits
}

/// CRC-32 as in gzip.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

/// Whether the first part of a token is a JSON object that names its algorithm.
fn jwt_header(value: &str) -> bool {
    let header = value.split('.').next().unwrap_or_default();
    let Some(decoded) = base64(header.as_bytes()) else { return false };
    let parsed: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(&decoded);
    parsed.is_ok_and(|header| header.get("alg").is_some_and(serde_json::Value::is_string))
}

/// Decodes base64 in either alphabet; `=` only at the end.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|b| *b != b'=').map_or(0, |at| at + 1);
    let (text, padding) = text.split_at_checked(end)?;
    if padding.len() > 2 || text.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.chunks(4) {
        let mut bits = 0_u32;
        for byte in chunk {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        let missing = 4 - chunk.len();
        bits <<= 6 * missing;
        let [_, first, second, third] = bits.to_be_bytes();
        out.extend([first, second, third].iter().take(3 - missing));
    }
    Some(out)
}

/// The user and password within a value of basic authentication.
pub(super) fn basic(value: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8(base64(value)?).ok()?;
    let (user, password) = text.split_once(':')?;
    let printable = text.chars().all(|c| !c.is_control() && c != char::REPLACEMENT_CHARACTER);
    (printable && !(user.is_empty() && password.is_empty())).then(|| (user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_others() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(&base62(61), b"00000z");
        assert_eq!(base64(b"aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(base64(b"aGVsb-8"), Some(vec![104, 101, 108, 111, 239]));
        assert_eq!(base64(b"a"), None);
        assert_eq!(base64(b"a=bc"), None);
        assert_eq!(basic(b"dTpw"), Some(("u".to_owned(), "p".to_owned())));
    }

    #[test]
    fn a_wrong_checksum_makes_a_token_unlikely() {
        let body = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bD1";
        let sum = String::from_utf8(base62(crc32(body.as_bytes())).to_vec()).unwrap();
        assert!(score(Check::Crc32, &format!("ghp{}{body}{sum}", '_')) > 0.99);
        assert!(score(Check::Crc32, &format!("ghp{}{body}000000", '_')) < 0.6);
    }
}
