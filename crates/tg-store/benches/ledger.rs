//! What a large ledger costs: appending with and without sums, its size, and how long reports and listings take.
//! `cargo bench --package tg-store --bench ledger -- ROWS USERS`, by default 100 000 rows with tags of 1 000 users. With the
//! word `postgres` behind: on a PostgreSQL server that is started for it, with the settings that it has by itself. With
//! `postgres=PORT`: on one that is there, in the database `bench` of a role `tallygate`, which is filled if it is empty and
//! kept, so that reports can be measured again.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "this is how it tells what it measured")]

#[expect(dead_code, reason = "what only the journal's tests need")]
#[path = "../tests/it/fixture.rs"]
mod fixture;
#[path = "../tests/servers/premises.rs"]
mod premises;
#[expect(dead_code, reason = "what only tests need")]
#[path = "../tests/postgres/server.rs"]
mod server;

use fixture::{at, record};
use rusqlite::Connection;
use server::PostgresServer;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::{Ending, Record};
use tg_kernel::units::Money;
use tg_store::ledger::{Piece, Retention, SpentBy, SpentQuery, SpentRow};
use tg_store::{CallFilter, Dimension, Encryption, Filter, Postgres, ReportQuery, Store};

/// Days over which the calls are spread.
const DAYS: u64 = 30;
/// Rows of one append: what the meter takes at most.
const BATCH: usize = 2_000;
/// Rows for comparing appends.
const SAMPLE: u64 = 200_000;

fn main() {
    let number = |place: usize| std::env::args().filter_map(|argument| argument.parse::<u64>().ok()).nth(place);
    let (rows, users) = (number(0).unwrap_or(100_000), number(1).unwrap_or(1_000));
    let world = World::new(users);
    println!("{rows} rows over {DAYS} days: 20 teams, 100 keys, 8 models, 30 features and {users} users in tags");
    let mut words = std::env::args();
    if let Some(word) = words.find(|word| word == "postgres" || word.starts_with("postgres=")) {
        return on_postgres(&world, rows, word.strip_prefix("postgres="));
    }
    println!("a fiftieth of them as they come, then as many in an hour:");
    compare_appends(&world, 10_000_000);
    compare_appends(&world, SAMPLE * 24 * DAYS);

    let dir = TempDir::new().unwrap();
    let path = dir.path().join("store.db");
    let store = Store::open(&path).unwrap();
    fill(&store, &world, rows, rows);
    let ledger = store.ledger().unwrap();
    println!("{:#?}", ledger.size().unwrap());
    sizes(&path);
    reports(&store);
    listings(&store);
    spending(&store, &path);
    upkeep(&store, &path, rows);
}

/// The same on PostgreSQL, but for what only the engine in a file can be asked.
fn on_postgres(world: &World, rows: u64, port: Option<&str>) {
    // What tests do without is what takes time: every append waits for the disk.
    let server = port.is_none().then(|| PostgresServer::start(&["fsync=on"]));
    let address = match (&server, port) {
        (Some(server), _) => server.address(&server.database()),
        (None, port) => there(port.and_then(|port| port.parse().ok()).unwrap()),
    };
    let store = Store::connect(address).unwrap();
    let ledger = store.ledger().unwrap();
    if ledger.size().unwrap().rows == 0 {
        fill(&store, world, rows, rows);
    }
    println!("{:#?}", ledger.size().unwrap());
    reports(&store);
    listings(&store);
}

/// The database of a server that is there, and asks for no password.
fn there(port: u16) -> Postgres {
    Postgres {
        hosts: vec![("127.0.0.1".to_owned(), port)],
        database: "bench".to_owned(),
        user: server::USER.to_owned(),
        password: None,
        encryption: Encryption::Off,
        may_dial: |_| Ok(()),
        start_wait: Duration::ZERO,
    }
}

/// Calls that resemble a company's.
struct World {
    template: Record,
    users: Vec<String>,
    teams: Vec<Arc<str>>,
    keys: Vec<Arc<str>>,
    models: Vec<Arc<str>>,
}

/// A cheap mix of bits, the same in each run.
fn mixed(number: u64) -> u64 {
    let x = (number ^ (number >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 16
}

impl World {
    fn new(users: u64) -> Self {
        let names = |count: u64, name: fn(u64) -> String| (0..count).map(|n| Arc::from(name(n))).collect();
        let mut template = record();
        template.served.iter_mut().for_each(|served| served.profile = None);
        Self {
            template,
            users: (0..users).map(|n| format!("user=u{n}")).collect(),
            teams: names(20, |n| format!("team-{n}")),
            keys: names(100, |n| format!("Kq3x9ZbV{n:04}")),
            models: names(8, |n| format!("eu.anthropic.claude-model-{n}-20250929-v1:0")),
        }
    }

    /// The call with this number of so many.
    fn call(&self, number: u64, of: u64) -> Record {
        let dice = mixed(number);
        // Each user comes through one key, with three features and three models.
        let user = dice % (self.users.len() as u64).max(1);
        let key = if self.users.is_empty() { dice % 100 } else { user % 100 };
        let mut call = self.template.clone();
        call.id = CallId::fresh();
        call.started_at = Timestamp::from_micros(at(0).micros() + micros(number, of));
        call.attribution.key_id = Arc::clone(&self.keys[key as usize]);
        call.attribution.team = Arc::clone(&self.teams[(key / 5) as usize]);
        let feature = key % 10 * 3 + (dice >> 24) % 3;
        let mut tags = vec![format!("feature=f{feature}")];
        tags.extend(self.users.get(user as usize).cloned());
        call.attribution.tags = tags;
        if let Some(served) = &mut call.served {
            served.model = Arc::clone(&self.models[((key + (dice >> 32) % 3) % 8) as usize]);
        }
        if dice >> 40 & 31 == 0 {
            call.ending = Ending::ClientGone;
        }
        call
    }
}

fn micros(number: u64, of: u64) -> i64 {
    (u128::from(number) * u128::from(DAYS * 86_400_000_000) / u128::from(of.max(1))) as i64
}

/// Appends the first so many of the calls, and says how fast.
fn fill(store: &Store, world: &World, count: u64, of: u64) -> f64 {
    let mut writer = store.ledger_writer().unwrap();
    let mut spent = 0.0;
    let mut next = 0;
    while next < count {
        let until = (next + BATCH as u64).min(count);
        let batch: Vec<Record> = (next..until).map(|number| world.call(number, of)).collect();
        let start = Instant::now();
        assert_eq!(writer.append(&batch).unwrap(), batch.len());
        spent += start.elapsed().as_secs_f64();
        next = until;
    }
    println!("appended {count} rows in {spent:.1} s: {:.0} rows/s", count as f64 / spent);
    count as f64 / spent
}

/// Calls that would be so many over all days, with sums and without: as if all of them were to be summed later.
fn compare_appends(world: &World, over: u64) {
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..2 {
        for (summed, rates) in [true, false].into_iter().zip(&mut rates) {
            let dir = TempDir::new().unwrap();
            let path = dir.path().join("store.db");
            let store = Store::open(&path).unwrap();
            if !summed {
                let raw = Connection::open(&path).unwrap();
                raw.execute("UPDATE rollup_state SET rolled_since = ?", [i64::MAX]).unwrap();
                raw.execute_batch("DROP INDEX calls_by_team").unwrap();
            }
            print!("{}: ", if summed { "with sums" } else { "without sums and index by team" });
            rates.push(fill(&store, world, SAMPLE, over));
        }
    }
    let best = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
    println!("best of two, rows/s: {:.0} with sums, {:.0} without", best(&rates[0]), best(&rates[1]));
}

fn sizes(path: &Path) {
    let raw = Connection::open(path).unwrap();
    let sql = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 8";
    let Ok(mut statement) = raw.prepare(sql) else { return };
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).unwrap();
    for (name, bytes) in rows.flatten() {
        println!("  {name}: {:.1} MB", bytes as f64 / 1e6);
    }
}

fn timed<T>(what: &str, run: impl Fn() -> T) -> T {
    let mut best = f64::MAX;
    let mut first = None;
    let mut answer = None;
    for _ in 0..2 {
        let start = Instant::now();
        answer = Some(run());
        let took = start.elapsed().as_secs_f64() * 1e3;
        first.get_or_insert(took);
        best = best.min(took);
    }
    println!("{what}: {:.1} ms the first time, {best:.1} ms at best", first.unwrap());
    answer.unwrap()
}

fn reports(store: &Store) {
    use Dimension::{Day, Ending, Hour, Key, Model, Tag, Team};
    let ledger = store.ledger().unwrap();
    let query = |by: &[Dimension]| ReportQuery { by: by.to_vec(), ..ReportQuery::default() };
    for by in [&[][..], &[Team], &[Model, Day], &[Tag], &[Tag, Team], &[Team, Key, Model, Ending], &[Hour]] {
        let names: Vec<&str> = by.iter().map(|by| by.as_str()).collect();
        let report = timed(&format!("report by [{}]", names.join(", ")), || ledger.report(&query(by)).unwrap());
        println!("    {} rows, {} calls", report.rows.len(), report.totals.calls);
    }
    let uneven = ReportQuery { since: Some(at(90_061)), until: Some(at(86_400 * 29 + 1_234)), ..query(&[Team]) };
    timed("report by [team] over uneven 28 days", || ledger.report(&uneven).unwrap());
    let uneven = ReportQuery { by: vec![Tag], ..uneven };
    timed("report by [tag] over uneven 28 days", || ledger.report(&uneven).unwrap());
    let filters = vec![Filter { dimension: Team, value: Some("team-3".to_owned()) }];
    timed("report by [model] of one team", || {
        ledger.report(&ReportQuery { filters: filters.clone(), ..query(&[Model]) }).unwrap()
    });
}

fn listings(store: &Store) {
    let ledger = store.ledger().unwrap();
    let of = |dimension, value: &str| vec![Filter { dimension, value: Some(value.to_owned()) }];
    let list = |what: &str, filter: CallFilter| timed(what, || ledger.calls(&filter, 100).unwrap());
    let page = list("first 100 calls", CallFilter::default());
    list("next 100 calls", CallFilter { before: page.last().map(|call| call.id), ..CallFilter::default() });
    let team = of(Dimension::Team, "team-7");
    list("first 100 calls of a team", CallFilter { filters: team.clone(), ..CallFilter::default() });
    let early = (Some(at(86_400)), Some(at(86_400 * 2)));
    list("first 100 calls of an early day", CallFilter { since: early.0, until: early.1, ..CallFilter::default() });
    let both = CallFilter { since: early.0, until: early.1, filters: team, ..CallFilter::default() };
    list("first 100 calls of a team on an early day", both);
    list(
        "calls of a team that has none",
        CallFilter { filters: of(Dimension::Team, "nobody"), ..CallFilter::default() },
    );
    list(
        "first 100 calls of a key",
        CallFilter { filters: of(Dimension::Key, "Kq3x9ZbV0042"), ..CallFilter::default() },
    );
}

/// What budgets ask for at a start: of a month, from sums and, as it was, from rows.
fn spending(store: &Store, path: &Path) {
    use SpentBy::{Hour, Project, Tags, Team};
    let ledger = store.ledger().unwrap();
    let raw = Connection::open(path).unwrap();
    let rolled_since = |moment: i64| raw.execute("UPDATE rollup_state SET rolled_since = ?", [moment]).unwrap();
    // A zone in which midnight is at half past an hour of UTC.
    let since = at(86_400 / 2 + 1_800);
    for by in [&[][..], &[Team], &[Team, Project], &[Team, Hour], &[Team, Tags]] {
        let query = SpentQuery { since, until: None, by: by.to_vec() };
        let sum = |how: &str| {
            timed(&format!("spent by {by:?} from {how}"), || {
                let (mut groups, mut cost) = (0, Money::ZERO);
                let mut add = |row: SpentRow| (groups, cost) = (groups + 1, cost.plus(row.cost));
                ledger.spent(&query, &mut add).unwrap();
                (groups, cost)
            })
        };
        let from_sums = sum("sums");
        rolled_since(1 << 60);
        assert_eq!(sum("rows"), from_sums);
        rolled_since(0);
    }
}

/// Deletes ten days, and sums the rest anew as after a migration, a tenth of it.
fn upkeep(store: &Store, path: &Path, rows: u64) {
    let mut upkeep = store.upkeep().unwrap();
    let now = at(86_400 * DAYS as i64);
    let day = Duration::from_secs(86_400);
    let keep = Retention { calls: Some(day * 20), rollups: None };
    run("deleting ten days", || upkeep.step(&keep, now).unwrap());
    let raw = Connection::open(path).unwrap();
    let forget = "DELETE FROM rollups; DELETE FROM rollup_spans; \
        UPDATE rollup_state SET rolled_since = (SELECT max(started_at) + 1 FROM calls)";
    raw.execute_batch(forget).unwrap();
    let mut left = rows / 10 / 500;
    run("summing old rows", || {
        left = left.saturating_sub(1);
        if left == 0 { Piece::Nothing } else { upkeep.step(&keep, now).unwrap() }
    });
}

fn run(what: &str, mut step: impl FnMut() -> Piece) {
    let (mut done, mut longest, start) = (0, 0.0_f64, Instant::now());
    loop {
        let begin = Instant::now();
        match step() {
            Piece::RolledUp(count) | Piece::DeletedRows(count) | Piece::DeletedRollups(count) => done += count,
            Piece::Nothing => break,
        }
        longest = longest.max(begin.elapsed().as_secs_f64() * 1e3);
    }
    println!("{what}: {done} in {:.1} s, the longest piece {longest:.1} ms", start.elapsed().as_secs_f64());
}
