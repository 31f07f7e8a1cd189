//! Models and their targets.

use super::Findings;
use crate::document::Document;
use crate::nearest::propose;
use crate::problem::{Path, Problem};

pub(super) fn check(document: &Document, found: &mut Findings) {
    let list = Path::root().member("models");
    let providers = Path::root().member("providers");
    let names = document.models.iter().enumerate();
    found.add_repeated(names.map(|(number, m)| (list.element(number).member("name"), m.name.as_str())));
    for (number, model) in document.models.iter().enumerate() {
        let path = list.element(number);
        for (index, target) in model.targets.iter().enumerate() {
            let path = path.member("targets").element(index);
            if document.provider(target.provider.as_str()).is_none() {
                let hint = propose(target.provider.as_str(), document.providers.iter().map(|p| p.name.as_str()));
                let message = format!("there is no provider `{}`", target.provider);
                let problem = Problem::new(path.member("provider"), message, hint);
                found.add_resting_on(vec![providers.clone()], problem);
            }
            if model.targets.iter().take(index).any(|earlier| earlier == target) {
                found.add(path, "is the same as an earlier target", "remove it");
            }
        }
        shadowed(document, number, &path, found);
    }
}

/// The first pattern that matches wins, so a later, narrower one would never be used.
fn shadowed(document: &Document, number: usize, path: &Path, found: &mut Findings) {
    let Some(model) = document.models.get(number).filter(|m| !m.name.is_exact()) else { return };
    let earlier = document.models.iter().take(number);
    if let Some(wider) = earlier.map(|m| &m.name).find(|earlier| **earlier != model.name && earlier.covers(&model.name))
    {
        let message = format!("`{}` is never used: `{wider}` stands before it and matches all of it", model.name);
        found.add(path.member("name"), message, format!("move it before `{wider}`"));
    }
}
