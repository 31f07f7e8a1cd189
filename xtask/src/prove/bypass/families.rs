//! Models that are invoked in words of their own family: what is said to them and what they say is judged as in any dialect.

use super::super::findings::Findings;
use super::ABREAST;
use super::attacks::{Attack, Outcome};
use crate::wire::Client;
use crate::wire::client::{ERROR_CODE, Raw, word};
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tg_sim::Sim;

/// Families of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Nova,
    Llama,
    Command,
    Mistral,
    TitanEmbed,
    CohereEmbed,
}

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// What is said, or is to be embedded.
    Said,
    /// What the application says, in a place of its own.
    System,
    /// What was said before.
    History,
    /// What the model says.
    Answer,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    family: Family,
    place: Place,
    attack: Attack,
    delivery: Delivery,
}

impl Family {
    const ALL: [Self; 6] = [Self::Nova, Self::Llama, Self::Command, Self::Mistral, Self::TitanEmbed, Self::CohereEmbed];

    /// A name, and the model behind it.
    const fn names(self) -> [&'static str; 2] {
        match self {
            Self::Nova => ["nova", "amazon.nova-lite-v1:0"],
            Self::Llama => ["llama", "meta.llama3-1-8b-instruct-v1:0"],
            Self::Command => ["command", "cohere.command-r-v1:0"],
            Self::Mistral => ["mistral", "mistral.mistral-large-2402-v1:0"],
            Self::TitanEmbed => ["titan-embed", "amazon.titan-embed-text-v2:0"],
            Self::CohereEmbed => ["cohere-embed", "cohere.embed-english-v3"],
        }
    }

    const fn embeds(self) -> bool {
        matches!(self, Self::TitanEmbed | Self::CohereEmbed)
    }

    fn has(self, place: Place) -> bool {
        match place {
            Place::Said => true,
            Place::System | Place::History => matches!(self, Self::Nova | Self::Command | Self::Mistral),
            Place::Answer => !self.embeds(),
        }
    }

    fn body(self, place: Place, text: &str) -> Value {
        let (system, before, said) = match place {
            Place::Said => ("", "hello", text.to_owned()),
            Place::System => (text, "hello", "hello".to_owned()),
            Place::History => ("", text, "hello".to_owned()),
            // All of it once.
            Place::Answer => {
                let tokens = format!("echo: {text} ").len().div_ceil(4);
                ("", "hello", format!("{text} [[sim: tokens={tokens}]]"))
            }
        };
        let system = if system.is_empty() { "Be brief." } else { system };
        match self {
            Self::Nova => {
                let turn = |role: &str, text: &str| json!({ "role": role, "content": [{ "text": text }] });
                json!({ "schemaVersion": "messages-v1", "system": [{ "text": system }],
                    "messages": [turn("user", before), turn("assistant", "hello"), turn("user", &said)] })
            }
            Self::Llama => json!({ "prompt": said, "max_gen_len": 500 }),
            Self::Command => json!({ "preamble": system, "message": said,
                "chat_history": [{ "role": "USER", "message": before }, { "role": "CHATBOT", "message": "hello" }] }),
            Self::Mistral => {
                let turn = |role: &str, text: &str| json!({ "role": role, "content": text });
                json!({ "messages": [turn("system", system), turn("user", before), turn("assistant", "hello"),
                    turn("user", &said)] })
            }
            Self::TitanEmbed => json!({ "inputText": said }),
            Self::CohereEmbed => json!({ "texts": ["hello", said], "input_type": "search_document" }),
        }
    }
}

impl Cell {
    fn name(&self) -> String {
        let Self { family, place, attack, delivery } = self;
        format!("{family:?} {delivery:?}: {} in {place:?}", attack.name())
    }

    fn ask(&self) -> Ask {
        let way = if self.place == Place::Answer { "out" } else { "in" };
        let model = format!("{way}-family-{}", self.family.names()[0]);
        let (dialect, delivery) = (Dialect::Invoke, self.delivery);
        Ask { dialect, model, prompt: String::new(), delivery, output_max: OUTPUT_MAX }
    }

    fn judge(&self, raw: &Raw, sim: &Sim) -> Result<()> {
        let id = raw.id.as_deref().context("no id")?;
        let heard = raw.said(Dialect::Invoke);
        if let Some(shown) = self.attack.is_shown_in(&heard) {
            anyhow::bail!("the caller sees {shown}: {heard}");
        }
        let code = word(&raw.headers, ERROR_CODE);
        let entries = sim.books.entries();
        let entry = entries.iter().find(|entry| entry.gateway_request_id.as_deref() == Some(id));
        match (self.place, self.attack.outcome()) {
            (Place::Answer, Outcome::Blocked) if self.delivery == Delivery::Plain => {
                anyhow::ensure!(entry.is_some() && raw.status == 400, "{}: {heard}", raw.status);
                anyhow::ensure!(code == Some("content_blocked"), "{code:?}: {heard}");
            }
            // It ends before what was found.
            (Place::Answer, Outcome::Blocked) => {
                anyhow::ensure!(entry.is_some() && raw.status == 200, "{}: {heard}", raw.status);
                anyhow::ensure!(!heard.contains("for it") && !heard.contains("police"), "it goes on: {heard}");
            }
            (Place::Answer, _) => {
                anyhow::ensure!(raw.status == 200 && heard.contains("[EMAIL"), "{}: {heard}", raw.status);
            }
            (_, Outcome::Blocked) => {
                anyhow::ensure!(entry.is_none() && raw.status == 400, "{}: {heard}", raw.status);
                anyhow::ensure!(code == Some("content_blocked"), "{code:?}: {heard}");
            }
            (..) => {
                anyhow::ensure!(raw.status == 200, "{}: {heard}", raw.status);
                let detail = entry.and_then(|entry| entry.detail.as_ref()).context("it was not sent")?;
                anyhow::ensure!(self.attack.is_shown_in(&detail.body).is_none(), "it is sent: {}", detail.body);
            }
        }
        Ok(())
    }
}

/// Makes the calls, and notes what came of them.
pub(super) async fn note(client: &Client, sim: &Sim, findings: &mut Findings) {
    for family in Family::ALL {
        let cells = cells(family);
        let made = cells.len();
        let heard: Vec<(Cell, Result<Raw>)> = stream::iter(cells)
            .map(|cell| async move {
                let ask = cell.ask();
                (cell, client.raw(&ask, &cell.family.body(cell.place, &cell.attack.text())).await)
            })
            .buffer_unordered(ABREAST)
            .collect()
            .await;
        let flaw = |(cell, raw): (Cell, Result<Raw>)| {
            let flaw = raw.and_then(|raw| cell.judge(&raw, sim)).err()?;
            Some(format!("{}: {flaw:#}", cell.name()))
        };
        let exceptions: Vec<String> = heard.into_iter().filter_map(flaw).collect();
        findings.none(format_args!("no attack gets through to {} or from it", family.names()[1]), made, &exceptions);
    }
}

/// The document's names for these models.
pub(super) fn models() -> String {
    let one = |family: Family| {
        let [name, model] = family.names();
        ["in", "out"].map(|way| {
            format!("- {{ name: '{way}-family-{name}', targets: [{{ provider: bedrock, model: '{model}' }}] }}\n")
        })
    };
    Family::ALL.into_iter().flat_map(one).collect()
}

fn cells(family: Family) -> Vec<Cell> {
    let mut cells = Vec::new();
    for place in [Place::Said, Place::System, Place::History, Place::Answer] {
        for attack in
            [Attack::Secret, Attack::SecretEncoded, Attack::Mail, Attack::MailWide, Attack::Harm, Attack::Injection]
        {
            let is_for = match attack {
                Attack::Harm => place != Place::System,
                Attack::Injection => matches!(place, Place::Said | Place::History) && !family.embeds(),
                _ => true,
            };
            for delivery in [Delivery::Plain, Delivery::Streamed] {
                let is_made = delivery == Delivery::Plain || !family.embeds();
                if family.has(place) && is_for && is_made {
                    cells.push(Cell { family, place, attack, delivery });
                }
            }
        }
    }
    cells
}
