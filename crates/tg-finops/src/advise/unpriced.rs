//! Calls whose cost is not known, or charged by a ceiling, because nobody has written a price.

use super::{Advice, Facts, Kind, Risk, Use, Whose, counted};

pub(super) fn advice(facts: &Facts<'_>, whose: &Whose, used: &Use) -> Option<Advice> {
    if used.unpriced_calls == 0 {
        return None;
    }
    let is_known = facts.shop.find(&whose.provider, &whose.model).is_some();
    let seller = facts.shop.sellers.iter().find(|seller| seller.name == whose.provider);
    let vendor = seller.map_or(whose.provider.as_str(), |seller| seller.vendor.as_str());
    let (advice, command) = if is_known {
        ("there is a price now: price what was booked again".to_owned(), Some("tallygate prices rerate".to_owned()))
    } else {
        (format!("write a row for {vendor} / {} in the file of `pricing.overrides`", whose.model), None)
    };
    Some(Advice {
        kind: Kind::UnpricedModel,
        teams: Some(whose.team.clone()).filter(|team| !team.is_empty()).into_iter().collect(),
        project: whose.project.clone(),
        subject: whose.model.clone(),
        advice,
        evidence: format!(
            "{} of {} at {} without a price; {} tokens in, {} out",
            used.unpriced_calls,
            counted(used.calls, "call"),
            whose.provider,
            used.usage.total_input_tokens(),
            used.usage.output_tokens
        ),
        saving: None,
        risk: Risk::Low,
        why: "nothing changes for callers; until then budgets and reports do not know this cost".to_owned(),
        quality: None,
        kinds: Vec::new(),
        change: None,
        addition: None,
        command,
    })
}
