//! Reloads of a serving process: what asks for one, what is heard while one waits for the store, and what is tried again.

use crate::admin::Admin;
use crate::gateway::Gateway;
use crate::notifier::Notifier;
use crate::place::is_passing;
use crate::revisions::Following;
use crate::signals::{Signals, Wish};
use crate::source::{Loaded, Source};
use crate::telemetry::Telemetry;
use anyhow::Result;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tg_config::document::{Document, Listen};
use tg_kernel::outage::{Failing, Outage};
use tokio::time::Instant;

/// How often the configuration file is looked at. It is read whole: mounted files change without a new date.
const FILE_TICK: Duration = Duration::from_secs(1);

/// When a reload is tried again that found the store away.
const RETRY: Duration = Duration::from_secs(5);

/// What a reload changes.
pub(crate) struct Parts<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) telemetry: &'a Telemetry,
    pub(crate) admin: &'a Admin,
    pub(crate) notifier: &'a Notifier,
}

/// The reloads of one process.
pub(crate) struct Reloads<'a> {
    source: &'a Source,
    following: Option<&'a Following>,
    parts: Parts<'a>,
    /// What it started with.
    started: &'a Document,
    watch: Watch,
    /// When the last one is tried again, as the store was away.
    again_at: Option<Instant>,
    /// Whether the present one is such another try.
    is_again: bool,
    outage: Outage,
}

impl<'a> Reloads<'a> {
    pub(crate) fn new(
        source: &'a Source,
        following: Option<&'a Following>,
        parts: Parts<'a>,
        started: &'a Document,
        watch: Watch,
    ) -> Self {
        let outage = Outage::default();
        Self { source, following, parts, started, watch, again_at: None, is_again: false, outage }
    }

    /// Reloads whenever there is a reason to, until a signal ends the process. That is heard while a reload waits for the
    /// store, too, which is then left to itself.
    pub(crate) async fn until_end(&mut self, signals: &mut Signals) {
        let mut wish = None;
        while wish != Some(Wish::End) {
            wish = match wish {
                None => Some(self.reason(signals).await),
                Some(_) => self.reload(signals).await,
            };
        }
    }

    /// Waits for a signal, or for a reason to reload.
    async fn reason(&mut self, signals: &mut Signals) -> Wish {
        self.is_again = false;
        tokio::select! {
            wish = signals.next() => return wish,
            () = self.watch.changed() => {}
            () = revised(self.following) => {}
            () = due(self.again_at) => self.is_again = true,
        }
        Wish::Reload
    }

    /// Reloads, and answers what was asked for meanwhile.
    async fn reload(&mut self, signals: &mut Signals) -> Option<Wish> {
        let mut asked = None;
        let done = {
            let mut taking = pin!(self.take());
            loop {
                tokio::select! {
                    done = &mut taking => break done,
                    wish = signals.next() => match wish {
                        Wish::End => return Some(wish),
                        // What was read is older than this.
                        Wish::Reload => asked = Some(wish),
                    },
                }
            }
        };
        match done {
            Ok(loaded) => self.took(&loaded),
            Err(error) => self.refused(&error),
        }
        // What is asked for is no other try of what failed.
        self.is_again = false;
        asked
    }

    async fn take(&self) -> Result<Arc<Loaded>> {
        let Parts { gateway, telemetry, admin, notifier } = &self.parts;
        let loaded = Arc::new(self.source.load_again(self.following)?);
        let hooks = notifier.prepare(&loaded)?;
        gateway.reload(&loaded).await?;
        notifier.adopt(hooks);
        telemetry.reload(&loaded);
        admin.reload(&loaded);
        Ok(loaded)
    }

    fn took(&mut self, loaded: &Loaded) {
        self.again_at = None;
        if let Some(Failing { tries, lasts }) = self.outage.mended(std::time::Instant::now()) {
            tracing::info!(tries, ?lasts, "the store answers again");
        }
        tracing::info!("the configuration was reloaded");
        if let Some(following) = self.following {
            following.took(loaded);
        }
        self.watch.prices(loaded);
        for note in &loaded.notes {
            tracing::warn!("{note}");
        }
        for part in needs_restart(self.started, &loaded.document) {
            tracing::warn!(part, "a change of this part takes effect at the next start");
        }
    }

    /// What is wrong with a configuration stays wrong until it changes; a store that is away comes back, and nobody would
    /// ask for the reload a second time.
    fn refused(&mut self, error: &anyhow::Error) {
        let passes = is_passing(error);
        self.again_at = passes.then(|| Instant::now() + RETRY);
        let goes_on = if passes {
            self.outage.failed(std::time::Instant::now()).is_none()
        } else {
            self.outage = Outage::default();
            false
        };
        let said = self.is_again && goes_on;
        match self.following {
            Some(following) => following.refuse(error, said),
            None if said => {}
            None if passes => {
                tracing::error!(
                    "the new configuration is not used yet, the old one stays in force; it is tried again every {} \
                     seconds: {error:#}",
                    RETRY.as_secs()
                );
            }
            None => tracing::error!("the new configuration is not used, the old one stays in force: {error:#}"),
        }
    }
}

/// Waits for a new revision; for ever where none are followed.
async fn revised(following: Option<&Following>) {
    match following {
        Some(following) => following.changed().await,
        None => std::future::pending().await,
    }
}

/// Waits until then; for ever where that is never.
async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
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
        ("cache.place", started.cache.place != now.cache.place),
        ("drain", started.drain != now.drain),
        ("identity.secrets_key", started.identity.secrets_key != now.identity.secrets_key),
        ("telemetry", started.telemetry != now.telemetry),
        ("recording", started.recording != now.recording),
    ];
    differs.into_iter().filter_map(|(part, differs)| differs.then_some(part)).collect()
}

/// The files of the configuration, as they were seen last.
pub(crate) struct Watch {
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
    pub(crate) fn new(source: &Source) -> Self {
        Self { document: source.file().map(Seen::of), prices: None }
    }

    /// The prices of this configuration are looked at from now on; what else the file holds by now is a change.
    pub(crate) fn prices(&mut self, loaded: &Loaded) {
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
            ("cache: {bytes_max: 1 MiB, rules: [{name: r, ttl: 1h}]}", &[]),
            ("identity: {secrets_key: env:K}\ndrain: {time_max: 7s}", &["drain", "identity.secrets_key"]),
        ] {
            assert_eq!(needs_restart(&load(""), &load(change)), parts, "{change}");
        }
    }
}
