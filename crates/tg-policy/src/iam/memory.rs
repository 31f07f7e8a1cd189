//! Who stood behind a proof: remembered for a short while, so that AWS is not asked on every call.
//!
//! Only who it is, never what it may do: teams and rules count as they are at each call. A proof's own end is judged
//! anew each time as well. Proofs are remembered by their SHA-256, which says nothing of them.

use super::flaw::Flaw;
use super::principal::AwsPrincipal;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long it is believed who stands behind a proof. It is no hold for AWS to stop a caller by: `GetCallerIdentity` needs
/// no permission, so that a policy that denies all does not keep STS from naming him. A proof ends with its time or with
/// the credentials behind it; the mapping and the team count at each call.
pub const KNOWN_FOR: Duration = Duration::from_secs(300);
/// How long a proof is refused without asking again.
pub const REFUSED_FOR: Duration = Duration::from_secs(30);
/// Most proofs of callers that have a team.
const KNOWN_MAX: usize = 16_384;
/// So many of them each caller may have, however full it is. Who has more makes room himself.
const FAIR_SHARE: usize = 256;
/// How long an access key is favoured by which a caller with a team has proven himself.
const FAVOURED_FOR: Duration = Duration::from_secs(3600);
/// Most such access keys.
const FAVOURED_MAX: usize = 4_096;
/// Most proofs of strangers. They can make as many as they like, and crowd out only each other.
const STRANGERS_MAX: usize = 4_096;

/// SHA-256 of a proof.
pub type Digest = [u8; 32];

/// SHA-256 of some texts, each apart from the next.
#[must_use]
pub fn digest_of(texts: &[&str]) -> Digest {
    let mut sha = Sha256::new();
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            sha.update([0]);
        }
        sha.update(text);
    }
    sha.finalize().into()
}

/// What was found out about a proof.
pub type Finding = Result<AwsPrincipal, Flaw>;

/// The proofs that were judged lately. One for each process.
#[derive(Debug)]
pub struct Memory(Mutex<Shelves>);

#[derive(Debug)]
struct Shelves {
    known: Shelf,
    strangers: Shelf,
    /// Access keys, by the digests of their ids.
    favoured: Shelf,
}

impl Default for Memory {
    fn default() -> Self {
        let (known, strangers) = (Shelf::new(KNOWN_FOR, KNOWN_MAX), Shelf::new(REFUSED_FOR, STRANGERS_MAX));
        Self(Mutex::new(Shelves { known, strangers, favoured: Shelf::new(FAVOURED_FOR, FAVOURED_MAX) }))
    }
}

impl Memory {
    /// What was found out about a proof. `now` is the monotonic time.
    #[must_use]
    pub fn find(&self, proof: &Digest, now: Duration) -> Option<Finding> {
        let all = self.lock();
        all.known.find(proof, now).or_else(|| all.strangers.find(proof, now)).cloned()
    }

    /// Remembers what was found out, among the callers or among the strangers. What may be otherwise in a moment is not
    /// remembered.
    pub fn learn(&self, proof: Digest, finding: &Finding, has_team: bool, now: Duration) {
        if finding.as_ref().is_err_and(|flaw| !flaw.is_lasting()) {
            return;
        }
        let mut all = self.lock();
        let shelf = if has_team && finding.is_ok() { &mut all.known } else { &mut all.strangers };
        shelf.put(proof, finding.clone(), now);
    }

    /// Whether a caller with a team has proven himself by this access key of late. No more than a hint: whoever has seen
    /// the id can name it.
    #[must_use]
    pub fn favours(&self, access_key_id: &str, now: Duration) -> bool {
        self.lock().favoured.find(&digest_of(&[access_key_id]), now).is_some()
    }

    /// A caller with a team has proven himself by this access key.
    pub fn favour(&self, access_key_id: &str, who: &AwsPrincipal, now: Duration) {
        self.lock().favoured.put(digest_of(&[access_key_id]), Ok(who.clone()), now);
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Findings that are kept for one time, and of which there are at most so many.
#[derive(Debug)]
struct Shelf {
    kept_for: Duration,
    count_max: usize,
    /// How many were ever put here: each has its number.
    count: u64,
    findings: HashMap<Digest, Kept>,
    /// The same by number: oldest first.
    order: BTreeMap<u64, Digest>,
    /// The numbers of each caller's, oldest first.
    of_one: HashMap<Arc<str>, VecDeque<u64>>,
}

#[derive(Debug)]
struct Kept {
    finding: Finding,
    since: Duration,
}

impl Shelf {
    fn new(kept_for: Duration, count_max: usize) -> Self {
        let (findings, order, of_one) = Default::default();
        Self { kept_for, count_max, count: 0, findings, order, of_one }
    }

    fn find(&self, proof: &Digest, now: Duration) -> Option<&Finding> {
        self.findings.get(proof).filter(|kept| !self.is_over(kept, now)).map(|kept| &kept.finding)
    }

    fn is_over(&self, kept: &Kept, now: Duration) -> bool {
        now.saturating_sub(kept.since) >= self.kept_for
    }

    fn put(&mut self, proof: Digest, finding: Finding, now: Duration) {
        while let Some((&oldest, digest)) = self.order.first_key_value()
            && self.findings.get(digest).is_none_or(|kept| self.is_over(kept, now))
        {
            self.take_out(oldest);
        }
        // Of those who heard of it together, the first has noted it.
        if self.findings.contains_key(&proof) {
            return;
        }
        let arn = finding.as_ref().ok().map(|who| Arc::clone(who.arn()));
        if self.findings.len() >= self.count_max {
            let own = arn.as_ref().and_then(|arn| self.of_one.get(arn)).filter(|own| own.len() >= FAIR_SHARE);
            let oldest = self.order.first_key_value().map(|(number, _)| *number);
            if let Some(number) = own.and_then(|own| own.front().copied()).or(oldest) {
                self.take_out(number);
            }
        }
        self.count += 1;
        self.findings.insert(proof, Kept { finding, since: now });
        self.order.insert(self.count, proof);
        if let Some(arn) = arn {
            self.of_one.entry(arn).or_default().push_back(self.count);
        }
    }

    /// Takes out one that is the oldest of all or of its caller.
    fn take_out(&mut self, number: u64) {
        let Some(kept) = self.order.remove(&number).and_then(|digest| self.findings.remove(&digest)) else { return };
        let Ok(who) = &kept.finding else { return };
        if let Some(own) = self.of_one.get_mut(who.arn()) {
            own.pop_front();
            if own.is_empty() {
                self.of_one.remove(who.arn());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::{Hitch, Kind};

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
        memory.learn(digest(4), &Err(Flaw::Unavailable(Kind::CallerIdentity, Hitch::NoAnswer)), false, at(10));
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
    fn one_caller_does_not_crowd_out_the_others() {
        let other = || AwsPrincipal::of("arn:aws:iam::123456789012:role/b");
        let mut shelf = Shelf::new(Duration::from_secs(30), 2 * FAIR_SHARE);
        for number in 0..2 * FAIR_SHARE as u64 {
            let finding = if number < 10 { other() } else { someone() };
            shelf.put(digest(number), finding, Duration::ZERO);
        }
        for number in 1_000..1_600 {
            shelf.put(digest(number), someone(), Duration::from_secs(1));
        }
        let has = |shelf: &Shelf, number| shelf.find(&digest(number), Duration::from_secs(1)).is_some();
        assert!((0..10).all(|number| has(&shelf, number)), "who has many makes room himself");
        assert!(!has(&shelf, 10) && has(&shelf, 1_599));
        assert_eq!((shelf.findings.len(), shelf.order.len()), (2 * FAIR_SHARE, 2 * FAIR_SHARE));
        shelf.put(digest(2_000), other(), Duration::from_secs(1));
        assert!(!has(&shelf, 0) && has(&shelf, 2_000), "who has few takes the oldest place");
        shelf.put(digest(3_000), someone(), Duration::from_secs(60));
        assert_eq!((shelf.findings.len(), shelf.order.len(), shelf.of_one.len()), (1, 1, 1), "what is over leaves");
    }

    #[test]
    fn an_access_key_is_favoured_once_it_has_proven_somebody() {
        let memory = Memory::default();
        assert!(!memory.favours("ASIAEXAMPLE000000001", Duration::ZERO));
        memory.favour("ASIAEXAMPLE000000001", &someone().unwrap(), Duration::ZERO);
        let at = |second| memory.favours("ASIAEXAMPLE000000001", Duration::from_secs(second));
        assert_eq!((at(0), at(3_599), at(3_600)), (true, true, false));
        assert!(!memory.favours("ASIAEXAMPLE000000002", Duration::ZERO));
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
