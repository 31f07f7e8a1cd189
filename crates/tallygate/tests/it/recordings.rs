//! Calls that are recorded, and replayed against another policy.

use crate::cli::tallygate;
use crate::guarded::{EMAIL, SECRET, house, no_mail, no_secrets, rule};
use crate::outside::outside;
use crate::speak::{Manner, ask};
use crate::wire::Answer;
use crate::world::{Setup, World, until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tg_kernel::dialect::Dialect;
use tg_policy::guard::{Action, Check, On, Rule, Style};

const HOOK: &str =
    "- { name: hook, kind: webhook, url: 'HOOK_URL/check', secret: 'env:HOOK_SECRET', remember: 'off' }\n";

fn no_heron() -> Rule {
    rule("words", Check::Words { list: vec!["project heron".to_owned()], fuzzy: 0 }, Action::Block)
}

/// The same rules, as they are declared.
const RULES: &str = "{ name: mail, pii: [email], action: redact }, { name: secrets, secrets: all, action: block }, \
                     { name: words, words: { list: [project heron] }, action: block }";

fn recorded(share: &'static str, rules: Vec<Rule>) -> World {
    let services = HOOK.to_owned();
    World::with(Setup { guards: vec![house(rules)], services, recording: Some(share), ..Setup::default() })
}

fn call(world: &World, manner: Manner, prompt: &str) -> Answer {
    world.send(&ask(Dialect::OpenaiChat, manner, "on-anthropic", prompt))
}

/// The folder, kept, once the gateway has ended; and all that was recorded.
fn ended(world: &mut World) -> (PathBuf, String) {
    world.drain(crate::world::DEADLINE);
    let folder = world.folder.path().join("recorded");
    let mut all = String::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        all += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    (folder, all)
}

fn policy(folder: &TempDir, name: &str, rules: &str) -> PathBuf {
    let path = folder.path().join(name);
    let providers = "providers: [{ name: a, kind: anthropic, api_key: 'env:K' }]";
    let set = format!("guardrails: [{{ name: house, unreadable: block, rules: [{rules}] }}]");
    std::fs::write(&path, format!("{providers}\n{set}\n")).unwrap();
    path
}

fn run(folder: &TempDir, words: &[&str]) -> (i32, String, String) {
    let output = tallygate(folder.path(), words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn replay(folder: &TempDir, policy: &Path, recorded: &Path, more: &[&str]) -> Value {
    let (policy, recorded) = (policy.display().to_string(), recorded.display().to_string());
    let words = [&["guard", "replay", "--policy", &policy, "--folder", &recorded, "--format", "json"], more].concat();
    let (_, out, err) = run(folder, &words);
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out} {err}"))
}

#[test]
fn a_recording_has_what_was_said_and_none_of_the_values() {
    let mut world = recorded("share: 1", vec![no_mail(Action::Redact(Style::Tag)), no_secrets(), no_heron()]);
    for manner in [Manner::Plain, Manner::Streamed] {
        assert_eq!(call(&world, manner, &format!("write to {EMAIL} and say well met")).status, 200);
    }
    assert_eq!(call(&world, Manner::Plain, &format!("deploy with {SECRET} please")).status, 400);
    // Personal data for which there is no rule.
    assert_eq!(call(&world, Manner::Plain, "my card is 4111 1111 1111 1111, good evening").status, 200);
    let rows = until("all rows", || Some(world.rows()).filter(|rows| rows.len() == 4));
    let (_, all) = ended(&mut world);
    assert_eq!(all.lines().count(), 4, "{all}");
    for value in [EMAIL, "lovelace", SECRET, "4111"] {
        assert!(!all.contains(value), "{value}: {all}");
    }
    for (line, row) in all.lines().zip(&rows) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["id"], json!(row.id.to_string()));
        assert_eq!(line["attribution"]["team"], "red");
        assert_eq!(line["guarded"], serde_json::to_value(row.guarded.as_ref().unwrap()).unwrap());
    }
    let lines: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |line: usize, way: &str| lines[line][way][0]["text"].as_str().unwrap_or_default().to_owned();
    assert_eq!(text(0, "input"), "write to [email] and say well met");
    assert_eq!(lines[0]["input"][0]["marks"][0]["rules"], json!(["house/mail"]));
    assert!(text(0, "output").contains("and say well met"), "{all}");
    assert_eq!(text(0, "output"), text(1, "output"), "streamed or not");
    assert!(text(2, "input").starts_with("deploy with [") && lines[2]["output"].is_null(), "{}", lines[2]);
    assert_eq!(text(3, "input"), "my card is [card], good evening");
}

#[test]
fn what_a_service_takes_out_is_not_recorded_either() {
    let both = outside("hook", Action::Redact(Style::Tag), On::Both);
    let mut world = recorded("share: 0", vec![both]);
    for manner in [Manner::Plain, Manner::Streamed] {
        assert_eq!(call(&world, manner, "say mask-me now").status, 200);
    }
    let answers = recorded("share: 0", vec![outside("hook", Action::Redact(Style::Tag), On::Output)]);
    let (_, all) = ended(&mut world);
    assert_eq!(all.lines().count(), 2, "{all}");
    assert!(!all.contains("mask-me") && all.contains("say [gone] now"), "{all}");
    let mut world = answers;
    for manner in [Manner::Plain, Manner::Streamed] {
        assert_eq!(call(&world, manner, "say mask-me now").status, 200);
    }
    let (_, all) = ended(&mut world);
    for line in all.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let told = line["output"].to_string();
        assert!(!told.contains("mask-me") && told.contains("[gone]"), "{told}");
    }
}

#[test]
fn what_a_service_takes_out_while_an_answer_comes_is_not_recorded_and_all_else_is() {
    let secrets = Rule { on: Some(On::Output), action: Action::Redact(Style::Tag), ..no_secrets() };
    let hook = Rule { pieces: Some(200), ..outside("hook", Action::Redact(Style::Tag), On::Output) };
    let mut world = recorded("share: 0", vec![secrets, hook]);
    let prose: String = "all is well with the ship and its crew, ".repeat(11);
    let said = |end: &str| format!("say mask-me, {prose}{end}and on, {prose}");
    for (end, script) in [("", ""), ("forbidden ", ""), ("", "die_after=160")] {
        let prompt = format!("{} [[sim: tokens=230 chunk=1 {script}]]", said(end));
        assert_eq!(call(&world, Manner::Streamed, &prompt).status, 200);
    }
    let (_, all) = ended(&mut world);
    assert_eq!(all.lines().count(), 3, "{all}");
    for (line, end) in all.lines().zip(["and on, all", "forbidden and", "and on, all"]) {
        let output = serde_json::from_str::<Value>(line).unwrap()["output"].clone();
        // One text, whatever has been taken out while it came.
        let (text, wanted) = (output[0]["text"].as_str().unwrap(), format!("say [gone], {prose}{end}"));
        assert!(text.contains(&wanted) && !text.contains("mask-me"), "{text}");
    }
}

#[test]
fn calls_in_which_nothing_is_found_are_recorded_by_their_share() {
    let mut world = recorded("share: 0", vec![no_secrets()]);
    assert_eq!(call(&world, Manner::Plain, "good evening").status, 200);
    assert_eq!(call(&world, Manner::Plain, &format!("deploy with {SECRET} please")).status, 400);
    let (_, all) = ended(&mut world);
    assert_eq!(all.lines().count(), 1, "{all}");
}

#[test]
fn a_replay_says_what_another_policy_would_do() {
    let mut world = recorded("share: 1", vec![no_mail(Action::Redact(Style::Tag)), no_secrets(), no_heron()]);
    call(&world, Manner::Plain, "good evening");
    call(&world, Manner::Streamed, &format!("write to {EMAIL} about project crane"));
    let secret = call(&world, Manner::Plain, &format!("deploy with {SECRET} please"));
    let heron = call(&world, Manner::Plain, "a project heron is a bird watcher's");
    let (recording, _) = ended(&mut world);
    let folder = TempDir::new().unwrap();

    let same = replay(&folder, &policy(&folder, "same.yaml", RULES), &recording, &[]);
    assert_eq!((&same["totals"]["calls"], &same["totals"]["same"]), (&json!(4), &json!(4)), "{same}");
    assert_eq!(same["calls"], json!([]));

    let changed = policy(
        &folder,
        "changed.yaml",
        "{ name: mail, pii: structured, action: block }, { name: words, words: { list: [project crane] }, action: block }",
    );
    let told = replay(&folder, &changed, &recording, &[]);
    let totals = &told["totals"];
    let counts = ["same", "newly_blocked", "no_longer_blocked"].map(|name| totals[name].clone());
    assert_eq!(counts, [json!(1), json!(1), json!(2)], "{told}");
    let of = |answer: &Answer| {
        let id = answer.header("x-tallygate-request-id").to_owned();
        told["calls"].as_array().unwrap().iter().find(|row| row["id"] == json!(id)).unwrap().clone()
    };
    assert_eq!(of(&secret)["before"], json!({"verdict": "blocked", "rules": ["house/secrets"]}));
    assert_eq!(of(&secret)["after"], json!({"verdict": "passed", "rules": []}));
    assert_eq!(of(&heron)["after"]["verdict"], "passed");
    let newly = told["calls"].as_array().unwrap().iter().find(|row| row["after"]["verdict"] == "blocked").unwrap();
    assert_eq!(newly["after"]["rules"], json!(["house/mail", "house/words"]), "a value that is gone is still found");
}

#[test]
fn a_call_that_was_marked_is_shown_for_as_long_as_the_rule_is_wrong_about_it() {
    let mut world = recorded("share: 0", vec![no_heron()]);
    let heron = call(&world, Manner::Plain, "a project heron is a bird watcher's");
    let id = heron.header("x-tallygate-request-id").to_owned();
    let (recording, _) = ended(&mut world);
    let folder = TempDir::new().unwrap();
    let place = recording.display().to_string();
    let mark = |call: &str, rule: &str, word: &str| {
        run(&folder, &["guard", "mark", call, "--rule", rule, word, "--folder", &place, "--note", "birds"])
    };
    let (status, _, err) = mark(&id, "house/mail", "--false-positive");
    assert!(status == 2 && err.contains("house/words"), "{err}");
    let (status, _, err) = mark("call_0", "house/words", "--false-positive");
    assert!(status == 2 && err.contains("no id of a call"), "{err}");
    let (status, out, err) = mark(&id, "house/words", "--false-positive");
    assert_eq!(status, 0, "{out} {err}");

    let old = policy(&folder, "old.yaml", "{ name: words, words: { list: [project heron] }, action: block }");
    let new = policy(&folder, "new.yaml", "{ name: words, words: { list: [operation heron] }, action: block }");
    let count = |policy: &Path| {
        let totals = replay(&folder, policy, &recording, &[])["totals"].clone();
        ["same", "false_positives_left", "false_positives_gone"].map(|name| totals[name].as_u64().unwrap())
    };
    assert_eq!(count(&old), [1, 1, 0]);
    assert_eq!(count(&new), [0, 0, 1]);
    let (status, out, _) =
        run(&folder, &["guard", "replay", "--policy", &old.display().to_string(), "--folder", &place]);
    assert!(status == 0 && out.contains("house/words (still)") && out.contains("Marked as false positives:"), "{out}");
    assert_eq!(mark(&id, "house/words", "--right").0, 0);
    assert_eq!(count(&old), [1, 0, 0]);
}

#[test]
fn what_is_no_recording_is_told_by_its_line_and_without_its_text() {
    let folder = TempDir::new().unwrap();
    let policy = policy(&folder, "p.yaml", RULES).display().to_string();
    let file = folder.path().join("calls.jsonl").display().to_string();
    std::fs::write(&file, "{\"secret\": 1}\n").unwrap();
    let (status, _, err) = run(&folder, &["guard", "replay", "--policy", &policy, &file]);
    assert!(status == 2 && err.contains("line 1 is no recorded call") && !err.contains("secret"), "{err}");
    // What a process that was killed had begun to write.
    std::fs::write(&file, "{\"format\": 1, \"id").unwrap();
    let (status, _, err) = run(&folder, &["guard", "replay", "--policy", &policy, &file]);
    assert!(status == 2 && err.contains("no call in the recording"), "{err}");
    let (status, _, err) = run(&folder, &["guard", "replay", "--policy", &policy]);
    assert!(status == 2 && err.contains("recording.folder"), "{err}");
}
