//! Signed requests as they came, kept on demand, so that another implementation can make their signatures anew.

use crate::options::AwsKey;
use crate::sigv4::SignedRequest;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// A signed request, with the secret of its key: only what tests make up belongs here.
#[derive(Clone, Debug, Serialize)]
pub struct Witnessed {
    /// The method.
    pub method: String,
    /// The path as sent.
    pub path: String,
    /// The query as sent, without its question mark.
    pub query: String,
    /// All headers, and `host` where HTTP/2 had it elsewhere.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// The secret that belongs to the key that signed.
    pub secret: String,
    /// Whether the simulator itself found the signature right.
    pub accepted: bool,
}

/// What was kept. Clones share it. Keeps nothing unless [`crate::SimOptions::keep_signed`] says so.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    keeps: bool,
    seen: Arc<Mutex<Vec<Witnessed>>>,
}

impl Witness {
    pub(crate) fn new(keeps: bool) -> Self {
        Self { keeps, ..Self::default() }
    }

    /// All that was kept, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<Witnessed> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn saw(&self, request: &SignedRequest<'_>, keys: &[AwsKey], accepted: bool) {
        if !self.keeps {
            return;
        }
        let text = |name: &str| request.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let signer = text("authorization").split_once("Credential=").and_then(|(_, rest)| rest.split('/').next());
        let Some(key) = keys.iter().find(|key| Some(key.access_key_id.as_str()) == signer) else { return };
        let mut headers: Vec<(String, String)> = (request.headers.iter())
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        if !request.headers.contains_key("host") {
            headers.push(("host".to_owned(), request.host.to_owned()));
        }
        let witnessed = Witnessed {
            method: request.method.to_owned(),
            path: request.path.to_owned(),
            query: request.query.to_owned(),
            headers,
            body: request.body.to_vec(),
            secret: key.secret_access_key.clone(),
            accepted,
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(witnessed);
    }
}
