//! Gateways that follow revisions of the configuration in their store.

use crate::postgres::{PASSWORD, PostgresServer, USER};
use crate::process::{Process, command, outcome};
use crate::speak::{Manner, ask};
use crate::wire::{Answer, Call};
use crate::world::{Setup, document, until};
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tg_kernel::dialect::Dialect;
use tg_sim::Sim;

const VARIABLES: &[(&str, &str)] = &[("STORE_PASSWORD", PASSWORD), ("USER", "ada")];

/// A variable that the provider of a revision refers to, and only some replicas have.
const ONLY_SOME: (&str, &str) = ("ONLY_SOME", "a-key-that-no-provider-knows");

/// Longest that a change may take to reach every replica.
const BOUND: Duration = Duration::from_secs(2);

/// Replicas that follow one store, each with a folder and a file of its own; what is pushed lies in the first.
pub(crate) struct Bed {
    folders: Vec<TempDir>,
    /// A revision that declares everything but what the files do.
    pub(crate) text: String,
    _sim: Sim,
}

impl Bed {
    fn new(count: usize, store: &str) -> Self {
        let folders: Vec<TempDir> = (0..count).map(|_| TempDir::new().unwrap()).collect();
        let sim = Sim::start(Setup::default().sim).unwrap();
        let setup = Setup { teams: String::new(), ..Setup::default() };
        let whole = document(&setup, &sim, folders[0].path()).replace("teams:\n", "");
        let is_local = |line: &&str| ["listen:", "admin:", "store:"].iter().any(|member| line.starts_with(member));
        let own: Vec<&str> = whole.lines().filter(|line| is_local(line) && !line.starts_with("store:")).collect();
        let text: Vec<&str> = whole.lines().filter(|line| !is_local(line)).collect();
        for folder in &folders {
            let start = format!("{}\nstore: {{ {store}, revisions: follow }}\n", own.join("\n"));
            std::fs::write(folder.path().join("tallygate.yaml"), start).unwrap();
        }
        Self { folders, text: text.join("\n") + "\n", _sim: sim }
    }

    pub(crate) fn on_postgres(server: &PostgresServer, database: &str, wait: &str) -> Self {
        let url = format!("postgres://{USER}@127.0.0.1:{}/{database}", server.port);
        Self::new(2, &format!("url: '{url}', password: 'env:STORE_PASSWORD', start_wait: {wait}"))
    }

    fn run(&self, number: usize, arguments: &[&str]) -> Result<String, String> {
        tallygate(self.folders[number].path(), arguments)
    }

    /// Pushes a text, with more options.
    pub(crate) fn push(&self, text: &str, more: &[&str]) -> Result<String, String> {
        std::fs::write(self.folders[0].path().join("next.yaml"), text).unwrap();
        self.run(0, &[&["config", "push", "next.yaml"][..], more].concat())
    }

    pub(crate) fn start(&self, number: usize, more: &[(&str, &str)]) -> Process {
        Process::start_among(self.folders[number].path(), &[VARIABLES, more].concat())
    }

    /// The revision with another route, a team and a limit.
    pub(crate) fn more(&self) -> String {
        let route = "models:\n- { name: moving, targets: [{ provider: openai, model: gpt-5-mini }] }\n";
        let limit = "limits:\n- { name: few, for: { model: moving }, requests: 2/h }\n";
        let text =
            self.text.replace("models:\n", route).replace("limits:\n  []\n", limit) + "teams: [{ name: blue }]\n";
        assert!(text.contains("moving") && text.contains("few"));
        text
    }
}

fn tallygate(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = command(folder, arguments).envs(VARIABLES.iter().copied()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn call(process: &Process, key: &str, model: &str) -> Answer {
    ask(Dialect::OpenaiChat, Manner::Plain, model, "hello").bearer(key).send(process.address)
}

pub(crate) fn metric(process: &Process, name: &str) -> Option<u64> {
    let text = Call::new("GET", "/metrics").send(process.admin).text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.strip_suffix(".0").unwrap_or(value).parse().ok()
}

fn standing(process: &Process) -> Value {
    Call::new("GET", "/admin/v1/config").send(process.admin).json()["revision"].clone()
}

/// Waits until all say that this revision is in force, no longer than the bound from now.
fn in_force(processes: &[&Process], number: u64) {
    let begun = Instant::now();
    for process in processes {
        while metric(process, "tallygate_config_revision") != Some(number) {
            assert!(begun.elapsed() < BOUND, "revision {number} is not in force: {}", standing(process));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn key_of(bed: &Bed, team: &str) -> String {
    let made = bed.run(0, &["keys", "create", "--team", team, "--json"]).unwrap();
    serde_json::from_str::<Value>(&made).unwrap()["secret"].as_str().unwrap().to_owned()
}

/// Ends the callers, also where the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Both gateways say the same of the fourth revision, which restores the second.
fn no_drift(standings: &[Value; 2]) {
    let [one, other] = standings;
    assert_eq!(one, other, "drift would be seen here");
    assert_eq!(
        (&one["newest"], &one["in_force"]["number"], &one["in_force"]["restores"]),
        (&4.into(), &4.into(), &2.into())
    );
    assert_eq!((&one["in_force"]["author"], &one["refused"]), (&"ada".into(), &Value::Null));
}

/// field.md §14 H 23: configuration and keys that drift from replica to replica.
#[test]
fn configuration_and_keys_do_not_drift_across_replicas() {
    let server = PostgresServer::shared();
    let database = server.database();
    let bed = Bed::on_postgres(server, &database, "10s");
    let pushed = bed.push(&bed.text, &["--note", "the first"]).unwrap();
    assert!(pushed.contains("fine (7 providers") && pushed.contains("revision 1 is the newest;"), "{pushed}");
    let processes = [bed.start(0, &[]), bed.start(1, &[])];
    let both = [&processes[0], &processes[1]];
    let key = processes.iter().find_map(|process| process.key.clone()).unwrap();
    for process in both {
        until("the first key works everywhere", || (call(process, &key, "on-openai").status == 200).then_some(()));
        assert_eq!(call(process, &key, "moving").status, 404);
    }
    let done = AtomicBool::new(false);
    let calls = std::thread::scope(|scope| {
        let keep_calling = |process| {
            let (done, key) = (&done, &key);
            move || {
                let mut calls = 0;
                while !done.load(Ordering::Relaxed) {
                    let answer = call(process, key, "on-openai");
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    calls += 1;
                }
                calls
            }
        };
        let callers: Vec<_> = both.iter().map(|process| scope.spawn(keep_calling(*process))).collect();
        let ending = Ending(&done);
        let pushed = bed.push(&bed.more(), &["--note", "a route, a team, a limit", "--expect", "1"]);
        in_force(&both, 2);
        // What would be notified is lost with the connections.
        let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
        server.sql("postgres", &cut);
        let rolled_back = bed.run(0, &["config", "activate", "1"]);
        in_force(&both, 3);
        let forward = bed.run(1, &["config", "activate", "2", "--note", "after all", "--expect", "3"]);
        in_force(&both, 4);
        drop(ending);
        assert!(pushed.unwrap().contains("revision 2 is the newest, in the place of 1;"));
        assert!(rolled_back.unwrap().contains("revision 3 is the newest, in the place of 2;"));
        assert!(forward.unwrap().contains("revision 4"));
        callers.into_iter().map(|caller| caller.join().unwrap()).sum::<usize>()
    });
    assert!(calls > 10, "calls went on: {calls}");
    let blue = key_of(&bed, "blue");
    for process in both {
        until("a key of the new team works everywhere", || {
            (call(process, &blue, "on-openai").status == 200).then_some(())
        });
        let answers = [(); 3].map(|()| call(process, &blue, "moving").status);
        assert_eq!(answers, [200, 200, 429], "the new route and the new limit are in force");
    }
    no_drift(&both.map(standing));
    bed.run(1, &["config", "activate", "1"]).unwrap();
    in_force(&both, 5);
    for process in both {
        assert_eq!((call(process, &blue, "on-openai").status, call(process, &key, "moving").status), (401, 404));
    }
}

#[test]
fn a_bad_or_raced_revision_is_refused_before_any_gateway_sees_it() {
    let bed = Bed::new(1, "path: tallygate.db");
    bed.push(&bed.text, &["--expect", "0"]).unwrap();
    let process = bed.start(0, &[]);
    let literal = bed.text.replacen("'env:SIM_KEY'", "sk-literal", 1);
    let unset = bed.text.replacen("env:SIM_KEY", "env:NOT_SET_HERE", 1);
    let two = bed.text.replacen("kind: anthropic", "kind: antropic", 1) + "listen: { workers: 2 }\nstore: {}\n";
    for (bad, parts) in [
        (literal, vec!["next.yaml: line ", "a secret does not belong in this file"]),
        (unset, vec!["NOT_SET_HERE is not set"]),
        (
            two,
            vec![
                "did you mean `anthropic`?",
                "listen: stands in tallygate.yaml (line 1) too",
                "store: does not stand in",
            ],
        ),
        ("a: [".to_owned(), vec!["next.yaml: 1 problem"]),
    ] {
        let refused = bed.push(&bad, &[]).unwrap_err();
        assert!(!refused.contains("sk-literal"), "{refused}");
        for part in parts {
            assert!(refused.contains(part), "'{part}' is missing: {refused}");
        }
    }
    let raced = bed.push(&bed.more(), &["--expect", "7"]).unwrap_err();
    assert!(raced.contains("the newest revision is 1, not 7: somebody was faster"), "{raced}");
    let raced = bed.push(&bed.more(), &["--expect", "7", "--dry-run"]).unwrap_err();
    assert!(raced.contains("the newest revision is 1, not 7"), "a dry run tells what a push would: {raced}");
    let dry = bed.push(&bed.more(), &["--dry-run"]).unwrap();
    assert!(dry.contains("fine (7 providers") && dry.contains("nothing is added"), "{dry}");
    let same = bed.push(&bed.text, &[]).unwrap();
    assert!(same.contains("revision 1 has this text already"), "{same}");
    assert!(bed.run(0, &["config", "activate", "2"]).unwrap_err().contains("there is no revision 2"));
    let list = bed.run(0, &["config", "list", "--json"]).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap().as_array().unwrap().len(), 1, "{list}");
    assert_eq!(metric(&process, "tallygate_config_revision"), Some(1));

    // A gateway on an SQLite file sees the command's revision as well; calls commit to the same file meanwhile.
    let key = process.key.clone().unwrap();
    bed.push(&bed.more(), &[]).unwrap();
    in_force(&[&process], 2);
    assert_eq!(call(&process, &key, "moving").status, 200);
    assert_eq!(bed.run(0, &["config", "show", "1"]).unwrap(), bed.text, "as it was written");
    let diff = bed.run(0, &["config", "diff", "1"]).unwrap();
    assert!(diff.contains("--- revision 1\n+++ revision 2") && diff.contains("\n+teams: [{ name: blue }]"), "{diff}");
    let check = bed.run(0, &["check"]).unwrap();
    assert!(check.contains("tallygate.yaml with revision 2: fine"), "{check}");
    assert!(bed.run(0, &["teams", "list"]).unwrap().contains("blue"));
    bed.run(0, &["prices", "list", "gpt-5-mini"]).unwrap();
    let listed = bed.run(0, &["config", "list"]).unwrap();
    assert!(listed.lines().nth(1).is_some_and(|line| line.starts_with("2 ") && line.contains("ada")), "{listed}");
}

#[test]
fn a_replica_that_cannot_use_a_revision_goes_on_with_its_last_and_takes_nothing_from_the_others() {
    let server = PostgresServer::shared();
    let bed = Bed::on_postgres(server, &server.database(), "10s");
    bed.push(&bed.text, &[]).unwrap();
    let (first, second) = (bed.start(0, &[ONLY_SOME]), bed.start(1, &[]));
    let key = [&first, &second].iter().find_map(|process| process.key.clone()).unwrap();
    in_force(&[&first, &second], 1);
    let needy = bed.more().replacen("'env:BAD_KEY'", "'env:ONLY_SOME'", 1);
    assert!(bed.push(&needy, &[]).unwrap_err().contains("ONLY_SOME is not set"));
    bed.push(&needy, &["--secrets-elsewhere"]).unwrap();
    in_force(&[&first], 2);
    until("the second says that it cannot", || {
        (metric(&second, "tallygate_config_revision_refused") == Some(2)).then_some(())
    });
    let blue = key_of(&bed, "blue");
    let stays = |second: &Process| {
        let there = standing(second);
        assert_eq!((&there["newest"], &there["in_force"]["number"]), (&2.into(), &1.into()), "{there}");
        assert!(there["refused"]["why"].as_str().unwrap().contains("ONLY_SOME is not set"), "{there}");
        until("what it had goes on", || (call(second, &key, "on-openai").status == 200).then_some(()));
        assert_eq!(call(second, &key, "moving").status, 404);
        until("the team is known", || (call(&first, &blue, "on-openai").status == 200).then_some(()));
    };
    stays(&second);
    assert!(second.log().contains("ONLY_SOME is not set"), "{}", second.log());
    second.kill();
    let second = bed.start(1, &[]);
    stays(&second);
    assert!(second.log().contains("the newest revision cannot be used here"), "{}", second.log());
    // Its copy is all that it has: without it there is nothing to start with.
    second.kill();
    std::fs::remove_file(bed.folders[1].path().join("tallygate.journal.revision")).unwrap();
    let told = bed.run(1, &["serve"]).unwrap_err();
    assert!(told.contains("revision 2 cannot be used here") && told.contains("ONLY_SOME is not set"), "{told}");
    bed.push(&bed.more(), &[]).unwrap();
    let second = bed.start(1, &[]);
    in_force(&[&first, &second], 3);
    assert_eq!(call(&second, &blue, "moving").status, 200);
}

#[test]
fn a_start_without_store_or_revision_says_what_it_waits_for_and_then_follows() {
    let mut server = PostgresServer::start(&[]);
    let bed = Bed::on_postgres(&server, "postgres", "30s");
    let told = bed.run(1, &["serve"]).unwrap_err();
    assert!(
        told.contains("no revision of the configuration yet") && told.contains("tallygate config push FILE"),
        "{told}"
    );
    let whole = bed.folders[0].path().join("whole.yaml");
    std::fs::write(&whole, &bed.text).unwrap();
    let told = bed.run(0, &["config", "list", "--config", "whole.yaml"]).unwrap_err();
    assert!(told.contains("follows no revisions") && told.contains("revisions: follow"), "{told}");
    bed.push(&bed.text, &[]).unwrap();
    let process = bed.start(0, &[]);
    let key = process.key.clone().unwrap();

    server.crash();
    until("it says that it is blind", || {
        (metric(&process, "tallygate_config_revision_blind") == Some(1)).then_some(())
    });
    assert_eq!(call(&process, &key, "on-openai").status, 200, "calls go on");
    process.signal("HUP");
    until("a reload needs the store", || process.log().contains("the new configuration is not used").then_some(()));
    assert_eq!(metric(&process, "tallygate_config_revision_refused"), Some(0), "no revision was refused");
    process.kill();
    let impatient = bed.folders[1].path().join("tallygate.yaml");
    let text = std::fs::read_to_string(&impatient).unwrap();
    std::fs::write(&impatient, text.replace("start_wait: 30s", "start_wait: 1s")).unwrap();
    let told = bed.run(1, &["serve"]).unwrap_err();
    assert!(told.contains("the start waits for it, for 1s") && told.contains("away"), "{told}");
    assert!(told.contains("the configuration is in the store") && !told.contains(PASSWORD), "{told}");
    let process = std::thread::scope(|scope| {
        let patient = scope.spawn(|| bed.start(0, &[]));
        server.resume();
        patient.join().unwrap()
    });
    assert_eq!(call(&process, &key, "on-openai").status, 200);
    bed.push(&bed.more(), &[]).unwrap();
    in_force(&[&process], 2);

    // The machine's own file says something that the revision says too: it is refused, and what was stays.
    let own = bed.folders[0].path().join("tallygate.yaml");
    let text = std::fs::read_to_string(&own).unwrap();
    std::fs::write(&own, text + "providers: []\n").unwrap();
    until("the file is refused", || process.log().contains("does not stand in a file with").then_some(()));
    assert_eq!(call(&process, &key, "moving").status, 200);
    assert_eq!(metric(&process, "tallygate_config_revision"), Some(2));
}

#[test]
fn a_damaged_revision_keeps_no_machine_from_starting_and_no_one_from_teams_and_keys() {
    let server = PostgresServer::shared();
    let database = server.database();
    let bed = Bed::on_postgres(server, &database, "10s");
    bed.push(&bed.text, &[]).unwrap();
    let (first, second) = (bed.start(0, &[]), bed.start(1, &[]));
    in_force(&[&first, &second], 1);
    let key = [&first, &second].iter().find_map(|process| process.key.clone()).unwrap();
    first.kill();
    bed.push(&bed.more(), &[]).unwrap();
    in_force(&[&second], 2);
    second.kill();
    server.sql(&database, "UPDATE tallygate.config_revisions SET text = text || '#' WHERE number = 2");
    // This machine has a copy of it.
    let second = bed.start(1, &[]);
    let there = standing(&second);
    assert_eq!((&there["in_force"]["number"], &there["refused"]), (&2.into(), &Value::Null), "{there}");
    assert!(second.told().contains("revision 2 is damaged in the store"), "{}", second.told());
    assert_eq!(call(&second, &key, "moving").status, 200);
    // That one has a copy of the revision before.
    let first = bed.start(0, &[]);
    let there = standing(&first);
    assert_eq!((&there["in_force"]["number"], &there["refused"]["number"]), (&1.into(), &2.into()), "{there}");
    assert!(first.log().contains("revision 2 is damaged in the store"), "{}", first.log());
    assert!(bed.run(0, &["check"]).unwrap_err().contains("its SHA-256 differs"));
    assert!(bed.run(0, &["teams", "list"]).unwrap().contains("blue"));
    let blue = key_of(&bed, "blue");
    let pushed = bed.push(&bed.more(), &[]).unwrap();
    assert!(pushed.contains("revision 3 is the newest, in the place of 2;"), "{pushed}");
    in_force(&[&first, &second], 3);
    assert_eq!(call(&first, &blue, "moving").status, 200);
    let copied = "INSERT INTO tallygate.config_revisions (number, at, author, note, digest, replaces, text) \
                  SELECT 4, at, author, note, digest, 3, text || '#' FROM tallygate.config_revisions WHERE number = 3";
    server.sql(&database, copied);
    until("a gateway that meets one refuses it", || {
        (metric(&first, "tallygate_config_revision_refused") == Some(4)).then_some(())
    });
    let there = standing(&first);
    assert!(there["refused"]["why"].as_str().unwrap().contains("revision 4 is damaged in the store"), "{there}");
    assert!(!first.log().contains("cannot be asked for revisions"), "the store is there: {}", first.log());
    bed.push(&bed.more(), &[]).unwrap();
    in_force(&[&first, &second], 5);

    // Nor does one that this machine's file does not go with.
    let own = bed.folders[1].path().join("tallygate.yaml");
    let text = std::fs::read_to_string(&own).unwrap();
    std::fs::write(&own, text + "drain: { time_max: 5s }\n").unwrap();
    bed.push(&(bed.more() + "drain: { time_max: 7s }\n"), &[]).unwrap();
    assert!(bed.run(1, &["check"]).unwrap_err().contains("drain: stands in tallygate.yaml"));
    assert!(bed.run(1, &["keys", "list"]).unwrap().contains("blue"));
}

#[test]
fn a_file_that_is_damaged_itself_ends_the_start() {
    let bed = Bed::new(1, "path: tallygate.db");
    let text = bed.text.clone() + &"# a line that fills pages of the file\n".repeat(1_000);
    bed.push(&text, &[]).unwrap();
    let process = bed.start(0, &[]);
    in_force(&[&process], 1);
    process.kill();
    // The text goes on from page to page, each of which names the next.
    let path = bed.folders[0].path().join("tallygate.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let inside = b"# a line that fills pages of the file\n".repeat(50);
    let at = bytes.windows(inside.len()).position(|part| part == inside).unwrap();
    let page = (at / 4096 + 1) * 4096;
    bytes[page..page + 4].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let mut serve = command(bed.folders[0].path(), &["serve"]);
    serve.envs(VARIABLES.iter().copied());
    let told = String::from_utf8(outcome(serve).stderr).unwrap();
    assert!(told.contains("the file is damaged") && !told.contains("is whole, and is used"), "{told}");
}

#[test]
fn a_pipeline_pushes_without_the_gateways_secrets_and_certificates() {
    let bed = Bed::new(1, "path: tallygate.db");
    let own = bed.folders[0].path().join("tallygate.yaml");
    let tls = "admin: { tls: { certificate: none.pem, key: none.pem }, ";
    let text = std::fs::read_to_string(&own).unwrap().replacen("admin: { ", tls, 1);
    assert!(text.contains("none.pem"), "{text}");
    std::fs::write(&own, text + "identity: { secrets_key: 'env:NOT_SET_HERE' }\n").unwrap();
    let text = bed.text.replacen("env:SIM_KEY", "env:NOT_SET_EITHER", 1);
    let refused = bed.push(&text, &[]).unwrap_err();
    assert!(refused.contains("NOT_SET_HERE is not set") && refused.contains("NOT_SET_EITHER is not set"), "{refused}");
    let pushed = bed.push(&text, &["--secrets-elsewhere"]).unwrap();
    assert!(pushed.contains("revision 1 is the newest;"), "{pushed}");
    assert!(bed.run(0, &["config", "list"]).unwrap().contains("ada"));
}
