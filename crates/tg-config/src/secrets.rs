//! The one place where references become secrets.

use crate::document::{Credentials, Document, Provider};
use crate::grammar::{HeaderText, SecretRef};
use crate::problem::{Path, Problem, Problems};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use tg_kernel::secret::Secret;

/// The secrets of one document. Made whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Secrets(HashMap<SecretRef, Secret>);

impl Secrets {
    /// The secret; `None` only for a reference of another document.
    #[must_use]
    pub fn get(&self, reference: &SecretRef) -> Option<&Secret> {
        self.0.get(reference)
    }

    /// The value of a header, which may be a secret; `None` only for a reference of another document.
    #[must_use]
    pub fn header(&self, text: &HeaderText) -> Option<Secret> {
        match text {
            HeaderText::Literal(text) => Some(Secret::new(text.as_str())),
            HeaderText::Secret(reference) => self.get(reference).cloned(),
        }
    }
}

/// No credential is longer; a larger file is another file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Reads every secret that `document` refers to, from `environment` (by name) and from files.
///
/// # Errors
/// A problem for each reference that leads to nothing, or to what cannot be a credential.
pub fn resolve_secrets(document: &Document, environment: &dyn Fn(&str) -> Option<String>) -> Result<Secrets, Problems> {
    let mut secrets = Secrets::default();
    let mut all = Vec::new();
    for (path, reference) in references(document) {
        if secrets.0.contains_key(reference) {
            continue;
        }
        match read(reference, environment) {
            Ok(secret) => {
                secrets.0.insert(reference.clone(), secret);
            }
            Err((message, hint)) => all.push(Problem::new(path, message, hint)),
        }
    }
    if all.is_empty() { Ok(secrets) } else { Err(Problems { origin: "secrets".to_owned(), all }) }
}

impl Secrets {
    /// Stand-ins for every secret that `document` refers to: for who checks a document where its secrets are not. They
    /// open nothing.
    #[must_use]
    pub fn standing_in(document: &Document) -> Self {
        let all = references(document).into_iter();
        let mut secrets = Self(all.map(|(_, reference)| (reference.clone(), Secret::new("not-read-here"))).collect());
        let keys = of_secrets_key(document).map(|(_, reference)| reference).into_iter().chain(&document.redaction_key);
        for reference in keys {
            // 32 bytes in base64, as such a key is; the reference is nobody else's.
            secrets.0.insert(reference.clone(), Secret::new(format!("{}=", "A".repeat(43))));
        }
        secrets
    }
}

/// What who works on the store alone needs, and nothing else.
#[derive(Clone, Debug, Default)]
pub struct StoreSecrets {
    /// What secrets in the store are encrypted with, as `identity.secrets_key` refers to it.
    pub secrets_key: Option<Secret>,
    /// The password of the store's user.
    pub password: Option<Secret>,
}

/// Reads the secrets of the store alone.
///
/// # Errors
/// When a reference leads to nothing, or to what cannot be a credential.
pub fn resolve_store_secrets(
    document: &Document,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<StoreSecrets, Problems> {
    let mut all = Vec::new();
    let mut one = |found: Option<(Path, &SecretRef)>| {
        let (path, reference) = found?;
        read(reference, environment).map_err(|(message, hint)| all.push(Problem::new(path, message, hint))).ok()
    };
    let secrets =
        StoreSecrets { secrets_key: one(of_secrets_key(document)), password: one(of_store_password(document)) };
    if all.is_empty() { Ok(secrets) } else { Err(Problems { origin: "secrets".to_owned(), all }) }
}

fn of_store_password(document: &Document) -> Option<(Path, &SecretRef)> {
    let reference = document.store.password.as_ref()?;
    Some((Path::root().member("store").member("password"), reference))
}

fn of_secrets_key(document: &Document) -> Option<(Path, &SecretRef)> {
    let reference = document.identity.secrets_key.as_ref()?;
    Some((Path::root().member("identity").member("secrets_key"), reference))
}

fn references(document: &Document) -> Vec<(Path, &SecretRef)> {
    let mut found: Vec<_> = of_secrets_key(document).into_iter().collect();
    if let Some(token) = &document.admin.token {
        found.push((Path::root().member("admin").member("token"), token));
    }
    found.extend(of_store_password(document));
    found.extend(document.redaction_key.iter().map(|key| (Path::root().member("redaction_key"), key)));
    if let Some(counters) = &document.counters {
        let path = Path::root().member("counters");
        let both = [("password", &counters.password), ("sentinel_password", &counters.sentinel_password)];
        found.extend(both.into_iter().filter_map(|(member, secret)| Some((path.member(member), secret.as_ref()?))));
    }
    for (number, provider) in document.providers.iter().enumerate() {
        of_provider(provider, &Path::root().member("providers").element(number), &mut found);
    }
    let guards = Path::root().member("guards");
    for (number, guard) in document.guards.iter().enumerate() {
        found.extend(guard.secret.iter().map(|secret| (guards.element(number).member("secret"), secret)));
    }
    let webhooks = Path::root().member("notify").member("webhooks");
    for (number, webhook) in document.notify.webhooks.iter().enumerate() {
        found.extend(webhook.secret.iter().map(|secret| (webhooks.element(number).member("secret"), secret)));
    }
    if let Some(otlp) = &document.telemetry.otlp {
        let path = Path::root().member("telemetry").member("otlp").member("headers");
        of_headers(&otlp.headers, &path, &mut found);
    }
    found
}

fn of_provider<'a>(provider: &'a Provider, path: &Path, found: &mut Vec<(Path, &'a SecretRef)>) {
    found.extend(provider.api_key.iter().map(|key| (path.member("api_key"), key)));
    if let Some(credentials) = provider.credentials.as_ref().and_then(Credentials::keys) {
        let path = path.member("credentials");
        found.push((path.member("access_key_id"), &credentials.access_key_id));
        found.push((path.member("secret_access_key"), &credentials.secret_access_key));
        found.extend(credentials.session_token.iter().map(|token| (path.member("session_token"), token)));
    }
    of_headers(&provider.headers, &path.member("headers"), found);
}

fn of_headers<'a>(
    headers: &'a std::collections::BTreeMap<String, HeaderText>,
    path: &Path,
    found: &mut Vec<(Path, &'a SecretRef)>,
) {
    for (name, text) in headers {
        if let HeaderText::Secret(reference) = text {
            found.push((path.member(name), reference));
        }
    }
}

fn read(reference: &SecretRef, environment: &dyn Fn(&str) -> Option<String>) -> Result<Secret, (String, String)> {
    let text = match reference {
        SecretRef::Env(name) => environment(name).ok_or_else(|| {
            (format!("the environment variable {name} is not set"), format!("set {name}, or refer to another place"))
        })?,
        SecretRef::File(path) => {
            let shown = path.display();
            let mut text = String::new();
            let read = File::open(path).and_then(|file| file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text));
            read.map_err(|error| {
                (format!("{shown} cannot be read: {error}"), "check the path and who may read it".to_owned())
            })?;
            text
        }
    };
    // Nearly every secret travels in a header, which cannot hold anything else.
    let trimmed = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    let wrong = if trimmed.is_empty() {
        "is empty"
    } else if trimmed.len() as u64 > SECRET_BYTES_MAX {
        "is larger than 64 KiB"
    } else if !trimmed.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        "holds characters that a credential cannot have"
    } else {
        return Ok(Secret::new(trimmed));
    };
    Err((format!("{reference} {wrong}"), "store one credential there, in one line".to_owned()))
}
