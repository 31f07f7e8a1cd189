//! `tallygate check`

use super::ConfigArg;
use super::terminal::say;
use crate::gateway::load_tls;
use crate::guardrails::coverage::bare;
use crate::source::{Loaded, Source};
use anyhow::{Result, bail};
use clap::Args;
use tg_config::document::Document;

/// Reads and compiles the configuration, its secrets, prices and certificates. Opens no address, and no store but where
/// the file follows its revisions.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    config: ConfigArg,
}

impl Check {
    pub(super) fn run(self) -> Result<()> {
        let source = Source::choose(self.config.config);
        let loaded = source.load()?;
        certificates(&loaded)?;
        tell(&source.origin(&loaded), &loaded)
    }
}

/// The rest of the check of what could be loaded: its certificates.
///
/// # Errors
/// Every certificate that cannot be used.
pub(super) fn certificates(loaded: &Loaded) -> Result<()> {
    let Document { listen, admin, .. } = &loaded.document;
    let certificates = [load_tls("listen", listen.tls.as_ref()), load_tls("admin", admin.tls.as_ref())];
    let wrong: Vec<String> = certificates.into_iter().filter_map(|read| Some(format!("{:#}", read.err()?))).collect();
    if !wrong.is_empty() {
        bail!(wrong.join("\n"));
    }
    Ok(())
}

/// Says what was checked.
///
/// # Errors
/// When it cannot be written.
pub(super) fn tell(origin: &str, loaded: &Loaded) -> Result<()> {
    for note in loaded.notes.iter().chain(&bare::notes(&loaded.document)) {
        say(format_args!("note: {note}"))?;
    }
    let counted = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    say(format_args!(
        "{origin}: fine ({}, {}, {})",
        counted(loaded.document.providers.len(), "provider"),
        counted(loaded.document.models.len(), "route"),
        counted(loaded.teams.len(), "team")
    ))
}
