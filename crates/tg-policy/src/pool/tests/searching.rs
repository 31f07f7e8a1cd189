//! The limit that is looked for: found, kept, lowered and raised again, before simulated providers.

use super::simulation::{Provider, Sender, Simulation};
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn found(max: u32) -> Spec {
    spec(Concurrency::Found { min: 2, max }, Vec::new())
}

fn eager() -> Vec<Sender> {
    vec![Sender { ask: ask("a", Class::Normal, 1), each_second: 300 }]
}

/// Bears so many, and refuses the others at once.
fn bears<const MANY: u32>(under_way: u32, draw: u64) -> Result<(Duration, Duration), Duration> {
    if under_way > MANY {
        return Err(Duration::from_millis(20));
    }
    Ok((Duration::from_millis(80 + draw % 80), Duration::from_millis(500 + draw % 1000)))
}

/// Bears all that come, and is slower the more there are beyond so many.
fn slows<const MANY: u32>(under_way: u32, draw: u64) -> Result<(Duration, Duration), Duration> {
    let more = under_way.max(MANY);
    let slower = |millis: u64| Duration::from_millis(millis) * more / MANY;
    Ok((slower(100 + draw % 40), slower(500 + draw % 500)))
}

/// What is found after a while, how much of the places are held beside what is borne, and how many were refused of how many.
fn after(simulation: &mut Simulation<'_>, time: Duration, bears: u32) -> (u32, u64, usize, usize) {
    let (held, refused, answered) = (simulation.held, simulation.seen[0].too_many, simulation.seen[0].took.len());
    let begun = simulation.now;
    simulation.run(begun + time);
    let held = (simulation.held - held) * 100 / (u128::from(bears) * (simulation.now - begun).as_micros());
    let seen = &simulation.seen[0];
    let limit = simulation.pool.limit().unwrap();
    (limit, u64::try_from(held).unwrap(), seen.too_many - refused, seen.took.len() - answered)
}

#[test]
fn what_a_provider_bears_is_found_and_few_are_refused() {
    for (provider, many) in [(bears::<5> as Provider, 5), (bears::<20>, 20), (bears::<100>, 100)] {
        let senders = eager();
        let mut simulation = Simulation::new(found(400), &senders, provider);
        let _ = after(&mut simulation, MINUTE, many);
        let (limit, held, refused, answered) = after(&mut simulation, 10 * MINUTE, many);
        println!("bears {many}: {limit} found, {held} % held, {refused} refused of {}", refused + answered);
        assert!(limit * 10 >= many * 7 && limit <= many + 2, "{limit} where {many} are borne");
        assert!(held >= 80, "{held} % of {many}");
        assert!(refused * 50 <= answered, "{refused} were refused beside {answered}");
    }
}

#[test]
fn it_follows_a_provider_that_bears_less_and_then_more() {
    let senders = eager();
    let mut simulation = Simulation::new(found(400), &senders, bears::<40>);
    let _ = after(&mut simulation, 2 * MINUTE, 40);
    simulation.provider = bears::<10>;
    let _ = after(&mut simulation, MINUTE, 10);
    let (limit, held, ..) = after(&mut simulation, 2 * MINUTE, 10);
    assert!((7..=12).contains(&limit) && held >= 75, "{limit}, {held} % held");
    simulation.provider = bears::<80>;
    let _ = after(&mut simulation, 10 * MINUTE, 80);
    let (limit, held, ..) = after(&mut simulation, 2 * MINUTE, 80);
    assert!((56..=82).contains(&limit) && held >= 75, "{limit}, {held} % held");
}

#[test]
fn a_provider_that_only_becomes_slower_is_seen_by_its_first_words() {
    let senders = eager();
    let mut simulation = Simulation::new(found(400), &senders, slows::<20>);
    let _ = after(&mut simulation, MINUTE, 20);
    let (limit, held, ..) = after(&mut simulation, 10 * MINUTE, 20);
    println!("slow beyond 20: {limit} found, {held} % held");
    assert!((20..=50).contains(&limit), "{limit}");
}

#[test]
fn the_bounds_are_kept_and_what_is_not_needed_is_not_claimed() {
    let senders = eager();
    let mut simulation = Simulation::new(found(12), &senders, bears::<100>);
    assert_eq!(after(&mut simulation, MINUTE, 100).0, 12);
    simulation.provider = bears::<0>;
    assert_eq!(after(&mut simulation, MINUTE, 100).0, 2);
    let few = vec![Sender { ask: ask("a", Class::Normal, 1), each_second: 2 }];
    let mut simulation = Simulation::new(found(400), &few, bears::<100>);
    let (limit, ..) = after(&mut simulation, 10 * MINUTE, 100);
    assert!(limit <= 24, "two calls at a time are no reason for {limit}");
}
