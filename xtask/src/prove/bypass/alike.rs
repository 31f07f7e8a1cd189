//! Values that are cut or written in some way: they come to what the same text gives whole and in the open.

use super::super::findings::Findings;
use super::super::house::{OFFERS, Offer};
use super::attacks::SECRET;
use super::{ABREAST, Length, settled};
use crate::wire::Client;
use crate::wire::client::{ERROR_CODE, Raw, word};
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use std::collections::HashMap;
use tg_sim::{Entry, Sim};

/// Guardrails of requests for models whose names begin with `alike-in-`, and of answers for `alike-out-`.
pub const GUARDRAILS: &str = "\
- name: alike-requests
  for: { model: 'alike-in-*' }
  unreadable: { image: block, audio: block, video: block, document: block, reference: block, tokens: block, hidden: block }
  rules:
  - { name: secrets, secrets: all, action: block, on: input }
  - { name: cards, pii: [card], action: redact, on: input }
- name: alike-answers
  for: { model: 'alike-out-*' }
  unreadable: { image: allow, audio: allow, video: allow, document: allow, reference: allow, tokens: allow, hidden: allow, answers: block }
  rules:
  - { name: secrets, secrets: all, action: block, on: output }
  - { name: cards, pii: [card], action: redact, on: output }
";

/// The number of a card that nobody has, of which no part repeats another.
const CARD: &str = "4539 5787 6362 1486";

/// What stands for it.
const TAG: &str = "[CARD_";

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sought {
    /// A credential.
    Secret,
    /// The number of a card.
    Card,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing goes on.
    Stopped,
    /// It goes on without the value.
    TakenOut,
    /// Nobody has found it.
    Passed,
}

/// A call with a value in it.
#[derive(Debug)]
pub struct Trial {
    /// The row of the table in which it counts.
    pub claim: String,
    /// How the value is cut or written; `None` where it stands whole and in the open.
    pub how: Option<String>,
    /// Where it stands.
    pub place: &'static str,
    pub offer: Offer,
    pub ask: Ask,
    pub body: Value,
    pub is_answer: bool,
    pub sought: Sought,
    /// What nobody may see of it.
    pub hidden: Vec<String>,
}

impl Sought {
    /// All.
    pub const ALL: [Self; 2] = [Self::Secret, Self::Card];

    /// The value.
    pub const fn value(self) -> &'static str {
        match self {
            Self::Secret => SECRET,
            Self::Card => CARD,
        }
    }

    /// The value in so many parts.
    pub fn parts(self, count: usize) -> Vec<String> {
        let characters: Vec<char> = self.value().chars().collect();
        let parts = characters.chunks(characters.len().div_ceil(count));
        parts.map(|part| part.iter().collect()).collect()
    }

    const fn verdict(self) -> Verdict {
        match self {
            Self::Secret => Verdict::Stopped,
            Self::Card => Verdict::TakenOut,
        }
    }
}

impl Trial {
    fn name(&self) -> String {
        let Self { how, place, offer, sought, .. } = self;
        let Ask { dialect, delivery, .. } = self.ask;
        let how = how.as_deref().unwrap_or("whole");
        format!("{} on {} {delivery:?}: {sought:?} {how} in {place}", dialect.name(), offer.provider)
    }

    /// What it has in common with the call in which the value stands whole.
    fn whole(&self) -> (Dialect, &'static str, Delivery, &'static str, Sought) {
        (self.ask.dialect, self.offer.provider, self.ask.delivery, self.place, self.sought)
    }

    fn judge(&self, raw: &Raw, seen: &HashMap<&str, &Entry>) -> Result<Verdict> {
        let id = raw.id.as_deref().context("no id")?;
        let heard = raw.said(self.ask.dialect);
        self.is_hidden_in("caller", &heard)?;
        let entry = seen.get(id).copied();
        let code = word(&raw.headers, ERROR_CODE);
        if self.is_answer {
            anyhow::ensure!(raw.status == 200 && entry.is_some(), "{}: {heard}", raw.status);
            let ends = ["content_filter", "refusal", "guardrail_intervened"];
            let is_stopped = ends.iter().any(|end| heard.contains(end));
            return Ok(verdict(is_stopped, &heard));
        }
        let Some(entry) = entry else {
            anyhow::ensure!(code == Some("content_blocked"), "{} {code:?}: {heard}", raw.status);
            return Ok(Verdict::Stopped);
        };
        let sent = &entry.detail.as_ref().context("nobody has kept what was sent")?.body;
        self.is_hidden_in("provider", sent)?;
        anyhow::ensure!(raw.status == 200, "{}: {heard}", raw.status);
        Ok(verdict(false, sent))
    }

    fn is_hidden_in(&self, whom: &str, text: &str) -> Result<()> {
        let shown = self.hidden.iter().find(|value| text.contains(value.as_str()));
        shown.map_or(Ok(()), |shown| anyhow::bail!("the {whom} sees {shown}: {text}"))
    }
}

fn verdict(is_stopped: bool, text: &str) -> Verdict {
    match (is_stopped, text.contains(TAG)) {
        (true, _) => Verdict::Stopped,
        (false, true) => Verdict::TakenOut,
        (false, false) => Verdict::Passed,
    }
}

/// Who asks whom about what.
pub type Talk = (Dialect, Offer, Sought);

/// Every value, in every dialect that talks, before every provider.
pub fn talks() -> impl Iterator<Item = Talk> {
    let of =
        |sought| Dialect::TALKING.into_iter().flat_map(move |dialect| OFFERS.map(|offer| (dialect, offer, sought)));
    Sought::ALL.into_iter().flat_map(of)
}

/// A call of a model whose requests or answers are looked at.
pub fn ask(dialect: Dialect, offer: Offer, delivery: Delivery, is_answer: bool, prompt: String) -> Ask {
    let model = format!("alike-{}-{}", if is_answer { "out" } else { "in" }, offer.provider);
    Ask { dialect, model, prompt, delivery, output_max: OUTPUT_MAX }
}

/// Those that are made: all in which a value stands whole, and of the others every third in the short form.
pub fn made(trials: Vec<Trial>, length: Length) -> Vec<Trial> {
    let (whole, others): (Vec<Trial>, Vec<Trial>) = trials.into_iter().partition(|trial| trial.how.is_none());
    whole.into_iter().chain(others.into_iter().step_by(length.pick(3, 1))).collect()
}

/// Makes the calls, and notes what came of them, claim by claim.
pub async fn note(trials: Vec<Trial>, client: &Client, sim: &Sim, findings: &mut Findings) {
    let heard: Vec<(Trial, Result<Raw>)> = stream::iter(trials)
        .map(|trial| async move {
            let raw = client.raw(&trial.ask, &trial.body).await;
            (trial, raw)
        })
        .buffered(ABREAST)
        .collect()
        .await;
    settled(sim).await;
    let entries = sim.books.entries();
    let seen: HashMap<&str, &Entry> =
        entries.iter().filter_map(|entry| Some((entry.gateway_request_id.as_deref()?, entry))).collect();
    let judged: Vec<(Trial, Result<Verdict>)> = heard
        .into_iter()
        .map(|(trial, raw)| {
            let verdict = raw.and_then(|raw| trial.judge(&raw, &seen));
            (trial, verdict)
        })
        .collect();
    let whole = judged.iter().filter(|(trial, _)| trial.how.is_none());
    let whole: HashMap<_, Verdict> =
        whole.filter_map(|(trial, verdict)| Some((trial.whole(), *verdict.as_ref().ok()?))).collect();
    let flaw = |trial: &Trial, verdict: &Result<Verdict>| match verdict {
        Err(error) => Some(format!("{error:#}")),
        Ok(verdict) if trial.how.is_none() => {
            (*verdict != trial.sought.verdict()).then(|| format!("it comes to {verdict:?}"))
        }
        Ok(verdict) => match whole.get(&trial.whole()) {
            Some(whole) => (whole != verdict).then(|| format!("it comes to {verdict:?}, and whole to {whole:?}")),
            None => Some(format!("it comes to {verdict:?}, and nobody knows to what it comes whole")),
        },
    };
    let mut claims: Vec<(&str, usize, Vec<String>)> = Vec::new();
    for (trial, verdict) in &judged {
        let at = claims.iter().position(|(claim, ..)| *claim == trial.claim).unwrap_or(claims.len());
        if at == claims.len() {
            claims.push((&trial.claim, 0, Vec::new()));
        }
        if let Some((_, made, flaws)) = claims.get_mut(at) {
            *made += 1;
            flaws.extend(flaw(trial, verdict).map(|flaw| format!("{}: {flaw}", trial.name())));
        }
    }
    for (claim, made, flaws) in claims {
        findings.none(claim, made, &flaws);
    }
}

/// The document's names for these models.
pub fn models() -> String {
    let one = |Offer { provider, model, .. }: Offer| {
        ["in", "out"].map(|way| {
            format!("- {{ name: 'alike-{way}-{provider}', targets: [{{ provider: {provider}, model: '{model}' }}] }}\n")
        })
    };
    OFFERS.into_iter().flat_map(one).collect()
}
