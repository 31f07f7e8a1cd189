//! Limits: what they bound, and whether what they name is there.

use super::Findings;
use super::served::Served;
use crate::document::{CallScope, Document, Limit, LimitOutput, Team};
use crate::grammar::{Allowance, Dimension, Name, Pattern};
use crate::nearest::propose;
use crate::problem::{Path, Problem};
use std::num::NonZeroU32;

pub(super) fn check(document: &Document, served: &Served, found: &mut Findings) {
    let list = Path::root().member("limits");
    let names = document.limits.iter().enumerate();
    found.add_repeated(names.map(|(number, limit)| (list.element(number).member("name"), limit.name.as_str())));
    for (number, limit) in document.limits.iter().enumerate() {
        let path = list.element(number);
        bounds(limit, &path, found);
        let each = path.member("each");
        for (index, dimension) in limit.each.iter().enumerate() {
            if limit.each.iter().take(index).any(|earlier| earlier == dimension) {
                found.add(each.element(index), "stands there twice", "remove one of the two");
            }
        }
        named((document, served), limit, &path, found);
    }
}

fn bounds(limit: &Limit, path: &Path, found: &mut Findings) {
    let rates = [limit.requests, limit.input_tokens, limit.output_tokens, limit.tokens];
    let has_rate = rates.iter().any(Option::is_some);
    let bounds_output = limit.output_tokens.is_some() || limit.tokens.is_some();
    if !has_rate && limit.concurrent.is_none() && limit.concurrent_streams.is_none() {
        let hint = "add `requests`, `input_tokens`, `output_tokens`, `tokens`, `concurrent` or `concurrent_streams`";
        found.add(path.clone(), "bounds nothing", hint);
    }
    if limit.burst.is_some() && !has_rate {
        found.add(path.member("burst"), "has no rate to be of", "remove it, or add a rate, as in `requests: 600/m`");
    }
    output(limit, bounds_output, path, found);
    if limit.reserve != crate::document::Reserve::default() && !bounds_output {
        let hint = "remove it, or add `output_tokens` or `tokens`";
        found.add(path.member("reserve"), "has no output tokens to be of", hint);
    }
}

/// Fewest output tokens that OpenAI takes as a bound (Responses).
const OUTPUT_MIN: u32 = 16;

fn output(limit: &Limit, bounds_output: bool, path: &Path, found: &mut Findings) {
    let lowers = limit.output != LimitOutput::Refuse;
    if lowers && !bounds_output {
        let hint = "remove it, or add `output_tokens` or `tokens`";
        found.add(path.member("output"), "has no output tokens to be of", hint);
    }
    let Some(least) = output_min(limit.output, limit.output_min, path, found) else { return };
    if let Some(amount) = [limit.output_tokens, limit.tokens].into_iter().flatten().map(Allowance::amount).min()
        && u64::from(least) > amount
    {
        let message = format!("{least} is more than the limit ever lets through ({amount})");
        found.add(path.member("output_min"), message, "write less, or allow more");
    }
}

/// Fewest output tokens, where they stand there and are nothing to complain of.
pub(super) fn output_min(
    output: LimitOutput,
    least: Option<NonZeroU32>,
    path: &Path,
    found: &mut Findings,
) -> Option<u32> {
    let least = least?.get();
    let path = path.member("output_min");
    if output == LimitOutput::Refuse {
        found.add(path, "has no meaning where nothing is clamped or cut", "remove it, or add `output: clamp`");
        return None;
    }
    if least < OUTPUT_MIN {
        let message = format!("{least} is less than the {OUTPUT_MIN} output tokens that providers take as a bound");
        found.add(path, message, format!("write {OUTPUT_MIN} or more, or remove it (256)"));
        return None;
    }
    Some(least)
}

/// What a limit or a budget names.
pub(super) struct Named<'a> {
    pub(super) team: Option<&'a Pattern>,
    pub(super) project: Option<&'a Pattern>,
    pub(super) environment: Option<&'a Pattern>,
    pub(super) model: Option<&'a Pattern>,
    pub(super) tag: Option<&'a Pattern>,
    pub(super) each: &'a [Dimension],
}

impl<'a> Named<'a> {
    /// What a scope names, and for what of it there is one each.
    pub(super) fn of(scope: &'a CallScope, each: &'a [Dimension]) -> Self {
        let CallScope { team, project, environment, model, tag, .. } = scope;
        let (team, project, environment) = (team.as_ref(), project.as_ref(), environment.as_ref());
        Self { team, project, environment, model: model.as_ref(), tag: tag.as_ref(), each }
    }
}

/// A limit that names what is not there would do nothing, and its writer believe that it does.
fn named((document, served): (&Document, &Served), limit: &Limit, path_of: &Path, found: &mut Findings) {
    let path = path_of.member("for");
    if let Some(provider) = &limit.scope.provider
        && !document.providers.iter().any(|declared| provider.matches(declared.name.as_str()))
    {
        let hint = propose(provider.as_str(), document.providers.iter().map(|declared| declared.name.as_str()));
        let message = format!("`{provider}` is the name of no provider");
        let problem = Problem::new(path.member("provider"), message, hint);
        found.add_resting_on(vec![Path::root().member("providers")], problem);
    }
    let scope = &limit.scope;
    let named = Named {
        team: scope.team.as_ref(),
        project: scope.project.as_ref(),
        environment: scope.environment.as_ref(),
        model: scope.model.as_ref(),
        tag: scope.tag.as_ref(),
        each: &limit.each,
    };
    check_named((document, served), &named, path_of, found);
}

/// Checks what `named` names, which stands at `path_of`.
pub(super) fn check_named(
    (document, served): (&Document, &Served),
    named: &Named<'_>,
    path_of: &Path,
    found: &mut Findings,
) {
    let path = path_of.member("for");
    if let Some(model) = named.model {
        served.check(model, path.member("model"), "add the model, or mend the name", found);
    }
    // Of a team that the store owns, the file knows neither projects nor tags.
    let team = named.team.filter(|team| team.is_exact());
    let team = team.and_then(|name| document.teams.iter().find(|team| team.name.as_str() == name.as_str()));
    if let Some(team) = team {
        let default = team.default_project.as_ref().or(document.identity.default_project.as_ref());
        let projects: Vec<&Name> = team.projects.iter().chain(default).collect();
        of_team(team, "project", named.project, &projects, &path, found);
        let environments: Vec<&Name> = team.environments.iter().collect();
        of_team(team, "environment", named.environment, &environments, &path, found);
        tags_kept(document, team, named, path_of, found);
    }
}

fn of_team(team: &Team, what: &str, named: Option<&Pattern>, has: &[&Name], path: &Path, found: &mut Findings) {
    let Some(named) = named.filter(|named| !has.iter().any(|name| named.matches(name.as_str()))) else { return };
    let message = format!("the team `{}` has no {what} `{named}`", team.name);
    let hint = format!("add it to the team's `{what}s`, or mend the name");
    found.add_resting_on(vec![Path::root().member("teams")], Problem::new(path.member(what), message, hint));
}

/// Tags that the team's policy does not keep are not seen by limits and budgets either.
fn tags_kept(document: &Document, team: &Team, named: &Named<'_>, path: &Path, found: &mut Findings) {
    let allowed = &team.tags.as_ref().unwrap_or(&document.identity.tags).allow;
    let counted = named.each.iter().enumerate().filter_map(|(number, each)| match each {
        Dimension::Tag(name) => Some((path.member("each").element(number), name.as_str())),
        _ => None,
    });
    let stated = named
        .tag
        .iter()
        .map(|tag| (path.member("for").member("tag"), tag.as_str().split('=').next().unwrap_or_default()));
    for (path, name) in counted.chain(stated).filter(|(_, name)| !name.contains('*')) {
        if !allowed.iter().any(|pattern| pattern.matches(name)) {
            let message = format!("the tags of the team `{}` are kept without `{name}`", team.name);
            let hint = "add the name to `tags.allow` of the team, or of `identity` if the team has none";
            let rests_on = vec![Path::root().member("identity"), Path::root().member("teams")];
            found.add_resting_on(rests_on, Problem::new(path, message, hint));
        }
    }
}
