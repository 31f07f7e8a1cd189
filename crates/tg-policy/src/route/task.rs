//! What kind of task a call is, from what stands in its last turn and in the application's instructions.

use tg_kernel::decided;
use tg_kernel::needs::Needs;
use tg_kernel::passage::Channel;
use tg_text::task::{Facts, task_with};
use tg_text::view::View;

/// Most bytes of a text that are read: its ends say what is wanted.
const READ_MAX: usize = 8 * 1024;

/// A call's task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// Its class, by name.
    pub class: &'static str,
    /// How sure that is, from 0 to 1.
    pub confidence: f32,
    /// How likely it is that only a strong model gets it right, from 0 to 1.
    pub difficulty: f32,
}

impl From<&Task> for decided::Task {
    fn from(task: &Task) -> Self {
        // A share of one, in whole percent.
        let difficulty = (task.difficulty.clamp(0.0, 1.0) * 100.0).round() as u8;
        Self { class: task.class.into(), difficulty }
    }
}

/// The task of a call of which this is said: channel, turn, text.
#[must_use]
pub fn task<'a>(said: impl Iterator<Item = (Channel, u32, &'a str)> + Clone, needs: &Needs) -> Task {
    let system = ends(said.clone().filter(|(channel, ..)| *channel == Channel::System).map(|(.., text)| text));
    let users = said.filter(|(channel, ..)| *channel == Channel::User);
    let last = users.clone().map(|(_, turn, _)| turn).max().unwrap_or_default();
    let asked = ends(users.filter(|(_, turn, _)| *turn == last).map(|(.., text)| text));
    let facts = Facts {
        tools: needs.tools,
        schema: needs.json_schema,
        images: needs.images,
        turns: needs.turns.max(1),
        input_bytes: needs.input_tokens.saturating_mul(tg_kernel::peek::BYTES_PER_TOKEN),
        has_system: !system.is_empty(),
        output_tokens_max: needs.output_tokens_max,
    };
    let view = View::open_only(&system);
    let found = task_with((!system.is_empty()).then_some(&view), &View::open_only(&asked), &facts);
    Task { class: found.class.as_str(), confidence: found.confidence, difficulty: found.difficulty }
}

/// Texts one after another; of a long whole its beginning and its end.
fn ends<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut whole = String::new();
    for text in texts {
        if !whole.is_empty() {
            whole.push('\n');
        }
        whole.push_str(text);
    }
    if whole.len() <= READ_MAX {
        return whole;
    }
    let head = whole.floor_char_boundary(READ_MAX / 2);
    let tail = whole.ceil_char_boundary(whole.len() - READ_MAX / 2);
    format!("{}\n{}", whole.get(..head).unwrap_or_default(), whole.get(tail..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(said: &[(Channel, u32, &str)], needs: Needs) -> &'static str {
        task(said.iter().copied(), &needs).class
    }

    #[test]
    fn the_last_turn_and_the_instructions_say_what_is_wanted() {
        let once = Needs { turns: 1, ..Needs::default() };
        let translate = (Channel::User, 1, "Translate the following sentence into French: The meeting is at noon.");
        assert_eq!(class(&[translate], once), "translation");
        let code = (Channel::User, 3, "Write a Python function that reverses a linked list, with unit tests.");
        let answered = (Channel::Assistant, 2, "La réunion est à midi.");
        assert_eq!(class(&[translate, answered, code], Needs { turns: 3, ..once }), "code", "not what came before");
        let used = Needs { tools: true, turns: 4, ..once };
        assert_eq!(class(&[translate], used), "agentic", "whatever it says");
        let long = "word ".repeat(100_000);
        let whatever = [vec![(Channel::User, 1, long.as_str())], Vec::new()];
        assert!(whatever.iter().all(|said| (0.0..=1.0).contains(&task(said.iter().copied(), &once).difficulty)));
    }
}
