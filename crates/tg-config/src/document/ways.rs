//! Where entries of `models` lead: by other names, and by routes among their targets.

use super::{Document, Model, ModelTarget};
use crate::grammar::Name;

/// How many entries a way may go through, the one that callers name among them, other names not.
pub const DEPTH_MAX: usize = 4;

/// Most targets of an entry, with those of the routes among them.
pub const LEAVES_MAX: usize = 64;

/// Most entries of targets that are looked at for one entry of `models`, so that one that is not checked yet has an end.
pub const STEPS_MAX: usize = 512;

/// A target of an entry, or of a route among its targets.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// Who serves it.
    pub provider: &'a Name,
    /// The model's id there; `None`: the name that the caller wrote.
    pub model: Option<&'a str>,
    /// The condition of the target itself.
    pub when: Option<&'a str>,
}

impl Document {
    /// The names for which an entry stands, those that are nearest first: the one that it is an alias of, or the routes among
    /// its targets, and theirs.
    pub fn names_behind<'a>(&'a self, model: &'a Model) -> impl Iterator<Item = &'a str> {
        let mut names: Vec<&str> = model.leads_to().collect();
        let mut seen = 0;
        while let Some(name) = names.get(seen) {
            let next = self.model(name).map(|entry| entry.leads_to().collect::<Vec<_>>()).unwrap_or_default();
            let new: Vec<&str> = next.into_iter().filter(|next| !names.contains(next)).collect();
            names.extend(new);
            seen += 1;
        }
        names.into_iter()
    }

    /// The entry that an alias comes to, and the name under which it is asked there; an entry that is none, and the name that
    /// callers wrote (`None`). `Err` where aliases lead nowhere, or round in a circle.
    ///
    /// # Errors
    /// The name at which they do.
    pub fn unaliased<'a>(&'a self, model: &'a Model) -> Result<(&'a Model, Option<&'a str>), &'a str> {
        let (mut entry, mut name) = (model, None);
        // As many steps as there are entries are enough for every way that is no circle.
        for _ in 0..=self.models.len() {
            let Some(alias) = entry.alias_of.as_deref() else { return Ok((entry, name)) };
            entry = self.model(alias).ok_or(alias)?;
            name = Some(alias);
        }
        Err(name.unwrap_or_default())
    }

    /// The entry to which a route among targets comes, and the name under which it is asked there.
    #[must_use]
    pub fn route<'a>(&'a self, name: &'a str) -> Option<(&'a Model, &'a str)> {
        let (entry, alias) = self.unaliased(self.model(name)?).ok()?;
        Some((entry, alias.unwrap_or(name)))
    }

    /// All targets of an entry, those of routes in the place of these. `asked`: the name under which it is asked, where that is
    /// not what callers write.
    #[must_use]
    pub fn leaves<'a>(&'a self, model: &'a Model, asked: Option<&'a str>) -> Vec<Leaf<'a>> {
        let mut leaves = Vec::new();
        self.add_leaves((model, asked), DEPTH_MAX, &mut STEPS_MAX.clone(), &mut leaves);
        leaves
    }

    /// The targets for which one stands: itself, or those of a route.
    #[must_use]
    pub fn leaves_of<'a>(&'a self, target: &'a ModelTarget) -> Vec<Leaf<'a>> {
        let mut leaves = Vec::new();
        self.add_leaf((target, None), DEPTH_MAX, &mut STEPS_MAX.clone(), &mut leaves);
        leaves
    }

    fn add_leaves<'a>(
        &'a self,
        (model, asked): (&'a Model, Option<&'a str>),
        depth: usize,
        steps: &mut usize,
        leaves: &mut Vec<Leaf<'a>>,
    ) {
        for target in &model.targets {
            *steps = steps.saturating_sub(1);
            if depth == 0 || *steps == 0 {
                return;
            }
            self.add_leaf((target, asked), depth - 1, steps, leaves);
        }
    }

    /// Those of one target. `depth`: how many entries the way of a route may still go through.
    fn add_leaf<'a>(
        &'a self,
        (target, asked): (&'a ModelTarget, Option<&'a str>),
        depth: usize,
        steps: &mut usize,
        leaves: &mut Vec<Leaf<'a>>,
    ) {
        let ModelTarget { provider, model, route, weight: _, when } = target;
        if let Some((entry, name)) = route.as_deref().and_then(|route| self.route(route)) {
            self.add_leaves((entry, Some(name)), depth, steps, leaves);
        } else if let Some(provider) = provider {
            leaves.push(Leaf { provider, model: model.as_deref().or(asked), when: when.as_deref() });
        }
    }
}

impl Model {
    /// The names to which it leads by itself.
    fn leads_to(&self) -> impl Iterator<Item = &str> {
        self.alias_of.as_deref().into_iter().chain(self.routes())
    }

    /// The routes among its targets.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().filter_map(|target| target.route.as_deref())
    }
}
