//! What is known of a call's output before it is sent: its bound, and whether all of it can be seen in its stream.

use crate::living::Living;
use crate::snapshot::Snapshot;
use std::sync::Arc;
use tg_catalog::{Abilities, Ability, Row};
use tg_dialect::dialects::bedrock_converse::ModelFamily;
use tg_kernel::dialect::Operation;
use tg_kernel::peek::Peek;
use tg_kernel::record::Record;
use tg_kernel::target::Target;
use tg_policy::admit::OutputFacts;
use tg_policy::route::Plan;

/// Most output tokens of one answer: the call's own bound, or that of the target's model which allows most; `None` where
/// neither is known.
pub(crate) fn most(snapshot: &Snapshot, living: &Living, (peek, plan): (&Peek, &Plan)) -> Option<u64> {
    let of_model = |target: &Target| of_model(snapshot, living, target);
    // Any of them may serve it: the largest counts, and one that is not known is larger than any.
    let of_models = plan.targets.iter().map(of_model).try_fold(0, |most, bound| Some(bound?.max(most)));
    peek.output_tokens_max.into_iter().chain(of_models.filter(|most| *most > 0)).min()
}

/// The same of one target alone.
pub(crate) fn most_at(snapshot: &Snapshot, living: &Living, peek: &Peek, target: &Target) -> Option<u64> {
    let of_model = of_model(snapshot, living, target).filter(|most| *most > 0);
    peek.output_tokens_max.into_iter().chain(of_model).min()
}

fn of_model(snapshot: &Snapshot, living: &Living, target: &Target) -> Option<u64> {
    row(snapshot, living, target)?.limits().output_max.map(u64::from)
}

/// What limits want to know of it besides its size.
pub(crate) fn facts(
    snapshot: &Snapshot,
    living: &Living,
    record: &Record,
    (peek, plan): (&Peek, &Plan),
    most: Option<u64>,
) -> OutputFacts {
    let hidden = || {
        plan.targets.iter().any(|target| reasons_out_of_sight(row(snapshot, living, target).as_deref(), target, peek))
    };
    OutputFacts {
        is_bounded: most.is_some(),
        can_cut: record.asked.operation == Operation::Chat && peek.stream && !hidden(),
        least: peek.reasoning_tokens_max.map_or(0, |budget| budget.saturating_add(1)),
        further_answers: peek.answers.unwrap_or(1).saturating_sub(1),
    }
}

/// Whether all that a call makes can be seen for certain, at each of its targets: of money nothing is left to chance, so
/// that a model of which the catalogue does not say whether it reasons is taken for one that does.
pub(crate) fn is_seen(snapshot: &Snapshot, living: &Living, plan: &Plan) -> bool {
    plan.targets.iter().all(|target| {
        let is_known = || row(snapshot, living, target).is_some_and(|row| row.abilities() != Abilities::default());
        is_claude(target) || is_known()
    })
}

fn row(snapshot: &Snapshot, living: &Living, target: &Target) -> Option<Arc<Row>> {
    let upstream = snapshot.upstreams.get(&target.provider)?;
    upstream.price.find(&snapshot.catalogue, &target.model, living.clock.now())
}

/// Whether a model may make tokens that its stream does not show: vendors stream summaries of reasoning, or none of it.
/// Claude reasons only where it is asked to; of other models that can, it is not known when they do.
fn reasons_out_of_sight(row: Option<&Row>, target: &Target, peek: &Peek) -> bool {
    let can = |ability| row.is_some_and(|row| row.can(ability));
    peek.reasons || can(Ability::AlwaysReasoning) || can(Ability::Reasoning) && !is_claude(target)
}

fn is_claude(target: &Target) -> bool {
    target.model.starts_with("claude-") || ModelFamily::of(&target.model) == ModelFamily::Claude
}
