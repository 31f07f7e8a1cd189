//! Claims about the whole product, each proved against the real program with simulated providers.

mod bedrock;
mod bypass;
mod failover;
mod findings;
mod house;
mod kill;
mod ledger;
mod matrix;
mod overshoot;
mod savings;
mod sdks;
mod stores;
mod streams;

use crate::running::{self, Profile};
use crate::suite::Tally;
use anyhow::{Result, bail};
use clap::ValueEnum;
use std::future::Future;
use std::path::PathBuf;

pub use kill::Engine;

/// How often the gateway is killed, in the short form and in the long one.
const KILLS: [u32; 2] = [25, 200];

/// The same where the store is a server.
const KILLS_ON_SERVERS: [u32; 2] = [8, 200];

/// A claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Claim {
    /// Official SDKs reach every provider in every dialect, feature by feature
    Matrix,
    /// The ledger agrees with the providers' own books, call by call and to the nano-dollar
    Ledger,
    /// Streams arrive whole and in order, end when their caller leaves, and cost little memory
    Streams,
    /// AWS's clients are served and verified as by AWS, and what is sent on is signed, named and booked right
    Bedrock,
    /// The gateway is killed under load, while callers, providers and store die too: no call is lost, none doubled
    Kill,
    /// Many streams at once spend no more than a budget has, over one gateway and several; and all of it can be used
    Overshoot,
    /// PostgreSQL and Redis fail in every way, under load: each limit does what it says, and nothing is lost
    Stores,
    /// Providers that fail in every way: what callers see, what is tried again, who is passed over and what is booked
    Failover,
    /// What `tallygate advise` predicts is saved, by the demo's eight teams, once what it prints is in force
    Savings,
    /// Nothing gets around a guardrail, in any dialect, before any provider, in any place of a request or an answer
    Bypass,
}

impl Claim {
    /// Every claim, in the order in which the suite proves them.
    pub const ALL: [Self; 10] = [
        Self::Matrix,
        Self::Ledger,
        Self::Streams,
        Self::Bedrock,
        Self::Kill,
        Self::Overshoot,
        Self::Stores,
        Self::Failover,
        Self::Savings,
        Self::Bypass,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Matrix => "matrix",
            Self::Ledger => "ledger",
            Self::Streams => "streams",
            Self::Bedrock => "bedrock",
            Self::Kill => "kill",
            Self::Overshoot => "overshoot",
            Self::Stores => "stores",
            Self::Failover => "failover",
            Self::Savings => "savings",
            Self::Bypass => "bypass",
        }
    }
}

/// How much of a proof is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// What every change must pass.
    Short,
    /// All of it.
    Long,
}

impl Length {
    /// What the flag `--long` says.
    pub const fn of(long: bool) -> Self {
        if long { Self::Long } else { Self::Short }
    }

    /// One of two sizes.
    pub fn pick<T>(self, short: T, long: T) -> T {
        match self {
            Self::Short => short,
            Self::Long => long,
        }
    }
}

/// Proves a claim; prints its table.
///
/// # Errors
/// When it cannot be run, or does not hold.
pub fn run(claim: Claim, length: Length, times: Option<u32>, store: Option<Engine>) -> Result<()> {
    let tally = match (claim, times, store) {
        (_, None, None) => tally(claim, length)?,
        (Claim::Kill, times, store) => {
            let times = times.unwrap_or_else(|| length.pick(KILLS[0], KILLS[1]));
            kill::prove(&prepare()?, times, store.unwrap_or_default())?
        }
        _ => bail!("--times and --store are for `kill` alone"),
    };
    let failed = u64::try_from(tally.failed())?;
    if failed > 0 {
        bail!("{}: {failed} of {} do not hold", claim.name(), failed + tally.passed);
    }
    Ok(())
}

/// Proves a claim, prints its table, and counts what holds.
///
/// # Errors
/// When it cannot be run.
pub fn tally(claim: Claim, length: Length) -> Result<Tally> {
    let program = prepare()?;
    match claim {
        Claim::Matrix => matrix::prove(&program, length),
        Claim::Ledger => block_on(ledger::prove(&program, length)),
        Claim::Streams => block_on(streams::prove(&program, length)),
        Claim::Bedrock => bedrock::prove(&program, length),
        Claim::Kill => {
            let mut tally = kill::prove(&program, length.pick(KILLS[0], KILLS[1]), Engine::Sqlite)?;
            let times = length.pick(KILLS_ON_SERVERS[0], KILLS_ON_SERVERS[1]);
            tally.add(kill::prove(&program, times, Engine::Postgres)?);
            Ok(tally)
        }
        Claim::Overshoot => block_on(overshoot::prove(&program, length)),
        Claim::Stores => stores::prove(&program, length),
        Claim::Failover => block_on(failover::prove(&program, length)),
        Claim::Savings => block_on(savings::prove(&program, length)),
        Claim::Bypass => block_on(bypass::prove(&program, length)),
    }
}

/// Builds what every proof runs.
///
/// # Errors
/// When it does not compile.
pub fn build() -> Result<()> {
    running::build("tallygate", Profile::Quick).map(drop)
}

/// Builds the gateway, and makes room for many connections.
fn prepare() -> Result<PathBuf> {
    let program = running::build("tallygate", Profile::Quick)?;
    running::raise_open_files()?;
    Ok(program)
}

/// Runs a future on this thread.
///
/// # Errors
/// Its own, or that the system gives no runtime.
pub fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
