//! A process that is killed: a test binary of its own, for a child between fork and exec holds its parent's locks.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and a child tells what it did"
)]

#[path = "../it/fixture.rs"]
mod fixture;
#[path = "../servers/premises.rs"]
mod premises;
#[expect(dead_code, reason = "what only the tests of Redis need")]
#[path = "../servers/redis.rs"]
mod redis;

use fixture::{opening, record};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tg_kernel::ids::CallId;
use tg_store::{Found, Journal, JournalError};

/// Tells the re-executed test that it is the child, and where to write before it is killed.
const CHILD_DIR: &str = "TG_STORE_TEST_JOURNAL";

/// What the killed process runs: it writes for as long as it lives.
fn write_until_killed(dir: &Path) {
    let (journal, _left) = Journal::open(dir).unwrap();
    let worker = journal.worker(0);
    for n in 0_u64.. {
        let ended = record();
        let mut ticket = worker.begin(&opening(&ended)).unwrap();
        println!("\nbegun {}", ended.id);
        if n % 3 > 0 {
            worker.end(&mut ticket, &ended).unwrap();
            println!("\nended {}", ended.id);
        }
    }
}

/// Tells the re-executed test that it is the child.
const CHILD_SERVES: &str = "TG_STORE_TEST_SERVES";

/// What stands in a static is never dropped, and a killed process drops nothing.
#[test]
fn servers_of_a_killed_test_end_with_it_and_leave_no_folder() {
    if std::env::var_os(CHILD_SERVES).is_some() {
        let server = redis::Redis::start();
        println!("\nserver {} {}", server.pid(), server.folder().display());
        loop {
            std::thread::park();
        }
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "servers_of_a_killed_test_end_with_it_and_leave_no_folder", "--nocapture"])
        .env(CHILD_SERVES, "")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = told.filter_map(|line| line.strip_prefix("server ").map(str::to_owned)).next().unwrap();
    let (pid, folder) = told.split_once(' ').unwrap();
    let (stat, folder) = (Path::new("/proc").join(pid).join("stat"), Path::new(folder));
    // One that has ended may wait for somebody who asks how.
    let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(runs() && folder.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    while runs() || folder.exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{told} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn killed_processes_lose_nothing() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        return write_until_killed(Path::new(&dir));
    }
    let dir = TempDir::new().unwrap();
    let (mut begun, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for lines in [1, 2, 50, 1000] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed_processes_lose_nothing", "--nocapture"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = 0;
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut hear = |line: String| match line.split_once(' ').and_then(|(w, id)| Some((w, CallId::parse(id)?))) {
            Some(("begun", id)) => begun.insert(id),
            Some(("ended", id)) => ended.insert(id),
            _ => false,
        };
        while told < lines {
            told += usize::from(hear(output.next().expect("the child went on")));
        }
        child.kill().unwrap();
        // What it had said before the signal came counts as well.
        output.for_each(|line| {
            hear(line);
        });
        child.wait().unwrap();
    }
    let (_journal, left) = Journal::open(dir.path()).unwrap();
    let (mut found_ended, mut found_open) = (BTreeSet::new(), BTreeSet::new());
    let tally = left.settle(100, |found| {
        match found {
            Found::Ended(records) => found_ended.extend(records.iter().map(|r| r.id)),
            Found::Interrupted(open) => found_open.extend(open.iter().map(|e| e.id)),
        }
        Ok::<(), JournalError>(())
    });
    let missing: Vec<_> = ended.difference(&found_ended).collect();
    assert!(missing.is_empty(), "ended calls that were lost: {missing:?}");
    let found: BTreeSet<CallId> = found_ended.union(&found_open).copied().collect();
    let missing: Vec<_> = begun.difference(&found).collect();
    assert!(missing.is_empty(), "begun calls that were lost: {missing:?}");
    // Each run may have written one entry that it did not live to tell.
    assert!(found.len() <= begun.len() + 4 && found_ended.len() <= ended.len() + 4);
    assert_eq!(tally.unwrap().damaged, 0);
}
