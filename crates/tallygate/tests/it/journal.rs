//! A store or a journal in trouble: what goes on, what is refused and how, and that nothing is lost.

use crate::process::{Process, prepared};
use crate::speak::{CHAT, MANNERS, Manner, ask, error};
use crate::wire::Call;
use crate::world::{Setup, World, rows, until};
use std::collections::BTreeSet;
use std::fs;
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Ending;

/// A world whose journal's folder is gone, and which knows.
fn without_journal(policy: &str) -> World {
    let world = World::with(Setup { store: format!(", journal_sync: 5ms{policy}"), ..Setup::default() });
    fs::remove_dir_all(world.folder.path().join("tallygate.db.journal")).unwrap();
    until("it is noticed", || world.gateway().journal().is_failing().then_some(()));
    world
}

/// Field report H 22: trouble of the database takes down inference, or turns into refusals of good keys.
#[test]
fn a_store_that_is_locked_refuses_no_call_and_no_key_and_every_row_follows() {
    let mut world = World::start();
    let path = world.folder.path().join("tallygate.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut ids = BTreeSet::new();
    for dialect in CHAT {
        for manner in MANNERS {
            let answer = world.send(&ask(dialect, manner, "on-openai", "while the store is locked"));
            assert_eq!(answer.status, 200, "{dialect:?} {manner:?}: {}", answer.text());
            ids.insert(answer.header("x-tallygate-request-id").to_owned());
        }
    }
    let waiting = || world.gateway().journal().open();
    assert_eq!(waiting(), ids.len() as u64, "all are in the journal, and none in the ledger");
    let ready = Call::new("GET", "/readyz").send(world.address);
    assert_eq!(ready.status, 200, "calls are taken");
    other.execute_batch("ROLLBACK").unwrap();
    until("every call is in the ledger", || (waiting() == 0).then_some(()));
    world.drain(crate::world::DEADLINE);
    let rows = world.rows();
    assert_eq!(rows.iter().map(|row| row.id.to_string()).collect::<BTreeSet<_>>(), ids);
    assert_eq!(rows.len(), ids.len(), "each once");
    assert!(rows.iter().all(|row| row.ending == Ending::Ok));
}

/// Field report A 5: rows lost. A call that could not be booked is not sent.
#[test]
fn a_call_that_cannot_be_journalled_is_refused_with_503_in_its_dialect_and_never_sent() {
    let world = without_journal("");
    for dialect in CHAT {
        for manner in MANNERS {
            let answer = world.send(&ask(dialect, manner, "on-openai", "hi"));
            let place = format!("{dialect:?} {manner:?}: {} {}", answer.status, answer.text());
            let (status, word) = match dialect {
                Dialect::AnthropicMessages => (529, "overloaded_error"),
                Dialect::BedrockConverse | Dialect::BedrockInvoke => (503, "ServiceUnavailableException"),
                _ => (503, "journal_unavailable"),
            };
            let (found, message) = error(dialect, &answer);
            assert_eq!((answer.status, found.as_str()), (status, word), "{place}");
            assert!(message.contains("Nothing was sent"), "{place}");
            assert_eq!(answer.header("x-tallygate-error-code"), "journal_unavailable", "{place}");
            assert_eq!(answer.header("retry-after"), "5", "{place}");
            let row = world.row(&answer);
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::Refused, Some("journal_unavailable")), "{place}");
            assert!(row.served.is_none() && row.cost.amount.nanos() == 0, "{row:?}");
        }
    }
    assert!(world.sim.books.entries().is_empty() && world.sim.books.open() == 0);
    let ready = Call::new("GET", "/readyz").send(world.address);
    assert_eq!((ready.status, ready.text().trim()), (503, "the journal cannot be written"));
    let alive = Call::new("GET", "/healthz").send(world.address);
    assert_eq!(alive.status, 200, "a restart would not help");
}

#[test]
fn with_allow_and_alert_calls_go_on_without_a_journal_and_have_their_rows() {
    let world = without_journal(", on_journal_failure: allow_and_alert");
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Streamed, "on-bedrock", "hi"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(world.gateway().journal().unwritten(), 1);
    let row = world.row(&answer);
    assert_eq!(row.ending, Ending::Ok);
    assert_eq!(Call::new("GET", "/readyz").send(world.address).status, 200);
    until("it is released", || (world.gateway().journal().open() == 0).then_some(()));
}

/// The journal's folder moves to another file system, or another place of the same: the store stays where it is.
#[test]
fn a_journal_apart_from_the_store_survives_a_kill_as_well() {
    let setup = Setup { teams: String::new(), store: ", journal: apart/journal".to_owned(), ..Setup::default() };
    let (folder, sim) = prepared(&setup);
    let process = Process::start(folder.path());
    let key = process.key.clone().unwrap();
    let call = ask(Dialect::AnthropicMessages, Manner::Plain, "on-openai", "[[sim: hang_before_head]] x").bearer(&key);
    let _waiting = call.launch(process.address);
    until("the call is at its provider", || (sim.books.open() == 1).then_some(()));
    assert!(folder.path().join("apart/journal/lock").exists());
    process.kill();
    let _again = Process::start(folder.path());
    let rows = rows(&folder.path().join("tallygate.db"));
    assert_eq!((rows.len(), rows[0].ending), (1, Ending::Interrupted));
}
