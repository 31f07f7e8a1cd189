//! Names that choose what must be there already: a model, a guardrail. They are read for credentials and personal data, and what
//! would be changed in one stops the call: another name is another model, or none.

use super::Verdict;
use super::detector::{Detector, Reading};
use super::inquiry::Inquiry;
use super::judge::Guard;
use super::plan::{self, Probe};
use std::borrow::Cow;
use std::time::Instant;
use tg_kernel::passage::Channel;
use tg_text::finding::{Finding, Kind};
use tg_text::pii::Pii;
use tg_text::pii::entity::Entity;

/// Why a name is not changed.
const IN_NAME: &str = "It was found in what names something (a model, a guardrail, a page), and a name is not changed.";

/// Digits of an account of AWS, which stands in each ARN.
const ACCOUNT_DIGITS: usize = 12;

/// What came of the names of a call.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// What is to be done: there are no edits.
    pub verdict: Verdict,
    /// Whether anything was found in one, by whatever rule.
    pub has_values: bool,
}

impl Guard {
    /// Judges names, each by itself, by the rules for labels that look for credentials, personal data with a form and entities
    /// of the configuration. Other checks have nothing to say of a name: a word may well be a part of a model's.
    pub fn judge_names(&self, names: &[Cow<'_, str>], inquiry: &mut Inquiry) -> Named {
        let began = Instant::now();
        inquiry.begin(self);
        let mut named = Named::default();
        let probes = &self.of_request(Channel::Metadata).stretches;
        for name in names {
            let text = without_account(name);
            let reading = Reading::of(&text);
            let (leaks, spent) = (&*inquiry.leaks, &mut inquiry.spent_by);
            let mut found = Vec::new();
            for probe in probes.iter().filter(|probe| looks_at_names(probe)) {
                plan::find(std::slice::from_ref(probe), self.rules(), &reading, (leaks, &mut *spent), &mut found);
            }
            found.retain(|one| has_a_form(&one.finding));
            named.has_values |= !found.is_empty();
            named.verdict.block = self.note_fixed((Channel::Metadata, IN_NAME), &found, &mut named.verdict, inquiry);
            if named.verdict.block.is_some() {
                named.verdict.route = None;
                break;
            }
        }
        inquiry.spend(began.elapsed());
        named
    }
}

fn looks_at_names(probe: &Probe) -> bool {
    matches!(&*probe.detector, Detector::Pii(_) | Detector::Secrets(_) | Detector::Entities(_))
}

/// Whether it is more than a guess: models are named as people are.
fn has_a_form(finding: &Finding) -> bool {
    let entity = Some(finding).filter(|one| one.kind == Kind::Pii).and_then(|one| Entity::named(&one.rule));
    entity.is_none_or(|entity| Pii::structured().wants(entity))
}

/// A name without the accounts in its ARN: they are no telephones and no national numbers.
fn without_account(name: &str) -> Cow<'_, str> {
    let mut parts: Vec<&str> = name.split(':').collect();
    let is_arn = |head: &str| head == "arn" || head.ends_with("/arn");
    let is_account = |text: &str| text.len() == ACCOUNT_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    let mut changed = false;
    for at in 0..parts.len() {
        let heads = parts.get(at).is_some_and(|head| is_arn(head));
        let partition = parts.get(at + 1).is_some_and(|partition| partition.starts_with("aws"));
        if let Some(account) = parts.get_mut(at + 4).filter(|account| heads && partition && is_account(account)) {
            *account = "";
            changed = true;
        }
    }
    if changed { Cow::Owned(parts.join(":")) } else { Cow::Borrowed(name) }
}
