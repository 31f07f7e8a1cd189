//! `tallygate check`

use super::ConfigArg;
use super::terminal::say;
use crate::gateway::load_tls;
use crate::source::Source;
use anyhow::Result;
use clap::Args;

/// Reads and compiles the configuration, its secrets, prices and certificates. Opens no store and no address.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    config: ConfigArg,
}

impl Check {
    pub(super) fn run(self) -> Result<()> {
        let source = Source::choose(self.config.config);
        let loaded = source.load()?;
        load_tls(loaded.document.listen.tls.as_ref())?;
        load_tls(loaded.document.admin.tls.as_ref())?;
        let origin = source.file().map_or("the environment".to_owned(), |path| path.display().to_string());
        let (providers, models, teams) =
            (loaded.document.providers.len(), loaded.document.models.len(), loaded.teams.len());
        say(format_args!("{origin}: fine ({providers} providers, {models} model names or patterns, {teams} teams)"))
    }
}
