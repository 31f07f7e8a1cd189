//! What a service thought of a text, remembered for a while by the text's hash, in bounded memory.

use super::opinion::{Answer, Way};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What one entry takes beside its answer: its key in both collections, times and overhead.
const ENTRY_BYTES: usize = 160;

/// How much is remembered, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembering {
    /// For how long.
    pub period: Duration,
    /// In at most so many bytes; the oldest answers go first.
    pub bytes_max: usize,
}

/// A text, whose words it is.
pub(super) type Key = [u8; 32];

/// The answers of one service.
#[derive(Debug)]
pub(super) struct Memory {
    bounds: Remembering,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    answers: HashMap<Key, (Answer, Duration)>,
    /// In the order in which they were learnt, which is that in which they end.
    order: VecDeque<(Key, Duration)>,
    bytes: usize,
}

/// The key of a text.
pub(super) fn key_of(way: Way, text: &str) -> Key {
    let mut hash = Sha256::new();
    hash.update(way.as_str());
    hash.update([0]);
    hash.update(text);
    hash.finalize().into()
}

impl Memory {
    pub(super) fn new(bounds: Remembering) -> Self {
        Self { bounds, held: Mutex::default() }
    }

    /// What is remembered of a text; `now` is monotonic.
    pub(super) fn find(&self, key: &Key, now: Duration) -> Option<Answer> {
        let held = self.lock();
        let (answer, until) = held.answers.get(key)?;
        (now < *until).then(|| answer.clone())
    }

    /// Remembers an answer.
    pub(super) fn learn(&self, key: Key, answer: &Answer, now: Duration) {
        let until = now.saturating_add(self.bounds.period);
        let mut held = self.lock();
        held.bytes += ENTRY_BYTES + answer.weight();
        if let Some((earlier, _)) = held.answers.insert(key, (answer.clone(), until)) {
            // Its place in the order is forgotten when its turn comes.
            held.bytes -= earlier.weight();
        }
        held.order.push_back((key, until));
        while let Some(&(oldest, ends)) = held.order.front() {
            if ends > now && held.bytes <= self.bounds.bytes_max {
                break;
            }
            held.order.pop_front();
            held.bytes -= ENTRY_BYTES;
            if held.answers.get(&oldest).is_some_and(|(_, until)| *until == ends)
                && let Some((answer, _)) = held.answers.remove(&oldest)
            {
                held.bytes -= answer.weight();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{ENTRY_BYTES, Memory, Remembering, key_of};
    use crate::guard::opinion::{Answer, Way};
    use std::time::Duration;

    #[test]
    fn answers_are_remembered_for_a_while_and_within_bounds() {
        let memory = Memory::new(Remembering { period: Duration::from_secs(10), bytes_max: 3 * ENTRY_BYTES + 8 });
        let at = Duration::from_secs;
        let key = |text| key_of(Way::Input, text);
        assert_ne!(key("a"), key_of(Way::Output, "a"));
        memory.learn(key("a"), &Answer::Clear, at(0));
        memory.learn(key("b"), &Answer::Clear, at(1));
        assert_eq!(memory.find(&key("a"), at(9)), Some(Answer::Clear));
        assert_eq!(memory.find(&key("a"), at(10)), None, "its time is over");
        let long = Answer::Flagged { categories: Vec::new(), text: Some("0123456".into()) };
        memory.learn(key("a"), &long, at(2));
        memory.learn(key("c"), &Answer::Clear, at(3));
        assert_eq!(memory.find(&key("a"), at(4)), Some(long), "what was learnt later counts");
        memory.learn(key("d"), &Answer::Clear, at(4));
        assert_eq!(memory.find(&key("b"), at(4)), None, "no room: the oldest go");
        assert!(memory.find(&key("d"), at(4)).is_some());
        memory.learn(key("e"), &Answer::Clear, at(60));
        let held = memory.lock();
        assert_eq!((held.bytes, held.order.len(), held.answers.len()), (ENTRY_BYTES, 1, 1));
    }
}
