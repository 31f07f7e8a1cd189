//! Values that are cut over parts of one turn of a request, between parts that touch them.

use super::alike::{Sought, Trial, ask, talks};
use super::places::history;
use crate::wire::dialect::{Ask, Delivery, Dialect};
use serde_json::{Value, json};

/// A turn of several parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// What a user says in a message.
    User,
    /// What a user says in messages in a row.
    Messages,
    /// What the application says.
    System,
    /// What a tool answered.
    ToolResult,
}

/// What stands right before and right behind.
const AROUND: [[&str; 2]; 4] = [["pay", "now"], ["a/", "/b"], ["a_", "_b"], ["a-", "-b"]];

impl Turn {
    const ALL: [Self; 4] = [Self::User, Self::Messages, Self::System, Self::ToolResult];

    const fn name(self) -> &'static str {
        match self {
            Self::User => "parts of a message",
            Self::Messages => "messages in a row",
            Self::System => "parts of system text",
            Self::ToolResult => "parts of what a tool answered",
        }
    }

    fn is_in(self, dialect: Dialect) -> bool {
        // Converse wants sides that take turns.
        self != Self::Messages || dialect != Dialect::Converse
    }

    /// The request with these parts.
    fn body(self, ask: &Ask, parts: &[String]) -> Value {
        let dialect = ask.dialect;
        let part = |text: &String| match dialect {
            Dialect::Responses => json!({ "type": "input_text", "text": text }),
            Dialect::Converse => json!({ "text": text }),
            _ => json!({ "type": "text", "text": text }),
        };
        let parts_of_it: Vec<Value> = parts.iter().map(part).collect();
        let list = if dialect == Dialect::Responses { "input" } else { "messages" };
        let message = |role: &str, content: Value| json!({ "role": role, "content": content });
        let mut body = ask.body();
        match (self, dialect) {
            (Self::User, _) => body[list] = json!([message("user", json!(parts_of_it))]),
            (Self::Messages, _) => {
                body[list] = parts.iter().map(|text| message("user", json!(text))).collect();
            }
            (Self::System, Dialect::Chat | Dialect::Responses) => {
                body[list] = json!([message("system", json!(parts_of_it)), message("user", json!("hello"))]);
            }
            (Self::System, _) => body["system"] = json!(parts_of_it),
            (Self::ToolResult, _) => {
                body = history(dialect, body, ["nobody", "done"]);
                let place = match dialect {
                    Dialect::Responses => "/input/2/output",
                    Dialect::Converse => "/messages/2/content/0/toolResult/content",
                    Dialect::Chat => "/messages/2/content",
                    _ => "/messages/2/content/0/content",
                };
                if let Some(content) = body.pointer_mut(place) {
                    *content = json!(parts_of_it);
                }
            }
        }
        body
    }
}

/// Every dialect before every provider, whole and streamed.
pub(super) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for turn in Turn::ALL {
        for (dialect, offer, sought) in talks().filter(|(dialect, ..)| turn.is_in(*dialect)) {
            let ask = |delivery| ask(dialect, offer, delivery, false, "hello".to_owned());
            for (nth, [before, behind]) in AROUND.into_iter().enumerate() {
                for count in 1..=4 {
                    let parts = sought.parts(count);
                    let hidden = parts.iter().map(|part| json!(part).to_string()).collect();
                    let around = [vec![before.to_owned()], parts, vec![behind.to_owned()]].concat();
                    let how = format!("in {count} between {before:?} and {behind:?}");
                    trials.push(trial(turn, sought, (ask(delivery(nth + count)), offer), (Some(how), &around), hidden));
                }
            }
            for delivery in [Delivery::Plain, Delivery::Streamed] {
                let text = format!("pay {} now", sought.value());
                trials.push(trial(turn, sought, (ask(delivery), offer), (None, &[text]), Vec::new()));
            }
        }
    }
    trials
}

const fn delivery(nth: usize) -> Delivery {
    if nth.is_multiple_of(2) { Delivery::Plain } else { Delivery::Streamed }
}

fn trial(
    turn: Turn,
    sought: Sought,
    (ask, offer): (Ask, super::Offer),
    (how, parts): (Option<String>, &[String]),
    mut hidden: Vec<String>,
) -> Trial {
    hidden.push(sought.value().to_owned());
    Trial {
        claim: format!("a value over parts that others touch is found in {}", ask.dialect.name()),
        how,
        place: turn.name(),
        offer,
        body: turn.body(&ask, parts),
        ask,
        is_answer: false,
        sought,
        hidden,
    }
}
