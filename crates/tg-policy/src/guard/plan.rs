//! Which checks look at a text of a channel, each once for all its rules.

use super::detector::{Detector, Reading, Sees};
use super::found::Found;
use super::rule::Ready;
use super::spent::Spent;
use std::sync::Arc;
use std::time::Instant;
use tg_text::finding::Finding;
use tg_text::rules::Leak;

/// The checks of a channel.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What finds stretches.
    pub(super) stretches: Vec<Probe>,
    /// What scores blocks.
    pub(super) blocks: Vec<Probe>,
    /// What counts characters: the rule, and how many it allows.
    pub(super) lengths: Vec<(usize, usize)>,
    /// What reads all of a text.
    pub(super) wholes: Vec<Probe>,
    /// Characters that are held back for what finds stretches.
    pub(super) back: usize,
}

/// A check and the rules that it is for.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) detector: Arc<Detector>,
    pub(super) rules: Vec<usize>,
    /// The sets in which they stand.
    pub(super) sets: Vec<Arc<str>>,
}

impl Plan {
    /// Of those rules of a guard.
    pub(super) fn of(all: &[Arc<Ready>], which: impl Fn(&Ready) -> bool) -> Self {
        let mut plan = Self::default();
        for (rule, ready) in all.iter().enumerate().filter(|(_, ready)| which(ready)) {
            let list = match ready.detector.sees() {
                Sees::Stretches => {
                    plan.back = plan.back.max(ready.hold_back);
                    &mut plan.stretches
                }
                Sees::Blocks => &mut plan.blocks,
                Sees::All => &mut plan.wholes,
                Sees::Length => {
                    if let Detector::Characters(most) = &*ready.detector {
                        plan.lengths.push((rule, *most));
                    }
                    continue;
                }
                Sees::Nothing => continue,
            };
            match list.iter_mut().find(|probe| Arc::ptr_eq(&probe.detector, &ready.detector)) {
                Some(probe) => {
                    probe.rules.push(rule);
                    if !probe.sets.contains(&ready.set) {
                        probe.sets.push(ready.set.clone());
                    }
                }
                None => {
                    let (detector, sets) = (ready.detector.clone(), vec![ready.set.clone()]);
                    list.push(Probe { detector, rules: vec![rule], sets });
                }
            }
        }
        plan
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stretches.is_empty() && self.blocks.is_empty() && self.lengths.is_empty() && self.wholes.is_empty()
    }

    /// Whether credentials are looked for, which may be blocks of many lines.
    pub(super) fn looks_for_blocks_of_keys(&self) -> bool {
        self.stretches.iter().any(|probe| matches!(&*probe.detector, Detector::Secrets(_)))
    }
}

/// What these checks find in a reading, once for each of their rules; and how long each took.
pub(super) fn find(
    probes: &[Probe],
    rules: &[Arc<Ready>],
    reading: &Reading<'_>,
    (leaks, spent): (&[(usize, Leak)], &mut Spent),
    found: &mut Vec<Found>,
) {
    let mut findings: Vec<Finding> = Vec::new();
    let mut began = Instant::now();
    for probe in probes {
        probe.detector.find(reading, leaks, &mut findings);
        let ended = Instant::now();
        spent.add(&probe.sets, ended.saturating_duration_since(began));
        began = ended;
        for finding in findings.drain(..) {
            for rule in &probe.rules {
                if let Some(ready) = rules.get(*rule) {
                    found.push(Found::new(finding.clone(), *rule, ready));
                }
            }
        }
    }
}
