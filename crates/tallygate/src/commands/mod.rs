//! The command line: one file per command.

mod access;
mod advise;
mod aws;
mod budgets;
mod certs;
mod check;
mod config;
mod coverage;
mod explain;
mod guard;
mod keys;
mod prices;
mod reconcile;
#[cfg(test)]
mod reference;
mod report;
mod routing;
mod schema;
mod serve;
mod store;
mod table;
mod teams;
pub(crate) mod terminal;

pub(crate) use report::report_text;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The gateway between your applications and their model providers.
#[derive(Debug, Parser)]
#[command(name = "tallygate", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve(serve::Serve),
    /// Check a configuration by everything that a start does, short of starting
    Check(check::Check),
    /// Show which checks the calls of each team meet on each of its routes, and by which rules
    ///
    /// Ends with 0 if every required check is in force everywhere, 1 if one is not, 2 if the configuration cannot be read.
    /// Reads no secrets, and the store only where the file follows its revisions.
    Coverage(coverage::Coverage),
    /// Show where a request would go, and why: targets, prices, guardrails, limits and budgets
    ///
    /// Decided as by a gateway that has seen no call yet; with --admin, beside it what a running one says: who is passed over, how
    /// full pools are, what is left of budgets. Nothing is sent to a provider.
    Explain(Box<explain::Explain>),
    /// Push, list, compare and restore revisions of the configuration that gateways follow
    Config(config::Config),
    /// Run the gateway against simulated providers, with traffic of eight teams and the report at the end
    Demo(crate::demo::Demo),
    /// Show calls, tokens and cost from the ledger
    Report(report::Report),
    /// Show what would save money: cheaper models, prompt caches; and models that go, keys that idle, prices that lack
    ///
    /// Prices again, exactly, what the ledger has seen. Changes nothing: `--format yaml` prints what would.
    Advise(Box<advise::Advise>),
    /// Show what is spent and left of budgets
    Budgets(budgets::Budgets),
    Routing(routing::Routing),
    /// Compare the ledger with AWS's bill or with Bedrock's invocation logs
    ///
    /// Ends with 0 if they agree, 1 if they differ by more than the tolerance, 2 if they could not be compared.
    Reconcile(Box<reconcile::Reconcile>),
    /// Show how much the store holds
    Store(store::Store),
    /// Show prices, change your own, and correct what was booked
    Prices(prices::Prices),
    /// Show and change teams
    Teams(teams::Teams),
    /// Make, show, rotate and revoke keys
    Keys(keys::Keys),
    /// What a configuration needs of AWS: policies, inference profiles; and proofs of an IAM identity for callers
    Aws(aws::Aws),
    /// Try content checks and guardrails on a text, and a changed policy on recorded calls
    #[command(subcommand)]
    Guard(guard::Guard),
    /// Make a local certificate authority and a certificate for this machine
    Certs(certs::Certs),
    /// Print the JSON Schema of the configuration file, for editors
    Schema,
}

/// Which configuration a command works on.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArg {
    /// The configuration file [default: tallygate.yaml if it exists, else the environment]
    #[arg(long, short, value_name = "FILE", env = "TALLYGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

impl Cli {
    /// Runs the command. Errors go to standard error, the whole chain of causes in one place.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Serve(serve) => serve.run(),
            Command::Check(check) => check.run(),
            Command::Coverage(coverage) => return coverage.run(),
            Command::Explain(explain) => explain.run(),
            Command::Config(config) => config.run(),
            Command::Demo(demo) => demo.run(),
            Command::Report(report) => report.run(),
            Command::Advise(advise) => advise.run(),
            Command::Budgets(budgets) => budgets.run(),
            Command::Routing(routing) => routing.run(),
            Command::Reconcile(reconcile) => return reconcile.run(),
            Command::Store(store) => store.run(),
            Command::Prices(prices) => prices.run(),
            Command::Teams(teams) => teams.run(),
            Command::Keys(keys) => keys.run(),
            Command::Aws(aws) => aws.run(),
            Command::Guard(guard) => return guard.run(),
            Command::Certs(certs) => certs.run(),
            Command::Schema => schema::run(),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                terminal::complain(&error);
                ExitCode::FAILURE
            }
        }
    }
}
