//! OpenAI's moderation (`/v1/moderations`), or that of a server that speaks its API.

use super::opinion::{Answer, Failure};
use super::picture::{Format, Picture, Sight};
use super::{Asker, post};
use crate::provider::Upstream;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where it is asked, below what all of a provider's paths begin with.
const PATH: &str = "/moderations";

/// What OpenAI takes as pictures (its guide to moderation; one of a request).
const SIGHT: Sight =
    Sight { formats: &[Format::Png, Format::Jpeg, Format::Webp], bytes_max: 20_000_000, side_max: None };

/// Categories that OpenAI's models look for in texts alone (its guide to moderation).
const OF_TEXTS: [&str; 7] =
    ["harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "sexual/minors"];

/// A moderation model of a provider.
pub struct Moderation {
    upstream: Arc<Upstream>,
    model: Arc<str>,
    sees: bool,
    thresholds: BTreeMap<Arc<str>, f64>,
}

impl Moderation {
    /// A category of `thresholds` counts from this score (0 to 1) on; any other where the model itself says so.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>, model: Arc<str>, thresholds: BTreeMap<Arc<str>, f64>) -> Self {
        Self { upstream, model, sees: false, thresholds }
    }

    /// The same of a model that looks at pictures, if `sees`.
    #[must_use]
    pub fn seeing(self, sees: bool) -> Self {
        Self { sees, ..self }
    }

    pub(super) const fn sight(&self) -> Option<Sight> {
        if self.sees { Some(SIGHT) } else { None }
    }

    pub(super) async fn ask(&self, asker: &Asker<'_>, text: &str) -> Result<Answer, Failure> {
        let body = json!({ "model": &*self.model, "input": text });
        self.read(&post::ask(&self.upstream, asker, PATH, &body).await?)
    }

    /// Asks about a picture. A server that takes it for something else says of no category that it was applied to one; and a
    /// category that was not says nothing by its score.
    pub(super) async fn look(&self, asker: &Asker<'_>, picture: &Picture) -> Result<Answer, Failure> {
        let url = format!("data:image/{};base64,{}", picture.format(), picture.base64());
        let input = json!([{ "type": "image_url", "image_url": { "url": url } }]);
        let body = json!({ "model": &*self.model, "input": input });
        let body = post::ask(&self.upstream, asker, PATH, &body).await?;
        let answer = self.read(&body)?;
        if answer == Answer::Clear && !self.looked(&body) {
            return Err(Failure::unreadable("it does not say that it has looked at the picture"));
        }
        Ok(answer)
    }

    /// Whether an answer about one picture says that a category was applied to it, and so was each that has a threshold, but for
    /// those that are for texts alone.
    fn looked(&self, body: &Value) -> bool {
        let applied = body.pointer("/results/0/category_applied_input_types").and_then(Value::as_object);
        let is_seen = |types: &Value| types.as_array().is_some_and(|types| types.iter().any(|kind| kind == "image"));
        let mut named = self.thresholds.keys().filter(|name| !OF_TEXTS.contains(&&***name));
        applied.is_some_and(|applied| {
            applied.values().any(is_seen) && named.all(|name| applied.get(&**name).is_some_and(is_seen))
        })
    }

    fn read(&self, body: &Value) -> Result<Answer, Failure> {
        let results = body.get("results").and_then(Value::as_array).map(Vec::as_slice);
        let Some([result]) = results else { return Err(Failure::unreadable("its answer has not one result")) };
        let (Some(flagged), Some(categories)) =
            (result.get("flagged").and_then(Value::as_bool), result.get("categories").and_then(Value::as_object))
        else {
            return Err(Failure::unreadable("its result lacks 'flagged' or 'categories'"));
        };
        let mut found: Vec<&str> = Vec::new();
        for (name, threshold) in &self.thresholds {
            let score = result.get("category_scores").and_then(|scores| scores.get(&**name)?.as_f64());
            match score {
                Some(score) if score >= *threshold => found.push(name),
                Some(_) => {}
                None => return Err(Failure::unreadable("its result lacks the score of a category with a threshold")),
            }
        }
        let others = categories.iter().filter(|(name, _)| !self.thresholds.contains_key(name.as_str()));
        let mut is_named = false;
        for (name, holds) in others {
            // Categories that a model does not know are null.
            if holds.as_bool() == Some(true) {
                found.push(name);
                is_named = true;
            }
        }
        // Flagged, and for no reason that it gives.
        if flagged && !is_named && !categories.values().any(|holds| holds.as_bool() == Some(true)) {
            found.push("flagged");
        }
        Ok(if found.is_empty() { Answer::Clear } else { Answer::flagged(found) })
    }
}

#[cfg(test)]
mod tests {
    use super::Moderation;
    use crate::guard::opinion::Answer;
    use crate::guard::tests::upstream;
    use serde_json::{Value, json};

    #[test]
    fn a_threshold_takes_the_place_of_the_models_own() {
        let moderation = Moderation::new(upstream(), "m".into(), [("violence".into(), 0.5)].into());
        let of = |flagged: bool, violence: (bool, f64), hate: Value| {
            json!({"results": [{
                "flagged": flagged,
                "categories": {"violence": violence.0, "hate": hate},
                "category_scores": {"violence": violence.1, "hate": 0.1},
            }]})
        };
        for (body, expected) in [
            (of(false, (false, 0.25), json!(false)), "clear"),
            (of(false, (false, 0.5), Value::Null), "violence"),
            (of(true, (true, 0.25), json!(false)), "clear"),
            (of(true, (true, 0.25), json!(true)), "hate"),
            (of(true, (false, 0.0), json!(false)), "flagged"),
            (json!({"results": []}), "unreadable"),
            (json!({"results": [{"flagged": true}]}), "unreadable"),
            (json!({"results": [{"flagged": false, "categories": {}, "category_scores": {}}]}), "unreadable"),
        ] {
            let shown = match moderation.read(&body) {
                Ok(Answer::Clear) => "clear".to_owned(),
                Ok(Answer::Flagged { categories, .. }) => categories.join(","),
                Err(failure) => failure.kind.as_str().to_owned(),
            };
            assert_eq!(shown, expected, "{body}");
        }
    }

    #[test]
    fn a_threshold_for_what_was_not_looked_for_in_a_picture_is_kept_by_none() {
        let body = json!({"results": [{"category_applied_input_types":
            {"hate": [], "illicit": ["text"], "violence": ["image"], "sexual": [], "gore": ["text", "image"]}}]});
        for (thresholds, looked) in [
            (vec![], true),
            (vec!["violence"], true),
            // They are for texts alone, and others hold for pictures.
            (vec!["hate", "illicit"], true),
            (vec!["violence", "gore", "hate"], true),
            (vec!["violence", "sexual"], false),
            (vec!["self-harm"], false),
        ] {
            let of = thresholds.iter().map(|name| ((*name).into(), 0.3)).collect();
            assert_eq!(Moderation::new(upstream(), "m".into(), of).looked(&body), looked, "{thresholds:?}");
        }
    }
}
