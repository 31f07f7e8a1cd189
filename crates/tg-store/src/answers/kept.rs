//! One answer that is kept: its bytes, and what is known of how they came about.

use crate::seal::SecretsKey;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Operation;
use tg_kernel::ids::CallId;
use tg_kernel::record::Served;
use tg_kernel::usage::Usage;

/// How an answer is written outside this process: this byte, then the length of the origin, the origin, the bytes.
const PLAIN: u8 = 1;
/// The same, encrypted.
const SEALED: u8 = 2;

/// Longest origin that is read, in bytes.
const ORIGIN_BYTES_MAX: usize = 64 << 10;

/// How an answer came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The call that it was made for.
    pub call: CallId,
    /// When it was whole.
    pub at: Timestamp,
    /// Until when it is given again.
    pub until: Timestamp,
    /// Who made it.
    pub served: Served,
    /// What was asked for, as it is priced.
    pub operation: Operation,
    /// What it used.
    pub usage: Usage,
    /// What the target's dialect could not express.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
}

/// An answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How it came about.
    pub origin: Origin,
    /// The bytes as they went to the caller.
    pub body: Bytes,
}

impl Kept {
    /// Writes it down for others; encrypted where there is a key. `key` is what it is found by: it is bound in, so that it
    /// cannot be put in another's place. `None` where that fails.
    #[must_use]
    pub(crate) fn write(&self, key: &[u8; 32], secrets: Option<&SecretsKey>) -> Option<Vec<u8>> {
        let origin = serde_json::to_vec(&self.origin).ok()?;
        let length = u32::try_from(origin.len()).ok()?;
        let mut plain = Vec::with_capacity(5 + origin.len() + self.body.len());
        plain.extend(length.to_be_bytes());
        plain.extend(&origin);
        plain.extend(&self.body);
        let (form, rest) = match secrets {
            Some(secrets) => (SEALED, secrets.seal_bytes(&bound(key), plain)?),
            None => (PLAIN, plain),
        };
        Some([&[form], rest.as_slice()].concat())
    }

    /// Reads what [`Kept::write`] wrote; `None` for anything else. Where there is a key, only what was encrypted under it is
    /// believed; where there is none, nothing that was encrypted can be read.
    pub(crate) fn read(bytes: Vec<u8>, key: &[u8; 32], secrets: Option<&SecretsKey>) -> Option<Self> {
        let (form, rest) = bytes.split_first()?;
        let plain = match (*form, secrets) {
            (PLAIN, None) => Bytes::copy_from_slice(rest),
            (SEALED, Some(secrets)) => Bytes::from(secrets.open_bytes(&bound(key), rest)?),
            _ => return None,
        };
        let (length, _) = plain.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let origin = plain.get(4..).filter(|_| length <= ORIGIN_BYTES_MAX)?.get(..length)?;
        let origin = serde_json::from_slice(origin).ok()?;
        Some(Self { origin, body: plain.slice(4 + length..) })
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        let Origin { served, losses, .. } = &self.origin;
        let texts = served.provider.len() + served.model.len() + losses.iter().map(String::len).sum::<usize>();
        (self.body.len() + texts + OVERHEAD) as u64
    }
}

/// What an answer takes beside its bytes: its origin, its place in the lists.
const OVERHEAD: usize = 512;

fn bound(key: &[u8; 32]) -> Vec<u8> {
    [b"tallygate answer ".as_slice(), key].concat()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::time::Duration;
    use tg_kernel::dialect::Dialect;
    use tg_kernel::secret::Secret;
    use tg_kernel::usage::ServiceTier;

    /// An answer of so many bytes.
    pub(crate) fn kept(bytes: usize, at: Timestamp, life: Duration) -> Kept {
        let served = Served {
            provider: "bedrock".into(),
            model: "claude".into(),
            profile: None,
            dialect: Dialect::BedrockConverse,
            request_id: None,
            session: None,
            tier: ServiceTier::Default,
            attempts: 1,
            stop: Some("end_turn".to_owned()),
        };
        let usage = Usage { input_tokens: 3, output_tokens: 5, ..Usage::default() };
        let origin = Origin {
            call: CallId::fresh(),
            at,
            until: at.after(life),
            served,
            operation: Operation::Chat,
            usage,
            losses: vec!["dropped:user".to_owned()],
        };
        Kept { origin, body: Bytes::from(vec![b'x'; bytes]) }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let kept = kept(9, Timestamp::from_seconds(7), Duration::from_secs(60));
        let secret = |text: &str| SecretsKey::parse(&Secret::new(text)).unwrap();
        let one = secret("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        let other = secret("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWc=");
        let plain = kept.write(&[1; 32], None).unwrap();
        let sealed = kept.write(&[1; 32], Some(&one)).unwrap();
        assert!(!sealed.windows(4).any(|four| four == b"xxxx"), "encrypted");
        for (bytes, key, secrets, read) in [
            (&plain, [1; 32], None, true),
            (&plain, [1; 32], Some(&one), false),
            (&sealed, [1; 32], Some(&one), true),
            (&sealed, [1; 32], Some(&other), false),
            (&sealed, [2; 32], Some(&one), false),
            (&sealed, [1; 32], None, false),
        ] {
            let found = Kept::read(bytes.clone(), &key, secrets);
            assert_eq!(found, read.then(|| kept.clone()), "{key:?} {secrets:?}");
        }
        for at in 0..plain.len() - kept.body.len() {
            assert_eq!(Kept::read(plain[..at].to_vec(), &[1; 32], None), None, "cut at {at}");
        }
        let mut of_another_form = plain.clone();
        of_another_form[0] = 3;
        assert_eq!(Kept::read(of_another_form, &[1; 32], None), None);
    }
}
