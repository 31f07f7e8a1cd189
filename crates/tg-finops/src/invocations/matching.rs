//! Which logged call is which row of the ledger.

use super::entry::Heard;
use crate::books::day_of;
use crate::decimal::Decimal;
use crate::model_name::plain;
use crate::tolerance::Tolerance;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::pattern::matches;
use tg_kernel::record::{Record, Served};
use tg_kernel::units::Money;
use tg_kernel::usage::{Usage, UsageSource};
use uuid::Uuid;

/// How far apart the two clocks of one call may be: rows are sought this much beyond the log's ends.
pub const SLACK: Duration = Duration::from_secs(3600);
/// Most tries without a request id that are kept: as many as there can be entries.
const LOST_MAX: usize = super::ENTRIES_MAX;
/// Most request ids that are shown of one finding.
const EXAMPLES_MAX: usize = 3;

/// The provider's id of a request. Bedrock's are UUIDs, which need no memory beside themselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum RequestKey {
    Uuid(Uuid),
    Text(Box<str>),
}

impl RequestKey {
    fn of(id: &str) -> Self {
        match Uuid::try_parse(id) {
            Ok(uuid) => Self::Uuid(uuid),
            Err(_) => Self::Text(id.into()),
        }
    }
}

impl std::fmt::Display for RequestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Counts of calls that both sides have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TokenSums {
    /// Input tokens outside any cache.
    pub input_tokens: u64,
    /// Input tokens read from a cache.
    pub cache_read_tokens: u64,
    /// Input tokens written to a cache.
    pub cache_write_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
}

impl TokenSums {
    const fn add(&mut self, other: &Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cache_read_tokens = self.cache_read_tokens.saturating_add(other.cache_read_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(other.cache_write_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }

    const fn each(&self) -> [u64; 4] {
        [self.input_tokens, self.cache_read_tokens, self.cache_write_tokens, self.output_tokens]
    }
}

impl From<&Usage> for TokenSums {
    fn from(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens.saturating_add(usage.audio_input_tokens),
            cache_read_tokens: usage.cache_read_tokens,
            cache_write_tokens: usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens),
            output_tokens: usage.output_tokens.saturating_add(usage.audio_output_tokens),
        }
    }
}

/// One logged call in memory.
#[derive(Debug)]
struct Kept {
    at: Timestamp,
    identity: u32,
    model: u32,
    counts: TokenSums,
    failed: bool,
    matched: bool,
}

/// Texts that come often, kept once.
#[derive(Debug, Default)]
struct Names {
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Names {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        // There are never more texts than entries, whose number is limited.
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", String::as_str)
    }
}

/// Calls that an identity made without the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Around {
    /// The ARN of who called.
    pub identity: String,
    /// How many calls.
    pub calls: u64,
    /// Those that failed.
    pub failed_calls: u64,
    /// Their tokens.
    pub tokens: TokenSums,
    /// Of which models.
    pub models: Vec<String>,
    /// The first of them.
    #[serde(serialize_with = "as_text")]
    pub first: Timestamp,
    /// The last of them.
    #[serde(serialize_with = "as_text")]
    pub last: Timestamp,
    /// Request ids of some, by which CloudTrail tells more.
    pub examples: Vec<String>,
}

/// Rows of the ledger that the log does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overlooked {
    /// The day in UTC.
    pub day: String,
    /// The model.
    pub model: String,
    /// How many calls.
    pub calls: u64,
    /// What they cost.
    #[serde(serialize_with = "as_text")]
    pub cost: Money,
    /// The gateway's request ids of some.
    pub examples: Vec<String>,
}

/// The counts of calls that both have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// The day in UTC.
    pub day: String,
    /// The model.
    pub model: String,
    /// Calls that both have.
    pub calls: u64,
    /// Those whose counts are not the same.
    pub differing_calls: u64,
    /// Those whose counts the gateway estimated.
    pub estimated_calls: u64,
    /// By the ledger.
    pub ledger: TokenSums,
    /// By the log.
    pub log: TokenSums,
    /// Whether the sums agree.
    pub agrees: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Whether ledger and log agree: nobody goes round the gateway, and all else is within the tolerance.
    pub agrees: bool,
    /// Calls that both have.
    pub matched_calls: u64,
    /// Calls that are in the log and not in the ledger, by who made them, the most first.
    pub around: Vec<Around>,
    /// Those of identities that are known to call by themselves.
    pub known_calls: u64,
    /// Those that are probably the gateway's own: by an identity that made calls which both have, near the time of a try
    /// of the same model whose request id was lost. One such try stands for one call.
    pub probably_ours: u64,
    /// Calls that are in the ledger and not in the log.
    pub overlooked: Vec<Overlooked>,
    /// Rows that used something and have no request id of the provider, so that nobody can look for them.
    pub nameless_rows: u64,
    /// Entries that were in the log more than once.
    pub doubled_entries: u64,
    /// Counts by day and model.
    pub counts: Vec<Differing>,
}

fn as_text<S: serde::Serializer>(value: &impl std::fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// Logged calls, and which of them the ledger has.
#[derive(Debug, Default)]
pub struct Matching {
    providers: BTreeSet<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    entries: HashMap<RequestKey, Kept>,
    names: Names,
    span: Option<(Timestamp, Timestamp)>,
    doubled: u64,
    nameless: u64,
    /// Tries that used something and have no request id, by model and time.
    lost: BTreeMap<String, Vec<Timestamp>>,
    lost_tries: usize,
    matched: u64,
    counts: BTreeMap<(String, String), Differing>,
    overlooked: BTreeMap<(String, String), Overlooked>,
}

impl Matching {
    /// A comparison of calls from `since`, inclusive, until `until`, exclusive, to the providers whose calls are logged.
    #[must_use]
    pub fn new(providers: BTreeSet<String>, since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self { providers, since, until, ..Self::default() }
    }

    /// Takes an entry of the log.
    pub fn hear(&mut self, heard: &Heard) {
        if self.since.is_some_and(|since| heard.at < since) || self.until.is_some_and(|until| heard.at >= until) {
            return;
        }
        self.span = Some(match self.span {
            None => (heard.at, heard.at),
            Some((first, last)) => (first.min(heard.at), last.max(heard.at)),
        });
        let kept = Kept {
            at: heard.at,
            identity: self.names.number(&heard.identity),
            model: self.names.number(plain(&heard.model)),
            counts: TokenSums {
                input_tokens: heard.input_tokens,
                cache_read_tokens: heard.cache_read_tokens,
                cache_write_tokens: heard.cache_write_tokens,
                output_tokens: heard.output_tokens,
            },
            failed: heard.failed,
            matched: false,
        };
        if self.entries.insert(RequestKey::of(&heard.request_id), kept).is_some() {
            self.doubled += 1;
        }
    }

    /// From when until when the log speaks; rows beyond these ends, by up to [`SLACK`], must be given too.
    #[must_use]
    pub const fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// Takes a row of the ledger. Of its tries those count that went to a provider whose calls are logged: a call that
    /// was answered elsewhere in the end is not missing from the log.
    pub fn row(&mut self, record: &Record) {
        for earlier in &record.earlier {
            match earlier.served.request_id {
                _ if !self.is_logged(&earlier.served) => {}
                Some(_) => {
                    self.mark(&earlier.served);
                }
                None if earlier.usage.total_tokens() > 0 => self.lose(record, &earlier.served),
                None => {}
            }
        }
        let Some(served) = record.served.as_ref().filter(|served| self.is_logged(served)) else { return };
        match self.mark(served) {
            Some(log) => self.both(record, served, log),
            None if record.usage_source != UsageSource::None => self.missed(record, served),
            None => {}
        }
    }

    fn is_logged(&self, served: &Served) -> bool {
        self.providers.contains(&*served.provider)
    }

    /// Keeps a try for which nobody can look by its request id.
    fn lose(&mut self, record: &Record, served: &Served) {
        if self.lost_tries < LOST_MAX {
            self.lost_tries += 1;
            // The log names what was called: the profile, where there was one.
            let profile = served.profile.as_deref().map(plain).filter(|name| self.names.numbers.contains_key(*name));
            let model = profile.unwrap_or_else(|| plain(&served.model)).to_owned();
            self.lost.entry(model).or_default().push(record.started_at);
        }
    }

    fn mark(&mut self, served: &Served) -> Option<TokenSums> {
        let entry = self.entries.get_mut(&RequestKey::of(served.request_id.as_deref()?))?;
        if !entry.matched {
            entry.matched = true;
            self.matched += 1;
        }
        Some(entry.counts)
    }

    fn both(&mut self, record: &Record, served: &Served, log: TokenSums) {
        let (day, model) = (day_of(record.started_at), plain(&served.model).to_owned());
        let cell = self.counts.entry((day.clone(), model.clone())).or_insert_with(|| Differing {
            day,
            model,
            calls: 0,
            differing_calls: 0,
            estimated_calls: 0,
            ledger: TokenSums::default(),
            log: TokenSums::default(),
            agrees: true,
        });
        let ours = TokenSums::from(&record.usage);
        cell.calls += 1;
        cell.differing_calls += u64::from(ours != log);
        cell.estimated_calls += u64::from(record.usage_source == UsageSource::Estimated);
        cell.ledger.add(&ours);
        cell.log.add(&log);
    }

    fn missed(&mut self, record: &Record, served: &Served) {
        if served.request_id.is_none() {
            self.nameless += 1;
            self.lose(record, served);
            return;
        }
        // Near its ends the log may have a call on the other side.
        if self.span.is_none_or(|(first, last)| record.started_at < first || record.started_at > last) {
            return;
        }
        let (day, model) = (day_of(record.started_at), plain(&served.model).to_owned());
        let cell = self.overlooked.entry((day.clone(), model.clone())).or_insert_with(|| Overlooked {
            day,
            model,
            calls: 0,
            cost: Money::ZERO,
            examples: Vec::new(),
        });
        cell.calls += 1;
        cell.cost = cell.cost.plus(record.cost.amount);
        if cell.examples.len() < EXAMPLES_MAX {
            cell.examples.push(record.id.to_string());
        }
    }

    /// What came of it. `known` are identities of whom it is known that they call by themselves.
    #[must_use]
    pub fn finish(mut self, known: &[String], tolerance: &Tolerance) -> Outcome {
        let probably_ours = self.offset();
        let (around, known_calls) = around(&self.entries, &self.names, known);
        let mut counts: Vec<Differing> = self.counts.into_values().collect();
        for cell in &mut counts {
            let pairs = cell.ledger.each().into_iter().zip(cell.log.each());
            cell.agrees =
                pairs.into_iter().all(|(ours, log)| tolerance.counts_agree(Decimal::whole(ours), Decimal::whole(log)));
        }
        let overlooked: Vec<Overlooked> = self.overlooked.into_values().collect();
        let missed: u64 = overlooked.iter().map(|cell| cell.calls).sum();
        let all = Decimal::whole(self.matched + missed);
        let complete = missed == 0 || tolerance.counts_agree(Decimal::whole(self.matched), all);
        Outcome {
            agrees: around.is_empty() && complete && counts.iter().all(|cell| cell.agrees),
            matched_calls: self.matched,
            around,
            known_calls,
            probably_ours,
            overlooked,
            nameless_rows: self.nameless,
            doubled_entries: self.doubled,
            counts,
        }
    }
}

impl Matching {
    /// Gives each try without a request id to an entry that nothing matched, is of the same model and near it in time,
    /// and whose caller made calls that both sides have. Answers how many.
    fn offset(&mut self) -> u64 {
        let ours: BTreeSet<u32> = self.entries.values().filter(|kept| kept.matched).map(|kept| kept.identity).collect();
        let mut open: BTreeMap<u32, Vec<&mut Kept>> = BTreeMap::new();
        for kept in self.entries.values_mut().filter(|kept| !kept.matched && ours.contains(&kept.identity)) {
            open.entry(kept.model).or_default().push(kept);
        }
        let mut offset = 0;
        for (model, mut entries) in open {
            let Some(tries) = self.lost.get_mut(self.names.text(model)) else { continue };
            tries.sort_unstable();
            entries.sort_unstable_by_key(|kept| kept.at);
            let mut tries = tries.iter().peekable();
            for kept in entries {
                // What is too early for this entry is too early for all later ones.
                while tries.next_if(|at| at.after(SLACK) < kept.at).is_some() {}
                if tries.next_if(|at| **at <= kept.at.after(SLACK)).is_some() {
                    kept.matched = true;
                    offset += 1;
                }
            }
        }
        offset
    }
}

/// The first calls of an identity.
type Examples<'a> = Vec<(Timestamp, &'a RequestKey)>;

/// Entries that no row has, by identity, and how many are of known ones.
fn around(entries: &HashMap<RequestKey, Kept>, names: &Names, known: &[String]) -> (Vec<Around>, u64) {
    let mut found: BTreeMap<u32, (Around, Examples<'_>)> = BTreeMap::new();
    let mut known_calls = 0;
    for (key, kept) in entries.iter().filter(|(_, kept)| !kept.matched) {
        let identity = names.text(kept.identity);
        if known.iter().any(|pattern| matches(pattern, identity)) {
            known_calls += 1;
            continue;
        }
        let (sums, examples) =
            found.entry(kept.identity).or_insert_with(|| (nobody(identity, kept.at), Examples::new()));
        sums.calls += 1;
        sums.failed_calls += u64::from(kept.failed);
        sums.tokens.add(&kept.counts);
        sums.first = sums.first.min(kept.at);
        sums.last = sums.last.max(kept.at);
        let model = names.text(kept.model);
        if !sums.models.iter().any(|known| known == model) {
            sums.models.push(model.to_owned());
        }
        examples.push((kept.at, key));
        examples.sort_unstable();
        examples.truncate(EXAMPLES_MAX);
    }
    let all = found.into_values().map(|(mut sums, examples)| {
        sums.models.sort();
        sums.examples = examples.into_iter().map(|(_, key)| key.to_string()).collect();
        sums
    });
    let mut all: Vec<Around> = all.collect();
    all.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.identity.cmp(&b.identity)));
    (all, known_calls)
}

fn nobody(identity: &str, at: Timestamp) -> Around {
    Around {
        identity: identity.to_owned(),
        calls: 0,
        failed_calls: 0,
        tokens: TokenSums::default(),
        models: Vec::new(),
        first: at,
        last: at,
        examples: Vec::new(),
    }
}
