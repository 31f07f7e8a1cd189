//! Who comes first where a pool is full: classes of calls, and the weights of those who share one.

use crate::admit::Scope;
use tg_kernel::principal::Attribution;

/// How much it matters that a call goes soon. In order: the first comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Somebody sits before it.
    Interactive,
    /// As most.
    #[default]
    Normal,
    /// It can wait.
    Batch,
}

impl Class {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Normal, Self::Batch];

    /// The name in configuration, headers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Normal => "normal",
            Self::Batch => "batch",
        }
    }

    /// Reads what [`Class::as_str`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// Its part of a pool, beside those of the others that wait, too: 16 to 4 to 1. So the least urgent has a 21st of a pool
    /// whatever the others want, and is never starved.
    #[must_use]
    pub const fn weight(self) -> u32 {
        match self {
            Self::Interactive => 16,
            Self::Normal => 4,
            Self::Batch => 1,
        }
    }

    /// The less urgent of the two: what a caller wishes may lower what it has, and never raise it.
    #[must_use]
    pub fn lowered(self, wish: Option<Self>) -> Self {
        self.max(wish.unwrap_or(self))
    }

    pub(super) const fn place(self) -> usize {
        match self {
            Self::Interactive => 0,
            Self::Normal => 1,
            Self::Batch => 2,
        }
    }
}

/// How a call stands beside others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its class.
    pub class: Class,
    /// The weight of its team among those of the class; at least one.
    pub weight: u32,
}

impl Default for Standing {
    fn default() -> Self {
        Self { class: Class::Normal, weight: 1 }
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Precedence {
    /// For which calls it is.
    pub scope: Scope,
    /// How these stand.
    pub standing: Standing,
}

/// All rules, in their order: the first that is for a call decides.
#[derive(Clone, Debug, Default)]
pub struct Priorities(Vec<Precedence>);

impl Priorities {
    /// Takes rules in their order.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Precedence>) -> Self {
        Self(rules.into_iter().collect())
    }

    /// How a call stands that is booked so, and asks for this model.
    #[must_use]
    pub fn of(&self, booked: &Attribution, asked: &str) -> Standing {
        self.0.iter().find(|rule| rule.scope.holds(booked, asked, None)).map(|rule| rule.standing).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_decides_and_a_wish_never_raises() {
        let rule = |team: &str, environment: Option<&str>, class, weight| Precedence {
            scope: Scope {
                team: Some(team.to_owned()),
                environment: environment.map(str::to_owned),
                ..Scope::default()
            },
            standing: Standing { class, weight },
        };
        let rules = Priorities::new([
            rule("red", Some("prod"), Class::Interactive, 4),
            rule("red", None, Class::Batch, 1),
            rule("*", None, Class::Normal, 2),
        ]);
        let booked = |team: &str, environment: &str| Attribution {
            team: team.into(),
            environment: Some(environment.into()),
            ..Attribution::default()
        };
        for (team, environment, class, weight) in [
            ("red", "prod", Class::Interactive, 4),
            ("red", "dev", Class::Batch, 1),
            ("blue", "prod", Class::Normal, 2),
        ] {
            assert_eq!(rules.of(&booked(team, environment), "m"), Standing { class, weight });
        }
        assert_eq!(Priorities::default().of(&booked("red", "prod"), "m"), Standing::default());
        for (has, wishes, gets) in [
            (Class::Interactive, Some(Class::Batch), Class::Batch),
            (Class::Batch, Some(Class::Interactive), Class::Batch),
            (Class::Normal, None, Class::Normal),
        ] {
            assert_eq!(has.lowered(wishes), gets);
        }
        for class in Class::ALL {
            assert_eq!(Class::parse(class.as_str()), Some(class));
        }
    }
}
