//! Signatures that others made, and the same with one thing changed.

use super::{Authorization, Claim, Flaw, SKEW_SECONDS_MAX, SignedRequest, read_date};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::BTreeMap;
use tg_kernel::clock::Timestamp;
use tg_kernel::secret::Secret;

const NOW: &str = "2026-11-24T03:02:00Z";
const SECRET: &str = "vector-secret";
const KEY_ID: &str = "AKIDVECTOR";

/// A request that botocore signed.
#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../../../tg-sim/src/tests/sigv4_vectors.json")).unwrap()
}

fn header_map<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    map
}

impl Vector {
    fn check_with(&self, now: &str, secret: &str) -> Result<(), Flaw> {
        let headers = header_map(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            authority: "",
            headers: &headers,
        };
        let authorization = headers["authorization"].to_str().unwrap();
        let claim = Claim::read(authorization, request, Timestamp::parse(now).unwrap())?;
        // An id that nobody has is refused where the key is looked up.
        if claim.access_key_id() != KEY_ID {
            return Err(Flaw::Mismatch);
        }
        claim.check(&Secret::new(secret), self.body.as_bytes())
    }

    fn check(&self) -> Result<(), Flaw> {
        self.check_with(NOW, SECRET)
    }

    fn with_header(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.headers.insert(name.to_owned(), value.to_owned());
        changed
    }
}

#[test]
fn what_botocore_signs_is_accepted() {
    for vector in vectors() {
        assert_eq!(vector.check(), Ok(()), "{}", vector.name);
    }
}

/// Every text that differs from this one by one byte: changed, taken out, or put in.
fn tampered(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
        let (before, after) = text.split_at(at);
        let rest = after.chars().next().map(|first| &after[first.len_utf8()..]);
        for put in ["A", "z", "0", "/", "%", "."] {
            all.push(format!("{before}{put}{after}"));
            all.extend(rest.map(|rest| format!("{before}{put}{rest}")));
        }
        all.extend(rest.map(|rest| format!("{before}{rest}")));
    }
    all.retain(|other| other != text);
    all
}

#[test]
fn every_tampering_with_a_byte_is_refused() {
    let mut tried = 0;
    for vector in vectors() {
        let mut refuse = |changed: Vector| {
            tried += 1;
            let of =
                format!("{} {}?{} {:?} {}", changed.name, changed.path, changed.query, changed.headers, changed.body);
            assert!(changed.check().is_err(), "accepted: {of}");
        };
        for path in tampered(&vector.path) {
            refuse(Vector { path, ..vector.clone() });
        }
        for query in tampered(&vector.query) {
            refuse(Vector { query, ..vector.clone() });
        }
        for body in tampered(&vector.body) {
            refuse(Vector { body, ..vector.clone() });
        }
        for method in tampered(&vector.method) {
            refuse(Vector { method, ..vector.clone() });
        }
        let signed = vector.headers["authorization"].clone();
        for (name, value) in vector.headers.iter().filter(|(name, _)| signed.contains(name.as_str())) {
            // The specification itself makes one space of several.
            let single = |text: &str| text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            let others = tampered(value).into_iter().filter(|other| single(other) != single(value));
            others.for_each(|value| refuse(vector.with_header(name, &value)));
        }
        let from = signed.find("Credential=").unwrap();
        // A space after a comma may be there or not; no signer signs it.
        let tight = |text: &str| text.replace(", ", ",");
        for rest in tampered(&signed[from..]).into_iter().filter(|rest| tight(rest) != tight(&signed[from..])) {
            refuse(vector.with_header("authorization", &format!("{}{rest}", &signed[..from])));
        }
    }
    assert!(tried > 10_000, "{tried}");
}

#[test]
fn what_is_not_signed_or_not_in_time_is_told() {
    let vector = &vectors()[0];
    let authorization = &vector.headers["authorization"];
    let cases: [(Vector, &str); 10] = [
        (vector.with_header("x-amz-target", "1"), "'x-amz-target' must be a 'SignedHeader'"),
        (vector.with_header("x-amzn-bedrock-trace", "ENABLED"), "'x-amzn-bedrock-trace' must be a 'SignedHeader'"),
        (vector.with_header("authorization", &authorization.replace("host;", "")), "'Host' or ':authority' must be"),
        (vector.with_header("authorization", &authorization.replace(";x-amz-date", "")), "'x-amz-date' must be"),
        (vector.with_header("authorization", &authorization.replace("/bedrock/", "/s3/")), "service: 'bedrock'"),
        (vector.with_header("authorization", &authorization.replace("aws4_request", "aws4")), "valid terminator"),
        (
            vector.with_header("authorization", &authorization.replace("20261124", "20261123")),
            "'20261123' != '20261124'",
        ),
        (vector.with_header("x-amz-date", "20261124T246000Z"), "of the form"),
        (vector.with_header("x-amz-date", "Tue, 24 Nov 2026 03:00:00 GMT"), "of the form"),
        (Vector { path: format!("/model/..{}", vector.path), ..vector.clone() }, "empty or dot segments"),
    ];
    for (changed, says) in cases {
        let flaw = changed.check().unwrap_err().to_string();
        assert!(flaw.contains(says), "{says}: {flaw}");
    }
    // Load balancers add this one on the way.
    assert_eq!(vector.with_header("x-amzn-trace-id", "Root=1").check(), Ok(()));
    assert_eq!(vector.check_with(NOW, "another-secret"), Err(Flaw::Mismatch));
    for (now, result) in [
        ("2026-11-24T03:05:00Z", ""),
        ("2026-11-24T02:55:00Z", ""),
        (
            "2026-11-24T03:05:01Z",
            "Signature expired: 20261124T030000Z is now earlier than 20261124T030001Z (20261124T030501Z - 5 min.)",
        ),
        (
            "2026-11-24T02:54:59Z",
            "Signature not yet current: 20261124T030000Z is still later than 20261124T025959Z \
             (20261124T025459Z + 5 min.)",
        ),
    ] {
        assert_eq!(vector.check_with(now, SECRET).map_or_else(|flaw| flaw.to_string(), |()| String::new()), result);
    }
}

/// A request of the test suite that AWS published with the specification, as it stands there.
struct Published {
    name: &'static str,
    method: &'static str,
    target: (&'static str, &'static str),
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signature: &'static str,
}

const HOST: (&str, &str) = ("host", "example.amazonaws.com");
const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");

#[rustfmt::skip]
const PUBLISHED: &[Published] = &[
    Published { name: "get-vanilla", method: "GET", target: ("/", ""), headers: &[HOST, DATE], body: "",
        signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    Published { name: "post-vanilla", method: "POST", target: ("/", ""), headers: &[HOST, DATE], body: "",
        signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
    Published { name: "get-vanilla-query-order-key-case", method: "GET", target: ("/", "Param2=value2&Param1=value1"),
        headers: &[HOST, DATE], body: "",
        signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
    Published { name: "get-unreserved", method: "GET",
        target: ("/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", ""), headers: &[HOST, DATE],
        body: "", signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
    Published { name: "get-utf8", method: "GET", target: ("/ሴ", ""), headers: &[HOST, DATE], body: "",
        signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
    Published { name: "get-vanilla-utf8-query", method: "GET", target: ("/", "ሴ=bar"), headers: &[HOST, DATE], body: "",
        signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
    Published { name: "get-header-key-duplicate", method: "GET", target: ("/", ""),
        headers: &[HOST, ("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1"), DATE], body: "",
        signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
    Published { name: "get-header-value-trim", method: "GET", target: ("/", ""),
        headers: &[HOST, ("my-header1", " value1"), ("my-header2", " \"a   b   c\""), DATE], body: "",
        signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
    Published { name: "post-x-www-form-urlencoded", method: "POST", target: ("/", ""),
        headers: &[("content-type", "application/x-www-form-urlencoded"), HOST, DATE], body: "Param1=value1",
        signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
];

#[test]
fn the_published_suite_holds() {
    for Published { name, method, target: (path, query), headers, body, signature } in PUBLISHED {
        let mut names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        names.dedup();
        let text = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, \
             Signature={signature}",
            names.join(";")
        );
        let headers = header_map(headers.iter().copied());
        let request = SignedRequest { method, path, query, authority: "", headers: &headers };
        // The suite is for a service and a day of its own, which the gateway would refuse at first sight.
        let (authorization, signed_at) = (Authorization::parse(&text).unwrap(), read_date(DATE.1).unwrap());
        let claim = Claim { authorization, request, date: DATE.1, signed_at };
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        assert_eq!(claim.check(&secret, body.as_bytes()), Ok(()), "{name}");
        assert_eq!(claim.check(&secret, b"another body"), Err(Flaw::Mismatch), "{name}");
        let after = |seconds: i64| Timestamp::from_micros(signed_at.micros() + seconds * 1_000_000);
        assert_eq!(claim.check_time(after(SKEW_SECONDS_MAX)), Ok(()), "{name}");
        assert!(matches!(claim.check_time(after(SKEW_SECONDS_MAX + 1)), Err(Flaw::Expired { .. })), "{name}");
    }
}

#[test]
fn a_stated_hash_must_be_the_body_s() {
    let vector = &vectors()[0];
    let signed = vector.headers["authorization"].replace(";x-amz-date", ";x-amz-content-sha256;x-amz-date");
    let stating = |hash: &str| vector.with_header("authorization", &signed).with_header("x-amz-content-sha256", hash);
    for hash in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""] {
        assert_eq!(stating(hash).check(), Err(Flaw::UnsignedBody), "{hash}");
    }
    assert_eq!(stating(&"0".repeat(64)).check(), Err(Flaw::Mismatch));
}
