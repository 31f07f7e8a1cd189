//! Texts as ids of tokens, and answers that are told once more token by token.

use crate::tape::{Kind, Node};
use std::ops::Range;

/// Whether an array is a text, or several, as ids of tokens, or has any among its items.
pub(super) fn are_in(array: Node<'_, '_>) -> bool {
    array.items().any(|item| match item.kind() {
        Kind::Number => true,
        Kind::Array => are_in(item),
        _ => false,
    })
}

/// Whether an array of a request stands under a name that servers of open models take a text's ids under.
pub(super) fn are_named(name: &str, array: Node<'_, '_>) -> bool {
    let is_one =
        matches!(name, "input_ids" | "prompt_token_ids" | "token_ids" | "prompt_tokens" | "input_tokens" | "tokens");
    is_one && are_in(array)
}

/// Whether a value of an answer repeats its text token by token.
pub(super) fn echo(name: &str, value: Node<'_, '_>) -> bool {
    match name {
        name if name.ends_with("logprobs") => true,
        "token_likelihoods" => true,
        "token_ids" | "prompt_token_ids" | "output_token_ids" | "generated_token_ids" | "input_ids" | "output_ids" => {
            true
        }
        // Each may be something else elsewhere.
        "tokens" | "likelihoods" | "top_tokens" | "prefill" => value.items().all(is_token),
        _ => false,
    }
}

/// Whether an item tells of a single token: its id, or how likely it was.
fn is_token(item: Node<'_, '_>) -> bool {
    let says = |name: &str| item.member(name).is_some();
    match item.kind() {
        Kind::Number => true,
        Kind::Array => item.items().all(is_token),
        _ => ["logprob", "likelihood", "generatedToken"].into_iter().any(says),
    }
}

/// The id in an object that says a single token, as a text and as its id.
pub(super) fn id_of(name: &str, value: Node<'_, '_>) -> Option<Range<usize>> {
    let id: Node<'_, '_> = value.member("id").filter(|_| name == "token" && value.member("text").is_some())?;
    (id.kind() == Kind::Number).then(|| id.range())
}
