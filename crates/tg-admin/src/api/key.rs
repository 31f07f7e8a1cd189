//! Keys as they travel. The key itself travels once, in the answer to its making.

use super::Time;
use super::time;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;
use tg_config::grammar::Pattern;
use tg_kernel::clock::Timestamp;
use tg_kernel::secret::Secret;
use tg_store::key::KeyRecord;
use tg_store::{KeyKind as Kind, NewKey as StoredNewKey};

/// Whether a key is let in, as far as the key itself decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It is.
    Active,
    /// Its time is over.
    Expired,
    /// Someone revoked it.
    Revoked,
}

impl KeyState {
    /// The name in answers and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// How the holder of a key proves that he has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// By presenting it.
    #[default]
    Bearer,
    /// By signing with it, as AWS SDKs do (SigV4).
    Aws,
}

impl KeyKind {
    /// The name in answers and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Aws => "aws",
        }
    }
}

impl From<Kind> for KeyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Bearer => Self::Bearer,
            Kind::Aws => Self::Aws,
        }
    }
}

/// A key, without anything from which it could be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// The public id: the part of a bearer key between its prefix and its secret, or the id of an access key.
    pub id: String,
    /// How its holder proves that he has it.
    #[serde(default)]
    pub kind: KeyKind,
    /// The team that owns it.
    pub team: String,
    /// The project that it is bound to, if it is.
    pub project: Option<String>,
    /// The environment that it is bound to, if it is.
    pub environment: Option<String>,
    /// Patterns of the models that it may use; empty: those of the team.
    pub models: Vec<String>,
    /// Networks from which it is accepted; empty: any.
    pub networks: Vec<String>,
    /// What it is for.
    pub label: String,
    /// Whether it is let in, as far as the key itself decides.
    pub state: KeyState,
    /// When it was issued.
    pub created_at: Time,
    /// From when on it is refused, if ever.
    pub expires_at: Option<Time>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Time>,
    /// The key that it replaces, if any.
    pub rotated_from: Option<String>,
}

impl Key {
    /// The key as it is at `now`.
    #[must_use]
    pub fn at(record: &KeyRecord, now: Timestamp) -> Self {
        Self {
            id: record.id.to_string(),
            kind: record.kind.into(),
            team: record.team.to_string(),
            project: record.project.as_deref().map(str::to_owned),
            environment: record.environment.as_deref().map(str::to_owned),
            models: record.models.to_vec(),
            networks: record.networks.iter().map(ToString::to_string).collect(),
            label: record.label.clone(),
            state: match (record.revoked_at, record.expires_at) {
                (Some(_), _) => KeyState::Revoked,
                (None, Some(end)) if end <= now => KeyState::Expired,
                (None, _) => KeyState::Active,
            },
            created_at: record.created_at.into(),
            expires_at: record.expires_at.map(Time),
            revoked_at: record.revoked_at.map(Time),
            rotated_from: record.rotated_from.as_deref().map(str::to_owned),
        }
    }
}

/// Every key, or those of one team.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyPage {
    /// Oldest first; ended ones too.
    pub keys: Vec<Key>,
}

/// A key to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// The team that will own it.
    pub team: String,
    /// The project to bind it to, one of the team's.
    #[serde(default)]
    pub project: Option<String>,
    /// The environment to bind it to, one of the team's.
    #[serde(default)]
    pub environment: Option<String>,
    /// Patterns of the models that it may use; empty: those of the team.
    #[serde(default)]
    #[schemars(with = "Vec<Pattern>", length(max = 256))]
    pub models: Vec<String>,
    /// Networks from which it is accepted (`10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`); empty: any.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub networks: Vec<String>,
    /// From when on it is refused: a duration from now (`90d`), a date, or RFC 3339. Absent: never.
    #[serde(default)]
    pub expires: Option<String>,
    /// What it is for, in its maker's words.
    #[serde(default)]
    #[schemars(length(max = 128))]
    pub label: String,
    /// Make an access key, for clients that can only sign (SigV4), instead of a bearer key. Needs
    /// `identity.secrets_key` in the configuration.
    #[serde(default)]
    pub aws: bool,
}

impl NewKey {
    /// As the store takes it.
    ///
    /// # Errors
    /// Everything that is wrong with the texts.
    pub fn resolve(&self, now: Timestamp) -> Result<StoredNewKey, Vec<String>> {
        let mut problems = Vec::new();
        let networks = self.networks.iter().enumerate().filter_map(|(number, text)| {
            network(text).map_err(|problem| problems.push(format!("networks[{number}]: {problem}"))).ok()
        });
        let networks = networks.collect();
        let expires_at = self.expires.as_deref().and_then(|text| {
            time::future(text, now).map_err(|problem| problems.push(format!("expires: {problem}"))).ok()
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(StoredNewKey {
            kind: if self.aws { Kind::Aws } else { Kind::Bearer },
            team: self.team.clone(),
            project: self.project.clone(),
            environment: self.environment.clone(),
            models: self.models.clone(),
            networks,
            expires_at,
            label: self.label.clone(),
        })
    }
}

fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let single = || text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
    text.parse::<ipnet::IpNet>()
        .or_else(|_| single())
        .map_err(|_| format!("{} is not a network; write as in `10.0.0.0/8` or `192.0.2.7`", time::quoted(text)))
}

/// How to replace a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// How long the old key goes on working: a duration (`24h`), `0s` to end it at once. Absent: `24h`.
    pub overlap: Option<String>,
}

impl Rotation {
    /// How long the old key goes on working.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn resolve(&self) -> Result<Duration, Vec<String>> {
        let text = self.overlap.as_deref().unwrap_or("24h");
        time::duration(text).map_err(|problem| vec![format!("overlap: {problem}")])
    }
}

/// A key at the only moment at which it can be read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct IssuedKey {
    /// What the store keeps.
    pub key: Key,
    /// A bearer key itself, for the caller's `Authorization: Bearer`; or the secret of the access key whose id is the
    /// key's. Nobody can show it again.
    #[serde(serialize_with = "expose", deserialize_with = "take")]
    #[schemars(with = "String")]
    pub secret: Secret,
}

fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::{NewKey, Rotation};
    use std::time::Duration;
    use tg_kernel::clock::Timestamp;

    #[test]
    fn texts_become_networks_and_times() {
        let texts = |networks: &[&str], expires: &str| NewKey {
            networks: networks.iter().map(|n| (*n).to_owned()).collect(),
            expires: Some(expires.to_owned()),
            ..NewKey::default()
        };
        let now = Timestamp::from_seconds(0);
        let new = texts(&["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"], "90d").resolve(now).unwrap();
        assert_eq!(new.networks[1].to_string(), "192.0.2.7/32");
        assert_eq!(new.expires_at, Some(Timestamp::from_seconds(90 * 86_400)));
        let problems = texts(&["10.0.0.0/33", "::1", "x"], "soon").resolve(now).unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[1].starts_with("networks[2]: `x`"), "{problems:?}");
    }

    #[test]
    fn an_overlap_may_be_nothing() {
        let rotation = |text: &str| Rotation { overlap: Some(text.to_owned()) }.resolve();
        assert_eq!(rotation("0s"), Ok(Duration::ZERO));
        assert_eq!(Rotation::default().resolve(), Ok(Duration::from_secs(86_400)));
        assert!(rotation("1 day").is_err());
    }
}
