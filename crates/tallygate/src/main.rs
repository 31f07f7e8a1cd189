//! The `tallygate` command.

use clap::Parser as _;
use std::process::ExitCode;
use tallygate::commands::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
