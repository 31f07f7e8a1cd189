//! How many output tokens a stream may still make, taken in steps.

/// Most tokens that are taken ahead in one step.
const STEP_MAX: u64 = 8_192;

/// What was taken for a stream, and what it has made of it.
///
/// The next step is asked for when half of the present one is used up, so that a counter that stands elsewhere has time to
/// answer; each step is as large as all before it, so that a stream asks a handful of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    granted: u64,
    used: u64,
    /// What was granted last.
    step: u64,
    /// The last step was not granted in full: more is asked for only when it is needed.
    is_short: bool,
}

impl Allowance {
    pub(super) const fn new(granted: u64) -> Self {
        Self { granted, used: 0, step: granted, is_short: false }
    }

    /// Uses so many more tokens, if they are there. `more` takes up to as many as it is asked for, and answers how many.
    pub(super) fn spend(&mut self, tokens: u64, more: &mut impl FnMut(u64) -> u64) -> bool {
        let used = self.used.saturating_add(tokens);
        if used > self.granted {
            let missing = used - self.granted;
            self.extend(missing.max(self.next_step()), more);
        }
        if used > self.granted {
            return false;
        }
        self.used = used;
        if tokens > 0 && !self.is_short && self.granted - used <= self.step / 2 {
            self.extend(self.next_step(), more);
        }
        true
    }

    /// Uses so many more tokens, if they are there. Asks for nothing.
    pub(super) fn spend_own(&mut self, tokens: u64) -> bool {
        let used = self.used.saturating_add(tokens);
        if used <= self.granted {
            self.used = used;
        }
        used <= self.granted
    }

    /// Whether less than so many are there.
    pub(super) const fn lacks(&self, needed: u64) -> bool {
        self.granted - self.used < needed
    }

    /// Whether what was granted last was less than what was asked for.
    pub(super) const fn is_short(&self) -> bool {
        self.is_short
    }

    /// How many to ask for now, so that `needed` are there, and some ahead; `None` where that can wait.
    pub(super) fn wants(&self, needed: u64) -> Option<u64> {
        let left = self.granted - self.used;
        if left < needed {
            return Some((needed - left).max(self.next_step()));
        }
        (self.used > 0 && !self.is_short && left <= self.step / 2).then(|| self.next_step())
    }

    /// So many of those that were asked for were granted.
    pub(super) fn grant(&mut self, got: u64, wanted: u64) {
        let got = got.min(wanted);
        self.granted = self.granted.saturating_add(got);
        (self.step, self.is_short) = (got, got < wanted);
    }

    /// What was taken in all.
    pub(super) const fn granted(&self) -> u64 {
        self.granted
    }

    /// What was made of it, at most.
    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    fn next_step(&self) -> u64 {
        self.granted.clamp(1, STEP_MAX)
    }

    fn extend(&mut self, wanted: u64, more: &mut impl FnMut(u64) -> u64) {
        let got = more(wanted);
        self.grant(got, wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowance, STEP_MAX};
    use proptest::prelude::*;

    #[test]
    fn steps_double_and_are_asked_for_ahead() {
        let (mut allowance, mut asked) = (Allowance::new(100), Vec::new());
        let mut more = |wanted| {
            asked.push(wanted);
            wanted
        };
        assert!((0..50_000).all(|_| allowance.spend(1, &mut more)));
        assert_eq!(asked[..4], [100, 200, 400, 800]);
        assert!(asked.len() < 16 && asked.iter().all(|step| *step <= STEP_MAX), "{asked:?}");
    }

    #[test]
    fn what_is_asked_for_elsewhere_is_asked_for_ahead_and_used_only_when_it_is_there() {
        let mut allowance = Allowance::new(100);
        assert_eq!(allowance.wants(60), None);
        assert!((0..50).all(|_| allowance.spend_own(1)));
        assert_eq!((allowance.wants(0), allowance.wants(60)), (Some(100), Some(100)));
        assert!(allowance.lacks(51) && !allowance.lacks(50) && !allowance.spend_own(51));
        allowance.grant(20, 100);
        assert_eq!((allowance.wants(70), allowance.wants(71)), (None, Some(120)));
        assert!(allowance.is_short() && allowance.spend_own(70) && !allowance.spend_own(1));
    }

    #[test]
    fn what_is_not_granted_is_asked_for_again_only_when_it_is_needed() {
        let (mut allowance, mut asked) = (Allowance::new(100), 0);
        let mut more = |_| {
            asked += 1;
            if asked == 1 { 20 } else { 0 }
        };
        assert!((0..120).all(|_| allowance.spend(1, &mut more)));
        assert!(!allowance.spend(1, &mut more));
        assert!(!allowance.spend(1, &mut more) && allowance.spend(0, &mut more));
        assert_eq!((asked, allowance.granted(), allowance.used()), (3, 120, 120));
    }

    proptest! {
        /// However its frames come, a stream uses no more than was taken for it, and is cut only where that is all.
        #[test]
        fn no_more_is_used_than_is_there(
            room in 0u64..4_000,
            first in 0u64..400,
            frames in proptest::collection::vec(0u64..300, 0..60),
        ) {
            let first = first.min(room);
            let mut left = room - first;
            let mut allowance = Allowance::new(first);
            let mut sent = 0;
            for frame in frames {
                let passes = allowance.spend(frame, &mut |wanted: u64| {
                    let got = wanted.min(left);
                    left -= got;
                    got
                });
                prop_assert_eq!(passes, sent + frame <= room);
                if !passes {
                    break;
                }
                sent += frame;
            }
            prop_assert_eq!((allowance.used(), allowance.granted()), (sent, room - left));
        }
    }
}
