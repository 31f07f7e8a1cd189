//! Who stood behind a proof: remembered for a short while, so that AWS is not asked on every call.
//!
//! Only who it is, never what it may do: teams and rules count as they are at each call. A proof's own end is judged
//! anew each time as well. Proofs are remembered by their SHA-256, which says nothing of them.

use super::flaw::Flaw;
use super::principal::AwsPrincipal;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long it is believed who stands behind a proof. Credentials that AWS revokes work here this much longer.
pub const KNOWN_FOR: Duration = Duration::from_secs(300);
/// How long a proof is refused without asking again.
pub const REFUSED_FOR: Duration = Duration::from_secs(30);
/// Most proofs of callers that have a team.
const KNOWN_MAX: usize = 16_384;
/// Most proofs of strangers. They can make as many as they like, and crowd out only each other.
const STRANGERS_MAX: usize = 4_096;

/// SHA-256 of a proof.
pub type Digest = [u8; 32];

/// SHA-256 of a text.
#[must_use]
pub fn digest_of(text: &str) -> Digest {
    Sha256::digest(text).into()
}

/// What was found out about a proof.
pub type Finding = Result<AwsPrincipal, Flaw>;

/// The proofs that were judged lately. One for each process.
#[derive(Debug)]
pub struct Memory(Mutex<Both>);

#[derive(Debug)]
struct Both {
    known: Shelf,
    strangers: Shelf,
}

impl Default for Memory {
    fn default() -> Self {
        let (known, strangers) = (Shelf::new(KNOWN_FOR, KNOWN_MAX), Shelf::new(REFUSED_FOR, STRANGERS_MAX));
        Self(Mutex::new(Both { known, strangers }))
    }
}

impl Memory {
    /// What was found out about a proof. `now` is the monotonic time.
    #[must_use]
    pub fn find(&self, proof: &Digest, now: Duration) -> Option<Finding> {
        let both = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        both.known.find(proof, now).or_else(|| both.strangers.find(proof, now)).cloned()
    }

    /// Remembers what was found out, among the callers or among the strangers. What may be otherwise in a moment is not
    /// remembered.
    pub fn learn(&self, proof: Digest, finding: &Finding, has_team: bool, now: Duration) {
        if finding.as_ref().is_err_and(|flaw| !flaw.is_lasting()) {
            return;
        }
        let mut both = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf = if has_team && finding.is_ok() { &mut both.known } else { &mut both.strangers };
        shelf.put(proof, finding.clone(), now);
    }
}

/// Findings that are kept for one time, and of which there are at most so many.
#[derive(Debug)]
struct Shelf {
    kept_for: Duration,
    count_max: usize,
    findings: HashMap<Digest, (Finding, Duration)>,
    /// The same, oldest first.
    order: VecDeque<(Digest, Duration)>,
}

impl Shelf {
    fn new(kept_for: Duration, count_max: usize) -> Self {
        Self { kept_for, count_max, findings: HashMap::new(), order: VecDeque::new() }
    }

    fn find(&self, proof: &Digest, now: Duration) -> Option<&Finding> {
        let (finding, since) = self.findings.get(proof)?;
        (now.saturating_sub(*since) < self.kept_for).then_some(finding)
    }

    fn put(&mut self, proof: Digest, finding: Finding, now: Duration) {
        while let Some((oldest, since)) = self.order.front() {
            if now.saturating_sub(*since) < self.kept_for && self.order.len() < self.count_max {
                break;
            }
            self.findings.remove(oldest);
            self.order.pop_front();
        }
        // Of those who heard of it together, the first has noted it.
        if self.findings.contains_key(&proof) {
            return;
        }
        self.findings.insert(proof, (finding, now));
        self.order.push_back((proof, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::Kind;

    fn digest(number: u64) -> Digest {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_le_bytes());
        digest
    }

    fn someone() -> Finding {
        AwsPrincipal::of("arn:aws:iam::123456789012:role/a")
    }

    #[test]
    fn what_is_known_is_believed_for_its_time_and_no_longer() {
        let memory = Memory::default();
        let at = Duration::from_secs;
        memory.learn(digest(1), &someone(), true, at(10));
        memory.learn(digest(2), &Err(Flaw::Refused), false, at(10));
        memory.learn(digest(3), &someone(), false, at(10));
        memory.learn(digest(4), &Err(Flaw::Unavailable(Kind::CallerIdentity)), false, at(10));
        let found = |number, second| memory.find(&digest(number), at(second));
        assert_eq!((found(1, 10), found(1, 309), found(1, 310)), (Some(someone()), Some(someone()), None));
        assert_eq!((found(2, 39), found(2, 40)), (Some(Err(Flaw::Refused)), None));
        assert_eq!((found(3, 39), found(3, 40)), (Some(someone()), None), "without a team one is a stranger");
        assert_eq!((found(4, 10), found(5, 10)), (None, None));
        memory.learn(digest(1), &Err(Flaw::Refused), true, at(310));
        assert_eq!(found(1, 311), Some(Err(Flaw::Refused)));
    }

    #[test]
    fn strangers_crowd_out_only_each_other() {
        let memory = Memory::default();
        memory.learn(digest(0), &someone(), true, Duration::ZERO);
        for number in 1..=2 * STRANGERS_MAX as u64 {
            memory.learn(digest(number), &Err(Flaw::Refused), false, Duration::from_millis(number));
        }
        let now = Duration::from_millis(2 * STRANGERS_MAX as u64);
        assert_eq!(memory.find(&digest(0), now), Some(someone()));
        assert_eq!(memory.find(&digest(1), now), None);
        assert_eq!(memory.find(&digest(2 * STRANGERS_MAX as u64), now), Some(Err(Flaw::Refused)));
        let both = memory.0.lock().unwrap();
        assert_eq!((both.strangers.findings.len(), both.strangers.order.len()), (STRANGERS_MAX, STRANGERS_MAX));
    }

    #[test]
    fn what_many_hear_at_once_is_noted_once() {
        let mut shelf = Shelf::new(Duration::from_secs(30), 3);
        for (number, second) in [(1, 0), (2, 1), (2, 1), (2, 2), (3, 3)] {
            shelf.put(digest(number), someone(), Duration::from_secs(second));
        }
        let found = |shelf: &Shelf, number, second| shelf.find(&digest(number), Duration::from_secs(second)).is_some();
        assert!((1..4).all(|number| found(&shelf, number, 3)));
        assert_eq!((found(&shelf, 2, 30), found(&shelf, 2, 31)), (true, false), "its time runs from the first");
        shelf.put(digest(2), someone(), Duration::from_secs(31));
        assert_eq!((found(&shelf, 2, 60), shelf.order.len(), shelf.findings.len()), (true, 2, 2));
    }
}
