//! The issuer of an AWS account's web-identity tokens: discovery, keys, and tokens for tests. On STS's listener, `/oidc`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the issuer is on its listener.
pub(crate) const PREFIX: &str = "/oidc";

/// An RSA key in PKCS #8. For tests only: everybody has it.
const RSA_KEY: &[u8] = include_bytes!("../data/oidc-rsa.der");

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// RSA with SHA-256; its key is the same for ever.
    Rs256,
    /// ECDSA on P-384; its keys are made at random, and can be changed.
    Es384,
}

/// An issuer. Clones share it.
#[derive(Clone, Debug)]
pub struct Oidc {
    issuer: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// PKCS #8, the newest last; its number is part of its name.
    elliptic: Vec<Vec<u8>>,
    away: bool,
    discovery: Option<Value>,
    asked: u64,
}

impl Oidc {
    pub(crate) fn new(sts_url: &str) -> Self {
        let state = State { elliptic: vec![fresh()], away: false, discovery: None, asked: 0 };
        Self { issuer: format!("{sts_url}{PREFIX}").into(), state: Arc::new(Mutex::new(state)) }
    }

    /// The issuer's URL: `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A token with these claims, signed by the newest key of its kind. `iss` is added where it is not stated.
    #[must_use]
    pub fn mint(&self, algorithm: TokenAlgorithm, claims: &Value) -> String {
        let mut claims = claims.clone();
        if claims.get("iss").is_none() {
            claims["iss"] = json!(&*self.issuer);
        }
        let (name, key) = self.key(algorithm);
        let algorithm_name = if algorithm == TokenAlgorithm::Rs256 { "RS256" } else { "ES384" };
        let header = json!({"alg": algorithm_name, "kid": name, "typ": "JWT"});
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = sign(algorithm, &key, signed.as_bytes()).unwrap_or_default();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Takes another elliptic key; those before it are withdrawn.
    pub fn rotate(&self) {
        self.lock().elliptic.push(fresh());
    }

    /// From now on the issuer does not answer, or does.
    pub fn leave(&self, away: bool) {
        self.lock().away = away;
    }

    /// From now on the issuer says this of itself.
    pub fn claim(&self, discovery: Value) {
        self.lock().discovery = Some(discovery);
    }

    /// How often its keys were asked for.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.lock().asked
    }

    fn key(&self, algorithm: TokenAlgorithm) -> (String, Vec<u8>) {
        let state = self.lock();
        match algorithm {
            TokenAlgorithm::Rs256 => ("RSA_0".to_owned(), RSA_KEY.to_vec()),
            TokenAlgorithm::Es384 => {
                let newest = state.elliptic.last().cloned().unwrap_or_default();
                (format!("EC384_{}", state.elliptic.len() - 1), newest)
            }
        }
    }

    /// The answer to a GET: status and body. `None`: there is nothing.
    pub(crate) fn answer(&self, path: &str) -> Option<(u16, String)> {
        let mut state = self.lock();
        if state.away {
            return Some((503, "<html>away</html>".to_owned()));
        }
        match path.strip_prefix(PREFIX)? {
            "/.well-known/openid-configuration" => {
                let own = json!({
                    "issuer": &*self.issuer,
                    "jwks_uri": format!("{}/.well-known/jwks.json", self.issuer),
                    "id_token_signing_alg_values_supported": ["RS256", "ES384"],
                    "subject_types_supported": ["public"],
                });
                Some((200, state.discovery.clone().unwrap_or(own).to_string()))
            }
            "/.well-known/jwks.json" => {
                state.asked += 1;
                let number = state.elliptic.len() - 1;
                let newest = state.elliptic.last().cloned().unwrap_or_default();
                let keys: Vec<Value> = rsa_entry().into_iter().chain(elliptic_entry(number, &newest)).collect();
                Some((200, json!({"keys": keys}).to_string()))
            }
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh() -> Vec<u8> {
    // Without randomness there is no TLS either; an empty key signs nothing.
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new())
        .map_or_else(|_| Vec::new(), |made| made.as_ref().to_vec())
}

fn sign(algorithm: TokenAlgorithm, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    if algorithm == TokenAlgorithm::Es384 {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, key, &random).ok()?;
        return Some(pair.sign(&random, message).ok()?.as_ref().to_vec());
    }
    let pair = RsaKeyPair::from_pkcs8(key).ok()?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
    Some(signature)
}

/// As AWS has it: without `alg`.
fn rsa_entry() -> Option<Value> {
    let pair = RsaKeyPair::from_pkcs8(RSA_KEY).ok()?;
    let parts: RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
    let (n, e) = (URL_SAFE_NO_PAD.encode(parts.n), URL_SAFE_NO_PAD.encode(parts.e));
    Some(json!({"kty": "RSA", "kid": "RSA_0", "use": "sig", "n": n, "e": e}))
}

fn elliptic_entry(number: usize, key: &[u8]) -> Option<Value> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, key, &SystemRandom::new()).ok()?;
    let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(48)?;
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let kid = format!("EC384_{number}");
    Some(json!({"kty": "EC", "crv": "P-384", "alg": "ES384", "kid": kid, "use": "sig", "x": x, "y": y}))
}
