//! Whose asynchronous invocations are, as AWS says: each question asked once at a time, few at a time for each provider
//! and for each key, and nobody waits for long. Fails closed: without an answer nothing is shown.

use crate::flights::{Bounds, Flights, Source};
use crate::living::Worker;
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tg_dialect::dialects::bedrock_invoke::Owner;
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_policy::iam::Digest;
use tg_policy::iam::memory::digest_of;
use tg_upstream::control::{Question, ask};
use tg_upstream::provider::Upstream;
use tg_upstream::providers::bedrock::{Invocations, Said};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most questions under way for one key: half of those of a provider.
pub(crate) const TURNS_MAX: usize = 4;

/// Longest wait for a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait for an answer: that for a turn, and what the control plane is given.
const ANSWER: Duration = Duration::from_secs(26);

/// How many questions of all keys and providers may be open. Whose turn it is to ask is seen to for each key and for each
/// provider.
const BOUNDS: Bounds =
    Bounds { open_max: 1_024, of_one_max: 1_024, asked_max: 1_024, reserved: (0, 0), patience: ANSWER };

/// So many keys are kept before those that ask nothing any more are forgotten.
const KEYS_KEPT: usize = 256;

/// The questions that are open. One for each process.
#[derive(Debug)]
pub struct Looks {
    questions: Flights<Digest, Result<Said, Arc<Fault>>>,
    keys: Mutex<HashMap<Arc<str>, Weak<Semaphore>>>,
}

impl Default for Looks {
    fn default() -> Self {
        Self { questions: Flights::new(BOUNDS), keys: Mutex::default() }
    }
}

impl Looks {
    /// A turn of a key.
    ///
    /// # Errors
    /// `Class::Overloaded` where its other questions take too long.
    pub(crate) async fn turn(&self, key_id: &Arc<str>) -> Result<OwnedSemaphorePermit, Fault> {
        let turns = self.turns_of(key_id);
        let waited = tokio::time::timeout(PATIENCE, turns.acquire_owned()).await;
        waited.map_err(|_elapsed| busy())?.map_err(Fault::internal)
    }

    fn turns_of(&self, key_id: &Arc<str>) -> Arc<Semaphore> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = keys.get(key_id).and_then(Weak::upgrade) {
            return turns;
        }
        if keys.len() >= KEYS_KEPT {
            keys.retain(|_, turns| turns.strong_count() > 0);
        }
        let turns = Arc::new(Semaphore::new(TURNS_MAX));
        keys.insert(Arc::clone(key_id), Arc::downgrade(&turns));
        turns
    }

    /// What AWS says of whose an invocation is; the provider's memory learns it.
    ///
    /// # Errors
    /// `Class::Overloaded` where too much is asked at once; otherwise why there is no answer.
    pub(crate) async fn whose(
        &self,
        worker: &Arc<Worker>,
        upstream: &Arc<Upstream>,
        invocations: &Arc<Invocations>,
        arn: &str,
    ) -> Result<Said, Fault> {
        let key = digest_of(&[&upstream.name, arn]);
        let (worker, upstream, invocations) = (Arc::clone(worker), Arc::clone(upstream), Arc::clone(invocations));
        let arn = arn.to_owned();
        let asking = || async move {
            let said = in_turn(&worker, &upstream, &invocations, &arn).await.map_err(Arc::new)?;
            invocations.learn(&arn, said.clone(), worker.living.clock.monotonic());
            Ok(said)
        };
        let answer = self.questions.join(key, Source::Own, asking).await.map_err(|_hitch| busy())?;
        answer.map_err(|fault| again(&fault))
    }
}

async fn in_turn(worker: &Worker, upstream: &Upstream, invocations: &Invocations, arn: &str) -> Result<Said, Fault> {
    let waited = tokio::time::timeout(PATIENCE, invocations.questions.acquire()).await;
    let _turn = waited.map_err(|_elapsed| busy())?.map_err(Fault::internal)?;
    tags(worker, upstream, arn).await
}

async fn tags(worker: &Worker, upstream: &Upstream, arn: &str) -> Result<Said, Fault> {
    let living = &worker.living;
    let question =
        Question { method: Method::POST, path: "/listTagsForResource", body: Some(json!({ "resourceARN": arn })) };
    let proof = living.aws.own_proof(upstream.identity.as_ref()).await?;
    let (status, body) = ask(upstream, &worker.pools, question, &proof, living.clock.now()).await?;
    if matches!(status.as_u16(), 400 | 404) {
        return Ok(Said::Absent);
    }
    if status.is_success() {
        return Ok(Said::Tagged(Owner::tagged(&body["tags"])));
    }
    let fault = fault_of(upstream, status, &body.to_string());
    tracing::warn!(
        provider = %upstream.name, %status, code = fault.code,
        "AWS does not say whose an asynchronous invocation is (bedrock:ListTagsForResource)"
    );
    if status == StatusCode::FORBIDDEN { Ok(Said::Denied) } else { Err(fault) }
}

/// What is said to a caller where the question is not allowed.
pub(crate) fn denied(upstream: &Upstream) -> Fault {
    fault_of(upstream, StatusCode::FORBIDDEN, "{}")
}

fn fault_of(upstream: &Upstream, status: StatusCode, body: &str) -> Fault {
    upstream.provider.speaks(Dialect::BedrockInvoke).decode_fault(status, &HeaderMap::new(), body.as_bytes())
}

fn busy() -> Fault {
    let message = "Too much is being asked about asynchronous invocations at the moment. Send the request again.";
    let fault = Fault::new(Class::Overloaded, Origin::Gateway, "control_plane_busy", message);
    fault.retry(Retry::After(Duration::from_secs(1)))
}

/// A fault for each of those who have waited for it. Its cause stays with the first.
fn again(fault: &Arc<Fault>) -> Fault {
    let told = Fault::new(fault.class, fault.origin, fault.code, fault.message.clone()).retry(fault.retry);
    let told = fault.upstream_status.into_iter().fold(told, Fault::with_upstream_status);
    told.caused_by(Shared(Arc::clone(fault)))
}

/// A fault as the cause of another.
#[derive(Debug)]
struct Shared(Arc<Fault>);

impl std::fmt::Display for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.cause() {
            Some(cause) => write!(f, "{cause}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl std::error::Error for Shared {}

#[cfg(test)]
mod tests {
    use super::{KEYS_KEPT, Looks, TURNS_MAX};
    use std::sync::Arc;

    #[tokio::test(start_paused = true)]
    async fn one_key_cannot_have_every_turn_and_nobody_waits_for_ever() {
        let (looks, red, blue) = (Looks::default(), Arc::from("red"), Arc::from("blue"));
        let mut held = Vec::new();
        for _ in 0..TURNS_MAX {
            held.push(looks.turn(&red).await.unwrap());
        }
        assert_eq!(looks.turn(&red).await.unwrap_err().code, "control_plane_busy");
        assert!(looks.turn(&blue).await.is_ok());
        held.pop();
        assert!(looks.turn(&red).await.is_ok());
    }

    #[tokio::test]
    async fn keys_that_ask_nothing_are_forgotten() {
        let looks = Looks::default();
        let red = Arc::from("red");
        let _held = looks.turn(&red).await.unwrap();
        for number in 0..KEYS_KEPT + 9 {
            drop(looks.turn(&Arc::from(number.to_string())).await);
        }
        let keys = looks.keys.lock().unwrap();
        assert!(keys.len() <= KEYS_KEPT && keys.contains_key(&red), "{}", keys.len());
    }
}
