//! From a record to the counters that it moves: a combination of labels is worked out once, then found by its ids.

use super::families::{Families, Nanos, NewNames, Spent};
use super::{Known, SeriesLimits};
use crate::labels::{Labels, ValueId, Values};
use crate::names::label as l;
use crate::readings::Readings;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tg_kernel::dialect::{Dialect, Family, Operation};
use tg_kernel::record::{Ending, Pricing, Record, Served};
use tg_kernel::usage::Usage;

/// Providers and fault codes are closed sets of the configuration and the code; the limits only guard against mistakes.
const PROVIDERS_MAX: usize = 200;
const FAULTS_MAX: usize = 200;

/// Most combinations that are remembered; beyond it each call looks its counters up anew.
const COMBINATIONS_MAX: usize = 50_000;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Combination {
    dialect: Dialect,
    operation: Operation,
    ending: Ending,
    served_dialect: Option<Dialect>,
    provider: ValueId,
    model: ValueId,
    team: ValueId,
    fault: ValueId,
}

pub(super) struct Cells {
    families: Families,
    pub(super) known: Known,
    providers: Values,
    models: Values,
    teams: Values,
    faults: Values,
    found: HashMap<Combination, Cell>,
}

impl Cells {
    pub(super) fn new(families: Families, limits: SeriesLimits, known: Known) -> Self {
        Self {
            families,
            known,
            providers: Values::up_to(PROVIDERS_MAX),
            models: Values::up_to(limits.models_max),
            teams: Values::up_to(limits.teams_max),
            faults: Values::up_to(FAULTS_MAX),
            found: HashMap::new(),
        }
    }

    pub(super) fn count(&mut self, record: &Record, readings: &Readings) {
        if record.served.is_some() && record.ending != Ending::Interrupted {
            readings.settled.fetch_add(1, Ordering::Release);
        }
        let combination = self.combine(record);
        if let Some(cell) = self.found.get(&combination) {
            cell.count(record);
        } else {
            let cell = self.make(record, &combination);
            cell.count(record);
            if self.found.len() < COMBINATIONS_MAX {
                self.found.insert(combination, cell);
            }
        }
        self.count_rare(record, &combination);
        if let Some(guarded) = &record.guarded {
            self.families.guards.count(guarded);
        }
        if let Some(reuse) = record.decided.as_ref().and_then(|decided| decided.cache.as_ref()) {
            self.families.cache.count(reuse, &self.teams.value(combination.team));
        }
    }

    fn combine(&mut self, record: &Record) -> Combination {
        let served = record.served.as_ref();
        Combination {
            dialect: record.asked.dialect,
            operation: record.asked.operation,
            ending: record.ending,
            served_dialect: served.map(|s| s.dialect),
            provider: self.providers.id_or_none(served.map(|s| &*s.provider)),
            model: self.model(served.map_or(&record.asked.model, |s| &s.model)),
            team: self.teams.id_or_none(Some(&record.attribution.team)),
            fault: self.faults.id_or_none(record.fault.as_deref()),
        }
    }

    /// What a caller makes up must not take a place: unknown models are not remembered.
    fn model(&mut self, model: &str) -> ValueId {
        match self.models.seen(model) {
            Some(id) => id,
            None if (self.known.model)(model) => self.models.id(model),
            None => Values::OTHER,
        }
    }

    fn make(&self, record: &Record, combination: &Combination) -> Cell {
        let f = &self.families;
        let (operation, dialect) = (record.asked.operation.as_str().into(), record.asked.dialect.as_str().into());
        let (provider, model) = (self.providers.value(combination.provider), self.models.value(combination.model));
        let (ending, fault) = (record.ending.as_str().into(), self.faults.value(combination.fault));
        let gen_ai = Labels::from([
            (l::GEN_AI_OPERATION, &operation),
            (l::GEN_AI_PROVIDER, &self.provider_name(record.served.as_ref())),
            (l::GEN_AI_MODEL, &model),
        ]);
        let timed = if record.fault.is_some() { gen_ai.with(l::ERROR, &fault) } else { gen_ai.clone() };
        Cell {
            calls: f.calls.get_or_create_owned(&Labels::from([
                (l::ENDING, &ending),
                (l::DIALECT, &dialect),
                (l::OPERATION, &operation),
                (l::PROVIDER, &provider),
                (l::MODEL, &model),
                (l::ERROR, &fault),
            ])),
            overhead: f.overhead.get_or_create_owned(&Labels::from([(l::DIALECT, &dialect)])),
            request_duration: f.request_duration.get_or_create_owned(&timed),
            served: record.served.is_some().then(|| {
                let team = self.teams.value(combination.team);
                let owned = Labels::from([(l::TEAM, &team), (l::PROVIDER, &provider), (l::MODEL, &model)]);
                ServedCell::make(f, &gen_ai, &timed, &owned)
            }),
        }
    }

    fn provider_name(&self, served: Option<&Served>) -> Arc<str> {
        let Some(served) = served else { return "none".into() };
        match (self.known.provider_names.get(&served.provider), served.dialect.family()) {
            (Some(name), _) => Arc::clone(name),
            (None, Family::Openai) => "openai".into(),
            (None, Family::Anthropic) => "anthropic".into(),
            (None, Family::Bedrock) => "aws.bedrock".into(),
        }
    }

    /// What happens too seldom to be worth a place in every cell.
    fn count_rare(&self, record: &Record, combination: &Combination) {
        let f = &self.families;
        let Some(served) = &record.served else { return };
        let provider = self.providers.value(combination.provider);
        if record.total_cost().pricing == Pricing::Unpriced {
            let labels = Labels::from([(l::PROVIDER, &provider), (l::MODEL, &self.models.value(combination.model))]);
            f.unpriced.get_or_create(&labels).inc();
        }
        if !record.losses.is_empty() {
            let (from, to) = (record.asked.dialect.as_str().into(), served.dialect.as_str().into());
            let labels = Labels::from([(l::DIALECT, &from), (l::PROVIDER_DIALECT, &to)]);
            f.losses.get_or_create(&labels).inc_by(record.losses.len() as u64);
        }
        if served.stop.as_deref() == Some("unknown") {
            f.unknown_stops.get_or_create(&Labels::from([(l::PROVIDER, &provider)])).inc();
        }
    }
}

/// The counters of one combination.
struct Cell {
    calls: Counter,
    overhead: Histogram,
    request_duration: Histogram,
    served: Option<ServedCell>,
}

/// The counters of a combination that reached a provider.
struct ServedCell {
    durations: Vec<Histogram>,
    first_tokens: Vec<Histogram>,
    input: Vec<Histogram>,
    output: Vec<Histogram>,
    spend: Counter<Spent, Nanos>,
    tokens: Vec<(CountOf, Counter)>,
}

type CountOf = fn(&Usage) -> u64;

/// The kinds of token, as `tallygate_tokens_total` tells them apart.
const KINDS: [(&str, CountOf); 9] = [
    ("input", |u| u.input_tokens),
    ("cache_read", |u| u.cache_read_tokens),
    ("cache_write_5m", |u| u.cache_write_5m_tokens),
    ("cache_write_1h", |u| u.cache_write_1h_tokens),
    ("output", |u| u.output_tokens),
    ("reasoning", |u| u.reasoning_tokens),
    ("audio_input", |u| u.audio_input_tokens),
    ("audio_output", |u| u.audio_output_tokens),
    ("image", |u| u.images),
];

impl ServedCell {
    fn make(f: &Families, gen_ai: &Labels, timed: &Labels, owned: &Labels) -> Self {
        let mut cell = Self {
            durations: Vec::new(),
            first_tokens: vec![f.first_token.get_or_create_owned(gen_ai)],
            input: Vec::new(),
            output: Vec::new(),
            spend: f.spend.get_or_create_owned(owned),
            tokens: KINDS
                .map(|(kind, count)| (count, f.tokens.get_or_create_owned(&owned.with(l::KIND, &kind.into()))))
                .into(),
        };
        if let Some(old) = &f.old {
            let of_type =
                |kind: &str| old.token_usage.get_or_create_owned(&gen_ai.with(l::GEN_AI_TOKEN_TYPE, &kind.into()));
            cell.durations.push(old.duration.get_or_create_owned(timed));
            cell.input.push(of_type("input"));
            cell.output.push(of_type("output"));
        }
        if let Some(new) = &f.new {
            cell.add_new_names(new, gen_ai, timed);
        }
        cell
    }

    fn add_new_names(&mut self, new: &NewNames, gen_ai: &Labels, timed: &Labels) {
        self.durations.push(new.duration.get_or_create_owned(timed));
        self.first_tokens.push(new.first_chunk.get_or_create_owned(gen_ai));
        self.input.push(new.input_per_call.get_or_create_owned(gen_ai));
        self.output.push(new.output_per_call.get_or_create_owned(gen_ai));
        let text = gen_ai.with(l::GEN_AI_MODALITY, &"text".into());
        let audio = gen_ai.with(l::GEN_AI_MODALITY, &"audio".into());
        let counters: [(CountOf, _, _); 7] = [
            (|u| u.total_input_tokens() - u.audio_input_tokens, &new.input, &text),
            (|u| u.audio_input_tokens, &new.input, &audio),
            (|u| u.output_tokens, &new.output, &text),
            (|u| u.audio_output_tokens, &new.output, &audio),
            (|u| u.cache_read_tokens, &new.cache_read, &text),
            (|u| u.cache_write_5m_tokens.saturating_add(u.cache_write_1h_tokens), &new.cache_write, &text),
            (|u| u.reasoning_tokens, &new.reasoning, &text),
        ];
        self.tokens.extend(counters.map(|(count, family, labels)| (count, family.get_or_create_owned(labels))));
    }

    fn count(&self, record: &Record) {
        let usage = &record.usage;
        let seconds = |micros: u64| micros as f64 / 1e6;
        self.durations.iter().for_each(|h| h.observe(seconds(record.timing.total_us)));
        if let Some(micros) = record.timing.first_token_us {
            self.first_tokens.iter().for_each(|h| h.observe(seconds(micros)));
        }
        if usage.total_tokens() > 0 {
            self.input.iter().for_each(|h| h.observe(usage.total_input_tokens() as f64));
            self.output
                .iter()
                .for_each(|h| h.observe(usage.output_tokens.saturating_add(usage.audio_output_tokens) as f64));
        }
        self.spend.inc_by(Spent(record.total_cost().amount));
        for (count, counter) in &self.tokens {
            let tokens = count(usage);
            if tokens > 0 {
                counter.inc_by(tokens);
            }
        }
    }
}

impl Cell {
    fn count(&self, record: &Record) {
        self.calls.inc();
        self.overhead.observe(record.timing.overhead_us as f64);
        self.request_duration.observe(record.timing.total_us as f64 / 1e6);
        if let Some(served) = &self.served {
            served.count(record);
        }
    }
}
