//! A guardrail of an AWS account, asked by Bedrock's `ApplyGuardrail`.

use super::opinion::{Answer, Failure, Way};
use super::picture::{Format, Picture, Sight};
use super::{Asker, post};
use crate::provider::Upstream;
use crate::providers::base::segment;
use serde_json::{Value, json};
use std::sync::Arc;

/// A guardrail, and the provider of the account and region that it is in.
pub struct AppliedGuardrail {
    upstream: Arc<Upstream>,
    path: String,
}

/// What guardrails take as pictures ("Block harmful images with content filters" in Bedrock's user guide).
const SIGHT: Sight = Sight { formats: &[Format::Png, Format::Jpeg], bytes_max: 4_000_000, side_max: Some(8_000) };

/// Where an assessment keeps its findings: the policy, its list, and the member that names a finding. What matched stands
/// beside (`match`) and is not read.
const FINDINGS: [(&str, &str, Name); 9] = [
    ("topicPolicy", "topics", Name::Member("name")),
    ("contentPolicy", "filters", Name::Member("type")),
    ("wordPolicy", "customWords", Name::Fixed("CUSTOM_WORD")),
    ("wordPolicy", "managedWordLists", Name::Member("type")),
    ("sensitiveInformationPolicy", "piiEntities", Name::Member("type")),
    ("sensitiveInformationPolicy", "regexes", Name::Member("name")),
    ("contextualGroundingPolicy", "filters", Name::Member("type")),
    ("imagePolicy", "filters", Name::Member("type")),
    ("automatedReasoningPolicy", "findings", Name::Fixed("AUTOMATED_REASONING")),
];

#[derive(Clone, Copy)]
enum Name {
    Member(&'static str),
    Fixed(&'static str),
}

impl AppliedGuardrail {
    /// The guardrail with this id or ARN, in this version (`DRAFT` or a number).
    #[must_use]
    pub fn new(upstream: Arc<Upstream>, id: &str, version: &str) -> Self {
        let path = format!("/guardrail/{}/version/{}/apply", segment(id), segment(version));
        Self { upstream, path }
    }

    pub(super) async fn ask(&self, asker: &Asker<'_>, way: Way, text: &str) -> Result<Answer, Failure> {
        let source = match way {
            Way::Input => "INPUT",
            Way::Output => "OUTPUT",
        };
        let body = json!({ "source": source, "content": [{ "text": { "text": text } }] });
        read(&post::ask(&self.upstream, asker, &self.path, &body).await?)
    }

    pub(super) const fn sight(&self) -> Sight {
        SIGHT
    }

    /// Asks about a picture. A guardrail whose filters are for texts alone lets it pass, and says that it has looked at none.
    pub(super) async fn look(&self, asker: &Asker<'_>, picture: &Picture) -> Result<Answer, Failure> {
        let image = json!({ "format": picture.format(), "source": { "bytes": picture.base64() } });
        let body = json!({ "source": "INPUT", "content": [{ "image": image }] });
        let body = post::ask(&self.upstream, asker, &self.path, &body).await?;
        let answer = read(&body)?;
        if answer == Answer::Clear && !looked(&body) {
            return Err(Failure::unreadable(
                "it does not say that it has looked at the picture: are its filters for images?",
            ));
        }
        Ok(answer)
    }
}

/// Whether an answer about one picture says that it was looked at.
fn looked(body: &Value) -> bool {
    body.pointer("/guardrailCoverage/images/guarded").and_then(Value::as_u64) == Some(1)
}

/// Reads an answer about one text.
fn read(body: &Value) -> Result<Answer, Failure> {
    match body.get("action").and_then(Value::as_str) {
        Some("NONE") => return Ok(Answer::Clear),
        Some("GUARDRAIL_INTERVENED") => {}
        _ => return Err(Failure::unreadable("its answer names no action that is known")),
    }
    let assessments = body.get("assessments").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut categories = Vec::new();
    // Whether all that it found is replaced in the text that it gives back.
    let mut replaced = true;
    for (policy, list, name) in FINDINGS {
        let lists = assessments.iter().filter_map(|assessment| assessment.get(policy)?.get(list)?.as_array());
        for finding in lists.flatten() {
            let action = finding.get("action").and_then(Value::as_str);
            if action == Some("NONE") {
                continue;
            }
            replaced &= action == Some("ANONYMIZED");
            categories.push(match name {
                Name::Member(member) => finding.get(member).and_then(Value::as_str).unwrap_or(policy),
                Name::Fixed(name) => name,
            });
        }
    }
    let outputs = body.get("outputs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = match outputs {
        [only] if replaced && !categories.is_empty() => only.get("text").and_then(Value::as_str),
        _ => None,
    };
    if categories.is_empty() {
        categories.push("GUARDRAIL_INTERVENED");
    }
    let Answer::Flagged { categories, .. } = Answer::flagged(categories) else { return Ok(Answer::Clear) };
    Ok(Answer::Flagged { categories, text: text.map(Arc::from) })
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::guard::opinion::Answer;
    use serde_json::{Value, json};

    fn shown(body: &Value) -> String {
        match read(body) {
            Ok(Answer::Clear) => "clear".to_owned(),
            Ok(Answer::Flagged { categories, text }) => {
                format!("{} {}", categories.join(","), text.as_deref().unwrap_or("-"))
            }
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn what_is_blocked_is_told_from_what_is_masked() {
        let pii = |action| json!({"type": "EMAIL", "match": "ann@example.com", "action": action});
        let with = |policies: Value, output: &str| json!({"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": output}], "assessments": [policies]});
        let masked =
            json!({"sensitiveInformationPolicy": {"piiEntities": [pii("ANONYMIZED"), pii("NONE")], "regexes": []}});
        let both = json!({
            "sensitiveInformationPolicy": {"piiEntities": [pii("ANONYMIZED")], "regexes": []},
            "topicPolicy": {"topics": [{"name": "Stock tips", "type": "DENY", "action": "BLOCKED"}]},
        });
        let word = json!({"wordPolicy": {"customWords": [{"match": "sesame", "action": "BLOCKED"}]}});
        let detected = json!({"contentPolicy": {"filters": [{"type": "HATE", "action": "NONE", "detected": true}]}});
        for (body, expected) in [
            (json!({"action": "NONE", "outputs": [], "assessments": [{}]}), "clear"),
            (json!({"action": "NONE", "assessments": [detected]}), "clear"),
            (with(masked, "mail {EMAIL}"), "EMAIL mail {EMAIL}"),
            (with(both, "Sorry."), "EMAIL,Stock tips -"),
            (with(word, "Sorry."), "CUSTOM_WORD -"),
            (with(json!({}), "Sorry."), "GUARDRAIL_INTERVENED -"),
            (json!({"action": "MAYBE"}), "unreadable: its answer names no action that is known"),
            (json!([]), "unreadable: its answer names no action that is known"),
        ] {
            assert_eq!(shown(&body), expected, "{body}");
        }
    }
}
