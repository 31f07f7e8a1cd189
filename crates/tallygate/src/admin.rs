//! The admin listener of a running gateway: what `tg-admin` serves, taken from the gateway's parts.

use crate::forecasts::Forecasts;
use crate::gateway::{Gateway, load_tls};
use crate::revisions::Standing;
use crate::source::Loaded;
use crate::telemetry::Telemetry;
use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use serde_json::Value;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tg_config::document::{Document, OnJournalFailure};
use tg_kernel::commitment::Commitment;
use tg_net::drain::{Drain, Drained};
use tg_net::tasks::{Task, spawn};
use tg_net::tls::ServerTls;

/// How long requests that are on their way may take when the listener ends.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// A running admin listener.
pub struct Admin {
    /// Where it is reached.
    pub address: SocketAddr,
    document: Arc<ArcSwap<Value>>,
    commitments: Arc<ArcSwap<Vec<Commitment>>>,
    tls: Option<ServerTls>,
    drain: Drain,
    served: Task<std::io::Result<Drained>>,
}

/// Starts the admin listener on the current Tokio runtime. It is not drained with the gateway, so that probes and
/// metrics tell of the drain; end it by [`Admin::stop`].
///
/// # Errors
/// When its address, its certificate or the ledger cannot be used.
pub fn start(
    loaded: &Loaded,
    gateway: &Gateway,
    telemetry: &Telemetry,
    standing: Option<Arc<Standing>>,
) -> Result<Admin> {
    let declared = &loaded.document.admin;
    let tls = load_tls("admin", declared.tls.as_ref())?;
    let bound = tg_net::listener::bind(declared.address.get(), NonZeroUsize::MIN)
        .with_context(|| format!("admin.address: cannot listen on {}", declared.address))?;
    let document = Arc::new(ArcSwap::from_pointee(shown(&loaded.document)?));
    let commitments = Arc::new(ArcSwap::from_pointee(loaded.document.pricing.committed()));
    let (living, journal) = (Arc::clone(&gateway.living), Arc::clone(gateway.journal()));
    let passes = loaded.document.store.on_journal_failure == OnJournalFailure::AllowAndAlert;
    let (ledger, forecasts) = (Arc::new(gateway.store.ledger()?), Arc::new(Forecasts::default()));
    let parts = tg_admin::Parts {
        directory: Arc::clone(&living.directory),
        ledger,
        clock: Arc::clone(&living.clock),
        metrics: telemetry.metrics_renderer(),
        ready: Arc::new(move || living.ready.load(Ordering::Acquire) && (passes || !journal.is_failing())),
        document: Arc::new({
            let document = Arc::clone(&document);
            move || {
                let mut shown = Value::clone(&document.load());
                if let (Some(members), Some(standing)) = (shown.as_object_mut(), &standing) {
                    members.insert("revision".to_owned(), standing.page());
                }
                shown
            }
        }),
        budgets: Arc::new({
            let (living, forecasts) = (Arc::clone(&gateway.living), Arc::clone(&forecasts));
            move || crate::budgets::page(&living.purses.view(living.clock.now()), |purse| forecasts.of(purse))
        }),
        foresee: Arc::new({
            // A ledger of their own: they read for longer than a listing may wait.
            let (living, past) = (Arc::clone(&gateway.living), gateway.store.ledger()?);
            move || forecasts.refresh(&living.purses, &past, living.clock.now())
        }),
        targets: Arc::new({
            let living = Arc::clone(&gateway.living);
            move || crate::targets::page(&living)
        }),
        routing: Arc::new({
            let living = Arc::clone(&gateway.living);
            move || crate::quality::page(&living)
        }),
        switch_on: Arc::new({
            let (living, store) = (Arc::clone(&gateway.living), Arc::clone(&gateway.store));
            move |rule| crate::quality::switch_on(&store, &living, rule)
        }),
        commitments: Arc::new({
            let commitments = Arc::clone(&commitments);
            move || Vec::clone(&commitments.load())
        }),
        token: declared.token.as_ref().and_then(|reference| loaded.secrets.get(reference)).cloned(),
    };
    let (drain, draining) = tg_net::drain::signal();
    let address = bound.addr;
    let served = spawn("admin", tg_admin::serve(parts, bound, tls.clone(), draining));
    Ok(Admin { address, document, commitments, tls, drain, served })
}

impl Admin {
    /// Shows another document as the one in force, and reads the certificate again. Address and token stay as they
    /// were at the start. What cannot be read is logged, and the old one stays in use.
    pub fn reload(&self, loaded: &Loaded) {
        if let Some(Err(error)) = self.tls.as_ref().map(ServerTls::reload) {
            tracing::error!(%error, "admin.tls: the old certificate stays in use");
        }
        self.commitments.store(Arc::new(loaded.document.pricing.committed()));
        match shown(&loaded.document) {
            Ok(document) => self.document.store(Arc::new(document)),
            Err(error) => tracing::error!("the configuration in force cannot be shown: {error:#}"),
        }
    }

    /// Ends the listener; requests on their way get their answer.
    pub async fn stop(self) {
        self.drain.begin(DRAIN_MAX);
        if let Some(Err(error)) = self.served.await {
            tracing::error!(%error, "the admin listener failed");
        }
    }
}

/// The document as it may be shown: secrets are references already; headers, and what stands behind the host of a webhook's
/// address, may hold what their writer did not take for a secret.
fn shown(document: &Document) -> Result<Value> {
    let mut value = serde_json::to_value(document)?;
    let otlp = value.pointer_mut("/telemetry/otlp/headers");
    mask(otlp);
    for provider in value.pointer_mut("/providers").and_then(Value::as_array_mut).into_iter().flatten() {
        mask(provider.get_mut("headers"));
    }
    for webhook in value.pointer_mut("/notify/webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(url) = webhook.get_mut("url") {
            *url = Value::from(without_path(url.as_str().unwrap_or_default()));
        }
    }
    Ok(value)
}

/// An address up to its host and port.
fn without_path(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{host}/***")
}

fn mask(headers: Option<&mut Value>) {
    for (_, text) in headers.and_then(Value::as_object_mut).into_iter().flatten() {
        let is_reference = text.as_str().is_some_and(|t| t.starts_with("env:") || t.starts_with("file:"));
        if !is_reference {
            *text = Value::from("***");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    const FILE: &str = r#"
providers:
  - name: a
    kind: openai
    api_key: env:OPENAI_API_KEY
    headers: {x-plain: looks-harmless, x-secret: "env:HEADER"}
telemetry:
  otlp:
    endpoint: https://collector.example
    headers: {x-team: looks-harmless}
notify:
  webhooks: [{url: "https://hooks.example.com:8443/services/looks-harmless", secret: env:HOOK}]
"#;

    #[test]
    fn references_are_shown_and_texts_of_headers_and_paths_of_webhooks_are_not() {
        let document = tg_config::load::from_text("test", FILE).unwrap();
        let value = shown(&document).unwrap();
        assert_eq!(value["providers"][0]["api_key"], "env:OPENAI_API_KEY");
        assert_eq!(value["providers"][0]["headers"]["x-secret"], "env:HEADER");
        assert_eq!(value["notify"]["webhooks"][0]["url"], "https://hooks.example.com:8443/***");
        assert!(!value.to_string().contains("looks-harmless"), "{value}");
    }
}
