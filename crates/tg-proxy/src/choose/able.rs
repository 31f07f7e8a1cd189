//! Whether a model can do what a call asks, as far as the catalogue knows.

use std::fmt;
use tg_catalog::{Ability, ModelKind, Row};
use tg_kernel::needs::Needs;

/// What a model lacks for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It has no such ability.
    Ability(Ability),
    /// It is not known to have it, which the catalogue does not always say.
    Unsaid(Ability),
    /// It is known to refuse such a call.
    Refuses(Ability),
    /// It is none that talks.
    Kind,
    /// It reads fewer tokens than the call has.
    Context {
        /// How many it reads.
        most: u32,
        /// How many the call has, estimated.
        input: u64,
    },
    /// It writes fewer tokens than the call wants to allow.
    Output {
        /// How many it writes.
        most: u32,
        /// How many are asked for.
        wanted: u64,
    },
}

impl Lack {
    /// Whether a call is sure to fail by it, as far as the catalogue is right. Input is estimated: half of it must be too much.
    #[must_use]
    pub const fn is_sure(&self) -> bool {
        match self {
            Self::Ability(_) | Self::Refuses(_) | Self::Kind | Self::Output { .. } => true,
            Self::Unsaid(_) => false,
            Self::Context { most, input } => *most as u64 > 0 && *input / 2 > *most as u64,
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ability(ability) => f.write_str(match ability {
                Ability::Tools => "it calls no tools",
                Ability::Vision => "it reads no images",
                Ability::Documents => "it reads no documents",
                Ability::AudioInput => "it hears no audio",
                Ability::VideoInput => "it watches no video",
                Ability::JsonSchema => "it follows no JSON Schema",
                Ability::Reasoning => "it does not reason",
                _ => "it is not able to",
            }),
            Self::Unsaid(ability) => f.write_str(match ability {
                Ability::ToolChoice => "it is not known to let itself be made to call a tool",
                Ability::WebSearch => "it is not known to search the web",
                Ability::ComputerUse => "it is not known to use computers",
                _ => "it is not known to be able to",
            }),
            Self::Refuses(ability) => f.write_str(match ability {
                Ability::NoSampling => "it refuses `temperature`, `top_p` and `top_k`",
                Ability::NoPrefill => "it refuses a conversation that ends with the assistant's words",
                Ability::NoForcedTools => "it refuses a tool choice that forces a tool",
                _ => "it refuses such calls",
            }),
            Self::Kind => f.write_str("it makes vectors, and does not talk"),
            Self::Context { most, input } => {
                write!(f, "it reads {most} tokens at most, and the call has about {input}")
            }
            Self::Output { most, wanted } => {
                write!(f, "it writes {most} tokens at most, and the call asks for {wanted}")
            }
        }
    }
}

/// What the model of this row lacks for a call; `None` where nothing is known to be missing. Of a model whose abilities
/// nobody has written down, nothing is.
#[must_use]
pub fn lack(row: &Row, needs: &Needs) -> Option<Lack> {
    if row.kind() != ModelKind::Chat {
        return Some(Lack::Kind);
    }
    let limits = row.limits();
    // A price for longer input shows that there is longer input, whatever the limit says.
    let longest = row.rate_sets().iter().map(|set| set.above).max().unwrap_or_default();
    let context = limits.context.filter(|most| *most > longest && u64::from(*most) < needs.input_tokens);
    let wanted = needs.output_tokens_max.unwrap_or_default();
    let output = limits.output_max.filter(|most| u64::from(*most) < wanted);
    // What is sure comes before what is not.
    missing(row, needs)
        .or_else(|| output.map(|most| Lack::Output { most, wanted }))
        .or_else(|| context.map(|most| Lack::Context { most, input: needs.input_tokens }))
        .or_else(|| unsaid(row, needs))
}

/// What it cannot do, or refuses.
fn missing(row: &Row, needs: &Needs) -> Option<Lack> {
    let asked = [
        (needs.tools, Ability::Tools),
        (needs.images > 0, Ability::Vision),
        (needs.documents > 0, Ability::Documents),
        (needs.audio > 0, Ability::AudioInput),
        (needs.video > 0, Ability::VideoInput),
        (needs.json_schema, Ability::JsonSchema),
        (needs.reasoning, Ability::Reasoning),
    ];
    let refused = [
        (needs.sampling, Ability::NoSampling),
        (needs.prefill, Ability::NoPrefill),
        (needs.forced_tools, Ability::NoForcedTools),
    ];
    let lacks = asked.into_iter().find(|(is_asked, ability)| *is_asked && !row.can(*ability));
    let lacks = lacks.filter(|_| is_described(row)).map(|(_, ability)| Lack::Ability(ability));
    let refuses = || refused.into_iter().find(|(is_asked, ability)| *is_asked && row.can(*ability));
    lacks.or_else(|| refuses().map(|(_, ability)| Lack::Refuses(ability)))
}

/// What it is not known to be able to do, where the catalogue is known to leave that out of some.
fn unsaid(row: &Row, needs: &Needs) -> Option<Lack> {
    let asked = [
        (needs.forced_tools, Ability::ToolChoice),
        (needs.web_search, Ability::WebSearch),
        (needs.computer_use, Ability::ComputerUse),
    ];
    let lacks = asked.into_iter().find(|(is_asked, ability)| *is_asked && !row.can(*ability));
    lacks.filter(|_| is_described(row)).map(|(_, ability)| Lack::Unsaid(ability))
}

fn is_described(row: &Row) -> bool {
    row.abilities().iter().next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tg_catalog::Catalogue;
    use tg_kernel::clock::Timestamp;

    fn of(provider: &str, id: &str, needs: Needs) -> Option<Lack> {
        let row = Catalogue::embedded().unwrap().find(provider, id, Timestamp::from_micros(i64::MAX)).unwrap();
        lack(&row, &needs)
    }

    #[test]
    fn a_model_is_not_asked_for_what_it_refuses_and_comes_last_for_what_nobody_says_of_it() {
        let opus = |needs| of("anthropic", "claude-opus-5-5", needs);
        for (needs, ability) in [
            (Needs { sampling: true, ..Needs::default() }, Ability::NoSampling),
            (Needs { prefill: true, ..Needs::default() }, Ability::NoPrefill),
            (Needs { tools: true, forced_tools: true, ..Needs::default() }, Ability::NoForcedTools),
        ] {
            assert_eq!(opus(needs), Some(Lack::Refuses(ability)));
            assert_eq!(of("anthropic", "claude-haiku-4-5", needs), None);
        }
        let search = Needs { tools: true, web_search: true, ..Needs::default() };
        assert_eq!(opus(search), None);
        let unsaid = of("anthropic", "claude-haiku-4-5", search);
        assert!(unsaid == Some(Lack::Unsaid(Ability::WebSearch)) && unsaid.is_some_and(|lack| !lack.is_sure()));
        let vectors = of("openai", "text-embedding-3-small", Needs::default());
        assert!(vectors == Some(Lack::Kind) && vectors.is_some_and(|lack| lack.is_sure()));
    }

    #[test]
    fn a_model_lacks_what_it_is_known_not_to_have() {
        let all = Needs { tools: true, images: 1, documents: 1, ..Needs::default() };
        assert_eq!(of("anthropic", "claude-haiku-4-5", all), None);
        let haiku = |needs| of("anthropic", "claude-haiku-4-5", needs);
        let heard = haiku(Needs { audio: 1, ..Needs::default() });
        assert_eq!(heard, Some(Lack::Ability(Ability::AudioInput)));
        let long = haiku(Needs { input_tokens: 3_000_000, ..Needs::default() });
        assert!(matches!(long, Some(Lack::Context { input: 3_000_000, .. })), "{long:?}");
        let much = haiku(Needs { output_tokens_max: Some(10_000_000), ..Needs::default() });
        assert!(matches!(much, Some(Lack::Output { wanted: 10_000_000, .. })), "{much:?}");
        assert!(much.is_some_and(|lack| lack.to_string().contains("10000000")));
    }
}
