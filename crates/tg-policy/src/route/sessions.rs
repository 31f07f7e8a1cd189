//! Where sessions are served: a conversation stays at its target while a prompt cache may be warm there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::target::Target;

/// Most sessions that are remembered.
const SESSIONS_MAX: usize = 65_536;

/// How long a session stays without a call: as long as prompt caches usually live.
const STAYS: Duration = Duration::from_secs(300);

/// Where sessions were served last.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<u64, (Target, Duration)>>);

impl Sessions {
    /// Where a session was served of late.
    #[must_use]
    pub fn place(&self, session: u64, now: Duration) -> Option<Target> {
        let sessions = self.lock();
        sessions.get(&session).filter(|(_, at)| now.saturating_sub(*at) <= STAYS).map(|(target, _)| target.clone())
    }

    /// A session is served there.
    pub fn note(&self, session: u64, target: &Target, now: Duration) {
        let mut sessions = self.lock();
        if sessions.len() >= SESSIONS_MAX && !sessions.contains_key(&session) {
            sessions.retain(|_, (_, at)| now.saturating_sub(*at) <= STAYS);
            // Where all are fresh, a part of them is let go: they find a place again.
            if sessions.len() >= SESSIONS_MAX {
                let mut number = 0_u32;
                sessions.retain(|_, _| {
                    number = number.wrapping_add(1);
                    !number.is_multiple_of(8)
                });
            }
        }
        sessions.insert(session, (target.clone(), now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (Target, Duration)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        assert_eq!(sessions.place(2 * SESSIONS_MAX as u64 - 1, at(400)), Some(target));
    }
}
