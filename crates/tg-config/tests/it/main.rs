//! The configuration as its users meet it: files in, documents or problems out.

#[cfg(test)]
mod bad_input;
mod bedrock_guardrail;
mod budgets;
mod cache;
#[cfg(test)]
mod counters;
#[cfg(test)]
mod environment;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod good_input;
#[cfg(test)]
mod grammar;
#[cfg(test)]
mod guard_services;
#[cfg(test)]
mod guardrails;
mod hedges;
#[cfg(test)]
mod pools;
#[cfg(test)]
mod probes;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod start;
