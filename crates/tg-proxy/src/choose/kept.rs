//! Calls that lean on what a provider keeps: they go to the account that has it, and to no other.

use super::{Choosing, sum};
use serde_json::Value;
use tg_dialect::scan::Members;
use tg_kernel::dialect::Dialect;
use tg_kernel::target::Target;
use tg_policy::route::{Plan, RuleTarget, mixed};

/// So that an answer and a conversation of one name are two things.
const ANSWER: u64 = 0x616e_7377;
const CONVERSATION: u64 = 0x636f_6e76;

/// By what an answer is known again that a provider keeps, to calls of this team.
pub(crate) fn answer(team: &str, id: &str) -> u64 {
    known(team, id, ANSWER)
}

/// What one team names says nothing of where another's things of that name are.
fn known(team: &str, id: &str, kind: u64) -> u64 {
    mixed(sum(id.as_bytes()) ^ kind ^ mixed(sum(team.as_bytes())))
}

/// By what the conversation is known again that a call of this team goes on with, at a provider that keeps it.
pub(crate) fn conversation(team: &str, dialect: Dialect, members: &Members<'_>) -> Option<u64> {
    let raw = members.get("conversation").filter(|_| dialect == Dialect::OpenaiResponses)?;
    let id = match serde_json::from_slice(raw).ok()? {
        Value::String(id) => id,
        Value::Object(conversation) => conversation.get("id")?.as_str()?.to_owned(),
        _ => return None,
    };
    Some(known(team, &id, CONVERSATION))
}

impl Choosing<'_> {
    /// On what the call leans that a provider keeps; `None` where it stands by itself.
    fn kept(&self) -> Option<u64> {
        let (dialect, members) = (self.asked.head.dialect, self.asked.members);
        if dialect != Dialect::OpenaiResponses {
            return None;
        }
        let team = &self.booked.attribution.team;
        let previous = members.string("previous_response_id").ok().flatten();
        previous.map(|id| answer(team, &id)).or_else(|| conversation(team, dialect, members))
    }

    /// The plan for a call that leans on what a provider keeps: there alone, where that is known, also if it is one of the
    /// cheaper models of a rule by tasks; else as the route's targets stand, whatever its strategy. `Err` with the plan as it
    /// was where the call stands by itself.
    pub(super) fn by_keeper(&self, plan: Plan) -> Result<Plan, Plan> {
        let Some(kept) = self.kept() else { return Err(plan) };
        let keeper = self.experience.sessions.keepers.of(kept, self.experience.now);
        let mut targets = plan.targets;
        let is_there = |target: &Target| keeper.as_ref().is_some_and(|keeper| keeper.provider == target.provider);
        let steps = plan.rule.tasks.iter().flat_map(|rule| &rule.steps);
        let may = |keeper: &Target| self.is_able(keeper) && self.away(&plan.rule.name, keeper).is_none();
        let is_step =
            keeper.as_ref().is_some_and(|keeper| steps.into_iter().any(|step| step.target == *keeper) && may(keeper));
        if is_step || targets.iter().any(is_there) {
            targets.retain(is_there);
        } else {
            let is_declared = |declared: &RuleTarget, target: &Target| {
                declared.provider == target.provider
                    && declared.model.as_ref().is_none_or(|model| *model == target.model)
            };
            let declared = &plan.rule.targets;
            targets.sort_by_key(|target| declared.iter().position(|declared| is_declared(declared, target)));
        }
        // The very model, where it may serve such calls: its prompt cache is warm.
        if let Some(keeper) = keeper
            && (is_step || targets.contains(&keeper))
        {
            targets.retain(|target| *target != keeper);
            targets.insert(0, keeper);
        }
        Ok(Plan { targets, ..plan })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_team_s_words_say_nothing_of_what_another_keeps() {
        assert_ne!(answer("red", "resp_1"), answer("blue", "resp_1"));
        assert_ne!(answer("red", "one"), known("red", "one", CONVERSATION));
        assert_ne!(known("red", "one", CONVERSATION), known("blue", "one", CONVERSATION));
    }
}
