//! A warning that others can cause as often as they like: said once in a while, with how often it happened.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often it is said at most.
const EVERY: Duration = Duration::from_secs(10);

/// One warning.
#[derive(Debug, Default)]
pub(crate) struct Complaint(Mutex<Past>);

#[derive(Debug, Default)]
struct Past {
    said: Option<Duration>,
    times: u64,
}

impl Complaint {
    /// Counts that it happened. Where it is to be said now: how often since it was said last. `now` is the monotonic time.
    pub(crate) fn due(&self, now: Duration) -> Option<u64> {
        let mut past = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        past.times += 1;
        if past.said.is_some_and(|said| now.saturating_sub(said) < EVERY) {
            return None;
        }
        past.said = Some(now);
        Some(std::mem::take(&mut past.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_at_once_and_then_once_in_a_while() {
        let complaint = Complaint::default();
        let due = |second| complaint.due(Duration::from_secs(second));
        assert_eq!([due(3), due(3), due(12), due(13), due(14)], [Some(1), None, None, Some(3), None]);
        assert_eq!(due(100), Some(2));
    }
}
