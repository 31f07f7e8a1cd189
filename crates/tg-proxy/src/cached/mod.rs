//! Answers that are used again: looked for after the checks, given in the call's own dialect, kept when they came whole.
//!
//! A call is given only what was made for a call with the same key ([`tg_policy::cache::key`]), which has all in it that the
//! answer depends on. Where many ask the same at once, all go: none waits for another, none fails with it, and the last
//! answer stays. Where answers that gateways share are away, every call goes, too.

mod alike;
mod answers;
mod given;
mod kept;
mod repeats;

pub(crate) use alike::Fresh;
pub use answers::{Answers, CacheFigures};
pub(crate) use given::Given;
pub(crate) use kept::Keeping;
pub(crate) use repeats::Watching;

use alike::Near;

use crate::guarding::{Cleared, Guarding};
use crate::recognise::Head;
use crate::room;
use crate::settle::Settlement;
use crate::snapshot::Snapshot;
use http::HeaderMap;
use http::request::Parts;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tg_dialect::dialects::bedrock_converse::ModelFamily;
use tg_dialect::scan::Members;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::fault::Fault;
use tg_kernel::peek::Peek;
use tg_kernel::principal::Attribution;
use tg_kernel::reuse::{Outcome, Reuse};
use tg_kernel::target::Target;
use tg_policy::cache::{Key, Request, Rule, Share, Wish, is_determined, key, rests_on_itself};
use tg_policy::guard::Subject;
use tg_policy::route::Plan;
use tg_upstream::headers::{is_clients_own, request_passes};

/// Largest request whose answer is looked for or kept: reading one takes time, and nobody asks a longer one twice.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// InvokeModel's version of a guardrail,
const GUARDRAIL_VERSION: &str = "x-amzn-bedrock-guardrailversion";

/// and the one that changes.
const DRAFT: &str = "DRAFT";

/// Headers that go on to providers and name the call, not what is asked.
const NAMES_THE_CALL: [&str; 7] = [
    "content-type",
    "idempotency-key",
    "x-client-request-id",
    "session_id",
    "originator",
    "x-session-id",
    "x-amzn-bedrock-request-metadata",
];

/// What is asked, after the checks.
pub(crate) struct Asked<'a> {
    pub(crate) head: &'a Head,
    pub(crate) parts: &'a Parts,
    pub(crate) peek: &'a Peek,
    pub(crate) members: &'a Members<'a>,
    pub(crate) plan: &'a Plan,
    /// Whether the checks have changed it.
    pub(crate) is_changed: bool,
    /// What the checks let go.
    pub(crate) body: &'a Cleared,
}

/// The answer to a call, if the same was answered before. Otherwise the settlement knows whether its answer is to be kept.
///
/// # Errors
/// When a limit on requests has no room for a call that is given an answer, as for any other.
pub(crate) async fn look(asked: &Asked<'_>, settlement: &mut Settlement) -> Result<Option<Box<Given>>, Fault> {
    // What a guardrail sent to another model is for that model alone.
    if asked.plan.is_bound {
        return Ok(None);
    }
    let Some((rule, booked)) = rule(asked, settlement) else {
        repeats::look(asked, settlement);
        return Ok(None);
    };
    let Some((worker, snapshot)) = settlement.surroundings().map(|(worker, of)| (Arc::clone(worker), Arc::clone(of)))
    else {
        return Ok(None);
    };
    let note = |outcome| Reuse { rule: Arc::clone(&rule.name), outcome, hit: None, kept: false };
    let wish = Wish::of(&asked.parts.headers);
    if !wish.take && !wish.keep {
        settlement.reuses(note(Outcome::Off), None);
        return Ok(None);
    }
    // What was taken out of a request may be put back into its answer: that is for its caller alone.
    let is_changed = asked.is_changed || settlement.guarding().is_some_and(Guarding::has_changed);
    let Some(key) = asked.key(&rule, &booked, &snapshot).filter(|_| !is_changed) else {
        settlement.reuses(note(Outcome::Unfit), None);
        return Ok(None);
    };
    let now = worker.living.clock.now();
    let found = if wish.take { worker.find(&key, now).await } else { Ok(None) };
    let fresh_enough = |age: Duration| wish.age_max.is_none_or(|most| age <= most);
    let outcome = match found {
        Ok(Some(kept)) if fresh_enough(now.since(kept.origin.at)) => {
            room::take_again(settlement).await?;
            let given = Given::of(kept, asked, (&snapshot, now));
            settlement.reuses(Reuse { hit: Some(given.told()), ..note(Outcome::Hit) }, None);
            return Ok(Some(Box::new(given)));
        }
        Ok(_) if wish.take => Outcome::Miss,
        Ok(_) => Outcome::Refresh,
        Err(away) => {
            tracing::debug!(%away, "answers that gateways share are away");
            Outcome::Away
        }
    };
    let (first, life) = (asked.plan.targets.first().cloned(), wish.life(rule.ttl));
    let mut near = None;
    if outcome == Outcome::Miss && wish.alike {
        near = Near::of(asked, (&rule, &booked), (&snapshot, settlement));
    }
    if let Some(near) = &mut near
        && let Some((kept, likeness)) = near.look(&worker, &snapshot, settlement).await
        && fresh_enough(now.since(kept.origin.at))
    {
        room::take_again(settlement).await?;
        let given = Given::of(kept, asked, (&snapshot, now)).like(likeness);
        settlement.reuses(Reuse { hit: Some(given.told()), ..note(Outcome::Alike) }, None);
        return Ok(Some(Box::new(given)));
    }
    let bytes_max = snapshot.cache.rules.answer_bytes_max;
    let keeping = life.zip(first).map(|(life, first)| Keeping::new(key, life, first, bytes_max).near(near));
    settlement.reuses(note(outcome), keeping);
    Ok(None)
}

/// The rule that is for the call, and to whom it is booked.
fn rule(asked: &Asked<'_>, settlement: &Settlement) -> Option<(Arc<Rule>, Attribution)> {
    let (_, snapshot) = settlement.surroundings()?;
    if !matches!(asked.head.operation, Operation::Chat | Operation::Embeddings) {
        return None;
    }
    let booked = &settlement.record()?.attribution;
    let rule = snapshot.cache.rules.of(booked, &asked.peek.model)?;
    Some((Arc::clone(rule), booked.clone()))
}

impl Asked<'_> {
    /// By what the call's answer is found; `None` where it is none whose answers are used again.
    fn key(&self, rule: &Rule, booked: &Attribution, snapshot: &Snapshot) -> Option<Key> {
        let body = self.fit(rule.only_determined, booked, snapshot)?;
        Some(self.with(&body, (rule.share, booked, snapshot), key))
    }

    /// The body, where it is one whose answers are used again; or only if it determines them.
    fn fit(&self, only_determined: bool, booked: &Attribution, snapshot: &Snapshot) -> Option<Value> {
        let (bytes, model) = (self.members.body(), &*self.peek.model);
        // What may not be asked is refused where it is sent.
        if bytes.len() > REQUEST_BYTES_MAX || snapshot.is_anothers_profile(booked, model) {
            return None;
        }
        let body: Value = serde_json::from_slice(bytes).ok()?;
        let operation = self.operation();
        let dialect = self.head.dialect;
        if !rests_on_itself(dialect, model, &self.plan.targets, &body) || self.meets_a_draft(snapshot) {
            return None;
        }
        (!only_determined || is_determined(operation, &body)).then_some(body)
    }

    /// All that the answer depends on, with this body.
    fn with<T>(
        &self,
        body: &Value,
        (share, booked, snapshot): (Share, &Attribution, &Snapshot),
        then: impl FnOnce(&Request<'_>) -> T,
    ) -> T {
        let model = &*self.peek.model;
        let guard = snapshot.guards.of(&Subject { attribution: booked, model });
        then(&Request {
            booked,
            share,
            dialect: self.head.dialect,
            operation: self.operation(),
            stream: self.streams(),
            model,
            headers: &told_headers(&self.parts.headers),
            body,
            targets: &self.plan.targets,
            guard: guard.as_ref().map(|guard| &**guard.version()),
            revision: &snapshot.cache.rules.revision,
        })
    }

    /// Whether a guardrail of Bedrock's looks at the call that may be edited, by a header or by a provider's configuration.
    fn meets_a_draft(&self, snapshot: &Snapshot) -> bool {
        let named =
            self.parts.headers.get(GUARDRAIL_VERSION).is_some_and(|version| version.as_bytes() == DRAFT.as_bytes());
        let stands = |target: &Target| {
            let upstream = snapshot.upstreams.get(&target.provider);
            let guardrail = upstream.and_then(|upstream| upstream.provider.guardrail());
            guardrail.is_some_and(|guardrail| *guardrail.version == *DRAFT)
        };
        named || self.plan.targets.iter().any(stands)
    }

    /// Whether the answer is a stream.
    fn streams(&self) -> bool {
        self.peek.stream && self.head.operation == Operation::Chat
    }

    /// What is asked for: one path of Bedrock's is for chats and vectors.
    fn operation(&self) -> Operation {
        let embeds = |model: &str| ModelFamily::of(model).is_embedding();
        let all_embed = self.plan.targets.iter().all(|target| embeds(&target.model));
        if self.head.dialect == Dialect::BedrockInvoke && all_embed {
            Operation::Embeddings
        } else {
            self.head.operation
        }
    }
}

/// The headers that a provider of the dialect is told and may answer otherwise for.
fn told_headers(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
    let told = headers.iter().filter(|(name, _)| request_passes(name) && !is_clients_own(name));
    let told = told.filter(|(name, _)| !NAMES_THE_CALL.contains(&name.as_str()));
    told.map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}
