//! What the gateway's credentials may not do, and credentials that are none: who is passed by, and for whom.

use crate::aws::setup;
use crate::speak::{Manner, ask};
use crate::world::{HAIKU, Setup, World};
use tg_kernel::dialect::Dialect;
use tg_store::key::IssuedKey;

const TEAMS: &str = "- { name: red, projects: [alpha], environments: [prod] }\n- { name: blue }\n";

/// Who answers a team's call.
fn by(world: &World, key: &IssuedKey, model: &str, prompt: &str) -> (u16, String, String) {
    let call = ask(Dialect::OpenaiChat, Manner::Plain, model, prompt).bearer(key.secret.expose());
    let answer = call.send(world.address);
    let header = |name| answer.header(name).to_owned();
    (answer.status, header("x-tallygate-provider"), header("x-tallygate-attempts"))
}

fn answered(provider: &str, attempts: &str) -> (u16, String, String) {
    (200, provider.to_owned(), attempts.to_owned())
}

fn two_teams(setup: Setup) -> (World, [IssuedKey; 2]) {
    let world = World::with(setup);
    let keys = ["red", "blue"].map(|team| world.issue(&world.new_key(team)));
    (world, keys)
}

fn on_one_key() -> (World, [IssuedKey; 2]) {
    let models = format!(
        "- {{ name: aws-first, targets: [{{ provider: bedrock, model: '{HAIKU}' }}, {{ provider: local, model: local-chat }}] }}\n"
    );
    two_teams(Setup { models, teams: TEAMS.to_owned(), ..Setup::default() })
}

/// Five refusals that one team's calls met sent another team's next call past Bedrock.
#[test]
fn what_one_team_may_not_do_moves_no_other_teams_calls() {
    let (world, [red, blue]) = on_one_key();
    for number in 0..5 {
        let answer = by(&world, &red, "aws-first", &format!("{number} [[sim: status=403 times=1]]"));
        assert_eq!(answer, answered("local", "2"), "{number}");
    }
    assert_eq!(by(&world, &red, "aws-first", "red"), answered("local", "1"), "nobody waits for who refuses");
    assert_eq!(by(&world, &blue, "aws-first", "blue"), answered("bedrock", "1"));
    let living = &world.gateway().living;
    assert_eq!(living.health.tallies().credential, 1);
    assert_eq!(living.health.benched(living.clock.monotonic()), 1);
}

/// AWS says 403 also of what is no credential at all.
#[test]
fn a_credential_that_aws_does_not_know_benches_its_provider_at_once() {
    for exception in ["UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"] {
        let (world, [red, blue]) = on_one_key();
        let script = format!("[[sim: status=403 error={exception} times=1]]");
        assert_eq!(by(&world, &red, "aws-first", &script), answered("local", "2"), "{exception}");
        for key in [&red, &blue] {
            assert_eq!(by(&world, key, "aws-first", "next"), answered("local", "1"), "{exception}");
        }
    }
}

#[test]
fn one_roles_session_that_ends_benches_no_other() {
    let (world, [red, blue]) = two_teams(Setup { teams: TEAMS.to_owned(), ..setup(", per: team") });
    let script = "[[sim: status=403 error=ExpiredTokenException times=1]]";
    assert_eq!(by(&world, &red, "role-first", script), answered("anthropic", "2"));
    assert_eq!(by(&world, &red, "role-first", "red"), answered("anthropic", "1"));
    assert_eq!(by(&world, &blue, "role-first", "blue"), answered("roles", "1"));
}
