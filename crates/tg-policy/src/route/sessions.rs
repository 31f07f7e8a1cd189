//! Where sessions are served, and what they are about: a conversation stays at its target while a prompt cache may be warm
//! there, and is not taken for another task in its midst.

use super::{Keepers, Task};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::target::Target;

/// Most sessions and conversations that are remembered, and as many that nobody has gone on with yet.
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
    tables: Mutex<Tables>,
}

/// Whether a call is the first of a conversation or the only one, nobody knows before the second comes. Most are the only one:
/// they have a place of their own, so that however many there are, they push out none that goes on.
#[derive(Debug, Default)]
struct Tables {
    begun: HashMap<u64, Known>,
    going_on: HashMap<u64, Known>,
}

impl Sessions {
    /// Where a session was served of late.
    #[must_use]
    pub fn place(&self, session: u64, now: Duration) -> Option<Target> {
        self.lock().known(session, now)?.target.clone()
    }

    /// A session is served there.
    pub fn note(&self, session: u64, target: &Target, now: Duration) {
        let mut tables = self.lock();
        let known = tables.entry(session, now);
        (known.target, known.at) = (Some(target.clone()), now);
    }

    /// What a session is about: what it was when it was asked first, for as long as it goes on; else what `find` says.
    pub fn task(&self, session: u64, now: Duration, find: impl FnOnce() -> Task) -> Task {
        let known = self.lock().known(session, now).and_then(|known| known.task);
        let task = known.unwrap_or_else(find);
        let mut tables = self.lock();
        let entry = tables.entry(session, now);
        (entry.task, entry.at) = (Some(task), now);
        task
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// What is known of a session, if it is not over. One that was answered before, and is asked about again, goes on.
    fn known(&mut self, session: u64, now: Duration) -> Option<&Known> {
        if self.begun.get(&session).is_some_and(|known| known.target.is_some())
            && let Some(known) = self.begun.remove(&session)
            && known.is_fresh(now)
        {
            make_room(&mut self.going_on, now);
            self.going_on.insert(session, known);
        }
        let known = self.going_on.get(&session).or_else(|| self.begun.get(&session));
        known.filter(|known| known.is_fresh(now))
    }

    /// What is known of a session, for which room is made.
    fn entry(&mut self, session: u64, now: Duration) -> &mut Known {
        let table = if self.going_on.contains_key(&session) { &mut self.going_on } else { &mut self.begun };
        if !table.contains_key(&session) {
            make_room(table, now);
        }
        let known = table.entry(session).or_default();
        if !known.is_fresh(now) {
            *known = Known::default();
        }
        known
    }
}

impl Known {
    fn is_fresh(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) <= STAYS
    }
}

/// Makes room for one more.
fn make_room(table: &mut HashMap<u64, Known>, now: Duration) {
    if table.len() < SESSIONS_MAX {
        return;
    }
    table.retain(|_, known| known.is_fresh(now));
    // Where all are fresh, a part of them is let go: they find a place again.
    if table.len() >= SESSIONS_MAX {
        let mut number = 0_u32;
        table.retain(|_, _| {
            number = number.wrapping_add(1);
            !number.is_multiple_of(8)
        });
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
        assert!(sessions.lock().begun.len() <= SESSIONS_MAX && sessions.lock().going_on.len() <= SESSIONS_MAX);
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

    #[test]
    fn calls_that_come_once_push_no_conversation_out() {
        let (sessions, target) = (Sessions::default(), Target { provider: "p".into(), model: "m".into() });
        let (at, task) = (Duration::from_secs, Task { class: "chat", confidence: 1.0, difficulty: 0.5 });
        let call = |session: u64, now: Duration| {
            sessions.task(session, now, || task);
            let place = sessions.place(session, now);
            sessions.note(session, &target, now);
            place
        };
        let conversations = 0..1_000;
        for turn in 0..2 {
            conversations.clone().for_each(|session| assert_eq!(call(session, at(turn)).is_some(), turn > 0));
        }
        for once in 0..4 * SESSIONS_MAX as u64 {
            call(1_000_000 + once, at(2));
        }
        assert!(conversations.clone().all(|session| call(session, at(3)).is_some()), "all go on where they were");
        assert!(sessions.lock().begun.len() <= SESSIONS_MAX);
        assert_eq!(sessions.lock().going_on.len(), conversations.count());
        for session in 0..2 * SESSIONS_MAX as u64 {
            call(session, at(4));
            call(session, at(5));
        }
        assert!(sessions.lock().going_on.len() <= SESSIONS_MAX);
    }
}
