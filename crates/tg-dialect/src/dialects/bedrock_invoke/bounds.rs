//! Where the bodies of the model families bound their output.

use super::family;
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

/// Where the families that are told by their ids put it.
const ABSENT: [(&str, Place); 10] = [
    ("meta.llama", Place::Member("max_gen_len")),
    ("amazon.titan-text", Place::In("textGenerationConfig", "maxTokenCount")),
    ("openai.", Place::Member("max_completion_tokens")),
    ("mistral.", Place::Member("max_tokens")),
    ("deepseek.", Place::Member("max_tokens")),
    ("cohere.command", Place::Member("max_tokens")),
    ("ai21.jamba", Place::Member("max_tokens")),
    ("qwen.", Place::Member("max_tokens")),
    ("writer.", Place::Member("max_tokens")),
    ("moonshot", Place::Member("max_tokens")),
];

/// Models that write no text: pictures, films, ranks. Vectors have a family of their own.
const TEXTLESS: [&str; 7] =
    ["amazon.nova-canvas", "amazon.nova-reel", "amazon.titan-image", "stability.", "luma.", "twelvelabs.", ".rerank-"];

/// The caller's bound on output tokens, under the name that its family gives it.
pub(super) fn output_max(members: &Members<'_>) -> Result<Option<u64>, Fault> {
    for place in PLACES {
        if let Some(bound) = place.read(members)? {
            return Ok(Some(bound));
        }
    }
    Ok(None)
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
    let by_id = || ABSENT.iter().find(|(mark, _)| model.contains(mark)).map(|(_, place)| *place);
    let absent = match family {
        ModelFamily::Claude => Some(Place::Member("max_tokens")),
        ModelFamily::Nova => Some(Place::In("inferenceConfig", "maxTokens")),
        _ => by_id(),
    };
    clamp::lower(members, &PLACES, absent, each)
}
