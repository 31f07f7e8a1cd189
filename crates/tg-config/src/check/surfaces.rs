//! Bedrock's compatible surfaces: entries that could not work, or would never be used.

use super::Findings;
use crate::document::{Endpoint, MantleProject, Provider, Surface, SurfaceDialect, partition_of};
use crate::grammar::Pattern;
use crate::problem::{Path, Problem};

/// In which headers projects of mantle are named.
const PROJECT_HEADERS: [&str; 2] = ["openai-project", "anthropic-workspace-id"];

/// Longest id of a project.
const ID_BYTES_MAX: usize = 128;

pub(super) fn check(provider: &Provider, path: &Path, found: &mut Findings) {
    let list = path.member("surfaces");
    for (number, surface) in provider.surfaces.iter().enumerate() {
        entry(surface, &list.element(number), found);
        let earlier = &provider.surfaces[..number];
        if let Some(first) = hidden_behind(surface, earlier) {
            let message = format!("is never used: {} has its models and dialects", list.element(first));
            found.add_resting_on(
                vec![list.clone()],
                Problem::new(list.element(number), message, "put it before that one"),
            );
        }
    }
    mantle(provider, path, found);
    projects(provider, &path.member("mantle_projects"), found);
    headers(provider, &path.member("headers"), found);
}

fn entry(surface: &Surface, path: &Path, found: &mut Findings) {
    if surface.models.is_empty() {
        found.add(path.member("models"), "is empty", "name a model, as in `models: ['openai.*']`");
    }
    if surface.dialects.is_empty() {
        found.add(path.member("dialects"), "is empty", "name a dialect, as in `dialects: [openai_chat]`");
    }
    for (number, dialect) in surface.dialects.iter().enumerate() {
        if surface.dialects[..number].contains(dialect) {
            let message = format!("`{}` stands here a second time", dialect.as_str());
            found.add(path.member("dialects").element(number), message, "remove it");
        }
    }
    if surface.path.is_none() {
        return;
    }
    let place = path.member("path");
    if surface.endpoint == Endpoint::Runtime {
        let hint = "remove it, or write `endpoint: mantle`";
        let problem = Problem::new(place, "has no meaning at the runtime endpoint, where all is at `/openai/v1`", hint);
        found.add_resting_on(vec![path.member("endpoint")], problem);
    } else if surface.dialects.iter().all(|dialect| *dialect == SurfaceDialect::AnthropicMessages) {
        let problem = Problem::new(place, "is that of OpenAI's APIs, and no dialect is OpenAI's", "remove it");
        found.add_resting_on(vec![path.member("dialects")], problem);
    }
}

/// The first earlier entry that takes all calls of this one, if one entry does.
fn hidden_behind(surface: &Surface, earlier: &[Surface]) -> Option<usize> {
    let covers = |first: &Surface| {
        let model = |later: &Pattern| first.models.iter().any(|name| name.covers(later));
        let says_more = surface.only && !first.only;
        !says_more
            && !surface.models.is_empty()
            && surface.models.iter().all(model)
            && surface.dialects.iter().all(|dialect| first.dialects.contains(dialect))
    };
    earlier.iter().position(covers)
}

fn mantle(provider: &Provider, path: &Path, found: &mut Findings) {
    let surfaces = || vec![path.member("surfaces")];
    if !provider.uses_mantle() {
        for (member, stated) in
            [("mantle_url", provider.mantle_url.is_some()), ("mantle_projects", !provider.mantle_projects.is_empty())]
        {
            if stated {
                let hint = "remove it, or write `endpoint: mantle` in `surfaces`";
                let problem =
                    Problem::new(path.member(member), "is not used: no surface is at the mantle endpoint", hint);
                found.add_resting_on(surfaces(), problem);
            }
        }
        return;
    }
    if provider.mantle_url.is_some() {
        return;
    }
    let region = provider.region.as_deref().unwrap_or_default();
    let why = if provider.fips {
        "no FIPS address of the mantle endpoint is known".to_owned()
    } else if partition_of(region) != "aws" {
        format!("no address of the mantle endpoint is known in `{region}`")
    } else {
        return;
    };
    let rests_on = vec![path.member("mantle_url"), path.member("region"), path.member("fips")];
    found.add_resting_on(rests_on, Problem::new(path.member("surfaces"), why, "name it in `mantle_url`"));
}

/// The provider's own headers are set last.
fn headers(provider: &Provider, path: &Path, found: &mut Findings) {
    let names_one = |name: &&String| PROJECT_HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header));
    for name in provider.headers.keys().filter(names_one).filter(|_| !provider.mantle_projects.is_empty()) {
        found.add(path.member(name), "would take the place of `mantle_projects`", "remove it, or those");
    }
}

fn projects(provider: &Provider, list: &Path, found: &mut Findings) {
    let entries = &provider.mantle_projects;
    for (number, entry) in entries.iter().enumerate() {
        let path = list.element(number);
        let same = |other: &MantleProject| (&other.team, &other.project) == (&entry.team, &entry.project);
        if entries.iter().take(number).any(same) {
            found.add(path.clone(), "is for the same calls as an earlier entry", "remove one of the two");
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !(1..=ID_BYTES_MAX).contains(&entry.id.len()) || !entry.id.bytes().all(allowed) {
            let hint = "write it as AWS shows it, as in `proj_abc123`";
            found.add(path.member("id"), "is not the id of a project", hint);
        }
    }
}
