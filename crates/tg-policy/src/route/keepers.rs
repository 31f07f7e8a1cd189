//! Which target keeps what later calls lean on: an answer by its id, or a conversation.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::target::Target;

/// Most ids that are remembered; of more, the eighth that was heard of longest ago is let go.
const KEPT_MAX: usize = 65_536;

/// How long an id is remembered that nobody asks for.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// Where answers and conversations are kept.
#[derive(Debug, Default)]
pub struct Keepers(Mutex<HashMap<u64, (Target, Duration)>>);

impl Keepers {
    /// Where this is kept.
    #[must_use]
    pub fn of(&self, kept: u64, now: Duration) -> Option<Target> {
        let mut keepers = self.lock();
        let (target, at) = keepers.get_mut(&kept).filter(|(_, at)| is_fresh(*at, now))?;
        *at = now;
        Some(target.clone())
    }

    /// This is kept there.
    pub fn note(&self, kept: u64, target: &Target, now: Duration) {
        let mut keepers = self.lock();
        if keepers.len() >= KEPT_MAX && !keepers.contains_key(&kept) {
            keepers.retain(|_, (_, at)| is_fresh(*at, now));
            make_room(&mut keepers);
        }
        keepers.insert(kept, (target.clone(), now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (Target, Duration)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(at: Duration, now: Duration) -> bool {
    now.saturating_sub(at) <= KEPT_FOR
}

fn make_room(keepers: &mut HashMap<u64, (Target, Duration)>) {
    if keepers.len() < KEPT_MAX {
        return;
    }
    let mut all: Vec<(Duration, u64)> = keepers.iter().map(|(kept, (_, at))| (*at, *kept)).collect();
    all.sort_unstable();
    for (_, kept) in all.iter().take(KEPT_MAX / 8) {
        keepers.remove(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_known_and_memory_is_bounded() {
        let (keepers, target) = (Keepers::default(), Target { provider: "p".into(), model: "m".into() });
        let at = Duration::from_secs;
        keepers.note(u64::MAX, &target, at(0));
        assert_eq!(keepers.of(u64::MAX, at(80_000)), Some(target.clone()));
        assert_eq!(keepers.of(u64::MAX, at(160_000)), Some(target.clone()), "it was asked for since");
        assert_eq!((keepers.of(u64::MAX, at(300_000)), keepers.of(1, at(0))), (None, None));
        let most = KEPT_MAX as u64;
        for kept in 0..most + 10 {
            keepers.note(kept, &target, at(300_000 + kept));
        }
        assert!(keepers.lock().len() <= KEPT_MAX);
        let now = at(300_000 + most);
        assert_eq!((keepers.of(0, now), keepers.of(most, now)), (None, Some(target)), "the oldest goes first");
    }
}
