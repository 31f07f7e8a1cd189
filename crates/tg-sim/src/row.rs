//! Answers in several blocks, as a script lists them: `row=first|think:hm|second`.

use crate::ask::Ask;
use crate::counts::tokens_of;
use crate::reply::{self, Block};
use crate::signature;

/// One block of such an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Text(String),
    Thought(String),
    /// Why the model says no, where an API has a word for that; elsewhere a text.
    Refusal(String),
    /// A call of the first tool.
    Call,
}

/// Reads them. `None` where one says nothing.
pub(crate) fn read(value: &str) -> Option<Vec<Item>> {
    let item = |part: &str| {
        let (kind, text) = part.split_once(':').unwrap_or(("", part));
        let item = match kind {
            "" if text == "call" => return Some(Item::Call),
            "think" => Item::Thought,
            "refuse" => Item::Refusal,
            "" => Item::Text,
            _ => return None,
        };
        (!text.is_empty()).then(|| item(text.replace('+', " ")))
    };
    value.split('|').map(item).collect()
}

/// Writes them.
pub(crate) fn compose(ask: &Ask, number: u64) -> Vec<Block> {
    let block = |(nth, item): (usize, &Item)| match item {
        Item::Text(text) => Some(Block::Text(text.clone())),
        Item::Refusal(text) => Some(Block::Refusal(text.clone())),
        Item::Thought(text) => {
            let signature = signature::sign(text, &ask.prompt);
            Some(Block::Thinking { text: text.clone(), signature, tokens: tokens_of(text) })
        }
        Item::Call => ask.tools.first().map(|tool| reply::call(tool, number, nth)),
    };
    ask.directive.row.iter().enumerate().filter_map(block).collect()
}
