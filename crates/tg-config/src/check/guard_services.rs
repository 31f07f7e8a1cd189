//! Guard services: what each kind requires and has no use for, and names that lead to something.

use super::{Findings, bedrock_guardrail, egress};
use crate::document::{Document, Egress, GuardService, GuardServiceKind, ProviderKind};
use crate::nearest::propose;
use crate::problem::{Path, Problem};
use std::time::Duration;

/// Longest that a call may be made to wait for one service.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// What Bedrock checks for beside entities (botocore's model of the service).
const BEDROCK_CATEGORIES: [&str; 8] =
    ["VIOLENCE", "HATE", "SEXUAL", "MISCONDUCT", "INSULTS", "JAILBREAK", "PROMPT_INJECTION", "PROMPT_LEAKAGE"];

/// The entities that Bedrock checks for.
const BEDROCK_ENTITIES: [&str; 31] = [
    "ADDRESS",
    "AGE",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "CA_HEALTH_NUMBER",
    "CA_SOCIAL_INSURANCE_NUMBER",
    "CREDIT_DEBIT_CARD_CVV",
    "CREDIT_DEBIT_CARD_EXPIRY",
    "CREDIT_DEBIT_CARD_NUMBER",
    "DRIVER_ID",
    "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS",
    "LICENSE_PLATE",
    "MAC_ADDRESS",
    "NAME",
    "PASSWORD",
    "PHONE",
    "PIN",
    "SWIFT_CODE",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
    "URL",
    "USERNAME",
    "US_BANK_ACCOUNT_NUMBER",
    "US_BANK_ROUTING_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER",
    "VEHICLE_IDENTIFICATION_NUMBER",
];

pub(super) fn check(document: &Document, found: &mut Findings) {
    let list = Path::root().member("guards");
    let names = document.guards.iter().enumerate();
    found.add_repeated(names.map(|(number, guard)| (list.element(number).member("name"), guard.name.as_str())));
    for (number, guard) in document.guards.iter().enumerate() {
        let path = list.element(number);
        members(guard, &path, found);
        provider(document, guard, &path, found);
        thresholds(guard, &path.member("thresholds"), found);
        bounds(guard, &path, found);
        if let Some(guardrail) = &guard.guardrail {
            bedrock_guardrail::names(guardrail, &path.member("guardrail"), found);
        }
        if let Some(url) = &guard.url {
            egress::check_url(guard.egress, url, &path.member("url"), found);
        }
    }
}

/// What a kind requires, and what it has no use for.
fn members(guard: &GuardService, path: &Path, found: &mut Findings) {
    use GuardServiceKind::{BedrockChecks, BedrockGuardrail, Judge, Moderation, Webhook};
    let provided = [BedrockGuardrail, BedrockChecks, Moderation, Judge];
    let table: [(&str, bool, &[GuardServiceKind], &[GuardServiceKind]); 8] = [
        ("provider", guard.provider.is_some(), &provided, &provided),
        ("guardrail", guard.guardrail.is_some(), &[BedrockGuardrail], &[BedrockGuardrail]),
        ("model", guard.model.is_some(), &[Moderation, Judge], &[Judge]),
        ("question", guard.question.is_some(), &[Judge], &[]),
        ("thresholds", !guard.thresholds.is_empty(), &[BedrockChecks, Moderation], &[BedrockChecks]),
        ("url", guard.url.is_some(), &[Webhook], &[Webhook]),
        ("secret", guard.secret.is_some(), &[Webhook], &[Webhook]),
        ("egress", guard.egress != Egress::default(), &[Webhook], &[]),
    ];
    let kind = guard.kind;
    for (member, is_stated, meant_for, required) in table {
        let problem = if is_stated && !meant_for.contains(&kind) {
            let message = format!("has no meaning for the kind `{}`", kind.as_str());
            Problem::new(path.member(member), message, "remove it, or write another `kind`")
        } else if !is_stated && required.contains(&kind) {
            let message = format!("is missing: the kind `{}` needs it", kind.as_str());
            Problem::new(path.member(member), message, mend(member))
        } else {
            continue;
        };
        found.add_resting_on(vec![path.member("kind"), path.member(member)], problem);
    }
}

fn mend(member: &str) -> &'static str {
    match member {
        "provider" => "name one of `providers`",
        "guardrail" => "write it as in `guardrail: {id: abc123def456, version: '1'}`",
        "model" => "name the model that judges, as its provider knows it",
        "thresholds" => "name what to check for, as in `thresholds: {JAILBREAK: 0.5, VIOLENCE: 0.7}`",
        "url" => "write where texts are posted, as in `https://guard.example.com/check`",
        _ => "write a reference, as in `env:GUARD_SECRET`",
    }
}

fn provider(document: &Document, guard: &GuardService, path: &Path, found: &mut Findings) {
    let Some(name) = &guard.provider else { return };
    let (place, providers) = (path.member("provider"), Path::root().member("providers"));
    let Some(provider) = document.provider(name.as_str()) else {
        let hint = propose(name.as_str(), document.providers.iter().map(|p| p.name.as_str()));
        let problem = Problem::new(place, format!("there is no provider `{name}`"), hint);
        found.add_resting_on(vec![providers], problem);
        return;
    };
    let (fits, wanted) = match guard.kind {
        GuardServiceKind::BedrockGuardrail | GuardServiceKind::BedrockChecks => {
            (provider.kind == ProviderKind::Bedrock, "of the kind `bedrock`")
        }
        GuardServiceKind::Moderation => (
            matches!(provider.kind, ProviderKind::Openai | ProviderKind::OpenaiCompatible),
            "of the kind `openai` or `openai_compatible`",
        ),
        GuardServiceKind::Judge | GuardServiceKind::Webhook => (true, ""),
    };
    if guard.kind == GuardServiceKind::Judge && provider.guardrail.is_some() {
        let message = format!("`{name}` has a guardrail on every call, and a judge is asked without one");
        let hint = "name another provider, as one that is declared again without `guardrail`";
        found.add_resting_on(vec![path.member("kind"), providers], Problem::new(place, message, hint));
        return;
    }
    if !fits {
        let message = format!("`{name}` is of the kind `{}`", provider.kind.as_str());
        let problem = Problem::new(place, message, format!("name a provider {wanted}"));
        found.add_resting_on(vec![path.member("kind"), providers], problem);
    }
}

fn thresholds(guard: &GuardService, path: &Path, found: &mut Findings) {
    for (name, threshold) in &guard.thresholds {
        let place = path.member(name);
        if threshold.get() <= 0.0 {
            found.add(place.clone(), "is reached by every text", "write a score above 0");
        }
        let known = BEDROCK_CATEGORIES.into_iter().chain(BEDROCK_ENTITIES);
        if guard.kind == GuardServiceKind::BedrockChecks && !known.clone().any(|known| known == name) {
            let hint = propose(name, known);
            found.add_resting_on(
                vec![path.clone()],
                Problem::new(place, format!("`{name}` is nothing that Bedrock checks for"), hint),
            );
        }
    }
}

fn bounds(guard: &GuardService, path: &Path, found: &mut Findings) {
    if guard.timeout.get() > TIMEOUT_MAX {
        found.add(path.member("timeout"), format!("{} is more than a minute", guard.timeout), "write at most `60s`");
    }
    if guard.questions_max.get() > 4096 {
        found.add(path.member("questions_max"), "is more than 4096", "write at most `4096`");
    }
    if guard.remember_size.bytes() > 1 << 30 {
        let message = format!("{} is more than 1 GiB", guard.remember_size);
        found.add(path.member("remember_size"), message, "write at most `1 GiB`");
    }
}
