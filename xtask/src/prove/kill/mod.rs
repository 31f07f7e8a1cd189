//! The gateway is killed at random moments, under load, while callers, providers and the store's other users die as
//! well: the ledger has every call that a provider saw, once.

pub(super) mod books;
pub(super) mod callers;
pub(super) mod dice;
mod doors;
mod ground;
mod store;

use super::block_on;
use super::findings::Findings;
use super::house::{ENVIRONMENT, all_rows, document_with, prices};
use crate::running::gateway::Recipe;
use crate::running::{Gateway, Premises};
use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use crate::wire::Client;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::Result;
use books::Books;
use callers::{Crowd, Place};
use dice::Dice;
use doors::Doors;
use futures_util::future::join_all;
use ground::Ground;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tg_sim::{Sim, SimOptions};
use tokio::sync::watch;

pub use ground::Engine;

/// Callers at once.
const CALLERS: u64 = 16;

/// Calls that the limit lets through at once: far more than there are callers, so that only calls that have ended and were
/// not given back could fill it.
const CONCURRENT: usize = 64;

/// A budget that every call meets, and none exhausts.
const BUDGET: &str = "- { name: all, amount: 1000k USD, warn_at: [] }\n";

/// How long a gateway may take to come back while its store is locked or its disk full.
const REVIVAL_MAX: Duration = Duration::from_secs(90);

/// How long the ledger may take to have everything in the end.
const SETTLED_MAX: Duration = Duration::from_secs(60);

/// What is left alone at the end, so that callers who vanish are among the last calls of a gateway that lives.
const LAST_EPOCH: Duration = Duration::from_secs(2);

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    kills: u32,
    failed_starts: u32,
    outages: u32,
}

/// Proves the claim with so many kills.
///
/// # Errors
/// When it cannot be run.
pub fn prove(program: &Path, times: u32, engine: Engine) -> Result<Tally> {
    let mut dice = Dice::fresh();
    say(format_args!("{times} kills; chance begins with {:016x}", dice.seed()));
    let sim = Sim::start(SimOptions::default())?;
    let doors = Doors::before(&sim.urls)?;
    let premises = Premises::take()?;
    let mut ground = Ground::lay(engine, &premises)?;
    let limit = format!("- {{ name: proof, concurrent: {CONCURRENT} }}\n");
    let text = document_with(&doors.urls, &prices(premises.folder())?, &limit, BUDGET) + &ground.section();
    let recipe = Recipe { program, document: &text, listen: "", environment: &ENVIRONMENT, core: None };
    let gateway = ground.start(&recipe)?;
    let (place, seen) = watch::channel(None);
    let crowd = Crowd { place: seen, over: AtomicBool::new(false), told: Mutex::default() };
    let mut killer =
        Killer { gateway, recipe: &recipe, sim: &sim, place, checked: 0, flaws: Vec::new(), done: Done::default() };
    killer.done.outages = tumult(times, (&mut killer, &doors, &mut ground), &crowd, &mut dice)?;
    let Killer { gateway, done, flaws, checked, .. } = killer;
    let mut findings = Findings::new();
    findings.none("calls seen by the time of a kill have their row when the gateway is back", checked, &flaws);
    let told = crowd.told.into_inner().unwrap_or_default();
    block_on(async {
        let client = Client::new(gateway.base(), gateway.key());
        holds(&mut findings, &client).await?;
        rest(&mut findings, &gateway, &sim).await?;
        let rows = all_rows(&client, gateway.admin()).await?;
        let books = books::compare(&mut findings, &sim.books.entries(), &rows, &told);
        summary(&done, &ground, rows.len(), &books);
        held(&mut findings, &client, gateway.admin()).await
    })?;
    let tally = findings.show();
    gateway.end()?;
    Ok(tally)
}

/// Everything at once: callers call, the gateway is killed, providers die, the store is in trouble. Answers how often
/// providers died.
fn tumult(
    times: u32,
    (killer, doors, ground): (&mut Killer<'_>, &Doors, &mut Ground<'_>),
    crowd: &Crowd,
    dice: &mut Dice,
) -> Result<u32> {
    let path = killer.gateway.store();
    let [mut of_killer, mut of_doors, mut of_store, mut of_callers] = std::array::from_fn(|_| dice.split());
    let over = &crowd.over;
    thread::scope(|scope| {
        let killing = scope.spawn(move || {
            let killed = killer.run(times, &mut of_killer);
            over.store(true, Ordering::Release);
            killed
        });
        let outages = scope.spawn(move || outages(doors, over, &mut of_doors));
        let troubles = scope.spawn(move || -> Result<()> {
            while !over.load(Ordering::Acquire) {
                thread::sleep(of_store.millis(300, 2_000));
                ground.trouble(&path, &mut of_store)?;
            }
            Ok(())
        });
        let called = block_on(async {
            join_all((0..CALLERS).map(|number| crowd.caller(number, of_callers.split()))).await;
            Ok(())
        });
        // Whatever failed, all must end.
        over.store(true, Ordering::Release);
        let panicked = |_| anyhow::anyhow!("a thread of the proof panicked");
        killing.join().map_err(panicked)??;
        troubles.join().map_err(panicked)??;
        called?;
        outages.join().map_err(panicked)
    })
}

/// Providers die and come back.
fn outages(doors: &Doors, over: &AtomicBool, dice: &mut Dice) -> u32 {
    let mut count = 0;
    while !over.load(Ordering::Acquire) {
        thread::sleep(dice.millis(200, 1_500));
        doors.set(false);
        thread::sleep(dice.millis(5, 250));
        doors.set(true);
        count += 1;
    }
    count
}

/// Kills the gateway, starts it again, and looks at once whether anything is missing.
struct Killer<'a> {
    gateway: Gateway,
    recipe: &'a Recipe<'a>,
    sim: &'a Sim,
    place: watch::Sender<Option<Place>>,
    /// Calls that were looked for.
    checked: usize,
    flaws: Vec<String>,
    done: Done,
}

impl Killer<'_> {
    fn run(&mut self, times: u32, dice: &mut Dice) -> Result<()> {
        self.tell();
        for _ in 0..times {
            thread::sleep(dice.millis(20, 900));
            self.place.send_replace(None);
            self.gateway.kill()?;
            self.done.kills += 1;
            let seen = self.sim.books.entries().split_off(self.checked);
            self.revive()?;
            self.check(&seen)?;
            self.tell();
        }
        thread::sleep(LAST_EPOCH);
        Ok(())
    }

    fn tell(&self) {
        let (base, key) = (self.gateway.base().to_owned(), self.gateway.key().to_owned());
        self.place.send_replace(Some(Place { base, key }));
    }

    /// A store that is locked, or a disk that is full, may keep it from starting: whoever supervises it tries again.
    fn revive(&mut self) -> Result<()> {
        let limit = Instant::now() + REVIVAL_MAX;
        while let Err(error) = self.gateway.revive(self.recipe) {
            if Instant::now() > limit {
                return Err(error);
            }
            self.done.failed_starts += 1;
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// What a provider had seen by the time of the kill is in the ledger now: from before, or from the journal.
    fn check(&mut self, seen: &[tg_sim::Entry]) -> Result<()> {
        block_on(async {
            let client = Client::new(self.gateway.base(), self.gateway.key());
            for entry in seen {
                let id = entry.gateway_request_id.as_deref().unwrap_or_default();
                let row = booked(&client, &format!("{}/admin/v1/calls/{id}", self.gateway.admin())).await;
                self.flaws.extend(row.err().map(|error| format!("kill {}: {id}: {error:#}", self.done.kills)));
            }
            Ok(())
        })?;
        self.checked += seen.len();
        Ok(())
    }
}

/// The row of a call. While the store is away, nobody can say whether it is there.
async fn booked(client: &Client, url: &str) -> Result<Value> {
    let limit = Instant::now() + REVIVAL_MAX;
    loop {
        match client.get(url).await {
            Err(error) if format!("{error:#}").contains("store_failed") && Instant::now() < limit => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            answer => return answer,
        }
    }
}

/// As many calls as the limit lets through at once are let through: nothing is held for calls that are over.
pub(super) async fn holds(findings: &mut Findings, client: &Client) -> Result<()> {
    let ask = Ask {
        dialect: Dialect::Chat,
        model: "gpt-5-mini".to_owned(),
        prompt: "All at once. [[sim: tokens=3 ttft=2s]]".to_owned(),
        delivery: Delivery::Plain,
        output_max: OUTPUT_MAX,
    };
    let limit = Instant::now() + SETTLED_MAX;
    loop {
        let heard = join_all((0..CONCURRENT).map(|_| client.call(&ask))).await;
        let through = heard.iter().filter(|heard| heard.as_ref().is_ok_and(|heard| heard.status == 200)).count();
        // Callers that left with the last of the tumult may still be held for until the gateway has noticed.
        if through == CONCURRENT || Instant::now() > limit {
            let seen = format!("{through} of {CONCURRENT} at once");
            findings.note("limits hold nothing for calls that are over", seen, through == CONCURRENT);
            return Ok(());
        }
    }
}

/// Everything comes to rest: nothing under way, nothing waiting, nothing in the journal.
pub(super) async fn rest(findings: &mut Findings, gateway: &Gateway, sim: &Sim) -> Result<()> {
    let client = Client::new(gateway.admin(), gateway.key());
    let limit = Instant::now() + SETTLED_MAX;
    let names = [
        "tallygate_calls_in_flight",
        "tallygate_meter_queue_depth",
        "tallygate_journal_open_entries",
        "tallygate_journal_late_calls",
        "tallygate_journal_failing",
    ];
    loop {
        let figures = figures(&client.text("/metrics").await?);
        let read = |name: &str| figures.get(name).copied();
        let is_quiet = names.iter().all(|name| read(name) == Some(0)) && sim.books.open() == 0;
        if is_quiet || Instant::now() > limit {
            for name in names {
                findings.note(
                    format_args!("{name} is 0 in the end"),
                    format_args!("{:?}", read(name)),
                    read(name) == Some(0),
                );
            }
            findings.note("no call is open at a provider", sim.books.open(), sim.books.open() == 0);
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The figures of a page of metrics that have no labels and are whole.
fn figures(page: &str) -> BTreeMap<String, u64> {
    let lines = page.lines().filter_map(|line| line.split_once(' '));
    lines.filter_map(|(name, value)| Some((name.to_owned(), value.trim_end_matches(".0").parse().ok()?))).collect()
}

/// Budgets hold nothing for calls that are over, those of killed gateways included.
pub(super) async fn held(findings: &mut Findings, client: &Client, admin: &str) -> Result<()> {
    let limit = Instant::now() + SETTLED_MAX;
    loop {
        let page = client.get(&format!("{admin}/admin/v1/budgets")).await?;
        let purses = page["budgets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let held: i64 = purses.iter().filter_map(|purse| purse.pointer("/held/nanos")?.as_i64()).sum();
        if held == 0 || Instant::now() > limit {
            let seen = format!("{held} nano-USD in {} purses", purses.len());
            findings.note("budgets hold nothing for calls that are over", seen, held == 0 && !purses.is_empty());
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn summary(done: &Done, ground: &Ground<'_>, rows: usize, books: &Books) {
    let [first, second] = ground.done();
    let mut table =
        Table::new(["kills", "failed starts", "provider gone", first.0, second.0, "rows", "missing", "doubled"]);
    let figures = [done.kills, done.failed_starts, done.outages, first.1, second.1];
    let mut row: Vec<String> = figures.iter().map(ToString::to_string).collect();
    row.extend([rows, books.missing, books.doubled].iter().map(ToString::to_string));
    table.row(row);
    say(&table);
}
