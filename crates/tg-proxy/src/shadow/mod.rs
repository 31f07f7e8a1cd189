//! Calls that no caller made: copies of calls for another model, questions which of two answers is better, and for vectors.
//!
//! A copy goes out once its original has ended well, in a task of its own, so that no caller waits for it. It is made of the
//! body that the checks let go, holds money and room as any call does, and is not sent where there is none. It has a row of
//! its own. How many there are, and how much they keep in memory, is bounded; what is beyond it is dropped and counted.

mod copy;
mod hearing;
mod judge;
mod learn;
mod likeness;
mod places;

pub(crate) use hearing::{Heard, Hearing};
pub(crate) use likeness::{Observing, Question, ask_for_vector};
pub use places::{Fate, Figures, Shadows};

use crate::choose::away;
use crate::flow::Ready;
use crate::living::Worker;
use crate::settle::Settlement;
use crate::snapshot::Snapshot;
use copy::Copy;
use hearing::Comparison;
use serde_json::{Map, Value};
use std::sync::Arc;
use tg_dialect::scan::Members;
use tg_kernel::decided::Purpose;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::target::Target;
use tg_policy::cache::rests_on_itself;
use tg_policy::route::{Plan, mixed};

/// Most bytes of an answer that are kept to be compared, as they stand on the wire.
pub(crate) const HEARD_BYTES_MAX: usize = 512 << 10;

/// In which members it stands what is said: most of a body, and nothing of what its provider does with it. They are not parsed
/// while a caller waits.
const SAID: [&str; 2] = ["messages", "input"];

/// Notes what a rule by tasks made of a call, and sees to it that copies of it go out when it has ended well, where its route wants some of this call.
pub(crate) fn arrange(worker: &Arc<Worker>, snapshot: &Arc<Snapshot>, ready: &Ready, settlement: &mut Settlement) {
    let plan = &ready.plan;
    settlement.is_routed(plan.routed.as_deref());
    // What a guardrail sent to these targets is for nobody else.
    if plan.is_bound || (plan.rule.mirror.is_none() && plan.routed.is_none()) || ready.call.operation != Operation::Chat
    {
        return;
    }
    let arranging = Arranging { worker, snapshot, ready };
    let copies: Vec<Copy> =
        [arranging.mirror(settlement), arranging.sample(settlement)].into_iter().flatten().collect();
    if !copies.is_empty() {
        settlement.hears(Hearing::of_original(copies, ready));
    }
}

struct Arranging<'a> {
    worker: &'a Arc<Worker>,
    snapshot: &'a Arc<Snapshot>,
    ready: &'a Ready,
}

impl Arranging<'_> {
    fn mirror(&self, settlement: &Settlement) -> Option<Copy> {
        let mirror = self.ready.plan.rule.mirror.as_ref()?;
        if !is_drawn(self.ready.id, Purpose::Mirror, mirror.millionths) {
            return None;
        }
        self.copy(Purpose::Mirror, &mirror.target, None, settlement)
    }

    /// A copy for the model that the call does not go to, where the two are to be compared.
    fn sample(&self, settlement: &Settlement) -> Option<Copy> {
        let routed = self.ready.plan.routed.as_ref().filter(|routed| routed.fits && routed.stays.is_none())?;
        let sampling = routed.rule.sampling.as_ref().filter(|sampling| sampling.judge.judges(routed.task.class))?;
        let cheaper = routed.to.as_ref()?;
        let is_drawn = is_drawn(self.ready.id, Purpose::Sample, sampling.millionths);
        // Who wants several answers at once is compared with nobody.
        if !is_drawn || self.ready.peek.answers.is_some_and(|answers| answers > 1) {
            return None;
        }
        let is_moved = routed.is_moved();
        let comparison = Comparison {
            rule: Arc::clone(&routed.rule.rule),
            judge: sampling.judge.clone(),
            task: routed.task.class,
            of: self.ready.id,
            of_target: if is_moved { cheaper.clone() } else { routed.from.clone() },
            is_copy_cheaper: !is_moved,
            original: None,
            alike: None,
        };
        let other = if is_moved { &routed.from } else { cheaper };
        self.copy(Purpose::Sample, other, Some(comparison), settlement)
    }

    /// Whether the call must stay where a target is not.
    fn is_away(&self, booked: &Attribution, target: &Target) -> bool {
        let Ready { peek, plan, .. } = self.ready;
        away(self.snapshot, booked, [&peek.model, &plan.rule.name], target).is_some()
    }

    fn copy(
        &self,
        purpose: Purpose,
        target: &Target,
        comparison: Option<Comparison>,
        settlement: &Settlement,
    ) -> Option<Copy> {
        let Ready { call, peek, body, .. } = self.ready;
        let booked = settlement.record()?.attribution.clone();
        let judged = comparison.as_ref().and_then(|comparison| comparison.judge.target());
        if judged.into_iter().chain([target]).any(|target| self.is_away(&booked, target)) {
            self.worker.living.shadows.note(purpose, Fate::Away);
            return None;
        }
        if leaves_traces(call.dialect, &peek.model, body) {
            return None;
        }
        let heard = if comparison.is_some() { 2 * HEARD_BYTES_MAX } else { 0 };
        let place = Shadows::take(&self.worker.living, purpose, self.ready.body.len() + heard)?;
        let plan = Plan { targets: vec![target.clone()], routed: None, ..self.ready.plan.clone() };
        Some(Copy {
            purpose,
            of: self.ready.id,
            snapshot: Arc::clone(self.snapshot),
            ready: self.ready.copied(plan),
            booked,
            guarding: settlement.guarding().map(crate::guarding::Guarding::of_copy),
            comparison,
            heard: None,
            place,
        })
    }
}

/// Whether a call starts something that outlasts its answer, adds to what its provider keeps, or has tools that its provider
/// runs: done twice, it is another thing.
pub(crate) fn leaves_traces(dialect: Dialect, model: &str, body: &[u8]) -> bool {
    let Ok(members) = Members::scan(body) else { return true };
    let settings = members.iter().filter(|(name, _)| !SAID.contains(name));
    let settings = settings.map(|(name, value)| Ok((name.to_owned(), serde_json::from_slice::<Value>(value)?)));
    let settings: serde_json::Result<Map<String, Value>> = settings.collect();
    let Ok(settings) = settings else { return true };
    let settings = Value::Object(settings);
    // A model that looks things up by itself leaves nothing behind.
    !rests_on_itself(dialect, model, &[], &settings) || settings.get("store") == Some(&Value::Bool(true))
}

/// Whether a call is of the share of which something is wanted. The same for both purposes would make one a part of the other.
fn is_drawn(id: CallId, purpose: Purpose, millionths: u32) -> bool {
    let salt = purpose.as_str().bytes().fold(0, |salt, byte| mixed(salt ^ u64::from(byte)));
    let lot = id.as_bytes().iter().fold(salt, |lot, byte| mixed(lot ^ u64::from(*byte)));
    lot % 1_000_000 < u64::from(millionths)
}

#[cfg(test)]
mod tests {
    use super::{CallId, Dialect, Purpose, is_drawn, leaves_traces};
    use serde_json::json;

    #[test]
    fn what_providers_run_or_keep_is_not_done_twice() {
        let mcp = json!({"tools": [{"type": "mcp", "server_url": "https://example.com"}]});
        for (dialect, body, expected) in [
            (Dialect::OpenaiResponses, mcp, true),
            (Dialect::OpenaiResponses, json!({"background": true}), true),
            (Dialect::OpenaiResponses, json!({"conversation": "c"}), true),
            (Dialect::OpenaiResponses, json!({"store": true}), true),
            (Dialect::OpenaiResponses, json!({"store": false, "tools": [{"type": "function"}]}), false),
            (Dialect::OpenaiChat, json!({"store": true}), true),
            (Dialect::OpenaiChat, json!({"messages": []}), false),
            (Dialect::AnthropicMessages, json!({"mcp_servers": [{"type": "url"}]}), true),
            (Dialect::AnthropicMessages, json!({"container": "c"}), true),
            (Dialect::AnthropicMessages, json!({"tools": [{"name": "f"}]}), false),
        ] {
            let bytes = body.to_string();
            assert_eq!(leaves_traces(dialect, "m", bytes.as_bytes()), expected, "{dialect:?} {body}");
        }
        assert!(leaves_traces(Dialect::OpenaiChat, "m", b"{"), "what cannot be read is not sent twice");
    }

    #[test]
    fn as_many_are_drawn_as_are_wanted() {
        let ids: Vec<CallId> = (0..20_000).map(|_| CallId::fresh()).collect();
        for (millionths, expected) in [(0, 0), (50_000, 1_000), (1_000_000, 20_000)] {
            let drawn = ids.iter().filter(|id| is_drawn(**id, Purpose::Mirror, millionths)).count();
            assert!(drawn.abs_diff(expected) < 200, "{millionths}: {drawn}");
        }
        let both = ids
            .iter()
            .filter(|id| is_drawn(**id, Purpose::Mirror, 500_000) && is_drawn(**id, Purpose::Sample, 500_000));
        assert!(both.count().abs_diff(5_000) < 400, "the one is no part of the other");
    }
}
