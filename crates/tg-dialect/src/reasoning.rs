//! Whether a request asks its model to reason, and how much, under whichever name a dialect or a vendor has for it.

use crate::scan::Members;

/// What a request says of reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) reasons: bool,
    /// The caller's own bound on it.
    pub(crate) tokens_max: Option<u64>,
}

/// Members that ask for reasoning: Anthropic's, OpenAI's, those of Bedrock's older models and of compatible servers.
const NAMES: [&str; 5] = ["thinking", "reasoning", "reasoning_effort", "reasoning_config", "reasoningConfig"];

/// Words with which a request declines to reason.
const DECLINED: [&str; 3] = ["none", "disabled", "off"];

/// Reads the members of a request, or of the object in which its dialect carries what is the model's own. What has an
/// unexpected shape is the provider's to judge, and asks for reasoning in any case.
pub(crate) fn asked(members: &Members<'_>) -> Asked {
    let mut asked = Asked::default();
    for name in NAMES {
        if members.get(name).is_none_or(|raw| matches!(raw, b"null" | b"false")) {
            continue;
        }
        if let Ok(Some(word)) = members.string(name) {
            asked.reasons |= !DECLINED.contains(&&*word);
            continue;
        }
        let Ok(Some(inner)) = members.object(name) else {
            asked.reasons = true;
            continue;
        };
        let word = ["type", "effort", "enabled"].into_iter().find_map(|name| match inner.get(name) {
            Some(b"false") => Some("off".to_owned()),
            _ => inner.string(name).ok().flatten().map(std::borrow::Cow::into_owned),
        });
        asked.reasons |= word.is_none_or(|word| !DECLINED.contains(&&*word));
        let budget = ["budget_tokens", "budgetTokens", "max_tokens"].into_iter();
        asked.tokens_max = budget.filter_map(|name| inner.u64(name).ok().flatten()).next().or(asked.tokens_max);
    }
    asked.tokens_max = asked.tokens_max.filter(|_| asked.reasons);
    asked
}

#[cfg(test)]
mod tests {
    use super::{Asked, asked};
    use crate::scan::Members;

    #[test]
    fn reasoning_is_asked_for_under_many_names() {
        let (no, yes) = (Asked::default(), |tokens_max| Asked { reasons: true, tokens_max });
        for (body, wanted) in [
            ("{}", no),
            (r#"{"thinking":null}"#, no),
            (r#"{"thinking":{"type":"disabled"}}"#, no),
            (r#"{"reasoning_effort":"none"}"#, no),
            (r#"{"reasoning":{"effort":"none"}}"#, no),
            (r#"{"reasoning":{"enabled":false}}"#, no),
            (r#"{"thinking":{"type":"adaptive"}}"#, yes(None)),
            (r#"{"thinking":{"type":"enabled","budget_tokens":2000}}"#, yes(Some(2_000))),
            (r#"{"reasoning_config":{"type":"enabled","budget_tokens":2000}}"#, yes(Some(2_000))),
            (r#"{"reasoning_effort":"low"}"#, yes(None)),
            (r#"{"reasoning":{"summary":"auto"}}"#, yes(None)),
            (r#"{"thinking":true}"#, yes(None)),
        ] {
            assert_eq!(asked(&Members::scan(body.as_bytes()).unwrap()), wanted, "{body}");
        }
    }
}
