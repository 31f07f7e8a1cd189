//! `tallygate routing`

use super::access::AccessArgs;
use super::table::{Listing, pretty};
use super::terminal::say;
use anyhow::Result;
use clap::{Args, Subcommand};
use tg_admin::api::{RoutingPage, RoutingRule, TaskQuality};

/// Show the rules by tasks, how good the answers of their cheaper models are as far as comparisons tell, and which rules have
/// switched themselves off
#[derive(Debug, Args)]
pub(crate) struct Routing {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print JSON, as the admin interface answers it
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Switch a rule on that has switched itself off. What comparisons said until now does not count any more
    On {
        /// The rule, or the model that has it
        rule: String,
    },
}

impl Routing {
    pub(super) fn run(self) -> Result<()> {
        let Some(Action::On { rule }) = &self.action else {
            let page = self.access.routing()?;
            return say(if self.json { pretty(&page)? } else { table(&page) });
        };
        let on = self.access.switch_on(rule)?;
        say(if self.json { pretty(&on)? } else { format!("{} is on again", on.rule) })
    }
}

fn table(page: &RoutingPage) -> String {
    if page.rules.is_empty() {
        return "no model has `task_routing`".to_owned();
    }
    let mut listing = Listing::new(&["rule", "mode", "steps", "floor", "task", "samples", "kept", "between"]);
    for rule in &page.rules {
        if rule.quality.is_empty() {
            listing.row(row(rule, None));
        }
        for quality in &rule.quality {
            listing.row(row(rule, Some(quality)));
        }
    }
    listing.finish()
}

fn row(rule: &RoutingRule, quality: Option<&TaskQuality>) -> [String; 8] {
    let percent = |part: f64| format!("{:.1}%", part * 100.0);
    let dash = || "-".to_owned();
    let mode = match &rule.off_because {
        Some(because) => format!("{} (switched off since {})", rule.mode, because.at),
        None => rule.mode.clone(),
    };
    let kept = |of: &TaskQuality| percent(f64::from(of.kept) / f64::from(of.samples.max(1)));
    [
        rule.rule.clone(),
        mode,
        rule.steps.join(", "),
        rule.floor.map_or_else(dash, percent),
        quality.map_or_else(dash, |of| of.task.clone()),
        quality.map_or_else(dash, |of| of.samples.to_string()),
        quality.map_or_else(dash, kept),
        quality.map_or_else(dash, |of| format!("{} and {}", percent(of.low), percent(of.high))),
    ]
}
