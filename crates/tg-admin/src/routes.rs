//! Every path of the admin listener: what it is for, what it takes and what it answers. One list for the server, the
//! OpenAPI document and the reference.

use crate::api;
use crate::control::TeamAction;
use http::Method;
use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Health,
    Ready,
    Metrics,
    ListTeams,
    CreateTeam,
    ShowTeam,
    SetPolicy,
    ActOnTeam(TeamAction),
    ListKeys,
    CreateKey,
    ShowKey,
    RotateKey,
    RevokeKey,
    Report,
    ListCalls,
    ShowCall,
    ListBudgets,
    ListTargets,
    ListRouting,
    SwitchRuleOn,
    ShowSavings,
    ShowStore,
    ShowConfig,
}

/// One method on one path.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// With at most one `{placeholder}`.
    pub(crate) path: &'static str,
    pub(crate) operation: Operation,
    /// What it is for, in one sentence.
    pub(crate) summary: &'static str,
    /// The parameters of the query, and what each means.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// The body that it takes.
    pub(crate) body: Option<Part>,
    /// The body that it answers.
    pub(crate) answer: Answer,
}

/// What a route answers when all is well.
pub(crate) enum Answer {
    /// 200 and plain text.
    Text,
    /// 200 and any JSON.
    AnyJson,
    /// 200 and this.
    Json(Part),
    /// 201 and this.
    Made(Part),
}

/// A type that travels as a body.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
}

fn part<T: JsonSchema>(name: &'static str) -> Part {
    Part { name, schema: SchemaGenerator::subschema_for::<T> }
}

const SINCE: (&str, &str) =
    ("since", "From when on calls arrived, inclusive: a duration before now (`7d`), a date in UTC, or RFC 3339.");
const UNTIL: (&str, &str) = ("until", "Until when calls arrived, exclusive; written as `since`.");
const FILTER: (&str, &str) = (
    "filter",
    "Keeps calls whose value in a dimension is exactly this: `team:search`; `project:` keeps those without a project. \
     May be repeated; all must hold.",
);

const BY: (&str, &str) = (
    "by",
    "By what to group, separated by commas: team, project, environment, model, profile, key, provider, aws_session, \
     dialect, ending, tag, day, hour. Absent: totals only.",
);
const AS_BOOKED: (&str, &str) =
    ("as_booked", "`true`: costs as they were booked, without later corrections. Absent: corrected.");
const LIMIT: (&str, &str) = ("limit", "How many at most: 1 to 1000. Absent: 100.");
const BEFORE: (&str, &str) = ("before", "Only calls before this request id: the `next` of the previous page.");

/// Every route.
pub(crate) fn routes() -> Vec<Route> {
    let mut all = probes();
    all.extend(teams());
    all.extend(keys());
    all.extend(ledger());
    all.extend(gateway());
    all
}

fn get(path: &'static str, operation: Operation, summary: &'static str, answer: Answer) -> Route {
    Route { method: Method::GET, path, operation, summary, query: &[], body: None, answer }
}

fn probes() -> Vec<Route> {
    let health = "Whether the process answers.";
    let ready = "Whether calls are taken: 200, or 503 while the gateway starts or drains.";
    let metrics = "Metrics in the Prometheus text format.";
    vec![
        get("/healthz", Operation::Health, health, Answer::Text),
        get("/readyz", Operation::Ready, ready, Answer::Text),
        get("/metrics", Operation::Metrics, metrics, Answer::Text),
    ]
}

fn teams() -> Vec<Route> {
    let team = || Answer::Json(part::<api::Team>("Team"));
    let act = |path, action, summary| Route {
        method: Method::POST,
        ..get(path, Operation::ActOnTeam(action), summary, team())
    };
    let list = Answer::Json(part::<api::TeamPage>("TeamPage"));
    vec![
        get("/admin/v1/teams", Operation::ListTeams, "Lists the teams, by name.", list),
        Route {
            method: Method::POST,
            body: Some(part::<api::NewTeam>("NewTeam")),
            ..get(
                "/admin/v1/teams",
                Operation::CreateTeam,
                "Makes a team that the store owns.",
                Answer::Made(part::<api::Team>("Team")),
            )
        },
        get("/admin/v1/teams/{name}", Operation::ShowTeam, "Shows one team.", team()),
        Route {
            method: Method::PUT,
            body: Some(part::<api::Policy>("Policy")),
            ..get(
                "/admin/v1/teams/{name}",
                Operation::SetPolicy,
                "Replaces the whole policy of a team that the store owns.",
                team(),
            )
        },
        act(
            "/admin/v1/teams/{name}/disable",
            TeamAction::Disable,
            "Refuses the keys of a team that the store owns, from now on.",
        ),
        act("/admin/v1/teams/{name}/enable", TeamAction::Enable, "Accepts the keys of a disabled team again."),
        act(
            "/admin/v1/teams/{name}/adopt",
            TeamAction::Adopt,
            "Makes a team that the configuration file no longer declares the store's own, and active.",
        ),
    ]
}

fn keys() -> Vec<Route> {
    let made = || Answer::Made(part::<api::IssuedKey>("IssuedKey"));
    let key = || Answer::Json(part::<api::Key>("Key"));
    let list = Answer::Json(part::<api::KeyPage>("KeyPage"));
    vec![
        Route {
            query: &[("team", "Only keys of this team.")],
            ..get("/admin/v1/keys", Operation::ListKeys, "Lists the keys, oldest first; ended ones too.", list)
        },
        Route {
            method: Method::POST,
            body: Some(part::<api::NewKey>("NewKey")),
            ..get(
                "/admin/v1/keys",
                Operation::CreateKey,
                "Makes a key. The answer is the only place where the key can be read.",
                made(),
            )
        },
        get("/admin/v1/keys/{id}", Operation::ShowKey, "Shows one key, without its secret.", key()),
        Route {
            method: Method::POST,
            body: Some(part::<api::Rotation>("Rotation")),
            ..get(
                "/admin/v1/keys/{id}/rotate",
                Operation::RotateKey,
                "Makes a successor with the same binding and length of life; the old key works for the overlap.",
                made(),
            )
        },
        Route {
            method: Method::POST,
            ..get("/admin/v1/keys/{id}/revoke", Operation::RevokeKey, "Revokes a key at once, for good.", key())
        },
    ]
}

fn ledger() -> Vec<Route> {
    vec![
        Route {
            query: &[BY, SINCE, UNTIL, FILTER, AS_BOOKED],
            ..get(
                "/admin/v1/report",
                Operation::Report,
                "Sums calls, tokens and cost.",
                Answer::Json(part::<api::Report>("Report")),
            )
        },
        Route {
            query: &[LIMIT, BEFORE, SINCE, UNTIL, FILTER],
            ..get(
                "/admin/v1/calls",
                Operation::ListCalls,
                "Lists calls, the latest first.",
                Answer::Json(part::<api::CallPage>("CallPage")),
            )
        },
        get(
            "/admin/v1/calls/{request_id}",
            Operation::ShowCall,
            "Shows one call.",
            Answer::Json(part::<api::Call>("Call")),
        ),
        get(
            "/admin/v1/budgets",
            Operation::ListBudgets,
            "Lists what is spent, held and left of each budget, one entry for each value that it counts apart, and what \
             it comes to. Forecasts are a minute old at most.",
            Answer::Json(part::<api::BudgetPage>("BudgetPage")),
        ),
        Route {
            query: &[SINCE, UNTIL],
            ..get(
                "/admin/v1/savings",
                Operation::ShowSavings,
                "Sums what was saved, by team: by answers that were given again, by points for caches of providers, and by moving calls to cheaper models. Reads the rows of that time one by one; a `since` from before the rows that retention has left is refused.",
                Answer::Json(part::<api::Savings>("Savings")),
            )
        },
    ]
}

fn gateway() -> Vec<Route> {
    vec![
        get(
            "/admin/v1/targets",
            Operation::ListTargets,
            "Lists who is passed over at the moment, why and how long yet, and how full pools are, as this gateway has it in its \
             memory.",
            Answer::Json(part::<api::TargetPage>("TargetPage")),
        ),
        get(
            "/admin/v1/routing",
            Operation::ListRouting,
            "Lists the rules by tasks that are in force, how good their cheaper answers are as far as comparisons tell, and \
             which rules have switched themselves off.",
            Answer::Json(part::<api::RoutingPage>("RoutingPage")),
        ),
        Route {
            method: Method::POST,
            ..get(
                "/admin/v1/routing/{rule}/on",
                Operation::SwitchRuleOn,
                "Switches a rule on that has switched itself off. It is named by its route, or whole (`#` is written `%23`). \
                 Comparisons that were begun before do not count any more.",
                Answer::Json(part::<api::RoutingRule>("RoutingRule")),
            )
        },
        get(
            "/admin/v1/store",
            Operation::ShowStore,
            "Shows how much the store holds. Counts rows: about a second for ten million.",
            Answer::Json(part::<api::StoreSize>("StoreSize")),
        ),
        get(
            "/admin/v1/config",
            Operation::ShowConfig,
            "Shows the configuration in force. Secrets are shown as references, never as values. Where the gateway follows \
             revisions, `revision` says which is in force, and why the newest is not.",
            Answer::AnyJson,
        ),
    ]
}

/// What a path and a method lead to.
pub(crate) enum Found {
    /// This, with what stands in the place of the placeholder.
    Route(Operation, String),
    /// The path is there, the method is not; these are.
    OtherMethods(Vec<Method>),
    /// No such path.
    Nothing,
}

/// Looks a request up.
pub(crate) fn find(routes: &[Route], method: &Method, path: &str) -> Found {
    // An answer to HEAD is that to GET without its body, which the connection leaves out.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let mut others = Vec::new();
    for route in routes {
        if let Some(argument) = matched(route.path, path) {
            if route.method == *method {
                return Found::Route(route.operation, argument);
            }
            others.push(route.method.clone());
        }
    }
    if others.is_empty() { Found::Nothing } else { Found::OtherMethods(others) }
}

/// What stands in the place of the template's placeholder (nothing where it has none); `None` when it does not match.
fn matched(template: &str, path: &str) -> Option<String> {
    let mut argument = String::new();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            argument = percent_decode_str(segment).decode_utf8().ok().filter(|text| !text.is_empty())?.into_owned();
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(argument)
}

#[cfg(test)]
mod tests {
    use super::matched;

    #[test]
    fn placeholders_stand_for_one_segment() {
        for (template, path, expected) in [
            ("/a", "/a", Some("")),
            ("/a", "/a/", None),
            ("/a/{x}", "/a/b", Some("b")),
            ("/a/{x}", "/a/b%20c%2Fd", Some("b c/d")),
            ("/a/{x}", "/a/", None),
            ("/a/{x}", "/a/%ff", None),
            ("/a/{x}/run", "/a/b/run", Some("b")),
            ("/a/{x}/run", "/a/b", None),
            ("/a/{x}", "/a/b/run", None),
        ] {
            assert_eq!(matched(template, path).as_deref(), expected, "{path}");
        }
    }
}
