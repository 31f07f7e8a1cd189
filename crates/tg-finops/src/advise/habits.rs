//! Who uses which model for what.

use super::Facts;
use serde::Serialize;
use std::cmp::Reverse;
use tg_kernel::units::Money;

/// What a team, or a project of it, asks of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Habit {
    /// The team.
    pub team: String,
    /// The project, if there is one.
    pub project: Option<String>,
    /// The model's name as callers write it; empty where that is not known.
    pub asked: String,
    /// The provider that served it.
    pub provider: String,
    /// The model's id there.
    pub model: String,
    /// How many calls.
    pub calls: u64,
    /// What they cost at today's prices; `None` where one of them is not known.
    #[serde(rename = "cost_nanos")]
    pub cost: Option<Money>,
    /// Of how many calls the kind of task was found.
    pub looked_at: u64,
    /// Calls into which the gateway put points for a prompt cache.
    pub cached_calls: u64,
    /// What these points saved, less what writing the cache cost more.
    #[serde(rename = "cache_saved_nanos")]
    pub cache_saved: Money,
    /// For what, of those: what is asked most first.
    pub tasks: Vec<TaskShare>,
}

/// A kind of task within a habit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskShare {
    /// The kind.
    pub task: String,
    /// How many of the calls that were looked at.
    pub calls: u64,
    /// Of a hundred, rounded.
    pub percent: u64,
    /// How likely it is that only a strong model gets such a call right, on average, in percent.
    pub difficulty_percent: u64,
}

/// Who uses which model for what, the dearest first.
#[must_use]
pub fn habits(facts: &Facts<'_>) -> Vec<Habit> {
    let mut all: Vec<Habit> = facts
        .uses
        .iter()
        .map(|(whose, used)| {
            let row = facts.shop.find(&whose.provider, &whose.model);
            let cost = row.and_then(|row| facts.shop.cost(&whose.provider, &whose.model, &row, used));
            let looked_at = used.looked_at();
            let mut tasks: Vec<TaskShare> = used
                .tasks
                .iter()
                .map(|(task, alike)| TaskShare {
                    task: task.clone(),
                    calls: alike.calls,
                    percent: (alike.calls * 200 + looked_at) / (looked_at * 2).max(1),
                    difficulty_percent: alike.mean_difficulty(),
                })
                .collect();
            tasks.sort_by(|a, b| (Reverse(a.calls), &a.task).cmp(&(Reverse(b.calls), &b.task)));
            Habit {
                team: whose.team.clone(),
                project: whose.project.clone(),
                asked: whose.asked.clone(),
                provider: whose.provider.clone(),
                model: whose.model.clone(),
                calls: used.calls,
                cost,
                looked_at,
                cached_calls: used.cached_calls,
                cache_saved: used.cache_saved,
                tasks,
            }
        })
        .collect();
    all.sort_by_key(|habit| Reverse(habit.cost));
    all
}
