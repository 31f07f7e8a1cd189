//! No picture gets round a set that has services asked about pictures: every dialect before every provider, whole and streamed,
//! in what users say and in what tools answer.

use super::super::findings::Findings;
use super::super::house::{OFFERS, Offer};
use crate::wire::Client;
use crate::wire::client::{ERROR_CODE, Raw, word};
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tg_sim::{Operation, Sim};

/// The service, and the set for models whose names begin with `seen-`.
pub const GUARDS: &str = "\
guards:
- { name: eyes, kind: bedrock_guardrail, provider: bedrock, guardrail: { id: gr1, version: '1' }, timeout: 30s }
";
pub const GUARDRAIL: &str = "\
- name: pictures
  for: { model: 'seen-*' }
  unreadable: { image: ask, audio: block, video: block, document: block, reference: block, tokens: block, hidden: block }
  rules:
  - { name: eyes, external: eyes, action: block, when_away: block, on: input }
";

/// A picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Picture {
    /// One that the service flags.
    Bad,
    /// The same, written with blanks that lenient readers drop.
    Spaced,
    /// One that it does not take.
    Odd,
    /// One that it has nothing against.
    Fine,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    dialect: Dialect,
    offer: Offer,
    delivery: Delivery,
    is_answered_by_tool: bool,
    picture: Picture,
}

impl Picture {
    fn bytes(self) -> (&'static str, Vec<u8>) {
        let says = if matches!(self, Self::Bad | Self::Spaced) { "forbidden" } else { "something" };
        if self == Self::Odd {
            return ("webp", [b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x04\x80\x01\x00", &[7; 150][..]].concat());
        }
        let header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x09\0\0\0\x09\x08\x02\0\0\0\0\0\0\0";
        let comment = [b"\0\0\0\x09tEXt", says.as_bytes(), &[0; 4]].concat();
        let pixels = [b"\0\0\0\x96IDAT", &[7; 150][..], &[0; 4], b"\0\0\0\0IEND\0\0\0\0"].concat();
        ("png", [&header[..], &comment, &pixels].concat())
    }

    fn part(self, dialect: Dialect) -> Value {
        let (kind, bytes) = self.bytes();
        let mut data = STANDARD.encode(bytes);
        let mut blank = "";
        if self == Self::Spaced {
            data.insert(40, ' ');
            blank = " ";
        }
        let url = format!("data:{blank}image/{kind};base64,{data}");
        match dialect {
            Dialect::Chat | Dialect::Embeddings => json!({ "type": "image_url", "image_url": { "url": url } }),
            Dialect::Responses => json!({ "type": "input_image", "detail": "auto", "image_url": url }),
            Dialect::Converse => json!({ "image": { "format": kind, "source": { "bytes": data } } }),
            Dialect::Messages | Dialect::Invoke => {
                let source = json!({ "type": "base64", "media_type": format!("image/{kind}"), "data": data });
                json!({ "type": "image", "source": source })
            }
        }
    }
}

impl Cell {
    fn name(&self) -> String {
        let Self { dialect, offer, delivery, is_answered_by_tool, picture } = self;
        let place = if *is_answered_by_tool { "a tool's answer" } else { "what a user says" };
        format!("{} on {} {delivery:?}: {picture:?} in {place}", dialect.name(), offer.provider)
    }

    fn ask(&self) -> Ask {
        let model = format!("seen-{}", self.offer.provider);
        let (dialect, delivery) = (self.dialect, self.delivery);
        Ask { dialect, model, prompt: "look at this".to_owned(), delivery, output_max: OUTPUT_MAX }
    }

    fn body(&self, ask: &Ask) -> Value {
        let (dialect, part) = (self.dialect, self.picture.part(self.dialect));
        let mut body = ask.body();
        match (self.is_answered_by_tool, dialect) {
            (true, Dialect::Converse) => {
                body = super::places::history(dialect, body, ["nobody", "done"]);
                body["messages"][2]["content"][0]["toolResult"]["content"] = json!([part]);
            }
            (true, Dialect::Responses) => {
                body = super::places::history(dialect, body, ["nobody", "done"]);
                body["input"][2]["output"] = json!([part]);
            }
            (true, _) => {
                body = super::places::history(dialect, body, ["nobody", "done"]);
                body["messages"][2]["content"][0]["content"] = json!([part]);
            }
            (false, Dialect::Responses) => {
                let said = json!({ "type": "input_text", "text": "look at this" });
                body["input"] = json!([{ "role": "user", "content": [said, part] }]);
            }
            (false, Dialect::Converse) => body["messages"][0]["content"] = json!([{ "text": "look at this" }, part]),
            (false, _) => {
                body["messages"][0]["content"] = json!([{ "type": "text", "text": "look at this" }, part]);
            }
        }
        body
    }

    fn judge(&self, raw: &Raw, sim: &Sim) -> Result<()> {
        let id = raw.id.as_deref().context("no id")?;
        let (code, rule) = (word(&raw.headers, ERROR_CODE), word(&raw.headers, "x-tallygate-guardrail"));
        if self.picture == Picture::Fine {
            anyhow::ensure!(code != Some("content_blocked"), "{rule:?} stops it");
            // What a provider has no word for in a tool's answer is refused for that reason.
            anyhow::ensure!(raw.status == 200 || self.is_answered_by_tool, "{}: {code:?}", raw.status);
            return Ok(());
        }
        anyhow::ensure!(code == Some("content_blocked"), "{}: {code:?}", raw.status);
        let wanted = if self.picture == Picture::Odd { "pictures/unreadable" } else { "pictures/eyes" };
        anyhow::ensure!(rule == Some(wanted), "{rule:?} stops it");
        let entries = sim.books.entries();
        let mut sent = entries.iter().filter(|entry| entry.operation != Operation::Guardrail);
        let is_sent = sent.any(|entry| entry.gateway_request_id.as_deref() == Some(id));
        anyhow::ensure!(!is_sent, "it was sent");
        Ok(())
    }
}

/// Makes the calls, and notes what came of them.
pub async fn note(client: &Client, sim: &Sim, abreast: usize, findings: &mut Findings) {
    for dialect in Dialect::TALKING {
        let cells = cells(dialect);
        let made = cells.len();
        let flaws: Vec<Option<String>> = stream::iter(cells)
            .map(|cell| async move {
                let ask = cell.ask();
                let raw = client.raw(&ask, &cell.body(&ask)).await;
                let flaw = raw.and_then(|raw| cell.judge(&raw, sim)).err();
                flaw.map(|error| format!("{}: {error:#}", cell.name()))
            })
            .buffer_unordered(abreast)
            .collect()
            .await;
        let exceptions: Vec<String> = flaws.into_iter().flatten().collect();
        findings.none(format_args!("no picture gets round in {}", dialect.name()), made, &exceptions);
    }
}

/// The document's names for models that are seen.
pub fn models() -> String {
    let one = |Offer { provider, model, .. }: Offer| {
        format!("- {{ name: 'seen-{provider}', targets: [{{ provider: {provider}, model: '{model}' }}] }}\n")
    };
    OFFERS.into_iter().map(one).collect()
}

fn cells(dialect: Dialect) -> Vec<Cell> {
    let mut cells = Vec::new();
    for offer in OFFERS {
        for delivery in [Delivery::Plain, Delivery::Streamed] {
            for picture in [Picture::Bad, Picture::Spaced, Picture::Odd, Picture::Fine] {
                // Tools answer no pictures in Chat Completions.
                for is_answered_by_tool in [false, true].into_iter().take(if dialect == Dialect::Chat { 1 } else { 2 })
                {
                    cells.push(Cell { dialect, offer, delivery, is_answered_by_tool, picture });
                }
            }
        }
    }
    cells
}
