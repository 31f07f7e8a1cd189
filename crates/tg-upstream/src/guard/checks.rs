//! Bedrock's checks that need no guardrail of the account, asked by `InvokeGuardrailChecks`.

use super::opinion::{Answer, Failure, Way};
use super::{Asker, post};
use crate::provider::Upstream;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What can be checked for beside entities: the check, the member of the answer that has the score, and its categories.
const CHECKS: [(&str, &[&str]); 2] = [
    ("contentFilter", &["VIOLENCE", "HATE", "SEXUAL", "MISCONDUCT", "INSULTS"]),
    ("promptAttack", &["JAILBREAK", "PROMPT_INJECTION", "PROMPT_LEAKAGE"]),
];

/// The check for entities.
const ENTITIES: &str = "sensitiveInformation";

/// The checks, and from which score on what is found counts.
pub struct Checks {
    upstream: Arc<Upstream>,
    thresholds: BTreeMap<Arc<str>, f64>,
    wanted: Value,
}

impl Checks {
    /// Checks for the categories and entities that `thresholds` names, from these scores (0 to 1) on.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>, thresholds: BTreeMap<Arc<str>, f64>) -> Self {
        let mut wanted: Map<String, Value> = Map::new();
        for name in thresholds.keys() {
            let check = CHECKS.iter().find(|(_, categories)| categories.contains(&&**name)).map(|(check, _)| *check);
            let (check, list, member) = match check {
                Some(check) => (check, "categories", "category"),
                None => (ENTITIES, "entities", "type"),
            };
            let entry = wanted.entry(check).or_insert_with(|| json!({ list: [] }));
            if let Some(all) = entry.get_mut(list).and_then(Value::as_array_mut) {
                all.push(json!({ member: &**name }));
            }
        }
        Self { upstream, thresholds, wanted: Value::Object(wanted) }
    }

    pub(super) async fn ask(&self, asker: &Asker<'_>, way: Way, text: &str) -> Result<Answer, Failure> {
        let role = match way {
            Way::Input => "user",
            Way::Output => "assistant",
        };
        let body = json!({ "messages": [{ "role": role, "content": [{ "text": text }] }], "checks": self.wanted });
        self.read(&post::ask(&self.upstream, asker, "/guardrail-checks/invoke", &body).await?)
    }

    fn read(&self, body: &Value) -> Result<Answer, Failure> {
        let mut found = Vec::new();
        let checks = self.wanted.as_object().into_iter().flat_map(Map::keys);
        for check in checks {
            let result = body.get("results").and_then(|results| results.get(check));
            let result = result.ok_or_else(|| Failure::unreadable("its answer lacks a check that was asked for"))?;
            let list = result.get("results").and_then(Value::as_array);
            let list = list.ok_or_else(|| Failure::unreadable("its answer has no list of results"))?;
            let (name, score) =
                if check == ENTITIES { ("type", "confidenceScore") } else { ("category", "severityScore") };
            for entry in list {
                let (Some(name), Some(score)) =
                    (entry.get(name).and_then(Value::as_str), entry.get(score).and_then(Value::as_f64))
                else {
                    return Err(Failure::unreadable("one of its results has no name or no score"));
                };
                if self.thresholds.get(name).is_some_and(|threshold| score >= *threshold) {
                    found.push(name);
                }
            }
            // There is more than it says.
            if result.get("truncated").and_then(Value::as_bool) == Some(true) {
                found.push(ENTITIES);
            }
        }
        Ok(if found.is_empty() { Answer::Clear } else { Answer::flagged(found) })
    }
}

#[cfg(test)]
mod tests {
    use super::Checks;
    use crate::guard::opinion::Answer;
    use crate::guard::tests::upstream;
    use serde_json::{Value, json};

    fn shown(checks: &Checks, results: &Value) -> String {
        match checks.read(&json!({"results": results, "usage": {}})) {
            Ok(Answer::Clear) => "clear".to_owned(),
            Ok(Answer::Flagged { categories, .. }) => categories.join(","),
            Err(failure) => failure.kind.as_str().to_owned(),
        }
    }

    #[test]
    fn scores_count_from_their_thresholds_on() {
        let thresholds = [("VIOLENCE", 0.5), ("JAILBREAK", 0.25), ("EMAIL", 0.75)];
        let checks = Checks::new(upstream(), thresholds.map(|(name, score)| (name.into(), score)).into());
        assert_eq!(
            checks.wanted,
            json!({
                "contentFilter": {"categories": [{"category": "VIOLENCE"}]},
                "promptAttack": {"categories": [{"category": "JAILBREAK"}]},
                "sensitiveInformation": {"entities": [{"type": "EMAIL"}]},
            })
        );
        let of = |violence: f64, jailbreak: f64, email: f64, truncated: bool| {
            json!({
                "contentFilter": {"results": [{"category": "VIOLENCE", "severityScore": violence}]},
                "promptAttack": {"results": [{"category": "JAILBREAK", "severityScore": jailbreak}]},
                "sensitiveInformation": {"results": [{"type": "EMAIL", "confidenceScore": email}], "truncated": truncated},
            })
        };
        for (results, expected) in [
            (of(0.25, 0.0, 0.5, false), "clear"),
            (of(0.5, 0.25, 1.0, false), "EMAIL,JAILBREAK,VIOLENCE"),
            (of(0.0, 0.0, 0.0, true), "sensitiveInformation"),
            (json!({}), "unreadable"),
            (json!({"contentFilter": {"results": [{"category": "VIOLENCE"}]}}), "unreadable"),
        ] {
            assert_eq!(shown(&checks, &results), expected, "{results}");
        }
    }
}
