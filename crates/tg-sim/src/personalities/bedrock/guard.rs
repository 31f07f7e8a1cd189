//! Guardrails apart from a model: ApplyGuardrail and InvokeGuardrailChecks.

use crate::books::Operation;
use crate::exchange::{Outcome, Received};
use crate::personalities::anthropic::MISSING_SUFFIX;
use crate::refusal::Refusal;
use crate::shape::{Flaw, Node, sole_member};
use serde_json::{Map, Value, json};

/// Text that the guardrail blocks.
const BLOCKED: &str = "forbidden";

/// A text unit is up to so many characters.
const UNIT_CHARS: usize = 1000;

const POLICIES: [&str; 3] = ["contentFilter", "promptAttack", "sensitiveInformation"];

/// Answers a path of guardrails; `None` for another one.
pub(crate) fn answer(received: &Received) -> Option<Result<Outcome, Refusal>> {
    if received.path() == "/guardrail-checks/invoke" {
        return Some(noted(received, "guardrail-checks").and_then(|root| Ok(checks(&Node::root(&root))?)));
    }
    let rest = received.path().strip_prefix("/guardrail/")?.strip_suffix("/apply")?;
    let (id, version) = rest.rsplit_once("/version/")?;
    let (id, version) = (super::decode(id), super::decode(version));
    Some(noted(received, &id).and_then(|root| apply(&Node::root(&root), &id, &version)))
}

fn noted(received: &Received, model: &str) -> Result<Value, Refusal> {
    received.note(Operation::Guardrail);
    received.note_model(model);
    if received.method() != "POST" {
        return Err(Refusal::named(405, "UnknownOperationException", "only POST is served here"));
    }
    received.json()
}

fn apply(root: &Node<'_>, id: &str, version: &str) -> Result<Outcome, Refusal> {
    let is_id = id.starts_with("arn:aws:bedrock:") || id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let is_version =
        version == "DRAFT" || (1..=8).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_digit());
    if id.is_empty() || !is_id && !id.ends_with(MISSING_SUFFIX) || !is_version {
        return Err(Refusal::new(400, "The guardrail identifier or version provided in the request is not valid."));
    }
    if id.ends_with(MISSING_SUFFIX) {
        return Err(Refusal::new(404, "The guardrail identifier provided in the request does not exist."));
    }
    root.only(&["source", "content", "outputScope"])?;
    root.need("source")?.one_of(&["INPUT", "OUTPUT"])?;
    if let Some(scope) = root.get("outputScope") {
        scope.one_of(&["INTERVENTIONS", "FULL"])?;
    }
    let mut texts = Vec::new();
    for block in root.need("content")?.items()? {
        match sole_member(&block)? {
            ("text", text) => {
                text.only(&["text", "qualifiers"])?;
                texts.push(text.need("text")?.text()?.to_owned());
            }
            ("image", _) => {}
            _ => return Err(Refusal::from(block.flaw("content must be text or image"))),
        }
    }
    let units: usize = texts.iter().map(|text| units(text)).sum();
    let intervened = texts.iter().any(|text| text.contains(BLOCKED));
    let outputs = if intervened { json!([{ "text": "Sorry, this is blocked." }]) } else { json!([]) };
    let body = json!({
        "usage": { "topicPolicyUnits": 0, "contentPolicyUnits": units, "wordPolicyUnits": units,
            "sensitiveInformationPolicyUnits": 0, "sensitiveInformationPolicyFreeUnits": 0,
            "contextualGroundingPolicyUnits": 0 },
        "action": if intervened { "GUARDRAIL_INTERVENED" } else { "NONE" },
        "outputs": outputs,
        "assessments": [{}],
    });
    Ok(Outcome::done(id.to_owned(), body))
}

fn checks(root: &Node<'_>) -> Result<Outcome, Flaw> {
    root.only(&["messages", "checks"])?;
    let wanted = root.need("checks")?;
    wanted.only(&POLICIES)?;
    let mut all = 0;
    for turn in root.need("messages")?.items()? {
        turn.only(&["role", "content"])?;
        turn.need("role")?.one_of(&["system", "user", "assistant"])?;
        for block in turn.need("content")?.items()? {
            all += units(block.need("text")?.text()?);
        }
    }
    let (mut results, mut usage) = (Map::new(), Map::new());
    for policy in POLICIES.into_iter().filter(|policy| wanted.get(policy).is_some()) {
        results.insert(policy.to_owned(), json!({ "results": [] }));
        usage.insert(policy.to_owned(), json!({ "textUnits": all }));
    }
    Ok(Outcome::done("guardrail-checks".to_owned(), json!({ "results": results, "usage": usage })))
}

fn units(text: &str) -> usize {
    text.chars().count().div_ceil(UNIT_CHARS)
}
