//! The question which of two answers is better, put to a model: a call of its own, checked and paid for as any.

use super::copy::{Birth, begun, send};
use super::hearing::{Comparison, Hearing, Judging, Said};
use super::places::Fate;
use crate::choose::away;
use crate::flow::Ready;
use crate::guarding::Cleared;
use crate::guarding::request::{self, Question};
use crate::living::Worker;
use crate::recognise::Head;
use crate::snapshot::Snapshot;
use bytes::Bytes;
use http::{HeaderMap, Request};
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;
use tg_dialect::dialect::RequestFacts;
use tg_dialect::dialects::peek;
use tg_dialect::passages::Passages;
use tg_dialect::scan::Members;
use tg_kernel::decided::Purpose;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_kernel::trace::TraceContext;
use tg_policy::route::compare::{INSTRUCTIONS, question};
use tg_policy::route::steps::Judge;
use tg_policy::route::{OnLoss, Plan, mixed};

/// Most output tokens of a judge. It says one word; models that reason think before.
const OUTPUT_TOKENS_MAX: u64 = 1_024;

/// Two answers to one call.
pub(super) struct Case {
    pub(super) comparison: Comparison,
    /// What the copy was answered.
    pub(super) copied: Said,
    /// What was asked, as far as the checks let it go.
    pub(super) body: Cleared,
    /// The name of the model that was asked for: by it guardrails, limits and budgets are found.
    pub(super) model: String,
    pub(super) plan: Plan,
    pub(super) booked: Attribution,
    pub(super) trace: TraceContext,
}

/// Asks the rule's judge. What comes of it stands in the row of the judge's call.
pub(super) async fn ask(worker: &Arc<Worker>, snapshot: &Arc<Snapshot>, case: Case) {
    let is_asked = ask_of(worker, snapshot, case).await;
    if is_asked.is_none() {
        worker.living.shadows.note(Purpose::Judge, Fate::Blocked);
    }
}

/// `None` where values that guardrails keep from models stand in an answer, or the question may not go.
async fn ask_of(worker: &Arc<Worker>, snapshot: &Arc<Snapshot>, case: Case) -> Option<()> {
    let brief = Brief::of(&case)?;
    let Case { comparison, plan, booked, trace, model, .. } = case;
    let Judge::Model { target, booked_to } = &comparison.judge else { return None };
    // Whose the texts are, and who pays for the question.
    let (whose, other) = (booked, booked_to.as_ref());
    if away(snapshot, &whose, [&model, &plan.rule.name], target).is_some() {
        return None;
    }
    let other = other.map(|team| {
        let (team, key_id) = (Arc::clone(team), whose.key_id.clone());
        Attribution { team, key_id, ..Attribution::default() }
    });
    let booked = other.as_ref().unwrap_or(&whose).clone();
    let plan = Plan { targets: vec![target.clone()], on_loss: OnLoss::Report, routed: None, ..plan };
    let call = Head { dialect: Dialect::OpenaiChat, operation: Operation::Chat, facts: RequestFacts::default() };
    let members = Members::scan(&brief.body).ok()?;
    let peek = peek(call.dialect, &call.facts, &members).ok()?;
    let birth = Birth { purpose: Purpose::Judge, of: comparison.of, booked, trace };
    let (mut settlement, trace) = begun(worker, snapshot, birth, (&call, &peek, &brief.body));
    // The guardrails of the call apply to what is asked about it, whoever pays for the question.
    let asked = Question { body: &brief.body, members: &members, model: &model, attribution: &whose };
    let checked = request::check(asked, &mut HeaderMap::new(), snapshot, &mut settlement).await;
    let Ok(Ok(request::Answer { cleared: body, attribution, .. })) = checked else {
        settlement.forgo();
        return None;
    };
    // Providers are told who pays.
    let attribution = other.unwrap_or(attribution);
    settlement.is_subject_to_checks_of(whose);
    let (id, arrived) = settlement.identity();
    let (head, ()) = Request::new(()).into_parts();
    let (session, conversation, deadline) = (None, None, None);
    let ready =
        Ready { head, call, body, peek, plan, id, arrived, trace, attribution, session, conversation, deadline };
    let judging = Judging { comparison, is_cheaper_first: brief.is_cheaper_first };
    settlement.hears(Hearing::judge(judging, &ready));
    send(worker, snapshot, &ready, settlement, Purpose::Judge).await;
    Some(())
}

/// What a judge is asked.
struct Brief {
    body: Bytes,
    is_cheaper_first: bool,
}

impl Brief {
    fn of(case: &Case) -> Option<Self> {
        let Case { comparison, copied, body, model, .. } = case;
        let original = comparison.original.as_ref().filter(|original| !original.is_private && !copied.is_private)?;
        // Which of the two comes first, so that a judge who likes the first, or the second, does nobody good.
        let lot = CallId::fresh().as_bytes().iter().fold(0, |lot, byte| mixed(lot ^ u64::from(*byte)));
        let is_cheaper_first = lot & 1 == 0;
        let is_copy_first = is_cheaper_first == comparison.is_copy_cheaper;
        let (first, second) = if is_copy_first { (copied, original) } else { (original, copied) };
        // Nobody who wrote the texts can know it.
        let mark = format!("### {:016x}", mixed(lot ^ 1));
        let messages = json!([
            { "role": "system", "content": INSTRUCTIONS },
            { "role": "user", "content": question(&mark, &asked(body)?, &first.text, &second.text) },
        ]);
        let request = json!({ "model": model, "messages": messages, "max_completion_tokens": OUTPUT_TOKENS_MAX });
        Some(Self { body: Bytes::from(request.to_string()), is_cheaper_first })
    }
}

/// What was asked, as a judge reads it.
fn asked(body: &[u8]) -> Option<String> {
    let members = Members::scan(body).ok()?;
    let mut asked = String::new();
    for passage in &Passages::of_request(&members).texts {
        let is_read = !matches!(passage.channel, Channel::Metadata | Channel::Reasoning);
        if is_read {
            writeln!(asked, "[{}] {}", passage.channel.as_str(), passage.text).ok()?;
        }
    }
    Some(asked)
}
