//! What is worth keeping: answers that the request alone makes, and that came whole.

use crate::guard::HITS_MAX;
use serde_json::Value;
use tg_kernel::chat::StopReason;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::guarded::{Verdict, Way};
use tg_kernel::record::{Ending, Record, Served};
use tg_kernel::target::Target;
use tg_kernel::usage::UsageSource;

/// Where dialects and families of models write the temperature.
const TEMPERATURES: [&str; 3] = ["/temperature", "/inferenceConfig/temperature", "/textGenerationConfig/temperature"];

/// Where dialects and families of models write how many answers are wanted.
const CHOICES: [&str; 3] = ["n", "num_generations", "numResults"];

/// Members by which compatible servers are told to search.
const SEARCHES: [&str; 3] = ["search_parameters", "plugins", "enable_search"];

/// Whether a request says that the same is to be answered each time: at temperature 0, or from a stated seed. Vectors are the
/// same anyway.
#[must_use]
pub fn is_determined(operation: Operation, body: &Value) -> bool {
    let is_zero = |place: &str| body.pointer(place).and_then(Value::as_f64) == Some(0.0);
    operation == Operation::Embeddings || TEMPERATURES.iter().any(|place| is_zero(place)) || body["seed"].is_number()
}

/// Whether an answer to what is asked of `model`, and may go to `targets`, rests on nothing but the request. What a provider
/// looks up, runs or keeps for the caller may be another thing the next time; sound is kept by providers for a while only. Of
/// several answers at once only one says why it ended.
#[must_use]
pub fn rests_on_itself(dialect: Dialect, model: &str, targets: &[Target], body: &Value) -> bool {
    let stands = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    let runs_elsewhere = |tool: &Value| {
        let kind = tool.get("type").and_then(Value::as_str);
        kind.is_some_and(|kind| !matches!(kind, "function" | "custom")) || tool.get("systemTool").is_some()
    };
    let tools = body.get("tools").or_else(|| body.pointer("/toolConfig/tools")).and_then(Value::as_array);
    if tools.is_some_and(|tools| tools.iter().any(runs_elsewhere)) {
        return false;
    }
    // A prompt that Bedrock keeps may be edited.
    if model.contains(":prompt/") || targets.iter().any(|target| searches(&target.model)) {
        return false;
    }
    let many = |name: &str| body.get(name).and_then(Value::as_f64).is_some_and(|count| count > 1.0);
    // So may the draft of a guardrail.
    let is_draft = body.pointer("/guardrailConfig/guardrailVersion").and_then(Value::as_str) == Some("DRAFT");
    if is_draft || CHOICES.iter().any(|name| many(name)) {
        return false;
    }
    let elsewhere: &[&str] = match dialect {
        Dialect::OpenaiChat => &["web_search_options", "audio"],
        Dialect::OpenaiResponses => &["conversation", "prompt", "background"],
        Dialect::AnthropicMessages => &["container", "mcp_servers"],
        Dialect::OpenaiEmbeddings | Dialect::BedrockConverse | Dialect::BedrockInvoke => &[],
    };
    let is_off = |name: &str| body.get(name) == Some(&Value::Bool(false));
    !elsewhere.iter().chain(&SEARCHES).any(|name| stands(name) && !is_off(name))
}

/// Whether a model of this name searches by itself: `gpt-4o-search-preview`, `o3-deep-research`, `sonar-pro`, `…:online`.
fn searches(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    let mut words = model.split(|letter: char| !letter.is_alphanumeric());
    model.contains("deep-research") || words.any(|word| matches!(word, "search" | "sonar" | "online"))
}

/// Whether the answer of this finished call may be given again: it came whole, from the target that was first in line, was
/// ended by the model itself, was counted, and no rule of a guardrail found anything in it. A call that a rule has changed
/// is answered for itself alone: its answer may have what was taken out of it put back.
#[must_use]
pub fn may_be_kept(record: &Record, first: &Target) -> bool {
    let Some(served) = record.served.as_ref().filter(|_| record.ending == Ending::Ok && record.status == 200) else {
        return false;
    };
    // Where a profile is named in its place, the model is the one behind it.
    let is_same = |served: &Served| {
        let named = [Some(&served.model), served.profile.as_ref()];
        *served.provider == *first.provider && named.into_iter().flatten().any(|model| *model == first.model)
    };
    let is_first = is_same(served) && record.earlier.iter().all(|attempt| is_same(&attempt.served));
    let natural = [StopReason::EndTurn, StopReason::StopSequence, StopReason::ToolUse].map(StopReason::as_str);
    let is_whole = match record.asked.operation {
        Operation::Embeddings => true,
        Operation::Chat => served.stop.as_deref().is_some_and(|stop| natural.contains(&stop)),
        _ => false,
    };
    let is_clean = record.guarded.as_ref().is_none_or(|guarded| {
        // A full list may be one that was cut off.
        let is_all = guarded.hits.len() < HITS_MAX;
        guarded.verdict == Verdict::Passed && is_all && guarded.hits.iter().all(|hit| hit.way == Way::Input)
    });
    let is_counted = record.usage_source == UsageSource::Reported;
    record.fault.is_none() && is_first && is_whole && is_clean && is_counted
}
