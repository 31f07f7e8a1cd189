//! Where sessions are served, and what they are about: a conversation stays at its target while a prompt cache may be warm
//! there, and is not taken for another task in its midst.

use super::{Keepers, Task};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::target::Target;

/// Most sessions that are remembered.
const SESSIONS_MAX: usize = 65_536;

/// How long a session stays without a call: as long as prompt caches usually live.
const STAYS: Duration = Duration::from_secs(300);

/// What is known of a session.
#[derive(Debug, Default)]
struct Known {
    target: Option<Target>,
    task: Option<Task>,
    at: Duration,
}

/// What is known of sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    /// Where answers and conversations are kept that later calls name.
    pub keepers: Keepers,
    known: Mutex<HashMap<u64, Known>>,
}

impl Sessions {
    /// Where a session was served of late.
    #[must_use]
    pub fn place(&self, session: u64, now: Duration) -> Option<Target> {
        self.lock().get(&session).filter(|known| known.is_fresh(now))?.target.clone()
    }

    /// A session is served there.
    pub fn note(&self, session: u64, target: &Target, now: Duration) {
        let mut sessions = self.lock();
        let known = entry(&mut sessions, session, now);
        (known.target, known.at) = (Some(target.clone()), now);
    }

    /// What a session is about: what it was when it was asked first, for as long as it goes on; else what `find` says.
    pub fn task(&self, session: u64, now: Duration, find: impl FnOnce() -> Task) -> Task {
        let known = self.lock().get(&session).filter(|known| known.is_fresh(now)).and_then(|known| known.task);
        let task = known.unwrap_or_else(find);
        let mut sessions = self.lock();
        let entry = entry(&mut sessions, session, now);
        (entry.task, entry.at) = (Some(task), now);
        task
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is_fresh(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) <= STAYS
    }
}

/// What is known of a session, for which room is made.
fn entry(sessions: &mut HashMap<u64, Known>, session: u64, now: Duration) -> &mut Known {
    if sessions.len() >= SESSIONS_MAX && !sessions.contains_key(&session) {
        sessions.retain(|_, known| known.is_fresh(now));
        // Where all are fresh, a part of them is let go: they find a place again.
        if sessions.len() >= SESSIONS_MAX {
            let mut number = 0_u32;
            sessions.retain(|_, _| {
                number = number.wrapping_add(1);
                !number.is_multiple_of(8)
            });
        }
    }
    let known = sessions.entry(session).or_default();
    if !known.is_fresh(now) {
        *known = Known::default();
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stays_while_a_cache_may_be_warm_and_memory_is_bounded() {
        let (sessions, target) = (Sessions::default(), Target { provider: "p".into(), model: "m".into() });
        let at = Duration::from_secs;
        sessions.note(1, &target, at(0));
        assert_eq!(sessions.place(1, at(300)), Some(target.clone()));
        assert_eq!((sessions.place(1, at(301)), sessions.place(2, at(0))), (None, None));
        for session in 0..2 * SESSIONS_MAX as u64 {
            sessions.note(session, &target, at(400));
        }
        assert!(sessions.lock().len() <= SESSIONS_MAX);
        let task = |class| Task { class, confidence: 1.0, difficulty: 0.5 };
        assert_eq!(sessions.task(9, at(400), || task("code")).class, "code");
        assert_eq!(
            sessions.task(9, at(600), || task("chat")).class,
            "code",
            "it is not taken for another in its midst"
        );
        assert_eq!(sessions.task(9, at(1000), || task("chat")).class, "chat");
        assert_eq!(sessions.place(2 * SESSIONS_MAX as u64 - 1, at(400)), Some(target));
    }
}
