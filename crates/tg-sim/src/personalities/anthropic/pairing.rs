//! The rule that every tool call is answered in the very next turn, before anything else in it.

use crate::shape::{Flaw, Node};
use std::collections::HashSet;

/// Follows tool calls and results through the turns.
#[derive(Debug, Default)]
pub(crate) struct Pairing<'a> {
    /// Calls of the last assistant turn that are not answered yet.
    open: Vec<&'a str>,
    seen: HashSet<&'a str>,
    /// Whether the turn being read is the user's.
    user_turn: bool,
    other_before: bool,
    first_is_thought: Option<bool>,
    calls_in_turn: bool,
    /// The last finished assistant turn had calls, and did not begin with thinking.
    unthought_calls: bool,
    ended_with_results: bool,
    /// Whether tools appear anywhere in the history.
    pub used: bool,
}

impl<'a> Pairing<'a> {
    pub(crate) fn assistant(&mut self, turn: &Node<'a>) -> Result<(), Flaw> {
        self.all_answered(turn)?;
        self.user_turn = false;
        self.first_is_thought = None;
        self.calls_in_turn = false;
        self.ended_with_results = false;
        Ok(())
    }

    pub(crate) fn user(&mut self) {
        self.user_turn = true;
        self.other_before = false;
        self.ended_with_results = false;
    }

    pub(crate) fn other(&mut self) {
        self.other_before = true;
        self.first_is_thought.get_or_insert(false);
    }

    pub(crate) fn thought(&mut self) {
        self.first_is_thought.get_or_insert(true);
    }

    pub(crate) fn tool_use(&mut self, block: &Node<'a>) -> Result<(), Flaw> {
        let id = block.need("id")?.text()?;
        self.call(id, block)
    }

    /// A call under this id.
    pub(crate) fn call(&mut self, id: &'a str, block: &Node<'a>) -> Result<(), Flaw> {
        if !self.seen.insert(id) {
            return Err(block.flaw("`tool_use` ids must be unique"));
        }
        self.first_is_thought.get_or_insert(false);
        self.open.push(id);
        self.calls_in_turn = true;
        self.used = true;
        Ok(())
    }

    pub(crate) fn result(&mut self, block: &Node<'a>) -> Result<(), Flaw> {
        let id = block.need("tool_use_id")?.text()?;
        self.answer(id, block)
    }

    /// A result for this id.
    pub(crate) fn answer(&mut self, id: &'a str, block: &Node<'a>) -> Result<(), Flaw> {
        self.used = true;
        let Some(at) = self.open.iter().position(|open| *open == id) else {
            return Err(block.flaw(format!(
                "unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a \
                 corresponding `tool_use` block in the previous message."
            )));
        };
        if self.other_before {
            return Err(block.flaw("`tool_result` blocks must come first in the turn that answers `tool_use`"));
        }
        self.open.remove(at);
        self.ended_with_results = true;
        Ok(())
    }

    /// Ends a turn: after a user turn nothing may be left open.
    pub(crate) fn turn_done(&mut self, turn: &Node<'a>) -> Result<(), Flaw> {
        if self.user_turn {
            return self.all_answered(turn);
        }
        self.unthought_calls = self.calls_in_turn && self.first_is_thought != Some(true);
        Ok(())
    }

    pub(crate) fn end(&mut self, messages: &Node<'a>) -> Result<(), Flaw> {
        self.all_answered(messages)
    }

    fn all_answered(&self, at: &Node<'a>) -> Result<(), Flaw> {
        if self.open.is_empty() {
            return Ok(());
        }
        Err(at.flaw(format!(
            "`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must \
             have a corresponding `tool_result` block in the next message.",
            self.open.join(", ")
        )))
    }

    /// Whether the request answers calls of a turn that did not begin with thinking.
    pub(crate) fn answered_unthought(&self) -> bool {
        self.ended_with_results && self.unthought_calls
    }
}
