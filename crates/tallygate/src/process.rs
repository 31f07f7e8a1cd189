//! The life of a serving process: start, greet, watch for signals and changes, drain.

use crate::gateway::Gateway;
use crate::notifier::Notifier;
use crate::paste::Reach;
use crate::reloading::{Parts, Reloads, Watch};
use crate::revisions::Following;
use crate::signals::Signals;
use crate::source::{Loaded, Source};
use crate::surroundings::Surroundings;
use crate::telemetry::Telemetry;
use crate::{admin, first_key};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use tg_net::tls::TrustedRoots;

/// Runs a gateway until a signal ends it. `greet` is told where it is, once, when callers can connect.
///
/// # Errors
/// When the start fails; what fails later is logged, and the gateway goes on.
pub fn run(source: &Source, greet: impl FnOnce(String) -> Result<()>) -> Result<()> {
    // Before the file is read: a change in between is then seen as one.
    let mut watch = Watch::new(source);
    let (loaded, following) = source.begin()?;
    watch.prices(&loaded);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        // Signals first: one that comes during the start must not be lost.
        let mut signals = Signals::listen()?;
        let surroundings = Surroundings::here(roots()?);
        let telemetry = Telemetry::start(&loaded, &surroundings.roots)?;
        let notifier = Notifier::start(&loaded, &surroundings.roots)?;
        let sinks = telemetry.sinks().into_iter().chain([notifier.sink()]).collect();
        let gateway = Gateway::start(&loaded, &surroundings, sinks)?;
        telemetry.watch(&gateway);
        let standing = following.as_ref().map(Following::standing);
        telemetry.follow(standing);
        if let Some(following) = &following {
            following.began();
        }
        let admin = admin::start(&loaded, &gateway, &telemetry, standing.cloned())?;
        greet(greeting(&loaded, &gateway, source, admin.address)?)?;
        let parts = Parts { gateway: &gateway, telemetry: &telemetry, admin: &admin, notifier: &notifier };
        Reloads::new(source, following.as_ref(), parts, &loaded.document, watch).until_end(&mut signals).await;
        tracing::info!("draining");
        let limit = loaded.document.drain.time_max.get();
        let drained = tokio::task::spawn_blocking({
            let handle = tokio::runtime::Handle::current();
            move || {
                let _inside = handle.enter();
                gateway.drain(limit)
            }
        })
        .await
        .context("the drain broke off")?;
        admin.stop().await;
        if tokio::task::spawn_blocking(move || notifier.stop()).await.is_err() {
            tracing::error!("the notifier did not end");
        }
        telemetry.flush().await;
        tracing::info!(finished = drained.finished, cut = drained.cut, "drained");
        Ok(())
    });
    // A reload that was left to itself may wait for the store yet.
    runtime.shutdown_background();
    if let Some(following) = following {
        following.stop();
    }
    done
}

/// The public authorities, those of the machine, and those of `SSL_CERT_FILE`, as other programs read it.
///
/// # Errors
/// When that file cannot be used.
pub(crate) fn roots() -> Result<TrustedRoots> {
    let public = TrustedRoots::public();
    match std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) {
        Some(path) => public.and(path.as_ref()).context("SSL_CERT_FILE"),
        None => Ok(public),
    }
}

/// What the operator reads when the gateway is up.
fn greeting(loaded: &Loaded, gateway: &Gateway, source: &Source, admin: std::net::SocketAddr) -> Result<String> {
    let mut text = String::new();
    let reach = Reach::of(gateway.address, loaded.document.listen.tls.as_ref());
    let where_else = if reach.everywhere {
        format!("  (and on this machine's other addresses: {})", gateway.address)
    } else {
        String::new()
    };
    writeln!(text, "tallygate is up on {}{where_else}", reach.base)?;
    let admin = Reach::of(admin, loaded.document.admin.tls.as_ref());
    writeln!(text, "  admin:     {}  (/metrics, /healthz, /readyz)", admin.base)?;
    writeln!(text, "  store:     {}", gateway.store.place())?;
    let providers: Vec<&str> = loaded.document.providers.iter().map(|p| p.name.as_str()).collect();
    writeln!(text, "  providers: {} (from {})", providers.join(", "), source.origin(loaded))?;
    for note in &loaded.notes {
        writeln!(text, "  note:      {note}")?;
    }
    if let Some(first) = first_key::issue(gateway, loaded, &reach)? {
        write!(text, "\n{first}")?;
    }
    Ok(text)
}
