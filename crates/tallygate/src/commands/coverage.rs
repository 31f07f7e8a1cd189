//! `tallygate coverage`

use super::ConfigArg;
use super::table::{Format, Listing, or_dash, pretty};
use super::terminal::say;
use crate::guardrails::{self, coverage};
use crate::source::Source;
use anyhow::Result;
use clap::Args;
use coverage::{Row, State};
use serde::Serialize;
use std::process::ExitCode;
use std::sync::Arc;
use tg_config::secrets::Secrets;

/// Which configuration, and how to show what is covered.
#[derive(Debug, Args)]
pub(crate) struct Coverage {
    #[command(flatten)]
    config: ConfigArg,
    /// Show only what does not stand everywhere; not what sets of others look for of their own (words, topics, entities …)
    #[arg(long)]
    gaps: bool,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Page {
    /// Team × route × check × way.
    coverage: Vec<Row>,
    /// What is to be known beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// How many of the required ones are not in force everywhere.
    required_gaps: usize,
}

impl Coverage {
    pub(super) fn run(self) -> ExitCode {
        match self.show() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                super::terminal::complain(&error);
                ExitCode::from(2)
            }
        }
    }

    /// Whether every required check is in force everywhere.
    fn show(self) -> Result<bool> {
        let document = Source::choose(self.config.config).document()?;
        let guards = guardrails::compile(&document, &Secrets::standing_in(&document))?;
        let mut coverage = coverage::table(&document, &guards, &coverage::declared(&document));
        let required_gaps = coverage.iter().filter(|row| row.required && row.state != State::Enforced).count();
        if self.gaps {
            coverage.retain(|row| row.state != State::Enforced && !row.is_of_others);
        }
        let page = Page { coverage, notes: coverage::notes(&document, &guards), required_gaps };
        say(match self.format {
            Format::Json => pretty(&page)?,
            Format::Table => page.notes.iter().fold(table(&page), |shown, note| format!("{shown}\n{note}")),
        })?;
        Ok(required_gaps == 0)
    }
}

fn table(page: &Page) -> String {
    if page.coverage.is_empty() {
        return "no team, no route or no check to show".to_owned();
    }
    let mut listing = Listing::new(&["team", "route", "way", "check", "state", "by", "missing", "not looked at"]);
    for row in &page.coverage {
        let to = |model: &Option<Arc<str>>| model.as_ref().map(|model| format!(" {model}")).unwrap_or_default();
        let by = row.by.iter().map(|by| format!("{}/{} {}{}", by.set, by.rule, by.action, to(&by.model)));
        let by: Vec<String> = by.collect();
        let state = if row.required && row.state != State::Enforced { "REQUIRED, " } else { "" };
        listing.row([
            row.team.to_string(),
            row.route.clone(),
            row.way.to_owned(),
            row.check.to_owned(),
            format!("{state}{}", row.state.as_str()),
            or_dash(&by.join(", ")),
            or_dash(row.gaps.first().map_or("", String::as_str)),
            or_dash(&row.unseen.join(", ")),
        ]);
    }
    listing.finish()
}
