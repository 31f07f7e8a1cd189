//! `tallygate serve`

use super::ConfigArg;
use super::terminal::say;
use crate::process;
use crate::source::Source;
use anyhow::Result;
use clap::Args;

/// Runs until SIGTERM or Ctrl-C, then lets calls finish. SIGHUP or a change of the file reloads it.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    config: ConfigArg,
}

impl Serve {
    pub(super) fn run(self) -> Result<()> {
        let source = Source::choose(self.config.config);
        process::run(&source, say)
    }
}
