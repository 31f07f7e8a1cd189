//! Virtual keys: their text form, what they are bound to, and how they are issued, rotated and revoked.

use crate::directory::{Contents, DirectoryError};
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
/// Most model patterns or source networks of one key.
const LIST_MAX: usize = 256;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key as the store keeps it, without anything from which the key could be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The public id: the part of the key between its prefix and its secret.
    pub id: Arc<str>,
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
    /// The key itself. Nobody can show it again.
    pub secret: Secret,
}

/// A key with what is needed to recognise it.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    pub(crate) record: KeyRecord,
    pub(crate) digest: KeyDigest,
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

/// Appends this many random characters of the alphabet, each equally likely.
fn push_random(text: &mut String, count: usize) -> Result<(), DirectoryError> {
    let mut left = count;
    let mut bytes = [0_u8; 64];
    while left > 0 {
        getrandom::fill(&mut bytes).map_err(|e| DirectoryError::NoRandomness(e.to_string()))?;
        // 248 is the largest multiple of 62 in a byte: the rest would favour the alphabet's beginning.
        for byte in bytes.iter().filter(|b| **b < 248).take(left) {
            text.push(char::from(ALPHABET[usize::from(byte % 62)]));
            left -= 1;
        }
    }
    Ok(())
}

/// A fresh key: its public id and the whole text.
fn mint(contents: &Contents) -> Result<(Arc<str>, Secret), DirectoryError> {
    loop {
        let mut id = String::with_capacity(ID_LEN);
        push_random(&mut id, ID_LEN)?;
        if contents.keys.contains_key(id.as_str()) {
            continue;
        }
        let mut text = String::with_capacity(KEY_LEN);
        text.push_str(PREFIX);
        text.push_str(&id);
        text.push('-');
        push_random(&mut text, SECRET_LEN)?;
        return Ok((Arc::from(id), Secret::new(text)));
    }
}

/// A key with this binding.
pub(crate) fn issue(contents: &Contents, new: &NewKey, now: Timestamp) -> Result<(StoredKey, Secret), DirectoryError> {
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
    let (id, secret) = mint(contents)?;
    let record = KeyRecord {
        id,
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
    Ok((StoredKey { record, digest: KeyDigest::of(secret.expose()) }, secret))
}

/// A successor with the same binding and the same length of life, and the old key with its end set.
pub(crate) fn rotate(
    contents: &Contents,
    id: &str,
    overlap: Duration,
    now: Timestamp,
) -> Result<(StoredKey, StoredKey, Secret), DirectoryError> {
    let old = contents.key(id)?;
    let ended = old.record.revoked_at.or(old.record.expires_at).is_some_and(|at| at <= now);
    if ended {
        return Err(DirectoryError::KeyEnded { id: old.record.id.clone() });
    }
    let (new_id, secret) = mint(contents)?;
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
    Ok((outgoing, StoredKey { record: successor, digest: KeyDigest::of(secret.expose()) }, secret))
}

/// The key, revoked. Revoking twice keeps the first time.
pub(crate) fn revoke(contents: &Contents, id: &str, now: Timestamp) -> Result<StoredKey, DirectoryError> {
    let mut key = contents.key(id)?.clone();
    key.record.revoked_at = key.record.revoked_at.or(Some(now));
    Ok(key)
}
