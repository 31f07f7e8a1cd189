//! Blocks of a whole answer of which nothing is left: those that can go without a trace, and a mark for the others.

use crate::tape::{Kind, Node, Tape};
use std::collections::HashSet;
use std::ops::Range;

/// What a block says of which nothing is left.
pub(crate) const EMPTIED: &str = "\u{2026}";

/// The blocks of an answer that can go, of those of which nothing is left. `emptied` is where their texts begin. A block stays
/// where no other text would stand beside it: an answer, or an item of one, has something to say.
pub(super) fn gone(body: &[u8], emptied: &HashSet<usize>) -> Vec<Range<usize>> {
    let mut gone = Vec::new();
    if let Some(tape) = Tape::read(body) {
        Look { emptied, gone: &mut gone }.value(tape.root());
    }
    gone
}

struct Look<'l> {
    emptied: &'l HashSet<usize>,
    gone: &'l mut Vec<Range<usize>>,
}

impl Look<'_> {
    fn value(&mut self, node: Node<'_, '_>) {
        node.items().for_each(|item| self.value(item));
        for (key, value) in node.members() {
            match value.kind() {
                Kind::Array if key.text() == "content" => self.blocks(value),
                Kind::Object | Kind::Array => self.value(value),
                _ => {}
            }
        }
    }

    /// Blocks that stand side by side.
    fn blocks(&mut self, array: Node<'_, '_>) {
        let items: Vec<Node<'_, '_>> = array.items().collect();
        let mut is_gone: Vec<bool> = items.iter().map(|item| self.is_emptied(*item)).collect();
        if !items.iter().any(|item| self.says(*item)) {
            // The first of them is all that is said.
            is_gone.iter_mut().find(|is_gone| **is_gone).into_iter().for_each(|first| *first = false);
        }
        let mut before: Option<usize> = None;
        for (nth, (item, is_gone)) in items.iter().zip(&is_gone).enumerate() {
            let range = item.range();
            if !is_gone {
                before = Some(range.end);
                self.value(*item);
                continue;
            }
            // With the comma in front of it, or behind.
            match (before, items.get(nth + 1)) {
                (Some(end), _) => {
                    self.gone.push(end..range.end);
                    before = Some(range.end);
                }
                (None, Some(next)) => self.gone.push(range.start..next.range().start),
                (None, None) => self.gone.push(range),
            }
        }
    }

    /// Whether nothing is left of a block.
    fn is_emptied(&self, block: Node<'_, '_>) -> bool {
        match block.member("text") {
            Some(text) => self.emptied.contains(&text.range().start),
            None => {
                let mut cited = cited(block).peekable();
                cited.peek().is_some() && cited.all(|cited| self.is_emptied(cited))
            }
        }
    }

    /// Whether a block is a text, and says something.
    fn says(&self, block: Node<'_, '_>) -> bool {
        match block.member("text") {
            Some(text) => !text.text().trim().is_empty() && !self.emptied.contains(&text.range().start),
            None => cited(block).any(|cited| self.says(cited)),
        }
    }
}

/// The texts of a block that cites, as Converse has them.
fn cited<'t, 'a>(block: Node<'t, 'a>) -> impl Iterator<Item = Node<'t, 'a>> {
    let content: Option<Node<'t, 'a>> = block.member("citationsContent").and_then(|cited| cited.member("content"));
    content.into_iter().flat_map(Node::items)
}

#[cfg(test)]
mod tests {
    use crate::passages::{Edits, Passages};
    use serde_json::{Value, json};

    /// An answer in which these texts are left out.
    fn without(answer: &Value, texts: &[&str]) -> Value {
        // With blanks around commas, as some write it.
        let body = serde_json::to_string_pretty(answer).unwrap();
        let passages = Passages::of_answer(body.as_bytes()).unwrap();
        let mut edits = Edits::default();
        for passage in &passages.texts {
            if texts.contains(&&*passage.text) {
                edits.say(passage, "");
            }
        }
        serde_json::from_slice(&edits.apply(body.as_bytes())).unwrap()
    }

    #[test]
    fn a_block_of_which_nothing_is_left_goes_and_the_last_of_them_stays() {
        let text = |text: &str| json!({"type": "text", "text": text, "citations": [{"cited_text": text}]});
        let thought = json!({"type": "thinking", "thinking": "t", "signature": "c2ln"});
        let call = json!({"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {"content": [{"text": "q"}]}});
        let of = |blocks: Vec<Value>| json!({"type": "message", "role": "assistant", "content": blocks, "usage": {}});
        let mark = |cited: &str| json!({"type": "text", "text": "\u{2026}", "citations": [{"cited_text": cited}]});
        let messages = of(vec![thought.clone(), text("a"), text("b"), text("c"), call.clone()]);
        for (texts, left) in [
            (&["b"][..], vec![text("a"), text("c")]),
            (&["a"], vec![text("b"), text("c")]),
            (&["c", "b"], vec![text("a")]),
            (&["a", "c"], vec![text("b")]),
            (&["a", "b"], vec![text("c")]),
        ] {
            let wanted = of([vec![thought.clone()], left, vec![call.clone()]].concat());
            assert_eq!(without(&messages, texts), wanted, "{texts:?}");
        }
        // A thought is no answer, and may be empty.
        let alone = of(vec![thought, text("a"), text("b")]);
        let out = without(&alone, &["a", "b", "t"]);
        let empty = json!({"type": "thinking", "thinking": "", "signature": "c2ln"});
        let mut wanted = of(vec![empty, mark("a")]);
        wanted["content"][1]["citations"][0]["cited_text"] = json!("");
        assert_eq!(out, wanted);
        let first = of(vec![text("a"), text("b")]);
        let mut wanted = of(vec![text("b")]);
        assert_eq!(without(&first, &["a"]), wanted);
        wanted["content"] = json!([text("a")]);
        assert_eq!(without(&first, &["b"]), wanted);
    }

    #[test]
    fn blocks_that_cite_go_as_others_do() {
        let cited = |texts: &[&str]| {
            let content: Vec<Value> = texts.iter().map(|text| json!({ "text": text })).collect();
            json!({"citationsContent": {"content": content, "citations": [{"title": "x"}]}})
        };
        let of = |content: Vec<Value>| json!({"output": {"message": {"role": "assistant", "content": content}}});
        let converse = of(vec![json!({"text": "a"}), cited(&["b", "c"]), json!({"text": "d"})]);
        assert_eq!(without(&converse, &["b", "c", "d"]), of(vec![json!({"text": "a"})]));
        assert_eq!(without(&converse, &["a", "b"]), of(vec![cited(&["c"]), json!({"text": "d"})]));
        assert_eq!(without(&converse, &["a", "b", "d"]), of(vec![cited(&["c"])]));
        assert_eq!(without(&of(vec![cited(&["b", "c"])]), &["b", "c"]), of(vec![cited(&["\u{2026}"])]));
    }

    #[test]
    fn each_message_of_responses_keeps_a_part() {
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
        let message = |parts: Vec<Value>| json!({"type": "message", "role": "assistant", "content": parts});
        let of = |output: Vec<Value>| json!({"object": "response", "output": output});
        let answer = of(vec![message(vec![part("a"), part("b")]), message(vec![part("c"), part("d")])]);
        let out = without(&answer, &["b", "c", "d"]);
        assert_eq!(out, of(vec![message(vec![part("a")]), message(vec![part("\u{2026}")])]));
    }

    #[test]
    fn no_block_is_left_with_blanks_alone() {
        let body = json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": " b "}]}).to_string();
        let passages = Passages::of_answer(body.as_bytes()).unwrap();
        let mut edits = Edits::default();
        edits.say(&passages.texts[1], "  ");
        let out: Value = serde_json::from_slice(&edits.apply(body.as_bytes())).unwrap();
        assert_eq!(out["content"][1]["text"], "\u{2026}  ");
    }
}
