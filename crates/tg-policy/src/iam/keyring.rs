//! The keys of the issuers that were asked: how long they are believed, and when an issuer is asked again.

use super::keys::{Algorithm, KeySet};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long keys are believed without asking again.
const FRESH_FOR: Duration = Duration::from_secs(3600);
/// How long they are believed while the issuer does not answer.
const BELIEVED_FOR: Duration = Duration::from_secs(24 * 3600);
/// How often one issuer is asked at most: so many times in such a while. Strangers can name keys as they like.
const ASKED_MAX: (u32, Duration) = (4, Duration::from_secs(60));
/// Most issuers that are remembered; a configuration names fewer.
const ISSUERS_MAX: usize = 256;

/// What is known of a key.
#[derive(Clone, Debug)]
pub enum Look {
    /// The keys among which it is.
    Keys(Arc<KeySet>),
    /// The same, known for so long that the issuer is to be asked again, beside the call.
    Stale(Arc<KeySet>),
    /// The issuer has no such key: it was asked since.
    Absent,
    /// The issuer is to be asked.
    Ask,
    /// The issuer did not answer, or may not be asked again yet.
    Away,
}

/// The keys of issuers. One for each process.
#[derive(Debug, Default)]
pub struct Keyring(Mutex<HashMap<Arc<str>, Held>>);

/// Whether somebody may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// If need be.
    Allowed,
    /// What is known must do: the issuer was asked just now.
    Done,
}

#[derive(Debug)]
struct Held {
    keys: Option<(Arc<KeySet>, Duration)>,
    asked: Duration,
    /// When the while began in which it was asked so many times.
    since: Duration,
    times: u32,
}

impl Held {
    fn may_be_asked(&self, now: Duration) -> bool {
        self.times < ASKED_MAX.0 || now.saturating_sub(self.since) >= ASKED_MAX.1
    }
}

impl Keyring {
    /// What is known of a key of an issuer. `now` is the monotonic time.
    #[must_use]
    pub fn look(&self, issuer: &str, key: (&str, Algorithm), asking: Asking, now: Duration) -> Look {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.get(issuer);
        let can_ask = asking == Asking::Allowed && held.is_none_or(|held| held.may_be_asked(now));
        let known = held.and_then(|held| Some((held.asked, held.keys.as_ref()?)));
        let believed = known.filter(|(_, (_, since))| now.saturating_sub(*since) < BELIEVED_FOR);
        match believed {
            Some((_, (keys, since))) if keys.has(key.0, key.1) => {
                let is_fresh = now.saturating_sub(*since) < FRESH_FOR;
                if is_fresh || !can_ask { Look::Keys(Arc::clone(keys)) } else { Look::Stale(Arc::clone(keys)) }
            }
            _ if can_ask => Look::Ask,
            // Only who was asked about this very token can have said that there is no such key.
            Some((asked, (_, since))) if asking == Asking::Done && *since == asked => Look::Absent,
            _ => Look::Away,
        }
    }

    /// What an issuer answered; `None` where it did not.
    pub fn learn(&self, issuer: &Arc<str>, answer: Option<KeySet>, now: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ISSUERS_MAX && !all.contains_key(issuer) {
            all.clear();
        }
        let held = all.entry(Arc::clone(issuer)).or_insert(Held { keys: None, asked: now, since: now, times: 0 });
        if now.saturating_sub(held.since) >= ASKED_MAX.1 {
            (held.since, held.times) = (now, 0);
        }
        held.asked = now;
        held.times = held.times.saturating_add(1);
        if let Some(keys) = answer {
            held.keys = Some((Arc::new(keys), now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(id: &str) -> KeySet {
        let n = "A".repeat(342);
        let text = format!(r#"{{"keys": [{{"kty": "RSA", "kid": "{id}", "n": "{n}", "e": "AQAB"}}]}}"#);
        KeySet::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_issuer_is_asked_when_it_must_and_no_oftener() {
        let (ring, issuer) = (Keyring::default(), Arc::from("https://issuer.example"));
        let seen = |id: &str, asking, second| match ring.look(
            &issuer,
            (id, Algorithm::Rs256),
            asking,
            Duration::from_secs(second),
        ) {
            Look::Keys(_) => "keys",
            Look::Stale(_) => "stale",
            Look::Absent => "absent",
            Look::Ask => "ask",
            Look::Away => "away",
        };
        let look = |id: &str, second| seen(id, Asking::Allowed, second);
        let after = |id: &str, second| seen(id, Asking::Done, second);
        let learn = |answer, second| ring.learn(&issuer, answer, Duration::from_secs(second));
        assert_eq!((look("a", 0), after("a", 0)), ("ask", "away"));
        learn(None, 0);
        assert_eq!((look("a", 0), after("a", 0)), ("ask", "away"));
        learn(Some(keys("a")), 1);
        assert_eq!((look("a", 1), look("b", 1), after("b", 1)), ("keys", "ask", "absent"));
        learn(Some(keys("b")), 2);
        assert_eq!((look("b", 2), after("a", 2)), ("keys", "absent"), "a key that was withdrawn is not believed");
        learn(Some(keys("b")), 3);
        assert_eq!((look("x", 3), look("x", 59), look("x", 60)), ("away", "away", "ask"), "four times in a minute");
        assert_eq!((look("b", 3602), look("b", 3603)), ("keys", "stale"), "an hour later they are asked for again");
        learn(None, 3603);
        assert_eq!((after("b", 3603), after("x", 3603)), ("keys", "away"), "old keys do while the issuer is away");
        let day = 3 + 24 * 3600;
        assert_eq!((after("b", day - 1), after("b", day)), ("keys", "away"), "but not for ever");
    }
}
