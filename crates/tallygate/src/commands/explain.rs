//! `tallygate explain`

mod caller;
mod now;
mod sent;

use super::access::AccessArgs;
use super::table::{Format, Listing, or_dash, pretty};
use super::terminal::say;
use anyhow::{Context as _, Result, bail};
use caller::{Caller, CallerArgs};
use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use now::{Now, Seen};
use sent::Sent;
use serde::Serialize;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;
use tg_dialect::dialects::peek;
use tg_dialect::scan::Members;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::target::Target;
use tg_policy::admit::Lessons;
use tg_policy::admit::budget::{Payer, Purses};
use tg_policy::attribute::attribute;
use tg_policy::cache::Rule;
use tg_policy::cache::alike::Mode;
use tg_policy::guard::Subject;
use tg_policy::health::Paces;
use tg_policy::route::quality::Qualities;
use tg_policy::route::{Plan, Routed, Sessions, Stays, Task};
use tg_proxy::choose::{Asked, Booked, Choosing, Considered, Dropped, Experience, away, said};
use tg_proxy::recognise::{Recognised, recognise};
use tg_proxy::snapshot::Snapshot;

/// Which request to explain, and on whose account.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The body of the request; `-` reads it from standard input
    request: PathBuf,
    /// The path to which it is sent
    #[arg(long, default_value = "/v1/chat/completions")]
    path: String,
    #[command(flatten)]
    caller: CallerArgs,
    /// A header of the request, as NAME: VALUE
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    access: AccessArgs,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Page {
    /// The model that the request names.
    model: String,
    /// In which order targets are tried.
    strategy: &'static str,
    /// What kind of task it is taken for.
    task: &'static str,
    /// How sure that is, from 0 to 1.
    confidence: f32,
    /// How likely it is that only a strong model gets it right, from 0 to 1.
    difficulty: f32,
    /// Why the call is refused; null where it is not.
    refused: Option<Refusal>,
    /// Every target of the route; those that are tried in their order.
    targets: Vec<Row>,
    /// Where a guardrail sends it, by what the gateway's own checks find; null where none does.
    rerouted: Option<Sent>,
    /// What the route's rule by tasks makes of it; null where there is none.
    task_routing: Option<ByTask>,
    /// Who gets a copy of some such calls, as `PROVIDER/MODEL`; null where nobody does.
    mirror: Option<String>,
    /// The sets of guardrails that the call meets.
    guardrails: Vec<String>,
    /// The limits that are for such calls.
    limits: Vec<String>,
    /// The pools of its targets, those that are tried first in front.
    pools: Vec<String>,
    /// How it stands beside others where a pool is full.
    priority: String,
    /// The budgets that are for such calls.
    budgets: Vec<String>,
    /// The rule by which such a call's answer is kept, if it is one that can be; null where there is none.
    cache: Option<String>,
    /// What of that rule answers to like questions may do: `observe` or `enforce`; null where they are not looked for.
    cache_alike: Option<&'static str>,
    /// Whether points for the provider's prompt cache are put, where they pay.
    prompt_cache: bool,
    /// What the running gateway says of the pools and budgets; null where none is asked.
    now: Option<Now>,
}

/// What a rule by tasks makes of a call.
#[derive(Debug, Serialize)]
struct ByTask {
    /// `observe`, `advise` or `enforce`, for this team.
    mode: &'static str,
    /// The cheaper model, as `PROVIDER/MODEL`; null where there is none for it.
    to: Option<String>,
    /// Where it goes without the rule.
    from: String,
    /// What the call is likely to cost there, in dollars: of a conversation that goes on, with its prompt read from a cache.
    usd_from: Option<String>,
    /// What it is likely to cost at the cheaper model: its prompt read anew.
    usd_to: Option<String>,
    /// Why it stays where it is in any mode; null where it does not.
    stays: Option<&'static str>,
    /// Whether it goes to the cheaper model.
    moved: bool,
}

impl From<&Routed> for ByTask {
    fn from(routed: &Routed) -> Self {
        let name = |target: &Target| format!("{}/{}", target.provider, target.model);
        let (from, to) = routed.prices;
        Self {
            mode: routed.mode.as_str(),
            to: routed.to.as_ref().map(name),
            from: name(&routed.from),
            usd_from: from.map(|price| price.to_string()),
            usd_to: to.map(|price| price.to_string()),
            stays: routed.stays.map(Stays::as_str),
            moved: routed.is_moved(),
        }
    }
}

/// Why a call is refused.
#[derive(Debug, Serialize)]
struct Refusal {
    code: &'static str,
    message: String,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { code: fault.code, message: fault.message.into_owned() }
    }
}

/// One target.
#[derive(Debug, Serialize)]
struct Row {
    /// Its place among those that are tried, from 1; null where it is not.
    place: Option<usize>,
    /// The route among the targets of which it is one; null where it is the route's own.
    through: Option<String>,
    provider: String,
    model: String,
    /// What the call is likely to cost there, in dollars; null where no price is known.
    usd: Option<String>,
    /// What speaks against it; null where nothing does. Tried all the same if it has a place.
    dropped: Option<String>,
    /// That the running gateway passes it over, why and how long yet; null where it does not, or none is asked.
    passed_over: Option<String>,
}

impl Explain {
    pub(super) fn run(self) -> Result<()> {
        let body = self.body()?;
        let loaded = self.access.source().load()?;
        let caller = self.caller.find(&self.access, &loaded)?;
        let (mut page, booked) = self.page(&loaded.snapshot, &caller, &body)?;
        if let Some(seen) = Seen::of(&self.access)? {
            seen.fill(&mut page, &booked);
        }
        say(match self.format {
            Format::Json => pretty(&page)?,
            Format::Table => table(&page),
        })
    }

    fn body(&self) -> Result<Vec<u8>> {
        if self.request.as_os_str() != "-" {
            return std::fs::read(&self.request).with_context(|| format!("cannot read {}", self.request.display()));
        }
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body).context("cannot read standard input")?;
        Ok(body)
    }

    fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for header in &self.headers {
            let (name, value) = header.split_once(':').with_context(|| format!("'{header}' has no colon"))?;
            let name = HeaderName::try_from(name.trim()).with_context(|| format!("'{name}' is no header's name"))?;
            let value = HeaderValue::try_from(value.trim()).with_context(|| format!("a value of {name} is none"))?;
            headers.append(name, value);
        }
        if self.path.starts_with("/v1/messages") {
            headers.entry("anthropic-version").or_insert(HeaderValue::from_static("2023-06-01"));
        }
        Ok(headers)
    }

    fn page(&self, snapshot: &Snapshot, caller: &Caller, body: &[u8]) -> Result<(Page, Attribution)> {
        let Caller { principal, policy } = caller;
        let headers = self.headers()?;
        let head = match recognise(&Method::POST, &self.path, &headers) {
            Ok(Recognised::Call(head)) => head,
            Ok(_) => bail!("{} is no call of a model", self.path),
            Err(unrecognised) => bail!("{}", unrecognised.fault.message),
        };
        let members = Members::scan(body)?;
        let peek = peek(head.dialect, &head.facts, &members)?;
        let attribution = attribute(principal, policy, &headers, &peek.metadata)?;
        let memory = Memory::default();
        let at = SystemClock::new().now();
        let (session, opts_out) = said(&headers, &members, &attribution.key_id)?;
        let asked = Asked { id: CallId::fresh(), at, head: &head, session, opts_out, peek: &peek, members: &members };
        let booked = Booked { principal, policy, attribution: &attribution };
        let choosing = Choosing::new(snapshot, memory.experience(), booked, asked);
        let subject = Subject { attribution: &attribution, model: &peek.model };
        let sent = snapshot.guards.of(&subject).and_then(|guard| Sent::of(&guard, &members, &attribution, &head));
        let model = sent.as_ref().map_or(&*peek.model, |sent| &*sent.to);
        let (plan, going) = if sent.is_some() {
            (snapshot.routes.send(model), choosing.sent_to(model))
        } else {
            (snapshot.routes.choose(model, principal, policy), choosing.plan(model))
        };
        let targets = going.as_ref().map(|plan| plan.targets.clone()).unwrap_or_default();
        let may_go = |plan: &Plan, target: &Target| {
            away(snapshot, &attribution, [&peek.model, &plan.rule.name], target).is_none()
        };
        let mirrored = plan.as_ref().ok().filter(|plan| !plan.is_bound);
        let mirror = mirrored.and_then(|plan| plan.rule.mirror.as_ref().filter(|mirror| may_go(plan, &mirror.target)));
        let considered = plan.as_ref().map(|plan| choosing.consider(plan, true)).unwrap_or_default();
        let providers: Vec<&str> = targets.iter().map(|target| &*target.provider).collect();
        let payer = Payer { attribution: &attribution, model };
        let budgets = snapshot.budgets.list().iter().filter(|budget| budget.meets(&payer));
        let guard = snapshot.guards.of_both(&subject, model);
        let cache = snapshot.cache.rules.of(&attribution, &peek.model).filter(|_| sent.is_none());
        let Task { class: task, confidence, difficulty } = *choosing.task();
        let page = Page {
            model: peek.model.clone(),
            task,
            confidence,
            difficulty,
            strategy: plan.as_ref().map_or("", |plan| plan.rule.strategy.as_str()),
            targets: rows(&considered, going.as_ref().ok()),
            task_routing: going.as_ref().ok().and_then(|plan| plan.routed.as_deref()).map(ByTask::from),
            refused: going.err().map(Refusal::from),
            mirror: mirror.map(|mirror| format!("{}/{}", mirror.target.provider, mirror.target.model)),
            guardrails: guard.map(|guard| guard.sets().iter().map(ToString::to_string).collect()).unwrap_or_default(),
            limits: snapshot.limits.of(&attribution, model, &providers).into_iter().map(str::to_owned).collect(),
            pools: pools(snapshot, &targets),
            priority: priority(snapshot, &attribution, model),
            budgets: budgets.map(|budget| budget.name.to_string()).collect(),
            cache: cache.map(|rule| rule.name.to_string()),
            cache_alike: cache.and_then(|rule| alike(rule)),
            prompt_cache: snapshot.prompt_cache.wants(&attribution, model),
            rerouted: sent,
            now: None,
        };
        Ok((page, attribution))
    }
}

/// What a gateway knows that has seen no call yet: what it learns of lengths, times, sessions and spending is in its own memory.
#[derive(Default)]
struct Memory {
    lessons: Lessons,
    paces: Paces,
    sessions: Sessions,
    purses: Purses,
    qualities: Qualities,
}

impl Memory {
    const fn experience(&self) -> Experience<'_> {
        let Self { lessons, paces, sessions, purses, qualities } = self;
        Experience { lessons, paces, sessions, purses, qualities, now: Duration::from_secs(1) }
    }
}

/// What answers to like questions may do by a rule; `None` where they are not looked for.
fn alike(rule: &Rule) -> Option<&'static str> {
    Some(match rule.alike.as_ref()?.mode {
        Mode::Observe => "observe",
        Mode::Enforce => "enforce",
    })
}

/// The pools of targets, each once.
fn pools(snapshot: &Snapshot, targets: &[Target]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for spec in targets.iter().filter_map(|target| snapshot.pools.of(target)) {
        if !names.iter().any(|name| **name == *spec.name) {
            names.push(spec.name.to_string());
        }
    }
    names
}

/// The class and the weight of a call.
fn priority(snapshot: &Snapshot, attribution: &Attribution, model: &str) -> String {
    let standing = snapshot.priorities.of(attribution, model);
    format!("{}, weight {}", standing.class.as_str(), standing.weight)
}

/// Those that are tried in their order, then those that are not.
fn rows(considered: &[Considered], going: Option<&Plan>) -> Vec<Row> {
    let targets = going.map(|plan| plan.targets.as_slice()).unwrap_or_default();
    let routed = going.and_then(|plan| plan.routed.as_deref());
    // What can be come to in two ways is tried once, in the first of those that are open.
    let way_to = |target: &Target| {
        let is_open = |one: &&Considered| matches!(one.dropped, None | Some(Dropped::Lacks(_)));
        considered.iter().filter(is_open).find(|one| one.candidate.target == *target)
    };
    let place = |one: &Considered| {
        let is_its = way_to(&one.candidate.target).is_some_and(|way| std::ptr::eq(way, one));
        targets.iter().position(|target| is_its && *target == one.candidate.target)
    };
    let row = |one: &Considered| Row {
        place: place(one).map(|place| place + 1),
        through: one.candidate.through.as_ref().map(ToString::to_string),
        provider: one.candidate.target.provider.to_string(),
        model: one.candidate.target.model.to_string(),
        usd: one.candidate.price.map(|price| price.to_string()),
        dropped: one.dropped.as_ref().map(|dropped| match dropped {
            Dropped::Condition(text) => format!("its condition does not hold: {text}"),
            Dropped::Away(away) => away.to_string(),
            Dropped::Lacks(lack) => lack.to_string(),
        }),
        passed_over: None,
    };
    // A rule by tasks may put a model before them that is none of the route's own.
    let moved = routed.and_then(|routed| Some((routed.to.as_ref()?, routed.prices.1)));
    let moved = moved.filter(|(to, _)| way_to(to).is_none());
    let moved = moved.and_then(|(to, price)| Some((targets.iter().position(|target| target == to)?, to, price)));
    let moved = moved.map(|(place, to, price)| Row {
        place: Some(place + 1),
        through: None,
        provider: to.provider.to_string(),
        model: to.model.to_string(),
        usd: price.map(|price| price.to_string()),
        dropped: None,
        passed_over: None,
    });
    let mut rows: Vec<Row> = considered.iter().map(row).chain(moved).collect();
    rows.sort_by_key(|row| row.place.unwrap_or(usize::MAX));
    rows
}

fn table(page: &Page) -> String {
    let mut listing = Listing::new(&["tried", "provider", "model", "usd", "but"]);
    for row in &page.targets {
        listing.row([
            row.place.map_or_else(|| "–".to_owned(), |place| place.to_string()),
            row.through.as_ref().map_or_else(|| row.provider.clone(), |route| format!("{route} › {}", row.provider)),
            row.model.clone(),
            or_dash(row.usd.as_deref().unwrap_or_default()),
            or_dash(&row.dropped.iter().chain(&row.passed_over).map(String::as_str).collect::<Vec<_>>().join("; ")),
        ]);
    }
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let refused = page.refused.as_ref().map(|refusal| format!("refused: {} ({})\n", refusal.message, refusal.code));
    let sent = page.rerouted.as_ref().map(|sent| format!("guardrail {} sends it to: {}\n", sent.by, sent.to));
    let sent = sent.unwrap_or_default();
    let by_task = page.task_routing.as_ref().map(in_words).unwrap_or_default();
    let mirror = page.mirror.as_ref().map(|mirror| format!("mirror: {mirror}\n")).unwrap_or_default();
    let alike = page.cache_alike.map(|mode| format!(" (answers to like questions: {mode})")).unwrap_or_default();
    let now = page.now.as_ref().map(Now::in_words).unwrap_or_default();
    format!(
        "model: {}\ntask: {} ({:.0} % sure, difficulty {:.2})\norder: {}\n{sent}{by_task}{mirror}{}\n{}\n\nguardrails: {}\nlimits: {}\npools: {} (priority: {})\nbudgets: {}\ncache: {}{alike}\nprompt cache: {}{now}",
        page.model,
        page.task,
        page.confidence * 100.0,
        page.difficulty,
        or_dash(page.strategy),
        refused.unwrap_or_default(),
        listing.finish(),
        list(&page.guardrails),
        list(&page.limits),
        list(&page.pools),
        page.priority,
        list(&page.budgets),
        page.cache.as_deref().unwrap_or("none"),
        if page.prompt_cache { "points where they pay" } else { "as the caller marks it" },
    )
}

/// What a rule by tasks makes of the call, in a line.
fn in_words(by_task: &ByTask) -> String {
    let ByTask { mode, to, from, usd_from, usd_to, stays, moved } = by_task;
    let Some(to) = to else { return format!("task routing: {mode}; no cheaper model is for it\n") };
    let price = |usd: &Option<String>| usd.as_deref().map_or_else(|| "?".to_owned(), |usd| format!("{usd} USD"));
    let end = match (stays, moved) {
        (Some(stays), _) => format!("it stays: {stays}"),
        (None, true) => "it goes there".to_owned(),
        (None, false) => "it would go there under enforce".to_owned(),
    };
    format!("task routing: {mode}; {from} ({}) or {to} ({}); {end}\n", price(usd_from), price(usd_to))
}
