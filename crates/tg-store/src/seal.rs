//! Secrets that must be read again, encrypted at rest under the operator's key.

use crate::directory::DirectoryError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::fmt;
use tg_kernel::secret::Secret;
use zeroize::Zeroizing;

/// Bytes of the operator's key.
const KEY_LEN: usize = 32;

/// How a sealed secret is laid out: this byte, the nonce, the ciphertext with its tag.
const FORM: u8 = 1;

/// The operator's key, under which secrets of access keys are kept.
#[derive(Clone)]
pub struct SecretsKey(LessSafeKey);

/// A text that is no such key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not {KEY_LEN} bytes in base64, as `openssl rand -base64 {KEY_LEN}` makes them")]
pub struct BadSecretsKey;

impl fmt::Debug for SecretsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretsKey(***)")
    }
}

impl SecretsKey {
    /// Reads the key: 32 bytes in base64.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &Secret) -> Result<Self, BadSecretsKey> {
        let bytes = Zeroizing::new(STANDARD.decode(text.expose().trim()).map_err(|_| BadSecretsKey)?);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| BadSecretsKey)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Encrypts the secret of the access key with this id. The id is bound in: a row cannot be given another's secret.
    pub(crate) fn seal(&self, id: &str, secret: &Secret) -> Result<Sealed, DirectoryError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|e| DirectoryError::NoRandomness(e.to_string()))?;
        let mut text = Zeroizing::new(secret.expose().as_bytes().to_vec());
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), bound_to(id), &mut text)
            .map_err(|_| DirectoryError::invalid("the secret is too long to be encrypted".to_owned()))?;
        Ok(Sealed([&[FORM], &nonce[..], &text, tag.as_ref()].concat()))
    }

    /// The secret; `None` where it was sealed under another key or for another id, or is damaged.
    pub(crate) fn open(&self, id: &str, sealed: &Sealed) -> Option<Secret> {
        let (nonce, text) = sealed.0.strip_prefix(&[FORM])?.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let text = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), bound_to(id), &mut text).ok()?;
        std::str::from_utf8(text).ok().map(Secret::new)
    }

    /// Encrypts any bytes, bound to what they belong to. `None` where the system gives no randomness, or they are too many.
    pub(crate) fn seal_bytes(&self, bound: &[u8], mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let of = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(of, Aad::from(bound), &mut bytes).ok()?;
        Some([&nonce[..], &bytes].concat())
    }

    /// Those bytes; `None` where they were sealed under another key or belong to something else, or are damaged.
    pub(crate) fn open_bytes(&self, bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let length =
            self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(bound), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

fn bound_to(id: &str) -> Aad<Vec<u8>> {
    Aad::from([b"tallygate access key ", id.as_bytes()].concat())
}

/// A secret as the store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sealed(Vec<u8>);

impl Sealed {
    pub(crate) const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::{BadSecretsKey, Sealed, SecretsKey};
    use tg_kernel::secret::Secret;

    fn key(text: &str) -> SecretsKey {
        SecretsKey::parse(&Secret::new(text)).unwrap()
    }

    const ONE: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const OTHER: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWc=";

    #[test]
    fn only_the_same_key_and_id_open_what_was_sealed() {
        let secret = Secret::new("wJalrXUtnFEMI");
        let sealed = key(ONE).seal("TGKA1", &secret).unwrap();
        assert_eq!(key(ONE).open("TGKA1", &sealed), Some(secret.clone()));
        assert_eq!(key(OTHER).open("TGKA1", &sealed), None);
        assert_eq!(key(ONE).open("TGKA2", &sealed), None);
        assert_ne!(key(ONE).seal("TGKA1", &secret).unwrap(), sealed, "each time another nonce");
        for at in 0..sealed.0.len() {
            let mut damaged = sealed.clone();
            damaged.0[at] ^= 1;
            assert_eq!(key(ONE).open("TGKA1", &damaged), None, "byte {at}");
            assert_eq!(key(ONE).open("TGKA1", &Sealed(sealed.0[..at].to_vec())), None, "cut at {at}");
        }
    }

    #[test]
    fn a_key_of_another_size_or_alphabet_is_refused() {
        for text in ["", "c2hvcnQ=", "0123456789abcdef0123456789abcdef", &format!("{ONE}{ONE}"), "***"] {
            assert_eq!(SecretsKey::parse(&Secret::new(text)).err(), Some(BadSecretsKey), "{text}");
        }
    }

    #[test]
    fn nothing_shows_a_key_or_a_secret() {
        let sealed = key(ONE).seal("TGKA1", &Secret::new("wJalrXUtnFEMI")).unwrap();
        assert_eq!(format!("{:?} {sealed:?}", key(ONE)), "SecretsKey(***) Sealed(***)");
    }
}
