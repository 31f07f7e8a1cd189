//! The gateway whole: real sockets, a real store, simulated providers; and the binary as a process of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod advise;
mod agents;
mod alike;
mod apart;
mod asynchronous;
mod aws;
mod aws_profiles;
mod bad_input;
mod bedrock;
mod booked;
mod budgets;
mod cache_points;
mod cached;
mod cli;
mod clocks;
mod complaints;
mod coverage;
mod credentials;
mod disconnect;
mod endings;
mod exceptions;
mod fallback;
mod fidelity;
mod figures;
mod finops;
mod forecasts;
mod guard;
mod guarded;
mod guarded_answers;
mod guarded_failures;
mod guarded_files;
mod guarded_headers;
mod guarded_large;
mod guarded_places;
mod hedging;
mod held_up;
mod hostile;
mod iam;
mod identity;
mod journal;
mod kept;
mod limits;
mod matrix;
mod metadata;
mod midnight;
mod migration;
mod mirror;
mod once;
mod operations;
mod output;
mod outside;
mod outside_ends;
mod permissions;
mod policies;
mod pools;
#[expect(dead_code, reason = "what only the tests of the store need")]
#[path = "../../../tg-store/tests/postgres/server.rs"]
mod postgres;
#[path = "../../../tg-store/tests/servers/premises.rs"]
mod premises;
mod prices;
mod process;
mod profiles;
mod proofs;
mod properties;
mod purses;
mod recorder;
mod recordings;
#[expect(dead_code, reason = "what only the tests of the store need")]
#[path = "../../../tg-store/tests/servers/redis.rs"]
mod redis;
mod refusals;
mod reload;
mod replicas;
mod rerouted;
mod residency;
mod resilience;
mod retention;
mod revisions;
mod routing;
mod samples;
mod savings;
mod secrecy;
mod shared_store;
mod signed;
mod speak;
mod standing_guardrail;
mod stream_ends;
mod surfaces;
mod switched;
mod task_routing;
mod together;
mod wire;
mod world;
