//! A user's own rows over those of a catalogue: read, checked, and merged by date.

use crate::catalogue::{Catalogue, Provenance};
use crate::row::{ALWAYS, Rates, Row, rate_sets};
use crate::source::{RateSource, RowSource};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::usage::ServiceTier;

/// The most rows in an override file.
const MOST_ROWS: usize = 10_000;
/// The factor between an override and the row it replaces from which on a human should look again.
const JUMP: u64 = 10;
const END_OF_TIME: Timestamp = Timestamp::from_micros(i64::MAX);

/// What is wrong with an override.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct OverrideProblem {
    /// Where: `rows[3]`, `rows[3].rates[0]`.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// A rate that an override changes by more than ten times. Allowed, but worth a warning: a slip of the unit looks so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceJump {
    /// The provider kind.
    pub provider: String,
    /// The row's id.
    pub id: String,
    /// Which rate.
    pub rate: &'static str,
    /// The rate before, in micro-dollars per million tokens.
    pub before: u32,
    /// The rate now.
    pub after: u32,
}

impl fmt::Display for PriceJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, id, rate, before, after } = self;
        write!(f, "{provider}/{id}: `{rate}` goes from {before} to {after} micro-dollars per million tokens")
    }
}

/// A catalogue with overrides in it, and what to warn about.
#[derive(Debug)]
pub struct Overridden {
    /// The merged catalogue.
    pub catalogue: Arc<Catalogue>,
    /// Rates that changed by more than ten times.
    pub jumps: Vec<PriceJump>,
}

/// Reads the rows of an override file, already parsed from JSON or YAML: a list of rows, or an object with `rows`.
///
/// # Errors
/// Every row that is not of the schema, with its place.
pub fn parse_overrides(document: &Value) -> Result<Vec<RowSource<'static>>, Vec<OverrideProblem>> {
    let problem = |path: String, reason: String| OverrideProblem { path, reason };
    let whole = |reason: &str| vec![problem("rows".into(), reason.into())];
    let rows = match document {
        Value::Object(members) => {
            let unknown = members.keys().filter(|name| *name != "rows");
            let unknown: Vec<_> =
                unknown.map(|name| problem(name.clone(), "is not known here, only `rows` is".into())).collect();
            if !unknown.is_empty() {
                return Err(unknown);
            }
            members.get("rows").and_then(Value::as_array)
        }
        list => list.as_array(),
    };
    let rows = rows.ok_or_else(|| whole("must be a list of rows"))?;
    if rows.len() > MOST_ROWS {
        return Err(whole(&format!("{} rows are too many; the most is {MOST_ROWS}", rows.len())));
    }
    let mut problems = Vec::new();
    let mut read = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        match RowSource::deserialize(row) {
            Ok(row) => read.push(row.into_owned()),
            Err(error) => {
                let wrong = wrong_rates(at, row);
                let whole = problem(format!("rows[{at}]"), error.to_string());
                problems.extend(if wrong.is_empty() { vec![whole] } else { wrong });
            }
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

/// What is wrong within the rates of a row, each with its own place.
fn wrong_rates(row: usize, value: &Value) -> Vec<OverrideProblem> {
    let rates = value.get("rates").and_then(Value::as_array).into_iter().flatten().enumerate();
    let wrong = rates.filter_map(|(at, rate)| Some((at, RateSource::deserialize(rate).err()?)));
    wrong
        .map(|(at, error)| OverrideProblem { path: format!("rows[{row}].rates[{at}]"), reason: error.to_string() })
        .collect()
}

impl Catalogue {
    /// This catalogue with `rows` over it. `label` names the file in versions and in every cost that it priced.
    ///
    /// A row replaces those of the same provider and id that hold from its own date on, until its end if it has one;
    /// earlier ones stay, for calls before that date, and hold again after its end. What a row leaves out (rates, limits, abilities, factors) it takes from the row it replaces,
    /// or from the one it names in `like` (of the catalogue, or earlier in `rows`).
    ///
    /// # Errors
    /// Every row that cannot be built, with its place in the list.
    pub fn with_overrides(
        &self,
        label: &str,
        rows: Vec<RowSource<'static>>,
    ) -> Result<Overridden, Vec<OverrideProblem>> {
        let label: Arc<str> = label.into();
        let mut problems = Vec::new();
        let mut jumps = Vec::new();
        let mut new: Vec<Arc<Row>> = Vec::with_capacity(rows.len());
        for (at, mut source) in rows.into_iter().enumerate() {
            source.provider = crate::name::provider(&source.provider).to_owned().into();
            match self.overriding(source, &new, &label) {
                Ok(row) => {
                    if let Some(before) = self.exact(&row.provider, &row.id, row.valid_from) {
                        jumps.extend(jumps_between(before, &row));
                    }
                    new.push(Arc::new(row));
                }
                Err(reason) => problems.push(OverrideProblem { path: format!("rows[{at}]"), reason }),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let problems = overlaps(&new);
        if !problems.is_empty() {
            return Err(problems);
        }
        jumps.extend(jumps_within(&new));
        let mut over: HashMap<(&str, &str), Vec<&Arc<Row>>> = HashMap::new();
        for row in &new {
            over.entry((row.provider(), row.id())).or_default().push(row);
        }
        let kept = self.rows().iter().filter_map(|row| match over.get(&(row.provider(), row.id())) {
            Some(over) => beneath(row, over),
            None => Some(Arc::clone(row)),
        });
        let merged = kept.chain(new.iter().map(Arc::clone)).collect();
        let mut sources = self.sources().to_vec();
        let (version, sha256, licence) = (String::new(), String::new(), String::new());
        sources.push(Provenance { name: label.to_string(), version, sha256, licence });
        let version = format!("{}+{label}", self.version()).into();
        Ok(Overridden { catalogue: Arc::new(Self::index(version, sources, merged)), jumps })
    }

    fn overriding(
        &self,
        mut source: RowSource<'static>,
        earlier: &[Arc<Row>],
        label: &Arc<str>,
    ) -> Result<Row, String> {
        if source.provider.is_empty() {
            return Err("`provider` must not be empty".into());
        }
        let like = source.like.take();
        let named = like.as_deref().unwrap_or(&source.id);
        let earlier =
            earlier.iter().rev().find(|row| like.is_some() && row.id == named && *row.provider == *source.provider);
        let template = earlier.or_else(|| self.exact(&source.provider, named, END_OF_TIME));
        if let (Some(like), None) = (&like, template) {
            return Err(format!(
                "`like` names `{like}`; neither the catalogue nor an earlier row has it for `{}`",
                source.provider
            ));
        }
        let sets = match (source.rates.is_empty(), template) {
            (false, _) => rate_sets(&source.rates)?,
            (true, Some(template)) => template.sets.clone(),
            (true, None) => return Err("`rates` is missing, and there is no embedded row to take them from".into()),
        };
        let states_abilities = source.abilities.is_some();
        let provider: Arc<str> = source.provider.as_ref().into();
        let mut row = Row::build(source, sets, provider, Arc::clone(label))?;
        if let Some(template) = template {
            row.inherit(template, states_abilities);
        }
        Ok(row)
    }
}

impl Row {
    /// Takes from `template` what the row's written form left out.
    fn inherit(&mut self, template: &Self, states_abilities: bool) {
        if !states_abilities {
            self.abilities = template.abilities;
        }
        if self.scopes.is_empty() {
            self.scopes = template.scopes.clone();
        }
        self.limits.context = self.limits.context.or(template.limits.context);
        self.limits.output_max = self.limits.output_max.or(template.limits.output_max);
        self.limits.cache_min = self.limits.cache_min.or(template.limits.cache_min);
        self.retires = self.retires.or(template.retires);
    }
}

/// What is left of a catalogue's row beneath these overrides of the same id: nothing where one replaces it for good, and
/// a row that begins when the override ends where one replaces its beginning.
fn beneath(row: &Arc<Row>, over: &[&Arc<Row>]) -> Option<Arc<Row>> {
    let mut from = row.valid_from;
    let covers = |from: Timestamp| {
        over.iter().find(|o| o.valid_from <= from && o.valid_to.is_none_or(|to| from < to)).map(|o| o.valid_to)
    };
    // Each turn takes the beginning past the end of one more override.
    while let Some(end) = covers(from) {
        from = end?;
    }
    Some(if from == row.valid_from { Arc::clone(row) } else { Arc::new(Row { valid_from: from, ..Row::clone(row) }) })
}

/// Rows of the same id of which nobody can say when each holds: they begin together, or the later one outlasts the
/// earlier one's end. A row within the time of another is a passing price, and fine.
fn overlaps(rows: &[Arc<Row>]) -> Vec<OverrideProblem> {
    let held = |row: &'_ Arc<Row>| (row.valid_from, row.valid_to);
    let rows: Vec<_> = rows.iter().map(|row| (row.provider(), row.id(), held(row))).collect();
    let clashes = clashes(&rows).into_iter();
    clashes.map(|(at, reason)| OverrideProblem { path: format!("rows[{at}]"), reason }).collect()
}

/// From when on a row holds, and until when.
type Held = (Timestamp, Option<Timestamp>);

/// The rows, by provider, id and time, that get into the way of another of the same model, and how.
pub(crate) fn clashes(rows: &[(&str, &str, Held)]) -> Vec<(usize, String)> {
    let mut order: Vec<_> = rows.iter().enumerate().collect();
    order.sort_by_key(|(at, (provider, id, (from, _)))| (*provider, *id, *from, *at));
    let mut problems = Vec::new();
    for same in order.chunk_by(|(_, a), (_, b)| (a.0, a.1) == (b.0, b.1)) {
        for (number, (second, row)) in same.iter().enumerate() {
            let clash = same[..number].iter().find_map(|(first, earlier)| Some((first, clash(earlier.2, row.2)?)));
            if let Some((first, when)) = clash {
                let reason =
                    format!("{when} rows[{first}] of the same `id`; let one end (`valid_to`) when the other begins");
                problems.push((*second, reason));
            }
        }
    }
    problems
}

/// How a row gets into the way of one that begins earlier, or with it.
fn clash(earlier: Held, (from, to): Held) -> Option<String> {
    if earlier.0 == from {
        let begins = if from == ALWAYS { "always".to_owned() } else { format!("from {from} on") };
        return Some(format!("holds {begins}, as does"));
    }
    let end = earlier.1.filter(|end| *end > from && to.is_none_or(|to| to > *end))?;
    Some(format!("holds from {from} on, beyond {end}, the end of"))
}

/// Rates that jump from a row to the one that follows it for the same model.
fn jumps_within(rows: &[Arc<Row>]) -> Vec<PriceJump> {
    let mut order: Vec<&Arc<Row>> = rows.iter().collect();
    order.sort_by_key(|row| (row.provider(), row.id(), row.valid_from));
    let follow = |pair: &&[&Arc<Row>]| pair[0].provider() == pair[1].provider() && pair[0].id() == pair[1].id();
    order.windows(2).filter(follow).flat_map(|pair| jumps_between(pair[0], pair[1])).collect()
}

type RateOf = fn(&Rates) -> u32;

fn jumps_between(before: &Row, after: &Row) -> Vec<PriceJump> {
    let first = |row: &Row| row.rates(ServiceTier::Default, 0).rates;
    let (old, new) = (first(before), first(after));
    let rates: [(&'static str, RateOf); 5] = [
        ("in", |r| r.input),
        ("out", |r| r.output),
        ("cache_read", |r| r.cache_read),
        ("cache_write_5m", |r| r.cache_write_5m),
        ("cache_write_1h", |r| r.cache_write_1h),
    ];
    let far = |a: u32, b: u32| u64::from(a) > u64::from(b) * JUMP;
    rates
        .into_iter()
        .map(|(name, of)| (name, of(&old), of(&new)))
        .filter(|(_, before, after)| far(*after, *before) || far(*before, *after))
        .map(|(rate, before, after_rate)| PriceJump {
            provider: after.provider.to_string(),
            id: after.id.to_string(),
            rate,
            before,
            after: after_rate,
        })
        .collect()
}
