//! What a cache of answers would do, of calls that no rule of it is for: noted for a part of all requests, with all their repeats.

use crate::speak::{Manner, ask};
use crate::wire::Call;
use crate::world::{Setup, World};
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::{Clock, ManualClock, Timestamp};
use tg_kernel::decided::Repeat;
use tg_kernel::dialect::Dialect;

/// So many different requests that it is beyond all chance that none of them is looked at.
const MANY: usize = 150;

fn setup(cache: &str) -> Setup {
    Setup {
        cache: cache.to_owned(),
        teams: "- { name: red, projects: [alpha, beta], environments: [prod, dev] }\n- { name: blue }\n".to_owned(),
        ..Setup::default()
    }
}

fn repeat(world: &World, call: &Call) -> Option<Repeat> {
    let answer = world.send(call);
    world.row(&answer).decided.and_then(|decided| decided.repeat)
}

fn hi(prompt: &str) -> Call {
    ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", prompt)
}

/// Requests that are looked at, as they are said first; no more than `wanted`.
fn looked_at(world: &World, wanted: usize, said: impl Fn(usize) -> Call) -> Vec<Call> {
    let calls = (0..MANY).map(said).filter(|call| repeat(world, call).is_some());
    calls.take(wanted).collect()
}

#[test]
fn of_a_part_of_all_requests_each_repeat_says_how_old_the_answer_would_have_been() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_790_000_000)));
    let world = World::by(setup("{}"), Arc::clone(&clock) as Arc<dyn Clock>);
    let all: Vec<(Call, Option<Repeat>)> = (0..MANY)
        .map(|number| {
            let call = hi(&format!("question {number}"));
            let repeat = repeat(&world, &call);
            (call, repeat)
        })
        .collect();
    let first = Repeat { one_in: 8, ..Repeat::default() };
    assert!(all.iter().all(|(_, repeat)| repeat.is_none_or(|repeat| repeat == first)), "{all:?}");
    assert!(all.iter().any(|(_, repeat)| repeat.is_some()) && all.iter().any(|(_, repeat)| repeat.is_none()));
    let again = |times: u32, hour: Option<u32>, day: Option<u32>| {
        let expected = Repeat { times, within_hour_s: hour, within_day_s: day, ..first };
        for (call, is_looked_at) in &all {
            assert_eq!(repeat(&world, call), is_looked_at.map(|_| expected), "by what is asked, always or never");
        }
    };
    clock.advance(Duration::from_secs(600));
    again(1, Some(600), Some(600));
    clock.advance(Duration::from_secs(3_000));
    again(2, None, Some(3_600));
    clock.advance(Duration::from_secs(60));
    again(3, Some(60), Some(3_660));
}

#[test]
fn calls_of_other_teams_and_those_whose_answers_would_not_be_kept_are_no_repeats() {
    let world = World::with(setup("{}"));
    let cut = looked_at(&world, 1, |number| hi(&format!("cut {number} [[sim: stop=max_tokens]]")));
    let said = repeat(&world, &cut[0]).unwrap();
    assert_eq!((said.times, said.within_hour_s), (1, None), "what was cut would not be kept");
    let seen = looked_at(&world, 2, |number| hi(&format!("twice {number}")));
    let [one, two] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(repeat(&world, one).is_some_and(|again| again.times == 1 && again.within_hour_s.is_some()));
    assert_eq!(repeat(&world, &two.clone().header("x-tallygate-cache", "off")), None);
    assert_eq!(repeat(&world, &two.clone().header("cache-control", "no-store")), None);
    let blue = world.issue(&world.new_key("blue"));
    let theirs = one.clone().bearer(blue.secret.expose()).send(world.address);
    let theirs = world.row(&theirs).decided.and_then(|decided| decided.repeat);
    assert!(theirs.is_none_or(|repeat| repeat.times == 0 && repeat.within_hour_s.is_none()), "{theirs:?}");
}

#[test]
fn where_a_rule_is_for_a_call_the_rule_tells() {
    let world = World::with(setup("{ rules: [{ name: all, ttl: 1h, for: { team: red } }] }"));
    assert!(looked_at(&world, 1, |number| hi(&format!("question {number}"))).is_empty());
}

#[test]
fn long_requests_are_not_read_for_advice() {
    let world = World::with(setup("{}"));
    let long = "a".repeat(64 << 10);
    assert_eq!(looked_at(&world, 1, |number| hi(&format!("{number} {long}"))).len(), 0);
    let half = "a".repeat(32 << 10);
    assert_eq!(looked_at(&world, 1, |number| hi(&format!("{number} {half}"))).len(), 1);
}
