//! Where one call goes: which targets of its route are for it and able to serve it, and which is tried first.

mod able;
mod by_task;
pub(crate) mod kept;
mod residency;

pub use able::{Lack, lack};
use by_task::opts_out;

pub use by_task::ROUTING;
pub use residency::{Away, away};

use crate::prepare::tier_of;
use crate::recognise::Head;
use crate::snapshot::Snapshot;
use http::HeaderMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tg_catalog::{Buyer, Row};
use tg_dialect::needs::needs;
use tg_dialect::passages::Passages;
use tg_dialect::scan::Members;
use tg_expr::{Condition, Facts};
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::ids::CallId;
use tg_kernel::needs::Needs;
use tg_kernel::peek::{BYTES_PER_TOKEN, Peek, Weight};
use tg_kernel::principal::{Attribution, Principal};
use tg_kernel::target::Target;
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage};
use tg_policy::admit::Lessons;
use tg_policy::admit::budget::{Payer, Purses};
use tg_policy::attribute::SESSION_HEADERS;
use tg_policy::health::{Pace, Paces};
use tg_policy::route::nested::{Lots, arrange};
use tg_policy::route::quality::Qualities;
use tg_policy::route::{Candidate, OnUnable, Plan, Rule, Sessions, Strategy, Task, mixed, task};
use tg_store::team::TeamPolicy;

/// What is known of targets from earlier calls.
#[derive(Clone, Copy)]
pub struct Experience<'a> {
    /// How much calls use.
    pub lessons: &'a Lessons,
    /// How quick targets are.
    pub paces: &'a Paces,
    /// Where sessions are served.
    pub sessions: &'a Sessions,
    /// What is left of budgets.
    pub purses: &'a Purses,
    /// How good cheaper answers are.
    pub qualities: &'a Qualities,
    /// The reading of the clock that does not go back.
    pub now: Duration,
}

/// Who calls.
#[derive(Clone, Copy)]
pub struct Booked<'a> {
    /// The key.
    pub principal: &'a Principal,
    /// What its team may.
    pub policy: &'a TeamPolicy,
    /// On whose account.
    pub attribution: &'a Attribution,
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The call.
    pub id: CallId,
    /// When it came.
    pub at: Timestamp,
    /// Its head.
    pub head: &'a Head,
    /// To which calls it belongs; `None` where it does not say.
    pub session: Option<u64>,
    /// Whether it keeps out of rules by tasks.
    pub opts_out: bool,
    /// The cheap facts of its body.
    pub peek: &'a Peek,
    /// Its body.
    pub members: &'a Members<'a>,
}

/// Which session a call says that it belongs to: by a header of coding agents, or the key of its prompt cache. One key's
/// sessions are no other's.
fn session(headers: &HeaderMap, members: &Members<'_>, key_id: &str) -> Option<u64> {
    let header = |name: &&str| headers.get(*name).map(http::HeaderValue::as_bytes);
    let named = SESSION_HEADERS.iter().find_map(header).filter(|value| !value.is_empty());
    let key = || members.string("prompt_cache_key").ok().flatten();
    let session = named.map(sum).or_else(|| key().map(|key| sum(key.as_bytes())))?;
    Some(mixed(session ^ sum(key_id.as_bytes())))
}

/// The session of a call, and whether it keeps out of rules by tasks.
///
/// # Errors
/// As [`opts_out`].
pub fn said(headers: &HeaderMap, members: &Members<'_>, key_id: &str) -> Result<(Option<u64>, bool), Fault> {
    Ok((session(headers, members, key_id), opts_out(headers)?))
}

/// A number for these bytes: the same for the same, in this process.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| mixed(sum ^ u64::from(*byte)))
}

/// All that decides where one call goes.
pub struct Choosing<'a> {
    snapshot: &'a Snapshot,
    experience: Experience<'a>,
    booked: Booked<'a>,
    asked: Asked<'a>,
    needs: OnceLock<Needs>,
    task: OnceLock<Task>,
    passages: OnceLock<Passages<'a>>,
    conversation: OnceLock<Option<u64>>,
}

/// A target of a route, and what became of it.
#[derive(Clone, Debug)]
pub struct Considered {
    /// The target, and what is known of it.
    pub candidate: Candidate,
    /// What speaks against it; `None` where nothing does.
    pub dropped: Option<Dropped>,
}

/// What speaks against a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is for other calls: its condition does not hold. It is not tried.
    Condition(Arc<str>),
    /// It is elsewhere than the call must stay. It is not tried.
    Away(Away),
    /// It lacks something that the call needs. It comes last, if at all: the route says.
    Lacks(Lack),
}

impl<'a> Choosing<'a> {
    /// What decides where this call goes.
    #[must_use]
    pub const fn new(snapshot: &'a Snapshot, experience: Experience<'a>, booked: Booked<'a>, asked: Asked<'a>) -> Self {
        Self {
            snapshot,
            experience,
            booked,
            asked,
            needs: OnceLock::new(),
            task: OnceLock::new(),
            passages: OnceLock::new(),
            conversation: OnceLock::new(),
        }
    }

    /// Where the call goes under the name of this model, best first.
    ///
    /// # Errors
    /// As [`tg_policy::route::Routes::choose`]; `Class::Forbidden` (`routing_not_optional`) where the call keeps out of a rule by
    /// tasks and may not, and (`residency`) where none is where the call must stay; `Class::Unsupported` (`not_able`) where no
    /// target is known to be able to serve it, and `Class::NotFound` (`no_target`) where none is for such calls.
    pub fn plan(&self, model: &str) -> Result<Plan, Fault> {
        self.on_from(self.own(model, OnUnable::Last)?)
    }

    /// The same for a model that the caller did not ask for: it must be able to do what the call asks, whatever its route says.
    ///
    /// # Errors
    /// As [`Choosing::plan`].
    pub fn plan_instead(&self, model: &str) -> Result<Plan, Fault> {
        self.on_from(self.own(model, OnUnable::Refuse)?)
    }

    /// What a provider keeps is nowhere else, and a call that goes on with it is no first turn.
    fn on_from(&self, plan: Plan) -> Result<Plan, Fault> {
        self.by_keeper(plan).or_else(|plan| self.by_task(plan))
    }

    /// Where the call goes that a guardrail sends to this model: to one of its targets that is able to serve it, or nowhere.
    /// No rule by tasks is asked, and the caller's list of models is none for what the house decides.
    ///
    /// # Errors
    /// As [`tg_policy::route::Routes::send`], and as [`Self::plan`] where no target is able to serve it or for it.
    pub fn sent_to(&self, model: &str) -> Result<Plan, Fault> {
        let plan = self.snapshot.routes.send(model)?;
        let considered = self.consider(&plan, false);
        let is_tried = |one: &Considered| match &one.dropped {
            None => true,
            Some(Dropped::Lacks(lack)) => !lack.is_sure(),
            Some(Dropped::Condition(_) | Dropped::Away(_)) => false,
        };
        let targets = once(&plan, considered.iter().filter(|one| is_tried(one)));
        if targets.is_empty() {
            return Err(nobody(model, &considered));
        }
        Ok(Plan { targets, ..plan })
    }

    /// Where the call goes by the route's own targets.
    fn own(&self, model: &str, on_unable: OnUnable) -> Result<Plan, Fault> {
        let plan = self.snapshot.routes.choose(model, self.booked.principal, self.booked.policy)?;
        let refuses = on_unable == OnUnable::Refuse || plan.rule.on_unable == OnUnable::Refuse;
        // Nothing can come of a look at a target that is tried in any case.
        if let [only] = plan.rule.targets.as_slice()
            && only.when.is_empty()
            && !refuses
            && self.snapshot.routes.residency().is_empty()
        {
            return Ok(plan);
        }
        let considered = self.consider(&plan, false);
        let is_tried = |one: &Considered| match &one.dropped {
            None => true,
            Some(Dropped::Lacks(lack)) => !refuses || !lack.is_sure(),
            Some(Dropped::Condition(_) | Dropped::Away(_)) => false,
        };
        // Those that lack something come last, where they are tried at all.
        let (able, lacking): (Vec<_>, Vec<_>) =
            considered.iter().filter(|one| is_tried(one)).partition(|one| one.dropped.is_none());
        let targets = once(&plan, able.into_iter().chain(lacking));
        if targets.is_empty() {
            return Err(nobody(model, &considered));
        }
        Ok(Plan { targets, ..plan })
    }

    /// Every target of a plan's route: first those against which nothing speaks, in the order in which they are tried.
    /// `with_prices`: also where the order does not depend on them.
    #[must_use]
    pub fn consider(&self, plan: &Plan, with_prices: bool) -> Vec<Considered> {
        let is_priced = with_prices || plan.rule.has_order(Strategy::is_priced);
        let is_paced = plan.rule.has_order(Strategy::is_paced);
        let candidates = plan.targets.iter().zip(&plan.rule.targets).map(|(target, declared)| {
            let row = self.row(target);
            let condition = declared.when.iter().find(|condition| !condition.holds(&self.facts(condition)));
            let lacks = || row.as_deref().and_then(|row| lack(row, self.needs())).map(Dropped::Lacks);
            let away = || self.away(&plan.rule.name, target).map(Dropped::Away);
            let dropped = match condition {
                Some(condition) => Some(Dropped::Condition(condition.text().into())),
                None if let Some(away) = away() => Some(away),
                // Only of a chat is it known what it needs.
                None if self.asked.head.operation == Operation::Chat => lacks(),
                None => None,
            };
            let price = is_priced.then(|| self.price(target, row.as_deref())).flatten();
            let pace = || self.experience.paces.of(target, self.experience.now);
            let pace = if is_paced { pace() } else { Pace::default() };
            let through = declared.through.clone();
            let candidate = Candidate { target: target.clone(), through, weight: declared.weight, price, pace };
            Considered { candidate, dropped }
        });
        let (mut able, mut dropped) = (Vec::with_capacity(plan.targets.len()), Vec::new());
        for one in candidates {
            let Considered { candidate, dropped: why } = one;
            match why {
                None => able.push(Some(candidate)),
                Some(_) => {
                    able.push(None);
                    dropped.push(Considered { candidate, dropped: why });
                }
            }
        }
        let able = self.arrange(&plan.rule, able);
        able.into_iter().map(|candidate| Considered { candidate, dropped: None }).chain(dropped).collect()
    }

    /// Those of a route's targets against which nothing speaks, in the order in which they are tried.
    fn arrange(&self, rule: &Rule, able: Vec<Option<Candidate>>) -> Vec<Candidate> {
        // A number that is another one for each call.
        let chance = sum(self.asked.id.as_bytes());
        let session = self.asked.session;
        let stays = session.filter(|_| rule.has_order(Strategy::is_by_experience));
        let place = stays.and_then(|session| self.experience.sessions.place(session, self.experience.now));
        let lots = Lots { session: session.unwrap_or(chance), chance, place: place.as_ref() };
        arrange(rule.strategy, &rule.entries, able, lots)
    }

    /// Why the call may not go to a target of the route of this name; `None` where it may.
    fn away(&self, route: &str, target: &Target) -> Option<Away> {
        away(self.snapshot, self.booked.attribution, [&self.asked.peek.model, route], target)
    }

    fn row(&self, target: &Target) -> Option<Arc<Row>> {
        let upstream = self.snapshot.upstreams.get(&target.provider)?;
        upstream.price_of(self.asked.head.dialect, &target.model).find(
            &self.snapshot.catalogue,
            &target.model,
            self.asked.at,
        )
    }

    /// What the call is likely to cost: its input as it is estimated, of a conversation that is there read from a cache, and
    /// the output that is usual for its team and model.
    fn price(&self, target: &Target, row: Option<&Row>) -> Option<Money> {
        if self.asked.head.operation != Operation::Chat {
            let usage = Usage { input_tokens: self.needs().input_tokens, ..Usage::default() };
            return Some(self.price_of(target, row?, usage));
        }
        let is_warm = self.needs().turns > 1 && self.place().as_ref() == Some(target);
        self.cost(target, row?, is_warm)
    }

    /// What these counts of input cost, with the output that is usual for the call's team and model.
    fn price_of(&self, target: &Target, row: &Row, input: Usage) -> Money {
        let team = &self.booked.attribution.team;
        let weight = Weight { text_bytes: self.needs().input_tokens.saturating_mul(BYTES_PER_TOKEN), media: 0 };
        let most = self.asked.peek.output_tokens_max;
        let estimate = self.experience.lessons.estimate(team, &target.model, weight, most);
        let usage = Usage { output_tokens: estimate.output_usual, ..input };
        let buyer = Buyer { provider: &target.provider, model: &target.model, began: self.asked.at };
        self.snapshot.terms.price(row, &usage, self.tier(), buyer).amount
    }

    /// The tier that the call asks for in its body.
    fn tier(&self) -> ServiceTier {
        tier_of(self.asked.head.dialect, self.asked.members)
    }

    fn needs(&self) -> &Needs {
        self.needs.get_or_init(|| needs(self.asked.members, self.asked.peek))
    }

    /// What kind of task the call is; what its session, or else its conversation, was about when it began.
    #[must_use]
    pub fn task(&self) -> &Task {
        self.task.get_or_init(|| self.find_task(self.asked.session.or_else(|| self.conversation())))
    }

    fn find_task(&self, session: Option<u64>) -> Task {
        let find = || {
            let said = self.passages().texts.iter().map(|passage| (passage.channel, passage.turn, &*passage.text));
            task(said, self.needs())
        };
        let Experience { sessions, now, .. } = self.experience;
        session.map_or_else(find, |session| sessions.task(session, now, find))
    }

    /// What kind of task a chat is, where a condition asked for it, or where it is one of so many in a million of which it is
    /// found in any case.
    #[must_use]
    pub fn look(&self, millionths: u32) -> Option<&Task> {
        let is_drawn = || sum(self.asked.id.as_bytes()) % 1_000_000 < u64::from(millionths);
        if self.asked.head.operation == Operation::Chat && is_drawn() {
            return Some(self.task());
        }
        self.found_task()
    }

    /// The same, where anything has asked for it.
    #[must_use]
    pub fn found_task(&self) -> Option<&Task> {
        self.task.get()
    }

    /// The facts of the call, as far as a condition asks for them.
    fn facts(&self, condition: &Condition) -> Facts<'_> {
        let task = condition.asks_task().then(|| self.task());
        let budget_left = if condition.asks_budget() { self.budget_left() } else { 1.0 };
        let (needs, Attribution { key_id, team, project, environment, tags }) = (self.needs(), self.booked.attribution);
        Facts {
            team,
            project: project.as_deref().unwrap_or_default(),
            environment: environment.as_deref().unwrap_or_default(),
            key: key_id,
            model: &self.asked.peek.model,
            dialect: self.asked.head.dialect.as_str(),
            tags,
            stream: self.asked.peek.stream,
            tools: needs.tools,
            schema: needs.json_schema,
            reasoning: needs.reasoning,
            images: needs.images,
            documents: needs.documents,
            turns: needs.turns,
            input_tokens: needs.input_tokens,
            output_tokens_max: needs.output_tokens_max.unwrap_or_default(),
            task: task.map_or("", |task| task.class),
            difficulty: task.map_or(0.0, |task| task.difficulty),
            budget_left,
            at: self.asked.at,
            zone: Some(self.snapshot.routes.zone()),
        }
    }

    /// What is left of the budget of which least is, as a part of its amount.
    fn budget_left(&self) -> f64 {
        let payer = Payer { attribution: self.booked.attribution, model: &self.asked.peek.model };
        f64::from(self.experience.purses.millionths_left(&payer, self.asked.at)) / 1e6
    }
}

/// The targets of these, in their order. What stands in a route by itself and in one among its targets is tried once.
fn once<'c>(plan: &Plan, considered: impl Iterator<Item = &'c Considered>) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for Considered { candidate, .. } in considered {
        if plan.rule.entries.is_empty() || !targets.contains(&candidate.target) {
            targets.push(candidate.target.clone());
        }
    }
    targets
}

/// No target may or can serve the call.
fn nobody(model: &str, considered: &[Considered]) -> Fault {
    let lacks = considered.iter().filter_map(|one| match &one.dropped {
        Some(Dropped::Lacks(lack)) => Some(format!("{} ({lack})", one.candidate.target.model)),
        _ => None,
    });
    let lacks: Vec<String> = lacks.collect();
    let model: String = model.chars().filter(|c| !c.is_control()).take(120).collect();
    let away = considered.iter().find_map(|one| match &one.dropped {
        Some(Dropped::Away(away)) => Some(away),
        _ => None,
    });
    if let Some(away) = away.filter(|_| lacks.is_empty()) {
        let message = format!("No target of the model '{model}' may serve this call: {away}.");
        return Fault::new(Class::Forbidden, Origin::Caller, "residency", message).at("model");
    }
    if lacks.is_empty() {
        let message = format!(
            "No target of the model '{model}' is for calls like this one: the conditions of its route do not hold."
        );
        return Fault::new(Class::NotFound, Origin::Caller, "no_target", message).at("model");
    }
    let message = format!("The model '{model}' cannot do what this request asks: {}.", lacks.join("; "));
    Fault::new(Class::Unsupported, Origin::Caller, "not_able", message).at("model")
}
