//! Two gateways, the stores that they share, and what is done to those.

use super::trouble::{LONELY, Scene, Server, Trouble};
use super::{CAP, CONCURRENT, TIMEOUT};
use crate::prove::house::{ENVIRONMENT, document_with, prices};
use crate::running::gateway::{Recipe, Shelf};
use crate::running::passage::{Passage, State};
use crate::running::postgres::{Postgres, USER};
use crate::running::redis::Redis;
use crate::running::sentinels::{NAME, Sentinels};
use crate::running::{Gateway, Premises};
use crate::terminal::say;
use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tg_sim::Urls;

/// Gateways.
const GATEWAYS: usize = 2;

/// Size of the disk on which the database's tables are, in MiB.
const DISK_MIB: usize = 192;

/// The database.
const DATABASE: &str = "proof";

/// All of it.
#[derive(Debug)]
pub struct Stage<'a> {
    postgres: Postgres<'a>,
    redis: Redis<'a>,
    /// From each gateway to PostgreSQL and to Redis.
    passages: Vec<(Passage, Passage)>,
    /// The gateways.
    pub gateways: Vec<Gateway>,
    disk: Option<PathBuf>,
    heirs: Option<Heirs<'a>>,
}

/// Those that follow PostgreSQL and Redis, and take their place.
#[derive(Debug)]
struct Heirs<'a> {
    postgres: Postgres<'a>,
    /// Runs; the Sentinels do the rest.
    _redis: Redis<'a>,
    sentinels: Sentinels<'a>,
}

/// Where a gateway finds its stores.
struct Ways {
    postgres: String,
    redis: String,
}

impl<'a> Stage<'a> {
    /// Starts everything, before providers at these addresses, with servers that others follow.
    ///
    /// # Errors
    /// When something does not start.
    pub fn with_heirs(program: &Path, premises: &'a Premises, urls: &Urls) -> Result<Self> {
        let (postgres, redis) = (Postgres::start(premises)?, Redis::start(premises)?);
        postgres.database(DATABASE)?;
        let (standby, follower) = (postgres.standby()?, redis.follower()?);
        let sentinels = Sentinels::start(premises, redis.port())?;
        let heirs = Heirs { postgres: standby, _redis: follower, sentinels };
        let stage =
            Self { postgres, redis, passages: Vec::new(), gateways: Vec::new(), disk: None, heirs: Some(heirs) };
        stage.open(program, premises, urls)
    }

    /// Starts everything, before providers at these addresses.
    ///
    /// # Errors
    /// When something does not start.
    pub fn set(program: &Path, premises: &'a Premises, urls: &Urls) -> Result<Self> {
        let (postgres, redis) = (Postgres::start(premises)?, Redis::start(premises)?);
        let disk = premises.disk("tables", DISK_MIB)?;
        if let Some(disk) = &disk {
            postgres.table_space("small", disk)?;
            postgres.sql("postgres", &format!("CREATE DATABASE {DATABASE} TABLESPACE small"))?;
        } else {
            say("no file system can be mounted here: PostgreSQL's disk will not be full");
            postgres.database(DATABASE)?;
        }
        let stage = Self { postgres, redis, passages: Vec::new(), gateways: Vec::new(), disk, heirs: None };
        stage.open(program, premises, urls)
    }

    /// Starts the gateways.
    fn open(mut self, program: &Path, premises: &Premises, urls: &Urls) -> Result<Self> {
        let prices = prices(premises.folder())?;
        for _ in 0..GATEWAYS {
            let passages = (Passage::to(self.postgres.port())?, Passage::to(self.redis.port())?);
            let ways = self.ways((passages.0.port(), passages.1.port()));
            let (members, text) = (format!("url: '{}'", ways.postgres), text(urls, &prices, &ways.redis));
            let recipe = Recipe { program, document: &text, listen: "", environment: &ENVIRONMENT, core: None };
            let shelf = Shelf::Shared { members: &members, key: self.gateways.first().map(Gateway::key) };
            let gateway = Gateway::start_on(&recipe, premises.folder(), &shelf)?;
            self.gateways.push(gateway);
            self.passages.push(passages);
        }
        Ok(self)
    }

    /// The stores' addresses for a gateway that goes by these passages, where no Sentinel names the server.
    fn ways(&self, (postgres, redis): (u16, u16)) -> Ways {
        let hosts = match &self.heirs {
            Some(heirs) => format!("127.0.0.1:{postgres},127.0.0.1:{}", heirs.postgres.port()),
            None => format!("127.0.0.1:{postgres}"),
        };
        let redis = match &self.heirs {
            Some(heirs) => format!("redis+sentinel://{}/{NAME}", heirs.sentinels.hosts()),
            None => format!("redis://127.0.0.1:{redis}"),
        };
        Ways { postgres: format!("postgres://{USER}@{hosts}/{DATABASE}"), redis }
    }

    /// Whether a scene can be played here.
    pub const fn can(&self, scene: Scene) -> bool {
        !matches!((scene.server, scene.trouble), (Server::Postgres, Trouble::Full)) || self.disk.is_some()
    }

    /// Lets it happen.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn bring(&mut self, scene: Scene) -> Result<()> {
        match (scene.server, scene.trouble) {
            (Server::Postgres, Trouble::Stopped) => self.postgres.crash(),
            (Server::Redis, Trouble::Stopped) => self.redis.crash(),
            (Server::Postgres, Trouble::Paused) => self.postgres.pause(),
            (Server::Redis, Trouble::Paused) => self.redis.pause(),
            (server, Trouble::Apart) => {
                self.set_passage(server, LONELY, State::Silent);
                Ok(())
            }
            (server, Trouble::Slow(delay)) => {
                (0..GATEWAYS).for_each(|gateway| self.set_passage(server, gateway, State::Slow(delay)));
                Ok(())
            }
            (Server::Postgres, Trouble::Full) => {
                fill(self.disk.as_deref().context("no disk")?)?;
                let more = self.postgres.sql(DATABASE, "CREATE TABLE more AS SELECT generate_series(1, 100000)");
                anyhow::ensure!(more.is_err(), "there is room yet");
                Ok(())
            }
            (Server::Redis, Trouble::Full) => self.redis.bound_memory(1),
            (Server::Postgres, Trouble::Replaced) => {
                self.postgres.crash()?;
                self.postgres.resume()
            }
            (Server::Redis, Trouble::Replaced) => {
                self.redis.crash()?;
                self.redis.resume()
            }
            (Server::Postgres, Trouble::FailsOver) => {
                self.postgres.crash()?;
                self.heirs.as_ref().context("no standby")?.postgres.promote()
            }
            // Seeing to it is the Sentinels' work.
            (Server::Redis, Trouble::FailsOver) => self.redis.crash(),
        }
    }

    /// Makes all well again.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn mend(&mut self, scene: Scene) -> Result<()> {
        match (scene.server, scene.trouble) {
            (Server::Postgres, Trouble::Stopped | Trouble::Paused) => self.postgres.resume(),
            (Server::Redis, Trouble::Stopped | Trouble::Paused) => self.redis.resume(),
            (server, Trouble::Apart | Trouble::Slow(_)) => {
                (0..GATEWAYS).for_each(|gateway| self.set_passage(server, gateway, State::Open));
                Ok(())
            }
            (Server::Postgres, Trouble::Full) => Ok(fs::remove_file(filler(self.disk.as_deref().context("no disk")?))?),
            (Server::Redis, Trouble::Full) => self.redis.bound_memory(0),
            (_, Trouble::Replaced | Trouble::FailsOver) => Ok(()),
        }
    }

    fn set_passage(&self, server: Server, gateway: usize, state: State) {
        if let Some((to_postgres, to_redis)) = self.passages.get(gateway) {
            let passage = if server == Server::Postgres { to_postgres } else { to_redis };
            passage.set(state);
        }
    }
}

/// The configuration of a gateway for which Redis is at this address.
fn text(urls: &Urls, prices: &Path, redis: &str) -> String {
    let mut limits = format!("- {{ name: proof, concurrent: {CONCURRENT} }}\n");
    for (name, when_away) in super::probe::Manner::ALL.map(|manner| (manner.model(), manner.when_away())) {
        limits += &format!("- {{ name: {name}, for: {{ model: {name} }}, requests: 1M/m, when_away: {when_away} }}\n");
    }
    let budget = format!(
        "- {{ name: cap, for: {{ model: 'cap-*' }}, each: [model], amount: {CAP} USD, warn_at: [], output: cut, \
         output_min: 16, reserve: usual }}\n"
    );
    document_with(urls, prices, &limits, &budget)
        + &format!("counters: {{ url: '{redis}', replicas: {GATEWAYS}, timeout: {}ms }}\n", TIMEOUT.as_millis())
}

fn filler(disk: &Path) -> PathBuf {
    disk.join("filler")
}

/// Takes all room that is left.
fn fill(disk: &Path) -> Result<()> {
    let mut file = File::create(filler(disk))?;
    let mut size = 1 << 20;
    // In ever smaller pieces, so that nothing is left.
    while size >= 1 << 12 {
        if file.write_all(&vec![1; size]).is_err() {
            size >>= 2;
        }
    }
    Ok(())
}
