//! What is seen of calls that no guardrail was for, and of what each set and service came to on those that some were for.

use crate::cli::{bad, good};
use crate::guarded::{SECRET, house, no_secrets};
use crate::speak::{Manner, ask};
use crate::world::{DEADLINE, Setup, World};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::Verdict;
use tg_policy::admit::Scope;
use tg_policy::guard::Set;
use tg_store::key::NewKey;

/// What left unguarded: not checked, without a set, without any guardrails.
fn unguarded(world: &World) -> [u64; 3] {
    let counts = &world.gateway().living.counts;
    [&counts.unguarded, &counts.without_set, &counts.without_guardrails].map(|count| count.load(Ordering::Relaxed))
}

/// Three of eight teams had no content filtering, and nobody knew.
#[test]
fn calls_of_a_team_that_no_set_is_for_are_counted_and_reported() {
    let scope = Scope { team: Some("red".to_owned()), ..Scope::default() };
    let mut world = World::with(Setup {
        guards: vec![Set { scope, ..house(vec![no_secrets()]) }],
        teams: "- { name: red, projects: [alpha], environments: [prod] }\n- { name: blue }\n".to_owned(),
        ..Setup::default()
    });
    let blue = world.issue(&NewKey { ..world.new_key("blue") });
    for (dialect, model) in [(Dialect::OpenaiChat, "on-openai"), (Dialect::AnthropicMessages, "on-bedrock")] {
        for manner in [Manner::Plain, Manner::Streamed] {
            assert_eq!(world.send(&ask(dialect, manner, model, "hello")).status, 200);
            assert_eq!(unguarded(&world), [0; 3]);
        }
    }
    // What is stopped reaches nobody.
    assert_eq!(world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", SECRET)).status, 400);
    let call = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", SECRET).bearer(blue.secret.expose());
    let answer = call.send(world.address);
    assert_eq!(answer.status, 200);
    assert_eq!(unguarded(&world), [0, 1, 0]);
    assert!(world.row(&answer).guarded.is_none());
    world.drain(DEADLINE);
    std::fs::write(world.folder.path().join("tallygate.yaml"), world.config.replace("admin:", "# admin:")).unwrap();
    let report = |more: &[&str]| good(world.folder.path(), &[&["report", "--unguarded"], more].concat());
    let read: Value = serde_json::from_str(&report(&["--format", "json"])).unwrap();
    let row =
        |at: usize| json!([read["rows"][at]["group"][0], read["rows"][at]["calls"], read["rows"][at]["unguarded"]]);
    assert_eq!([row(0), row(1)], [json!(["blue", 1, 1]), json!(["red", 4, 0])], "{read:#}");
    assert!(report(&["--by", "team,model"]).contains("asked by guards".to_uppercase().as_str()));
    assert!(
        report(&["--format", "csv"]).starts_with("team,calls,unguarded,unguarded_usd,asked_by_guards\r\nblue,1,1,")
    );
    let refused = bad(world.folder.path(), &["report", "--unguarded", "--format", "focus"], 1);
    assert!(refused.contains("leave --format focus out"), "{refused}");
}

#[test]
fn a_gateway_without_guardrails_does_not_read_as_guarded() {
    let world = World::with(Setup::default());
    assert_eq!(world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hello")).status, 200);
    assert_eq!(unguarded(&world), [0, 0, 1]);
}

#[test]
fn a_row_says_what_each_set_came_to() {
    let further =
        Set { name: "further".into(), ..house(vec![crate::guarded::no_mail(tg_policy::guard::Action::Annotate)]) };
    let world = World::with(Setup { guards: vec![house(vec![no_secrets()]), further], ..Setup::default() });
    let stopped = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", SECRET));
    let guarded = world.row(&stopped).guarded.unwrap();
    let sets: Vec<(&str, Verdict)> = guarded.by_set.iter().map(|of| (&*of.set, of.verdict)).collect();
    assert_eq!(sets, [("house", Verdict::Blocked), ("further", Verdict::Passed)]);
    assert!(guarded.by_set.iter().all(|of| of.version.len() == guarded.version.len() && of.version != guarded.version));
    assert!(guarded.services.is_empty());
}
