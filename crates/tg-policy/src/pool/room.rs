//! What of a pool is taken, and what a call takes of it: rates that fill evenly, and calls under way.

use super::spec::Spec;
use super::state::Need;
use crate::admit::bucket::Bucket;
use crate::admit::{Measure, Rate, Used};
use std::time::Duration;

/// Measures that have a rate.
const RATES: usize = 4;

/// Units of each measure.
pub(super) type Units = [u64; RATES];

/// The place of a measure among the rates.
const fn place(measure: Measure) -> Option<usize> {
    match measure {
        Measure::Requests => Some(0),
        Measure::InputTokens => Some(1),
        Measure::OutputTokens => Some(2),
        Measure::Tokens => Some(3),
        Measure::Calls | Measure::Streams => None,
    }
}

/// So many units of each measure.
const fn units(requests: u64, input: u64, output: u64) -> Units {
    [requests, input, output, input.saturating_add(output)]
}

#[derive(Clone, Copy, Debug)]
struct Level {
    rate: Rate,
    bucket: Bucket,
}

/// What is taken of one pool.
#[derive(Debug)]
pub(super) struct Room {
    levels: [Option<Level>; RATES],
    /// Calls under way.
    pub(super) under_way: u32,
}

impl Room {
    pub(super) fn new(spec: &Spec, now: Duration) -> Self {
        let mut room = Self { levels: [None; RATES], under_way: 0 };
        room.reform(spec, now);
        room
    }

    /// Takes over rates that a reload may have changed; what was taken stays so.
    pub(super) fn reform(&mut self, spec: &Spec, now: Duration) {
        let mut levels = [None; RATES];
        for (measure, rate) in &spec.rates {
            let Some(place) = place(*measure) else { continue };
            let before = self.levels.get(place).copied().flatten();
            let bucket = before.map_or_else(|| Bucket::full(rate, now), |level| level.bucket);
            if let Some(level) = levels.get_mut(place) {
                *level = Some(Level { rate: *rate, bucket });
            }
        }
        self.levels = levels;
        self.refresh(now);
    }

    /// Brings back what has come since the last look.
    pub(super) fn refresh(&mut self, now: Duration) {
        for Level { rate, bucket } in self.levels.iter_mut().flatten() {
            bucket.refresh(rate, now);
        }
    }

    /// What a call takes that needs so much.
    pub(super) const fn needed(spec: &Spec, need: &Need) -> Units {
        units(1, need.input, need.output.saturating_mul(spec.output_factor))
    }

    /// What a call has taken that used so much.
    pub(super) const fn used(spec: &Spec, used: Used) -> Units {
        units(1, used.input, used.output.saturating_mul(spec.output_factor))
    }

    fn rated<'a>(&'a self, units: &'a Units) -> impl Iterator<Item = (&'a Level, u64)> {
        self.levels
            .iter()
            .zip(units)
            .filter_map(|(level, units)| level.as_ref().map(|level| (level, (*units).min(level.rate.burst))))
    }

    /// Whether the rates have room for so much.
    pub(super) fn has(&self, units: &Units) -> bool {
        self.rated(units).all(|(level, units)| level.bucket.has(units))
    }

    /// How long until they have, where `ahead` of the pool's own time goes to others before.
    pub(super) fn wait(&self, units: &Units, ahead: Duration) -> Duration {
        let waits = self.rated(units).map(|(level, units)| {
            let surplus = level.bucket.surplus(&level.rate, units);
            level.bucket.wait(&level.rate, units) + ahead.saturating_sub(surplus)
        });
        waits.max().unwrap_or_default()
    }

    /// How much of the pool's time so much is: that of the measure of which it is most.
    pub(super) fn worth(&self, units: &Units) -> Duration {
        let worths = self.levels.iter().zip(units);
        worths
            .filter_map(|(level, units)| level.as_ref().map(|level| level.rate.worth(*units)))
            .max()
            .unwrap_or_default()
    }

    /// Takes it; of what never fits, all that there is. Answers what was taken.
    pub(super) fn take(&mut self, units: &Units) -> Units {
        let mut taken = *units;
        for (level, taken) in self.levels.iter_mut().zip(&mut taken) {
            match level {
                Some(level) => {
                    *taken = (*taken).min(level.rate.burst);
                    level.bucket.take(*taken);
                }
                None => *taken = 0,
            }
        }
        self.under_way = self.under_way.saturating_add(1);
        taken
    }

    /// Sets right what was taken by what was used.
    pub(super) fn settle(&mut self, taken: &Units, used: &Units, now: Duration) {
        self.refresh(now);
        for ((level, taken), used) in self.levels.iter_mut().zip(taken).zip(used) {
            if let Some(level) = level {
                level.bucket.settle(*taken, *used);
                level.bucket.refresh(&level.rate, now);
            }
        }
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Whether nothing is missing: a new one would be the same.
    pub(super) fn is_whole(&self) -> bool {
        self.under_way == 0 && self.levels.iter().flatten().all(|level| level.bucket.is_full(&level.rate))
    }
}
