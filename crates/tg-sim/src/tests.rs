//! The simulators, called over real connections.

mod answers;
mod endings;
mod judging;
mod refusals;
mod signing;
mod surfaces;
mod wire_client;
mod words;
