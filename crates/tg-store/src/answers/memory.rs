//! Answers in this process's memory: bounded by their bytes; those that were not asked for longest go first.

use super::Kept;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tg_kernel::clock::Timestamp;

/// Answers by their keys.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    answers: HashMap<[u8; 32], Placed>,
    /// When each was asked for last, by the number of that turn.
    turns: BTreeMap<u64, [u8; 32]>,
    turn: u64,
    held: Held,
}

#[derive(Debug)]
struct Placed {
    kept: Arc<Kept>,
    turn: u64,
    bytes: u64,
}

/// What is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Answers.
    pub answers: u64,
    /// What they take, in bytes.
    pub bytes: u64,
    /// Answers that went before their time, as there was no room.
    pub crowded_out: u64,
}

impl Memory {
    /// The answer of this key, if its time is not over.
    #[must_use]
    pub fn get(&self, key: &[u8; 32], now: Timestamp) -> Option<Arc<Kept>> {
        let mut shelf = self.shelf();
        let over = shelf.answers.get(key)?.kept.origin.until <= now;
        if over {
            shelf.remove(key);
            return None;
        }
        shelf.touch(key)
    }

    /// Keeps an answer in place of an earlier one. Those that were not asked for longest make room; where it alone is larger
    /// than all may be together, it is not kept. Whether it is.
    pub fn put(&self, key: [u8; 32], kept: Kept, bytes_max: u64) -> bool {
        let bytes = kept.weight();
        let mut shelf = self.shelf();
        shelf.remove(&key);
        if bytes > bytes_max {
            return false;
        }
        shelf.make_room(bytes_max - bytes);
        let turn = shelf.next_turn();
        shelf.turns.insert(turn, key);
        shelf.answers.insert(key, Placed { kept: Arc::new(kept), turn, bytes });
        shelf.held.answers += 1;
        shelf.held.bytes += bytes;
        true
    }

    /// Makes that no more is held than this.
    pub fn shrink(&self, bytes_max: u64) {
        self.shelf().make_room(bytes_max);
    }

    /// What is held.
    #[must_use]
    pub fn held(&self) -> Held {
        self.shelf().held
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Whole steps only.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    fn touch(&mut self, key: &[u8; 32]) -> Option<Arc<Kept>> {
        let turn = self.next_turn();
        let placed = self.answers.get_mut(key)?;
        self.turns.remove(&placed.turn);
        self.turns.insert(turn, *key);
        placed.turn = turn;
        Some(Arc::clone(&placed.kept))
    }

    fn remove(&mut self, key: &[u8; 32]) {
        let Some(placed) = self.answers.remove(key) else { return };
        self.turns.remove(&placed.turn);
        self.held.answers -= 1;
        self.held.bytes -= placed.bytes;
    }

    fn make_room(&mut self, bytes_max: u64) {
        while self.held.bytes > bytes_max {
            let Some((_, key)) = self.turns.pop_first() else { return };
            self.remove(&key);
            self.held.crowded_out += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kept::tests::kept;
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn weight(bytes: usize) -> u64 {
        kept(bytes, NOW, MINUTE).weight()
    }

    #[test]
    fn an_answer_is_there_until_its_time_is_over() {
        let memory = Memory::default();
        assert!(memory.put([1; 32], kept(10, NOW, MINUTE), u64::MAX));
        assert!(memory.get(&[1; 32], NOW.after(MINUTE - Duration::from_millis(1))).is_some());
        assert!(memory.get(&[2; 32], NOW).is_none());
        assert!(memory.get(&[1; 32], NOW.after(MINUTE)).is_none());
        assert_eq!(memory.held(), Held::default(), "and takes no room any more");
    }

    #[test]
    fn what_was_not_asked_for_longest_makes_room() {
        let (memory, bytes_max) = (Memory::default(), 3 * weight(10));
        for number in 0..3 {
            assert!(memory.put([number; 32], kept(10, NOW, MINUTE), bytes_max));
        }
        assert!(memory.get(&[0; 32], NOW).is_some());
        assert!(memory.put([3; 32], kept(10, NOW, MINUTE), bytes_max));
        let there: Vec<u8> = (0..4).filter(|number| memory.get(&[*number; 32], NOW).is_some()).collect();
        assert_eq!(there, [0, 2, 3]);
        assert!(!memory.put([4; 32], kept(10_000, NOW, MINUTE), bytes_max), "what is too large crowds nobody out");
        assert_eq!(memory.held(), Held { answers: 3, bytes: bytes_max, crowded_out: 1 });
        memory.shrink(weight(10));
        assert_eq!(memory.held(), Held { answers: 1, bytes: weight(10), crowded_out: 3 });
        assert!(memory.get(&[3; 32], NOW).is_some());
    }

    #[test]
    fn a_newer_answer_takes_the_place_of_the_one_before() {
        let memory = Memory::default();
        let newer = kept(20, NOW, MINUTE);
        memory.put([1; 32], kept(10, NOW, MINUTE), u64::MAX);
        memory.put([1; 32], newer.clone(), u64::MAX);
        assert_eq!(memory.get(&[1; 32], NOW).as_deref(), Some(&newer));
        assert_eq!(memory.held(), Held { answers: 1, bytes: weight(20), crowded_out: 0 });
    }

    proptest! {
        /// Whatever is put and asked for, no more is held than may be, and the figures are those of what is there.
        #[test]
        fn no_more_is_held_than_may_be(steps in prop::collection::vec((0..8u8, 0..3000usize, any::<bool>()), 1..100)) {
            let (memory, bytes_max) = (Memory::default(), 6000);
            for (number, bytes, puts) in steps {
                if puts {
                    memory.put([number; 32], kept(bytes, NOW, MINUTE), bytes_max);
                } else {
                    let _ = memory.get(&[number; 32], NOW);
                }
                let held = memory.held();
                let shelf = memory.shelf();
                prop_assert!(held.bytes <= bytes_max);
                prop_assert_eq!(held.bytes, shelf.answers.values().map(|placed| placed.bytes).sum::<u64>());
                prop_assert_eq!(held.answers as usize, shelf.answers.len());
                prop_assert_eq!(shelf.turns.len(), shelf.answers.len());
            }
        }
    }
}
