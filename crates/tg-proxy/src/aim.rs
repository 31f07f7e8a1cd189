//! What a target comes to for one call: the model by which it is judged and priced, the way there, and whose it is there.

use crate::living::{Living, Worker};
use crate::send::Outgoing;
use crate::snapshot::Snapshot;
use http::Method;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::target::Target;
use tg_upstream::control::{Question, ask};
use tg_upstream::pools::Pools;
use tg_upstream::provider::{Asked, Grouping, Upstream};
use tg_upstream::providers::bedrock::{Behind, Profiles, model_of};
use tg_upstream::road::Road;

/// Longest that a call waits to hear which model stands behind a profile. Without an answer it goes on, unpriced; later
/// calls find the answer.
const MOMENT: Duration = Duration::from_millis(250);

/// A target, and what follows from it.
pub(crate) struct Aim {
    pub(crate) target: Target,
    /// The application inference profile that is named to the provider in its model's place.
    pub(crate) profile: Option<Arc<str>>,
    /// The way there; none where the provider cannot do what is asked.
    pub(crate) road: Option<Road>,
    /// The provider's project to which the call counts.
    pub(crate) grouping: Option<Grouping>,
}

impl Aim {
    /// By what the provider's bill groups the call.
    pub(crate) fn billed_by(&self) -> Option<&Arc<str>> {
        self.profile.as_ref().or_else(|| Some(&self.grouping.as_ref()?.id))
    }
}

/// What `target` comes to in this call.
///
/// # Errors
/// `Class::Forbidden` (`model_not_allowed`) when the caller names a profile that is another team's: AWS would bill that.
pub(crate) async fn aim(
    worker: &Worker,
    snapshot: &Snapshot,
    upstream: &Arc<Upstream>,
    target: &Target,
    outgoing: &Outgoing<'_>,
) -> Result<Aim, Fault> {
    let booked = outgoing.attribution;
    let to = |target: Target, by_profile: bool| {
        let (operation, inbound) = (outgoing.call.operation, outgoing.call.dialect);
        let road = upstream.provider.road(&Asked { operation, inbound, model: &target.model, by_profile });
        let grouping = road.and_then(|road| upstream.provider.grouping(road, booked));
        Aim { target, profile: None, road, grouping }
    };
    let plain = || to(target.clone(), false);
    let Some(profiles) = upstream.provider.profiles() else { return Ok(plain()) };
    if Profiles::is_profile(&target.model) {
        if *outgoing.peek.model == *target.model && snapshot.is_anothers_profile(booked, &target.model) {
            let message = "This inference profile belongs to another team or project; name the model instead.";
            return Err(Fault::new(Class::Forbidden, Origin::Caller, "model_not_allowed", message).at("model"));
        }
        let model = behind(worker, upstream, profiles, &target.model).await;
        let (profile, provider) = (Arc::clone(&target.model), Arc::clone(&target.provider));
        let model = model.unwrap_or_else(|| Arc::clone(&profile));
        // An asynchronous invocation takes no profile: the model itself is named.
        let profile = (outgoing.call.operation != Operation::AsyncInvoke).then_some(profile);
        return Ok(Aim { profile, ..to(Target { provider, model }, true) });
    }
    let aim = plain();
    // Only what a model answers is billed by its profile, and no surface is known to take one.
    if !outgoing.call.operation.runs_a_model() || aim.road.is_some_and(|road| road.surface.is_some()) {
        return Ok(aim);
    }
    Ok(Aim { profile: profiles.named_for(booked, &target.model).cloned(), ..aim })
}

/// The model behind a profile, if it is known or can be known in a moment.
async fn behind(worker: &Worker, upstream: &Arc<Upstream>, profiles: &Profiles, arn: &Arc<str>) -> Option<Arc<str>> {
    let clock = &worker.living.clock;
    match profiles.behind(arn, clock.monotonic()) {
        Behind::Model(model) => return Some(model),
        Behind::Unknown => return None,
        Behind::Ask => {}
    }
    // Goes on without this call: the answer is for the next ones too.
    let learning = learn(Arc::clone(upstream), Arc::clone(&worker.pools), Arc::clone(&worker.living), Arc::clone(arn));
    tokio::time::timeout(MOMENT, tg_net::tasks::spawn("learn of a profile", learning)).await.ok()??
}

async fn learn(upstream: Arc<Upstream>, pools: Arc<Pools>, living: Arc<Living>, arn: Arc<str>) -> Option<Arc<str>> {
    let path = tg_upstream::control::profile_path(&arn);
    let question = Question { method: Method::GET, path: &path, body: None };
    let asked = match living.aws.own_proof(upstream.identity.as_ref()).await {
        Ok(proof) => ask(&upstream, &pools, question, &proof, living.clock.now()).await,
        Err(fault) => Err(fault),
    };
    let model = match asked {
        Ok((status, body)) if status.is_success() => {
            let arns = body["models"].as_array().into_iter().flatten().filter_map(|model| model["modelArn"].as_str());
            model_of(arns).map(Arc::from)
        }
        Ok((status, _)) => {
            tracing::warn!(provider = %upstream.name, %status, "AWS does not say which model stands behind a profile");
            None
        }
        Err(fault) => {
            let cause = fault.cause().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(provider = %upstream.name, code = fault.code, cause, "AWS could not be asked about a profile");
            None
        }
    };
    if let Some(profiles) = upstream.provider.profiles() {
        profiles.learn(&arn, model.clone(), living.clock.monotonic());
    }
    model
}
