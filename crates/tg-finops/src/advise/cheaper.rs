//! Models that would do the same for less: of the same maker first, and only what has all abilities of the model in use.
//! Where only some kinds of tasks are simple, those go to the cheapest one, and the others are judged by themselves.

use super::quality::Quality;
use super::shop::{Offer, is_able};
use super::tasks::SimplePart;
use super::{Advice, Change, Facts, Kind, Risk, Target, Use, Whose, counted};
use std::cmp::Reverse;
use tg_catalog::{ModelKind, Row};
use tg_kernel::units::Money;

/// A candidate costs at most so many hundredths of the model in use.
const COST_PERCENT_MAX: i128 = 70;
/// How long a candidate must stay.
const STAYS_DAYS: i64 = 180;
/// Answers of a simple task have at most so many tokens.
const SHORT_ANSWER: u64 = 50;
/// So many of a hundred answers must be short: a label always is, a chat only now and then.
const SHORT_PERCENT: u64 = 95;

/// What is rarer than one in so many counts for nothing.
const RARE: u64 = 20;

/// How hard a task looks, by what the ledger knows of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Short answers, without tools and without reasoning.
    Simple,
    /// Short answers by their mean; single calls are not at hand.
    SimpleByMean,
    /// Anything else, without tools.
    Talk,
    /// Tools are called.
    Tools,
    /// Nothing is known but sums, and answers are long.
    Unknown,
}

impl Task {
    pub(super) fn of(used: &Use) -> Self {
        match &used.detail {
            Some(detail) if detail.tool_calls > 0 => Self::Tools,
            Some(detail)
                if detail.output.percentile(SHORT_PERCENT) <= SHORT_ANSWER && used.usage.reasoning_tokens == 0 =>
            {
                Self::Simple
            }
            Some(_) => Self::Talk,
            None if used.mean_output() <= SHORT_ANSWER => Self::SimpleByMean,
            None => Self::Unknown,
        }
    }
}

pub(super) fn advice(facts: &Facts<'_>, whose: &Whose, used: &Use) -> Vec<Advice> {
    let shop = &facts.shop;
    let row = shop.find(&whose.provider, &whose.model).filter(|row| row.kind() == ModelKind::Chat);
    let Some(row) = row.filter(|_| !whose.team.is_empty()) else { return Vec::new() };
    let task = Task::of(used);
    let simple = if task == Task::Simple { None } else { SimplePart::of(used) };
    let simple = simple.filter(|part| part.of_all(cost_of(facts, whose, &row, &part.used)) > Money::ZERO);
    let narrow = simple.as_ref().and_then(|part| for_simple(facts, whose, &row, part));
    let part = simple.as_ref().filter(|_| narrow.is_some());
    narrow.into_iter().chain(for_all(facts, whose, &row, (used, task), part)).collect()
}

fn cost_of(facts: &Facts<'_>, whose: &Whose, row: &Row, used: &Use) -> Money {
    facts.shop.cost(&whose.provider, &whose.model, row, used).unwrap_or_default()
}

/// For all calls; but for the simple part, of which something is advised by itself.
fn for_all(
    facts: &Facts<'_>,
    whose: &Whose,
    row: &Row,
    (used, task): (&Use, Task),
    part: Option<&SimplePart>,
) -> Option<Advice> {
    let shop = &facts.shop;
    let cost = shop.cost(&whose.provider, &whose.model, row, used).filter(|cost| *cost > Money::ZERO)?;
    let (offer, is_kin) = candidate(facts, whose, used, row, cost, task)?;
    let kinds = kinds(used, part);
    let compared = facts.samples.of(whose, &target(&offer), &kinds);
    let is_covered = compared.as_ref().is_some_and(|compared| covers(compared, used, part));
    let (risk, why) = risk_by(task, used, is_kin, compared.as_ref().filter(|_| is_covered));
    let mut saved = cost.minus(offer.cost);
    if let Some(part) = part {
        let there = shop.cost(&offer.provider, &offer.model, &offer.row, &part.used)?;
        saved = saved.minus(part.of_all(cost_of(facts, whose, row, &part.used).minus(there)));
        if saved <= Money::ZERO {
            return None;
        }
    }
    let all = format!(
        "{}; {}; {cost} USD at today's prices, {} USD there",
        counted(used.calls, "call"),
        tokens(used),
        offer.cost
    );
    let (which, evidence) = match part {
        Some(part) => ("the other calls", format!("{all}; the saving is without {}", part.kinds.join(", "))),
        None => ("these calls", all),
    };
    Some(Advice {
        kind: Kind::CheaperModel,
        teams: vec![whose.team.clone()],
        project: whose.project.clone(),
        subject: whose.model.clone(),
        advice: format!("send {which} to {} of {}", offer.model, offer.provider),
        evidence,
        saving: Some(facts.saving(saved, false)),
        risk,
        why,
        quality: compared,
        kinds,
        change: change(whose, &offer, Vec::new()),
        addition: None,
        command: None,
    })
}

/// For the kinds of tasks that are simple, where not all are.
fn for_simple(facts: &Facts<'_>, whose: &Whose, row: &Row, part: &SimplePart) -> Option<Advice> {
    let used = &part.used;
    let cost = cost_of(facts, whose, row, used);
    let (offer, is_kin) = candidate(facts, whose, used, row, cost, Task::Simple)?;
    let compared = facts.samples.of(whose, &target(&offer), &part.kinds);
    let is_covered = compared.as_ref().is_some_and(|compared| compared.tasks.len() == part.kinds.len());
    let (risk, why) = risk_by(Task::Simple, used, is_kin, compared.as_ref().filter(|_| is_covered));
    Some(Advice {
        kind: Kind::CheaperModel,
        teams: vec![whose.team.clone()],
        project: whose.project.clone(),
        subject: whose.model.clone(),
        advice: format!("send {} to {} of {}", part.kinds.join(", "), offer.model, offer.provider),
        evidence: format!(
            "{}; {}; {cost} USD at today's prices, {} USD there; the saving is of all calls, by their share",
            part.evidence(),
            tokens(used),
            offer.cost
        ),
        saving: Some(facts.saving(part.of_all(cost.minus(offer.cost)), false)),
        risk,
        why: format!("{why}; what kind of task a call is, is told from its texts, and that errs at times"),
        quality: compared,
        kinds: part.kinds.clone(),
        change: change(whose, &offer, part.kinds.clone()),
        addition: None,
        command: None,
    })
}

fn change(whose: &Whose, offer: &Offer, tasks: Vec<String>) -> Option<Change> {
    (!whose.asked.is_empty()).then(|| Change {
        asked: whose.asked.clone(),
        only: Some((whose.team.clone(), whose.project.clone())),
        tasks,
        from: Target { provider: whose.provider.clone(), model: whose.model.clone() },
        to: target(offer),
    })
}

fn target(offer: &Offer) -> Target {
    Target { provider: offer.provider.clone(), model: offer.model.clone() }
}

/// The kinds of tasks of which these calls are; what is rarer than one in twenty counts for nothing.
fn kinds(used: &Use, part: Option<&SimplePart>) -> Vec<String> {
    let is_other = |kind: &String| part.is_none_or(|part| !part.kinds.contains(kind));
    let common = used.tasks.iter().filter(|(_, alike)| alike.calls * RARE >= used.looked_at());
    common.map(|(kind, _)| kind.clone()).filter(is_other).collect()
}

/// Whether answers to nearly all that these calls ask for were compared.
fn covers(compared: &Quality, used: &Use, part: Option<&SimplePart>) -> bool {
    let kinds = kinds(used, part);
    !kinds.is_empty() && kinds.iter().all(|kind| compared.tasks.contains(kind))
}

/// The best candidate, and whether it is of the same maker. For a simple task the cheapest; else the dearest that saves
/// enough, as the next smaller model is nearest in what it can do.
fn candidate(
    facts: &Facts<'_>,
    whose: &Whose,
    used: &Use,
    row: &Row,
    cost: Money,
    task: Task,
) -> Option<(Offer, bool)> {
    let saves = |offer: &Offer| i128::from(offer.cost.nanos()) * 100 <= i128::from(cost.nanos()) * COST_PERCENT_MAX;
    let fits = |offer: &Offer| saves(offer) && is_able(row, &offer.row, used);
    let kin = facts.shop.kin(&whose.provider, &whose.model, row, used, STAYS_DAYS).into_iter().filter(fits);
    let newest = |offer: &Offer| (Reverse(offer.name.version.clone()), offer.model.len(), offer.model.clone());
    let best = if matches!(task, Task::Simple | Task::SimpleByMean) {
        kin.min_by_key(|offer| (offer.cost, newest(offer)))
    } else {
        kin.min_by_key(|offer| (Reverse(offer.cost), newest(offer)))
    };
    if let Some(best) = best {
        return Some((best, true));
    }
    // Of other makers only what this house has set up or uses already.
    let used_here = facts.uses.iter().map(|(whose, _)| (&whose.provider, &whose.model));
    let known = facts.targets.iter().map(|(provider, model)| (provider, model)).chain(used_here);
    let offers = known.filter_map(|(provider, model)| facts.shop.offer(provider, model, used, STAYS_DAYS));
    offers.filter(fits).min_by_key(|offer| (offer.cost, newest(offer))).map(|offer| (offer, false))
}

fn tokens(used: &Use) -> String {
    match &used.detail {
        Some(detail) => format!(
            "input mean {}, 95% below {}; output median {}, 95% below {}",
            used.mean_input(),
            detail.input.percentile(95),
            detail.output.percentile(50),
            detail.output.percentile(95)
        ),
        None => format!("input mean {}, output mean {}", used.mean_input(), used.mean_output()),
    }
}

/// The risk, which follows from comparisons where there are enough.
fn risk_by(task: Task, used: &Use, is_kin: bool, compared: Option<&Quality>) -> (Risk, String) {
    let Some((found, why)) = compared.and_then(Quality::risk) else { return risk(task, used, is_kin) };
    let (least, rest) = match task {
        Task::Tools => (Risk::Medium, "; tools are called, of whose use one answer shows only the next step"),
        _ if !is_kin => (Risk::Medium, "; of another maker, which counts tokens otherwise: the saving may differ"),
        _ => (Risk::Low, ""),
    };
    (found.max(least), format!("{why}{rest}"))
}

fn risk(task: Task, used: &Use, is_kin: bool) -> (Risk, String) {
    let (risk, why) = match (task, &used.detail) {
        (Task::Simple, _) => (
            Risk::Low,
            format!(
                "{SHORT_PERCENT} % of the answers have {SHORT_ANSWER} tokens or fewer, and no tool was called: a task such as \
                 classification"
            ),
        ),
        (Task::SimpleByMean, _) => (
            Risk::Medium,
            "answers are short by their mean, but only sums are at hand: whether tools are called is not known"
                .to_owned(),
        ),
        (Task::Tools, Some(detail)) => {
            (Risk::High, format!("{} of {} ended with a call of tools", detail.tool_calls, counted(used.calls, "call")))
        }
        (Task::Talk, _) => (
            Risk::Medium,
            "answers are long enough for the model to matter: compare some before all calls go there".to_owned(),
        ),
        _ => (Risk::High, "only sums are at hand, and answers are long: nothing is known of the task".to_owned()),
    };
    if is_kin {
        return (risk, why);
    }
    (Risk::High, format!("{why}; of another maker, which counts tokens otherwise: both answers and saving may differ"))
}
