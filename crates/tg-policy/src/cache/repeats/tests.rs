//! That a part of all requests is looked at, with all their repeats, in bounded memory, and that what is said of them is what a
//! cache would have done.

use super::*;
use crate::cache::{Request, Share, key};
use proptest::prelude::*;
use serde_json::json;
use tg_kernel::dialect::Operation;
use tg_kernel::principal::Attribution;

/// The key of a request that differs from others in its number.
fn numbered(number: usize) -> Key {
    key(&Request {
        booked: &Attribution::default(),
        share: Share::Team,
        dialect: Dialect::OpenaiChat,
        operation: Operation::Chat,
        stream: false,
        model: "fast",
        headers: &[],
        body: &json!(number),
        targets: &[],
        guard: None,
        revision: &[0; 32],
    })
}

fn rank_of(repeats: &Repeats, text: &str) -> Option<u32> {
    let members: [(&str, &[u8]); 2] = [("model", b"\"fast\""), ("messages", text.as_bytes())];
    let rank = repeats.rank(("red", "fast", Dialect::OpenaiChat), members);
    let turned = [("user", &b"\"u\""[..]), members[1], ("stream", b"true"), members[0]];
    assert_eq!(repeats.rank(("red", "fast", Dialect::OpenaiChat), turned), rank, "what changes no answer has no say");
    rank
}

#[test]
fn one_request_of_eight_is_looked_at_by_what_it_asks_and_whose_it_is() {
    let (repeats, others) = (Repeats::default(), Repeats::default());
    let long = "x".repeat(2_000);
    let mut counts = [0; 3];
    for number in 0..40_000 {
        let text = format!("{long}{number}");
        let (rank, other) = (rank_of(&repeats, &text), rank_of(&others, &text));
        assert!(rank.is_none_or(|rank| rank >= RANK));
        counts[0] += u32::from(rank.is_some());
        counts[1] += u32::from(other.is_some());
        counts[2] += u32::from(rank.is_some() && other.is_some());
    }
    // Five thousand are expected, and 625 in both; the deviations are 66 and 25.
    assert!((4_600..5_400).contains(&counts[0]) && (4_600..5_400).contains(&counts[1]), "{counts:?}");
    assert!((475..775).contains(&counts[2]), "each process looks at others: {counts:?}");
}

/// What a cache that keeps answers for so long has: when each was made.
#[derive(Default)]
struct Kept(HashMap<usize, u64>);

impl Kept {
    /// The age of the answer that is given, or `None` where it is made anew; then it is kept if it is `whole`.
    fn ask(&mut self, request: usize, now: u64, (life, whole): (u64, bool)) -> Option<u64> {
        let age = self.0.get(&request).map(|made| now - made).filter(|age| *age < life);
        if age.is_none() && whole {
            self.0.insert(request, now);
        }
        age
    }
}

proptest! {
    #[test]
    fn what_is_said_is_what_a_cache_would_have_done(
        calls in prop::collection::vec((0..4_usize, 0..6_000_u64, any::<bool>()), 1..200),
    ) {
        let (repeats, mut hour, mut day) = (Repeats::default(), Kept::default(), Kept::default());
        let (mut now, mut made) = (0, [(0_u32, 0_u64); 4]);
        for (request, gap, whole) in calls {
            now += gap;
            let at = Duration::from_secs(now);
            let (repeat, sight) = repeats.look(&numbered(request), 5, whole, at);
            let expected = [hour.ask(request, now, (3_600, whole)), day.ask(request, now, (86_400, whole))];
            let said = [repeat.within_hour_s, repeat.within_day_s].map(|age| age.map(u64::from));
            prop_assert_eq!(said, expected);
            let (times, last) = made[request];
            let times = if now - last > 86_400 { 0 } else { times };
            prop_assert_eq!((repeat.one_in, repeat.determined, repeat.times), (8, whole, times));
            made[request] = (times + 1, now);
            if whole {
                repeats.keep(sight, at);
            }
        }
    }
}

#[test]
fn memory_is_bounded_and_where_there_are_more_fewer_are_looked_at() {
    let repeats = Repeats::default();
    let at = Duration::from_secs;
    // As many of each rank as there are by chance.
    let rank = |number: usize| RANK + (number + 1).trailing_zeros();
    for number in 0..REQUESTS_MAX {
        let (_, sight) = repeats.look(&numbered(number), rank(number), false, at(0));
        repeats.keep(sight, at(0));
    }
    assert_eq!((repeats.lock().len(), repeats.least.load(Ordering::Relaxed)), (REQUESTS_MAX, RANK));
    let (one_more, _) = repeats.look(&numbered(REQUESTS_MAX), RANK + 1, false, at(9));
    assert_eq!((one_more.one_in, one_more.times), (16, 0));
    assert_eq!(repeats.lock().len(), REQUESTS_MAX / 2 + 1);
    let (known, _) = repeats.look(&numbered(1), rank(1), false, at(10));
    assert_eq!((known.within_hour_s, known.times), (Some(10), 1), "those that are still looked at are remembered");
    assert!(rank_of(&repeats, "any").is_none_or(|rank| rank > RANK));
    // What no cache has any more makes room without that.
    for number in 0..REQUESTS_MAX {
        repeats.look(&numbered(2 * REQUESTS_MAX + number), RANK + 1, false, at(100_000));
    }
    assert_eq!((repeats.lock().len(), repeats.least.load(Ordering::Relaxed)), (REQUESTS_MAX, RANK + 1));
}
