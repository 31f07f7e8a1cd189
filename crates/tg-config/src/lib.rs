//! Configuration: the one schema (`document`), how its values are written (`grammar`), reading it (`load`,
//! `environment`, `start`), what may be wrong with it (`check`, `problem`), and what is derived from it.

pub mod check;
pub mod document;
pub mod environment;
pub mod grammar;
pub mod load;
mod nearest;
pub mod presets;
pub mod problem;
pub mod reference;
pub mod request;
pub mod routes;
pub mod schema;
pub mod secrets;
mod shape;
pub mod start;
mod tree;

pub use nearest::nearest;
