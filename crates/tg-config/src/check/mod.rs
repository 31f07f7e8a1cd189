//! What a well-formed document may still have wrong: values that contradict each other, references to nothing.

mod aws;
mod bedrock_guardrail;
mod budgets;
mod cache;
mod commitments;
mod counters;
mod discounts;
mod egress;
mod guard_services;
mod guardrails;
mod headers;
mod hedges;
mod iam;
mod limits;
mod pools;
mod probes;
mod providers;
mod residency;
mod resilience;
mod retention;
mod routes;
mod served;
mod slow;
mod store;
mod surfaces;
mod task_routing;
mod teams;

use crate::document::{Document, UnknownPrice};
use crate::grammar::Name;
use crate::problem::{Path, Problem};
use std::collections::HashMap;

/// Everything that is wrong with a document that did not come from a text. What the loader returns has been checked.
#[must_use]
pub fn check(document: &Document) -> Vec<Problem> {
    findings(document).into_iter().map(|finding| finding.problem).collect()
}

/// A problem, and what must have been read wholly for it to be one.
pub(crate) struct Finding {
    pub(crate) problem: Problem,
    pub(crate) rests_on: Vec<Path>,
}

/// What has been found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, path: Path, message: impl Into<String>, hint: impl Into<String>) {
        self.add_resting_on(Vec::new(), Problem::new(path, message, hint));
    }

    fn add_resting_on(&mut self, rests_on: Vec<Path>, problem: Problem) {
        self.0.push(Finding { problem, rests_on });
    }

    /// Adds a problem for each of `names` that stood before.
    fn add_repeated<'a>(&mut self, names: impl Iterator<Item = (Path, &'a str)>) {
        let mut seen: HashMap<&str, Path> = HashMap::new();
        for (path, name) in names {
            if let Some(first) = seen.get(name) {
                let message = format!("`{name}` is already the name at {first}");
                self.add(path, message, "give each its own name");
            } else {
                seen.insert(name, path);
            }
        }
    }
}

pub(crate) fn findings(document: &Document) -> Vec<Finding> {
    let mut found = Findings::default();
    let served = served::Served::of(document);
    listeners(document, &mut found);
    store::check(document, &mut found);
    retention::check(document, &mut found);
    resilience::check(document, &mut found);
    hedges::check(document, &mut found);
    slow::check(document, &mut found);
    providers::check(document, &mut found);
    probes::check(document, &mut found);
    routes::check(document, &mut found);
    task_routing::check(document, &mut found);
    residency::check(document, &served, &mut found);
    pricing(document, &mut found);
    discounts::check(document, &mut found);
    commitments::check(document, &mut found);
    teams::check(document, &served, &mut found);
    iam::check(document, &served, &mut found);
    limits::check(document, &served, &mut found);
    pools::check(document, &served, &mut found);
    budgets::check(document, &served, &mut found);
    guard_services::check(document, &mut found);
    guardrails::check(document, &served, &mut found);
    counters::check(document, &mut found);
    cache::check(document, &served, &mut found);
    if let Some(otlp) = &document.telemetry.otlp {
        let path = Path::root().member("telemetry").member("otlp").member("headers");
        headers::check(&otlp.headers, &path, &mut found);
    }
    found.0
}

fn listeners(document: &Document, found: &mut Findings) {
    let (listen, admin) = (document.listen.address.get(), document.admin.address.get());
    let path = Path::root().member("admin");
    let overlap = listen.ip() == admin.ip() || listen.ip().is_unspecified() || admin.ip().is_unspecified();
    if overlap && listen.port() == admin.port() && listen.port() != 0 {
        found.add_resting_on(
            vec![Path::root().member("listen").member("address")],
            Problem::new(
                path.member("address"),
                format!("port {} is also that of `listen.address`", admin.port()),
                "choose another port",
            ),
        );
    }
    if !admin.ip().to_canonical().is_loopback() && document.admin.token.is_none() {
        found.add_resting_on(
            vec![path.member("token")],
            Problem::new(
                path.member("address"),
                format!("{} can be reached from other machines, and there is no `admin.token`", admin.ip()),
                "set `admin.token` to a reference, as in `env:TALLYGATE_ADMIN_TOKEN`, or listen on 127.0.0.1",
            ),
        );
    }
    // Bodies are held in memory, one for each call.
    if document.listen.body_bytes_max.bytes() > 1 << 30 {
        found.add(
            Path::root().member("listen").member("body_bytes_max"),
            format!("{} is more than 1 GiB", document.listen.body_bytes_max),
            "write at most `1 GiB`",
        );
    }
}

fn pricing(document: &Document, found: &mut Findings) {
    let ceiling = Path::root().member("pricing").member("ceiling");
    if document.pricing.ceiling.is_some() {
        return;
    }
    let global = Path::root().member("pricing").member("unknown_price");
    let of_models = document.models.iter().enumerate().map(|(number, model)| {
        (Path::root().member("models").element(number).member("unknown_price"), model.unknown_price)
    });
    for (path, choice) in [(global, Some(document.pricing.unknown_price))].into_iter().chain(of_models) {
        if choice == Some(UnknownPrice::Ceiling) {
            let hint = "add `pricing.ceiling` with `input` and `output`, as in `20.00 USD per 1M tokens`";
            let problem = Problem::new(path, "is `ceiling`, and there is no `pricing.ceiling`", hint);
            found.add_resting_on(vec![ceiling.clone()], problem);
        }
    }
}

fn numbered<'a>(list: &Path, names: &'a [Name]) -> impl Iterator<Item = (Path, &'a str)> {
    names.iter().enumerate().map(move |(number, name)| (list.element(number), name.as_str()))
}
