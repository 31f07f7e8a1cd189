//! Tool names and call ids in a form that every provider allows, and the way back to the caller's own names.

use tg_kernel::chat::{ChatReply, Content};
use tg_kernel::event::{Event, PartKind};

/// The longest tool name and call id that every provider allows.
const LENGTH_MAX: usize = 64;

/// Tool names of one request that had to be changed for the target: as sent, and as the caller wrote them.
///
/// Whoever sends the request keeps this until the answer is whole, and restores the names in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolNames {
    pairs: Vec<(String, String)>,
}

impl ToolNames {
    /// True when no name was changed: nothing to restore.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Puts the caller's own tool names back into a whole answer.
    pub fn restore_reply(&self, reply: &mut ChatReply) {
        for part in &mut reply.parts {
            if let Content::ToolUse(call) = &mut part.content {
                self.restore(&mut call.name);
            }
        }
    }

    /// Puts the caller's own tool name back into an event of a streamed answer.
    pub fn restore_event(&self, event: &mut Event) {
        if let Event::PartStart { kind: PartKind::ToolUse { name, .. }, .. } = event {
            self.restore(name);
        }
    }

    fn restore(&self, name: &mut String) {
        if let Some((_, own)) = self.pairs.iter().find(|(sent, _)| sent == name) {
            name.clone_from(own);
        }
    }

    /// The name to send for the caller's `name` (letters, digits, `_` and `-`, at most 64), remembered if it differs.
    pub(crate) fn send(&mut self, name: &str) -> String {
        let sent = bounded(name, |c| matches!(c, '_' | '-'));
        if sent != name && !self.pairs.iter().any(|(known, _)| *known == sent) {
            self.pairs.push((sent.clone(), name.to_owned()));
        }
        sent
    }
}

/// A call id with letters, digits, `_` and `-` only, at most 64 long. The same id always gives the same result, so
/// that a call and its outcome stay tied together.
pub(crate) fn call_id(id: &str) -> String {
    bounded(id, |c| matches!(c, '_' | '-'))
}

/// `text` itself if it is allowed; else its allowed characters and a checksum that keeps different texts apart.
fn bounded(text: &str, allowed: impl Fn(char) -> bool) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || allowed(c);
    if !text.is_empty() && text.len() <= LENGTH_MAX && text.chars().all(fine) {
        return text.to_owned();
    }
    let kept: String = text.chars().map(|c| if fine(c) { c } else { '_' }).take(LENGTH_MAX - 9).collect();
    format!("{kept}_{:08x}", crc32fast::hash(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{ToolNames, call_id};
    use tg_kernel::chat::{ChatReply, Content, Part, ToolUse};

    #[test]
    fn names_within_the_bounds_are_left_alone() {
        let mut names = ToolNames::default();
        assert_eq!(names.send("get_weather-2"), "get_weather-2");
        assert!(names.is_empty());
    }

    #[test]
    fn names_outside_the_bounds_come_back_as_they_were() {
        let long = "x".repeat(80);
        let mut names = ToolNames::default();
        for own in ["files.read", "files/read", "größe", long.as_str()] {
            let sent = names.send(own);
            assert!(sent.len() <= 64 && sent.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{sent}");
            let call = ToolUse { id: "1".into(), name: sent, arguments: String::new() };
            let mut reply = ChatReply { parts: vec![Part::new(Content::ToolUse(call))], ..ChatReply::default() };
            names.restore_reply(&mut reply);
            assert!(matches!(&reply.parts[0].content, Content::ToolUse(call) if call.name == own), "{own}");
        }
    }

    #[test]
    fn ids_are_stable_and_kept_apart() {
        assert_eq!(call_id("toolu_01-A"), "toolu_01-A");
        assert_eq!(call_id("call|x"), call_id("call|x"));
        assert_ne!(call_id("call|x"), call_id("call_x"));
        assert_ne!(call_id(&"a".repeat(65)), call_id(&"a".repeat(66)));
    }
}
