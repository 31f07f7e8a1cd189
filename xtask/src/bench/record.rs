//! What was measured of one contender.

use super::contender::Kind;
use super::driver::{Driven, Load};
use anyhow::{Result, ensure};
use std::fmt;
use std::time::Duration;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Time on the CPU for each unit of work (a call, or a chunk of a stream), in nanoseconds.
    pub unit_nanos: u64,
    /// Calls in a second.
    pub rate: u64,
    /// Half of the calls took no longer, in microseconds.
    pub median_micros: u64,
    /// 99 of 100 calls took no longer, in microseconds.
    pub p99_micros: u64,
}

impl Reading {
    /// What a drive comes to.
    ///
    /// # Errors
    /// When a call failed, or none was made.
    pub fn of(driven: &Driven, spent: Duration) -> Result<Self> {
        ensure!(driven.failed == 0, "{} calls failed, the first: {}", driven.failed, driven.failure);
        ensure!(driven.units > 0 && driven.millis > 0, "no call was made: {driven:?}");
        let nanos = u64::try_from(spent.as_nanos())?;
        Ok(Self {
            unit_nanos: nanos / driven.units,
            rate: driven.calls * 1000 / driven.millis,
            median_micros: driven.median_micros,
            p99_micros: driven.p99_micros,
        })
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit_nanos, rate, median_micros, p99_micros } = self;
        let micros = micros(*unit_nanos);
        write!(f, "{micros} µs of CPU, {rate} calls/s, median {median_micros} µs, p99 {p99_micros} µs")
    }
}

/// Nanoseconds as microseconds with one decimal.
pub fn micros(nanos: u64) -> String {
    let tenths = (nanos + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// All measurements of one contender.
#[derive(Debug)]
pub struct Record {
    /// Which one.
    pub kind: Kind,
    /// Memory at rest, in KiB.
    pub idle: u64,
    /// Most memory, in KiB.
    pub peak: u64,
    /// Memory of one open stream, in bytes.
    pub stream_bytes: u64,
    plain: Vec<Reading>,
    stream: Vec<Reading>,
}

impl Record {
    /// Nothing measured but memory at rest.
    pub const fn new(kind: Kind, idle: u64) -> Self {
        Self { kind, idle, peak: 0, stream_bytes: 0, plain: Vec::new(), stream: Vec::new() }
    }

    /// Adds a measurement.
    pub fn add(&mut self, load: Load, reading: Reading) {
        match load {
            Load::Plain => self.plain.push(reading),
            Load::Stream | Load::Hold => self.stream.push(reading),
        }
    }

    /// The measurements under a load, by cost.
    pub fn sorted(&self, load: Load) -> Vec<Reading> {
        let mut all = if load == Load::Plain { self.plain.clone() } else { self.stream.clone() };
        all.sort_by_key(|reading| reading.unit_nanos);
        all
    }

    /// The cheapest and the middle measurement, in nanoseconds for a unit.
    pub fn costs(&self, load: Load) -> (u64, u64) {
        let all = self.sorted(load);
        let at = |index: usize| all.get(index).map_or(0, |reading| reading.unit_nanos);
        (at(0), at(all.len() / 2))
    }
}
