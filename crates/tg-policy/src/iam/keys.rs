//! The public keys of an issuer, and the check of a signature with one of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

/// Most keys of one issuer that are kept; the rest are not looked at.
const KEYS_MAX: usize = 64;
/// Longest name of a key.
pub(super) const KEY_ID_BYTES_MAX: usize = 256;
/// Bytes of a coordinate on the curve P-384.
const COORDINATE_BYTES: usize = 48;

/// How a token is signed: the two ways that AWS has. The token says which, and a key serves one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA (PKCS #1 v1.5) with SHA-256.
    Rs256,
    /// ECDSA on the curve P-384 with SHA-384.
    Es384,
}

impl Algorithm {
    /// Reads `alg`.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES384" => Some(Self::Es384),
            _ => None,
        }
    }
}

/// The keys of an issuer that can check tokens here. Others that it may have are left out.
#[derive(Debug, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: String,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// An uncompressed point.
    P384(Vec<u8>),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Entry>,
}

/// A key as RFC 7517 has it. `x5u` and its kind are not read: nothing that a key names is fetched.
#[derive(Deserialize)]
struct Entry {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Where an issuer has its keys, as it says itself.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Reads an issuer's discovery document: where its keys are. The document must be the issuer's own, and the address on
/// the issuer's own host.
///
/// `None`: it is not such a document.
#[must_use]
pub fn keys_address(document: &[u8], issuer: &str) -> Option<String> {
    let found: Discovery = serde_json::from_slice(document).ok()?;
    let origin = origin(issuer)?;
    let path = found.jwks_uri.strip_prefix(origin)?;
    let sound = path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#' && b != b'\\');
    (found.issuer == issuer && sound).then_some(found.jwks_uri)
}

/// Scheme, host and port of an address.
fn origin(address: &str) -> Option<&str> {
    let host = address.find("://")? + 3;
    let end = address[host..].find('/').map_or(address.len(), |end| host + end);
    address.get(..end)
}

impl KeySet {
    /// Reads a set of keys. `None`: it is none.
    #[must_use]
    pub fn parse(document: &[u8]) -> Option<Self> {
        let found: Document = serde_json::from_slice(document).ok()?;
        Some(Self(found.keys.into_iter().filter_map(Key::of).take(KEYS_MAX).collect()))
    }

    /// Whether it has this key.
    #[must_use]
    pub fn has(&self, id: &str, algorithm: Algorithm) -> bool {
        self.find(id, algorithm).is_some()
    }

    fn find(&self, id: &str, algorithm: Algorithm) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id && key.material.serves(algorithm))
    }

    /// Whether this key made the signature.
    #[must_use]
    pub(super) fn verify(&self, id: &str, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Some(key) = self.find(id, algorithm) else { return false };
        match &key.material {
            Material::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok(),
            Material::P384(point) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature).is_ok()
            }
        }
    }
}

impl Key {
    fn of(entry: Entry) -> Option<Self> {
        let id = entry.kid.filter(|id| !id.is_empty() && id.len() <= KEY_ID_BYTES_MAX)?;
        if entry.purpose.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
        let material = match (entry.kty.as_str(), entry.crv.as_deref()) {
            ("RSA", _) => Material::Rsa(RsaPublicKeyComponents { n: bytes(entry.n)?, e: bytes(entry.e)? }),
            ("EC", Some("P-384")) => {
                let (x, y) = (bytes(entry.x)?, bytes(entry.y)?);
                if x.len() != COORDINATE_BYTES || y.len() != COORDINATE_BYTES {
                    return None;
                }
                Material::P384([&[4][..], &x, &y].concat())
            }
            _ => return None,
        };
        // AWS states it for one of its kinds and not for the other.
        let fits = entry.alg.is_none_or(|name| Algorithm::of(&name).is_some_and(|alg| material.serves(alg)));
        fits.then_some(Self { id, material })
    }
}

impl Material {
    const fn serves(&self, algorithm: Algorithm) -> bool {
        matches!((self, algorithm), (Self::Rsa(_), Algorithm::Rs256) | (Self::P384(_), Algorithm::Es384))
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, KeySet, keys_address};

    const ISSUER: &str = "https://a103a2cc.tokens.sts.global.api.aws";

    #[test]
    fn an_issuer_speaks_for_its_own_keys_on_its_own_host() {
        let told = |issuer: &str, uri: &str| {
            keys_address(format!(r#"{{"issuer": "{issuer}", "jwks_uri": "{uri}", "more": 1}}"#).as_bytes(), ISSUER)
        };
        let at_home = format!("{ISSUER}/.well-known/jwks.json");
        assert_eq!(told(ISSUER, &at_home), Some(at_home.clone()));
        for (issuer, uri) in [
            ("https://b.tokens.sts.global.api.aws", at_home.as_str()),
            (ISSUER, "https://evil.example/.well-known/jwks.json"),
            (ISSUER, "http://a103a2cc.tokens.sts.global.api.aws/jwks.json"),
            (ISSUER, "https://a103a2cc.tokens.sts.global.api.aws.evil.example/jwks.json"),
            (ISSUER, "https://a103a2cc.tokens.sts.global.api.aws@evil.example/jwks.json"),
            (ISSUER, "https://a103a2cc.tokens.sts.global.api.aws:8443/jwks.json"),
            (ISSUER, "https://a103a2cc.tokens.sts.global.api.aws"),
            (ISSUER, "https://a103a2cc.tokens.sts.global.api.aws/a b"),
            (ISSUER, "/.well-known/jwks.json"),
        ] {
            assert_eq!(told(issuer, uri), None, "{issuer} {uri}");
        }
        assert_eq!(keys_address(b"{}", ISSUER), None);
        let with_path = "https://host.example/oidc";
        let document = br#"{"issuer": "https://host.example/oidc", "jwks_uri": "https://host.example/keys"}"#;
        assert_eq!(keys_address(document, with_path).as_deref(), Some("https://host.example/keys"));
    }

    #[test]
    fn keys_that_cannot_serve_are_left_out() {
        let (x, big) = ("A".repeat(64), "A".repeat(342));
        let set = |keys: &str| KeySet::parse(format!(r#"{{"keys": [{keys}]}}"#).as_bytes()).unwrap();
        let rsa = |more: &str| format!(r#"{{"kty": "RSA", "kid": "k", "n": "{big}", "e": "AQAB"{more}}}"#);
        let ec = |more: &str| format!(r#"{{"kty": "EC", "kid": "k", "crv": "P-384", "x": "{x}", "y": "{x}"{more}}}"#);
        use Algorithm::{Es384, Rs256};
        for (keys, algorithm, there) in [
            (rsa(""), Rs256, true),
            (rsa(r#", "use": "sig", "alg": "RS256""#), Rs256, true),
            (rsa(""), Es384, false),
            (rsa(r#", "alg": "RS512""#), Rs256, false),
            (rsa(r#", "alg": "ES384""#), Rs256, false),
            (rsa(r#", "use": "enc""#), Rs256, false),
            (ec(""), Es384, true),
            (ec(r#", "alg": "ES384""#), Es384, true),
            (ec(""), Rs256, false),
            (ec("").replace("P-384", "P-256"), Es384, false),
            (ec("").replace("AAAA\", \"y\"", "\", \"y\""), Es384, false),
            (rsa("").replace("RSA", "oct"), Rs256, false),
            (rsa("").replace(r#""kid": "k", "#, ""), Rs256, false),
            (format!("{}, {}", rsa(""), ec("")), Es384, true),
        ] {
            assert_eq!(set(&keys).has("k", algorithm), there, "{keys}");
        }
        assert!(KeySet::parse(b"{}").is_none() && KeySet::parse(b"<html>").is_none());
        let many = vec![rsa(""); 200].join(",");
        assert_eq!(set(&many).0.len(), super::KEYS_MAX);
    }
}
