//! `cargo xtask bench`: what a call costs the gateway, beside nginx, on the same core in the same run.

mod contender;
mod driver;
mod page;
mod provider;
mod record;

use crate::prove::block_on;
use crate::running::{self, Profile};
use crate::setup;
use crate::shell::{run, works};
use crate::terminal::say;
use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use contender::{Contender, Kind};
use driver::{Drive, Load};
use provider::Provider;
use record::{Reading, Record};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The core of what is measured.
const CORE_MEASURED: usize = 0;

/// The core of the driver and the provider.
const CORE_AROUND: usize = 1;

/// Connections that call all the time.
const CONNECTIONS: usize = 64;

/// How long a contender is left alone before its memory at rest is read, and before its last writes are counted.
const REST: Duration = Duration::from_millis(500);

/// How long a contender runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(2);

/// Measure the gateway beside nginx and write docs/performance.md
#[derive(Debug, Args)]
pub struct Bench {
    /// How often each contender is measured, in turns
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// How long each measurement takes
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// How many streams are opened to weigh them
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=5000))]
    streams: u32,
    /// Measure the pieces of a call instead: scan, splice, tap, transcode, price, store
    #[arg(long)]
    pieces: bool,
    /// Leave docs/performance.md as it is
    #[arg(long)]
    dry: bool,
}

/// A part that runs as a process of its own, on a core of its own.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// The provider behind the contenders
    Provider,
    /// The callers in front of them
    Drive(Drive),
}

impl Part {
    /// Runs the part.
    ///
    /// # Errors
    /// When it cannot go on.
    pub fn run(self) -> Result<()> {
        running::raise_open_files()?;
        match self {
            Self::Provider => block_on(provider::serve()),
            Self::Drive(drive) => block_on(drive.run()),
        }
    }
}

impl Bench {
    /// Measures, prints the table, writes the page.
    ///
    /// # Errors
    /// When a contender cannot be started, or answers wrongly.
    pub fn run(&self) -> Result<()> {
        if self.pieces {
            let packages = [
                "--package",
                "tg-dialect",
                "--package",
                "tg-catalog",
                "--package",
                "tg-policy",
                "--package",
                "tg-store",
                "--bench",
                "*",
            ];
            return run("cargo", ["bench", "--quiet"].into_iter().chain(packages));
        }
        let cores = std::thread::available_parallelism()?.get();
        ensure!(cores > CORE_AROUND, "the measurement needs two cores; this machine has {cores}");
        setup::debian(&["taskset", "--version"], &["util-linux"])?;
        ensure!(works("taskset", ["--version"]), "taskset does not run");
        running::raise_open_files()?;
        let programs = Programs {
            nginx: setup::nginx()?,
            gateway: running::build("tallygate", Profile::Release)?,
            around: running::build("xtask", Profile::Quick)?,
        };
        let records = self.measure(&programs)?;
        let text = page::table(&records, self);
        say(&text);
        if self.dry { Ok(()) } else { page::write(&text) }
    }

    fn measure(&self, programs: &Programs) -> Result<Vec<Record>> {
        let provider = Provider::start(&programs.around)?;
        let mut running = Vec::new();
        for kind in Kind::ALL {
            let contender = Contender::start(kind, programs, provider.port)?;
            std::thread::sleep(REST);
            let idle = contender.memory()?.resident;
            running.push((contender, Record::new(kind, idle)));
        }
        for (contender, _) in &running {
            for load in [Load::Plain, Load::Stream] {
                drive(programs, contender, load, WARM_UP)?;
            }
        }
        let time = Duration::from_secs(self.seconds);
        for round in 1..=self.rounds {
            for (contender, record) in &mut running {
                for load in [Load::Plain, Load::Stream] {
                    let reading = drive(programs, contender, load, time)?;
                    say(format_args!("round {round}: {} {load:?}: {reading}", contender.kind.name()));
                    record.add(load, reading);
                }
            }
        }
        let mut records = Vec::new();
        for (contender, mut record) in running {
            record.peak = contender.memory()?.peak;
            contender.end()?;
            records.push(record);
        }
        for record in &mut records {
            record.stream_bytes = self.weigh(programs, record.kind, provider.port)?;
        }
        Ok(records)
    }

    /// Memory of one open stream, in a fresh process, in bytes.
    fn weigh(&self, programs: &Programs, kind: Kind, provider: u16) -> Result<u64> {
        let contender = Contender::start(kind, programs, provider)?;
        drive(programs, &contender, Load::Stream, Duration::from_secs(1))?;
        let before = contender.memory()?.resident;
        let held = driver::hold(&programs.around, &contender, self.streams)?;
        let after = contender.memory()?.resident;
        held.end()?;
        contender.end()?;
        Ok(after.saturating_sub(before) * 1024 / u64::from(self.streams))
    }
}

/// The programs that take part.
#[derive(Debug)]
struct Programs {
    nginx: PathBuf,
    gateway: PathBuf,
    /// This program, built to be fast: driver and provider.
    around: PathBuf,
}

/// Lets callers call for a while, and reads what that cost the contender.
fn drive(programs: &Programs, contender: &Contender, load: Load, time: Duration) -> Result<Reading> {
    let before = contender.cpu()?;
    let driven = driver::drive(&programs.around, contender, load, time)?;
    std::thread::sleep(REST);
    let spent = contender.cpu()?.saturating_sub(before);
    Reading::of(&driven, spent).with_context(|| format!("{} {load:?}", contender.kind.name()))
}

/// A command that runs on one core only.
fn pinned(program: &Path, core: usize) -> std::process::Command {
    let mut command = std::process::Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}
