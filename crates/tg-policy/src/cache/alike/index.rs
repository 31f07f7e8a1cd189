//! Vectors of questions whose answers are kept: bounded, those of one partition side by side, the oldest going first.

use super::{LEAST, SAME, same_order};
use crate::cache::Key;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;

/// Longest vector. The longest that are offered have so many numbers.
pub(super) const DIMENSIONS_MAX: usize = 4_096;

/// Most bytes of all vectors of a process, and of the answers beside them.
const BYTES_MAX: u64 = 64 << 20;

/// Of so many of the likest questions the words are compared: more would take longer than a hit is worth.
const LOOKED_AT_MAX: usize = 16;

/// What an entry takes beside its numbers and its answer.
const OVERHEAD: usize = 256;

/// A question whose answer is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// By which its answer is found.
    pub key: Key,
    /// Its vector, of length 1.
    pub vector: Arc<[f32]>,
    /// Its [`super::placed`] words.
    pub words: Arc<[Box<str>]>,
    /// The call that it was asked in.
    pub of: CallId,
    /// Until when its answer is given again.
    pub until: Timestamp,
    /// What the answer says, where answers are compared.
    pub said: Option<Arc<str>>,
}

/// The likest question.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// The question.
    pub entry: Arc<Entry>,
    /// How like it is, in millionths.
    pub likeness: u32,
}

/// What there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Questions.
    pub entries: u64,
    /// What they take, in bytes.
    pub bytes: u64,
}

/// All of a process.
#[derive(Debug, Default)]
pub struct Likenesses(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    /// The oldest of a partition first. Whoever compares takes the list with him.
    partitions: HashMap<Key, Arc<Vec<Arc<Entry>>>>,
    /// In which order they came, each with the call that it was asked in; what is not there any more may stand in it.
    order: VecDeque<(Key, Key, CallId)>,
    held: Figures,
}

impl Likenesses {
    /// Whether there is anything to compare with.
    #[must_use]
    pub fn knows(&self, partition: &Key) -> bool {
        self.shelf().partitions.contains_key(partition)
    }

    /// The likest question of a partition whose answer is still kept, and whose words stand in the same order as these: of
    /// the 16 likest that are another's than `own`. `None` where none of them is as like as [`LEAST`]. Takes time with the
    /// number of questions, in which others are not kept waiting.
    #[must_use]
    pub fn nearest(
        &self,
        partition: &Key,
        (vector, words): (&[f32], &[Box<str>]),
        own: Option<&Key>,
        now: Timestamp,
    ) -> Option<Near> {
        let entries = Arc::clone(self.shelf().partitions.get(partition)?);
        let stands = |entry: &Arc<Entry>| entry.until > now && own != Some(&entry.key);
        let fit = entries.iter().filter(|entry| stands(entry) && entry.vector.len() == vector.len());
        let near = fit.map(|entry| (likeness(&entry.vector, vector), entry));
        let mut near: Vec<(u32, &Arc<Entry>)> = near.filter(|(likeness, _)| *likeness >= LEAST).collect();
        near.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
        let mut likest = near.into_iter().take(LOOKED_AT_MAX);
        let (likeness, entry) = likest.find(|(_, entry)| same_order(&entry.words, words))?;
        Some(Near { entry: Arc::clone(entry), likeness })
    }

    /// Keeps a question, in place of an earlier one with the same answer. The oldest make room: of the partition, which has
    /// no more than `entries_max`, and of all.
    pub fn keep(&self, partition: Key, entry: Entry, entries_max: usize) {
        let (key, of, bytes) = (entry.key, entry.of, entry.weight());
        if bytes > BYTES_MAX || entries_max == 0 {
            return;
        }
        let mut shelf = self.shelf();
        shelf.remove(&partition, &key);
        while shelf.partitions.get(&partition).is_some_and(|entries| entries.len() >= entries_max) {
            let Some(oldest) = shelf.partitions.get(&partition).and_then(|all| all.first()).map(|first| first.key)
            else {
                break;
            };
            shelf.remove(&partition, &oldest);
        }
        while shelf.held.bytes + bytes > BYTES_MAX {
            let Some(oldest) = shelf.order.pop_front() else { break };
            if stands(&shelf.partitions, &oldest) {
                shelf.remove(&oldest.0, &oldest.1);
            }
        }
        Arc::make_mut(shelf.partitions.entry(partition).or_default()).push(Arc::new(entry));
        shelf.order.push_back((partition, key, of));
        shelf.held.entries += 1;
        shelf.held.bytes += bytes;
        shelf.tidy();
    }

    /// Forgets a question whose answer is not there any more.
    pub fn forget(&self, partition: &Key, key: &Key) {
        self.shelf().remove(partition, key);
    }

    /// What there is.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.shelf().held
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Whole steps only.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn remove(&mut self, partition: &Key, key: &Key) {
        let Some(entries) = self.partitions.get_mut(partition) else { return };
        let Some(place) = entries.iter().position(|entry| entry.key == *key) else { return };
        let gone = Arc::make_mut(entries).remove(place);
        if entries.is_empty() {
            self.partitions.remove(partition);
        }
        self.held.entries -= 1;
        self.held.bytes -= gone.weight();
    }

    /// Forgets in which order those came that are gone, once they are the more.
    fn tidy(&mut self) {
        if self.order.len() as u64 > 2 * self.held.entries + 16 {
            let Self { partitions, order, .. } = self;
            order.retain(|one| stands(partitions, one));
        }
    }
}

/// Whether what came so is there still, and not a later one with the same answer in its place.
fn stands(partitions: &HashMap<Key, Arc<Vec<Arc<Entry>>>>, (partition, key, of): &(Key, Key, CallId)) -> bool {
    let is_it = |entry: &Arc<Entry>| entry.key == *key && entry.of == *of;
    partitions.get(partition).is_some_and(|entries| entries.iter().any(is_it))
}

impl Entry {
    fn weight(&self) -> u64 {
        let said = self.said.as_ref().map_or(0, |said| said.len());
        let words: usize = self.words.iter().map(|word| word.len() + size_of::<Box<str>>()).sum();
        (size_of_val(&*self.vector) + said + words + OVERHEAD) as u64
    }
}

/// The cosine of the angle between two vectors of length 1, in millionths; 0 where they point apart.
fn likeness(one: &[f32], other: &[f32]) -> u32 {
    // Eight sums side by side, as processors add.
    let mut sums = [0_f32; 8];
    let (ones, one_rest) = one.as_chunks::<8>();
    let (others, other_rest) = other.as_chunks::<8>();
    for (one, other) in ones.iter().zip(others) {
        for (sum, (one, other)) in sums.iter_mut().zip(one.iter().zip(other)) {
            *sum += one * other;
        }
    }
    let rest: f32 = one_rest.iter().zip(other_rest).map(|(one, other)| one * other).sum();
    let cosine = f64::from(sums.iter().sum::<f32>() + rest).clamp(0.0, 1.0);
    (cosine * f64::from(SAME)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::alike::{placed, unit};
    use serde_json::Value;
    use tg_kernel::dialect::{Dialect, Operation};
    use tg_kernel::principal::Attribution;

    fn key(model: &str) -> Key {
        crate::cache::key(&crate::cache::Request {
            booked: &Attribution::default(),
            share: crate::cache::Share::Team,
            dialect: Dialect::OpenaiChat,
            operation: Operation::Chat,
            stream: false,
            model,
            headers: &[],
            body: &Value::Null,
            targets: &[],
            guard: None,
            revision: &[0; 32],
        })
    }

    fn entry(model: &str, said: Option<&str>) -> Entry {
        let until = Timestamp::from_seconds(9);
        let (vector, words) = (unit(&[1.0]).unwrap(), placed(""));
        Entry { key: key(model), vector, words, of: CallId::fresh(), until, said: said.map(Arc::from) }
    }

    #[test]
    fn a_question_that_is_asked_again_and_again_takes_one_place_and_is_the_newest() {
        let (likenesses, place) = (Likenesses::default(), key("place"));
        let long = "x".repeat(24 << 20);
        likenesses.keep(place, entry("again", None), 10);
        for model in ["other", "again", "third"] {
            likenesses.keep(place, entry(model, Some(&long)), 10);
        }
        // Its first place in the order is not it any more: what came before its last goes.
        let keys: Vec<Key> = likenesses.shelf().partitions[&place].iter().map(|entry| entry.key).collect();
        assert_eq!(keys, [key("again"), key("third")]);
        for _ in 0..1_000 {
            likenesses.keep(place, entry("again", None), 10);
            let shelf = likenesses.shelf();
            assert_eq!(shelf.held.entries, 2);
            assert!(shelf.order.len() as u64 <= 2 * shelf.held.entries + 17, "{}", shelf.order.len());
        }
    }
}
