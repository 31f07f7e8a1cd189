//! What becomes of a call's record on its way to the ledger: it leaves, its tries are kept, it is closed and priced.

use super::{Closing, Draft, Leaving, PriceBasis, STATUS_CLIENT_GONE};
use crate::cost::Basis;
use crate::outcome::{Counts, unbookable};
use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tg_dialect::dialects::bedrock_converse::ModelFamily;
use tg_kernel::decided::CachePoints;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::fault::Fault;
use tg_kernel::record::{Attempt, Cost, Ending, Pricing, Record, Served};
use tg_kernel::target::Target;
use tg_kernel::units::Money;
use tg_kernel::usage::{Usage, UsageSource};
use tg_policy::admit::Used;
use tg_policy::pool::Signal;
use tg_store::journal::OpenEntry;

impl Draft {
    pub(super) fn elapsed_us(&self) -> u64 {
        micros(self.worker.living.clock.monotonic().saturating_sub(self.arrived))
    }

    /// Writes the open entry, which a further try of the same call replaces: after a crash the row names the target
    /// that was tried last. What is not in the journal is not in the record either.
    pub(super) fn leave(&mut self, leaving: Leaving<'_>) -> Result<(), Fault> {
        if self.rival.is_none() {
            self.record.timing.overhead_us = self.elapsed_us().saturating_sub(micros(self.waited));
        }
        // One path of Bedrock for all operations: only the model tells them apart.
        let embeds = leaving.dialect == Dialect::BedrockInvoke && ModelFamily::of(&leaving.target.model).is_embedding();
        if embeds && self.record.asked.operation == Operation::Chat {
            self.record.asked.operation = Operation::Embeddings;
        }
        self.is_over();
        let mut earlier = self.earlier();
        let beside = self.beside();
        let tries = earlier.len();
        earlier.extend(beside);
        let attempts = self.record.served.as_ref().map_or(0, |served| served.attempts).saturating_add(1);
        let entry = OpenEntry {
            id: self.record.id,
            started_at: self.record.started_at,
            attribution: self.record.attribution.clone(),
            asked: self.record.asked.clone(),
            provider: leaving.target.provider.clone(),
            model: leaving.target.model.clone(),
            profile: leaving.profile,
            dialect: leaving.dialect,
            tier: leaving.tier,
            session: leaving.session,
            estimated: self.unanswered().usage,
            earlier,
            decided: self.record.decided.clone(),
        };
        if let Some(ticket) = &mut self.ticket {
            self.worker.till.open_again(ticket, &entry).map_err(unbookable)?;
        } else {
            self.ticket = Some(self.worker.till.open(&entry).map_err(unbookable)?);
            self.worker.living.counts.sent.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(why) = leaving.unguarded {
            self.worker.living.counts.left_unguarded(why);
        }
        let OpenEntry { provider, model, profile, dialect, tier, session, mut earlier, .. } = entry;
        // What runs beside it is not over yet.
        earlier.truncate(tries);
        if let Some(rival) = &mut self.rival {
            rival.is_beside = true;
        }
        let (request_id, stop) = (None, None);
        let served = Served { provider, model, profile, dialect, request_id, session, tier, attempts, stop };
        self.record.served = Some(served);
        self.record.earlier = earlier;
        self.record.losses = leaving.losses;
        self.price = PriceBasis { scope: Some(leaving.price), unknown: leaving.unknown_price };
        (self.failed, self.began) = (None, None);
        if self.snapshot.routes.is_paced() {
            self.worker.living.paces.leaves(leaving.target);
            self.going = Some((leaving.target.clone(), self.worker.living.clock.monotonic()));
        }
        self.admission.leaves();
        if let Some(place) = &mut self.place {
            place.leaves();
        }
        Ok(())
    }

    /// The try that had left is over.
    fn is_over(&mut self) -> Option<(Target, Duration)> {
        let (target, left) = self.going.take()?;
        self.worker.living.paces.is_over(&target);
        Some((target, left))
    }

    /// Learns how quick the target was that has answered whole.
    fn measure(&mut self) {
        let Some((target, left)) = self.is_over() else { return };
        let Some(first) = self.record.timing.first_token_us.filter(|_| self.record.ending == Ending::Ok) else {
            return;
        };
        let now = self.worker.living.clock.monotonic();
        // What was said before the try had left is not its own.
        let before = left.saturating_sub(self.arrived);
        let (whole, tokens) = (now.saturating_sub(left + self.held()), self.record.usage.output_tokens);
        // Of a whole answer only the last word's time is known: each has its part of it.
        let first = if self.record.asked.stream {
            Duration::from_micros(first).saturating_sub(before + self.held())
        } else {
            whole / u32::try_from(tokens.max(1)).unwrap_or(u32::MAX)
        };
        self.worker.living.paces.answered(&target, (first, whole), tokens, now);
    }

    /// The tries so far, the last one included, which has failed.
    pub(super) fn earlier(&self) -> Vec<Attempt> {
        let mut earlier = self.record.earlier.clone();
        if let (Some(served), Some(failed)) = (&self.record.served, &self.failed) {
            let cost = self.cost(&failed.counts);
            let (served, usage) = (served.clone(), failed.counts.usage);
            earlier.push(Attempt { served, fault: failed.code.to_owned(), usage, cost });
        }
        earlier
    }

    pub(super) fn owed(&self) -> Counts {
        match (&self.failed, &self.ticket) {
            (Some(failed), _) => failed.counts,
            (None, Some(_)) => self.unanswered(),
            (None, None) => Counts::NONE,
        }
    }

    /// What is owed for a try whose answer nobody has heard. What is not billed by tokens owes none, and is not free.
    pub(super) fn unanswered(&self) -> Counts {
        if self.record.asked.operation.is_billed_by_tokens() {
            return Counts::input_only(self.weight);
        }
        Counts { source: UsageSource::Estimated, ..Counts::NONE }
    }

    pub(super) fn is_unheard(&self) -> bool {
        self.absence.as_ref().is_some_and(|absence| absence.has_begun())
    }

    pub(super) fn close(mut self: Box<Self>, mut closing: Closing) -> Cost {
        self.end_rival();
        if self.is_unheard() {
            closing = Closing { ending: Ending::ClientGone, status: STATUS_CLIENT_GONE, fault: None, ..closing };
        }
        closing = self.given_up(closing);
        self.record.ending = closing.ending;
        self.record.status = closing.status;
        self.record.fault = closing.fault.map(str::to_owned);
        self.spending.cap(&mut closing.counts);
        self.record.usage = closing.counts.usage;
        self.record.usage_source = closing.counts.source;
        self.record.cost = self.cost(&closing.counts);
        self.record.timing.total_us = self.elapsed_us();
        self.tell_reuse();
        self.tell_cached(&closing.counts);
        self.tell_moved(&closing.counts);
        self.tell_guarding();
        self.keep_answer();
        let cost = self.record.total_cost();
        self.learn();
        self.measure();
        self.end_place();
        std::mem::take(&mut self.admission).end(&self.worker.living, &self.record, self.weight);
        self.spending.end(&self.worker.living, &self.record, cost.amount);
        self.worker.living.counts.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(hearing) = self.hearing.take() {
            hearing.end(&mut self.record, &self.worker);
        }
        self.book();
        cost
    }

    /// What the prompt cache saved for which points were put: beside the same tokens as plain input.
    fn tell_cached(&mut self, counts: &Counts) {
        let put = self.record.decided.as_deref().and_then(|decided| decided.prompt_cache);
        let Some(put) = put.filter(|_| counts.source == UsageSource::Reported) else { return };
        let Usage { input_tokens, cache_read_tokens, cache_write_5m_tokens, .. } = counts.usage;
        let input_tokens = input_tokens.saturating_add(cache_read_tokens).saturating_add(cache_write_5m_tokens);
        let plain = Usage { input_tokens, cache_read_tokens: 0, cache_write_5m_tokens: 0, ..counts.usage };
        let saved = self.cost(&Counts { usage: plain, ..*counts }).amount.minus(self.record.cost.amount);
        if let Some(decided) = &mut self.record.decided {
            decided.prompt_cache = Some(CachePoints { saved, ..put });
        }
    }

    /// What the same tokens would have cost where a call that a rule by tasks moved was to go without it.
    fn tell_moved(&mut self, counts: &Counts) {
        let routed = self.record.decided.as_deref().and_then(|decided| decided.routed.as_ref());
        let Some(routed) = routed.filter(|routed| routed.is_moved()) else { return };
        let from_cost = self.cost_at(&routed.from, counts);
        if let Some(routed) = self.record.decided.as_mut().and_then(|decided| decided.routed.as_mut()) {
            routed.from_cost = from_cost;
        }
    }

    /// What these counts of the last try would have cost at a target (`PROVIDER/MODEL`); `None` where nobody knows.
    fn cost_at(&self, target: &str, counts: &Counts) -> Option<Money> {
        let (provider, model) = target.split_once('/')?;
        let served = self.record.served.as_ref()?;
        let cost = if *served.provider == *provider && *served.model == *model {
            self.record.cost.clone()
        } else {
            let scope = self.snapshot.upstreams.get(provider)?.price_of(self.record.asked.dialect, model);
            let price = PriceBasis { scope: Some(scope), unknown: self.price.unknown };
            let there = Served { provider: provider.into(), model: model.into(), profile: None, ..served.clone() };
            self.cost_of(&there, &price, counts)
        };
        // A ceiling that policy charges is no price, and nothing is saved by it.
        matches!(cost.pricing, Pricing::Priced | Pricing::Nothing).then_some(cost.amount)
    }

    /// The place that the last try had is free.
    fn end_place(&mut self) {
        let Some(place) = self.place.take() else { return };
        let signal = if self.record.ending == Ending::Ok {
            // Of a whole answer only the last word's time is known; and what was said before the try had left is not its own.
            let first = self.record.timing.first_token_us.filter(|_| self.record.asked.stream);
            let before = place.left().map_or(Duration::ZERO, |left| left.saturating_sub(self.arrived));
            let before = before + self.held();
            Signal::Answered(first.map(|first| Duration::from_micros(first).saturating_sub(before)))
        } else {
            Signal::Nothing
        };
        place.end(Used::from(&self.record.usage), signal);
    }

    /// Budgets that hold what is usual learn as limits do, where those do not.
    fn learn(&self) {
        let Record { attribution, asked, usage, usage_source, .. } = &self.record;
        if self.is_nobodys() {
            return;
        }
        if self.spending.learns() && !self.admission.learns() && *usage_source == UsageSource::Reported {
            let usage = self.spending.of_one_answer(usage);
            self.worker.living.lessons.learn(&attribution.team, &asked.model, self.weight, &usage);
        }
    }

    /// What these counts of the last try cost.
    fn cost(&self, counts: &Counts) -> Cost {
        let served = self.record.served.as_ref();
        served.map_or_else(Cost::default, |served| self.cost_of(served, &self.price, counts))
    }

    /// What these counts of a try cost.
    pub(super) fn cost_of(&self, served: &Served, price: &PriceBasis, counts: &Counts) -> Cost {
        if counts.source == UsageSource::None {
            return Cost::default();
        }
        let basis =
            Basis { scope: price.scope.as_ref().map(Cow::Borrowed), unknown: price.unknown, snapshot: &self.snapshot };
        basis.price(self.record.asked.operation, served, &counts.usage, self.record.started_at)
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
