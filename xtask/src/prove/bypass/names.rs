//! Nothing gets round by its name: pictures, references and texts under names that no dialect documents, or has for something else.

use super::super::findings::Findings;
use super::super::house::{OFFERS, Offer};
use super::ABREAST;
use super::attacks::SECRET;
use crate::wire::Client;
use crate::wire::client::{ERROR_CODE, Raw, word};
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tg_sim::Sim;

/// What stands under such a name.
#[derive(Clone, Copy, Debug)]
enum Hidden {
    /// A picture, under a name of a single family.
    Picture,
    /// The same as a URL that holds it, in a message.
    PictureInUrl,
    /// An address.
    Address,
    /// The name of something that the provider keeps.
    Kept,
    /// A credential where signatures stand elsewhere.
    Signature,
    /// A credential where sealed thoughts stand elsewhere.
    Sealed,
    /// A credential where vectors stand.
    Vector,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    dialect: Dialect,
    offer: Offer,
    delivery: Delivery,
    hidden: Hidden,
}

impl Hidden {
    const ALL: [Self; 7] =
        [Self::Picture, Self::PictureInUrl, Self::Address, Self::Kept, Self::Signature, Self::Sealed, Self::Vector];

    /// Puts it into a body, and into the last message of it.
    fn put(self, body: &mut Value, dialect: Dialect) {
        let picture = STANDARD.encode([&b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..], &[7; 150]].concat());
        let message = |body: &mut Value, name: &str, value: Value| {
            if dialect == Dialect::Responses {
                body["input"] = json!([{ "role": "user", "content": "look at this" }]);
            }
            let list = if dialect == Dialect::Responses { "input" } else { "messages" };
            if let Some(last) = body[list].as_array_mut().and_then(|items| items.last_mut()) {
                last[name] = value;
            }
        };
        match self {
            Self::Picture => body["style_image"] = picture.into(),
            Self::PictureInUrl => message(body, "attachment", format!("data:image/png;base64,{picture}").into()),
            Self::Address => message(body, "page_url", "https://a.example/b.png".into()),
            Self::Kept if dialect == Dialect::Responses => body["conversation"] = json!({ "id": "conv_1" }),
            Self::Kept if dialect == Dialect::Chat => message(body, "audio", json!({ "id": "audio_1" })),
            Self::Kept => body["container"] = json!({ "id": "container_1", "skills": [] }),
            Self::Signature => message(body, "signature", SECRET.into()),
            Self::Sealed => message(body, "encrypted_content", SECRET.into()),
            Self::Vector => body["embedding"] = json!([SECRET]),
        }
    }
}

impl Cell {
    fn name(&self) -> String {
        let Self { dialect, offer, delivery, hidden } = self;
        format!("{} on {} {delivery:?}: {hidden:?}", dialect.name(), offer.provider)
    }

    async fn call(&self, client: &Client, sim: &Sim) -> Result<()> {
        let Self { dialect, offer, delivery, hidden } = *self;
        let model = format!("in-{}", offer.provider);
        let ask = Ask { dialect, model, prompt: "look at this".to_owned(), delivery, output_max: OUTPUT_MAX };
        let mut body = ask.body();
        hidden.put(&mut body, dialect);
        let raw: Raw = client.raw(&ask, &body).await?;
        let code = word(&raw.headers, ERROR_CODE);
        anyhow::ensure!(code == Some("content_blocked"), "{}: {code:?}", raw.status);
        let id = raw.id.as_deref().context("no id")?;
        let entries = sim.books.entries();
        let is_sent = entries.iter().any(|entry| entry.gateway_request_id.as_deref() == Some(id));
        anyhow::ensure!(!is_sent, "it was sent");
        Ok(())
    }
}

/// Makes the calls, and notes what came of them.
pub(super) async fn note(client: &Client, sim: &Sim, findings: &mut Findings) {
    for dialect in Dialect::TALKING {
        let cells = OFFERS.into_iter().flat_map(|offer| {
            [Delivery::Plain, Delivery::Streamed]
                .into_iter()
                .flat_map(move |delivery| Hidden::ALL.map(|hidden| Cell { dialect, offer, delivery, hidden }))
        });
        let cells: Vec<Cell> = cells.collect();
        let made = cells.len();
        let flaws: Vec<Option<String>> =
            stream::iter(cells)
                .map(|cell| async move {
                    cell.call(client, sim).await.err().map(|error| format!("{}: {error:#}", cell.name()))
                })
                .buffer_unordered(ABREAST)
                .collect()
                .await;
        let exceptions: Vec<String> = flaws.into_iter().flatten().collect();
        findings.none(format_args!("nothing gets round by its name in {}", dialect.name()), made, &exceptions);
    }
}
