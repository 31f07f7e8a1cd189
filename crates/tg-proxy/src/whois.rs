//! Who stands behind a proof of an IAM identity: what is remembered, else what AWS says.
//!
//! What can be seen of a proof is judged first, by the configuration in force, on every call. Only then is anybody asked:
//! each proof and each issuer by one question at a time, few at once, and no more of one source than its part, so that
//! strangers can neither aim the gateway at AWS nor stand in everybody's way.
//! Fails closed: without an answer the call is refused (`identity_unavailable`), and nothing is sent.

use crate::complaint::Complaint;
use crate::flights::{Bounds, Flights, Source};
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
    Asking, AwsPrincipal, Digest, Flaw, Hitch, IdentityProof, KeySet, Keyring, Kind, Look, Memory, Presented, Trust,
    WebToken,
};
use tg_upstream::inquiry::{InquiryError, get};

/// Longest that a call waits to hear whose it is.
const PATIENCE: Duration = Duration::from_secs(8);

/// Questions to STS. A thousand open: more than a fleet that starts at once has callers. One source has an eighth: many
/// callers may come by one proxy. Sixteen at a time, of which four are for who has proven himself of late: STS answers
/// hundreds in a second this way.
const PROOFS: Bounds = Bounds { open_max: 768, of_one_max: 128, asked_max: 12, reserved: (256, 4), patience: PATIENCE };

/// Questions to issuers. A configuration names no more of them.
const ISSUERS: Bounds = Bounds { open_max: 64, of_one_max: 64, asked_max: 64, reserved: (0, 0), patience: PATIENCE };

/// What is known of callers' IAM identities, and what is being asked. One for each process.
#[derive(Debug)]
pub struct Whois {
    memory: Memory,
    keyring: Keyring,
    proofs: Flights<Digest, Finding>,
    issuers: Flights<Digest, ()>,
    complaints: Complaints,
}

/// What the operator should know of, and what strangers can cause as often as they like.
#[derive(Debug, Default)]
struct Complaints {
    sts: Complaint,
    issuer: Complaint,
    crowded: Complaint,
    late: Complaint,
}

impl Default for Whois {
    fn default() -> Self {
        Self {
            memory: Memory::default(),
            keyring: Keyring::default(),
            proofs: Flights::new(PROOFS),
            issuers: Flights::new(ISSUERS),
            complaints: Complaints::default(),
        }
    }
}

/// Establishes who calls, before a byte of the body is read. Also answers how long others were waited for.
///
/// # Errors
/// Those of [`authenticate::identify`]; for proofs of an IAM identity those of [`Flaw`], and those of
/// [`Caller::of_role`].
pub(crate) async fn identify<'a>(
    worker: &Arc<Worker>,
    snapshot: &'a Snapshot,
    head: &'a Parts,
    from: IpAddr,
) -> Result<(Caller<'a>, Duration), Fault> {
    let living = &worker.living;
    let now = living.clock.now();
    let proof = match authenticate::identify(head, from, &living.directory, now)? {
        Shown::Caller(caller) => return Ok((caller, Duration::ZERO)),
        Shown::Proof(text) => Presented::read(text, &snapshot.trust, now)?,
    };
    let ends_at = proof.ends_at();
    let mut waited = Duration::ZERO;
    let who = find_out(worker, snapshot, proof, from, &mut waited).await?;
    let caller = Caller::of_role(who, ends_at, from, &snapshot.trust, &living.directory)?;
    Ok((caller, waited))
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
    let (caller, _) = identify(worker, snapshot, head, from).await?;
    let living = &worker.living;
    let door = Door { directory: &living.directory, replays: &living.replays, from, now: living.clock.now() };
    caller.confirm(&[], &door)
}

async fn find_out(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    proof: Presented,
    from: IpAddr,
    waited: &mut Duration,
) -> Finding {
    let (living, digest) = (&worker.living, proof.digest());
    if let Some(finding) = living.whois.memory.find(&digest, living.clock.monotonic()) {
        return finding;
    }
    let proof = match proof {
        Presented::Token(token) => {
            let finding = check(worker, snapshot, &token, waited).await;
            learn(worker, &snapshot.trust, digest, &finding);
            return finding;
        }
        Presented::Proof(proof) => proof,
    };
    let began = living.clock.monotonic();
    let id = proof.access_key_id();
    let is_known = living.whois.memory.favours(id, began);
    let source = if is_known { Source::Proven(digest_of(&[id])) } else { Source::of(from) };
    let question =
        Question { worker: Arc::clone(worker), trust: Arc::clone(&snapshot.trust), egress: snapshot.witnesses, proof };
    let asked = living.whois.proofs.join(digest, source, || question.ask()).await;
    *waited = living.clock.monotonic().saturating_sub(began);
    asked.unwrap_or_else(|hitch| {
        complain(worker, Kind::CallerIdentity, hitch);
        Err(Flaw::Unavailable(Kind::CallerIdentity, hitch))
    })
}

/// Says once in a while that callers are refused because they were too many. Whoever did not answer is told of where he
/// was asked.
fn complain(worker: &Worker, kind: Kind, hitch: Hitch) {
    let complaints = &worker.living.whois.complaints;
    let complaint = match hitch {
        Hitch::Crowded => &complaints.crowded,
        Hitch::TooLate => &complaints.late,
        Hitch::NoAnswer | Hitch::Spent => return,
    };
    if let Some(times) = complaint.due(worker.living.clock.monotonic()) {
        tracing::warn!(times, proof = kind.as_str(), why = %hitch, "callers are refused, as nobody was asked who they are");
    }
}

fn learn(worker: &Worker, trust: &Trust, digest: Digest, finding: &Finding) {
    let has_team = finding.as_ref().is_ok_and(|who: &AwsPrincipal| trust.roles.knows(who));
    worker.living.whois.memory.learn(digest, finding, has_team, worker.living.clock.monotonic());
}

/// Checks a token with the keys of its issuer. These are asked for where they are not known; where they are not known to
/// be fresh, beside the call.
async fn check(worker: &Arc<Worker>, snapshot: &Snapshot, token: &WebToken, waited: &mut Duration) -> Finding {
    let (living, issuer) = (&worker.living, token.issuer());
    let (whois, now) = (&living.whois, living.clock.monotonic());
    let about = digest_of(&[issuer]);
    let away = |hitch| Err(Flaw::Unavailable(Kind::WebIdentity, hitch));
    let ask = {
        let (worker, issuer, egress) = (Arc::clone(worker), Arc::clone(issuer), snapshot.witnesses);
        move || ask_issuer(worker, issuer, egress)
    };
    match whois.keyring.look(issuer, token.key(), Asking::Allowed, now) {
        Look::Keys(keys) => return token.verify(&keys),
        Look::Stale(keys) => {
            whois.issuers.begin(about, Source::Own, ask);
            return token.verify(&keys);
        }
        Look::Absent | Look::Away => return away(Hitch::Spent),
        Look::Ask => {}
    }
    let asked = whois.issuers.join(about, Source::Own, ask).await;
    let later = living.clock.monotonic();
    *waited = later.saturating_sub(now);
    if let Err(hitch) = asked {
        complain(worker, Kind::WebIdentity, hitch);
        return away(hitch);
    }
    match whois.keyring.look(issuer, token.key(), Asking::Done, later) {
        Look::Keys(keys) | Look::Stale(keys) => token.verify(&keys),
        Look::Absent => Err(Flaw::Signature),
        Look::Ask | Look::Away => away(Hitch::NoAnswer),
    }
}

/// Asks an issuer where its keys are, and for them.
async fn ask_issuer(worker: Arc<Worker>, issuer: Arc<str>, egress: EgressPolicy) {
    let answer = keys_of(&worker, &issuer, egress).await;
    let (whois, now) = (&worker.living.whois, worker.living.clock.monotonic());
    if let Err(why) = &answer
        && let Some(times) = whois.complaints.issuer.due(now)
    {
        tracing::warn!(times, %issuer, why, "an issuer of web-identity tokens does not tell its keys");
    }
    whois.keyring.learn(&issuer, answer.ok(), now);
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

/// A question to STS: what the caller has presigned. It is the caller's own, down to its signature; we add but the header
/// that it signed.
struct Question {
    worker: Arc<Worker>,
    trust: Arc<Trust>,
    egress: EgressPolicy,
    proof: IdentityProof,
}

impl Question {
    /// Asks it, and remembers what was found out before anybody can ask again.
    async fn ask(self) -> Finding {
        let (living, digest) = (&self.worker.living, self.proof.digest());
        // Somebody may have heard since this was looked for.
        if let Some(finding) = living.whois.memory.find(&digest, living.clock.monotonic()) {
            return finding;
        }
        let finding = self.find().await;
        learn(&self.worker, &self.trust, digest, &finding);
        if let Ok(who) = &finding
            && self.trust.roles.knows(who)
        {
            living.whois.memory.favour(self.proof.access_key_id(), who, living.clock.monotonic());
        }
        finding
    }

    async fn find(&self) -> Finding {
        let Some(wanted) = &self.trust.caller_identity else { return Err(Flaw::NotTaken(Kind::CallerIdentity)) };
        let headers = [(SERVER_ID_HEADER, wanted.server_id.as_str())];
        let why = match get(&self.worker.pools, self.egress, self.proof.url().expose(), &headers).await {
            Ok((status, body)) => match judge(status.as_u16(), &body) {
                Err(Flaw::Unavailable(..)) => format!("it answered with status {status}"),
                finding => return finding,
            },
            // Nobody could have asked it.
            Err(InquiryError::Unaskable) => return Err(Flaw::Refused),
            Err(error) => error.to_string(),
        };
        let living = &self.worker.living;
        if let Some(times) = living.whois.complaints.sts.due(living.clock.monotonic()) {
            tracing::warn!(times, why, "STS does not say who callers are");
        }
        Err(Flaw::Unavailable(Kind::CallerIdentity, Hitch::NoAnswer))
    }
}
