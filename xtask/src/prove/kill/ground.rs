//! On which stores the killed gateway stands, and what is done to them meanwhile.

use super::dice::Dice;
use super::store::Store;
use crate::running::gateway::{Recipe, Shelf};
use crate::running::postgres::{Postgres, USER};
use crate::running::redis::Redis;
use crate::running::{Gateway, Premises};
use anyhow::Result;
use clap::ValueEnum;
use std::path::Path;
use std::thread;

/// The engine of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// A file; limits and budgets are counted in memory
    #[default]
    Sqlite,
    /// PostgreSQL; limits and budgets are counted in Redis
    Postgres,
}

/// Where it stands.
pub enum Ground<'a> {
    /// On a file.
    File(Store),
    /// On servers.
    Servers(Servers<'a>),
}

/// PostgreSQL and Redis.
pub struct Servers<'a> {
    premises: &'a Premises,
    postgres: Postgres<'a>,
    redis: Redis<'a>,
    restarted: u32,
    paused: u32,
}

impl<'a> Ground<'a> {
    /// Makes it.
    ///
    /// # Errors
    /// When a server does not start.
    pub fn lay(engine: Engine, premises: &'a Premises) -> Result<Self> {
        Ok(match engine {
            Engine::Sqlite => Self::File(Store::set()?),
            Engine::Postgres => {
                let (postgres, redis) = (Postgres::start(premises)?, Redis::start(premises)?);
                Self::Servers(Servers { premises, postgres, redis, restarted: 0, paused: 0 })
            }
        })
    }

    /// What stands in the configuration for it.
    pub fn section(&self) -> String {
        match self {
            Self::File(_) => String::new(),
            Self::Servers(Servers { redis, .. }) => {
                format!("counters: {{ url: 'redis://127.0.0.1:{}', replicas: 1, timeout: 300ms }}\n", redis.port())
            }
        }
    }

    /// Starts a gateway on it.
    ///
    /// # Errors
    /// When it does not greet.
    pub fn start(&self, recipe: &Recipe<'_>) -> Result<Gateway> {
        match self {
            Self::File(store) => Gateway::start_within(recipe, &store.parent()),
            Self::Servers(Servers { premises, postgres, .. }) => {
                let members = format!("url: 'postgres://{USER}@127.0.0.1:{}/postgres'", postgres.port());
                let shelf = Shelf::Shared { members: &members, key: None };
                Gateway::start_on(recipe, premises.folder(), &shelf)
            }
        }
    }

    /// Does something to it for a while; `path` is the store's file, where it is one. When this returns, it is well again.
    ///
    /// # Errors
    /// When what is to be done cannot be done.
    pub fn trouble(&mut self, path: &Path, dice: &mut Dice) -> Result<()> {
        match self {
            Self::File(store) => store.trouble(path, dice),
            Self::Servers(servers) => servers.trouble(dice),
        }
    }

    /// What was done, for the table.
    pub fn done(&self) -> [(&'static str, u32); 2] {
        match self {
            Self::File(store) => [("store locked", store.locked), ("disk full", store.filled)],
            Self::Servers(servers) => [("store restarted", servers.restarted), ("store paused", servers.paused)],
        }
    }
}

impl Servers<'_> {
    fn trouble(&mut self, dice: &mut Dice) -> Result<()> {
        match dice.below(4) {
            0 => {
                self.postgres.crash()?;
                thread::sleep(dice.millis(10, 800));
                self.postgres.resume()?;
                self.restarted += 1;
            }
            1 => {
                self.redis.crash()?;
                thread::sleep(dice.millis(10, 800));
                self.redis.resume()?;
                self.restarted += 1;
            }
            2 => {
                self.postgres.pause()?;
                thread::sleep(dice.millis(100, 1_500));
                self.postgres.resume()?;
                self.paused += 1;
            }
            _ => {
                self.redis.pause()?;
                thread::sleep(dice.millis(100, 1_500));
                self.redis.resume()?;
                self.paused += 1;
            }
        }
        Ok(())
    }
}
