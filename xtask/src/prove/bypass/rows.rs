//! Values in answers of several blocks, and around the pauses of a stream of Chat.

use super::super::house::{OFFERS, Offer};
use super::alike::{Sought, Trial, ask};
use crate::wire::dialect::{Delivery, Dialect};
use serde_json::json;

/// Tokens in each event of a stream; of a whole answer they are no matter.
const CHUNKS: [(Delivery, usize); 4] =
    [(Delivery::Plain, 1), (Delivery::Streamed, 1), (Delivery::Streamed, 3), (Delivery::Streamed, 100)];

/// What stands right before a value that has a block of its own, and right behind it.
const AROUND: [[&str; 2]; 5] = [["use", "for it"], ["1", "2"], ["é", "é"], ["", "for it"], ["use", ""]];

/// What a stream of Chat may say between two pieces of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    Thought,
    Refusal,
    Call,
}

impl Pause {
    const ALL: [Self; 3] = [Self::Thought, Self::Refusal, Self::Call];

    const fn script(self) -> &'static str {
        match self {
            Self::Thought => "think:hm",
            Self::Refusal => "refuse:not that",
            Self::Call => "call",
        }
    }

    /// Whether a model of this provider says such a thing.
    fn is_of(self, offer: &Offer) -> bool {
        self != Self::Refusal || !is_of_claude(offer)
    }

    /// Whether a caller hears it: OpenAI's thoughts are not told, and break nothing.
    fn is_heard_from(self, offer: &Offer) -> bool {
        self != Self::Thought || offer.provider != "openai"
    }
}

fn is_of_claude(offer: &Offer) -> bool {
    matches!(offer.provider, "bedrock" | "anthropic")
}

/// Whether an answer has the blocks in which a provider has said it: where that is asked in Chat it has a single string.
fn has_blocks(dialect: Dialect, offer: &Offer) -> bool {
    match dialect {
        Dialect::Chat | Dialect::Embeddings => false,
        Dialect::Responses => offer.provider != "compatible",
        Dialect::Messages | Dialect::Converse | Dialect::Invoke => is_of_claude(offer),
    }
}

/// An answer of a provider with a value in it.
#[derive(Clone, Copy, Debug)]
struct Answer {
    dialect: Dialect,
    offer: Offer,
    delivery: Delivery,
    chunk: usize,
    sought: Sought,
}

/// Its blocks, as a script lists them.
struct Row {
    /// `None` where the value stands whole in one.
    how: Option<String>,
    blocks: Vec<String>,
    /// What nobody may see.
    hidden: Vec<String>,
}

fn answers(dialect: Dialect, offer: Offer) -> impl Iterator<Item = Answer> {
    CHUNKS
        .into_iter()
        .flat_map(move |(delivery, chunk)| Sought::ALL.map(|sought| Answer { dialect, offer, delivery, chunk, sought }))
}

/// Every dialect that has such answers, before every provider that gives them, whole and streamed.
pub(super) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for dialect in Dialect::TALKING {
        for offer in OFFERS.into_iter().filter(|offer| has_blocks(dialect, offer)) {
            for answer in answers(dialect, offer) {
                let claim = "a value in a block of its own, or over blocks, is found";
                trials.extend(answer.rows().into_iter().map(|row| answer.trial(claim, row)));
            }
        }
    }
    trials
}

/// Answers in Chat, whole and streamed, of every provider.
pub(super) fn pauses() -> Vec<Trial> {
    let mut trials = Vec::new();
    for offer in OFFERS {
        for answer in answers(Dialect::Chat, offer) {
            let rows =
                Pause::ALL.into_iter().filter(|pause| pause.is_of(&offer)).flat_map(|pause| answer.around(pause));
            let rows = [answer.whole()].into_iter().chain(rows);
            trials.extend(rows.map(|row| answer.trial("a value that a pause splits is not completed", row)));
        }
    }
    trials
}

impl Answer {
    fn trial(self, claim: &str, Row { how, blocks, mut hidden }: Row) -> Trial {
        let Self { dialect, offer, delivery, chunk, sought } = self;
        let row = blocks.join("|").replace(' ', "+");
        let ask = ask(dialect, offer, delivery, true, format!("[[sim: row={row} chunk={chunk}]]"));
        let mut body = ask.body();
        if blocks.iter().any(|block| block == Pause::Call.script()) {
            let function = json!({ "name": "send", "parameters": { "type": "object", "properties": {} } });
            body["tools"] = json!([{ "type": "function", "function": function }]);
        }
        hidden.push(sought.value().to_owned());
        let claim = format!("{claim} in {}", dialect.name());
        Trial { claim, how, place: "an answer", offer, ask, body, is_answer: true, sought, hidden }
    }

    /// Rows of blocks.
    fn rows(self) -> Vec<Row> {
        let sought = self.sought;
        let halves = sought.parts(2);
        let mut rows = vec![self.whole()];
        for [before, behind] in AROUND {
            let blocks = [before, sought.value(), behind].map(str::to_owned);
            rows.push(Row {
                how: Some(format!("alone between {before:?} and {behind:?}")),
                blocks: blocks.into_iter().filter(|block| !block.is_empty()).collect(),
                hidden: halves.clone(),
            });
        }
        for count in [2, 3] {
            let parts = sought.parts(count);
            rows.push(Row {
                how: Some(format!("over {count} blocks")),
                hidden: parts.iter().map(|part| part.trim().to_owned()).collect(),
                blocks: [vec!["use ".to_owned()], parts, vec![" for it".to_owned()]].concat(),
            });
        }
        rows
    }

    fn whole(self) -> Row {
        let sought = self.sought;
        Row { how: None, blocks: vec![format!("use {} for it", sought.value())], hidden: sought.parts(2) }
    }

    /// A text with a pause within the value, and with one before that.
    fn around(self, pause: Pause) -> [Row; 2] {
        let script = pause.script();
        let halves = self.sought.parts(2);
        let [first, second] = [0, 1].map(|nth| halves.get(nth).map_or("", String::as_str));
        let may_leave = self.delivery == Delivery::Streamed && pause.is_heard_from(&self.offer);
        let once = [format!("use {first}"), script.to_owned(), format!("{second} for it")];
        let before = ["so I say".to_owned(), script.to_owned(), " and ".to_owned() + &once[0]];
        [
            Row {
                how: Some(format!("around {script:?}")),
                blocks: once.to_vec(),
                hidden: if may_leave { vec![second.trim().to_owned()] } else { halves.clone() },
            },
            // The text has gone on once: no more of it leaves at a pause.
            Row {
                how: Some(format!("around the second {script:?}")),
                blocks: [&before[..], &once[1..]].concat(),
                hidden: halves.clone(),
            },
        ]
    }
}
