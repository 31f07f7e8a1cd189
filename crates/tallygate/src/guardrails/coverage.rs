//! Which checks the calls of each team meet on each of its routes: told as a table, and proven where checks are required.

pub(crate) mod bare;

use serde::Serialize;
use std::sync::Arc;
use tg_config::document::{Document, Guardrail, Model};
use tg_config::grammar::Pattern;
use tg_kernel::passage::Channel;
use tg_policy::guard::{Action, Channels, CheckKind, Guards, Required, Ruled, Way};
use tg_store::team::TeamRecord;

/// Most gaps that are told at once.
const GAPS_SHOWN: usize = 20;

/// A team as coverage sees it.
pub(crate) struct Caller {
    pub(crate) name: Arc<str>,
    /// The models that it may use; empty: all.
    pub(crate) models: Vec<Pattern>,
}

/// One check on one way of a team's calls to a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    /// The team.
    pub(crate) team: Arc<str>,
    /// The route, by the name in `models`.
    pub(crate) route: String,
    /// `input` or `output`.
    pub(crate) way: &'static str,
    /// The check.
    pub(crate) check: &'static str,
    /// Whether `required_checks` has it.
    pub(crate) required: bool,
    /// How it stands.
    pub(crate) state: State,
    /// The rules by which it stands so.
    pub(crate) by: Vec<By>,
    /// What of the calls it does not meet, or only for some of them; empty where it is in force.
    pub(crate) gaps: Vec<String>,
    /// Of a check that is in force: the channels that it does not look at, as it makes less sense there.
    pub(crate) unseen: Vec<&'static str>,
    /// Rules say themselves what it looks for, and none of them is for these calls: nothing that others lack.
    #[serde(skip)]
    pub(crate) is_of_others: bool,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Every call meets it, wherever it makes sense.
    Enforced,
    /// Some calls meet it, or some of their texts, or some of what it could look for.
    Partly,
    /// It is only counted or told.
    Observed,
    /// It is not there.
    Missing,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Partly => "partly",
            Self::Observed => "observed",
            Self::Missing => "missing",
        }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct By {
    pub(crate) set: Arc<str>,
    pub(crate) rule: Arc<str>,
    pub(crate) mode: &'static str,
    pub(crate) action: &'static str,
    /// Where `route_to` sends calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<Arc<str>>,
    pub(crate) channels: Vec<&'static str>,
}

/// The teams that a document declares.
pub(crate) fn declared(document: &Document) -> Vec<Caller> {
    document
        .teams
        .iter()
        .map(|team| Caller { name: team.name.shared(), models: team.models.clone().unwrap_or_default() })
        .collect()
}

/// How every check that is required, or stands in any set, stands for each of these teams on each route that it may use.
pub(crate) fn table(document: &Document, guards: &Guards, teams: &[Caller]) -> Vec<Row> {
    let all = guards.joined(|_| true).ruled();
    let required = super::required(document);
    let mut asked: Vec<Required> = required.clone();
    for ruled in &all {
        for way in [Way::Input, Way::Output] {
            let one = Required { check: ruled.check, way };
            if !channels(ruled, way).is_empty() && !asked.contains(&one) {
                asked.push(one);
            }
        }
    }
    asked.sort_by_key(|one| (one.way, one.check));
    let mut rows = Vec::new();
    for team in teams {
        for model in document.models.iter().filter(|model| may_use(team, model)) {
            let place = Place { document, team, model, all: &all };
            rows.extend(asked.iter().map(|one| place.row(*one, required.contains(one))));
        }
    }
    rows.extend(bare::rows(document, teams));
    rows
}

/// Shows that each of these teams meets every required check on each of its routes.
///
/// # Errors
/// Each gap: which check, which teams, which routes, and which set nearly covers it.
pub(crate) fn prove(document: &Document, guards: &Guards, teams: &[Caller]) -> Result<(), Vec<String>> {
    let rows = table(document, guards, teams);
    let missing: Vec<&Row> = rows.iter().filter(|row| row.required && row.state != State::Enforced).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut gaps: Vec<Gap<'_>> = Vec::new();
    // Team by team, so that the routes of one come one after the other.
    for row in missing {
        let (way, check, why) = (row.way, row.check, row.gaps.first().map(String::as_str));
        match gaps.iter_mut().rev().find(|gap| gap.is_of(row, why)) {
            Some(gap) => gap.routes.push(&row.route),
            None => gaps.push(Gap { way, check, why, teams: vec![&row.team], routes: vec![&row.route] }),
        }
    }
    let mut told: Vec<Gap<'_>> = Vec::new();
    for gap in gaps {
        match told.iter_mut().find(|other| other.is_like(&gap)) {
            Some(other) => other.teams.extend(gap.teams),
            None => told.push(gap),
        }
    }
    Err(told.iter().map(|gap| gap.told(document)).collect())
}

/// A required check that is missing for the same reason on the same routes of some teams.
struct Gap<'a> {
    way: &'static str,
    check: &'static str,
    /// Which rule nearly has it.
    why: Option<&'a str>,
    teams: Vec<&'a str>,
    routes: Vec<&'a str>,
}

impl Gap<'_> {
    /// Whether a row is another route of its one team.
    fn is_of(&self, row: &Row, why: Option<&str>) -> bool {
        (self.way, self.check, self.why, self.teams.as_slice()) == (row.way, row.check, why, &[&*row.team])
    }

    /// Whether it is the same of another team.
    fn is_like(&self, other: &Self) -> bool {
        (self.way, self.check, self.why, &self.routes) == (other.way, other.check, other.why, &other.routes)
    }

    fn told(&self, document: &Document) -> String {
        let Self { way, check, why, teams, routes } = self;
        let place = |route: &&str| {
            let place = document.models.iter().position(|model| model.name.as_str() == *route).unwrap_or_default();
            format!("`{route}` (models[{place}])")
        };
        let team = if teams.len() == 1 { "team" } else { "teams" };
        let (teams, routes) = (teams.join("`, `"), routes.iter().map(place).collect::<Vec<_>>().join(", "));
        let why =
            why.map_or_else(|| "no set has the check for them".to_owned(), |nearest| format!("nearest is {nearest}"));
        format!(
            "required_checks.{way}: calls of the {team} `{teams}` to {routes} do not all meet the check `{check}`: {why}; add \
             a rule in force to a set that is for all of these calls, at best to one without `for`"
        )
    }
}

/// The gaps of teams that the document does not declare: their calls are refused, wherever a required check is missing.
pub(crate) fn of_others(document: &Document, guards: &Guards, teams: &[Arc<TeamRecord>]) -> Vec<String> {
    let is_other =
        |team: &&Arc<TeamRecord>| !document.teams.iter().any(|declared| *declared.name.as_str() == *team.name);
    let caller = |team: &Arc<TeamRecord>| Caller {
        name: team.name.clone(),
        models: team.policy.models.iter().filter_map(|model| model.parse().ok()).collect(),
    };
    let others: Vec<Caller> = teams.iter().filter(is_other).map(caller).collect();
    let mut gaps = prove(document, guards, &others).err().unwrap_or_default();
    gaps.truncate(GAPS_SHOWN);
    gaps
}

/// What is not told by rows: calls that are refused because nobody could look at what they bring about.
pub(crate) fn notes(document: &Document, guards: &Guards) -> Vec<String> {
    let rules = guards.joined(|_| true).names_on_answers();
    let offering = document.providers.iter().filter(|provider| !provider.async_output.is_empty());
    let offering: Vec<String> = offering.map(|provider| format!("`{}`", provider.name)).collect();
    if rules.is_empty() || offering.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "asynchronous invocations at {} are refused for calls that {} are for: their output is written where no guardrail sees it",
        offering.join(", "),
        rules.iter().map(|rule| format!("`{rule}`")).collect::<Vec<_>>().join(", "),
    )]
}

/// Gaps as one text.
pub(crate) fn told(gaps: &[String]) -> String {
    let shown = gaps.iter().take(GAPS_SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
    match gaps.len().checked_sub(GAPS_SHOWN) {
        Some(more) if more > 0 => format!("{shown}\n… and {more} more"),
        _ => shown,
    }
}

fn may_use(team: &Caller, model: &Model) -> bool {
    team.models.is_empty() || team.models.iter().any(|allowed| allowed.overlaps(&model.name))
}

const fn channels(ruled: &Ruled, way: Way) -> Channels {
    match way {
        Way::Input => ruled.input,
        Way::Output => ruled.output,
    }
}

/// A team's calls to a route.
struct Place<'a> {
    document: &'a Document,
    team: &'a Caller,
    model: &'a Model,
    all: &'a [Ruled],
}

impl Place<'_> {
    fn row(&self, Required { check, way }: Required, required: bool) -> Row {
        let usual = Channels::usual(check, way);
        // What rules look for that say themselves what it is may be anything: the organisation's own is what is required.
        let is_own = required && check.is_own();
        let (mut met, mut touched, mut observed) = (Channels::NONE, false, false);
        let mut by = Vec::new();
        let mut gaps: Vec<(usize, String)> = Vec::new();
        for ruled in self.all.iter().filter(|ruled| ruled.check == check && !channels(ruled, way).is_empty()) {
            let Some(set) = self.document.guardrails.iter().find(|set| *set.name.as_str() == *ruled.set) else {
                continue;
            };
            if !self.touches(set) {
                gaps.push(self.gap(set, ruled, (way, usual), is_own));
                continue;
            }
            by.push(described(ruled, way));
            if !ruled.is_in_force {
                observed = true;
            } else {
                touched = true;
                let counts = if is_own {
                    ruled.is_for_all && channels(ruled, way).covers(usual)
                } else {
                    self.narrower(set).is_empty()
                };
                if ruled.is_whole && counts {
                    met = met.or(channels(ruled, way));
                }
            }
            let gap = self.gap(set, ruled, (way, usual), is_own);
            if gap.0 > 0 {
                gaps.push(gap);
            }
        }
        let state = match () {
            () if met.covers(usual) && !usual.is_empty() => State::Enforced,
            () if touched => State::Partly,
            () if observed => State::Observed,
            () => State::Missing,
        };
        gaps.sort();
        let gaps = if state == State::Enforced { Vec::new() } else { gaps.into_iter().map(|(_, gap)| gap).collect() };
        let (team, route) = (self.team.name.clone(), self.model.name.as_str().to_owned());
        let unseen = if state == State::Enforced { unseen(check, way, met) } else { Vec::new() };
        let is_of_others = check.is_own() && !required && by.is_empty();
        Row { team, route, way: way.as_str(), check: check.as_str(), required, state, by, gaps, unseen, is_of_others }
    }

    /// Whether a set is for any of these calls.
    fn touches(&self, set: &Guardrail) -> bool {
        let team = set.scope.team.as_ref().is_none_or(|team| team.matches(&self.team.name));
        let is_named = |model: &Pattern| model.overlaps(&self.model.name) || self.stands_for(model);
        team && set.scope.model.as_ref().is_none_or(is_named)
    }

    /// Whether the route is another name for one that a pattern has in it.
    fn stands_for(&self, pattern: &Pattern) -> bool {
        self.document.names_behind(self.model).any(|name| pattern.matches(name))
    }

    /// By what a set is for fewer calls than these.
    fn narrower(&self, set: &Guardrail) -> Vec<String> {
        let scope = &set.scope;
        let mut narrower = Vec::new();
        if let Some(team) = scope.team.as_ref().filter(|team| !team.matches(&self.team.name)) {
            narrower.push(format!("only for the team `{team}`"));
        }
        if let Some(model) = scope.model.as_ref().filter(|model| !self.covered_by(model)) {
            narrower.push(format!("only for the model `{model}`"));
        }
        let others = [
            ("project", &scope.project),
            ("environment", &scope.environment),
            ("key", &scope.key),
            ("tag", &scope.tag),
        ];
        for (what, pattern) in others {
            if let Some(pattern) = pattern.as_ref().filter(|pattern| what != "key" || pattern.as_str() != "*") {
                narrower.push(format!("only for the {what} `{pattern}`"));
            }
        }
        narrower
    }

    /// Whether a pattern has all names in it that the team can use this route by.
    fn covered_by(&self, pattern: &Pattern) -> bool {
        let mut allowed = self.team.models.iter().filter(|allowed| allowed.overlaps(&self.model.name)).peekable();
        self.stands_for(pattern)
            || pattern.covers(&self.model.name)
            || (allowed.peek().is_some() && allowed.all(|allowed| pattern.covers(allowed)))
    }

    /// Why a rule does not meet the check for all of these calls: how many reasons, and what they are.
    fn gap(&self, set: &Guardrail, ruled: &Ruled, (way, usual): (Way, Channels), is_own: bool) -> (usize, String) {
        let mut why = self.narrower(set);
        if is_own && !ruled.is_for_all && why.is_empty() {
            why.push("its set has a `for`, and what it looks for is its own".to_owned());
        }
        if !ruled.is_in_force {
            why.push("it only counts or tells".to_owned());
        }
        if !ruled.is_whole {
            why.push(match ruled.check {
                CheckKind::External if ruled.is_beside => {
                    "it is asked beside the call, and the text has left by then".to_owned()
                }
                CheckKind::External => "it lets calls go on unchecked while its service is away".to_owned(),
                CheckKind::Injection | CheckKind::IndirectInjection => "hardly a text has such a score".to_owned(),
                _ => "it looks for a part of them only".to_owned(),
            });
        }
        let missing: Vec<&str> =
            usual.iter().filter(|one| !channels(ruled, way).has(*one)).map(|one| one.as_str()).collect();
        if !missing.is_empty() {
            why.push(format!("it does not look at {}", missing.join(", ")));
        }
        (why.len(), format!("`{}/{}` ({})", ruled.set, ruled.rule, why.join("; ")))
    }
}

/// The channels of a way that a check could look at, and that no rule in force does.
fn unseen(check: CheckKind, way: Way, met: Channels) -> Vec<&'static str> {
    // What they ask makes no sense of other texts.
    if matches!(check, CheckKind::JsonSchema | CheckKind::SystemPrompt | CheckKind::CharactersMax) {
        return Vec::new();
    }
    // What the caller itself wrote comes back in an answer as an echo at most.
    let is_own = |one: &Channel| matches!(one, Channel::System | Channel::Definition | Channel::Metadata);
    let all = Channels::ALL.iter().filter(|one| way == Way::Input || !is_own(one));
    all.filter(|one| !met.has(*one)).map(Channel::as_str).collect()
}

fn described(ruled: &Ruled, way: Way) -> By {
    let channels = channels(ruled, way);
    By {
        set: ruled.set.clone(),
        rule: ruled.rule.clone(),
        mode: if ruled.is_observed { "observe" } else { "enforce" },
        action: ruled.action.as_str(),
        model: match &ruled.action {
            Action::RouteTo(model) => Some(model.clone()),
            _ => None,
        },
        channels: channels.iter().map(Channel::as_str).collect(),
    }
}

#[cfg(test)]
mod tests;
