//! What limits count apart: streams at a time, over several gateways, and users by their tags.

use crate::budgets::code;
use crate::replicas::{Fleet, hi, streamed, with};
use crate::wire::Call;
use crate::world::{Setup, World, until};

/// field.md §14 C 10: streams at a time that every replica counts for itself.
#[test]
fn streams_at_a_time_of_several_gateways_are_counted_together_and_plain_calls_are_not() {
    let fleet = Fleet::start(2, &with("- { name: live, concurrent_streams: 2 }\n", ""), "");
    let slow = fleet.keyed(&streamed("gpt-4.1", "[[sim: tokens=4000 delay=50ms]] slow"));
    let mut running = [0, 1].map(|number| slow.open(fleet.gateway(number).address));
    for exchange in &mut running {
        assert_eq!(exchange.status, 200);
        exchange.piece();
    }
    let quick = streamed("gpt-4.1", "[[sim: tokens=2]] quick");
    for number in [0, 1] {
        let refused = fleet.send(number, &quick);
        assert_eq!(code(&refused), (429, "limit_reached"), "{}", refused.text());
        assert!(refused.text().contains("'live' is reached: 2 streams at a time"), "{}", refused.text());
        assert_eq!(fleet.send(number, &hi()).status, 200, "no stream");
    }
    let [first, second] = running;
    drop(first);
    // What the other gateway had lets this one stream, and no more than that.
    let again = until("there is room again", || {
        let again = slow.open(fleet.gateway(1).address);
        (again.status == 200).then_some(again)
    });
    assert_eq!(code(&fleet.send(0, &quick)), (429, "limit_reached"));
    drop((second, again));
    until("there is room for two", || {
        let both = [0, 1].map(|number| slow.open(fleet.gateway(number).address));
        both.iter().all(|exchange| exchange.status == 200).then_some(())
    });
}

/// docs/limits.md: `each: ['tag:user']`.
#[test]
fn users_are_counted_apart_by_their_tag_within_their_team_and_those_without_together() {
    let world = World::with(Setup {
        limits: "- { name: per-user, each: ['tag:user'], requests: 2/h }\n".to_owned(),
        teams: "- { name: red, projects: [alpha], environments: [prod], tags: { allow: [user, job] } }\n\
                - { name: blue, tags: { allow: [user] } }\n"
            .to_owned(),
        ..Setup::default()
    });
    let blue = world.issue(&world.new_key("blue"));
    let tagged = |tags: &str| hi().header("x-tallygate-tags", tags);
    let thrice = |call: &Call| [(); 3].map(|()| world.send(call).status);
    assert_eq!(thrice(&tagged("user=ann")), [200, 200, 429]);
    let refused = world.send(&tagged("user=ann"));
    assert!(
        refused.text().contains("'per-user' of value of the tag 'user' 'red:ann' is reached: 2 requests in 1 h"),
        "{}",
        refused.text()
    );
    assert_eq!(
        thrice(&tagged("job=nightly,user=bob")),
        [200, 200, 429],
        "another user, whatever else is said of the call"
    );
    assert_eq!(world.send(&tagged("job=other,user=bob")).status, 429);
    assert_eq!(thrice(&hi()), [200, 200, 429], "nobody");
    assert_eq!(world.send(&tagged("job=nightly")).status, 429, "nobody either");
    let of_blue = tagged("user=ann").bearer(blue.secret.expose());
    assert_eq!([(); 3].map(|()| of_blue.send(world.address).status), [200, 200, 429], "another team's ann");
}
