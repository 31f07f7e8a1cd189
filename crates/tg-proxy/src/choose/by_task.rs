//! What a route's rule by tasks makes of one call: which cheaper model is for it, and whether moving it there is worth what
//! its prompt cache is worth where it is.

use super::{Choosing, sum};
use http::HeaderMap;
use std::sync::Arc;
use tg_catalog::Row;
use tg_dialect::passages::Passages;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::passage::Channel;
use tg_kernel::target::Target;
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;
use tg_policy::route::steps::{Mode, Policy, Prompt};
use tg_policy::route::{Plan, Routed, Stays, Strategy, Task, TaskRouting, mixed};

/// By which a caller keeps a call out of rules by tasks.
pub const ROUTING: &str = "x-tallygate-routing";

/// Fewest tokens that a prompt cache takes, where the catalogue does not say.
const CACHE_MIN: u64 = 1_024;

/// Bytes of a text by which the beginning of a conversation is known again.
const BEGINNING_BYTES: usize = 2_048;

/// Whether a call keeps out of rules by tasks, as its headers say.
///
/// # Errors
/// `Class::Malformed` where they say neither `off` nor `on`.
pub fn opts_out(headers: &HeaderMap) -> Result<bool, Fault> {
    match headers.get(ROUTING).map(http::HeaderValue::as_bytes) {
        None | Some(b"on") => Ok(false),
        Some(b"off") => Ok(true),
        Some(_) => {
            let message = format!("The header {ROUTING} says neither 'off' nor 'on'.");
            Err(Fault::new(Class::Malformed, Origin::Caller, "routing_header", message))
        }
    }
}

/// What a conversation's move would cost and save. Prices as far as they are known.
struct Worth {
    here: Option<Money>,
    there: Option<Money>,
    /// Whether the conversation's prompt may stand in a cache where the call goes without the rule.
    is_warm: bool,
}

impl Choosing<'_> {
    /// The plan, with what the route's rule by tasks makes of it.
    ///
    /// # Errors
    /// `Class::Forbidden` (`routing_not_optional`) where the call wants none of it and its team's calls may not.
    pub(super) fn by_task(&self, plan: Plan) -> Result<Plan, Fault> {
        let rule = plan.rule.tasks.as_ref().filter(|_| self.asked.head.operation == Operation::Chat);
        let (Some(rule), Some(from)) = (rule, plan.targets.first()) else { return Ok(plan) };
        let policy = rule.policy(&self.booked.attribution.team);
        if self.asked.opts_out && !policy.opt_out && policy.mode == Mode::Enforce {
            let message = format!("Calls of this team may not keep out of task routing: leave out {ROUTING}.");
            return Err(Fault::new(Class::Forbidden, Origin::Caller, "routing_not_optional", message));
        }
        let routed = Arc::new(self.routed(rule, policy, (from, &plan.rule.name)));
        let mut targets = plan.targets;
        if let Some(to) = routed.to.as_ref().filter(|_| routed.is_moved()) {
            // Where the cheaper one fails, the route's own are there.
            targets.retain(|target| target != to);
            targets.insert(0, to.clone());
        }
        Ok(Plan { targets, routed: Some(routed), ..plan })
    }

    fn routed(&self, rule: &Arc<TaskRouting>, policy: Policy, (from, route): (&Target, &str)) -> Routed {
        let task = *self.task_in(self.conversation());
        let mut routed = Routed {
            rule: Arc::clone(rule),
            mode: policy.mode,
            task,
            to: None,
            from: from.clone(),
            prices: (None, None),
            stays: Some(Stays::NoStep),
            fits: false,
        };
        let Some(wanted) = rule.wanted(policy, &task) else { return routed };
        routed.fits = wanted.fits;
        let steps = rule.steps.get(wanted.steps).unwrap_or_default();
        let place = self.place();
        let may = |target: &&Target| self.is_able(target) && self.away(route, target).is_none();
        let able = || steps.iter().map(|step| &step.target).filter(may);
        // A conversation that is at one of them stays there.
        let stands = able().find(|target| place.as_ref() == Some(*target));
        let Some(to) = stands.or_else(|| able().next()).filter(|to| *to != from) else {
            routed.stays =
                Some(if steps.iter().any(|step| step.target == *from) { Stays::NoStep } else { Stays::Unable });
            return routed;
        };
        let worth = self.worth(from, to, place.as_ref());
        routed.to = Some(to.clone());
        routed.prices = (worth.here, worth.there);
        routed.stays = if self.asked.opts_out && policy.opt_out {
            Some(Stays::OptedOut)
        } else if self.experience.qualities.is_off(&rule.rule) {
            Some(Stays::SwitchedOff)
        } else {
            worth.stays()
        };
        routed
    }

    /// By what the calls of one conversation are known: the model that they ask for, their session if they name one, and
    /// their beginning, which each of them repeats. A session's other calls (titles, summaries, agents) are none of it.
    #[must_use]
    pub fn conversation(&self) -> Option<u64> {
        *self.conversation.get_or_init(|| {
            let (session, beginning) = (self.asked.session, self.beginning());
            let known = session.into_iter().chain(beginning).reduce(|known, part| mixed(known ^ part))?;
            Some(mixed(known ^ sum(self.asked.peek.model.as_bytes())))
        })
    }

    /// The same, where it matters where a conversation is: what its calls cost there.
    #[must_use]
    pub fn followed(&self, plan: &Plan) -> Option<u64> {
        let is_chat = self.asked.head.operation == Operation::Chat;
        let is_priced = is_chat && plan.rule.targets.len() > 1 && plan.rule.has_order(Strategy::is_priced);
        if plan.routed.is_some() || is_priced { self.conversation() } else { None }
    }

    fn beginning(&self) -> Option<u64> {
        let texts = &self.passages().texts;
        let first =
            texts.iter().filter(|passage| passage.channel == Channel::User).map(|passage| passage.turn).min()?;
        let begins = |passage: &&tg_dialect::passages::Passage<'_>| {
            passage.channel == Channel::System || passage.channel == Channel::User && passage.turn == first
        };
        let beginning =
            texts.iter().filter(begins).fold(sum(self.booked.attribution.key_id.as_bytes()), |sum_, passage| {
                let text = passage.text.as_bytes();
                let head = text.get(..BEGINNING_BYTES).unwrap_or(text);
                mixed(sum_ ^ sum(head) ^ text.len() as u64)
            });
        Some(beginning)
    }

    /// Where the conversation was served of late.
    pub(super) fn place(&self) -> Option<Target> {
        let conversation = self.conversation()?;
        self.experience.sessions.place(conversation, self.experience.now)
    }

    pub(super) fn passages(&self) -> &Passages<'_> {
        self.passages.get_or_init(|| Passages::of_request(self.asked.members))
    }

    pub(super) fn is_able(&self, target: &Target) -> bool {
        self.row(target).is_none_or(|row| super::lack(&row, self.needs()).is_none())
    }

    /// What the call costs where it is, and at the other model. A conversation that was served nowhere of late, but has gone
    /// on for some turns, is taken to be where it goes without the rule.
    fn worth(&self, from: &Target, to: &Target, place: Option<&Target>) -> Worth {
        let goes_on = self.needs().turns > 1;
        let is_at = |target: &Target| match place {
            Some(place) => place == target,
            None => goes_on && target == from,
        };
        let cost = |target: &Target| self.row(target).and_then(|row| self.cost(target, &row, is_at(target)));
        Worth { here: cost(from), there: cost(to), is_warm: goes_on && is_at(from) }
    }

    /// What the call is likely to cost at a target: where the conversation is there, what was sent before is read from a cache;
    /// elsewhere it is read anew, or written to a cache where the request asks for that.
    pub(super) fn cost(&self, target: &Target, row: &Row, is_warm: bool) -> Option<Money> {
        let needs = self.needs();
        let rates = row.rates(self.tier(), needs.input_tokens).rates;
        let marks = needs.cache_points > 0;
        // Who charges for writing caches what is marked alone; others cache all by themselves.
        let caches = rates.cache_read < rates.input && (marks || rates.cache_write_5m <= rates.input);
        let least = row.limits().cache_min.map_or(CACHE_MIN, u64::from);
        let prompt = Prompt::of(needs.input_tokens, needs.turns, if caches { least } else { u64::MAX });
        let written = if marks && caches && needs.input_tokens >= least { needs.input_tokens } else { 0 };
        let usage = if is_warm {
            Usage { input_tokens: prompt.fresh, cache_read_tokens: prompt.warm, ..Usage::default() }
        } else {
            let input_tokens = needs.input_tokens - written;
            Usage { input_tokens, cache_write_5m_tokens: written, ..Usage::default() }
        };
        Some(self.price_of(target, row, usage))
    }

    fn task_in(&self, session: Option<u64>) -> &Task {
        self.task.get_or_init(|| self.find_task(session))
    }
}

impl Worth {
    /// Whether the call is better off where it is. Where nobody knows what it costs, a conversation is not moved.
    fn stays(&self) -> Option<Stays> {
        match (self.here, self.there, self.is_warm) {
            (Some(here), Some(there), true) if there >= here => Some(Stays::WarmCache),
            (Some(here), Some(there), false) if there >= here => Some(Stays::Dearer),
            (Some(_), Some(_), _) | (_, _, false) => None,
            (_, _, true) => Some(Stays::WarmCache),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_moved_only_where_that_saves_more_than_its_cache_is_worth() {
        let money = |nanos: i64| Some(Money::from_nanos(nanos));
        for (here, there, is_warm, stays) in [
            (money(10), money(5), false, None),
            (money(10), money(5), true, None),
            (money(10), money(10), true, Some(Stays::WarmCache)),
            (money(10), money(12), false, Some(Stays::Dearer)),
            (None, money(5), true, Some(Stays::WarmCache)),
            (None, money(5), false, None),
        ] {
            assert_eq!(Worth { here, there, is_warm }.stays(), stays, "{here:?} {there:?} {is_warm}");
        }
    }

    #[test]
    fn a_header_says_off_or_on() {
        let said = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ROUTING, http::HeaderValue::from_static(value));
            opts_out(&headers).map_err(|fault| fault.code)
        };
        assert_eq!((said("off"), said("on"), said("maybe")), (Ok(true), Ok(false), Err("routing_header")));
        assert_eq!(opts_out(&HeaderMap::new()).ok(), Some(false));
    }
}
