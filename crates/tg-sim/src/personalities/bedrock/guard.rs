//! Guardrails apart from a model: ApplyGuardrail and InvokeGuardrailChecks.

use crate::books::Operation;
use crate::directive;
use crate::exchange::{Outcome, Received};
use crate::media;
use crate::personalities::anthropic::MISSING_SUFFIX;
use crate::refusal::Refusal;
use crate::reply::Stop;
use crate::shape::{Flaw, Node, sole_member};
use serde_json::{Map, Value, json};

/// Text that the guardrail blocks.
const BLOCKED: &str = "forbidden";

/// Text that it takes out.
const MASKED: &str = "mask-me";

/// What a guardrail answers instead.
const BLOCKED_ANSWER: &str = "Sorry, this is blocked.";

/// Ids of guardrails that begin so have filters for texts alone, and let pictures pass.
const TEXTS_ALONE: &str = "textonly";

/// Bounds on pictures: bytes of one, pixels of its side, how many of a request.
const IMAGE_BYTES_MAX: usize = 4 << 20;
const IMAGE_SIDE_MAX: u32 = 8_000;
const IMAGES_MAX: usize = 20;

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

/// A call of a model that may name a guardrail: strict about how, and blocked where the last text is.
pub(crate) fn watched(received: &Received, outcome: Outcome) -> Result<Outcome, Refusal> {
    let body = received.json()?;
    let root = Node::root(&body);
    let header = |name| Some(received.header(name)).filter(|value| !value.is_empty()).map(str::to_owned);
    let (id, version) = match root.get("guardrailConfig") {
        Some(config) => {
            config.only(&["guardrailIdentifier", "guardrailVersion", "trace", "streamProcessingMode"])?;
            let text = |name| config.need(name).and_then(|node| node.text()).map(str::to_owned);
            (Some(text("guardrailIdentifier")?), Some(text("guardrailVersion")?))
        }
        None => (header("x-amzn-bedrock-guardrailidentifier"), header("x-amzn-bedrock-guardrailversion")),
    };
    if id.is_none() && root.get("amazon-bedrock-guardrailConfig").is_some() {
        return Err(Refusal::new(400, "A guardrail configuration needs a guardrail identifier."));
    }
    let (id, version) = match (id, version) {
        (None, None) => return Ok(outcome),
        (Some(id), Some(version)) => (id, version),
        _ => return Err(Refusal::new(400, "A guardrail's identifier and version come together.")),
    };
    named(&id, &version)?;
    let Outcome::Chat(mut ask, wire) = outcome else { return Ok(outcome) };
    if ask.prompt.contains(BLOCKED) {
        BLOCKED_ANSWER.clone_into(&mut ask.prompt);
        ask.directive.stop = Some(Stop::Guardrail);
    }
    Ok(Outcome::Chat(ask, wire))
}

fn named(id: &str, version: &str) -> Result<(), Refusal> {
    let is_id = id.starts_with("arn:aws:bedrock:") || id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let is_version =
        version == "DRAFT" || (1..=8).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_digit());
    if id.is_empty() || !is_id && !id.ends_with(MISSING_SUFFIX) || !is_version {
        return Err(Refusal::new(400, "The guardrail identifier or version provided in the request is not valid."));
    }
    if id.ends_with(MISSING_SUFFIX) {
        return Err(Refusal::new(404, "The guardrail identifier provided in the request does not exist."));
    }
    Ok(())
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
    named(id, version)?;
    root.only(&["source", "content", "outputScope"])?;
    root.need("source")?.one_of(&["INPUT", "OUTPUT"])?;
    if let Some(scope) = root.get("outputScope") {
        scope.one_of(&["INTERVENTIONS", "FULL"])?;
    }
    let (texts, images) = contents(root)?;
    let guarded = if id.starts_with(TEXTS_ALONE) { 0 } else { images.len() };
    let seen = images.iter().take(guarded).any(|image| media::is_flagged(image));
    let units: usize = texts.iter().map(|text| units(text)).sum();
    if let Some(scripted) = texts.iter().filter_map(|text| directive::read(text).ok()?.1.refusal).next() {
        return Err(Refusal::new(scripted.status, "as the script has it"));
    }
    let has = |word: &str| texts.iter().any(|text| text.contains(word));
    let (blocked, masked) = (has(BLOCKED), has(MASKED));
    let intervened = blocked || masked || seen;
    let outputs = match () {
        () if blocked || seen => json!([{ "text": BLOCKED_ANSWER }]),
        () if masked => texts.iter().map(|text| json!({ "text": text.replace(MASKED, "{EMAIL}") })).collect(),
        () => json!([]),
    };
    let mut assessment = json!({});
    if blocked {
        let topic = json!({ "name": "House rules", "type": "DENY", "action": "BLOCKED", "detected": true });
        assessment["topicPolicy"] = json!({ "topics": [topic] });
    }
    if masked {
        let entity = json!({ "type": "EMAIL", "match": MASKED, "action": "ANONYMIZED", "detected": true });
        assessment["sensitiveInformationPolicy"] = json!({ "piiEntities": [entity], "regexes": [] });
    }
    if seen {
        let filter = json!({ "type": "VIOLENCE", "confidence": "HIGH", "filterStrength": "HIGH", "action": "BLOCKED",
            "detected": true });
        assessment["contentPolicy"] = json!({ "filters": [filter] });
    }
    let characters: usize = texts.iter().map(|text| text.chars().count()).sum();
    let mut coverage = json!({ "textCharacters": { "guarded": characters, "total": characters } });
    if !images.is_empty() {
        coverage["images"] = json!({ "guarded": guarded, "total": images.len() });
    }
    let body = json!({
        "usage": { "topicPolicyUnits": 0, "contentPolicyUnits": units, "wordPolicyUnits": units,
            "sensitiveInformationPolicyUnits": 0, "sensitiveInformationPolicyFreeUnits": 0,
            "contextualGroundingPolicyUnits": 0, "contentPolicyImageUnits": guarded },
        "guardrailCoverage": coverage,
        "action": if intervened { "GUARDRAIL_INTERVENED" } else { "NONE" },
        "outputs": outputs,
        "assessments": [assessment],
    });
    Ok(Outcome::done(id.to_owned(), body))
}

/// The texts and the pictures of a request to a guardrail.
fn contents(root: &Node<'_>) -> Result<(Vec<String>, Vec<Vec<u8>>), Refusal> {
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for block in root.need("content")?.items()? {
        match sole_member(&block)? {
            ("text", text) => {
                text.only(&["text", "qualifiers"])?;
                texts.push(text.need("text")?.text()?.to_owned());
            }
            ("image", image) => images.push(picture(&image)?),
            _ => return Err(Refusal::from(block.flaw("content must be text or image"))),
        }
    }
    if images.len() > IMAGES_MAX {
        return Err(Refusal::new(400, "The request has too many images."));
    }
    Ok((texts, images))
}

/// A picture, as guardrails take one.
fn picture(image: &Node<'_>) -> Result<Vec<u8>, Flaw> {
    image.only(&["format", "source"])?;
    let format = image.need("format")?.one_of(&["png", "jpeg"])?;
    let (member, bytes) = sole_member(&image.need("source")?)?;
    if member != "bytes" {
        return Err(image.flaw("source must be bytes"));
    }
    let decoded = media::base64(&bytes)?;
    media::check_image(&bytes, format, &decoded)?;
    if decoded.len() > IMAGE_BYTES_MAX {
        return Err(bytes.flaw("The image is larger than 4 MB"));
    }
    if media::png_size(&decoded).is_some_and(|(width, height)| width.max(height) > IMAGE_SIDE_MAX) {
        return Err(bytes.flaw("The image is larger than 8000x8000"));
    }
    Ok(decoded)
}

fn checks(root: &Node<'_>) -> Result<Outcome, Flaw> {
    root.only(&["messages", "checks"])?;
    let wanted = root.need("checks")?;
    wanted.only(&POLICIES)?;
    let (mut all, mut flagged) = (0, false);
    for turn in root.need("messages")?.items()? {
        turn.only(&["role", "content"])?;
        turn.need("role")?.one_of(&["system", "user", "assistant"])?;
        for block in turn.need("content")?.items()? {
            let text = block.need("text")?.text()?;
            if text.is_empty() {
                return Err(block.flaw("Member must have length greater than or equal to 1"));
            }
            flagged |= text.contains(BLOCKED);
            all += units(text);
        }
    }
    let (mut results, mut usage) = (Map::new(), Map::new());
    for policy in POLICIES.into_iter().filter(|policy| wanted.get(policy).is_some()) {
        results.insert(policy.to_owned(), json!({ "results": scores(&wanted.need(policy)?, policy, flagged)? }));
        usage.insert(policy.to_owned(), json!({ "textUnits": all }));
    }
    Ok(Outcome::done("guardrail-checks".to_owned(), json!({ "results": results, "usage": usage })))
}

/// The score of each category that is asked for; an entity is found where the text is flagged.
fn scores(wanted: &Node<'_>, policy: &str, flagged: bool) -> Result<Vec<Value>, Flaw> {
    let score = if flagged { 0.9 } else { 0.05 };
    let (list, member, words): (_, _, &[&str]) = match policy {
        "contentFilter" => ("categories", "category", &["VIOLENCE", "HATE", "SEXUAL", "MISCONDUCT", "INSULTS"]),
        "promptAttack" => ("categories", "category", &["JAILBREAK", "PROMPT_INJECTION", "PROMPT_LEAKAGE"]),
        _ => ("entities", "type", &[]),
    };
    wanted.only(&[list])?;
    let mut scores = Vec::new();
    for entry in wanted.need(list)?.items()? {
        entry.only(&[member])?;
        let word = entry.need(member)?;
        if !words.is_empty() {
            scores.push(json!({ member: word.one_of(words)?, "severityScore": score }));
        } else if flagged {
            scores.push(json!({ member: word.text()?, "confidenceScore": score, "beginOffset": 0, "endOffset": 1,
                "messageIndex": 0, "contentIndex": 0 }));
        }
    }
    Ok(scores)
}

fn units(text: &str) -> usize {
    text.chars().count().div_ceil(UNIT_CHARS)
}
