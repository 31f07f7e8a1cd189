//! The gateway put together: configuration to running process. The binary is a thin command line over this.

pub mod admin;
mod callers;
pub mod commands;
pub mod compile;
mod demo;
mod first_key;
pub mod gateway;
mod limits;
mod paste;
pub mod place;
mod pricing;
pub mod process;
mod signals;
mod signing;
pub mod source;
pub mod telemetry;
pub mod upkeep;
