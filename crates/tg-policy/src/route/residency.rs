//! Where calls must stay, and where providers are.

use crate::admit::Scope;
use std::collections::HashMap;
use std::sync::Arc;
use tg_kernel::principal::Attribution;

/// Where some calls must stay.
#[derive(Clone, Debug)]
pub struct Bound {
    /// For which calls.
    pub scope: Scope,
    /// The places, of which any will do.
    pub places: Vec<Arc<str>>,
}

/// Whose calls must stay where, and where providers are.
#[derive(Clone, Debug, Default)]
pub struct Residency {
    bounds: Vec<Bound>,
    /// The places of providers by their names; of others nothing is known.
    homes: HashMap<Arc<str>, Arc<str>>,
}

impl Residency {
    /// Takes the rules, and the places of providers by their names.
    #[must_use]
    pub const fn new(bounds: Vec<Bound>, homes: HashMap<Arc<str>, Arc<str>>) -> Self {
        Self { bounds, homes }
    }

    /// Whether no call must stay anywhere.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    /// Where a provider is, if anybody has said.
    #[must_use]
    pub fn home(&self, provider: &str) -> Option<&Arc<str>> {
        self.homes.get(provider)
    }

    /// Where a call must stay that may not go to `place`; `None` where it may. `names` are those of the models that it asks
    /// for: every rule that is for one of them must hold.
    #[must_use]
    pub fn away(&self, booked: &Attribution, names: [&str; 2], place: Option<&str>) -> Option<&[Arc<str>]> {
        let is_there = |places: &[Arc<str>]| places.iter().any(|one| Some(&**one) == place);
        self.bounds(booked, names).find(|places| !is_there(places))
    }

    /// Where such a call must stay, by each rule that is for it.
    pub fn bounds(&self, booked: &Attribution, names: [&str; 2]) -> impl Iterator<Item = &[Arc<str>]> {
        let is_for = move |bound: &&Bound| names.iter().any(|name| bound.scope.holds(booked, name, None));
        self.bounds.iter().filter(is_for).map(|bound| bound.places.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_for_a_call_must_hold_and_who_says_nothing_is_nowhere() {
        let bound = |team: &str, places: &[&str]| Bound {
            scope: Scope { team: Some(team.to_owned()), ..Scope::default() },
            places: places.iter().map(|place| Arc::from(*place)).collect(),
        };
        let rules = Residency::new(vec![bound("eu-*", &["eu", "ch"]), bound("*-bank", &["ch"])], HashMap::new());
        let may = |team: &str, place: Option<&str>| {
            let booked = Attribution { team: team.into(), ..Attribution::default() };
            rules.away(&booked, ["m", "m"], place).is_none()
        };
        for (team, place, expected) in [
            ("us-shop", None, true),
            ("eu-shop", Some("eu"), true),
            ("eu-shop", Some("us"), false),
            ("eu-shop", None, false),
            ("eu-bank", Some("eu"), false),
            ("eu-bank", Some("ch"), true),
        ] {
            assert_eq!(may(team, place), expected, "{team} {place:?}");
        }
        for (team, expected) in [("eu-shop", &["eu ch"][..]), ("us-shop", &[]), ("eu-bank", &["eu ch", "ch"])] {
            let booked = Attribution { team: team.into(), ..Attribution::default() };
            let bounds: Vec<String> = rules.bounds(&booked, ["m", "m"]).map(|places| places.join(" ")).collect();
            assert_eq!(bounds, expected, "{team}");
        }
    }
}
