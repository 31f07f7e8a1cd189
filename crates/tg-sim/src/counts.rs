//! How the simulators count tokens: one rule, simple enough to be repeated by a test.
//!
//! Text is `ceil(bytes / 4)` tokens, taken over all text of a request together (tools, system, messages), so that
//! splitting or joining text changes nothing. An image is 100 tokens, a document `ceil(bytes / 4)`.

use serde::Serialize;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What one image counts.
pub const IMAGE_TOKENS: u64 = 100;

/// A prefix below this many tokens is not cached.
pub const CACHE_MINIMUM_TOKENS: u64 = 512;

/// The cache forgets everything when it holds so many prefixes.
const CACHED_PREFIXES_MAX: usize = 100_000;

/// Tokens of one call. The kinds are disjoint, except that `reasoning` is part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Input that was neither read from nor written to a cache.
    pub input: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache that lives five minutes.
    pub cache_write_5m: u64,
    /// Input written to a cache that lives one hour.
    pub cache_write_1h: u64,
    /// Output, with reasoning inside.
    pub output: u64,
    /// The part of the output that is reasoning.
    pub reasoning: u64,
}

impl Counts {
    /// All input, cached or not.
    #[must_use]
    pub fn input_total(&self) -> u64 {
        self.input + self.cache_read + self.cache_write()
    }

    /// All writes to caches.
    #[must_use]
    pub fn cache_write(&self) -> u64 {
        self.cache_write_5m + self.cache_write_1h
    }

    /// Adds another call's tokens, kind by kind.
    pub fn add(&mut self, other: &Self) {
        self.input += other.input;
        self.cache_read += other.cache_read;
        self.cache_write_5m += other.cache_write_5m;
        self.cache_write_1h += other.cache_write_1h;
        self.output += other.output;
        self.reasoning += other.reasoning;
    }
}

/// The tokens of one piece of text.
#[must_use]
pub fn tokens_of(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// How long a cached prefix lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    FiveMinutes,
    OneHour,
}

#[derive(Debug)]
struct Breakpoint {
    tokens: u64,
    prefix: u64,
    ttl: Ttl,
}

/// Counts the input of one request while it is read, in the order tools, system, messages.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: u64,
    flat: u64,
    hasher: DefaultHasher,
    breakpoints: Vec<Breakpoint>,
}

impl Meter {
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        text.hash(&mut self.hasher);
    }

    pub(crate) fn image(&mut self, bytes: &[u8]) {
        self.flat += IMAGE_TOKENS;
        bytes.hash(&mut self.hasher);
    }

    pub(crate) fn document(&mut self, bytes: &[u8]) {
        self.flat += (bytes.len() as u64).div_ceil(4);
        bytes.hash(&mut self.hasher);
    }

    /// Everything up to here may be cached.
    pub(crate) fn breakpoint(&mut self, ttl: Ttl) {
        self.breakpoints.push(Breakpoint { tokens: self.total(), prefix: self.hasher.finish(), ttl });
    }

    pub(crate) fn breakpoint_count(&self) -> usize {
        self.breakpoints.len()
    }

    pub(crate) fn total(&self) -> u64 {
        self.bytes.div_ceil(4) + self.flat
    }

    /// Splits the input into what the cache held, what it takes now, and the rest.
    pub(crate) fn settle(&self, model: &str, cache: &mut PrefixCache) -> Counts {
        let mut counts = Counts::default();
        let usable: Vec<_> = self.breakpoints.iter().filter(|b| b.tokens >= CACHE_MINIMUM_TOKENS).collect();
        let held = usable.iter().rposition(|b| cache.holds(model, b.prefix));
        let mut covered = 0;
        if let Some(found) = held.and_then(|i| usable.get(i)) {
            counts.cache_read = found.tokens;
            covered = found.tokens;
        }
        for point in usable.iter().skip(held.map_or(0, |i| i + 1)) {
            let fresh = point.tokens - covered;
            match point.ttl {
                Ttl::FiveMinutes => counts.cache_write_5m += fresh,
                Ttl::OneHour => counts.cache_write_1h += fresh,
            }
            covered = point.tokens;
            cache.keep(model, point.prefix);
        }
        counts.input = self.total() - covered;
        counts
    }
}

/// Which prefixes were cached by earlier requests. Nothing expires until a reset: tests must not depend on the clock.
#[derive(Debug, Default)]
pub(crate) struct PrefixCache {
    held: HashSet<u64>,
}

impl PrefixCache {
    fn key(model: &str, prefix: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        model.hash(&mut hasher);
        prefix.hash(&mut hasher);
        hasher.finish()
    }

    fn holds(&self, model: &str, prefix: u64) -> bool {
        self.held.contains(&Self::key(model, prefix))
    }

    fn keep(&mut self, model: &str, prefix: u64) {
        if self.held.len() >= CACHED_PREFIXES_MAX {
            self.held.clear();
        }
        self.held.insert(Self::key(model, prefix));
    }

    pub(crate) fn clear(&mut self) {
        self.held.clear();
    }
}
