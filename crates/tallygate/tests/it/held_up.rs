//! What goes on while the store holds up a reload: probes, signals, and the end.

use crate::postgres::PostgresServer;
use crate::process::Process;
use crate::revisions::{Bed, metric};
use crate::wire::Call;
use crate::world::until;
use std::thread::JoinHandle;

/// Teams that another session holds, until this is dropped.
struct Held<'a> {
    server: &'static PostgresServer,
    database: &'a str,
    session: Option<JoinHandle<()>>,
}

impl<'a> Held<'a> {
    fn teams(server: &'static PostgresServer, database: &'a str) -> Self {
        server.sql(database, "CREATE TABLE IF NOT EXISTS public.told (yes boolean); TRUNCATE public.told");
        let hold = "DO $$ BEGIN LOCK TABLE tallygate.teams IN ACCESS EXCLUSIVE MODE; \
                    WHILE NOT EXISTS (SELECT FROM public.told) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$";
        let there = database.to_owned();
        let session = std::thread::spawn(move || drop(server.sql(&there, hold)));
        let held = Self { server, database, session: Some(session) };
        until("the table is held", || held.lock("granted AND mode = 'AccessExclusiveLock'"));
        held
    }

    /// The session that waits for it now, and since when.
    fn waiter(&self) -> Option<String> {
        self.lock("NOT granted AND waitstart IS NOT NULL")
    }

    fn lock(&self, which: &str) -> Option<String> {
        let locks = format!(
            "SELECT pid, waitstart FROM pg_locks JOIN pg_class ON pg_class.oid = relation WHERE relname = 'teams' \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND {which}"
        );
        Some(self.server.sql(self.database, &locks)).filter(|found| !found.is_empty())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.server.sql(self.database, "INSERT INTO public.told VALUES (true)");
        drop(self.session.take().map(JoinHandle::join));
    }
}

/// A gateway that has the first revision.
fn begun(server: &PostgresServer, database: &str) -> (Bed, Process) {
    let bed = Bed::on_postgres(server, database, "10s");
    bed.push(&bed.text, &[]).unwrap();
    let process = bed.start(0, &[]);
    (bed, process)
}

fn reloads(process: &Process) -> usize {
    process.log().matches("the configuration was reloaded").count()
}

#[test]
fn a_store_that_holds_up_a_reload_holds_up_no_probe() {
    let server = PostgresServer::shared();
    let database = server.database();
    let (bed, process) = begun(server, &database);
    let held = Held::teams(server, &database);
    bed.push(&bed.more(), &[]).unwrap();
    until("probes are answered while the same reload waits", || {
        let waiter = held.waiter()?;
        for probe in ["/healthz", "/metrics"] {
            assert_eq!(Call::new("GET", probe).send(process.admin).status, 200);
        }
        (held.waiter()? == waiter).then_some(())
    });
    assert_eq!(metric(&process, "tallygate_config_revision"), Some(1));
    drop(held);
    until("it is in force", || (metric(&process, "tallygate_config_revision") == Some(2)).then_some(()));
}

#[test]
fn an_end_is_not_held_up_by_a_reload_that_waits_for_the_store() {
    let server = PostgresServer::shared();
    let database = server.database();
    let bed = Bed::on_postgres(server, &database, "10s");
    bed.push(&bed.text, &[]).unwrap();
    // The server gives the wait up after some seconds. On a machine that is as slow as that, it is seen another time.
    let ends_first = |_| {
        let mut process = bed.start(0, &[]);
        let held = Held::teams(server, &database);
        process.signal("HUP");
        until("the reload waits", || held.waiter());
        process.signal("TERM");
        assert!(process.ended().success(), "{}", process.log());
        until("all is written down", || process.log().contains("\"drained\"").then_some(()));
        !process.log().contains("configuration is not used")
    };
    assert!((0..3).any(ends_first), "the reload is waited for");
}

#[test]
fn a_reload_that_is_asked_for_while_another_waits_is_not_forgotten() {
    let server = PostgresServer::shared();
    let database = server.database();
    let (_bed, process) = begun(server, &database);
    let held = Held::teams(server, &database);
    process.signal("HUP");
    until("the reload waits", || held.waiter());
    assert_eq!(reloads(&process), 0);
    process.signal("HUP");
    drop(held);
    until("there is another one", || (reloads(&process) >= 2).then_some(()));
}
