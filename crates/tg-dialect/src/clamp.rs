//! Lowering the bound on output tokens of a request that is written, whatever wrote it.

use crate::reasoning;
use crate::scan::Members;
use crate::splice::Splice;
use bytes::Bytes;
use tg_kernel::fault::{Class, Fault, Origin, Retry};

/// A request whose bound was lowered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clamped {
    /// The request: every byte but the bound is where it was.
    pub body: Bytes,
    /// The bound that it has now: output tokens of each answer.
    pub output_tokens: u64,
}

/// Where a bound on output stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Member(&'static str),
    In(&'static str, &'static str),
}

impl Place {
    pub(crate) fn read(self, members: &Members<'_>) -> Result<Option<u64>, Fault> {
        match self {
            Self::Member(name) => members.u64(name),
            Self::In(object, name) => members.object(object)?.map_or(Ok(None), |inner| inner.u64(name)),
        }
    }

    fn write<'m, 'a>(self, splice: Splice<'m, 'a>, value: u64) -> Result<Splice<'m, 'a>, Fault> {
        match self {
            Self::Member(name) => Ok(splice.set(name, value.to_string())),
            Self::In(object, name) => splice.set_in(object, name, value.to_string()),
        }
    }
}

/// Lowers the bounds at `places` that are above `most`; where none is there, `absent` is added. `None` where the request
/// allows no more as it is.
///
/// # Errors
/// `Class::Unsupported` where none is there and none can be added; `Class::Malformed` for one that is no number.
pub(crate) fn lower(
    members: &Members<'_>,
    places: &[Place],
    absent: Option<Place>,
    most: u64,
) -> Result<Option<Clamped>, Fault> {
    let mut splice = Splice::new(members);
    let (mut found, mut lowered) = (false, false);
    for place in places {
        let Some(bound) = place.read(members)? else { continue };
        found = true;
        if bound > most {
            (splice, lowered) = (place.write(splice, most)?, true);
        }
    }
    if !found {
        let place = absent.ok_or_else(unbounded)?;
        (splice, lowered) = (place.write(splice, most)?, true);
    }
    Ok(lowered.then(|| Clamped { body: splice.finish(), output_tokens: most }))
}

/// Refuses a bound that leaves an answer no more than its reasoning budget: providers take no such request.
///
/// # Errors
/// `Class::Limited` (`limit_reached`); another target may need less.
pub(crate) fn check_reasoning(members: &Members<'_>, most: u64) -> Result<(), Fault> {
    let budget = reasoning::asked(members).tokens_max.unwrap_or_default();
    if most > budget {
        return Ok(());
    }
    Err(no_room(format!(
        "The caller's limits leave room for {most} output tokens, and the request's reasoning budget alone is {budget}. \
         Ask for less reasoning, or try again later."
    )))
}

/// There is less room than one token for each answer.
pub(crate) fn no_room(message: impl Into<String>) -> Fault {
    Fault::new(Class::Limited, Origin::Gateway, "limit_reached", message.into()).retry(Retry::Elsewhere)
}

fn unbounded() -> Fault {
    let message = "The gateway must bound the output of this call, as the caller's limits have less room than the model \
                   allows, and does not know how requests to this model do that. Put the model's own bound on output \
                   into the request.";
    Fault::new(Class::Unsupported, Origin::Gateway, "output_unbounded", message).retry(Retry::Elsewhere)
}

#[cfg(test)]
mod tests {
    use crate::dialect::UpstreamDialect;
    use crate::dialects::anthropic_messages::AnthropicMessages;
    use crate::dialects::bedrock_converse::BedrockConverse;
    use crate::dialects::bedrock_invoke::BedrockInvoke;
    use crate::dialects::openai_chat::OpenaiChat;
    use crate::dialects::openai_responses::OpenaiResponses;

    const CLAUDE: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";

    #[test]
    fn the_bound_of_each_dialect_is_lowered_and_all_else_stays() {
        let (chat, compatible) = (&OpenaiChat::OPENAI as &dyn UpstreamDialect, &OpenaiChat::COMPATIBLE);
        for (dialect, model, body, wanted) in [
            (chat, "m", r#"{"model":"m"}"#, r#"{"model":"m","max_completion_tokens":100}"#),
            (compatible, "m", r#"{"model":"m"}"#, r#"{"model":"m","max_tokens":100}"#),
            (chat, "m", r#"{ "max_tokens" : 900, "n":2 }"#, r#"{ "max_tokens" : 50, "n":2 }"#),
            (
                chat,
                "m",
                r#"{"max_tokens":101,"max_completion_tokens":99}"#,
                r#"{"max_tokens":100,"max_completion_tokens":99}"#,
            ),
            (&OpenaiResponses, "m", r#"{"input":"hi"}"#, r#"{"input":"hi","max_output_tokens":100}"#),
            (&OpenaiResponses, "m", r#"{"max_output_tokens":null}"#, r#"{"max_output_tokens":100}"#),
            (&AnthropicMessages, "m", r#"{"max_tokens":4096,"x":"é"}"#, r#"{"max_tokens":100,"x":"é"}"#),
            (&BedrockConverse, "m", "{}", r#"{"inferenceConfig":{"maxTokens":100}}"#),
            (
                &BedrockConverse,
                "m",
                r#"{"inferenceConfig":{"temperature":1.0,"maxTokens":900}}"#,
                r#"{"inferenceConfig":{"temperature":1.0,"maxTokens":100}}"#,
            ),
            (&BedrockInvoke, CLAUDE, r#"{"max_tokens":900}"#, r#"{"max_tokens":100}"#),
            (&BedrockInvoke, "arn:x", r#"{"anthropic_version":"v"}"#, r#"{"anthropic_version":"v","max_tokens":100}"#),
            (&BedrockInvoke, "us.amazon.nova-pro-v1:0", "{}", r#"{"inferenceConfig":{"maxTokens":100}}"#),
            (
                &BedrockInvoke,
                "amazon.nova-lite-v1:0",
                r#"{"inferenceConfig":{"max_new_tokens":900}}"#,
                r#"{"inferenceConfig":{"max_new_tokens":100}}"#,
            ),
            (
                &BedrockInvoke,
                "amazon.titan-text-express-v1",
                r#"{"inputText":"hi"}"#,
                r#"{"inputText":"hi","textGenerationConfig":{"maxTokenCount":100}}"#,
            ),
            (
                &BedrockInvoke,
                "meta.llama3-8b-instruct-v1:0",
                r#"{"prompt":"hi"}"#,
                r#"{"prompt":"hi","max_gen_len":100}"#,
            ),
            (&BedrockInvoke, "mistral.mistral-large-2402-v1:0", "{}", r#"{"max_tokens":100}"#),
            (&BedrockInvoke, "openai.gpt-oss-120b-1:0", "{}", r#"{"max_completion_tokens":100}"#),
            (&BedrockInvoke, "cohere.command-r-v1:0", r#"{"max_tokens":900}"#, r#"{"max_tokens":100}"#),
        ] {
            let clamped = dialect.clamp_output(body.as_bytes(), model, 100).unwrap().unwrap();
            assert_eq!(String::from_utf8_lossy(&clamped.body), wanted);
            let again = dialect.clamp_output(&clamped.body, model, 100).unwrap();
            assert_eq!(again, None, "{wanted}: it allows no more");
        }
    }

    #[test]
    fn what_writes_no_text_has_no_bound() {
        for (model, body) in [
            ("amazon.titan-embed-text-v2:0", r#"{"inputText":"hi"}"#),
            ("cohere.embed-multilingual-v3", r#"{"texts":["hi"]}"#),
            ("amazon.nova-canvas-v1:0", r#"{"taskType":"TEXT_IMAGE"}"#),
            ("stability.sd3-5-large-v1:0", r#"{"prompt":"a bicycle"}"#),
            ("cohere.rerank-v3-5:0", r#"{"query":"hi","documents":[]}"#),
        ] {
            assert_eq!(BedrockInvoke.clamp_output(body.as_bytes(), model, 100).unwrap(), None, "{model}");
        }
    }

    #[test]
    fn a_bound_that_would_break_the_request_is_refused() {
        let thinking = r#"{"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":2000}}"#;
        let fields = r#"{"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2000}}}"#;
        let (claude, converse): (&dyn UpstreamDialect, _) = (&AnthropicMessages, &BedrockConverse);
        for (dialect, model, body, most, code) in [
            (claude, "m", thinking, 2_000, Some("limit_reached")),
            (claude, "m", thinking, 2_001, None),
            (&BedrockInvoke, CLAUDE, thinking, 2_000, Some("limit_reached")),
            (converse, "m", fields, 2_000, Some("limit_reached")),
            (converse, "m", fields, 2_001, None),
            (&OpenaiChat::OPENAI, "m", r#"{"n":3}"#, 2, Some("limit_reached")),
            (&BedrockInvoke, "acme.new-v1:0", "{}", 2_000, Some("output_unbounded")),
        ] {
            let end = dialect.clamp_output(body.as_bytes(), model, most);
            assert_eq!(end.err().map(|fault| fault.code), code, "{body} {most}");
        }
    }
}
