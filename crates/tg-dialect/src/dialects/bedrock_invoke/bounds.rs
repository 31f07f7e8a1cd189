//! Where the bodies of the model families bound their output.

use super::{family, family_of, is_claudes};
use crate::bound::answers;
use crate::clamp::{self, Clamped, Place};
use crate::dialects::bedrock_converse::ModelFamily;
use crate::scan::Members;
use tg_kernel::fault::Fault;

/// The places of all families.
const PLACES: [Place; 7] = [
    Place::Member("max_tokens"),
    Place::Member("max_completion_tokens"),
    Place::Member("max_gen_len"),
    Place::Member("max_tokens_to_sample"),
    Place::In("inferenceConfig", "maxTokens"),
    Place::In("inferenceConfig", "max_new_tokens"),
    Place::In("textGenerationConfig", "maxTokenCount"),
];

/// Where Claude's bodies put it: those of Messages, and those of old.
const CLAUDE: [Place; 2] = [Place::Member("max_tokens"), Place::Member("max_tokens_to_sample")];

const NOVA: [Place; 2] = [Place::In("inferenceConfig", "maxTokens"), Place::In("inferenceConfig", "max_new_tokens")];

/// Of models that are asked as OpenAI's are.
const OPENAI_LIKE: [Place; 2] = [Place::Member("max_tokens"), Place::Member("max_completion_tokens")];

/// Where the families that are told by their ids put it; first the place that is taken where a body has none.
const BY_ID: [(&str, &[Place]); 10] = [
    ("meta.llama", &[Place::Member("max_gen_len")]),
    ("amazon.titan-text", &[Place::In("textGenerationConfig", "maxTokenCount")]),
    ("openai.", &[Place::Member("max_completion_tokens"), Place::Member("max_tokens")]),
    ("mistral.", &OPENAI_LIKE),
    ("deepseek.", &OPENAI_LIKE),
    ("cohere.command", &[Place::Member("max_tokens")]),
    ("ai21.jamba", &[Place::Member("max_tokens")]),
    ("qwen.", &OPENAI_LIKE),
    ("writer.", &OPENAI_LIKE),
    ("moonshot", &OPENAI_LIKE),
];

/// Models that write no text: pictures, films, ranks. Vectors have a family of their own.
const TEXTLESS: [&str; 7] =
    ["amazon.nova-canvas", "amazon.nova-reel", "amazon.titan-image", "stability.", "luma.", "twelvelabs.", ".rerank-"];

/// The places that a model reads; `None` where its family is not known. What stands elsewhere bounds nothing.
fn places(family: ModelFamily, model: &str) -> Option<&'static [Place]> {
    match family {
        ModelFamily::Claude => Some(&CLAUDE),
        ModelFamily::Nova => Some(&NOVA),
        _ => BY_ID.iter().find(|(mark, _)| model.contains(mark)).map(|(_, places)| *places),
    }
}

/// What a body says of its output, wherever it says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutputBounds {
    found: [Option<u64>; PLACES.len()],
    is_claudes: bool,
}

impl OutputBounds {
    /// Of a body.
    ///
    /// # Errors
    /// `Class::Malformed` for a bound that is no number.
    pub fn of(members: &Members<'_>) -> Result<Self, Fault> {
        let mut found = [None; PLACES.len()];
        for (bound, place) in found.iter_mut().zip(PLACES) {
            *bound = place.read(members)?;
        }
        Ok(Self { found, is_claudes: is_claudes(members) })
    }

    /// The bound of each answer of `model`, under a name that its family gives it; the largest where the body has several,
    /// or where nobody knows the family.
    #[must_use]
    pub fn at(&self, model: &str) -> Option<u64> {
        let places = places(family_of(model, self.is_claudes), model).unwrap_or(&PLACES);
        let found = PLACES.iter().zip(self.found).filter(|(place, _)| places.contains(place));
        found.filter_map(|(_, bound)| bound).max()
    }
}

/// Lowers the bound of a body for `model`.
pub(super) fn clamp(members: &Members<'_>, model: &str, most: u64) -> Result<Option<Clamped>, Fault> {
    let family = family(model, members);
    if family.is_embedding() || TEXTLESS.iter().any(|mark| model.contains(mark)) {
        return Ok(None);
    }
    let each = most / answers(members)?.unwrap_or(1).max(1);
    if each == 0 {
        return Err(clamp::no_room(
            "The caller's limits leave less room than a token for each of the answers asked for.",
        ));
    }
    clamp::check_reasoning(members, each)?;
    let own = places(family, model);
    clamp::lower(members, own.unwrap_or(&PLACES), own.and_then(|own| own.first().copied()), each)
}

#[cfg(test)]
mod tests {
    use super::{OutputBounds, clamp};
    use crate::scan::Members;

    #[test]
    fn a_bound_under_the_name_of_another_family_is_none() {
        let llama = "us.meta.llama3-3-70b-instruct-v1:0";
        for (model, body, bound, clamped) in [
            (llama, r#"{"max_tokens":5}"#, None, r#"{"max_tokens":5,"max_gen_len":100}"#),
            (llama, r#"{"max_tokens":5,"max_gen_len":900}"#, Some(900), r#"{"max_tokens":5,"max_gen_len":100}"#),
            ("mine", r#"{"max_tokens":5,"max_gen_len":900}"#, Some(900), r#"{"max_tokens":5,"max_gen_len":100}"#),
            (
                "amazon.nova-lite-v1:0",
                r#"{"max_tokens":5,"inferenceConfig":{"max_new_tokens":700}}"#,
                Some(700),
                r#"{"max_tokens":5,"inferenceConfig":{"max_new_tokens":100}}"#,
            ),
            (
                "anthropic.claude-haiku-4-5-20251001-v1:0",
                r#"{"max_gen_len":5,"max_tokens":900}"#,
                Some(900),
                r#"{"max_gen_len":5,"max_tokens":100}"#,
            ),
        ] {
            let members = Members::scan(body.as_bytes()).unwrap();
            assert_eq!(OutputBounds::of(&members).unwrap().at(model), bound, "{model} {body}");
            let lowered = clamp(&members, model, 100).unwrap().unwrap();
            assert_eq!(lowered.body, clamped, "{model} {body}");
        }
    }
}
