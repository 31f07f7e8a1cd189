//! Probes of providers: whether there is something to ask that costs nothing, and whether anybody is passed over.

use super::Findings;
use crate::document::{Document, Probe, Provider, ProviderKind};
use crate::grammar::Period;
use crate::problem::{Path, Problem};

/// Shortest time between two.
const EVERY_MIN: Period = Period::seconds(1);

/// Longest time between two: whoever asks less often learns it from calls.
const EVERY_MAX: Period = Period::seconds(300);

/// Longest path.
const PATH_MAX: usize = 1024;

pub(super) fn check(document: &Document, found: &mut Findings) {
    let list = Path::root().member("providers");
    for (number, provider) in document.providers.iter().enumerate() {
        let Some(probe) = &provider.probe else { continue };
        let (path, kind) = (list.element(number).member("probe"), list.element(number).member("kind"));
        if provider.kind == ProviderKind::Bedrock {
            let message = "has no meaning for the kind `bedrock`: it has nothing to ask for that costs nothing and says of its models \
                           whether they answer";
            let hint = "remove it: whether a target of Bedrock is well is seen by calls (`resilience.breaker`)";
            found.add_resting_on(vec![kind], Problem::new(path, message, hint));
            continue;
        }
        if !document.resilience.breaker.enabled {
            let message = "counts for nothing where nobody is passed over (`enabled: false`)";
            let enabled = Path::root().member("resilience").member("breaker").member("enabled");
            found.add_resting_on(vec![enabled], Problem::new(path.clone(), message, "remove one of them"));
        }
        if let Some(problem) = unlet(provider, probe, &path) {
            found.add_resting_on(vec![kind], problem);
        }
        members(probe, &path, found);
    }
}

/// What a vendor answers nobody without a key, and would take a provider out that is well.
fn unlet(provider: &Provider, probe: &Probe, path: &Path) -> Option<Problem> {
    let wants_key = matches!(provider.kind, ProviderKind::Openai | ProviderKind::Anthropic)
        && (provider.base_url.is_none() || probe.path.starts_with("/v1/"));
    let is_free = probe.auth || probe.status.is_some();
    (wants_key && !is_free).then(|| {
        let kind = provider.kind.as_str();
        let message = format!("is answered 401 without a key by the kind `{kind}`, which would count as failed");
        Problem::new(path.clone(), message, "say `auth: true`, or `status: 401`: that shows as well that it is there")
    })
}

fn members(probe: &Probe, path: &Path, found: &mut Findings) {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"#\\\"<>^`{|}".contains(&byte);
    let is_path = probe.path.starts_with('/') && !probe.path.starts_with("//") && probe.path.bytes().all(is_plain);
    if !is_path || probe.path.len() > PATH_MAX {
        let hint = "write it from the root of the provider's host, as in `/health` or `/v1/models`";
        found.add(path.member("path"), "is not the path of an address", hint);
    }
    if probe.every < EVERY_MIN {
        let message = format!("{} is too often", probe.every);
        found.add(path.member("every"), message, format!("write at least `{EVERY_MIN}`"));
    }
    if probe.every > EVERY_MAX {
        let message = format!("{} is too seldom", probe.every);
        found.add(path.member("every"), message, format!("write at most `{EVERY_MAX}`"));
    }
    if probe.timeout > probe.every {
        let message = format!("{} is longer than `every` ({})", probe.timeout, probe.every);
        let problem = Problem::new(path.member("timeout"), message, format!("write at most `{}`", probe.every));
        found.add_resting_on(vec![path.member("every")], problem);
    }
    let status = probe.status.unwrap_or(200);
    for (name, value, (least, most)) in
        [("failures", u16::from(probe.failures), (1, 100)), ("status", status, (200, 599))]
    {
        if !(least..=most).contains(&value) {
            found.add(path.member(name), format!("{value} is out of range"), format!("write {least} to {most}"));
        }
    }
}
