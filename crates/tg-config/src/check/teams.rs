//! Teams and the policy for those that have none of their own.

use super::served::Served;
use super::{Findings, numbered};
use crate::document::{Document, Team, UnknownProject};
use crate::problem::{Path, Problem};

pub(super) fn check(document: &Document, served: &Served, found: &mut Findings) {
    let identity = Path::root().member("identity");
    if document.identity.unknown_project == UnknownProject::BookToDefault && document.identity.default_project.is_none()
    {
        no_default(identity.member("unknown_project"), vec![identity.member("default_project")], found);
    }
    let list = Path::root().member("teams");
    let names = document.teams.iter().enumerate();
    found.add_repeated(names.map(|(number, t)| (list.element(number).member("name"), t.name.as_str())));
    for (number, team) in document.teams.iter().enumerate() {
        check_team((document, served), team, &list.element(number), found);
    }
}

fn check_team((document, served): (&Document, &Served), team: &Team, path: &Path, found: &mut Findings) {
    found.add_repeated(numbered(&path.member("projects"), &team.projects));
    found.add_repeated(numbered(&path.member("environments"), &team.environments));
    if let Some(default) = team.default_project.as_ref().filter(|d| !team.projects.contains(d)) {
        let message = format!("`{default}` is not one of the team's `projects`");
        let problem =
            Problem::new(path.member("default_project"), message, "add it to `projects`, or name one of them");
        found.add_resting_on(vec![path.member("projects")], problem);
    }
    let default = team.default_project.as_ref().or(document.identity.default_project.as_ref());
    if team.unknown_project == Some(UnknownProject::BookToDefault) && default.is_none() {
        let rests_on = vec![path.member("default_project"), Path::root().member("identity").member("default_project")];
        no_default(path.member("unknown_project"), rests_on, found);
    }
    for (number, pattern) in team.models.iter().flatten().enumerate() {
        let path = path.member("models").element(number);
        served.check(pattern, path, "add the model, or remove the name here", found);
    }
}

fn no_default(path: Path, rests_on: Vec<Path>, found: &mut Findings) {
    let problem =
        Problem::new(path, "is `book_to_default`, and there is no `default_project`", "add `default_project: NAME`");
    found.add_resting_on(rests_on, problem);
}
