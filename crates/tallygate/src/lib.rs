//! The gateway put together: configuration to running process. The binary is a thin command line over this.

pub mod admin;
mod budgets;
mod callers;
pub mod commands;
pub mod compile;
mod counting;
mod demo;
mod directory_keeper;
mod first_key;
mod forecasts;
pub mod gateway;
mod journal_keeper;
mod keeper;
mod limits;
mod lineage;
pub mod notifier;
mod paste;
pub mod place;
mod pricing;
pub mod process;
pub mod revisions;
mod signals;
mod signing;
pub mod source;
pub mod surroundings;
pub mod telemetry;
pub mod upkeep;
