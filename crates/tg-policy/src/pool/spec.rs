//! Pools as configured: which targets share one, what it lets through, and how long is waited for it.

use crate::admit::{Measure, Rate, Reserve};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tg_kernel::pattern;
use tg_kernel::target::Target;

/// Some targets: patterns with `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// The provider's name.
    pub provider: String,
    /// The model's id there; `None`: each.
    pub model: Option<String>,
}

/// How many calls may be under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// As many as come.
    #[default]
    Unbounded,
    /// So many; at least one.
    Fixed(u32),
    /// As many as are found to be borne well, within these bounds.
    Found {
        /// Fewest; at least one.
        min: u32,
        /// Most.
        max: u32,
    },
}

/// What waits for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBounds {
    /// Longest that one call waits.
    pub wait_max: Duration,
    /// Most calls that wait.
    pub length_max: usize,
    /// Most bytes of their bodies together.
    pub bytes_max: u64,
}

/// The generation of the pools that were made last in this process.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// One pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its name; unique. What is under way under a name stays so over a reload.
    pub name: Arc<str>,
    /// Whose it is.
    pub covers: Vec<Cover>,
    /// Whether each of these targets has one of its own.
    pub each_target: bool,
    /// What may begin in which time; each measure once.
    pub rates: Vec<(Measure, Rate)>,
    /// As how many tokens one of output counts.
    pub output_factor: u64,
    /// How much output is taken before anybody has counted it.
    pub reserve: Reserve,
    /// What may be under way.
    pub concurrency: Concurrency,
    /// Who waits; `None`: nobody.
    pub queue: Option<QueueBounds>,
    /// Of which configuration it is: a later one has a greater number. [`Quotas::new`] sets it.
    pub generation: u64,
}

impl Spec {
    /// Whether tokens are counted: else nobody needs to know how many a call takes.
    #[must_use]
    pub fn counts_tokens(&self) -> bool {
        self.rates.iter().any(|(measure, _)| *measure != Measure::Requests)
    }

    fn has(&self, target: &Target) -> bool {
        self.covers.iter().any(|cover| {
            pattern::matches(&cover.provider, &target.provider)
                && cover.model.as_ref().is_none_or(|model| pattern::matches(model, &target.model))
        })
    }
}

/// All pools, in their order.
#[derive(Clone, Debug, Default)]
pub struct Quotas(Vec<Arc<Spec>>);

impl Quotas {
    /// Takes pools in their order: a target is of the first that covers it. They are of a later generation than all before.
    #[must_use]
    pub fn new(specs: impl IntoIterator<Item = Spec>) -> Self {
        let generation = GENERATION.fetch_add(1, Ordering::Relaxed) + 1;
        Self(specs.into_iter().map(|spec| Arc::new(Spec { generation, ..spec })).collect())
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pool of a target.
    #[must_use]
    pub fn of(&self, target: &Target) -> Option<&Arc<Spec>> {
        self.0.iter().find(|spec| spec.has(target))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Spec>> {
        self.0.iter()
    }
}
