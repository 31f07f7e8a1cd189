//! What stands where a secret would, beside a name that calls it one, and is something else: places in source code, names of
//! files, receipts, arguments.

use super::assign::Assigned;
use super::value;

/// Ends of files in which programs are written.
const SOURCES: &[&[u8]] = &[
    b"java", b"kt", b"scala", b"groovy", b"clj", b"py", b"js", b"mjs", b"ts", b"tsx", b"jsx", b"rb", b"go", b"cs",
    b"php", b"rs", b"c", b"cc", b"cpp", b"h", b"hpp", b"swift", b"ex", b"exs", b"vb",
];

/// Ends of other files.
#[rustfmt::skip]
const FILES: &[&[u8]] = &[
    b"avro", b"bin", b"bmp", b"bz2", b"css", b"csv", b"dat", b"db", b"doc", b"docx", b"gif", b"gz", b"html", b"ico", b"ini", b"ipynb",
    b"jar", b"jpeg", b"jpg", b"json", b"jsonl", b"lock", b"log", b"map", b"md", b"mp3", b"mp4", b"orc", b"parquet", b"pdf", b"png",
    b"pptx", b"rst", b"sh", b"sql", b"svg", b"tar", b"tgz", b"toml", b"tsv", b"ttf", b"txt", b"wasm", b"wav", b"webp", b"whl",
    b"woff", b"woff2", b"xlsx", b"xml", b"xz", b"yaml", b"yml", b"zip", b"zst",
];

/// Names of tokens that tell one request from another, or a version from the next, and open nothing.
const RECEIPTS: &[&str] =
    &["clienttoken", "requesttoken", "changetoken", "locktoken", "creatortoken", "registrationtoken", "operationtoken"];

/// Whether a value is a place in source code, as stand in stack traces: `validateToken(Service.java:441)`.
pub(super) fn is_frame(value: &[u8]) -> bool {
    let Some(colon) = value.iter().rposition(|b| *b == b':') else { return false };
    let (file, line) = value.split_at(colon);
    let line = line.get(1..).unwrap_or_default();
    let end = file.rsplit(|b| *b == b'.').next().unwrap_or_default();
    let named = end.len() < file.len() && SOURCES.contains(&end);
    named && (1..=6).contains(&line.len()) && line.iter().all(u8::is_ascii_digit)
}

/// Whether a UUID is the name of a member itself, and what stands behind it is its value: `"tokens": {"9f2…": []}`.
pub(super) fn is_name(bytes: &[u8], found: &Assigned) -> bool {
    if !bytes.get(found.value.clone()).is_some_and(value::is_uuid) {
        return false;
    }
    let behind = bytes.get(found.value.end..(found.value.end + 4).min(bytes.len())).unwrap_or_default();
    let Some((b'"', rest)) = behind.split_first() else { return false };
    found.quoted && rest.trim_ascii_start().first() == Some(&b':')
}

/// Most bytes of the name of a resource before the last of its parts.
const ARN_MAX: usize = 120;

/// The colons before that part.
const ARN_PARTS: usize = 5;

/// Whether it is the last part of the name of a resource: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-8EEUXM`.
pub(super) fn is_arn(bytes: &[u8], found: &Assigned) -> bool {
    let before = bytes.get(found.name.start.saturating_sub(ARN_MAX)..found.name.start).unwrap_or_default();
    let word = before.rsplit(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'=' | b',')).next();
    bytes.get(found.name.end) == Some(&b':')
        && word
            .is_some_and(|word| word.starts_with(b"arn:") && word.iter().filter(|b| **b == b':').count() >= ARN_PARTS)
}

/// Whether it is the name of a way to sign: `Authorization: AWS4-HMAC-SHA256 Credential=…`.
pub(super) fn is_scheme(value: &[u8]) -> bool {
    value.starts_with(b"AWS4-") && value.len() <= 24
}

/// Whether it is the UUID by which a request or a version is told from others: `"ClientToken": "6f1…"`. A `client_token` is
/// what Vault calls what opens it.
pub(super) fn is_receipt(name: &[u8], value: &[u8]) -> bool {
    if memchr::memmem::find(name, b"client_token").is_some() {
        return false;
    }
    let name: Vec<u8> = name.iter().filter(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
    value::is_uuid(value) && RECEIPTS.iter().any(|end| name.ends_with(end.as_bytes()))
}

/// Whether it names a file or an object of a store, or has a UUID in it: `exports/2026/01/6f1….parquet`. A key of chance has none.
pub(super) fn is_file(value: &[u8]) -> bool {
    let last = value.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let end = last.rsplit(|b| *b == b'.').next().unwrap_or_default();
    let ends = end.len() < last.len() && (FILES.contains(&end) || SOURCES.contains(&end));
    // Vendors put a colon between the UUID of a key and the rest of it.
    let is_path = value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'='));
    (last.len() < value.len() && ends) || (is_path && value.len() > 36 && value.windows(36).any(value::is_uuid))
}

/// Most bytes of a line of a report.
const REPORT_LINE: usize = 300;

/// Whether a line at an offset is one of a report of tests: `PASS: addr2line`, with another right before or behind.
pub(super) fn is_report(bytes: &[u8], at: usize) -> bool {
    let is_line = |at: usize| {
        let begins = at.checked_sub(1).is_none_or(|before| bytes.get(before) == Some(&b'\n'));
        begins && bytes.get(at..at + 6).is_some_and(|line| line == b"PASS: " || line == b"FAIL: ")
    };
    if !is_line(at) {
        return false;
    }
    let behind = bytes.get(at..(at + REPORT_LINE).min(bytes.len())).unwrap_or_default();
    let next = memchr::memchr(b'\n', behind).map(|end| at + end + 1);
    let end = at.saturating_sub(1);
    let from = end.saturating_sub(REPORT_LINE);
    let before = bytes.get(from..end).unwrap_or_default();
    let last = memchr::memrchr(b'\n', before).map_or(from, |line| from + line + 1);
    next.is_some_and(is_line) || (at > 0 && is_line(last))
}

/// Whether the name is no name: `pass` before code (``Pass `all=True` to it``, `should_pass("load(x)")`), or the folder that a
/// shell stands in (`source=$(PWD),target=/work`).
pub(super) fn is_argument(bytes: &[u8], found: &Assigned) -> bool {
    let name = bytes.get(found.name.clone()).unwrap_or_default();
    let value = bytes.get(found.value.clone()).unwrap_or_default();
    let before = found.name.start.checked_sub(1).and_then(|at| bytes.get(at));
    let word = name.split(|b| !b.is_ascii_alphanumeric()).next().unwrap_or_default();
    let folder = word.eq_ignore_ascii_case(b"pwd") && matches!(before, Some(b'$' | b'(' | b'{'));
    let verb = name.len() >= 4 && name.get(name.len() - 4..).is_some_and(|end| end.eq_ignore_ascii_case(b"pass"));
    let called = value.ends_with(b")") && value.contains(&b'(');
    let assigned = value.split(|b| *b == b'=').next().is_some_and(|left| left.len() < value.len() && is_variable(left));
    let dashes = value.starts_with(b"--") || value.starts_with(b"-D");
    let is_option = before == Some(&b'-') || name.starts_with(b"-");
    folder
        || is_report(bytes, found.name.start)
        || (verb && !is_option && !found.firm && (called || assigned || dashes))
}

fn is_variable(word: &[u8]) -> bool {
    word.len() >= 2 && word.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_') && value::is_words(word)
}

#[cfg(test)]
mod tests {
    use crate::secrets::Secrets;
    use crate::view::View;

    fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        Secrets::all().find(&View::of(text), &mut found);
        found.iter().map(|f| text[f.span.range()].to_owned()).collect()
    }

    #[test]
    fn what_tools_and_programs_print_is_no_secret() {
        for text in [
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/auth-8EEUXM",
            "aws dynamodb list-tables --starting-token q7Xv2LmPz9RtK4bNw1Zq8",
            "\tat com.example.Auth.validateToken(AlphaService.java:441)",
            "\tat com.example.Auth.resolvePassword(Pump2Service.kt:23)",
            "{\"SecretVersionsToStages\": {\"bf9fff8c-b13f-4bfe-9653-f9cc75899d2a\": [\"AWSCURRENT\"]}}",
            "{\"ClientToken\": \"a8ca07e4-61ec-4399-99f4-19853801bcd5\"}",
            "\"LockToken\":\"2294b3a1-eb60-4aa0-a86f-a3ae04329de9\"",
            "aws wafv2 delete-ip-set --lock-token 46851772-db6f-459d-9385-49428812e357",
            "\"nextForwardToken\": \"f/58962481562565603002948345570068868567630598685839608270/s\"",
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1",
            "\"Key\": \"exports/2026/02/23/43630620-db9b-47a6-841f-8ba4c1cfe8fb.parquet\"",
            "\"key\": \"signed-2065c468-73e2-4385-a6c9-0123456789ab\"",
            "Pass `parse_all=True` to `run_tests`",
            "Pass `-Dpamconfdir=no` to meson",
            "should_pass(\"WinDLL('./_sqlite3.dll')\")",
            "--mount 'type=bind,source=$(PWD),target=/workdir2'",
            "PASS: gnu-debuglink2 (objdump 1)\nPASS: gnu-debuglink2 (objdump 2)",
            "are fields identified by `replica_selection2`.",
            "MDAwMDAwWjBHMQswCQYDVQQGEwJDTjERMA8GA1UECgwIVW5pVHJ1c3QxJTAjBgNVMDAwMDAwWhcNMzgwMTE4",
        ] {
            assert_eq!(found(text), <[String; 0]>::default(), "{text}");
        }
    }

    #[test]
    fn secrets_in_the_same_places_are_found() {
        for (text, secret) in [
            ("validateToken(\"q7Xv2LmPz9RtK4bNw1\")", "q7Xv2LmPz9RtK4bNw1"),
            (
                "{\"secrets\": {\"token\": \"bf9fff8c-b13f-4bfe-9653-f9cc75899d2a\"}}",
                "bf9fff8c-b13f-4bfe-9653-f9cc75899d2a",
            ),
            ("\"ClientToken\": \"q7Xv2LmPz9RtK4bNw1\"", "q7Xv2LmPz9RtK4bNw1"),
            ("\"ClientSecret\": \"a8ca07e4-61ec-4399-99f4-19853801bcd5\"", "a8ca07e4-61ec-4399-99f4-19853801bcd5"),
            ("arn:aws:iam::123456789012:user/x secret:q7Xv2LmPz9RtK4bNw1", "q7Xv2LmPz9RtK4bNw1"),
            ("Authorization: q7Xv2LmPz9RtK4bNw1", "q7Xv2LmPz9RtK4bNw1"),
            ("\"key\": \"q7Xv2LmPz9/RtK4bNw1Zq8\"", "q7Xv2LmPz9/RtK4bNw1Zq8"),
            ("pass: Tr0ub4dor=&3", "Tr0ub4dor"),
            ("DB_PASS='k8!s02zQ('", "k8!s02zQ("),
            ("PWD=k8!s02zQ", "k8!s02zQ"),
            ("  PASS: k8!s02zQ\n  USER: bob", "k8!s02zQ"),
            ("PASS: k8!s02zQ\nUSER: bob", "k8!s02zQ"),
            ("USER: bob\nPASS: k8!s02zQ\nUSER: ann\nPASS: m3#t91xW", "k8!s02zQ"),
            ("USER: bob\nPASS: k8!s02zQ\nUSER: ann\nPASS: m3#t91xW", "m3#t91xW"),
            (
                "FAL_KEY=a8ca07e4-61ec-4399-99f4-19853801bcd5:4f0c1b9e7d2a6583c9e0b1f27a46d835",
                "4f0c1b9e7d2a6583c9e0b1f27a46d835",
            ),
            ("DEEPL_KEY=279a2e9d-83b3-c416-7e2d-f721593e42a0:fx", "279a2e9d-83b3-c416-7e2d-f721593e42a0"),
            ("key: exports/k8s02zQ4m1Xv7LpT.v2", "k8s02zQ4m1Xv7LpT"),
            ("CREATE DATABASE LINK sales CONNECT TO hr IDENTIFIED BY \"k8!s02zQ\" USING 'sales';", "k8!s02zQ"),
            ("CREATE DATABASE LINK sales CONNECT TO hr IDENTIFIED BY k8_s02zQ USING 'sales';", "k8_s02zQ"),
            ("ADMINISTER KEY MANAGEMENT SET KEYSTORE OPEN IDENTIFIED BY \"k8!s02zQ4\";", "k8!s02zQ4"),
            ("identified by 'k8!s02zQ4'", "k8!s02zQ4"),
            ("API_KEYS = {\"q7Xv2LmPz9RtK4bNw1Zq8\": \"alice\"}", "q7Xv2LmPz9RtK4bNw1Zq8"),
            (
                "{\"auth\":{\"client_token\":\"98a4c7ab-b1fe-361b-ba0b-e307aacfd587\"}}",
                "98a4c7ab-b1fe-361b-ba0b-e307aacfd587",
            ),
            ("mysql --dbpass 'Summer=20z4!xQ'", "Summer=20z4!xQ"),
            ("CREATE USER bob IDENTIFIED BY 'k8!s02zQ';", "k8!s02zQ"),
            ("openssl enc -pass pass:k8!s02zQ", "k8!s02zQ"),
            (
                "MDAxY2xvY2F0aW9uIGh0dHA6Ly9teWJhbmsvCjAwMjZpZGVudGlmaWVyIHdlIHVzZWQgb3VyIHNlY3JldCBrZXkK",
                "MDAxY2xvY2F0aW9uIGh0dHA6Ly9teWJhbmsvCjAwMjZpZGVudGlmaWVyIHdlIHVzZWQgb3VyIHNlY3JldCBrZXkK",
            ),
        ] {
            assert!(found(text).iter().any(|value| value.contains(secret)), "{text}: {:?}", found(text));
        }
    }
}
