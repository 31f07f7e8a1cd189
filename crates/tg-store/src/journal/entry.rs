//! The journal's entries and their encoding: compact, because every call pays for two of them.
//!
//! Numbers are variable-length, texts have their length before them, and closed sets are written by name so that
//! nothing hangs on the order of an enum.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::decided::Decided;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Attempt, Cost, Ending, Pricing, Record, Served, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// A call is about to leave: an [`OpenEntry`].
    Open = 1,
    /// A call has ended: a [`Record`].
    End = 2,
}

/// What is known of a call before it leaves: enough to settle it if the gateway does not live to see its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenEntry {
    /// The call.
    pub id: CallId,
    /// When it arrived.
    pub started_at: Timestamp,
    /// To whom it is booked.
    pub attribution: Attribution,
    /// What was asked.
    pub asked: Asked,
    /// The provider to which it goes.
    pub provider: Arc<str>,
    /// The model at that provider.
    pub model: Arc<str>,
    /// The application inference profile that is named in its place, or the project to which the call counts.
    pub profile: Option<Arc<str>>,
    /// The dialect spoken to it.
    pub dialect: Dialect,
    /// The tier that is asked for.
    pub tier: ServiceTier,
    /// The name of the AWS role's session that signs.
    pub session: Option<Arc<str>>,
    /// What it is expected to use at least: what an interrupted call is settled with.
    pub estimated: Usage,
    /// The tries before this one.
    pub earlier: Vec<Attempt>,
    /// What the gateway itself has decided about the call.
    pub decided: Option<Box<Decided>>,
}

impl OpenEntry {
    /// The ledger row of a call whose end nobody saw: ending `interrupted`, the estimated usage marked as such, this
    /// cost. Its status reads 0 (not known), its times read zero.
    #[must_use]
    pub fn into_interrupted(self, cost: Cost) -> Record {
        let attempts = self.earlier.last().map_or(0, |last| last.served.attempts).saturating_add(1);
        Record {
            id: self.id,
            started_at: self.started_at,
            attribution: self.attribution,
            asked: self.asked,
            served: Some(Served {
                provider: self.provider,
                model: self.model,
                profile: self.profile,
                dialect: self.dialect,
                request_id: None,
                session: self.session,
                tier: self.tier,
                attempts,
                stop: None,
            }),
            earlier: self.earlier,
            ending: Ending::Interrupted,
            status: 0,
            fault: None,
            usage: self.estimated,
            usage_source: UsageSource::Estimated,
            cost,
            losses: Vec::new(),
            guarded: None,
            decided: self.decided,
            timing: Timing::default(),
        }
    }

    pub(super) fn encode(&self, buffer: &mut Vec<u8>) {
        let mut to = Writer(buffer);
        to.call(self.id, self.started_at, &self.attribution, &self.asked);
        to.text(&self.provider);
        to.text(&self.model);
        to.maybe(self.profile.as_deref());
        to.text(self.dialect.as_str());
        to.text(self.tier.as_str());
        to.maybe(self.session.as_deref());
        to.usage(&self.estimated);
        to.attempts(&self.earlier);
        to.json(self.decided.as_deref());
    }

    /// Reads an entry of a segment of this format.
    pub(super) fn decode(payload: &[u8], format: u8) -> Option<Self> {
        let mut from = Reader { rest: payload, format };
        let (id, started_at, attribution, asked) = from.call()?;
        Some(Self {
            id,
            started_at,
            attribution,
            asked,
            provider: from.shared()?,
            model: from.shared()?,
            profile: from.newer()?,
            dialect: from.name(Dialect::parse)?,
            tier: from.name(ServiceTier::parse)?,
            session: from.newer()?,
            estimated: from.usage()?,
            earlier: from.attempts()?,
            decided: from.json(5)?,
        })
    }
}

pub(super) fn encode_record(record: &Record, buffer: &mut Vec<u8>) {
    let mut to = Writer(buffer);
    to.call(record.id, record.started_at, &record.attribution, &record.asked);
    to.flag(record.served.is_some());
    if let Some(served) = &record.served {
        to.served(served);
    }
    to.text(record.ending.as_str());
    to.number(u64::from(record.status));
    to.maybe(record.fault.as_deref());
    to.usage(&record.usage);
    to.text(record.usage_source.as_str());
    to.cost(&record.cost);
    to.list(&record.losses);
    to.number(record.timing.total_us);
    to.flag(record.timing.first_token_us.is_some());
    to.number(record.timing.first_token_us.unwrap_or(0));
    to.number(record.timing.overhead_us);
    to.attempts(&record.earlier);
    to.json(record.guarded.as_deref());
    to.json(record.decided.as_deref());
}

/// Reads a record of a segment of this format.
pub(super) fn decode_record(payload: &[u8], format: u8) -> Option<Record> {
    let mut from = Reader { rest: payload, format };
    let (id, started_at, attribution, asked) = from.call()?;
    Some(Record {
        id,
        started_at,
        attribution,
        asked,
        served: if from.flag()? { Some(from.served()?) } else { None },
        ending: from.name(Ending::parse)?,
        status: from.number()?.try_into().ok()?,
        fault: from.maybe()?,
        usage: from.usage()?,
        usage_source: from.name(UsageSource::parse)?,
        cost: from.cost()?,
        losses: from.list()?,
        timing: Timing {
            total_us: from.number()?,
            first_token_us: {
                let known = from.flag()?;
                let first = from.number()?;
                known.then_some(first)
            },
            overhead_us: from.number()?,
        },
        earlier: from.attempts()?,
        guarded: from.json(4)?,
        decided: from.json(5)?,
    })
}

/// Appends values to a buffer.
struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn signed(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn flag(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.flag(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn list(&mut self, list: &[String]) {
        self.number(list.len() as u64);
        for text in list {
            self.text(text);
        }
    }

    fn call(&mut self, id: CallId, started_at: Timestamp, attribution: &Attribution, asked: &Asked) {
        self.0.extend_from_slice(id.as_bytes());
        self.signed(started_at.micros());
        self.text(&attribution.key_id);
        self.text(&attribution.team);
        self.maybe(attribution.project.as_deref());
        self.maybe(attribution.environment.as_deref());
        self.list(&attribution.tags);
        self.text(asked.dialect.as_str());
        self.text(asked.operation.as_str());
        self.text(&asked.model);
        self.flag(asked.stream);
    }

    fn served(&mut self, served: &Served) {
        self.text(&served.provider);
        self.text(&served.model);
        self.maybe(served.profile.as_deref());
        self.text(served.dialect.as_str());
        self.maybe(served.request_id.as_deref());
        self.maybe(served.session.as_deref());
        self.text(served.tier.as_str());
        self.number(u64::from(served.attempts));
        self.maybe(served.stop.as_deref());
    }

    fn cost(&mut self, cost: &Cost) {
        self.signed(cost.amount.nanos());
        self.text(cost.pricing.as_str());
        self.text(&cost.price);
        self.signed(cost.list.nanos());
        self.maybe(cost.rates.as_deref());
    }

    fn attempts(&mut self, attempts: &[Attempt]) {
        self.number(attempts.len() as u64);
        for attempt in attempts {
            self.served(&attempt.served);
            self.text(&attempt.fault);
            self.usage(&attempt.usage);
            self.cost(&attempt.cost);
        }
    }

    /// As JSON: few calls have any, and what stands in it will grow.
    fn json(&mut self, value: Option<&impl Serialize>) {
        self.maybe(value.and_then(|value| serde_json::to_string(value).ok()).as_deref());
    }

    fn usage(&mut self, usage: &Usage) {
        self.number(usage.input_tokens);
        self.number(usage.cache_read_tokens);
        self.number(usage.cache_write_5m_tokens);
        self.number(usage.cache_write_1h_tokens);
        self.number(usage.output_tokens);
        self.number(usage.reasoning_tokens);
        self.number(usage.audio_input_tokens);
        self.number(usage.audio_output_tokens);
        self.number(usage.images);
    }
}

/// Takes values from the front of a payload; `None` when it holds something else.
struct Reader<'a> {
    rest: &'a [u8],
    format: u8,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes(1)?.first()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }

    fn flag(&mut self) -> Option<bool> {
        match self.bytes(1)?.first()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    fn shared(&mut self) -> Option<Arc<str>> {
        self.text().map(Arc::from)
    }

    fn name<T>(&mut self, parse: fn(&str) -> Option<T>) -> Option<T> {
        parse(self.text()?)
    }

    #[expect(clippy::option_option, reason = "the outer one says whether the payload was readable")]
    fn maybe<T: From<&'a str>>(&mut self) -> Option<Option<T>> {
        if self.flag()? { Some(Some(T::from(self.text()?))) } else { Some(None) }
    }

    /// An AWS role's session or an inference profile, which format 1 does not have.
    #[expect(clippy::option_option, reason = "the outer one says whether the payload was readable")]
    fn newer(&mut self) -> Option<Option<Arc<str>>> {
        if self.format < 2 { Some(None) } else { self.maybe() }
    }

    fn list(&mut self) -> Option<Vec<String>> {
        let count = self.number()?;
        (0..count).map(|_| self.text().map(str::to_owned)).collect()
    }

    fn call(&mut self) -> Option<(CallId, Timestamp, Attribution, Asked)> {
        let id = CallId::from_bytes(self.bytes(16)?.try_into().ok()?);
        let started_at = Timestamp::from_micros(self.signed()?);
        let attribution = Attribution {
            key_id: self.shared()?,
            team: self.shared()?,
            project: self.maybe()?,
            environment: self.maybe()?,
            tags: self.list()?,
        };
        let asked = Asked {
            dialect: self.name(Dialect::parse)?,
            operation: self.name(Operation::parse)?,
            model: self.shared()?,
            stream: self.flag()?,
        };
        Some((id, started_at, attribution, asked))
    }

    fn served(&mut self) -> Option<Served> {
        Some(Served {
            provider: self.shared()?,
            model: self.shared()?,
            profile: self.newer()?,
            dialect: self.name(Dialect::parse)?,
            request_id: self.maybe()?,
            session: self.newer()?,
            tier: self.name(ServiceTier::parse)?,
            attempts: self.number()?.try_into().ok()?,
            stop: self.maybe()?,
        })
    }

    fn cost(&mut self) -> Option<Cost> {
        let amount = Money::from_nanos(self.signed()?);
        let cost = Cost::at_list(amount, self.name(Pricing::parse)?, self.shared()?);
        // Formats 1 and 2 knew list prices only.
        if self.format < 3 {
            return Some(cost);
        }
        Some(Cost { list: Money::from_nanos(self.signed()?), rates: self.maybe()?, ..cost })
    }

    fn attempts(&mut self) -> Option<Vec<Attempt>> {
        let count = self.number()?;
        (0..count).map(|_| self.attempt()).collect()
    }

    fn attempt(&mut self) -> Option<Attempt> {
        Some(Attempt {
            served: self.served()?,
            fault: self.text()?.to_owned(),
            usage: self.usage()?,
            cost: self.cost()?,
        })
    }

    /// What is kept as JSON, which formats before this one do not have.
    #[expect(clippy::option_option, reason = "the outer one says whether the payload was readable")]
    fn json<T: DeserializeOwned>(&mut self, since: u8) -> Option<Option<T>> {
        if self.format < since {
            return Some(None);
        }
        let text: Option<&str> = self.maybe()?;
        text.map(serde_json::from_str).transpose().ok()
    }

    fn usage(&mut self) -> Option<Usage> {
        Some(Usage {
            input_tokens: self.number()?,
            cache_read_tokens: self.number()?,
            cache_write_5m_tokens: self.number()?,
            cache_write_1h_tokens: self.number()?,
            output_tokens: self.number()?,
            reasoning_tokens: self.number()?,
            audio_input_tokens: self.number()?,
            audio_output_tokens: self.number()?,
            images: self.number()?,
        })
    }
}

#[cfg(test)]
mod tests;
