//! Chores of the repository: `cargo xtask CHORE`.

mod bench;
mod checks;
mod complaints;
mod evaluate;
mod prices;
mod prove;
mod real_model;
mod running;
mod setup;
mod shell;
mod suite;
mod table;
mod terminal;
mod tidy;
mod wire;
mod written;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Chores of the repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Install what the tests need, then run every check, test and proof
    Test,
    /// Format and clippy
    Lint,
    /// House rules that no compiler checks
    Tidy,
    /// Licences, bans and sources of dependencies
    Deny,
    /// Write the generated documentation anew
    Docs,
    /// Run every fuzz target in turn (needs cargo-fuzz and the nightly toolchain)
    Fuzz {
        /// How long to run each target
        seconds: u32,
    },
    /// The embedded price catalogue: [--reviewed | --check]
    Prices {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Prove a claim against the real program: prints a table, fails unless all of it holds
    Prove {
        /// Which claim
        claim: prove::Claim,
        /// The longer run
        #[arg(long)]
        long: bool,
        /// How often the gateway is killed (`kill` alone)
        #[arg(long, conflicts_with = "long")]
        times: Option<u32>,
        /// On which store the gateway stands that is killed (`kill` alone)
        #[arg(long)]
        store: Option<prove::Engine>,
    },
    /// Train on all groups of sources but one, in turn, and print what is told of the one
    Eval {
        /// What is judged
        what: evaluate::What,
        /// Folder with the sources
        #[arg(long)]
        data: std::path::PathBuf,
        /// Folder with the lists of names (`training/names/README.md`): names and addresses are judged, too
        #[arg(long)]
        names: Option<std::path::PathBuf>,
        /// Write the tables into the model cards too
        #[arg(long)]
        cards: bool,
    },
    /// Measure the gateway beside nginx and write docs/performance.md
    Bench(bench::Bench),
    /// Call a small open model through every dialect (builds llama.cpp: every core for about 15 minutes)
    RealModel,
    /// A part of `bench` that runs as a process of its own
    #[command(hide = true)]
    BenchPart {
        #[command(subcommand)]
        part: bench::Part,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    match chore {
        Chore::Test => suite::run(),
        Chore::Lint => checks::lint(),
        Chore::Tidy => tidy::run(),
        Chore::Deny => checks::deny(),
        Chore::Docs => checks::docs(),
        Chore::Fuzz { seconds } => checks::fuzz(seconds),
        Chore::Prices { options } => prices::run(&options),
        Chore::Prove { claim, long, times, store } => prove::run(claim, prove::Length::of(long), times, store),
        Chore::Eval { what, data, names, cards } => evaluate::run(what, &data, names.as_deref(), cards),
        Chore::Bench(bench) => bench.run(),
        Chore::RealModel => real_model::run(),
        Chore::BenchPart { part } => part.run(),
    }
}
