//! Providers, gateways and what they share, for one run.

use super::CAP_NANOS;
use super::crowd::Place;
use super::mode::{Ground, Mode};
use crate::prove::house::{ENVIRONMENT, SETTLED_MAX, all_rows, cost, document_with, prices};
use crate::prove::ledger::{counts, nanos};
use crate::running::gateway::{Recipe, Shelf};
use crate::running::postgres::{Postgres, USER};
use crate::running::redis::Redis;
use crate::running::{Gateway, Premises};
use crate::wire::Client;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tg_sim::{Ending, Entry, Sim, SimOptions};

/// The servers that gateways share.
#[derive(Debug)]
pub struct Servers<'a> {
    premises: &'a Premises,
    postgres: Postgres<'a>,
    redis: Redis<'a>,
}

impl<'a> Servers<'a> {
    /// Starts both.
    ///
    /// # Errors
    /// When one of them does not start.
    pub fn start(premises: &'a Premises) -> Result<Self> {
        Ok(Self { premises, postgres: Postgres::start(premises)?, redis: Redis::start(premises)? })
    }
}

/// One run's world.
#[derive(Debug)]
pub struct Town {
    /// The providers.
    pub sim: Sim,
    gateways: Vec<Gateway>,
}

impl Town {
    /// Starts everything: a budget that is kept in this way, by gateways on this ground. `number` tells runs apart.
    ///
    /// # Errors
    /// When something does not start.
    pub fn build(program: &Path, mode: Mode, ground: Ground, servers: &Servers<'_>, number: usize) -> Result<Self> {
        let sim = Sim::start(SimOptions::default())?;
        let folder = servers.premises.folder();
        let cap = format!("{}.{:09}", CAP_NANOS / 1_000_000_000, CAP_NANOS % 1_000_000_000);
        let budget = format!("- {{ name: cap, amount: {cap} USD, warn_at: [], {} }}\n", mode.members());
        let mut text = document_with(&sim.urls, &prices(folder)?, "", &budget);
        if let Ground::Shared(replicas) = ground {
            let port = servers.redis.port();
            text += &format!(
                "counters: {{ url: 'redis://127.0.0.1:{port}', tag: run-{number}, replicas: {replicas}, timeout: 1s }}\n"
            );
        }
        let recipe = Recipe { program, document: &text, listen: "", environment: &ENVIRONMENT, core: None };
        let gateways = match ground {
            Ground::Alone => vec![Gateway::start_within(&recipe, folder)?],
            Ground::Shared(replicas) => {
                let database = format!("run_{number}");
                servers.postgres.database(&database)?;
                let members = format!("url: 'postgres://{USER}@127.0.0.1:{}/{database}'", servers.postgres.port());
                beside_each_other(&recipe, folder, &members, replicas)?
            }
        };
        Ok(Self { sim, gateways })
    }

    /// Where the gateways are.
    pub fn places(&self) -> Vec<Place> {
        let place = |gateway: &Gateway| Place {
            base: gateway.base().to_owned(),
            admin: gateway.admin().to_owned(),
            key: gateway.key().to_owned(),
        };
        self.gateways.iter().map(place).collect()
    }

    /// Waits until nothing is under way and nothing is held, and looks. What is still held then is no error.
    ///
    /// # Errors
    /// When the admin interface fails.
    pub async fn rest(&self) -> Result<Rest> {
        let limit = Instant::now() + SETTLED_MAX;
        loop {
            let mut held = 0;
            for place in self.places() {
                held += held_at(&place).await?;
            }
            let is_over = Instant::now() > limit;
            if held == 0 && self.sim.books.open() == 0 || is_over {
                let first = self.gateways.first().context("a gateway")?;
                let rows = all_rows(&Client::new(first.base(), first.key()), first.admin()).await?;
                // Where nothing is ever held, a call that has ended may not be booked yet.
                if served(&rows) >= self.sim.books.entries().len() || is_over {
                    return Ok(Rest { rows, held });
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends everything.
    ///
    /// # Errors
    /// When a gateway does not end well.
    pub fn end(self) -> Result<()> {
        self.gateways.into_iter().try_for_each(Gateway::end)
    }
}

/// Gateways on one store.
fn beside_each_other(recipe: &Recipe<'_>, folder: &Path, members: &str, count: usize) -> Result<Vec<Gateway>> {
    let mut gateways: Vec<Gateway> = Vec::new();
    for _ in 0..count {
        let key = gateways.first().map(Gateway::key);
        let gateway = Gateway::start_on(recipe, folder, &Shelf::Shared { members, key })?;
        gateways.push(gateway);
    }
    Ok(gateways)
}

async fn held_at(place: &Place) -> Result<i128> {
    let client = Client::new(&place.base, &place.key);
    let page = client.get(&format!("{}/admin/v1/budgets", place.admin)).await?;
    let purses = page["budgets"].as_array().context("no budgets")?;
    Ok(purses.iter().filter_map(|purse| purse.pointer("/held/nanos")?.as_i64()).map(i128::from).sum())
}

/// How many rows are of calls that reached a provider.
fn served(rows: &[Value]) -> usize {
    rows.iter().filter(|row| !row["served"].is_null()).count()
}

/// What is there when all is over.
pub struct Rest {
    rows: Vec<Value>,
    /// What budgets still hold, in nano-dollars.
    pub held: i128,
}

impl Rest {
    /// What the ledger has in all, in nano-dollars.
    pub fn booked(&self) -> i128 {
        self.rows.iter().map(nanos).sum()
    }

    /// What is not as the providers have it.
    pub fn flaws(&self, entries: &[Entry]) -> Vec<String> {
        let id = |row: &Value| row["request_id"].as_str().unwrap_or_default().to_owned();
        let rows: HashMap<String, &Value> = self.rows.iter().map(|row| (id(row), row)).collect();
        let mut flaws: Vec<String> = entries
            .iter()
            .filter_map(|entry| {
                let row = entry.gateway_request_id.as_ref().and_then(|id| rows.get(id));
                let Some(row) = row else { return Some(format!("no row for {entry:?}")) };
                let fits = match row["usage_source"].as_str() {
                    Some("reported") => counts(row) == entry.counts,
                    Some("estimated") => entry.ending != Ending::Complete || row["ending"] != "ok",
                    _ => entry.ending == Ending::Refused,
                };
                let fits = fits && Some(nanos(row)) == cost(&entry.model, &counts(row));
                (!fits).then(|| format!("row {row} for {entry:?}"))
            })
            .collect();
        let served = served(&self.rows);
        if served != entries.len() || rows.len() != self.rows.len() {
            flaws.push(format!("{served} of {} rows reached a provider, which has {}", rows.len(), entries.len()));
        }
        flaws
    }
}
