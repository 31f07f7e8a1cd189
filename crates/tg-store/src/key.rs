//! Virtual keys: their text forms, what they are bound to, and how they are issued, rotated and revoked.
//!
//! A bearer key is `sk-tg-`, a public id and a secret, presented whole; the store keeps its digest. An access key is for
//! clients that can only sign: an id `TGKA…` and a secret that never travels; the store keeps it encrypted.

use crate::directory::{Contents, DirectoryError};
use crate::seal::{Sealed, SecretsKey};
use crate::team::{NAME_BYTES_MAX, TeamState};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tg_kernel::clock::Timestamp;
use tg_kernel::secret::Secret;

/// How every key begins; secret scanners can look for it.
pub const PREFIX: &str = "sk-tg-";
/// Characters of the public id.
const ID_LEN: usize = 12;
/// Characters of the secret part: 43 of 62 kinds carry 256 bits.
const SECRET_LEN: usize = 43;
/// Characters of a whole key.
const KEY_LEN: usize = PREFIX.len() + ID_LEN + 1 + SECRET_LEN;
/// How the id of every access key begins.
pub const ACCESS_KEY_PREFIX: &str = "TGKA";
/// Characters of an access key's id after its prefix: 16 of 32 kinds carry 80 bits. As long as AWS's own.
const ACCESS_KEY_ID_LEN: usize = 16;
/// Characters of an access key's secret: as many as AWS's own; 40 of 62 kinds carry 238 bits.
const ACCESS_KEY_SECRET_LEN: usize = 40;
/// Most model patterns or source networks of one key.
const LIST_MAX: usize = 256;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Base32: what AWS makes ids of access keys from.
const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// How the holder of a key proves that he has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// By presenting it.
    #[default]
    Bearer,
    /// By signing with it, as AWS SDKs do (SigV4).
    Aws,
}

/// A key as the store keeps it, without anything from which the key could be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The public id: the part of a bearer key between its prefix and its secret, or the id of an access key.
    pub id: Arc<str>,
    /// How its holder proves that he has it.
    pub kind: KeyKind,
    /// The team that owns it.
    pub team: Arc<str>,
    /// The project that it is bound to, if it is.
    pub project: Option<Arc<str>>,
    /// The environment that it is bound to, if it is.
    pub environment: Option<Arc<str>>,
    /// Patterns of the models that it may use; empty means those of the team.
    pub models: Arc<[String]>,
    /// Networks from which it is accepted; empty means any.
    pub networks: Vec<IpNet>,
    /// What it is for, in its maker's words.
    pub label: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// From when on it is refused, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// The key that it replaces, if any.
    pub rotated_from: Option<Arc<str>>,
}

impl KeyRecord {
    /// Whether the key is accepted from this address.
    #[must_use]
    pub fn accepts(&self, from: IpAddr) -> bool {
        // A dual-stack listener sees IPv4 callers as mapped IPv6 addresses.
        self.networks.is_empty() || self.networks.iter().any(|net| net.contains(&from.to_canonical()))
    }
}

/// What a key to be issued is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewKey {
    /// How its holder will prove that he has it.
    pub kind: KeyKind,
    /// The team that will own it.
    pub team: String,
    /// The project to bind it to, one of the team's.
    pub project: Option<String>,
    /// The environment to bind it to, one of the team's.
    pub environment: Option<String>,
    /// Patterns of the models that it may use; empty means those of the team.
    pub models: Vec<String>,
    /// Networks from which it is accepted; empty means any.
    pub networks: Vec<IpNet>,
    /// From when on it is refused; `None` means never.
    pub expires_at: Option<Timestamp>,
    /// What it is for.
    pub label: String,
}

/// A key at the only moment at which it can be read.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// What the store keeps.
    pub record: KeyRecord,
    /// A bearer key itself, or the secret of an access key. Nobody can show it again.
    pub secret: Secret,
}

/// A key with what is needed to recognise it.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    pub(crate) record: KeyRecord,
    pub(crate) proof: Proof,
}

/// What the store holds of a key's secret.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    Digest(KeyDigest),
    Sealed(Sealed),
}

impl Proof {
    pub(crate) const fn digest(&self) -> Option<&KeyDigest> {
        match self {
            Self::Digest(digest) => Some(digest),
            Self::Sealed(_) => None,
        }
    }

    pub(crate) const fn sealed(&self) -> Option<&Sealed> {
        match self {
            Self::Digest(_) => None,
            Self::Sealed(sealed) => Some(sealed),
        }
    }
}

/// SHA-256 of a whole key.
///
/// A plain fast hash is right here: the key carries 256 random bits, so there is no dictionary to run against it. The
/// slow hashes made for passwords would only put milliseconds on every call.
#[derive(Clone, Copy)]
pub(crate) struct KeyDigest([u8; 32]);

impl KeyDigest {
    pub(crate) fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyDigest(***)")
    }
}

/// The public id in a presented key; `None` when it has not the form of a key.
pub(crate) fn public_id(presented: &str) -> Option<&str> {
    if presented.len() != KEY_LEN {
        return None;
    }
    let (id, secret) = presented.strip_prefix(PREFIX)?.split_once('-')?;
    (id.len() == ID_LEN && secret.len() == SECRET_LEN).then_some(id)
}

/// Appends this many random characters of an alphabet, each equally likely.
fn push_random(text: &mut String, count: usize, alphabet: &[u8]) -> Result<(), DirectoryError> {
    let mut left = count;
    let mut bytes = [0_u8; 64];
    // Bytes beyond the largest multiple of the alphabet's size would favour its beginning.
    let fair = 256 - 256 % alphabet.len();
    while left > 0 {
        getrandom::fill(&mut bytes).map_err(|e| DirectoryError::NoRandomness(e.to_string()))?;
        for byte in bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair).take(left) {
            text.push(char::from(alphabet[byte % alphabet.len()]));
            left -= 1;
        }
    }
    Ok(())
}

/// A key that nobody has yet.
struct Minted {
    id: Arc<str>,
    secret: Secret,
    proof: Proof,
}

/// A fresh key of this kind.
fn mint(contents: &Contents, kind: KeyKind, sealing: Option<&SecretsKey>) -> Result<Minted, DirectoryError> {
    let (prefix, id_len, alphabet): (_, _, &[u8]) = match kind {
        KeyKind::Bearer => ("", ID_LEN, ALPHABET),
        KeyKind::Aws => (ACCESS_KEY_PREFIX, ACCESS_KEY_ID_LEN, ID_ALPHABET),
    };
    loop {
        let mut id = prefix.to_owned();
        push_random(&mut id, id_len, alphabet)?;
        if contents.keys.contains_key(id.as_str()) {
            continue;
        }
        let (secret, proof) = match kind {
            KeyKind::Bearer => bearer(&id)?,
            KeyKind::Aws => access_key(&id, sealing.ok_or(DirectoryError::NoSecretsKey)?)?,
        };
        return Ok(Minted { id: Arc::from(id), secret, proof });
    }
}

fn bearer(id: &str) -> Result<(Secret, Proof), DirectoryError> {
    let mut text = String::with_capacity(KEY_LEN);
    text.push_str(PREFIX);
    text.push_str(id);
    text.push('-');
    push_random(&mut text, SECRET_LEN, ALPHABET)?;
    let digest = KeyDigest::of(&text);
    Ok((Secret::new(text), Proof::Digest(digest)))
}

fn access_key(id: &str, sealing: &SecretsKey) -> Result<(Secret, Proof), DirectoryError> {
    let mut text = String::with_capacity(ACCESS_KEY_SECRET_LEN);
    push_random(&mut text, ACCESS_KEY_SECRET_LEN, ALPHABET)?;
    let secret = Secret::new(text);
    let sealed = sealing.seal(id, &secret)?;
    Ok((secret, Proof::Sealed(sealed)))
}

/// A key with this binding.
pub(crate) fn issue(
    contents: &Contents,
    new: &NewKey,
    sealing: Option<&SecretsKey>,
    now: Timestamp,
) -> Result<(StoredKey, Secret), DirectoryError> {
    let team = contents.team(&new.team)?;
    if team.state != TeamState::Active {
        return Err(DirectoryError::TeamNotActive { team: team.name.clone(), state: team.state });
    }
    for (what, name, known) in
        [("project", &new.project, &team.policy.projects), ("environment", &new.environment, &team.policy.environments)]
    {
        if let Some(name) = name.as_ref().filter(|n| !known.contains(n)) {
            return Err(DirectoryError::NotOfTeam {
                what,
                name: name.clone(),
                team: team.name.clone(),
                known: known.join(", "),
            });
        }
    }
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(DirectoryError::invalid("the key would expire in the past; give a later time".to_owned()));
    }
    if new.label.len() > NAME_BYTES_MAX || new.models.len() > LIST_MAX || new.networks.len() > LIST_MAX {
        return Err(DirectoryError::invalid(format!(
            "a key has a label of at most {NAME_BYTES_MAX} bytes, {LIST_MAX} model patterns and {LIST_MAX} networks"
        )));
    }
    let Minted { id, secret, proof } = mint(contents, new.kind, sealing)?;
    let record = KeyRecord {
        id,
        kind: new.kind,
        team: team.name.clone(),
        project: new.project.as_deref().map(Arc::from),
        environment: new.environment.as_deref().map(Arc::from),
        models: new.models.clone().into(),
        networks: new.networks.clone(),
        label: new.label.clone(),
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        rotated_from: None,
    };
    Ok((StoredKey { record, proof }, secret))
}

/// A successor with the same binding and the same length of life, and the old key with its end set.
pub(crate) fn rotate(
    contents: &Contents,
    id: &str,
    overlap: Duration,
    sealing: Option<&SecretsKey>,
    now: Timestamp,
) -> Result<(StoredKey, StoredKey, Secret), DirectoryError> {
    let old = contents.key(id)?;
    let ended = old.record.revoked_at.or(old.record.expires_at).is_some_and(|at| at <= now);
    if ended {
        return Err(DirectoryError::KeyEnded { id: old.record.id.clone() });
    }
    let Minted { id: new_id, secret, proof } = mint(contents, old.record.kind, sealing)?;
    let life = old.record.expires_at.map(|at| at.since(old.record.created_at));
    let successor = KeyRecord {
        id: new_id,
        created_at: now,
        expires_at: life.map(|life| now.after(life)),
        rotated_from: Some(old.record.id.clone()),
        ..old.record.clone()
    };
    let end = now.after(overlap);
    let mut outgoing = old.clone();
    outgoing.record.expires_at = Some(old.record.expires_at.map_or(end, |at| at.min(end)));
    Ok((outgoing, StoredKey { record: successor, proof }, secret))
}

/// The key, revoked. Revoking twice keeps the first time.
pub(crate) fn revoke(contents: &Contents, id: &str, now: Timestamp) -> Result<StoredKey, DirectoryError> {
    let mut key = contents.key(id)?.clone();
    key.record.revoked_at = key.record.revoked_at.or(Some(now));
    Ok(key)
}
