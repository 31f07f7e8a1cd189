//! The names that rules can use: entities, forms of credentials, categories of harm.

use crate::commands::table::{Listing, pretty};
use anyhow::Result;
use serde::Serialize;
use tg_text::pii::entity::Entity;
use tg_text::score::Harm;

/// A name.
#[derive(Debug, Serialize)]
struct Row {
    check: &'static str,
    name: &'static str,
    what: String,
}

/// All of them, as a table or as JSON.
pub(super) fn write(as_json: bool) -> Result<String> {
    let entities = Entity::ALL.iter().map(|entity| {
        let entry = entity.entry();
        Row { check: "pii", name: entity.id(), what: format!("{}. {}", entry.name, entry.how) }
    });
    let forms = tg_text::secrets::entries().map(|entry| Row {
        check: "secrets",
        name: entry.id,
        what: format!("{} ({})", entry.what, entry.vendor),
    });
    let harms = Harm::ALL.iter().map(|harm| Row { check: "harm", name: harm.name(), what: category(*harm).to_owned() });
    let rows: Vec<Row> = entities.chain(forms).chain(harms).collect();
    if as_json {
        return pretty(&rows);
    }
    let mut listing = Listing::new(&["check", "name", "what"]);
    rows.into_iter().for_each(|row| listing.row([row.check.to_owned(), row.name.to_owned(), row.what]));
    Ok(listing.finish())
}

/// What a category of harm is about.
const fn category(harm: Harm) -> &'static str {
    match harm {
        Harm::Hate => "contempt for people for what they are",
        Harm::Harassment => "abuse, insults and threats against a person",
        Harm::Sexual => "sexual content",
        Harm::Violence => "violence, its praise and its planning",
        Harm::SelfHarm => "suicide and self-harm",
        Harm::Crime => "crime, fraud, weapons, drugs, attacks on computers",
        Harm::ChildSafety => "sexual or other abuse of children",
    }
}
