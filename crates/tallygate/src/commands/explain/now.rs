//! What a running gateway knows of the targets, pools and budgets of the call that is explained.

use super::super::access::{Access, AccessArgs, MissingStore};
use super::Page;
use anyhow::Result;
use serde::Serialize;
use tg_admin::api::{Budget, BudgetPage, PassedOver, PoolRoom, TargetPage};
use tg_kernel::principal::Attribution;

/// What a gateway says of all.
pub(super) struct Seen {
    targets: TargetPage,
    budgets: BudgetPage,
}

/// What it says of this call.
#[derive(Debug, Serialize)]
pub(super) struct Now {
    /// The pools of its targets, as full as they are.
    pub(super) pools: Vec<PoolRoom>,
    /// What is left of the budgets that it meets.
    pub(super) budgets: Vec<Budget>,
}

impl Seen {
    /// What the gateway says that was named; `None` where none was.
    pub(super) fn of(access: &AccessArgs) -> Result<Option<Self>> {
        if !access.is_remote() {
            return Ok(None);
        }
        let Access::Gateway(gateway) = access.open(MissingStore::Refuse)? else { return Ok(None) };
        Ok(Some(Self { targets: gateway.get(&["targets"], "")?, budgets: gateway.get(&["budgets"], "")? }))
    }

    /// Adds to what is told of a call what of it is about that call.
    pub(super) fn fill(&self, page: &mut Page, booked: &Attribution) {
        for row in &mut page.targets {
            row.passed_over = self.passed_over(&row.provider, &row.model);
        }
        let asked = page.rerouted.as_ref().map_or(&page.model, |sent| &sent.to);
        let of_call = |(by, value): (&String, &String)| match by.as_str() {
            "team" => *booked.team == **value,
            "project" => booked.project.as_deref().unwrap_or_default() == *value,
            "environment" => booked.environment.as_deref().unwrap_or_default() == *value,
            "key" => *booked.key_id == **value,
            "model" => asked == value,
            // By a tag: the call may have any.
            _ => true,
        };
        let met = |budget: &&Budget| page.budgets.contains(&budget.name) && budget.of.iter().all(of_call);
        let now = Now {
            pools: self.targets.pools.iter().filter(|pool| page.pools.contains(&pool.pool)).cloned().collect(),
            budgets: self.budgets.budgets.iter().filter(met).cloned().collect(),
        };
        page.now = Some(now);
    }

    /// Why a target is passed over, and how long yet; `None` where it is not.
    fn passed_over(&self, provider: &str, model: &str) -> Option<String> {
        let is_it = |one: &&PassedOver| one.provider == provider && one.model.as_ref().is_none_or(|own| own == model);
        let longest = self.targets.passed_over.iter().filter(is_it).max_by_key(|one| one.for_ms)?;
        if longest.why == "probe" {
            return Some("passed over now: its provider fails its probe".to_owned());
        }
        Some(format!("passed over now: {}, {:.1} s more", longest.why, longest.for_ms as f64 / 1000.0))
    }
}

impl Now {
    /// In lines.
    pub(super) fn in_words(&self) -> String {
        let pool = |room: &PoolRoom| {
            let PoolRoom { pool, target, limit, under_way, waiting } = room;
            let whose = if target.is_empty() { pool.clone() } else { format!("{pool} of {target}") };
            let most = limit.map_or_else(|| "any number".to_owned(), |limit| limit.to_string());
            format!("\nnow in pool {whose}: {under_way} of {most} under way, {waiting} waiting")
        };
        let budget = |budget: &Budget| {
            let of: Vec<&str> = budget.of.values().map(String::as_str).collect();
            let whose = if of.is_empty() { String::new() } else { format!(" of {}", of.join(", ")) };
            format!("\nnow in budget {}{whose}: {} left of {}", budget.name, budget.left.usd, budget.amount.usd)
        };
        self.pools.iter().map(pool).chain(self.budgets.iter().map(budget)).collect()
    }
}
