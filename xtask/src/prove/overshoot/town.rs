//! Providers, gateways and what they share, for one run.

use super::CAP_NANOS;
use super::crowd::Place;
use super::mode::Mode;
use crate::prove::house::{ENVIRONMENT, SETTLED_MAX, all_rows, cost, document, prices};
use crate::prove::ledger::{counts, nanos};
use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::wire::Client;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tg_sim::{Ending, Entry, Sim, SimOptions};

/// One run's world.
pub struct Town {
    /// The providers.
    pub sim: Sim,
    gateways: Vec<Gateway>,
    _folder: TempDir,
}

impl Town {
    /// Starts everything: a budget that is kept in this way, over so many gateways.
    ///
    /// # Errors
    /// When something does not start.
    pub fn build(program: &Path, mode: Mode, replicas: usize) -> Result<Self> {
        let sim = Sim::start(SimOptions::default())?;
        let folder = tempfile::Builder::new().prefix("tallygate-overshoot-").tempdir()?;
        let mut text = document(&sim.urls, &prices(folder.path())?);
        let cap = format!("{}.{:09}", CAP_NANOS / 1_000_000_000, CAP_NANOS % 1_000_000_000);
        text += &format!("budgets:\n- {{ name: cap, amount: {cap} USD, warn_at: [], {} }}\n", mode.members());
        let recipe = Recipe { program, document: &text, listen: "", environment: &ENVIRONMENT, core: None };
        anyhow::ensure!(replicas == 1, "later");
        let gateways = vec![Gateway::start_within(&recipe, folder.path())?];
        Ok(Self { sim, gateways, _folder: folder })
    }

    /// Where the gateways are.
    pub fn places(&self) -> Vec<Place> {
        let key = self.gateways.first().map(Gateway::key).unwrap_or_default();
        let place = |gateway: &Gateway| Place {
            base: gateway.base().to_owned(),
            admin: gateway.admin().to_owned(),
            key: key.to_owned(),
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
            if held == 0 && self.sim.books.open() == 0 || Instant::now() > limit {
                let first = self.gateways.first().context("a gateway")?;
                let rows = all_rows(&Client::new(first.base(), first.key()), first.admin()).await?;
                return Ok(Rest { rows, held });
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

async fn held_at(place: &Place) -> Result<i128> {
    let client = Client::new(&place.base, &place.key);
    let page = client.get(&format!("{}/admin/v1/budgets", place.admin)).await?;
    let purses = page["budgets"].as_array().context("no budgets")?;
    Ok(purses.iter().filter_map(|purse| purse.pointer("/held/nanos")?.as_i64()).map(i128::from).sum())
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
        let served = self.rows.iter().filter(|row| !row["served"].is_null()).count();
        if served != entries.len() || rows.len() != self.rows.len() {
            flaws.push(format!("{served} of {} rows reached a provider, which has {}", rows.len(), entries.len()));
        }
        flaws
    }
}
