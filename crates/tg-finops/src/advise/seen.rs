//! What the ledger has seen, summed so that it can be priced again exactly: by team, project, name, provider and model,
//! and within those by what decides a price (tier, and which thresholds of long input a call exceeded).

use std::collections::BTreeMap;
use tg_catalog::Catalogue;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage};

/// Most combinations that are kept; calls of further ones are counted and left out.
pub const USES_MAX: usize = 10_000;

/// Most kinds of tasks that are told apart within one use; calls of further ones count as not looked at.
const TASKS_MAX: usize = 32;

/// Who uses what.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whose {
    /// The team; empty where no caller was identified.
    pub team: String,
    /// The project, if there is one.
    pub project: Option<String>,
    /// The model's name as callers write it; empty where that is not known.
    pub asked: String,
    /// The provider that served it.
    pub provider: String,
    /// The model's id there.
    pub model: String,
}

/// Calls that are priced alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// At which tier.
    pub tier: ServiceTier,
    /// The highest threshold of the catalogue below the input of each; zero if none.
    pub above: u32,
    /// What they used together.
    pub usage: Usage,
}

/// What was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    pub(super) parts: Vec<Part>,
    /// All of it together.
    pub usage: Usage,
    /// How many calls.
    pub calls: u64,
    /// Calls that used something without a price, or were charged by a ceiling.
    pub unpriced_calls: u64,
    /// What only single calls tell; `None` where sums alone are at hand.
    pub detail: Option<Detail>,
    /// Those of the calls whose kind of task was found, by that kind. Of these nothing is told apart further.
    pub tasks: BTreeMap<String, Use>,
    /// Calls into which the gateway put points for a prompt cache.
    pub cached_calls: u64,
    /// What these points saved.
    pub cache_saved: Money,
    /// How hard the calls of one kind of task looked, added up, in percent.
    pub(super) difficulty: u64,
}

/// What single calls tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Input tokens by call, cached ones included.
    pub input: Spread,
    /// Output tokens by call.
    pub output: Spread,
    /// Calls that ended with a call of tools.
    pub tool_calls: u64,
}

/// How counts are spread: exact below 128, in steps of a sixteenth above that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    steps: BTreeMap<u64, u64>,
    count: u64,
    most: u64,
}

impl Spread {
    fn take(&mut self, value: u64) {
        let step = if value < 128 {
            value
        } else {
            let unit = 1_u64 << (value.ilog2() - 4);
            value.div_ceil(unit).saturating_mul(unit)
        };
        *self.steps.entry(step).or_default() += 1;
        self.count += 1;
        self.most = self.most.max(value);
    }

    fn merge(&mut self, other: &Self) {
        for (step, count) in &other.steps {
            *self.steps.entry(*step).or_default() += count;
        }
        self.count += other.count;
        self.most = self.most.max(other.most);
    }

    /// So many of a hundred are not above this; never above the largest.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> u64 {
        let rank = (u128::from(self.count) * u128::from(percent)).div_ceil(100);
        let mut seen = 0_u128;
        for (step, count) in &self.steps {
            seen += u128::from(*count);
            if seen >= rank {
                return (*step).min(self.most);
            }
        }
        self.most
    }

    /// The largest.
    #[must_use]
    pub const fn most(&self) -> u64 {
        self.most
    }
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    thresholds: Vec<u32>,
    pub(super) by: BTreeMap<Whose, Use>,
    /// When the first of the calls arrived, where single calls are at hand.
    pub first: Option<Timestamp>,
    /// Calls that were left out, as there were too many combinations.
    pub left_out: u64,
}

impl Uses {
    /// Nothing yet; to be priced by this catalogue.
    #[must_use]
    pub fn new(catalogue: &Catalogue) -> Self {
        let sets = catalogue.rows().iter().flat_map(|row| row.rate_sets());
        let mut thresholds: Vec<u32> = sets.map(|set| set.above).collect();
        thresholds.sort_unstable();
        thresholds.dedup();
        Self { thresholds, ..Self::default() }
    }

    /// Takes a call. One that used nothing, or reached no provider, tells nothing; nor does one that no caller made.
    pub fn take(&mut self, record: &Record) {
        let Some(served) = &record.served else { return };
        if record.decided.as_deref().is_some_and(|decided| decided.purpose.is_some()) {
            return;
        }
        let usage = &record.usage;
        if usage.total_tokens() == 0 && usage.images == 0 {
            return;
        }
        self.first = Some(self.first.map_or(record.started_at, |first| first.min(record.started_at)));
        let total = usage.total_input_tokens();
        let above = self.thresholds.iter().rev().find(|above| u64::from(**above) < total).copied().unwrap_or_default();
        let whose = Whose {
            team: record.attribution.team.to_string(),
            project: record.attribution.project.as_deref().map(str::to_owned),
            asked: record.asked.model.to_string(),
            provider: served.provider.to_string(),
            model: served.model.to_string(),
        };
        let Some(known) = self.of(whose) else { return };
        let part = Part { tier: served.tier, above, usage: *usage };
        let calls_tools = served.stop.as_deref() == Some("tool_use");
        known.take(part, calls_tools);
        known.unpriced_calls += u64::from(matches!(record.cost.pricing, Pricing::Unpriced | Pricing::Ceiling));
        if let Some(put) = record.decided.as_deref().and_then(|decided| decided.prompt_cache) {
            known.cached_calls += 1;
            known.cache_saved = known.cache_saved.plus(put.saved);
        }
        if let Some(task) = record.decided.as_deref().and_then(|decided| decided.task.as_ref())
            && (known.tasks.len() < TASKS_MAX || known.tasks.contains_key(&*task.class))
        {
            let alike = known.tasks.entry(task.class.to_string()).or_default();
            alike.take(part, calls_tools);
            alike.difficulty += u64::from(task.difficulty);
        }
    }

    /// Takes sums of calls, where calls themselves are not at hand. Each is taken to have had the mean input, at the
    /// default tier.
    pub fn take_sums(&mut self, whose: Whose, calls: u64, usage: &Usage, unpriced_calls: u64) {
        if calls == 0 {
            return;
        }
        let mean = usage.total_input_tokens() / calls;
        let above = self.thresholds.iter().rev().find(|above| u64::from(**above) < mean).copied().unwrap_or_default();
        let Some(known) = self.of(whose) else {
            self.left_out += calls - 1;
            return;
        };
        known.add(Part { tier: ServiceTier::Default, above, usage: *usage }, calls);
        known.unpriced_calls += unpriced_calls;
    }

    fn of(&mut self, whose: Whose) -> Option<&mut Use> {
        if self.by.len() >= USES_MAX && !self.by.contains_key(&whose) {
            self.left_out += 1;
            return None;
        }
        Some(self.by.entry(whose).or_default())
    }

    /// What is used, by whom.
    pub fn iter(&self) -> impl Iterator<Item = (&Whose, &Use)> {
        self.by.iter()
    }
}

impl Use {
    /// Takes one call.
    fn take(&mut self, part: Part, calls_tools: bool) {
        self.add(part, 1);
        let detail = self.detail.get_or_insert_default();
        detail.input.take(part.usage.total_input_tokens());
        detail.output.take(part.usage.output_tokens);
        detail.tool_calls += u64::from(calls_tools);
    }

    /// All of these together.
    pub(super) fn together<'a>(uses: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for one in uses {
            one.parts.iter().for_each(|part| sum.add(*part, 0));
            sum.calls += one.calls;
            sum.difficulty += one.difficulty;
            if let Some(detail) = &one.detail {
                let all = sum.detail.get_or_insert_default();
                all.input.merge(&detail.input);
                all.output.merge(&detail.output);
                all.tool_calls += detail.tool_calls;
            }
        }
        sum
    }

    /// Calls whose kind of task was found.
    #[must_use]
    pub fn looked_at(&self) -> u64 {
        self.tasks.values().map(|alike| alike.calls).sum()
    }

    /// How hard the calls of one kind of task look on average, in percent.
    #[must_use]
    pub fn mean_difficulty(&self) -> u64 {
        self.difficulty / self.calls.max(1)
    }

    fn add(&mut self, part: Part, calls: u64) {
        self.calls += calls;
        add(&mut self.usage, &part.usage);
        match self.parts.iter_mut().find(|known| known.tier == part.tier && known.above == part.above) {
            Some(known) => add(&mut known.usage, &part.usage),
            None => self.parts.push(part),
        }
    }

    /// The mean input of a call, cached tokens included.
    #[must_use]
    pub fn mean_input(&self) -> u64 {
        self.usage.total_input_tokens() / self.calls.max(1)
    }

    /// The mean output of a call.
    #[must_use]
    pub fn mean_output(&self) -> u64 {
        self.usage.output_tokens / self.calls.max(1)
    }
}

/// Adds counts; they stop at their bounds.
fn add(sum: &mut Usage, part: &Usage) {
    for (sum, part) in [
        (&mut sum.input_tokens, part.input_tokens),
        (&mut sum.cache_read_tokens, part.cache_read_tokens),
        (&mut sum.cache_write_5m_tokens, part.cache_write_5m_tokens),
        (&mut sum.cache_write_1h_tokens, part.cache_write_1h_tokens),
        (&mut sum.output_tokens, part.output_tokens),
        (&mut sum.reasoning_tokens, part.reasoning_tokens),
        (&mut sum.audio_input_tokens, part.audio_input_tokens),
        (&mut sum.audio_output_tokens, part.audio_output_tokens),
        (&mut sum.images, part.images),
    ] {
        *sum = sum.saturating_add(part);
    }
}
