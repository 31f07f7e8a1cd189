//! What the simulators served, in their own counting: the other side of every comparison with a ledger.

use crate::chats::Chat;
use crate::counts::{Counts, PrefixCache};
use crate::personalities::{self, Voice};
use http::HeaderMap;
use http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Headers that the books never keep.
const SECRET_HEADERS: [&str; 5] = ["authorization", "x-api-key", "api-key", "x-amz-security-token", "cookie"];

/// Headers in which a gateway may show its own request id, the most telling first.
const REQUEST_ID_HEADERS: [&str; 3] = ["x-tallygate-request-id", "x-client-request-id", "x-request-id"];

/// Which provider is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Personality {
    /// Amazon Bedrock's runtime.
    Bedrock,
    /// Amazon Bedrock's mantle endpoint.
    Mantle,
    /// Anthropic.
    Anthropic,
    /// OpenAI.
    Openai,
    /// A server that is compatible with OpenAI.
    Compatible,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Bedrock Converse, streamed or not.
    Converse,
    /// Bedrock InvokeModel, streamed or not.
    Invoke,
    /// Anthropic Messages.
    Messages,
    /// OpenAI Chat Completions.
    ChatCompletions,
    /// OpenAI Responses.
    Responses,
    /// Embeddings, in any form.
    Embeddings,
    /// Counting tokens.
    CountTokens,
    /// A guardrail's check, apart from a model.
    Guardrail,
    /// OpenAI's moderation.
    Moderation,
    /// Asynchronous invocations: a start, or a look at them.
    AsyncInvoke,
    /// The list of models.
    Models,
    /// A request to a control plane.
    Control,
    /// A request that was refused before it was understood.
    Unknown,
}

/// How a call ended, as its provider saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Everything was written.
    Complete,
    /// Refused with an error status, by rule or by script.
    Refused,
    /// Broken off by the script (`die_after`, `fail_after`, `truncate_after`, `garbage…`, `html`, `reset`).
    Broken,
    /// The caller hung up first.
    CallerGone,
}

/// What is kept of the last calls only.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Detail {
    /// All headers but those that carry secrets.
    pub headers: Vec<(String, String)>,
    /// The path and query as sent.
    pub path: String,
    /// The beginning of the body.
    pub body: String,
    /// Request metadata, in whichever form this dialect carries it.
    pub metadata: Value,
}

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Counts from 1 since the start.
    pub number: u64,
    /// Which provider was played.
    pub personality: Personality,
    /// What was asked for.
    pub operation: Operation,
    /// The model id, decoded; empty if it was not understood.
    pub model: String,
    /// Whether the answer was a stream.
    pub streamed: bool,
    /// The HTTP status; 0 if no head was sent.
    pub status: u16,
    /// How it ended.
    pub ending: Ending,
    /// The tokens of the whole answer, whether or not all of it was delivered. All zero for refusals.
    pub counts: Counts,
    /// Output tokens that had been written when the call ended.
    pub output_emitted: u64,
    /// The id by which the gateway may be asked about this call, where it showed one.
    pub gateway_request_id: Option<String>,
    /// The session of a role that signed the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_session: Option<String>,
    /// Present for the last calls only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<Detail>>,
}

/// Sums over calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Calls.
    pub calls: u64,
    /// Their tokens: those of [`Entry::counts`].
    pub counts: Counts,
}

/// What calls are summed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TotalKey {
    /// Which provider was played.
    pub personality: Personality,
    /// What was asked for.
    pub operation: Operation,
    /// The model id.
    pub model: String,
    /// How it ended.
    pub ending: Ending,
}

#[derive(Debug, Default)]
struct State {
    started: u64,
    open: u64,
    entries: VecDeque<Entry>,
    totals: BTreeMap<TotalKey, Total>,
    cache: PrefixCache,
    attempts: HashMap<u64, u64>,
}

/// A shared handle on everything that was served.
#[derive(Clone, Debug)]
pub struct Books {
    state: Arc<Mutex<State>>,
    entries_max: usize,
    details_max: usize,
}

impl Books {
    pub(crate) fn new(entries_max: usize, details_max: usize) -> Self {
        Self { state: Arc::default(), entries_max, details_max }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls that are still kept one by one, oldest first, without those under way.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    /// The last call that ended.
    #[must_use]
    pub fn last(&self) -> Option<Entry> {
        self.lock().entries.back().cloned()
    }

    /// Sums over all calls since the start or the last reset.
    #[must_use]
    pub fn totals(&self) -> Vec<(TotalKey, Total)> {
        self.lock().totals.iter().map(|(k, t)| (k.clone(), *t)).collect()
    }

    /// Calls under way.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.lock().open
    }

    /// Forgets calls, sums, cached prefixes and counted attempts.
    pub fn reset(&self) {
        let mut state = self.lock();
        state.entries.clear();
        state.totals.clear();
        state.cache.clear();
        state.attempts.clear();
    }

    /// As `GET /__sim/books` shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let state = self.lock();
        let totals: Vec<Value> = state
            .totals
            .iter()
            .map(|(key, total)| serde_json::json!({ "key": key, "calls": total.calls, "counts": total.counts }))
            .collect();
        serde_json::json!({ "open": state.open, "totals": totals, "entries": state.entries })
    }

    pub(crate) fn with_cache<T>(&self, with: impl FnOnce(&mut PrefixCache) -> T) -> T {
        with(&mut self.lock().cache)
    }

    /// How often this text has been asked, this time included.
    pub(crate) fn attempt(&self, prompt: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        prompt.hash(&mut hasher);
        let mut state = self.lock();
        let attempts = state.attempts.entry(hasher.finish()).or_default();
        *attempts += 1;
        *attempts
    }

    /// Opens an entry; it is recorded when the ticket is finished or dropped.
    pub(crate) fn open_ticket(&self, personality: Personality, parts: &Parts) -> Ticket {
        let (headers, voice) = (&parts.headers, personalities::voice(personality, parts.uri.path()));
        let number = {
            let mut state = self.lock();
            state.started += 1;
            state.open += 1;
            state.started
        };
        let gateway_request_id = REQUEST_ID_HEADERS
            .iter()
            .find_map(|name| headers.get(*name))
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned);
        let entry = Entry {
            number,
            personality,
            operation: Operation::Unknown,
            model: String::new(),
            streamed: false,
            status: 0,
            ending: Ending::CallerGone,
            counts: Counts::default(),
            output_emitted: 0,
            gateway_request_id,
            aws_session: None,
            detail: None,
        };
        Ticket { books: self.clone(), entry: Some(entry), voice, chat: None }
    }

    fn record(&self, entry: Entry) {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
        let key = TotalKey {
            personality: entry.personality,
            operation: entry.operation,
            model: entry.model.clone(),
            ending: entry.ending,
        };
        let total = state.totals.entry(key).or_default();
        total.calls += 1;
        total.counts.add(&entry.counts);
        state.entries.push_back(entry);
        if state.entries.len() > self.entries_max {
            state.entries.pop_front();
        }
        let stripped = state.entries.len().checked_sub(self.details_max + 1);
        if let Some(old) = stripped.and_then(|i| state.entries.get_mut(i)) {
            old.detail = None;
        }
    }
}

/// An entry that is not yet in the books. Dropped unfinished, it says that the caller is gone.
#[derive(Debug)]
pub(crate) struct Ticket {
    books: Books,
    entry: Option<Entry>,
    voice: Voice,
    chat: Option<Chat>,
}

impl Ticket {
    pub(crate) fn note(&mut self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = &mut self.entry {
            change(entry);
        }
    }

    pub(crate) fn personality(&self) -> Personality {
        self.entry.as_ref().map_or(Personality::Bedrock, |e| e.personality)
    }

    pub(crate) const fn voice(&self) -> Voice {
        self.voice
    }

    pub(crate) fn number(&self) -> u64 {
        self.entry.as_ref().map_or(0, |e| e.number)
    }

    /// The chat goes on until the call is finished.
    pub(crate) fn keep(&mut self, chat: Chat) {
        self.chat = Some(chat);
    }

    pub(crate) fn finish(&mut self, ending: Ending) {
        self.chat = None;
        if let Some(mut entry) = self.entry.take() {
            entry.ending = ending;
            self.books.record(entry);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.finish(Ending::CallerGone);
    }
}

/// Headers as the books keep them.
pub(crate) fn shown_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| !SECRET_HEADERS.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}
