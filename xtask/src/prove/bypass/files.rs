//! Files that are made by the libraries with which people make them: what they say is read in each place that a format has for a
//! text, and a harmless file of each goes on.

use super::attacks::{Attack, SECRET};
use super::{ABREAST, Findings, with_models};
use crate::prove::house::{ENVIRONMENT, document_with, prices};
use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::wire::Client;
use crate::wire::client::{ERROR_CODE, Raw, word};
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use crate::written::{self, Written};
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use tg_sim::{Sim, SimOptions};

/// A text that nothing is to be found in.
const HARMLESS: &str = "The beans on the third bed were watered on Tuesday.";

/// Files are read, and what they say must not hold credentials or attacks.
const GUARDRAILS: &str = "\
guardrails:
- name: files
  for: { model: 'in-*' }
  unreadable: { image: block, audio: block, video: block, document: read, reference: block, tokens: block, hidden: block }
  rules:
  - { name: secrets, secrets: all, action: block, on: input }
  - { name: attacks, injection: 0.9, action: block, on: input }
";

/// Which rule has to stop a file.
fn stopped_by(file: &Written) -> Option<&'static str> {
    match file.what.as_str() {
        "secret" | "bare" => Some("files/secrets"),
        "attack" => Some("files/attacks"),
        _ => None,
    }
}

/// Proves it.
pub(super) async fn prove(program: &Path, findings: &mut Findings) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("tallygate-files-").tempdir()?;
    // By itself, too: nothing that stands before or behind it in the file may run into it.
    let (secret, attack) = (Attack::Secret.text(), Attack::Injection.text());
    let texts = json!({ "secret": secret, "bare": SECRET, "attack": attack, "harmless": HARMLESS });
    let files = written::write(folder.path(), &texts)?;
    let sim = Sim::start(SimOptions::default())?;
    let document = with_models(&document_with(&sim.urls, &prices(folder.path())?, "", "")) + GUARDRAILS;
    let gateway =
        Gateway::start(&Recipe { program, document: &document, listen: "", environment: &ENVIRONMENT, core: None })?;
    let client = Client::new(gateway.base(), gateway.key());
    let all = &client;
    let calls = files.into_iter().flat_map(|file| doors(&file.format).iter().map(move |door| (*door, file.clone())));
    let heard: Vec<(Dialect, Written, Result<Raw>)> = stream::iter(calls)
        .map(|(door, file)| async move {
            let raw = call(door, &file, all).await;
            (door, file, raw)
        })
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    let sent: HashSet<String> = sim.books.entries().into_iter().filter_map(|entry| entry.gateway_request_id).collect();
    let mut told: BTreeMap<(bool, String), (usize, Vec<String>)> = BTreeMap::new();
    for (door, file, raw) in heard {
        let stopped_by = stopped_by(&file);
        let maker = format!("{} of {}", file.format, file.writer);
        let (count, flaws) = told.entry((stopped_by.is_none(), maker)).or_default();
        *count += 1;
        if let Err(flaw) = raw.and_then(|raw| judge(stopped_by, &raw, &sent)) {
            flaws.push(format!("{} {} ({}) by {}: {flaw:#}", file.writer, file.place, file.what, door.name()));
        }
    }
    for ((is_harmless, maker), (count, flaws)) in told {
        let claim = if is_harmless { "a harmless file goes on" } else { "what a file says is read, in any place" };
        findings.none(format_args!("{claim}: {maker}"), count, &flaws);
    }
    gateway.end()
}

/// Dialects in which a provider takes files of a format.
fn doors(format: &str) -> &'static [Dialect] {
    match format {
        "pdf" => &[Dialect::Chat, Dialect::Messages, Dialect::Converse],
        "docx" | "xlsx" => &[Dialect::Chat, Dialect::Converse],
        _ => &[Dialect::Chat],
    }
}

async fn call(dialect: Dialect, file: &Written, client: &Client) -> Result<Raw> {
    let data = STANDARD.encode(std::fs::read(&file.file)?);
    let provider = match dialect {
        Dialect::Converse => "bedrock",
        Dialect::Messages => "anthropic",
        _ => "openai",
    };
    let (model, delivery) = (format!("in-{provider}"), Delivery::Plain);
    let ask = Ask { dialect, model, prompt: "read this".to_owned(), delivery, output_max: OUTPUT_MAX };
    client.raw(&ask, &with_file(&ask, &file.format, &data)).await
}

/// The body with a file in its message.
fn with_file(ask: &Ask, format: &str, data: &str) -> Value {
    let mut body = ask.body();
    body["messages"][0]["content"] = match ask.dialect {
        Dialect::Converse => {
            let document = json!({ "format": format, "name": "file", "source": { "bytes": data } });
            json!([{ "text": ask.prompt }, { "document": document }])
        }
        Dialect::Messages => {
            let source = json!({ "type": "base64", "media_type": "application/pdf", "data": data });
            json!([{ "type": "text", "text": ask.prompt }, { "type": "document", "source": source }])
        }
        _ => {
            let url = format!("data:application/octet-stream;base64,{data}");
            let file = json!({ "filename": format!("file.{format}"), "file_data": url });
            json!([{ "type": "text", "text": ask.prompt }, { "type": "file", "file": file }])
        }
    };
    body
}

fn judge(stopped_by: Option<&str>, raw: &Raw, sent: &HashSet<String>) -> Result<()> {
    let id = raw.id.as_deref().context("no id")?;
    let said = || String::from_utf8_lossy(&raw.body).chars().take(300).collect::<String>();
    let rule = word(&raw.headers, "x-tallygate-guardrail");
    // Another rule may find something in it, too.
    let is_by = |wanted| rule.is_some_and(|rule| rule.split(',').any(|one| one == wanted));
    ensure!(stopped_by.map_or(rule.is_none(), is_by), "{}, by {rule:?}: {}", raw.status, said());
    let is_sent = sent.contains(id);
    ensure!(is_sent == stopped_by.is_none(), "{}; sent to the provider: {is_sent}", raw.status);
    // In Converse a call that is stopped has an answer that says so.
    let code = word(&raw.headers, ERROR_CODE);
    let is_told = if stopped_by.is_some() { code == Some("content_blocked") } else { raw.status == 200 };
    ensure!(is_told, "{}, {code:?}: {}", raw.status, said());
    Ok(())
}
