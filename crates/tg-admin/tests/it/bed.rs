//! A gateway's stores with the admin listener before them, and a caller.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tg_admin::Parts;
use tg_admin::api::SwitchError;
use tg_kernel::clock::{ManualClock, Timestamp};
use tg_kernel::secret::Secret;
use tg_net::client::{Client, ClientOptions};
use tg_net::drain::{Drain, Drained, signal};
use tg_net::egress::EgressPolicy;
use tg_net::resolve::Resolver;
use tg_net::tasks::{Task, spawn};
use tg_net::tls::TrustedRoots;
use tg_store::team::{DeclaredTeam, TeamPolicy};
use tg_store::{Directory, SecretsKey, Store};

pub const NOW: i64 = 1_800_000_000;

const SECRETS_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

pub struct Bed {
    pub addr: SocketAddr,
    pub store: Store,
    pub directory: Arc<Directory>,
    pub clock: Arc<ManualClock>,
    pub ready: Arc<AtomicBool>,
    pub drain: Drain,
    pub ended: Task<std::io::Result<Drained>>,
    client: Client,
    _folder: TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }

    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }

    /// The body, if the status is this one.
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }
}

impl Bed {
    /// Without a token.
    pub fn open() -> Self {
        Self::with(None, "127.0.0.1:0")
    }

    pub fn with(token: Option<&str>, addr: &str) -> Self {
        Self::sealing_with(Some(SECRETS_KEY), token, addr)
    }

    pub fn sealing_with(secrets_key: Option<&str>, token: Option<&str>, addr: &str) -> Self {
        let secrets_key = secrets_key.map(|text| SecretsKey::parse(&Secret::new(text)).unwrap());
        let folder = TempDir::new().unwrap();
        let store = Store::open(folder.path().join("store.db")).unwrap();
        let directory = Arc::new(store.directory_with(secrets_key).unwrap());
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
        let ready = Arc::new(AtomicBool::new(true));
        let parts = Parts {
            directory: Arc::clone(&directory),
            ledger: Arc::new(store.ledger().unwrap()),
            clock: Arc::clone(&clock) as Arc<_>,
            metrics: Arc::new(|| "# HELP x y\nx 1\n".to_owned()),
            ready: Arc::new({
                let ready = Arc::clone(&ready);
                move || ready.load(Ordering::Acquire)
            }),
            document: Arc::new(|| serde_json::json!({"listen": {"address": "127.0.0.1:8080"}})),
            budgets: Arc::new(tg_admin::api::BudgetPage::default),
            foresee: Arc::new(|| {}),
            targets: Arc::new(tg_admin::api::TargetPage::default),
            routing: Arc::new(tg_admin::api::RoutingPage::default),
            switch_on: Arc::new(|rule| Err(SwitchError::NoSuchRule { rule: rule.to_owned(), known: Vec::new() })),
            commitments: Arc::new(Vec::new),
            token: token.map(Secret::new),
        };
        let bound = tg_net::listener::bind(addr.parse().unwrap(), NonZeroUsize::MIN).unwrap();
        let (drain, draining) = signal();
        let addr = SocketAddr::from(([127, 0, 0, 1], bound.addr.port()));
        let ended = spawn("admin", tg_admin::serve(parts, bound, None, draining));
        let options = ClientOptions { egress: EgressPolicy::LOCAL, ..ClientOptions::default() };
        let client = Client::new(&options, &TrustedRoots::none(), &Resolver::new()).unwrap();
        Self { addr, store, directory, clock, ready, drain, ended, client, _folder: folder }
    }

    /// Declares a team as the configuration file does.
    pub fn declare(&self, name: &str) {
        let team = DeclaredTeam { name: name.into(), policy: TeamPolicy::default() };
        self.directory.sync_declared(&[team], Timestamp::from_seconds(NOW)).unwrap();
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.addr));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.client.send(request).await.unwrap();
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Bytes::new()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[], body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, &[], body.to_string()).await
    }
}
