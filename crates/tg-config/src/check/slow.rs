//! Targets that are tried last for being slow: whether there are others, and whether anybody is put last at all.

use super::Findings;
use crate::document::Document;
use crate::problem::{Path, Problem};

pub(super) fn check(document: &Document, found: &mut Findings) {
    let list = Path::root().member("models");
    for (number, model) in document.models.iter().enumerate() {
        let Some(slow) = &model.slow else { continue };
        let path = list.element(number).member("slow");
        if model.alias_of.is_none() && document.leaves(model, None).len() < 2 {
            found.add(path.clone(), "counts for nothing with one target", "add another to `targets`, or remove it");
        }
        if !document.resilience.breaker.enabled {
            let message = "counts for nothing where nobody is passed over (`enabled: false`)";
            let problem = Problem::new(path.clone(), message, "remove one of them");
            let enabled = Path::root().member("resilience").member("breaker").member("enabled");
            found.add_resting_on(vec![enabled], problem);
        }
        for (name, value, (least, most)) in [("times", slow.times, (2, 100)), ("calls_min", slow.calls_min, (5, 50))] {
            if !(least..=most).contains(&value) {
                found.add(path.member(name), format!("{value} is out of range"), format!("write {least} to {most}"));
            }
        }
    }
}
