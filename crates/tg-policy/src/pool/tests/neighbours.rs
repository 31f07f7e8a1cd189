//! Who shares a pool with a team that floods it: simulated.

use super::simulation::{Seen, Sender, Simulation, about_a_second};
use super::*;

const TIME: Duration = Duration::from_secs(200);

fn sender(team: &str, class: Class, weight: u32, each_second: u64) -> Sender {
    Sender { ask: ask(team, class, weight), each_second }
}

fn simulated(spec: &Spec, senders: &[Sender]) -> (Vec<Seen>, u64) {
    let mut simulation = Simulation::new(spec.clone(), senders, about_a_second);
    simulation.run(TIME);
    let used = simulation.held * 100 / (20 * TIME.as_micros());
    (simulation.seen, u64::try_from(used).unwrap())
}

fn twenty_places() -> Spec {
    spec(Concurrency::Fixed(20), Vec::new())
}

#[test]
fn a_flooding_team_does_not_raise_anothers_p99_by_more_than_a_fifth() {
    let calm = sender("calm", Class::Normal, 1, 6);
    let rates = vec![(Measure::Requests, rate(20, Duration::from_secs(1)))];
    for (what, spec) in [("places", twenty_places()), ("a rate", spec(Concurrency::Unbounded, rates))] {
        let (alone, _) = simulated(&spec, std::slice::from_ref(&calm));
        for flood in [30, 100, 400] {
            let (both, _) = simulated(&spec, &[calm.clone(), sender("flood", Class::Normal, 1, flood)]);
            let (before, after) = (alone[0].percentile(99), both[0].percentile(99));
            println!(
                "{what}, {flood} calls a second beside 6: p99 {before:?} alone, {after:?} beside; p50 {:?}, {:?}; \
                 the flood: {} answered, {} told at once, {} in vain",
                alone[0].percentile(50),
                both[0].percentile(50),
                both[1].took.len(),
                both[1].refused,
                both[1].in_vain,
            );
            assert!(after * 5 <= before * 6, "{what}, {flood}: {before:?} became {after:?}");
            assert_eq!((both[0].refused, both[0].in_vain), (0, 0), "{what}, {flood}: nobody of it is refused");
        }
    }
}

#[test]
fn nothing_is_left_idle_while_somebody_waits() {
    let flood = sender("flood", Class::Batch, 1, 60);
    let (alone, used) = simulated(&twenty_places(), std::slice::from_ref(&flood));
    assert!(used >= 98, "a team alone has all of it: {used} % used");
    // Twenty places, about a second each: twenty calls a second.
    let answered = alone[0].took.len();
    assert!((3_800..=4_200).contains(&answered), "{answered} answered in two hundred seconds");
    let (_, used) = simulated(&twenty_places(), &[flood, sender("calm", Class::Interactive, 1, 2)]);
    assert!(used >= 98, "{used} % used");
}

#[test]
fn weights_and_classes_are_parts_and_nobody_starves() {
    for (one, other, part) in [
        (sender("one", Class::Normal, 3, 60), sender("other", Class::Normal, 1, 60), 75),
        (sender("one", Class::Interactive, 1, 60), sender("other", Class::Normal, 9, 60), 80),
        (sender("one", Class::Interactive, 1, 60), sender("other", Class::Batch, 1, 60), 94),
    ] {
        let (both, _) = simulated(&twenty_places(), &[one, other]);
        let [one, other] = [both[0].took.len(), both[1].took.len()];
        let got = one * 100 / (one + other);
        assert!(got.abs_diff(part) <= 2, "{got} % of the calls instead of {part} %");
    }
    let all = [
        sender("interactive", Class::Interactive, 1, 60),
        sender("normal", Class::Normal, 1, 60),
        sender("batch", Class::Batch, 1, 60),
    ];
    let (seen, _) = simulated(&twenty_places(), &all);
    let [i, n, b] = [seen[0].took.len(), seen[1].took.len(), seen[2].took.len()];
    println!("interactive {i}, normal {n}, batch {b} of {}", i + n + b);
    assert!(b * 21 * 10 >= (i + n + b) * 9, "batch has its 21st: {b} of {}", i + n + b);
}

#[test]
fn nobody_waits_longer_than_it_was_told_and_few_in_vain() {
    let teams = [
        sender("a", Class::Normal, 1, 15),
        sender("b", Class::Normal, 2, 15),
        sender("c", Class::Interactive, 1, 5),
        sender("d", Class::Batch, 1, 10),
    ];
    let (seen, _) = simulated(&twenty_places(), &teams);
    for (team, seen) in teams.iter().zip(&seen) {
        let longest = seen.waited.iter().max().unwrap();
        assert!(*longest <= Duration::from_secs(2), "{}: {longest:?}", team.ask.team);
        let came = seen.waited.len() + seen.refused + seen.in_vain;
        println!("{}: {} came, {} told at once, {} in vain", team.ask.team, came, seen.refused, seen.in_vain);
        assert!(seen.in_vain * 10 <= came, "{}: {} of {came} waited in vain", team.ask.team, seen.in_vain);
    }
}

#[test]
fn teams_of_long_calls_have_no_more_of_the_places_than_others() {
    // Of the one each call takes three seconds, of the other one: their parts of the places are the same.
    let mut pool = Pool::new(&Arc::new(twenty_places()), ms(0));
    let teams = [ask("long", Class::Normal, 1), ask("short", Class::Normal, 1)];
    let (mut going, mut held, mut now): (Vec<(usize, Duration, Taken)>, _, _) = (Vec::new(), [0_u64; 2], ms(0));
    let mut whose = std::collections::HashMap::new();
    for tick in 0..30_000_u64 {
        now = ms(tick * 10);
        for (team, ask) in teams.iter().enumerate() {
            match pool.arrive(&Ask { patience: Duration::from_secs(1), ..ask.clone() }, now) {
                Arrival::Enters(taken) => going.push((team, now, taken)),
                Arrival::Waits(ticket, _) => drop(whose.insert(ticket, team)),
                Arrival::Refused(_) => {}
            }
        }
        let lasts = |team: usize| ms(if team == 0 { 3000 } else { 1000 });
        let (over, on): (Vec<_>, Vec<_>) = going.into_iter().partition(|(team, since, _)| now >= *since + lasts(*team));
        going = on;
        over.into_iter().for_each(|(_, since, taken)| pool.end(taken, used(since), now));
        while let Some((ticket, taken)) = pool.next(now) {
            going.push((whose.remove(&ticket).unwrap(), now, taken));
        }
        going.iter().for_each(|(team, ..)| held[*team] += 1);
    }
    let part = held[0] * 100 / (held[0] + held[1]);
    assert!((40..=60).contains(&part), "{part} % of the places at {now:?}");
}

#[test]
fn batch_that_took_more_than_was_thought_while_it_was_alone_has_its_share_soon() {
    let long = Duration::from_secs(100_000);
    let queue = Some(QueueBounds { wait_max: long, length_max: 1000, bytes_max: 1 << 20 });
    let mut pool = Pool::new(&Arc::new(Spec { queue, ..twenty_places() }), ms(0));
    let of = |team: &str, class| Ask { patience: long, ..ask(team, class, 1) };
    let (batch, urgent) = (of("batch", Class::Batch), of("urgent", Class::Interactive));
    // Twenty calls of batch, one each three seconds, hold their places for a minute: nobody knew that they would.
    let mut going: std::collections::VecDeque<(Duration, Taken)> = (0..20)
        .map(|call| {
            let now = ms(call * 3000);
            (now, place(pool.arrive(&batch, now)))
        })
        .collect();
    // Others come into their places, and then more of both than there are places.
    for call in 20..40 {
        let now = ms(call * 3000);
        let (since, taken) = going.pop_front().unwrap();
        pool.end(taken, used(since), now);
        going.push_back((now, place(pool.arrive(&urgent, now))));
    }
    let mut of_batch = std::collections::HashSet::new();
    for call in 0..400 {
        let _ = ticket(pool.arrive(&urgent, ms(118_000)));
        if call < 30 {
            of_batch.insert(ticket(pool.arrive(&batch, ms(118_000))));
        }
    }
    let mut served = 0;
    for call in 40..145 {
        let now = ms(call * 3000);
        let (since, taken) = going.pop_front().unwrap();
        pool.end(taken, used(since), now);
        let (called, taken) = pool.next(now).unwrap();
        served += usize::from(of_batch.contains(&called));
        going.push_back((now, taken));
    }
    // One of each seventeen.
    assert!((5..=8).contains(&served), "batch had {served} of 105 places");
}
