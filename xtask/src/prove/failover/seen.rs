//! What was seen of a call: by its caller in the answer, and by the operator in the ledger.

use crate::wire::Client;
use crate::wire::client::{Raw, word};
use crate::wire::dialect::{Ask, Delivery, Dialect};
use crate::wire::frames::{Event, Frames, Framing};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::{self, Display};

/// Letters of something unexpected that are shown.
const LETTERS_SHOWN: usize = 200;

/// What a caller saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saw {
    /// All of the answer, and that it is all.
    Whole,
    /// A refusal with this status, in its dialect.
    Refused(u16),
    /// The beginning of a stream, then an error in its dialect.
    Cut,
    /// A stream that holds an error in its dialect, and no word before it.
    Said,
    /// Something else.
    Other,
}

impl Display for Saw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("the whole answer"),
            Self::Refused(status) => write!(f, "{status} in its dialect"),
            Self::Cut => f.write_str("the beginning, then an error in its dialect"),
            Self::Said => f.write_str("an error in its dialect"),
            Self::Other => f.write_str("something else"),
        }
    }
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What its caller saw.
    pub saw: Saw,
    /// What the answer was, where it was something else.
    pub said: String,
    /// How many tries the answer says there were.
    pub tries: String,
    /// Which provider it says answered.
    pub provider: String,
    /// The gateway's id of the call.
    pub id: Option<String>,
}

impl Seen {
    /// Makes a call whose answer repeats `mark`.
    pub async fn of(client: &Client, ask: &Ask, mark: &str) -> Self {
        match client.raw(ask, &ask.body()).await {
            Ok(raw) => {
                let header = |name| word(&raw.headers, name).unwrap_or("none said").to_owned();
                let (tries, provider) = (header("x-tallygate-attempts"), header("x-tallygate-provider"));
                let saw = saw(ask, &raw, mark);
                let said = if saw == Saw::Other { shown(&raw) } else { String::new() };
                Self { saw, said, tries, provider, id: raw.id }
            }
            Err(error) => Self {
                saw: Saw::Other,
                said: format!("no whole HTTP answer: {error:#}"),
                tries: "none said".to_owned(),
                provider: String::new(),
                id: None,
            },
        }
    }
}

/// How an answer begins.
fn shown(raw: &Raw) -> String {
    let said: String = String::from_utf8_lossy(&raw.body).chars().take(LETTERS_SHOWN).collect();
    format!("{} and {said:?}", raw.status)
}

fn saw(ask: &Ask, raw: &Raw, mark: &str) -> Saw {
    let whole = || serde_json::from_slice::<Value>(&raw.body).ok();
    if raw.status != 200 {
        let is_said = whole().is_some_and(|body| is_refusal(ask.dialect, raw, &body));
        return if is_said { Saw::Refused(raw.status) } else { Saw::Other };
    }
    if ask.delivery == Delivery::Plain {
        let is_whole = whole().is_some_and(|answer| ask.dialect.text_of_answer(&answer).contains(mark));
        return if is_whole { Saw::Whole } else { Saw::Other };
    }
    let mut frames = Frames::new(ask.dialect.framing());
    let events = frames.push(&raw.body);
    let text: String = events.iter().map(|event| ask.dialect.text_of_event(event)).collect();
    let is_complete = events.iter().any(|event| ask.dialect.is_end(event)) && !frames.is_torn();
    let has_failed = match ask.dialect.framing() {
        // In the headers of its frame, which are no JSON.
        Framing::EventStream => raw.body.windows(EXCEPTION.len()).any(|bytes| bytes == EXCEPTION),
        Framing::Sse => events.iter().any(is_error),
    };
    match (has_failed, is_complete) {
        (false, true) if text.contains(mark) => Saw::Whole,
        (true, false) if text.is_empty() => Saw::Said,
        (true, false) => Saw::Cut,
        _ => Saw::Other,
    }
}

/// The header that names an exception in a frame.
const EXCEPTION: &[u8] = b":exception-type";

/// Whether a refusal says in its dialect what is wrong.
fn is_refusal(dialect: Dialect, raw: &Raw, body: &Value) -> bool {
    let says = |place: &str| body.pointer(place).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    match dialect {
        Dialect::Converse | Dialect::Invoke => word(&raw.headers, "x-amzn-errortype").is_some() && says("/message"),
        Dialect::Messages => body["type"] == "error" && says("/error/type") && says("/error/message"),
        _ => says("/error/type") && says("/error/message"),
    }
}

/// Whether an event of a stream says that it has failed.
fn is_error(event: &Event) -> bool {
    let Event::Json(event) = event else { return false };
    let kind = event["type"].as_str().unwrap_or_default();
    matches!(kind, "error" | "response.failed") || event.get("error").is_some_and(Value::is_object)
}

/// What the ledger holds for the failed tries of a call, in nano-dollars: those before the one that answered, and the call's own
/// where it was not answered whole.
pub fn booked(row: &Value, saw: Saw) -> i64 {
    let cost = |entry: &Value| entry.pointer("/cost/nanos").and_then(Value::as_i64).unwrap_or_default();
    let earlier: i64 = row["earlier"].as_array().into_iter().flatten().map(cost).sum();
    if saw == Saw::Whole { earlier } else { earlier + cost(row) }
}

/// All that was seen of one way to fail.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// What callers saw.
    pub saw: BTreeSet<String>,
    /// How many tries there were.
    pub tries: BTreeSet<String>,
    /// What was booked for those that failed, in nano-dollars.
    pub booked: BTreeSet<i64>,
}

impl Sight {
    /// Adds what was seen of a call.
    pub fn add(&mut self, seen: &Seen, booked: i64) {
        self.saw.insert(if seen.saw == Saw::Other { seen.said.clone() } else { seen.saw.to_string() });
        self.tries.insert(seen.tries.clone());
        self.booked.insert(booked);
    }

    /// The cells of a table: what callers saw, how many tries there were, who was passed over, what was booked.
    pub fn cells(&self, blamed: &str) -> [String; 4] {
        let all = |words: &BTreeSet<String>| words.iter().cloned().collect::<Vec<_>>().join("; ");
        let dollars = |nanos: &i64| format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
        let booked = match (self.booked.first(), self.booked.last()) {
            (None | Some(0), None | Some(0)) => "nothing".to_owned(),
            (Some(least), Some(most)) if least != most => format!("{} to {} USD", dollars(least), dollars(most)),
            (least, most) => format!("{} USD", least.or(most).map(dollars).unwrap_or_default()),
        };
        let blamed = if blamed.is_empty() { "nobody" } else { blamed };
        [all(&self.saw), all(&self.tries), blamed.to_owned(), booked]
    }
}

#[cfg(test)]
mod tests {
    use super::{Saw, Seen, Sight, booked, saw};
    use crate::wire::client::Raw;
    use crate::wire::dialect::{Ask, Delivery, Dialect};
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use serde_json::json;

    fn seen(dialect: Dialect, delivery: Delivery, status: u16, body: &str) -> Saw {
        let ask = Ask { dialect, model: String::new(), prompt: String::new(), delivery, output_max: 1 };
        let mut headers = HeaderMap::new();
        if status == 418 {
            headers.insert("x-amzn-errortype", HeaderValue::from_static("ValidationException"));
        }
        saw(&ask, &Raw { status, id: None, headers, body: Bytes::from(body.to_owned()) }, "mark")
    }

    #[test]
    fn answers_are_told_apart() {
        let (chat, plain, streamed) = (Dialect::Chat, Delivery::Plain, Delivery::Streamed);
        let whole = r#"{"choices":[{"message":{"content":"a mark"}}]}"#;
        assert_eq!(seen(chat, plain, 200, whole), Saw::Whole);
        assert_eq!(seen(chat, plain, 200, &whole.replace("mark", "word")), Saw::Other);
        assert_eq!(seen(chat, plain, 200, &whole[..20]), Saw::Other);
        let refusal = r#"{"error":{"type":"x","message":"why"}}"#;
        assert_eq!(seen(chat, plain, 400, refusal), Saw::Refused(400));
        assert_eq!(seen(Dialect::Messages, plain, 400, refusal), Saw::Other);
        assert_eq!(seen(Dialect::Converse, plain, 400, r#"{"message":"why"}"#), Saw::Other, "no exception");
        assert_eq!(seen(Dialect::Converse, streamed, 418, r#"{"message":"why"}"#), Saw::Refused(418));
        let word = "data: {\"choices\":[{\"delta\":{\"content\":\"a mark\"}}]}\n\n";
        let error = "data: {\"error\":{\"message\":\"why\"}}\n\n";
        assert_eq!(seen(chat, streamed, 200, &format!("{word}data: [DONE]\n\n")), Saw::Whole);
        assert_eq!(seen(chat, streamed, 200, &format!("{word}{error}")), Saw::Cut);
        assert_eq!(seen(chat, streamed, 200, error), Saw::Said);
        for body in [word.to_owned(), format!("{word}{error}data: [DONE]\n\n"), String::new()] {
            assert_eq!(seen(chat, streamed, 200, &body), Saw::Other, "{body}");
        }
    }

    #[test]
    fn failed_tries_cost_what_their_rows_say() {
        let row =
            json!({ "cost": { "nanos": 5 }, "earlier": [{ "cost": { "nanos": 7 } }, { "cost": { "nanos": 0 } }] });
        assert_eq!(booked(&row, Saw::Whole), 7);
        assert_eq!(booked(&row, Saw::Cut), 12);
        let of = |tries: &str| Seen {
            saw: Saw::Whole,
            said: String::new(),
            tries: tries.to_owned(),
            provider: String::new(),
            id: None,
        };
        let mut sight = Sight::default();
        sight.add(&of("2"), 0);
        assert_eq!(sight.cells(""), ["the whole answer", "2", "nobody", "nothing"]);
        sight.add(&of("1"), 1_500);
        assert_eq!(sight.cells("model"), ["the whole answer", "1; 2", "model", "0.000000000 to 0.000001500 USD"]);
    }
}
