//! From declared steps to rules by tasks, each with a name that changes when what decides on the quality of answers does.

use anyhow::Result;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tg_config::document::{self, Document, Model, RoutingMode};
use tg_kernel::target::Target;
use tg_policy::route::TaskRouting;
use tg_policy::route::quality::Floor;
use tg_policy::route::steps::{Judge, Mode, Policy, Sampling, Step};

/// Digits of a rule's hash.
const HASH_DIGITS: usize = 12;

/// Compiles the steps of a route.
///
/// # Errors
/// When it cannot be written as JSON.
pub(super) fn compile(
    document: &Document,
    served: &Model,
    declared: &document::TaskRouting,
) -> Result<Arc<TaskRouting>> {
    let place = |name: &Option<String>| {
        name.as_ref().and_then(|name| declared.steps.iter().position(|step| step.model == *name))
    };
    let policy = Policy {
        mode: mode(declared.mode),
        floor: place(&declared.floor),
        ceiling: place(&declared.ceiling),
        opt_out: declared.opt_out,
    };
    let teams = declared.teams.iter().map(|team| {
        let own = Policy {
            mode: team.mode.map_or(policy.mode, mode),
            floor: place(&team.floor).or(policy.floor),
            ceiling: place(&team.ceiling).or(policy.ceiling),
            opt_out: team.opt_out.unwrap_or(policy.opt_out),
        };
        (team.team.shared(), own)
    });
    let steps = declared.steps.iter().map(|step| Step {
        target: Target { provider: step.provider.shared(), model: step.model.as_str().into() },
        tasks: step.tasks.iter().map(|task| task.as_str()).collect(),
        difficulty_max: step.difficulty_max.get() as f32,
    });
    Ok(Arc::new(TaskRouting {
        rule: name(document, served, declared)?,
        steps: steps.collect(),
        policy,
        teams: teams.collect(),
        sampling: declared.quality.as_ref().map(sampling),
    }))
}

fn sampling(declared: &document::Quality) -> Sampling {
    let judge = match &declared.judge {
        document::TaskJudge::Agreement(_) => Judge::Agreement,
        document::TaskJudge::Model(named) => Judge::Model {
            target: Target { provider: named.provider.shared(), model: named.model.as_str().into() },
            booked_to: named.booked_to.as_ref().map(tg_config::grammar::Name::shared),
        },
    };
    let samples_min = declared.samples_min;
    let floor = declared.floor.map(|floor| Floor { millionths: floor.millionths(), samples_min });
    Sampling { millionths: declared.sample.millionths(), judge, floor }
}

const fn mode(declared: RoutingMode) -> Mode {
    match declared {
        RoutingMode::Observe => Mode::Observe,
        RoutingMode::Advise => Mode::Advise,
        RoutingMode::Enforce => Mode::Enforce,
    }
}

/// What was learned under one mode, for one team or by fewer samples, holds under another: only models, tasks, judge and
/// floor make another rule.
fn name(document: &Document, served: &Model, declared: &document::TaskRouting) -> Result<Arc<str>> {
    let quality = declared.quality.as_ref().map(|quality| json!([quality.judge, quality.floor, quality.samples_min]));
    let mut decides = vec![json!(served.targets), json!(declared.steps), json!(quality)];
    // Where routes are among them, what these come to, too.
    if served.routes().next().is_some() {
        let leaves = document.leaves(served, None);
        decides.extend(leaves.iter().map(|leaf| json!([leaf.provider, leaf.model, leaf.when])));
    }
    let decides = serde_json::to_string(&decides)?;
    let hash = hex::encode(Sha256::digest(decides.as_bytes()));
    Ok(format!("{}#{}", served.name.as_str(), hash.get(..HASH_DIGITS).unwrap_or_default()).into())
}
