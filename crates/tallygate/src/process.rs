//! The life of a serving process: start, greet, watch for signals and changes, drain.

use crate::admin::Admin;
use crate::gateway::Gateway;
use crate::notifier::Notifier;
use crate::paste::Reach;
use crate::revisions::Following;
use crate::signals::{Signals, Wish};
use crate::source::{Loaded, Source};
use crate::surroundings::Surroundings;
use crate::telemetry::Telemetry;
use crate::{admin, first_key};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tg_config::document::{Document, Listen};
use tg_net::tls::TrustedRoots;

/// How often the configuration file is looked at. It is read whole: mounted files change without a new date.
const FILE_TICK: Duration = Duration::from_secs(1);

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
        let following = following.as_ref();
        loop {
            tokio::select! {
                wish = signals.next() => if wish == Wish::End { break },
                () = watch.changed() => {}
                () = revised(following) => {}
            }
            let again = source.load_again(following);
            reload(again, (&gateway, &telemetry, &admin, &notifier), following, &loaded.document, &mut watch).await;
        }
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

/// Waits for a new revision; for ever where none are followed.
async fn revised(following: Option<&Following>) {
    match following {
        Some(following) => following.changed().await,
        None => std::future::pending().await,
    }
}

async fn reload(
    loaded: Result<Loaded>,
    (gateway, telemetry, admin, notifier): (&Gateway, &Telemetry, &Admin, &Notifier),
    following: Option<&Following>,
    started: &Document,
    watch: &mut Watch,
) {
    let reloaded = async {
        let loaded = Arc::new(loaded?);
        let hooks = notifier.prepare(&loaded)?;
        // The admin listener is on this thread: it answers while the store does not.
        gateway.reload_beside(&loaded).await?;
        notifier.adopt(hooks);
        telemetry.reload(&loaded);
        admin.reload(&loaded);
        Ok(loaded)
    };
    match reloaded.await {
        Ok(loaded) => {
            tracing::info!("the configuration was reloaded");
            if let Some(following) = following {
                following.took(&loaded);
            }
            watch.prices(&loaded);
            for note in &loaded.notes {
                tracing::warn!("{note}");
            }
            for part in needs_restart(started, &loaded.document) {
                tracing::warn!(part, "a change of this part takes effect at the next start");
            }
        }
        Err(error) => match following {
            Some(following) => following.refuse(&error),
            None => tracing::error!("the new configuration is not used, the old one stays in force: {error:#}"),
        },
    }
}

/// The parts that are read at the start only, and that differ now.
fn needs_restart(started: &Document, now: &Document) -> Vec<&'static str> {
    // The limits on bodies are read for each call.
    let listen = |document: &Document| {
        let Listen { body_bytes_max, body_timeout, .. } = Listen::default();
        Listen { body_bytes_max, body_timeout, ..document.listen.clone() }
    };
    let differs = [
        ("listen", listen(started) != listen(now)),
        ("admin", started.admin != now.admin),
        ("store", started.store != now.store),
        ("counters", started.counters != now.counters),
        ("drain", started.drain != now.drain),
        ("identity.secrets_key", started.identity.secrets_key != now.identity.secrets_key),
        ("telemetry", started.telemetry != now.telemetry),
        ("recording", started.recording != now.recording),
    ];
    differs.into_iter().filter_map(|(part, differs)| differs.then_some(part)).collect()
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

/// The files of the configuration, as they were seen last.
struct Watch {
    document: Option<Seen>,
    /// That of `pricing.overrides`.
    prices: Option<Seen>,
}

struct Seen {
    path: Arc<Path>,
    bytes: Option<Vec<u8>>,
}

impl Seen {
    fn of(path: &Path) -> Self {
        Self { path: Arc::from(path), bytes: std::fs::read(path).ok() }
    }

    /// Whether the file holds something else than it did. One that cannot be read has not changed.
    fn changes(&mut self) -> bool {
        let now = std::fs::read(&self.path).ok();
        let changes = now.is_some() && now != self.bytes;
        if changes {
            self.bytes = now;
        }
        changes
    }
}

impl Watch {
    fn new(source: &Source) -> Self {
        Self { document: source.file().map(Seen::of), prices: None }
    }

    /// The prices of this configuration are looked at from now on; what else the file holds by now is a change.
    fn prices(&mut self, loaded: &Loaded) {
        let path = loaded.document.pricing.overrides.as_deref();
        let bytes = || loaded.prices.clone().map(String::into_bytes);
        self.prices = path.map(|path| Seen { path: Arc::from(path), bytes: bytes() });
    }

    /// Waits until one of the files holds something else than it did.
    async fn changed(&mut self) {
        loop {
            tokio::time::sleep(FILE_TICK).await;
            let [document, prices] = [&mut self.document, &mut self.prices];
            // Both are looked at: one reload is for both.
            let changes = [document, prices].map(|file| file.as_mut().is_some_and(Seen::changes));
            if changes.contains(&true) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Watch, needs_restart};
    use crate::source::Loaded;
    use tg_config::load::from_text;
    use tg_config::secrets::Secrets;

    #[test]
    fn prices_that_change_while_they_are_compiled_are_seen() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("prices.yaml");
        std::fs::write(&path, "rows: []").unwrap();
        let provider = "providers: [{name: a, kind: anthropic, api_key: env:K}]\n";
        let document = from_text("test", &format!("{provider}pricing: {{overrides: '{}'}}\n", path.display())).unwrap();
        let secrets = Secrets::standing_in(&document);
        let loaded = Loaded::compile(document, secrets).unwrap();
        std::fs::write(&path, "rows: [] # changed").unwrap();
        let mut watch = Watch { document: None, prices: None };
        watch.prices(&loaded);
        let prices = watch.prices.as_mut().unwrap();
        assert_eq!([prices.changes(), prices.changes()], [true, false]);
    }

    #[test]
    fn only_what_is_read_at_the_start_is_named() {
        let provider = "providers: [{name: a, kind: anthropic, api_key: env:K}]\n";
        let load = |more: &str| from_text("test", &format!("{provider}{more}")).unwrap();
        for (change, parts) in [
            ("listen: {body_bytes_max: 1 MiB, body_timeout: 7s}", &[][..]),
            ("limits: [{name: l, requests: 1/m}]", &[]),
            ("listen: {head_timeout: 7s}", &["listen"]),
            ("identity: {secrets_key: env:K}\ndrain: {time_max: 7s}", &["drain", "identity.secrets_key"]),
        ] {
            assert_eq!(needs_restart(&load(""), &load(change)), parts, "{change}");
        }
    }
}
