//! What would have some answers of both models compared, where it is advised to move calls and none were: entries of `models`
//! with a rule by tasks that only observes.

use super::super::table::printable;
use super::yaml::{as_they_are, scalar, written};
use super::{Page, gather};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use tg_config::document::{Document, Model};
use tg_finops::advise::{Advice, Change, Kind};
use tg_policy::route::steps::is_agreed_on;

/// Of the calls, how many go to both models.
const SHARE: &str = "5%";

/// What is compared under one name: the cheaper models, each with the tasks that it is for.
type Steps<'a> = Vec<(&'a Change, BTreeSet<&'a str>)>;

pub(super) fn write(document: &Document, page: &Page) -> String {
    let mut by_name: BTreeMap<&str, Steps<'_>> = BTreeMap::new();
    let mut unknown: BTreeSet<&str> = BTreeSet::new();
    for one in page.advice.iter().filter(|one| one.kind == Kind::CheaperModel && one.quality.is_none()) {
        let Some(change) = &one.change else { continue };
        if one.kinds.is_empty() {
            unknown.insert(&change.asked);
            continue;
        }
        add(by_name.entry(&change.asked).or_default(), one, change);
    }
    let mut text = "# By `tallygate advise`: a part of the calls goes to both models, and no caller sees it. What it costs is booked\n\
                    # to their teams. `new`: to be added to `models`; `changed`: in the place of the entry of that name.\n"
        .to_owned();
    let mut entries = String::new();
    for (name, steps) in &by_name {
        match entry(document, name, steps) {
            Ok(entry) => entries += &entry,
            // Writing to a `String` cannot fail.
            Err(why) => drop(writeln!(text, "# Left out, to be written by hand: {}: {why}", printable(name))),
        }
    }
    for name in unknown.into_iter().filter(|name| !by_name.contains_key(name)) {
        let _ = writeln!(text, "# {}: no task of its calls is known yet; see `routing.classify`.", printable(name));
    }
    if entries.is_empty() {
        return text + "# Nothing to add.";
    }
    format!("{text}models:\n{}", entries.trim_end())
}

/// Adds what a piece of advice is about. A task is for the first model that was advised for it.
fn add<'a>(steps: &mut Steps<'a>, one: &'a Advice, change: &'a Change) {
    let taken: BTreeSet<&str> = steps.iter().flat_map(|(_, tasks)| tasks.iter().copied()).collect();
    let tasks = one.kinds.iter().map(String::as_str).filter(|task| !taken.contains(task));
    match steps.iter_mut().find(|(step, _)| step.to == change.to) {
        Some((_, known)) => known.extend(tasks),
        None => {
            let tasks: BTreeSet<&str> = tasks.collect();
            if !tasks.is_empty() {
                steps.push((change, tasks));
            }
        }
    }
}

/// The entry of a name, with a rule that takes samples; or why it cannot be written.
fn entry(document: &Document, name: &str, steps: &Steps<'_>) -> Result<String, &'static str> {
    if name.is_empty() || name.contains('*') || name.chars().any(char::is_control) {
        return Err("it is no name that an entry can have");
    }
    let models = gather::models(document);
    let own = models.iter().find(|model| model.name.is_exact() && model.name.as_str() == name);
    let entry = own.or_else(|| models.iter().find(|model| model.name.matches(name)));
    let (served, alias) = document
        .unaliased(entry.ok_or("the configuration has no entry for it")?)
        .map_err(|_| "its alias leads nowhere")?;
    if served.task_routing.is_some() {
        return Err("it has `task_routing` already: give that a step for the model, and `quality`");
    }
    let note = if own.is_some() { "changed" } else { "new" };
    let targets = as_they_are(served, Some(alias.unwrap_or(name)));
    let (steps, judge) = judged(document, served, name, steps)?;
    let mut text = written(name, served, &targets, note) + "    task_routing:\n      mode: observe\n      steps:\n";
    for (change, tasks) in steps {
        let (provider, model) = (scalar(&change.to.provider), scalar(&change.to.model));
        let tasks = tasks.into_iter().collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "        - {{ provider: {provider}, model: {model}, tasks: [{tasks}] }}");
    }
    let _ = writeln!(text, "      quality: {{ sample: {SHARE}, judge: {judge} }}");
    Ok(text)
}

/// The steps that can be judged, and by whom: by agreement where that is enough; else by a third model that the configuration
/// has; where there is none, what agreement is enough for.
fn judged<'a>(
    document: &Document,
    served: &Model,
    name: &str,
    steps: &Steps<'a>,
) -> Result<(Steps<'a>, String), &'static str> {
    if steps.iter().flat_map(|(_, tasks)| tasks).all(|task| is_agreed_on(task)) {
        return Ok((steps.clone(), "agreement".to_owned()));
    }
    let is_compared = |provider: &str, model: &str| {
        let is_step = steps.iter().any(|(step, _)| step.to.provider == provider && step.to.model == model);
        let leaves = document.leaves(served, None);
        is_step
            || leaves.iter().any(|leaf| leaf.provider.as_str() == provider && leaf.model.is_none_or(|own| own == model))
            || model == name
    };
    let third = gather::targets(document).into_iter().find(|(provider, model)| !is_compared(provider, model));
    if let Some((provider, model)) = third {
        let judge = format!("{{ provider: {}, model: {} }}", scalar(&provider), scalar(&model));
        return Ok((steps.clone(), judge));
    }
    let only_agreed = |(change, tasks): &(&'a Change, BTreeSet<&'a str>)| {
        let tasks: BTreeSet<&str> = tasks.iter().copied().filter(|task| is_agreed_on(task)).collect();
        (!tasks.is_empty()).then_some((*change, tasks))
    };
    let agreed: Steps<'a> = steps.iter().filter_map(only_agreed).collect();
    if agreed.is_empty() {
        return Err(
            "its answers need a model as judge, and the configuration has no third one: name one in `quality.judge`",
        );
    }
    Ok((agreed, "agreement".to_owned()))
}
