//! `tallygate guard mark`: that a rule was wrong about a call that was recorded.

use super::recordings::{Marked, each_call, files, mark};
use super::replay::folder_of;
use crate::commands::ConfigArg;
use crate::commands::terminal::say;
use crate::source::Source;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::path::PathBuf;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_kernel::ids::CallId;
use tg_policy::guard::Replayed;

/// Longest note, in bytes.
const NOTE_BYTES_MAX: usize = 1024;

/// Which call, which rule, and what is to be said of it.
#[derive(Debug, Args)]
pub(crate) struct Mark {
    /// The call, as `x-tallygate-request-id` and the ledger name it
    #[arg(value_name = "CALL-ID")]
    call: String,
    /// The rule that was wrong, as `x-tallygate-guardrail` names it
    #[arg(long, value_name = "SET/RULE")]
    rule: String,
    /// It found what is not there
    #[arg(long, required_unless_present = "right", conflicts_with = "right")]
    false_positive: bool,
    /// Take a mark back: the rule was right
    #[arg(long)]
    right: bool,
    /// Why, for who reads the marks; no values of the call
    #[arg(long)]
    note: Option<String>,
    /// Where the recording is, in place of the configuration's `recording.folder`
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArg,
}

impl Mark {
    pub(super) fn run(self) -> Result<()> {
        let Self { call, rule, false_positive, right: _, note, folder, config } = self;
        let id = CallId::parse(&call).with_context(|| format!("`{call}` is no id of a call"))?;
        if note.as_ref().is_some_and(|note| note.len() > NOTE_BYTES_MAX) {
            bail!("--note has more than {NOTE_BYTES_MAX} bytes");
        }
        let folder = match folder {
            Some(folder) => folder,
            None => folder_of(&Source::choose(config.config).document()?)
                .context("the configuration has no `recording`; name its folder with `--folder`")?,
        };
        let mut acted = None;
        for file in files(&folder)? {
            each_call(&file, |recorded| {
                if recorded.id == id {
                    acted = Some(Replayed::at_first(&recorded.guarded).rules);
                }
                Ok(())
            })?;
        }
        let Some(acted) = acted else {
            bail!("the call {id} is not in the recording in {}", folder.display());
        };
        if !acted.contains(&rule) {
            let by = if acted.is_empty() { "none".to_owned() } else { acted.join(", ") };
            bail!("the rule `{rule}` did not decide about this call; those that did: {by}");
        }
        let at = SystemClock::new().now();
        mark(&folder, &Marked { id: id.to_string(), rule, false_positive, note, at })?;
        say(if false_positive { "marked as a false positive" } else { "the mark is taken back" }.to_owned())
    }
}
