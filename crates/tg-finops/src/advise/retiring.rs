//! Models in use that their provider means to switch off before long, and what to use then.

use super::shop::{Offer, shortcomings};
use super::{Advice, Change, Facts, Kind, Risk, Target, Use, counted};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tg_catalog::Row;
use tg_kernel::units::Money;

/// What is switched off within so many days is told.
const WITHIN_DAYS: i64 = 90;
/// How long a replacement must stay.
const STAYS_DAYS: i64 = 180;

/// Who uses a model under a name.
struct Group {
    row: Arc<Row>,
    teams: BTreeSet<String>,
    calls: u64,
    /// What the calls cost at the price of now, and there; `None` where one of them has no price.
    cost: Option<Money>,
    used: Use,
}

pub(super) fn advice(facts: &Facts<'_>) -> Vec<Advice> {
    let shop = &facts.shop;
    let mut groups: BTreeMap<(&str, &str, &str), Group> = BTreeMap::new();
    for (whose, used) in facts.uses.iter() {
        let Some(row) = shop.find(&whose.provider, &whose.model) else { continue };
        if !shop.retires_within(&row, WITHIN_DAYS) {
            continue;
        }
        let place = (whose.asked.as_str(), whose.provider.as_str(), whose.model.as_str());
        let group = groups.entry(place).or_insert_with(|| Group {
            row: Arc::clone(&row),
            teams: BTreeSet::new(),
            calls: 0,
            cost: Some(Money::ZERO),
            used: Use::default(),
        });
        group.teams.extend(Some(whose.team.clone()).filter(|team| !team.is_empty()));
        group.calls += used.calls;
        let cost = shop.cost(&whose.provider, &whose.model, &row, used);
        group.cost = group.cost.zip(cost).map(|(sum, cost)| sum.plus(cost));
        group.used.parts.extend(&used.parts);
    }
    groups.into_iter().map(|((asked, provider, model), group)| of(facts, asked, provider, model, group)).collect()
}

fn of(facts: &Facts<'_>, asked: &str, provider: &str, model: &str, group: Group) -> Advice {
    let Group { row, teams, calls, cost, used } = group;
    let retires = row.retires().map_or_else(String::new, |at| at.to_string().chars().take(10).collect());
    let is_over = row.retires().is_some_and(|at| at <= facts.shop.now);
    let offer = replacement(facts, provider, model, &row, &used);
    let (risk, why, advice) = match &offer {
        Some(offer) => {
            let short = shortcomings(&row, &offer.row);
            let advice = format!("send these calls to {} of {}", offer.model, offer.provider);
            if short.is_empty() {
                (
                    Risk::Medium,
                    "a newer model of the same line answers otherwise: compare some answers".to_owned(),
                    advice,
                )
            } else {
                (Risk::High, format!("the newer model {}", short.join(", ")), advice)
            }
        }
        None => (
            Risk::High,
            "calls fail once it is switched off".to_owned(),
            "choose another model: the catalogue knows no newer one of its line here".to_owned(),
        ),
    };
    let saving = offer.as_ref().zip(cost).map(|(offer, cost)| facts.saving(cost.minus(offer.cost), false));
    Advice {
        kind: Kind::RetiringModel,
        teams: teams.into_iter().collect(),
        project: None,
        subject: model.to_owned(),
        advice,
        evidence: format!(
            "{} at {provider}; {} on {retires}",
            counted(calls, "call"),
            if is_over { "was to be switched off" } else { "is switched off" }
        ),
        saving,
        risk,
        why,
        quality: None,
        kinds: Vec::new(),
        change: offer.filter(|_| !asked.is_empty()).map(|offer| Change {
            asked: asked.to_owned(),
            only: None,
            tasks: Vec::new(),
            from: Target { provider: provider.to_owned(), model: model.to_owned() },
            to: Target { provider: offer.provider, model: offer.model },
        }),
        addition: None,
        command: None,
    }
}

/// The next model of the same line: one that can do as much and refuses no more, if there is such; of those the newest.
fn replacement(facts: &Facts<'_>, provider: &str, model: &str, row: &Row, used: &Use) -> Option<Offer> {
    let own = super::name::Name::read(model)?;
    let kin = facts.shop.kin(provider, model, row, used, STAYS_DAYS).into_iter();
    let newer = kin.filter(|offer| offer.name.line == own.line && offer.name.version > own.version);
    newer.min_by_key(|offer| {
        (
            shortcomings(row, &offer.row).len(),
            Reverse(offer.name.version.clone()),
            offer.model.len(),
            offer.model.clone(),
        )
    })
}
