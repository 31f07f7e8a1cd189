//! Which revision is in force here, which is the newest, and what stands between them: for logs, metrics and the admin
//! interface.

use super::shown;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tg_store::revision::{Revision, RevisionHead};

/// How this process stands to the revisions of its store.
#[derive(Debug)]
pub struct Standing(Mutex<State>);

#[derive(Debug)]
struct State {
    newest: Revision,
    /// `None` where the file has become the whole configuration.
    in_force: Option<RevisionHead>,
    /// Why the newest is not.
    refused: Option<String>,
    /// Whether the store cannot be asked.
    blind: bool,
}

impl Standing {
    pub(super) const fn new(newest: Revision, in_force: Option<RevisionHead>, refused: Option<String>) -> Self {
        Self(Mutex::new(State { newest, in_force, refused, blind: false }))
    }

    pub(super) fn newest(&self) -> Revision {
        self.state().newest.clone()
    }

    /// Notes the newest revision.
    pub(super) fn saw(&self, newest: Revision) {
        self.state().newest = newest;
    }

    /// Notes whether the store can be asked; answers whether that is new.
    pub(super) fn set_blind(&self, blind: bool) -> bool {
        std::mem::replace(&mut self.state().blind, blind) != blind
    }

    /// Notes what is in force now. What is not the newest was refused before.
    pub(super) fn took(&self, in_force: Option<RevisionHead>) {
        let mut state = self.state();
        state.in_force = in_force;
        state.refused = None;
    }

    /// Notes why a configuration was not put into force; answers whether that is new.
    pub(super) fn refuse(&self, why: String) -> bool {
        let mut state = self.state();
        if state.is_newest_in_force() {
            // The newest stays: it is the local file that cannot be used.
            return true;
        }
        let is_new = state.refused.as_ref() != Some(&why);
        state.refused = Some(why);
        is_new
    }

    /// The number in force; 0: none.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.state().in_force.as_ref().map_or(0, |head| head.number)
    }

    /// The number of the newest revision, while it cannot be put into force; else 0.
    #[must_use]
    pub fn refused(&self) -> u64 {
        let state = self.state();
        if state.refused.is_some() { state.newest.head.number } else { 0 }
    }

    /// Whether the store cannot be asked for revisions.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.state().blind
    }

    /// As the admin interface shows it.
    #[must_use]
    pub fn page(&self) -> Value {
        let state = self.state();
        let refused = state.refused.as_ref();
        json!({
            "in_force": state.in_force.as_ref().map(shown),
            "newest": state.newest.head.number,
            "refused": refused.map(|why| json!({ "number": state.newest.head.number, "why": why })),
            "store_is_away": state.blind,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain values: every state of them is sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_newest_in_force(&self) -> bool {
        self.in_force.as_ref() == Some(&self.newest.head)
    }
}
