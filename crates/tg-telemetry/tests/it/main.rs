//! What operators see of finished calls: exposition, spans at a collector, log lines, and the generated reference.

#[cfg(test)]
mod log;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod traces;
