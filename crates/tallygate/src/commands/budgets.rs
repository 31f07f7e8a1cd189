//! `tallygate budgets`

use super::access::AccessArgs;
use super::table::{Listing, or_dash, pretty};
use super::terminal::say;
use anyhow::Result;
use clap::Args;
use tg_admin::api::BudgetPage;

/// Shows what is spent, held and left of each budget, and when it runs out if days go on as they did lately. What calls
/// hold is known to a running gateway alone: name it by --admin to see it
#[derive(Debug, Args)]
pub(crate) struct Budgets {
    /// Print JSON, as the admin interface answers it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: AccessArgs,
}

impl Budgets {
    pub(super) fn run(self) -> Result<()> {
        let page = self.access.budgets()?;
        say(if self.json { pretty(&page)? } else { table(&page) })
    }
}

fn table(page: &BudgetPage) -> String {
    if page.budgets.is_empty() {
        return "nothing is spent of any budget, or there is none".to_owned();
    }
    let mut listing =
        Listing::new(&["budget", "of", "window", "resets at", "forecast", "amount", "spent", "held", "left", "a day"]);
    for budget in &page.budgets {
        let of: Vec<&str> = budget.of.values().map(String::as_str).collect();
        listing.row([
            budget.name.clone(),
            or_dash(&of.join(", ")),
            budget.window.clone(),
            budget.resets_at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
            budget.forecast.as_ref().map_or_else(|| "not enough data".to_owned(), |forecast| forecast.words.clone()),
            budget.amount.usd.clone(),
            budget.spent.usd.clone(),
            budget.held.usd.clone(),
            budget.left.usd.clone(),
            budget.forecast.as_ref().map_or_else(|| "-".to_owned(), |forecast| forecast.per_day.usd.clone()),
        ]);
    }
    listing.right_from(5);
    listing.finish()
}
