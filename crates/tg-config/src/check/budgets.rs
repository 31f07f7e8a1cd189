//! Budgets: whether their windows can be, whether what they name is there, and whether they fit into each other.

use super::limits::{Named, check_named, output_min};
use super::served::Served;
use super::{Findings, egress};
use crate::document::{Budget, BudgetWindow, CallScope, Document, LimitOutput, OnExhausted, Reserve};
use crate::grammar::{Dimension, Pattern};
use crate::problem::{Path, Problem};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn check(document: &Document, served: &Served, found: &mut Findings) {
    let list = Path::root().member("budgets");
    let names = document.budgets.iter().enumerate();
    found.add_repeated(names.map(|(number, budget)| (list.element(number).member("name"), budget.name.as_str())));
    for (number, budget) in document.budgets.iter().enumerate() {
        let path = list.element(number);
        window(budget, &path, found);
        each(budget, &path, found);
        warnings(budget, &path, found);
        output(budget, &path, found);
        check_named((document, served), &Named::of(&budget.scope, &budget.each), &path, found);
        downgrade((document, served), budget, &path, found);
        within_parents(document, budget, &path, found);
    }
    let webhooks = Path::root().member("notify").member("webhooks");
    for (number, webhook) in document.notify.webhooks.iter().enumerate() {
        egress::check_url(webhook.egress, &webhook.url, &webhooks.element(number).member("url"), found);
    }
}

fn window(budget: &Budget, path: &Path, found: &mut Findings) {
    match budget.window {
        BudgetWindow::Prepaid if budget.starts.is_none() => {
            let hint = "add `starts: 2026-11-01`: the day from which on calls are paid with it";
            found.add(path.member("starts"), "is missing, and the budget is prepaid", hint);
        }
        BudgetWindow::Rolling(period) if !whole_hours(period.get()) => {
            let message = format!("`{period}` is not a number of whole hours");
            found.add(path.member("window").member("rolling"), message, "write as in `24h` or `30d`");
        }
        _ => {}
    }
}

fn whole_hours(period: Duration) -> bool {
    period >= HOUR && period.as_millis().is_multiple_of(HOUR.as_millis())
}

fn each(budget: &Budget, path: &Path, found: &mut Findings) {
    let path = path.member("each");
    for (index, dimension) in budget.each.iter().enumerate() {
        if budget.each.iter().take(index).any(|earlier| earlier == dimension) {
            found.add(path.element(index), "stands there twice", "remove one of the two");
        }
        if *dimension == Dimension::Provider {
            let hint = "remove it; budgets are of callers, and one call may go to several providers";
            found.add(path.element(index), "`provider` is nothing that a budget counts by", hint);
        }
    }
}

fn warnings(budget: &Budget, path: &Path, found: &mut Findings) {
    let path = path.member("warn_at");
    for (index, share) in budget.warn_at.iter().enumerate() {
        if budget.warn_at.iter().take(index).any(|earlier| earlier == share) {
            found.add(path.element(index), "stands there twice", "remove one of the two");
        }
    }
}

fn output(budget: &Budget, path: &Path, found: &mut Findings) {
    if budget.output != LimitOutput::Refuse && budget.on_exhausted == OnExhausted::AllowAndAlert {
        let hint = "remove one of the two";
        found.add(path.member("output"), "has no meaning where calls go on without money", hint);
    }
    if budget.reserve == Reserve::Usual && budget.output != LimitOutput::Cut {
        let hint = "write `most` or remove it, or add `output: cut`";
        found.add(path.member("reserve"), "`usual` is too little where nothing is cut", hint);
    }
    output_min(budget.output, budget.output_min, path, found);
}

/// A model that is to stand in for dearer ones must be there, and the team must be allowed to use it.
fn downgrade((document, served): (&Document, &Served), budget: &Budget, path: &Path, found: &mut Findings) {
    let OnExhausted::Downgrade(model) = &budget.on_exhausted else { return };
    let path = path.member("on_exhausted").member("downgrade");
    if !model.is_exact() {
        found.add(path, format!("`{model}` is a pattern"), "write the name of one model");
        return;
    }
    if budget.scope.model.as_ref().is_some_and(|scope| scope == model) {
        let hint = "name a cheaper model";
        found.add(path, format!("`{model}` is the model that the budget is for"), hint);
        return;
    }
    if !served.check(model, path.clone(), "add the model, or mend the name", found) {
        return;
    }
    let teams = document.teams.iter().filter(|team| covers(budget.scope.team.as_ref(), team.name.as_str()));
    for team in teams {
        let allowed = team.models.as_ref().is_none_or(|models| models.iter().any(|own| own.matches(model.as_str())));
        if !allowed {
            let message = format!("the team `{}` may not use `{model}`", team.name);
            let problem = Problem::new(path.clone(), message, "add it to the team's `models`, or name another");
            found.add_resting_on(vec![Path::root().member("teams")], problem);
        }
    }
}

fn covers(pattern: Option<&Pattern>, name: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.matches(name))
}

/// A budget within another one that is larger than that is never reached, though its writer believes that it is.
fn within_parents(document: &Document, budget: &Budget, path: &Path, found: &mut Findings) {
    let parents = document.budgets.iter().filter(|parent| {
        parent.window == budget.window
            && parent.scope != budget.scope
            && parent.on_exhausted != OnExhausted::AllowAndAlert
            && parent.each.iter().all(|each| budget.each.contains(each))
            && is_within(&budget.scope, &parent.scope)
    });
    for parent in parents.filter(|parent| parent.amount < budget.amount) {
        let message = format!("{} is more than `{}` allows, within which it is", budget.amount, parent.name);
        let hint = format!("write at most `{}`", parent.amount);
        found.add(path.member("amount"), message, hint);
    }
}

fn is_within(child: &CallScope, parent: &CallScope) -> bool {
    let pairs = [
        (&child.team, &parent.team),
        (&child.project, &parent.project),
        (&child.environment, &parent.environment),
        (&child.key, &parent.key),
        (&child.model, &parent.model),
        (&child.tag, &parent.tag),
    ];
    pairs.into_iter().all(|(child, parent)| {
        parent.as_ref().is_none_or(|parent| child.as_ref().is_some_and(|child| parent.covers(child)))
    })
}
