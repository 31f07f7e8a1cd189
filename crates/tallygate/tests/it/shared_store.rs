//! Several gateways on one PostgreSQL database, and what they do while it is away.

use crate::postgres::{PASSWORD, PostgresServer, USER};
use crate::process::{Process, command, prepared};
use crate::speak::{Manner, ask};
use crate::wire::Answer;
use crate::world::{Setup, until};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tg_kernel::dialect::Dialect;
use tg_sim::Sim;
use tg_store::{CallFilter, Store};

const VARIABLES: &[(&str, &str)] = &[("STORE_PASSWORD", PASSWORD)];

/// A folder for each replica, with a configuration of one file but for the journal.
fn replicas(server: &PostgresServer, database: &str, wait: &str) -> (Vec<TempDir>, Sim) {
    let (first, sim) = prepared(&Setup { teams: String::new(), ..Setup::default() });
    let file = first.path().join("tallygate.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let here = format!("store: {{ path: '{}/tallygate.db' }}", first.path().display());
    assert!(text.contains(&here));
    let url = url(server, database);
    let shared = format!("store: {{ url: '{url}', password: 'env:STORE_PASSWORD', start_wait: {wait} }}");
    let text = text.replace(&here, &shared);
    std::fs::write(&file, &text).unwrap();
    let second = TempDir::new().unwrap();
    std::fs::write(second.path().join("tallygate.yaml"), &text).unwrap();
    (vec![first, second], sim)
}

fn url(server: &PostgresServer, database: &str) -> String {
    format!("postgres://{USER}@127.0.0.1:{}/{database}", server.port)
}

fn start(folder: &TempDir) -> Process {
    Process::start_among(folder.path(), VARIABLES)
}

fn call(process: &Process, key: &str) -> Answer {
    ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hello").bearer(key).send(process.address)
}

fn store(server: &PostgresServer, database: &str) -> Store {
    Store::connect(server.address(database)).unwrap()
}

/// Waits until the ledger has these calls, and says that it has no others.
fn booked(server: &PostgresServer, database: &str, ids: &[String]) {
    let ledger = store(server, database).ledger().unwrap();
    let rows = until("every call has its row", || {
        let rows = ledger.calls(&CallFilter::default(), 10_000).ok()?;
        (rows.len() >= ids.len()).then_some(rows)
    });
    let mut found: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
    let mut wanted = ids.to_vec();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-tallygate-request-id").to_owned()
}

fn tallygate(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = command(folder, arguments).envs(VARIABLES.iter().copied()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// field.md names it: a key that was blocked on one replica and went on working on another.
#[test]
fn a_revoked_key_is_refused_by_every_replica_within_two_seconds() {
    let server = PostgresServer::shared();
    let database = server.database();
    let (folders, _sim) = replicas(server, &database, "10s");
    let processes = [start(&folders[0]), start(&folders[1])];
    let first_key = processes.iter().find_map(|process| process.key.clone()).unwrap();
    for cut in [false, true] {
        let made = tallygate(
            folders[0].path(),
            &["keys", "create", "--team", "default", "--config", "tallygate.yaml", "--json"],
        );
        let made: serde_json::Value = serde_json::from_str(&made.unwrap()).unwrap();
        let (key, public) =
            (made["secret"].as_str().unwrap().to_owned(), made["key"]["id"].as_str().unwrap().to_owned());
        for process in &processes {
            until("a new key works everywhere", || (call(process, &key).status == 200).then_some(()));
        }
        let admin = format!("http://{}", processes[0].admin);
        tallygate(folders[0].path(), &["keys", "revoke", &public, "--admin", &admin]).unwrap();
        if cut {
            server.sql(
                "postgres",
                &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"),
            );
        }
        let begun = Instant::now();
        assert_eq!(call(&processes[0], &key).status, 401, "at once where it was revoked");
        while call(&processes[1], &key).status != 401 {
            std::thread::sleep(Duration::from_millis(20));
            assert!(begun.elapsed() < Duration::from_secs(2), "{cut}");
        }
        println!("a revocation reached the other replica in {:?}, connection cut: {cut}", begun.elapsed());
    }
    for process in &processes {
        assert_eq!(call(process, &first_key).status, 200, "other keys are not touched");
    }
}

#[test]
fn a_database_that_is_away_stops_no_call_and_loses_no_row() {
    let mut server = PostgresServer::start(&[]);
    let (folders, _sim) = replicas(&server, "postgres", "10s");
    let mut process = start(&folders[0]);
    let key = process.key.clone().unwrap();
    let mut ids = vec![id(&call(&process, &key))];
    booked(&server, "postgres", &ids);
    let admin = format!("http://{}", process.admin);
    let create = ["keys", "create", "--team", "default", "--admin", &admin];

    server.pause();
    ids.extend((0..5).map(|_| id(&call(&process, &key))));
    let refused = tallygate(folders[0].path(), &create).unwrap_err();
    assert!(refused.contains("away") && !refused.contains(PASSWORD), "{refused}");
    server.resume();
    booked(&server, "postgres", &ids);

    server.crash();
    ids.extend((0..5).map(|_| id(&call(&process, &key))));
    let refused = tallygate(folders[0].path(), &create).unwrap_err();
    assert!(refused.contains("away"), "{refused}");
    let health = crate::wire::Call::new("GET", "/readyz").send(process.admin);
    assert_eq!(health.status, 200, "it goes on serving");
    server.resume();
    booked(&server, "postgres", &ids);
    until("keys can be made again", || tallygate(folders[0].path(), &create).ok());

    // The gateway dies while the database is away: the rows come from its journal.
    server.crash();
    ids.extend((0..5).map(|_| id(&call(&process, &key))));
    process.signal("KILL");
    process.ended();
    server.resume();
    let again = start(&folders[0]);
    assert_eq!(again.key, None);
    ids.push(id(&call(&again, &key)));
    booked(&server, "postgres", &ids);
    assert!(!again.log().contains(PASSWORD));
}

/// field.md names it: a database that was away at the start, and every key refused from then on.
#[test]
fn a_start_without_its_database_refuses_no_key_for_ever() {
    let mut server = PostgresServer::start(&[]);
    let (folders, _sim) = replicas(&server, "postgres", "30s");
    let key = start(&folders[0]).key.clone().unwrap();
    server.crash();

    let impatient = folders[1].path().join("tallygate.yaml");
    let text = std::fs::read_to_string(&impatient).unwrap();
    std::fs::write(&impatient, text.replace("start_wait: 30s", "start_wait: 1s")).unwrap();
    let ended = tallygate(folders[1].path(), &["serve", "--config", "tallygate.yaml"]).unwrap_err();
    assert!(ended.contains(&url(&server, "postgres")) && ended.contains("away"), "{ended}");

    let patient = std::thread::scope(|scope| {
        let patient = scope.spawn(|| start(&folders[0]));
        server.resume();
        patient.join().unwrap()
    });
    assert_eq!(call(&patient, &key).status, 200);
}

#[test]
fn a_file_that_changes_while_the_database_is_away_takes_effect_when_it_is_back() {
    let mut server = PostgresServer::start(&[]);
    let (folders, _sim) = replicas(&server, "postgres", "10s");
    let process = start(&folders[0]);
    let key = process.key.clone().unwrap();
    let moving =
        || ask(Dialect::OpenaiChat, Manner::Plain, "moving", "hello").bearer(&key).send(process.address).status;
    let file = folders[0].path().join("tallygate.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let route = "models:\n- { name: moving, targets: [{ provider: openai, model: gpt-5-mini }] }\n";
    let changed = text.replace("models:\n", route);
    assert_ne!(changed, text);

    server.crash();
    std::fs::write(&file, &changed).unwrap();
    until("a reload needs the store", || process.log().contains("configuration is not used yet").then_some(()));
    assert_eq!((moving(), call(&process, &key).status), (404, 200), "the old one stays in force");
    server.resume();
    until("it is tried again", || (moving() == 200).then_some(()));

    // What the document itself has wrong is not mended by time.
    std::fs::write(&file, text.replace("models:\n", "modells:\n")).unwrap();
    until("it is refused", || process.log().contains("modells").then_some(()));
    assert_eq!(process.log().matches("configuration is not used").count(), 2, "{}", process.log());
    assert_eq!(moving(), 200);
}

#[test]
fn commands_work_on_a_database_by_its_address() {
    let server = PostgresServer::shared();
    let database = server.database();
    let folder = TempDir::new().unwrap();
    let at = url(server, &database);
    let run = |arguments: &[&str]| {
        let mut command = command(folder.path(), arguments);
        let output = command.env("TALLYGATE_STORE_PASSWORD", PASSWORD).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["teams", "create", "search", "--store", &at]);
    assert!(run(&["teams", "list", "--store", &at]).contains("search"));
    assert!(run(&["report", "--store", &at]).contains("TOTAL"));
    let mut wrong = command(folder.path(), &["teams", "list", "--store", &format!("postgres://u:{PASSWORD}@h/d")]);
    let wrong = wrong.output().unwrap();
    let told = String::from_utf8_lossy(&wrong.stderr);
    assert!(!wrong.status.success() && told.contains("--store: the URL"), "{told}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no file is made");
}
