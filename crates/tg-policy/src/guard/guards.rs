//! All guardrail sets of a configuration, compiled; and which of them apply to a call.

use super::Way;
use super::detector::Detector;
use super::judge::{Guard, Parts};
use super::rule::Ready;
use super::set::{CheckKind, Medium, Set};
use crate::admit::Scope;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tg_kernel::principal::Attribution;
use tg_text::redact::Key;

/// Most sets of a configuration.
pub const SETS_MAX: usize = 128;

/// Most combinations of sets that are remembered; others are joined anew for each call.
const REMEMBERED_MAX: usize = 1024;

/// Characters of a version.
const VERSION_DIGITS: usize = 12;

/// The sets of a configuration.
#[derive(Debug, Default)]
pub struct Guards {
    sets: Vec<Compiled>,
    key: Option<Key>,
    required: Vec<Required>,
    /// By which sets apply: one bit for each.
    joined: RwLock<HashMap<u128, Arc<Guard>>>,
}

/// A check that every call must meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Required {
    /// Which.
    pub check: CheckKind,
    /// On which way.
    pub way: Way,
}

/// A set.
#[derive(Debug)]
struct Compiled {
    name: Arc<str>,
    scope: Scope,
    rules: Vec<Arc<Ready>>,
    blocked_media: Vec<Medium>,
    reads_documents: bool,
    asks_about_images: bool,
    blocks_unread_answers: bool,
    /// A sum of all that it says.
    sum: [u8; 32],
}

/// What guardrails want to know of a call.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// To whom it is booked: team, project, environment, key and tags.
    pub attribution: &'a Attribution,
    /// The model that the caller names.
    pub model: &'a str,
}

/// What is wrong with a set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("guardrail {set}/{rule}: {what}; {mend}")]
pub struct Problem {
    /// The set.
    pub set: Arc<str>,
    /// The rule.
    pub rule: Arc<str>,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl Guards {
    /// Compiles sets. The key is that of hashes and tokens.
    ///
    /// # Errors
    /// All that is wrong with any of them.
    pub fn compile(sets: &[Set], key: Option<Key>) -> Result<Self, Vec<Problem>> {
        if !sets.is_empty() {
            tg_text::view::warm();
            tg_text::secrets::warm();
        }
        let mut problems = Vec::new();
        let mut known: Vec<Arc<Detector>> = Vec::new();
        let mut compiled = Vec::with_capacity(sets.len());
        for set in sets {
            let mut rules = Vec::with_capacity(set.rules.len());
            for rule in &set.rules {
                match Detector::compile(&rule.name, &rule.check) {
                    Ok(detector) => {
                        let same = known.iter().find(|one| one.is_same(&detector)).cloned();
                        let detector = same.unwrap_or_else(|| Arc::new(detector));
                        known.push(detector.clone());
                        rules.push(Arc::new(Ready::new(set, rule, detector)));
                    }
                    Err(flaws) => problems.extend(flaws.into_iter().map(|(what, mend)| {
                        let (set, rule) = (set.name.clone(), rule.name.clone());
                        Problem { set, rule, what, mend }
                    })),
                }
            }
            let (name, scope) = (set.name.clone(), set.scope.clone());
            let looks = rules.iter().any(|ready| ready.is_in_force_on_answers());
            compiled.push(Compiled {
                name,
                scope,
                rules,
                blocked_media: set.blocked_media.clone(),
                reads_documents: set.reads_documents,
                asks_about_images: set.asks_about_images,
                blocks_unread_answers: set.blocks_unread_answers && looks,
                sum: sum(set),
            });
        }
        if let Some(beyond) = sets.get(SETS_MAX) {
            let what = format!("there are {} sets, and at most {SETS_MAX} are taken", sets.len());
            let (set, mend) = (beyond.name.clone(), "join sets that are for the same calls".to_owned());
            problems.push(Problem { set, rule: "".into(), what, mend });
        }
        if problems.is_empty() {
            Ok(Self { sets: compiled, key, required: Vec::new(), joined: RwLock::default() })
        } else {
            Err(problems)
        }
    }

    /// The same, where every call must meet these checks: one that does not is refused by its guard.
    #[must_use]
    pub fn requiring(self, required: Vec<Required>) -> Self {
        Self { required, joined: RwLock::default(), ..self }
    }

    /// Whether there is no set, and nothing required.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.required.is_empty()
    }

    /// The sets that are wanted, joined.
    #[must_use]
    pub fn joined(&self, wanted: impl Fn(&str) -> bool) -> Arc<Guard> {
        let wanted = self.sets.iter().enumerate().take(SETS_MAX).filter(|(_, set)| wanted(&set.name));
        self.join(wanted.fold(0, |which, (index, _)| which | 1 << index))
    }

    /// All sets that apply to a call, joined; `None` where none does, and none is required.
    #[must_use]
    pub fn of(&self, call: &Subject<'_>) -> Option<Arc<Guard>> {
        self.find(self.which(call))
    }

    /// Which sets apply to a call: one bit for each.
    fn which(&self, call: &Subject<'_>) -> u128 {
        let sets = self.sets.iter().enumerate().take(SETS_MAX);
        let apply = sets.filter(|(_, set)| set.scope.holds(call.attribution, call.model, None));
        apply.fold(0, |which, (index, _)| which | 1 << index)
    }

    fn find(&self, which: u128) -> Option<Arc<Guard>> {
        if which == 0 && self.required.is_empty() {
            return None;
        }
        let known = self.joined.read().unwrap_or_else(PoisonError::into_inner).get(&which).cloned();
        Some(known.unwrap_or_else(|| self.join(which)))
    }

    /// The same for a call that goes to another model than it names: all sets that apply to it under either name.
    #[must_use]
    pub fn of_both(&self, call: &Subject<'_>, model: &str) -> Option<Arc<Guard>> {
        let which = self.which(call) | self.which(&Subject { model, ..*call });
        self.find(which)
    }

    fn join(&self, which: u128) -> Arc<Guard> {
        let mut parts = Parts {
            sets: Vec::new(),
            versions: Vec::new(),
            version: "".into(),
            rules: Vec::new(),
            blocked_media: Vec::new(),
            reading: Vec::new(),
            asking: Vec::new(),
            withholding: Vec::new(),
            key: self.key.clone(),
            required: self.required.clone(),
        };
        let mut version = Sha256::new();
        for (_, set) in self.sets.iter().enumerate().filter(|(index, _)| which & (1 << index) != 0) {
            parts.sets.push(set.name.clone());
            parts.versions.push(short(Sha256::digest(set.sum)));
            parts.rules.extend(set.rules.iter().cloned());
            parts.blocked_media.extend(set.blocked_media.iter().map(|medium| (*medium, set.name.clone())));
            parts.reading.extend(set.reads_documents.then(|| set.name.clone()));
            parts.asking.extend(set.asks_about_images.then(|| set.name.clone()));
            parts.withholding.extend(set.blocks_unread_answers.then(|| set.name.clone()));
            version.update(set.sum);
        }
        parts.version = short(version.finalize());
        let guard = Arc::new(Guard::new(parts));
        let mut joined = self.joined.write().unwrap_or_else(PoisonError::into_inner);
        if joined.len() < REMEMBERED_MAX {
            joined.insert(which, guard.clone());
        }
        guard
    }
}

/// A version, as it is told.
fn short(sum: impl AsRef<[u8]>) -> Arc<str> {
    hex::encode(sum).get(..VERSION_DIGITS).unwrap_or_default().into()
}

/// A sum of all that a set says. Canaries are secret: of them no more than the sum of everything is told.
fn sum(set: &Set) -> [u8; 32] {
    Sha256::digest(format!("{set:?}")).into()
}
