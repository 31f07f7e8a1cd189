//! What a server does that a file does not: being away, being slow, being shared.

use crate::corrections::correction;
use crate::fixture::{at, record, text};
use crate::server::{PASSWORD, PostgresServer};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tg_kernel::record::Record;
use tg_kernel::secret::Secret;
use tg_store::ledger::{Piece, Retention};
use tg_store::{
    CallFilter, DeclaredTeam, Dimension, Directory, DirectoryError, Filter, IssuedKey, KeyRefusal, NewKey, NewRevision,
    ReportQuery, Store, StoreError, TeamPolicy,
};
use tracing::field::Field;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn refusal(directory: &Directory, key: &IssuedKey) -> Option<KeyRefusal> {
    directory.find(key.secret.expose(), HERE, at(10)).err()
}

/// What is said in a log, from INFO on.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(Level, String)>>>);

impl Heard {
    fn of<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(self.clone(), work)
    }
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("tg_store")
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut |field: &Field, value: &dyn std::fmt::Debug| text += &format!("{field}={value:?} "));
        self.0.lock().unwrap().push((*event.metadata().level(), text));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Does this until it succeeds; the store says no in between.
fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not come to an end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn new_key() -> NewKey {
    NewKey { team: "search".to_owned(), ..NewKey::default() }
}

#[test]
fn many_may_open_an_empty_database_at_once() {
    let server = PostgresServer::shared();
    let database = server.database();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| Store::connect(server.address(&database)).unwrap().directory().unwrap());
        }
    });
}

#[test]
fn replicas_that_declare_the_same_teams_do_not_fight() {
    let server = PostgresServer::shared();
    let database = server.database();
    let declared = DeclaredTeam { name: "search".into(), policy: TeamPolicy::default() };
    let added: usize = std::thread::scope(|scope| {
        let replica = || {
            let directory = Store::connect(server.address(&database)).unwrap().directory().unwrap();
            directory.sync_declared(std::slice::from_ref(&declared), at(0)).unwrap().added.len()
        };
        let replicas: Vec<_> = (0..5).map(|_| scope.spawn(replica)).collect();
        replicas.into_iter().map(|replica| replica.join().unwrap()).sum()
    });
    assert_eq!(added, 1);
    assert_eq!(server.sql(&database, "SELECT generation FROM tallygate.directory_state"), "1");
}

#[test]
fn a_server_that_crashes_loses_and_doubles_no_row() {
    let mut server = PostgresServer::start(&[]);
    let store = Store::connect(server.address("postgres")).unwrap();
    let (mut writer, ledger) = (store.ledger_writer().unwrap(), store.ledger().unwrap());
    let first = record();
    writer.append(std::slice::from_ref(&first)).unwrap();
    server.crash();
    let batch = [record(), record()];
    let away = writer.append(&batch).unwrap_err();
    assert!(matches!(away, StoreError::Away { .. }), "{away}");
    assert!(!away.to_string().contains(PASSWORD));
    assert!(matches!(ledger.get(first.id), Err(StoreError::Away { .. })));
    server.resume();
    assert_eq!(until(|| writer.append(&batch).ok()), 2);
    assert_eq!(writer.append(&batch).unwrap(), 0, "a batch may be sent again whenever its outcome is in doubt");
    assert_eq!(until(|| ledger.report(&ReportQuery::default()).ok()).totals.calls, 3);
}

#[test]
fn a_silent_server_holds_nobody_longer_than_the_limit() {
    let mut server = PostgresServer::start(&[]);
    let store = Store::connect(server.address("postgres")).unwrap();
    let directory = store.directory().unwrap();
    directory.create_team("search", TeamPolicy::default(), at(0)).unwrap();
    let key = directory.issue(&new_key(), at(0)).unwrap();
    server.pause();
    let begun = Instant::now();
    let refused = directory.issue(&new_key(), at(1)).unwrap_err();
    assert!(matches!(refused, DirectoryError::Store(StoreError::Away { .. })), "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(7));
    assert_eq!(refusal(&directory, &key), None, "keys are answered from memory");
    assert!(directory.refresh_if_changed().is_err());
    server.resume();
    until(|| directory.issue(&new_key(), at(1)).ok());
    until(|| directory.refresh_if_changed().ok());
    assert_eq!(refusal(&directory, &key), None);
}

#[test]
fn who_looks_for_a_new_revision_hears_of_a_silent_server_within_seconds() {
    let mut server = PostgresServer::start(&[]);
    let store = Store::connect(server.address("postgres")).unwrap();
    let mut revisions = store.revisions().unwrap();
    let new = |text: &str| NewRevision {
        author: "ada".to_owned(),
        note: String::new(),
        text: text.to_owned(),
        restores: None,
    };
    let first = revisions.add(&new("a: 1"), None, at(0)).unwrap();
    server.pause();
    let begun = Instant::now();
    // It asks once a second.
    let blind = until(|| revisions.other_than(Some(&first)).err());
    assert!(matches!(blind, StoreError::Away { .. }), "{blind}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    server.resume();
    let mut another = store.revisions().unwrap();
    let second = until(|| another.add(&new("a: 2"), None, at(1)).ok());
    let found = until(|| revisions.other_than(Some(&first)).ok().flatten());
    assert_eq!(found.head, second);
}

#[test]
fn a_connection_that_the_server_ends_is_made_again_unnoticed() {
    let server = PostgresServer::shared();
    let database = server.database();
    let store = Store::connect(server.address(&database)).unwrap();
    let (mut writer, ledger, directory) =
        (store.ledger_writer().unwrap(), store.ledger().unwrap(), store.directory().unwrap());
    for round in 1..=3 {
        assert_eq!(writer.append(&[record()]).unwrap(), 1);
        assert_eq!(ledger.report(&ReportQuery::default()).unwrap().totals.calls, round);
        directory.create_team(&format!("team-{round}"), TeamPolicy::default(), at(0)).unwrap();
        server.sql("postgres", &end_connections(&database));
    }
    assert_eq!(store.directory().unwrap().teams().len(), 3);
}

fn end_connections(database: &str) -> String {
    format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database}'")
}

/// The keeper of a gateway asks four times a second.
#[test]
fn a_revoked_key_is_refused_on_every_replica_within_two_seconds_though_the_listening_connection_is_cut() {
    let server = PostgresServer::shared();
    let database = server.database();
    let store = Store::connect(server.address(&database)).unwrap();
    let (here, there) = (store.directory().unwrap(), store.directory().unwrap());
    here.create_team("search", TeamPolicy::default(), at(0)).unwrap();
    for cut in [false, true] {
        let key = here.issue(&new_key(), at(0)).unwrap();
        until(|| {
            there.refresh_if_changed().ok();
            (refusal(&there, &key).is_none()).then_some(())
        });
        here.revoke(&key.record.id, at(1)).unwrap();
        if cut {
            server.sql("postgres", &end_connections(&database));
        }
        let begun = Instant::now();
        while refusal(&there, &key).is_none() {
            there.refresh_if_changed().ok();
            std::thread::sleep(Duration::from_millis(250));
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(refusal(&there, &key), Some(KeyRefusal::Revoked));
    }
}

#[test]
fn a_database_that_cannot_be_written_says_so_and_works_again_later() {
    let server = PostgresServer::shared();
    let database = server.database();
    let store = Store::connect(server.address(&database)).unwrap();
    let mut writer = store.ledger_writer().unwrap();
    server.sql("postgres", &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"));
    let refused = writer.append(&[record()]).unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly { .. }), "{refused}");
    server.sql("postgres", &format!("ALTER DATABASE {database} SET default_transaction_read_only = off"));
    assert_eq!(writer.append(&[record()]).unwrap(), 1);
}

#[test]
fn a_lock_of_somebody_else_is_waited_for_in_bounded_time() {
    let server = PostgresServer::shared();
    let database = server.database();
    let directory = Store::connect(server.address(&database)).unwrap().directory().unwrap();
    let hold = "BEGIN; LOCK TABLE tallygate.directory_state; SELECT pg_sleep(8); COMMIT";
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| server.sql(&database, hold));
        until(|| {
            let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND \
                        relation = 'tallygate.directory_state'::regclass";
            (server.sql(&database, held) == "1").then_some(())
        });
        let begun = Instant::now();
        let refused = directory.create_team("search", TeamPolicy::default(), at(0)).unwrap_err();
        assert!(matches!(refused, DirectoryError::Store(StoreError::Locked { .. })), "{refused}");
        assert!(begun.elapsed() < Duration::from_secs(6));
        holder.join().unwrap();
    });
    directory.create_team("search", TeamPolicy::default(), at(0)).unwrap();
}

#[test]
fn rows_of_every_replica_are_there_once() {
    let server = PostgresServer::shared();
    let database = server.database();
    let shared: Arc<Vec<Record>> = Arc::new((0..300).map(|_| record()).collect());
    let new: usize = std::thread::scope(|scope| {
        let replica = |reverse: bool| {
            let mut writer = Store::connect(server.address(&database)).unwrap().ledger_writer().unwrap();
            let mut rows = Vec::clone(&shared);
            if reverse {
                rows.reverse();
            }
            rows.chunks(50).map(|batch| writer.append(batch).unwrap()).sum::<usize>()
        };
        let replicas: Vec<_> = (0..4).map(|n| scope.spawn(move || replica(n % 2 == 0))).collect();
        replicas.into_iter().map(|replica| replica.join().unwrap()).sum()
    });
    assert_eq!(new, 300);
}

#[test]
fn sums_are_exact_and_bounded_while_replicas_add_to_them_at_once() {
    let server = PostgresServer::shared();
    let database = server.database();
    let (replicas, batches, batch) = (4_usize, 11, 500);
    std::thread::scope(|scope| {
        for replica in 0..replicas {
            let mut writer = Store::connect(server.address(&database)).unwrap().ledger_writer().unwrap();
            scope.spawn(move || {
                for number in 0..batches {
                    let call = |n| {
                        let mut call = record();
                        // More combinations in one hour than are kept apart.
                        call.attribution.tags = vec![format!("user={replica}.{number}.{n}")];
                        call
                    };
                    let calls: Vec<Record> = (0..batch).map(call).collect();
                    assert_eq!(writer.append(&calls).unwrap(), batch);
                }
            });
        }
    });
    let all = replicas * batches * batch;
    let ledger = Store::connect(server.address(&database)).unwrap().ledger().unwrap();
    for by in [Dimension::Team, Dimension::Tag] {
        let report = ledger.report(&ReportQuery { by: vec![by], ..ReportQuery::default() }).unwrap();
        let sum: u64 = report.rows.iter().map(|row| row.figures.calls).sum();
        assert_eq!((report.totals.calls, sum), (all as u64, all as u64), "{by:?}");
        assert_eq!(report.totals.cost.nanos(), 6_000_001 * all as i64);
        let groups = if by == Dimension::Tag { all } else { 1 };
        assert_eq!(report.rows.len(), groups, "{by:?}");
    }
    let cells: usize =
        server.sql(&database, "SELECT max(cells) FROM tallygate.rollup_spans WHERE grain = 2").parse().unwrap();
    // Each of those who come at the same moment may fill the last places.
    assert!((20_000..=20_000 + replicas * batch).contains(&cells), "{cells}");
}

/// Whoever comes second waits for the other: a call that is being corrected is deleted with its correction, and one that is
/// being deleted is not corrected any more.
#[test]
fn retention_leaves_no_correction_without_its_call() {
    let server = PostgresServer::shared();
    for slow in ["INSERT ON tallygate.corrections", "DELETE ON tallygate.calls"] {
        let database = server.database();
        let store = Store::connect(server.address(&database)).unwrap();
        let (mut writer, mut upkeep) = (store.ledger_writer().unwrap(), store.upkeep().unwrap());
        let call = record();
        writer.append(std::slice::from_ref(&call)).unwrap();
        server.sql(
            &database,
            &format!(
                "CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 PERFORM pg_sleep(1); RETURN coalesce(NEW, OLD); END $$; \
                 CREATE TRIGGER wait BEFORE {slow} FOR EACH ROW EXECUTE FUNCTION public.wait()"
            ),
        );
        let correct = || assert!(writer.correct(&[correction(&call, 1, 5)]).unwrap() <= 1);
        let keep = Retention { calls: Some(Duration::ZERO), rollups: None };
        let delete = || assert_eq!(upkeep.step(&keep, at(9 * 86_400)).unwrap(), Piece::DeletedRows(1));
        let sleeping = || {
            let sql = format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND wait_event = 'PgSleep'"
            );
            (server.sql(&database, &sql) == "1").then_some(())
        };
        let mut both: [Box<dyn FnOnce() + Send>; 2] = [Box::new(correct), Box::new(delete)];
        if slow.starts_with("DELETE") {
            both.reverse();
        }
        let [first, second] = both;
        std::thread::scope(|scope| {
            scope.spawn(first);
            until(sleeping);
            second();
        });
        let left = "SELECT (SELECT count(*) FROM tallygate.calls), (SELECT count(*) FROM tallygate.corrections)";
        assert_eq!(server.sql(&database, left), "0|0", "{slow}");
    }
}

/// Lets the server fail as many appends as `times` says, with this SQLSTATE, and then do its work.
fn failing(server: &PostgresServer, database: &str, sqlstate: &str, times: u32) {
    server.sql(
        database,
        &format!(
            "CREATE SEQUENCE public.tried; CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF nextval('public.tried') <= {times} THEN RAISE EXCEPTION 'told to' USING ERRCODE = '{sqlstate}'; END IF; \
             RETURN NEW; END $$; \
             CREATE TRIGGER fail BEFORE INSERT ON tallygate.calls FOR EACH STATEMENT EXECUTE FUNCTION public.fail()"
        ),
    );
}

#[test]
fn rows_are_not_dropped_on_a_deadlock() {
    for sqlstate in ["40P01", "40001"] {
        let server = PostgresServer::shared();
        let database = server.database();
        let store = Store::connect(server.address(&database)).unwrap();
        failing(server, &database, sqlstate, 2);
        assert_eq!(store.ledger_writer().unwrap().append(&[record(), record()]).unwrap(), 2, "{sqlstate}");
    }
}

#[test]
fn a_full_disk_is_named_and_the_batch_can_be_sent_again() {
    let server = PostgresServer::shared();
    let database = server.database();
    let store = Store::connect(server.address(&database)).unwrap();
    failing(server, &database, "53100", 1);
    let mut writer = store.ledger_writer().unwrap();
    let batch = [record(), record()];
    let full = writer.append(&batch).unwrap_err();
    assert!(matches!(full, StoreError::Full { .. }), "{full}");
    assert_eq!(writer.append(&batch).unwrap(), 2);
}

/// PostgreSQL has no NUL in texts: one such row would hold up all others for ever.
#[test]
fn a_text_with_nul_does_not_hold_up_the_ledger() {
    let server = PostgresServer::shared();
    let store = Store::connect(server.address(&server.database())).unwrap();
    let mut odd = record();
    odd.asked.model = "m\0odel".into();
    odd.attribution.tags = vec!["a\0b".to_owned(), r"c\u0000d".to_owned()];
    odd.attribution.project = text("p\0");
    odd.fault = Some("\0".to_owned());
    assert_eq!(store.ledger_writer().unwrap().append(&[odd.clone(), record()]).unwrap(), 2);
    let ledger = store.ledger().unwrap();
    assert_eq!(&*ledger.get(odd.id).unwrap().unwrap().asked.model, "m\u{fffd}odel");
    let by_tag = ReportQuery { by: vec![Dimension::Tag], ..ReportQuery::default() };
    assert_eq!(ledger.report(&by_tag).unwrap().rows.len(), 3);
    for tag in ["a\0b", r"c\u0000d"] {
        let filters = vec![Filter { dimension: Dimension::Tag, value: Some(tag.to_owned()) }];
        assert_eq!(ledger.calls(&CallFilter { filters, ..CallFilter::default() }, 10).unwrap().len(), 1, "{tag:?}");
    }
}

#[test]
fn a_start_waits_for_the_server_and_then_says_what_is_wrong() {
    // Listens and never answers, as a firewall does.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let server = PostgresServer::shared();
    let mut nowhere = server.address("postgres");
    nowhere.hosts = vec![("127.0.0.1".to_owned(), silent.local_addr().unwrap().port())];
    let begun = Instant::now();
    let away = Store::connect(nowhere.clone()).unwrap_err().to_string();
    assert!(away.contains("no answer within 3 seconds") && away.contains("127.0.0.1"), "{away}");
    assert!(begun.elapsed() < Duration::from_secs(6));

    // The server comes up while the start waits.
    let mut late = PostgresServer::start(&[]);
    late.crash();
    let mut patient = late.address("postgres");
    patient.start_wait = Duration::from_secs(30);
    let heard = Heard::default();
    std::thread::scope(|scope| {
        let start = scope.spawn(|| heard.of(|| Store::connect(patient).unwrap()).directory().unwrap());
        // Several tries fail.
        std::thread::sleep(Duration::from_secs(1));
        late.resume();
        start.join().unwrap();
    });
    let heard = heard.0.lock().unwrap();
    assert!(matches!(&heard[..], [(Level::WARN, _), (Level::INFO, _)]), "its beginning and its end: {heard:?}");
    assert!(heard[1].1.contains("the store is reached") && !heard[1].1.contains("tries=1 "), "{heard:?}");
}

#[test]
fn a_wrong_password_or_database_ends_the_start_at_once_and_shows_no_secret() {
    let server = PostgresServer::shared();
    let mut wrong = server.address("postgres");
    wrong.start_wait = Duration::from_secs(60);
    wrong.password = Some(Secret::new("s3cret-guess"));
    assert!(!format!("{wrong:?}").contains("s3cret-guess"));
    let begun = Instant::now();
    let refused = Store::connect(wrong).unwrap_err();
    assert!(refused.to_string().contains("password authentication failed"), "{refused}");
    assert!(!format!("{refused} {refused:?}").contains("s3cret-guess"));
    let mut missing = server.address("nowhere");
    missing.start_wait = Duration::from_secs(60);
    let refused = Store::connect(missing).unwrap_err().to_string();
    assert!(refused.contains("database \"nowhere\" does not exist"), "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_address_that_may_not_be_dialled_is_not() {
    let server = PostgresServer::shared();
    let mut guarded = server.address("postgres");
    guarded.may_dial = |address| Err(format!("{address} is never dialled"));
    let refused = Store::connect(guarded).unwrap_err().to_string();
    assert!(refused.contains("127.0.0.1 is never dialled"), "{refused}");
}

#[test]
fn of_several_hosts_one_that_answers_is_used() {
    let server = PostgresServer::shared();
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut several = server.address(&server.database());
    several.hosts.insert(0, ("127.0.0.1".to_owned(), closed));
    let store = Store::connect(several).unwrap();
    assert_eq!(store.ledger_writer().unwrap().append(&[record()]).unwrap(), 1);
    assert!(store.place().contains(&format!("127.0.0.1:{closed},127.0.0.1:{}", server.port)), "{}", store.place());
}

/// Each of them takes connections and never says a word, as a paused machine or a firewall does.
#[test]
fn silent_hosts_do_not_hide_the_one_that_answers_behind_them() {
    let silent: Vec<TcpListener> = (0..4).map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap()).collect();
    let server = PostgresServer::shared();
    let mut several = server.address(&server.database());
    let hosts = silent.iter().map(|silent| ("127.0.0.1".to_owned(), silent.local_addr().unwrap().port()));
    several.hosts.splice(0..0, hosts);
    let begun = Instant::now();
    let store = Store::connect(several).unwrap();
    let directory = store.directory().unwrap();
    directory.create_team("search", TeamPolicy::default(), at(0)).unwrap();
    assert_eq!(store.ledger_writer().unwrap().append(&[record()]).unwrap(), 1);
    // Four connections were made, each of them before the limit of one.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_newer_schema_is_used_if_it_was_only_expanded_and_refused_otherwise() {
    let server = PostgresServer::shared();
    let database = server.database();
    drop(Store::connect(server.address(&database)).unwrap());
    let newer = "ALTER TABLE tallygate.calls ADD COLUMN later bigint NOT NULL DEFAULT 7; \
                 UPDATE tallygate.schema_version SET version = 99";
    server.sql(&database, newer);
    let store = Store::connect(server.address(&database)).unwrap();
    assert_eq!(store.ledger_writer().unwrap().append(&[record()]).unwrap(), 1);
    assert_eq!(server.sql(&database, "SELECT later FROM tallygate.calls"), "7");
    server.sql(&database, "UPDATE tallygate.schema_version SET works_from = 99");
    let refused = Store::connect(server.address(&database)).unwrap_err();
    assert!(matches!(refused, StoreError::NewerSchema { found: 99, .. }), "{refused}");
}

/// The admin listener and the start of a gateway call from threads that drive a runtime.
#[test]
fn the_store_may_be_used_and_dropped_inside_a_runtime() {
    let server = PostgresServer::shared();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::connect(server.address(&server.database())).unwrap();
        let directory = store.directory().unwrap();
        directory.create_team("search", TeamPolicy::default(), at(0)).unwrap();
        store.ledger_writer().unwrap().append(&[record()]).unwrap();
        drop(directory);
    });
}

#[test]
fn a_commit_is_durable_whatever_the_server_s_default_is() {
    let server = PostgresServer::shared();
    let database = server.database();
    server.sql("postgres", &format!("ALTER DATABASE {database} SET synchronous_commit = off"));
    server.sql(&database, "CREATE TABLE public.seen (value text)");
    let store = Store::connect(server.address(&database)).unwrap();
    server.sql(
        &database,
        "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$; \
         CREATE TRIGGER note BEFORE INSERT ON tallygate.calls FOR EACH ROW EXECUTE FUNCTION public.note()",
    );
    store.ledger_writer().unwrap().append(&[record()]).unwrap();
    assert_eq!(server.sql(&database, "SELECT value FROM public.seen"), "on");
}
