//! How long the checks of each set took on one call.

use std::sync::Arc;
use std::time::Duration;

/// By set. What several sets look for alike is looked for once, and counts for each of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Spent(Vec<(Arc<str>, Duration)>);

impl Spent {
    /// A check that stands in these sets took so long.
    pub(super) fn add(&mut self, sets: &[Arc<str>], time: Duration) {
        for set in sets {
            match self.0.iter_mut().find(|(known, _)| known == set) {
                Some((_, spent)) => *spent += time,
                None => self.0.push((set.clone(), time)),
            }
        }
    }

    /// How long those of a set took.
    pub(super) fn of(&self, set: &str) -> Duration {
        self.0.iter().find(|(known, _)| **known == *set).map_or(Duration::ZERO, |(_, spent)| *spent)
    }
}
