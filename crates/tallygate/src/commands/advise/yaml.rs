//! The entries of `models` that would do what is advised. An entry keeps all that it had; calls that are moved come first
//! to their new target and keep the old one to fall back on.

use super::super::table::printable;
use super::{Page, additions, day, gather};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tg_config::document::{Document, Model, ModelTarget, OnLoss, OnUnable, Strategy, UnknownModels, UnknownPrice};
use tg_expr::EXPRESSION_BYTES_MAX;
use tg_finops::advise::{Advice, Change, Kind};
use tg_kernel::units::Money;
use tg_proxy::snapshot::Snapshot;

/// Why a change has no place: a fallback of elsewhere, or a profile in the model's place.
const NO_TARGET: &str = "calls went to a model that is no target of it";
/// Most targets of one entry.
const TARGETS_MAX: usize = 16;

pub(super) fn write(document: &Document, snapshot: &Snapshot, page: &Page) -> String {
    let mut by_name: BTreeMap<&str, Vec<(&Advice, &Change)>> = BTreeMap::new();
    for one in &page.advice {
        if let Some(change) = &one.change {
            by_name.entry(&change.asked).or_default().push((one, change));
        }
    }
    let (since, until) = (day(page.since.0), day(page.until.0));
    let mut text = format!("# By `tallygate advise`, over calls from {since} to {until}.\n");
    let additions = additions::write(document, snapshot, page);
    if by_name.is_empty() {
        let nothing = if additions.is_empty() { "# Nothing to change." } else { &additions };
        return (text + nothing).trim_end().to_owned();
    }
    let models = gather::models(document);
    let mut entries = String::new();
    for (name, changes) in by_name {
        // Writing to a `String` cannot fail.
        match entry(document, &models, name, &changes) {
            Ok(Some(entry)) => entries += &entry,
            Ok(None) => {
                let _ = writeln!(entries, "  # In force already: {}", printable(name));
            }
            Err(why) => {
                let _ = writeln!(entries, "  # Left out, to be changed by hand: {}: {why}", printable(name));
            }
        }
    }
    // One that states none is loaded with the usual ones.
    if models == tg_config::routes::usual_models(&document.providers) {
        text += "# The configuration states no models; so these come with the usual ones, which would go otherwise.\n";
        for model in &models {
            entries += &written(model.name.as_str(), model, &as_they_are(model, None), "");
        }
    } else {
        text += "# `new`: to be added to `models`; `changed`: in the place of the entry of that name.\n";
    }
    format!("{text}models:\n{}\n{additions}", entries.trim_end()).trim_end().to_owned()
}

/// A target as it will be written.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Written {
    provider: String,
    model: Option<String>,
    route: Option<String>,
    weight: u16,
    when: Option<String>,
}

pub(super) fn as_they_are(model: &Model, name: Option<&str>) -> Vec<Written> {
    let target = |target: &ModelTarget| Written {
        provider: target.provider.as_ref().map(ToString::to_string).unwrap_or_default(),
        model: target.model.clone().or_else(|| name.filter(|_| target.route.is_none()).map(str::to_owned)),
        route: target.route.clone(),
        weight: target.weight,
        when: target.when.clone(),
    };
    model.targets.iter().map(target).collect()
}

/// The entry of a name after all changes, with its comments; `None` where it has them. Or why it cannot be written.
fn entry(
    document: &Document,
    models: &[Model],
    name: &str,
    changes: &[(&Advice, &Change)],
) -> Result<Option<String>, &'static str> {
    if name.is_empty() || name.contains('*') || name.chars().any(char::is_control) {
        return Err("it is no name that an entry can have");
    }
    let own = models.iter().find(|model| model.name.is_exact() && model.name.as_str() == name);
    let entry = own.or_else(|| models.iter().find(|model| model.name.matches(name)));
    let entry = entry.ok_or("the configuration has no entry for it")?;
    let (served, alias) = document.unaliased(entry).map_err(|_| "its alias leads nowhere")?;
    let mut targets = as_they_are(served, Some(alias.unwrap_or(name)));
    if served.strategy != Strategy::Ordered && targets.len() > 1 {
        return Err("its targets are not tried in their order");
    }
    if served.routes().next().is_some() {
        return Err("routes are among its targets");
    }
    let before = targets.clone();
    // Those of some calls first, those of some tasks before all of a team's: they look for the old target, which the
    // others replace.
    let (of_some, of_all): (Vec<_>, Vec<_>) = changes.iter().partition(|(_, change)| change.only.is_some());
    let (of_tasks, of_teams): (Vec<_>, Vec<_>) = of_some.into_iter().partition(|(_, change)| !change.tasks.is_empty());
    for (_, change) in of_tasks.into_iter().chain(of_teams) {
        divert(&mut targets, change)?;
    }
    for (_, change) in of_all {
        replace(&mut targets, change)?;
    }
    if targets.len() > TARGETS_MAX {
        return Err("it would have more targets than an entry may have");
    }
    if targets == before {
        return Ok(None);
    }
    let mut comments = String::new();
    for (one, change) in changes {
        let _ = writeln!(comments, "  # {}", printable(&comment(one, change)));
    }
    let note = if own.is_some() { "changed" } else { "new" };
    Ok(Some(comments + &written(name, served, &targets, note)))
}

fn comment(one: &Advice, change: &Change) -> String {
    let whose = match &change.only {
        Some((team, Some(project))) => format!("team {team}, project {project}"),
        Some((team, None)) => format!("team {team}, no project"),
        None => "all calls".to_owned(),
    };
    let whose = if change.tasks.is_empty() { whose } else { format!("{whose}, {}", change.tasks.join(", ")) };
    let saving = one.saving.map_or_else(String::new, |saving| match saving.month.nanos() {
        0.. => format!(" Saves {} USD a month.", saving.month),
        _ => format!(" Costs {} USD a month more.", Money::ZERO.minus(saving.month)),
    });
    let quality = match &one.quality {
        Some(quality) => format!(" {}.", quality.shown()),
        None if one.kind == Kind::CheaperModel => " No answers were compared.".to_owned(),
        None => String::new(),
    };
    format!("{whose}: {}.{saving} Risk {}: {}.{quality}", one.evidence, one.risk.as_str(), one.why)
}

fn is(target: &Written, provider: &str, model: &str) -> bool {
    target.provider == provider && target.model.as_deref() == Some(model)
}

/// Puts a target for some calls right before the one that they went to; or widens one that is there already.
fn divert(targets: &mut Vec<Written>, change: &Change) -> Result<(), &'static str> {
    let Some((team, project)) = &change.only else { return Ok(()) };
    let project = project.as_deref().unwrap_or_default();
    let mut whole = format!("team == {} && project == {}", quoted(team), quoted(project));
    let tasks: Vec<String> = change.tasks.iter().map(|task| quoted(task)).collect();
    let mut when = whole.clone();
    if !tasks.is_empty() {
        when = format!("{whole} && task in [{}]", tasks.join(", "));
    }
    let at = targets.iter().position(|target| is(target, &change.from.provider, &change.from.model));
    let at = at.ok_or(NO_TARGET)?;
    if let Some(own) = targets.get(at).and_then(|target| target.when.as_deref()) {
        whole = format!("({whole}) && ({own})");
        when = format!("({when}) && ({own})");
    }
    if when.len() > EXPRESSION_BYTES_MAX {
        return Err("its condition would be too long");
    }
    let is_new = |target: &Written| is(target, &change.to.provider, &change.to.model);
    let has = |any: &str| is_one_of(&when, any) || is_one_of(&whole, any);
    let mut before = targets.iter().take(at).filter(|target| is_new(target));
    if before.any(|target| target.when.as_deref().is_some_and(has)) {
        return Ok(());
    }
    let near = at.checked_sub(1).and_then(|at| targets.get_mut(at)).filter(|target| is_new(target));
    if let Some((target, own)) = near.and_then(|target| target.when.clone().map(|own| (target, own))) {
        let wider = format!("{own} || {when}");
        if wider.len() <= EXPRESSION_BYTES_MAX {
            target.when = Some(wider);
            return Ok(());
        }
    }
    let Change { to, .. } = change;
    let new = Written {
        provider: to.provider.clone(),
        model: Some(to.model.clone()),
        route: None,
        weight: 1,
        when: Some(when),
    };
    targets.insert(at, new);
    Ok(())
}

/// Whether a condition is one of those of which one is enough.
fn is_one_of(condition: &str, any: &str) -> bool {
    let bounded = |text: &str, at: usize| {
        let before = text.get(..at).is_some_and(|before| before.is_empty() || before.ends_with(" || "));
        let after = text.get(at + condition.len()..);
        before && after.is_some_and(|after| after.is_empty() || after.starts_with(" || "))
    };
    any.match_indices(condition).any(|(at, _)| bounded(any, at))
}

/// Puts another target in the place of each that a change is about.
fn replace(targets: &mut [Written], change: &Change) -> Result<(), &'static str> {
    let old = targets.iter_mut().filter(|target| is(target, &change.from.provider, &change.from.model));
    let mut replaced = 0;
    for target in old {
        target.provider.clone_from(&change.to.provider);
        target.model = Some(change.to.model.clone());
        replaced += 1;
    }
    if replaced == 0 { Err(NO_TARGET) } else { Ok(()) }
}

/// A string of CEL.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A string of YAML, on one line.
pub(super) fn scalar(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The members of an entry that are one word, but for the usual ones.
fn words(served: &Model) -> [(&'static str, Option<&'static str>); 5] {
    let strategy = match served.strategy {
        Strategy::Ordered => None,
        Strategy::Weighted => Some("weighted"),
        Strategy::Cheapest => Some("cheapest"),
        Strategy::Fastest => Some("fastest"),
        Strategy::LeastInFlight => Some("least_in_flight"),
    };
    let unknown_price = served.unknown_price.map(|policy| match policy {
        UnknownPrice::Deny => "deny",
        UnknownPrice::Ceiling => "ceiling",
        UnknownPrice::AllowAndFlag => "allow_and_flag",
    });
    [
        ("strategy", strategy),
        ("on_unable", (served.on_unable == OnUnable::Refuse).then_some("refuse")),
        ("on_loss", (served.on_loss == OnLoss::Reject).then_some("reject")),
        ("unknown_price", unknown_price),
        ("unknown_models", (served.unknown_models == UnknownModels::Allow).then_some("allow")),
    ]
}

pub(super) fn written(name: &str, served: &Model, targets: &[Written], note: &str) -> String {
    // All of them are named, so that a new one is not forgotten. Those that are only named are in `words`, or given.
    let Model {
        name: _,
        targets: _,
        alias_of: _,
        strategy: _,
        on_unable: _,
        on_loss: _,
        unknown_price: _,
        unknown_models: _,
        mirror,
        hedge,
        slow,
        task_routing,
    } = served;
    let note = if note.is_empty() { String::new() } else { format!(" # {note}") };
    let mut text = format!("  - name: {}{note}\n", scalar(name));
    for (member, value) in words(served) {
        if let Some(value) = value {
            let _ = writeln!(text, "    {member}: {value}");
        }
    }
    text += "    targets:\n";
    for target in targets {
        let (member, named) = target.route.as_ref().map_or(("provider", &target.provider), |route| ("route", route));
        let _ = write!(text, "      - {{ {member}: {}", scalar(named));
        if let Some(model) = &target.model {
            let _ = write!(text, ", model: {}", scalar(model));
        }
        if target.weight != 1 {
            let _ = write!(text, ", weight: {}", target.weight);
        }
        if let Some(when) = &target.when {
            let _ = write!(text, ", when: {}", scalar(when));
        }
        text += " }\n";
    }
    // The rest as it is: JSON is YAML.
    let mirror = mirror.as_ref().and_then(|mirror| serde_json::to_string(mirror).ok());
    let hedge = hedge.as_ref().and_then(|hedge| serde_json::to_string(hedge).ok());
    let slow = slow.as_ref().and_then(|slow| serde_json::to_string(slow).ok());
    let tasks = task_routing.as_ref().and_then(|tasks| serde_json::to_string(tasks).ok());
    for (member, value) in [("mirror", mirror), ("hedge", hedge), ("slow", slow), ("task_routing", tasks)] {
        if let Some(value) = value {
            let _ = writeln!(text, "    {member}: {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// field.md §14 C 13: a setting that silently does nothing.
    #[test]
    fn no_member_of_an_entry_is_lost_where_it_is_written_again() {
        let provider =
            "providers: [{ name: a, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }]\nmodels:\n";
        let entry = "- name: smart
  strategy: weighted
  on_unable: refuse
  on_loss: reject
  unknown_price: deny
  unknown_models: allow
  targets:
  - { provider: a, model: \"it's strong\", weight: 3, when: \"team == 'x'\" }
  - { provider: a, model: other, weight: 2 }
  - { route: pool, weight: 4, when: stream }
  mirror: { provider: a, model: copy, share: 5% }
  hedge: { after: p95, share_max: 7% }
  slow: { times: 4, calls_min: 30 }
  task_routing:
    mode: enforce
    steps: [{ provider: a, model: weak, tasks: [classification], difficulty_max: 0.5 }]
    opt_out: false
    quality: { sample: 5%, judge: agreement, floor: 90%, samples_min: 20 }
";
        let pool = "- { name: pool, targets: [{ provider: a, model: m }] }\n";
        let models = |indent: &str, entries: &str| {
            tg_config::load::from_text("test", &format!("{provider}{indent}{pool}{entries}")).unwrap().models
        };
        let before = models("", entry);
        let model = &before[1];
        let all = serde_json::to_value(model).unwrap();
        assert_eq!(all.as_object().map(serde_json::Map::len), Some(11), "all but `alias_of`: {all}");
        let text = written("smart", model, &as_they_are(model, None), "changed");
        assert_eq!(models("  ", &text), before, "{text}");
    }
}
