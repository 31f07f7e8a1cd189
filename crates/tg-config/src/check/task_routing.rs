//! Mirrors, cheaper models by task, and judges: that they exist, and are not what they are compared with.

use super::{Findings, providers};
use crate::document::{Document, Model, Quality, TaskJudge, TaskRouting};
use crate::grammar::Name;
use crate::nearest::propose;
use crate::problem::Path;

/// The fewest and the most comparisons that may decide.
const SAMPLES: std::ops::RangeInclusive<u32> = 10..=1_000;

pub(super) fn check(document: &Document, found: &mut Findings) {
    for (number, model) in document.models.iter().enumerate() {
        let path = Path::root().member("models").element(number);
        if let Some(mirror) = &model.mirror {
            let path = path.member("mirror");
            providers::is_there(document, &mirror.provider, &path, found);
            if is_target(document, model, &mirror.provider, &mirror.model) {
                let hint = "name another model: what a target answers is in the ledger anyway";
                found.add(path, "is one of the route's own targets", hint);
            }
        }
        if let Some(routing) = &model.task_routing {
            let path = path.member("task_routing");
            steps(document, model, routing, &path, found);
            bounds(routing, &path, found);
            if let Some(declared) = &routing.quality {
                quality(document, (model, routing, declared), &path.member("quality"), found);
            }
        }
    }
}

/// Whether the route itself sends calls there; a target without a model takes whatever its callers name.
fn is_target(document: &Document, model: &Model, provider: &Name, id: &str) -> bool {
    let is_named = |declared: Option<&str>| match declared {
        Some(declared) => declared == id,
        None => model.name.matches(id),
    };
    document.leaves(model, None).iter().any(|leaf| leaf.provider == provider && is_named(leaf.model))
}

fn steps(document: &Document, model: &Model, routing: &TaskRouting, path: &Path, found: &mut Findings) {
    let path = path.member("steps");
    if routing.steps.is_empty() {
        found.add(path.clone(), "is empty", "write 1 to 8 cheaper models, the weakest first");
    }
    found.add_repeated(
        routing.steps.iter().enumerate().map(|(n, step)| (path.element(n).member("model"), step.model.as_str())),
    );
    for (number, step) in routing.steps.iter().enumerate() {
        let path = path.element(number);
        providers::is_there(document, &step.provider, &path, found);
        if step.tasks.is_empty() {
            found.add(path.member("tasks"), "is empty", "name the tasks that this model is for");
        }
        let only = document.leaves(model, None).len() == 1;
        if only && is_target(document, model, &step.provider, &step.model) {
            found.add(path, "is the route's own target", "name a cheaper model, or remove the step");
        }
    }
}

/// Floors and ceilings are steps, and a floor is not above the ceiling.
fn bounds(routing: &TaskRouting, path: &Path, found: &mut Findings) {
    let teams = path.member("teams");
    let own = (path.clone(), routing.floor.as_deref(), routing.ceiling.as_deref());
    let of_teams = routing.teams.iter().enumerate().map(|(number, team)| {
        let floor = team.floor.as_deref().or(routing.floor.as_deref());
        (teams.element(number), floor, team.ceiling.as_deref().or(routing.ceiling.as_deref()))
    });
    let place = |name: &str| routing.steps.iter().position(|step| step.model == name);
    for (at, floor, ceiling) in std::iter::once(own.clone()).chain(of_teams) {
        for (word, name) in [("floor", floor), ("ceiling", ceiling)] {
            // What a team takes over from all is said there.
            let is_taken_over = at != *path && name == if word == "floor" { own.1 } else { own.2 };
            if let Some(name) = name.filter(|name| !is_taken_over && place(name).is_none()) {
                let hint = propose(name, routing.steps.iter().map(|step| step.model.as_str()));
                found.add(at.member(word), format!("`{name}` is no model of `steps`"), hint);
            }
        }
        if let (Some(low), Some(high)) = (floor.and_then(place), ceiling.and_then(place))
            && low > high
        {
            let hint = "name a floor that stands before the ceiling in `steps`, or the same model";
            found.add(at.member("floor"), "stands above the ceiling", hint);
        }
    }
    found.add_repeated(
        routing.teams.iter().enumerate().map(|(n, team)| (teams.element(n).member("team"), team.team.as_str())),
    );
    for (number, team) in routing.teams.iter().enumerate() {
        let says = team.mode.is_some() || team.floor.is_some() || team.ceiling.is_some() || team.opt_out.is_some();
        if !says {
            found.add(teams.element(number), "says nothing", "write what is other for this team, or remove it");
        }
    }
}

fn quality(
    document: &Document,
    (model, routing, declared): (&Model, &TaskRouting, &Quality),
    path: &Path,
    found: &mut Findings,
) {
    if !SAMPLES.contains(&declared.samples_min) {
        let (low, high) = (SAMPLES.start(), SAMPLES.end());
        let message = format!("{} is out of range", declared.samples_min);
        found.add(path.member("samples_min"), message, format!("write a number from {low} to {high}"));
    }
    let judge = path.member("judge");
    match &declared.judge {
        TaskJudge::Agreement(_) => {
            let tasks = routing.steps.iter().flat_map(|step| &step.tasks);
            if let Some(task) = tasks.into_iter().find(|task| !task.is_agreed_on()) {
                let message = format!("cannot compare answers to `{}`: two good ones differ", task.as_str());
                let hint =
                    "name a model as judge, `{ provider: …, model: … }`, or keep to classification and extraction";
                found.add(judge, message, hint);
            }
        }
        TaskJudge::Model(named) => {
            providers::is_there(document, &named.provider, &judge, found);
            let is_step = routing.steps.iter().any(|step| step.provider == named.provider && step.model == named.model);
            if is_step || is_target(document, model, &named.provider, &named.model) {
                let hint = "name another model, best of another maker: models like their own answers";
                found.add(judge, "would judge its own answers", hint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::load::from_text;

    fn refused(members: &str) -> String {
        let text = format!(
            "providers: [{{ name: a, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }}]\n\
             models:\n- name: smart\n  targets: [{{ provider: a, model: strong }}]\n{members}"
        );
        from_text("test", &text).err().map_or_else(|| format!("taken: {members}"), |problems| problems.to_string())
    }

    fn routing(more: &str) -> String {
        format!("  task_routing:\n    steps: [{{ provider: a, model: weak, tasks: [classification] }}]\n{more}")
    }

    /// Members of a model, the place of what is wrong with them, and what is said.
    fn wrong() -> Vec<(String, &'static str, &'static str)> {
        vec![
            ("  mirror: { provider: a, model: strong, share: 5% }\n".to_owned(), "models[0].mirror", "own targets"),
            ("  mirror: { provider: b, model: x, share: 5% }\n".to_owned(), "models[0].mirror.provider", "no provider"),
            (
                "  mirror: { provider: a, model: x, share: 150% }\n".to_owned(),
                "models[0].mirror.share",
                "more than all",
            ),
            ("  mirror: { provider: a, share: 5% }\n".to_owned(), "models[0].mirror", "model"),
            ("  task_routing: { steps: [] }\n".to_owned(), "models[0].task_routing.steps", ""),
            (
                "  task_routing: { steps: [{ provider: a, model: strong, tasks: [chat] }] }\n".to_owned(),
                "models[0].task_routing.steps[0]",
                "own target",
            ),
            (
                "  task_routing: { steps: [{ provider: a, model: weak, tasks: [clasification] }] }\n".to_owned(),
                "models[0].task_routing.steps[0].tasks[0]",
                "classification",
            ),
            (routing("    ceiling: wek\n"), "models[0].task_routing.ceiling", "`weak`"),
            (routing("    teams: [{ team: ads, floor: none }]\n"), "models[0].task_routing.teams[0].floor", "no model"),
            (routing("    teams: [{ team: ads }]\n"), "models[0].task_routing.teams[0]", "says nothing"),
            (
                routing("    quality: { sample: 2%, judge: { provider: a, model: weak } }\n"),
                "models[0].task_routing.quality.judge",
                "its own answers",
            ),
            (
                routing("    quality: { sample: 2%, judge: { provider: z, model: other } }\n"),
                "models[0].task_routing.quality.judge.provider",
                "no provider `z`",
            ),
            (
                routing("    quality: { sample: 2%, judge: agreement, floor: 101% }\n"),
                "models[0].task_routing.quality.floor",
                "more than all",
            ),
            (
                routing("    quality: { sample: 2%, judge: agreement, samples_min: 3 }\n"),
                "models[0].task_routing.quality.samples_min",
                "10",
            ),
            (
                "  task_routing:\n    steps: [{ provider: a, model: weak, tasks: [chat] }]\n    \
                 quality: { sample: 2%, judge: agreement }\n"
                    .to_owned(),
                "models[0].task_routing.quality.judge",
                "two good ones differ",
            ),
            (
                "  task_routing:\n    steps:\n    - { provider: a, model: w1, tasks: [chat] }\n    \
                 - { provider: a, model: w2, tasks: [chat] }\n    floor: w2\n    ceiling: w1\n"
                    .to_owned(),
                "models[0].task_routing.floor",
                "above the ceiling",
            ),
        ]
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place_and_a_mend() {
        for (members, place, said) in wrong() {
            let problem = refused(&members);
            assert!(problem.contains(place) && problem.contains(said), "{members}: {problem}");
        }
        let fine = routing("    quality: { sample: 0.5%, judge: agreement, floor: 95% }\n    ceiling: weak\n");
        assert!(refused(&fine).starts_with("taken"), "{}", refused(&fine));
    }
}
