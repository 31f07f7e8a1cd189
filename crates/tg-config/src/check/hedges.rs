//! Second tries beside slow first ones: whether there is anywhere to go, and whether room can be held for both.

use super::Findings;
use crate::document::Document;
use crate::grammar::{Patience, Period};
use crate::problem::{Path, Problem};

pub(super) fn check(document: &Document, found: &mut Findings) {
    let list = Path::root().member("models");
    for (number, model) in document.models.iter().enumerate() {
        let Some(hedge) = &model.hedge else { continue };
        let path = list.element(number).member("hedge");
        // A cheaper model of a rule by tasks is one more target, but only of some calls.
        if model.alias_of.is_none() && document.leaves(model, None).len() < 2 && model.task_routing.is_none() {
            found.add(path.clone(), "counts for nothing with one target", "add another to `targets`, or remove it");
        }
        if document.counters.is_some() {
            let message = "stands beside `counters`: what gateways share holds no room for two tries of a call yet";
            let problem = Problem::new(path.clone(), message, "remove `hedge`, or let each gateway count by itself");
            found.add_resting_on(vec![Path::root().member("counters")], problem);
        }
        let deadline = document.resilience.deadline;
        if let (Patience::Fixed(after), Some(deadline)) = (hedge.after, deadline)
            && after >= deadline
        {
            too_late(&path, (after, deadline), found);
        }
    }
}

fn too_late(path: &Path, (after, deadline): (Period, Period), found: &mut Findings) {
    let message = format!("{after} is not before the `deadline` of all tries ({deadline})");
    let problem = Problem::new(path.member("after"), message, "write a shorter time");
    found.add_resting_on(vec![Path::root().member("resilience").member("deadline")], problem);
}
