//! Who stands behind a proof of an IAM identity: what is remembered, else what AWS says.
//!
//! What can be seen of a proof is judged first, by the configuration in force, on every call. Only then is anybody asked:
//! each proof and each issuer by one question at a time, few at once, so that strangers cannot aim the gateway at AWS.
//! Fails closed: without an answer the call is refused (`identity_unavailable`), and nothing is sent.

use crate::flights::Flights;
use crate::living::Worker;
use crate::snapshot::Snapshot;
use http::StatusCode;
use http::request::Parts;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::fault::Fault;
use tg_net::egress::EgressPolicy;
use tg_policy::authenticate::{self, Admitted, Caller, Door, Shown};
use tg_policy::iam::caller_identity::{SERVER_ID_HEADER, judge};
use tg_policy::iam::keys::keys_address;
use tg_policy::iam::memory::{Finding, digest_of};
use tg_policy::iam::{
    Asking, AwsPrincipal, Digest, Flaw, IdentityProof, KeySet, Keyring, Kind, Look, Memory, Presented, WebToken,
};
use tg_upstream::inquiry::{InquiryError, get};
use tokio::sync::Semaphore;

/// Longest that a call waits to hear whose it is.
const PATIENCE: Duration = Duration::from_secs(8);
/// Most proofs about which a question is open. More than a fleet that starts at once has callers.
const OPEN_MAX: usize = 1_024;
/// Most questions to STS under way at a time; the others wait in line. STS answers hundreds in a second this way.
const ASKING_MAX: usize = 16;
/// Most issuers that are asked at a time; a configuration names no more.
const ISSUERS_MAX: usize = 64;

/// What is known of callers' IAM identities, and what is being asked. One for each process.
#[derive(Debug)]
pub struct Whois {
    memory: Memory,
    keyring: Keyring,
    proofs: Flights<Digest, Finding>,
    issuers: Flights<Digest, ()>,
    asking: Semaphore,
}

impl Default for Whois {
    fn default() -> Self {
        Self {
            memory: Memory::default(),
            keyring: Keyring::default(),
            proofs: Flights::new(OPEN_MAX),
            issuers: Flights::new(ISSUERS_MAX),
            asking: Semaphore::new(ASKING_MAX),
        }
    }
}

/// Establishes who calls, before a byte of the body is read.
///
/// # Errors
/// Those of [`authenticate::identify`]; for proofs of an IAM identity those of [`Flaw`], and those of
/// [`Caller::of_role`].
pub(crate) async fn identify<'a>(
    worker: &Arc<Worker>,
    snapshot: &'a Snapshot,
    head: &'a Parts,
    from: IpAddr,
) -> Result<Caller<'a>, Fault> {
    let living = &worker.living;
    let now = living.clock.now();
    let proof = match authenticate::identify(head, from, &living.directory, now)? {
        Shown::Caller(caller) => return Ok(caller),
        Shown::Proof(text) => Presented::read(text, &snapshot.trust, now)?,
    };
    let ends_at = proof.ends_at();
    let who = find_out(worker, snapshot, proof).await?;
    Caller::of_role(who, ends_at, &snapshot.trust, &living.directory)
}

/// Establishes who makes a request that has no body, signed or not.
///
/// # Errors
/// As [`identify`], and those of [`Caller::confirm`].
pub(crate) async fn admit(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    head: &Parts,
    from: IpAddr,
) -> Result<Admitted, Fault> {
    let caller = identify(worker, snapshot, head, from).await?;
    let living = &worker.living;
    let door = Door { directory: &living.directory, replays: &living.replays, from, now: living.clock.now() };
    caller.confirm(&[], &door)
}

async fn find_out(worker: &Arc<Worker>, snapshot: &Snapshot, proof: Presented) -> Finding {
    let (whois, digest) = (&worker.living.whois, proof.digest());
    if let Some(finding) = whois.memory.find(&digest, worker.living.clock.monotonic()) {
        return finding;
    }
    match proof {
        Presented::Token(token) => {
            let finding = check(worker, snapshot, &token).await;
            learn(worker, snapshot, digest, &finding);
            finding
        }
        Presented::Proof(proof) => {
            let asked = whois.proofs.join(digest, PATIENCE, || ask_sts(Arc::clone(worker), snapshot, proof)).await;
            let finding = asked.unwrap_or(Err(Flaw::Unavailable(Kind::CallerIdentity)));
            learn(worker, snapshot, digest, &finding);
            finding
        }
    }
}

fn learn(worker: &Worker, snapshot: &Snapshot, digest: Digest, finding: &Finding) {
    let has_team = finding.as_ref().is_ok_and(|who: &AwsPrincipal| snapshot.trust.roles.knows(who));
    worker.living.whois.memory.learn(digest, finding, has_team, worker.living.clock.monotonic());
}

/// Checks a token with the keys of its issuer; these are asked for where they are not known.
async fn check(worker: &Arc<Worker>, snapshot: &Snapshot, token: &WebToken) -> Finding {
    let living = &worker.living;
    let look = |asking| living.whois.keyring.look(token.issuer(), token.key(), asking, living.clock.monotonic());
    let mut known = look(Asking::Allowed);
    if matches!(known, Look::Ask) {
        let (issuer, egress) = (Arc::clone(token.issuer()), snapshot.witnesses);
        let asked =
            living.whois.issuers.join(digest_of(&issuer), PATIENCE, || ask_issuer(Arc::clone(worker), issuer, egress));
        asked.await;
        known = look(Asking::Done);
    }
    match known {
        Look::Keys(keys) => token.verify(&keys),
        Look::Absent => Err(Flaw::Signature),
        Look::Ask | Look::Away => Err(Flaw::Unavailable(Kind::WebIdentity)),
    }
}

/// Asks an issuer where its keys are, and for them.
async fn ask_issuer(worker: Arc<Worker>, issuer: Arc<str>, egress: EgressPolicy) {
    let answer = keys_of(&worker, &issuer, egress).await;
    if let Err(why) = &answer {
        tracing::warn!(%issuer, why, "an issuer of web-identity tokens does not tell its keys");
    }
    worker.living.whois.keyring.learn(&issuer, answer.ok(), worker.living.clock.monotonic());
}

async fn keys_of(worker: &Worker, issuer: &str, egress: EgressPolicy) -> Result<KeySet, String> {
    let ask = async |address: &str| match get(&worker.pools, egress, address, &[("accept", "application/json")]).await {
        Ok((StatusCode::OK, body)) => Ok(body),
        Ok((status, _)) => Err(format!("it answered with status {status}")),
        Err(error) => Err(error.to_string()),
    };
    let document = ask(&format!("{issuer}/.well-known/openid-configuration")).await?;
    let address =
        keys_address(&document, issuer).ok_or("its discovery document is not its own, or names another host")?;
    KeySet::parse(&ask(&address).await?).ok_or_else(|| "its keys cannot be read".to_owned())
}

/// Asks STS what the caller has presigned. The question is the caller's own, down to its signature; we add but the header
/// that it signed.
fn ask_sts(
    worker: Arc<Worker>,
    snapshot: &Snapshot,
    proof: IdentityProof,
) -> impl Future<Output = Finding> + Send + 'static {
    let (trust, egress) = (Arc::clone(&snapshot.trust), snapshot.witnesses);
    async move {
        let Some(wanted) = &trust.caller_identity else { return Err(Flaw::NotTaken(Kind::CallerIdentity)) };
        let Ok(_turn) = worker.living.whois.asking.acquire().await else {
            return Err(Flaw::Unavailable(Kind::CallerIdentity));
        };
        let headers = [(SERVER_ID_HEADER, wanted.server_id.as_str())];
        match get(&worker.pools, egress, proof.url().expose(), &headers).await {
            Ok((status, body)) => {
                let finding = judge(status.as_u16(), &body);
                if matches!(finding, Err(Flaw::Unavailable(_))) {
                    tracing::warn!(%status, "STS does not say who a caller is");
                }
                finding
            }
            // Nobody could have asked it.
            Err(InquiryError::Unaskable) => Err(Flaw::Refused),
            Err(error) => {
                tracing::warn!(%error, "STS could not be asked who a caller is");
                Err(Flaw::Unavailable(Kind::CallerIdentity))
            }
        }
    }
}
