//! The data plane: the flow of one call, from its head to its ledger row. Start reading at [`flow`].

mod admission;
mod aim;
mod answer;
mod complaint;
pub mod cost;
mod deliver;
pub mod flights;
pub mod flow;
mod intake;
mod invocations;
mod linger;
pub mod living;
pub mod looks;
pub mod meter;
mod models;
mod outcome;
mod output;
mod patient;
mod prepare;
mod quote;
mod recognise;
pub mod rerate;
mod send;
mod settle;
pub mod snapshot;
mod spending;
pub mod whois;
