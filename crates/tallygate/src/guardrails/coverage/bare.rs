//! Calls that no set is for: they reach their models unguarded.

use super::{Caller, GAPS_SHOWN, Place, Row, State, may_use};
use std::sync::Arc;
use tg_config::document::Document;

/// The name of a row that is about all checks together, on both ways.
const ANY: &str = "any";
const BOTH: &str = "both";

/// A row for each team and route between which some calls meet no set at all.
pub(super) fn rows(document: &Document, teams: &[Caller]) -> Vec<Row> {
    let mut rows = Vec::new();
    for team in teams {
        for model in document.models.iter().filter(|model| may_use(team, model)) {
            rows.extend(Place { document, team, model, all: &[] }.bare());
        }
    }
    rows
}

/// What the writer of a document should know: there are no guardrails, or none for some of its teams.
pub(crate) fn notes(document: &Document) -> Vec<String> {
    let is_refused = !super::super::required(document).is_empty();
    if document.guardrails.is_empty() && !is_refused {
        return vec![
            "guardrails: there are none, so every call reaches its model unguarded; write a set without `for`, and \
             `required_checks`, by which a call that none is for is refused"
                .to_owned(),
        ];
    }
    let mut bare: Vec<(Arc<str>, Vec<String>)> = Vec::new();
    // One that is made at run time, and that no pattern of a set has in it.
    let later = Caller { name: Arc::default(), models: Vec::new() };
    let unseen = if is_refused { Vec::new() } else { rows(document, &[later]) };
    let unseen: Vec<String> =
        unseen.into_iter().filter(|row| row.state == State::Missing).map(|row| row.route).collect();
    for row in rows(document, &super::declared(document)).into_iter().filter(|row| row.state == State::Missing) {
        match bare.last_mut().filter(|(team, _)| *team == row.team) {
            Some((_, routes)) => routes.push(row.route),
            None => bare.push((row.team, vec![row.route])),
        }
    }
    let note = |(team, routes): &(Arc<str>, Vec<String>)| {
        format!(
            "guardrails: none is for calls of the team `{team}` to `{}`: they reach their models unguarded",
            routes.join("`, `")
        )
    };
    let mut notes: Vec<String> = bare.iter().take(GAPS_SHOWN).map(note).collect();
    if bare.len() > GAPS_SHOWN {
        notes.push(format!("guardrails: nor is one for calls of {} more teams", bare.len() - GAPS_SHOWN));
    }
    if !unseen.is_empty() {
        notes.push(format!(
            "guardrails: a team that is made at run time, and that no `for` names, meets none on `{}`: write a set without \
             `for`, or `required_checks`, by which such calls are refused",
            unseen.join("`, `")
        ));
    }
    notes
}

impl Place<'_> {
    /// `None` where every call meets a set.
    fn bare(&self) -> Option<Row> {
        let mut nearest: Vec<(usize, String)> = Vec::new();
        for set in self.document.guardrails.iter().filter(|set| self.touches(set)) {
            let why = self.narrower(set);
            if why.is_empty() {
                return None;
            }
            nearest.push((why.len(), format!("`{}` ({})", set.name, why.join("; "))));
        }
        nearest.sort();
        let state = if nearest.is_empty() { State::Missing } else { State::Partly };
        let mut gaps: Vec<String> = nearest.into_iter().map(|(_, gap)| gap).collect();
        if gaps.is_empty() {
            gaps.push("no set is for them: they are unguarded".to_owned());
        }
        Some(Row {
            team: self.team.name.clone(),
            route: self.model.name.as_str().to_owned(),
            way: BOTH,
            check: ANY,
            required: false,
            state,
            by: Vec::new(),
            gaps,
            unseen: Vec::new(),
            is_of_others: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrails::coverage::{declared, table};
    use tg_config::load::from_text;
    use tg_config::secrets::Secrets;

    const BASE: &str = "providers: [{name: a, kind: anthropic, api_key: env:K}]
models: [{name: m, targets: [{provider: a}]}, {name: n, targets: [{provider: a}]}]
teams: [{name: one, models: [m]}, {name: two, models: [m, n]}]
";

    fn bare(sets: &str) -> (Vec<(String, String, State)>, Vec<String>) {
        let document = from_text("t", &format!("{BASE}{sets}")).unwrap();
        let guards = crate::guardrails::compile(&document, &Secrets::standing_in(&document)).unwrap();
        let rows = table(&document, &guards, &declared(&document)).into_iter().filter(|row| row.check == ANY);
        let rows = rows.map(|row| (row.team.to_string(), row.route, row.state));
        (rows.collect(), notes(&document))
    }

    fn set(scope: &str) -> String {
        format!(
            "guardrails: [{{name: g, {scope} unreadable: block, rules: [{{name: r, secrets: all, action: block}}]}}]\n"
        )
    }

    #[test]
    fn a_document_without_guardrails_says_so() {
        let (rows, notes) = bare("");
        assert_eq!(rows.iter().filter(|(_, _, state)| *state == State::Missing).count(), 3);
        assert!(notes.len() == 1 && notes[0].starts_with("guardrails: there are none"), "{notes:?}");
    }

    /// Three of eight teams had no content filtering, and nobody knew.
    #[test]
    fn routes_of_teams_that_no_set_is_for_are_named() {
        assert_eq!(bare(&set("")), (Vec::new(), Vec::new()));
        let row = |team: &str, route: &str, state| (team.to_owned(), route.to_owned(), state);
        let (rows, notes) = bare(&set("for: {team: one},"));
        assert_eq!(rows, [row("two", "m", State::Missing), row("two", "n", State::Missing)]);
        assert!(notes.len() == 2 && notes[0].contains("the team `two` to `m`, `n`"), "{notes:?}");
        assert!(notes[1].contains("made at run time") && notes[1].contains("none on `m`, `n`:"), "{notes:?}");
        // What is for some of the calls leaves the others.
        let (rows, notes) = bare(&set("for: {team: '*', project: p},"));
        assert!(rows.len() == 3 && rows.iter().all(|(_, _, state)| *state == State::Partly), "{rows:?}");
        assert_eq!(notes, [""; 0]);
        // What is for one model leaves the others.
        let (_, notes) = bare(&set("for: {model: m},"));
        assert!(notes.len() == 2 && notes[1].contains("none on `n`:"), "{notes:?}");
    }

    #[test]
    fn of_many_teams_it_is_told_how_many_more_there_are() {
        let teams: Vec<String> = (0..23).map(|number| format!("{{name: t{number}}}")).collect();
        let base = BASE.split("teams:").next().unwrap();
        let text = format!("{base}teams: [{}]\n{}", teams.join(", "), set("for: {team: one},"));
        let notes = notes(&from_text("t", &text).unwrap());
        assert_eq!(notes.len(), GAPS_SHOWN + 2);
        assert_eq!(notes[GAPS_SHOWN], "guardrails: nor is one for calls of 3 more teams");
    }
}
