//! Rules by tasks that have switched themselves off: who is told, what remembers it, and who switches them on again.

use crate::budgets::listener;
use crate::process::{Process, command, prepared};
use crate::samples::{AGREEMENT, LABEL, call, known, models};
use crate::speak::{Manner, ask};
use crate::wire::Answer;
use crate::world::{DEADLINE, Setup, World, until};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::{Clock as _, ManualClock, SystemClock};
use tg_kernel::dialect::Dialect;

#[test]
fn a_rule_that_switches_itself_off_is_told_once_and_stays_off_when_the_ledger_has_forgotten_why() {
    let (url, heard) = listener();
    let clock = Arc::new(ManualClock::at(SystemClock::new().now()));
    let setup = Setup {
        models: models("enforce", AGREEMENT),
        webhooks: format!("  - {{ url: '{url}', secret: 'env:SIM_KEY' }}\n"),
        ..Setup::default()
    };
    let mut world = World::by(setup, clock.clone());
    for number in 1..=10 {
        call(&world, Manner::Plain, ("negative", "positive"), "tokens=1");
        until("it is counted", || known(&world).0.is_some_and(|known| known.of == number).then_some(()));
    }
    let refused = heard.recv_timeout(DEADLINE).unwrap();
    let (head, body) = heard.recv_timeout(DEADLINE).unwrap();
    assert_eq!(refused.1, body, "the same notice again");
    assert!(head.to_ascii_lowercase().contains("x-tallygate-signature: t="), "{head}");
    let notice: Value = serde_json::from_str(&body).unwrap();
    let rule = world.gateway().living.snapshot.load().routes.all_by_task()[0].rule.to_string();
    for (member, expected) in [
        ("event", json!("routing.switched_off")),
        ("route", json!("smart")),
        ("rule", json!(rule)),
        ("task", json!("classification")),
        ("samples", json!(10)),
        ("kept", json!(0)),
        ("low", json!(0.0)),
        ("floor", json!(0.95)),
    ] {
        assert_eq!(notice[member], expected, "{member}: {body}");
    }
    assert!((notice["high"].as_f64().unwrap() - 0.2775).abs() < 1e-4, "{body}");
    let kept = world.gateway().store.switches().unwrap().get(&rule).unwrap().unwrap();
    assert!(kept.is_off && notice["at"] == kept.at.to_string(), "{body}");
    // By now no comparison counts any more.
    clock.advance(Duration::from_secs(40 * 86_400));
    world.restart();
    assert_eq!(known(&world), (None, true), "it is off, whatever became of the rows");
    let answer = call(&world, Manner::Plain, ("negative", "positive"), "tokens=1");
    assert_eq!(answer.header("x-tallygate-model"), "gpt-5");
    world.row(&answer);
    world.drain(DEADLINE);
    assert_eq!(heard.try_recv().ok(), None, "nobody is told again");
}

fn tallygate(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = command(folder, arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The only rule, as a running gateway shows it.
fn shown(folder: &Path, process: &Process) -> Value {
    let admin = format!("http://{}", process.admin);
    let page = tallygate(folder, &["routing", "--json", "--admin", &admin]).unwrap();
    serde_json::from_str::<Value>(&page).unwrap()["rules"][0].clone()
}

/// Calls that the cheaper model gets wrong, until so many are known.
fn worse(folder: &Path, process: &Process, key: &str, known: u64) -> Answer {
    let prompt = format!("[[sim@gpt-5: say=negative]] [[sim@gpt-5-nano: say=positive]] {LABEL}");
    let answer = ask(Dialect::OpenaiChat, Manner::Plain, "smart", &prompt).bearer(key).send(process.address);
    assert_eq!(answer.status, 200, "{}", answer.text());
    until("it is counted", || (shown(folder, process)["quality"][0]["samples"].as_u64() == Some(known)).then_some(()));
    answer
}

#[test]
fn a_rule_that_somebody_switches_on_again_begins_anew_and_is_on_after_a_restart() {
    let (folder, _sim) =
        prepared(&Setup { models: models("enforce", AGREEMENT), teams: String::new(), ..Setup::default() });
    let folder = folder.path();
    let mut process = Process::start(folder);
    let key = process.key.clone().unwrap();
    let refused = |arguments: &[&str], said: &str| {
        let error = tallygate(folder, arguments).unwrap_err();
        assert!(error.contains(said), "{arguments:?}: {error}");
    };
    let admin = format!("http://{}", process.admin);
    refused(&["routing", "on", "smart", "--admin", &admin], "has not switched itself off");
    refused(&["routing", "on", "smarter", "--admin", &admin], "those in force are smart#");
    for known in 1..=10 {
        worse(folder, &process, &key, known);
    }
    let off = shown(folder, &process);
    assert_eq!((&off["off"], &off["off_because"]["quality"]["samples"]), (&json!(true), &json!(10)), "{off}");
    let whole = off["rule"].as_str().unwrap();
    let on = tallygate(folder, &["routing", "on", whole, "--admin", &admin]).unwrap();
    assert!(on.contains("smart#") && on.contains("is on again"), "{on}");
    assert_eq!(shown(folder, &process)["quality"][0]["samples"], 0, "what led to it does not count again");
    for known in 1..=9 {
        let answer = worse(folder, &process, &key, known);
        assert_eq!(answer.header("x-tallygate-model"), "gpt-5-nano", "{known}");
    }
    process.signal("TERM");
    process.ended();
    let mut process = Process::start(folder);
    let again = shown(folder, &process);
    assert_eq!((&again["off"], &again["quality"][0]["samples"]), (&json!(false), &json!(9)), "{again}");
    assert!(again["on_since"].is_string(), "{again}");
    worse(folder, &process, &key, 10);
    assert_eq!(shown(folder, &process)["off"], true, "it switches itself off as ever");
    process.signal("TERM");
    process.ended();
    // Without a gateway, on the store itself.
    let config = ["--config", "tallygate.yaml"];
    assert!(tallygate(folder, &[&["routing"], &config[..]].concat()).unwrap().contains("switched off since"));
    tallygate(folder, &[&["routing", "on", "smart"], &config[..]].concat()).unwrap();
    refused(&[&["routing", "on", "smart"], &config[..]].concat(), "has not switched itself off");
    let process = Process::start(folder);
    assert_eq!(shown(folder, &process)["off"], false);
}
