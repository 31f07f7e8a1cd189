//! Bedrock: region, credentials, and the role whose sessions sign. The limits are those of AWS's STS.

use super::{Findings, egress};
use crate::document::{AssumeRole, Provider, partition_of};
use crate::grammar::Period;
use crate::problem::{Path, Problem};

/// Tags that callers give; matched as STS matches names of tags, in any case.
const OWN_TAGS: [&str; 4] = ["team", "project", "environment", "cost-centre"];

/// How long STS lets a session last.
const DURATIONS: (Period, Period) = (Period::seconds(900), Period::seconds(43_200));

pub(super) fn check(provider: &Provider, path: &Path, found: &mut Findings) {
    match &provider.region {
        None => found.add(path.member("region"), "is missing", "add it, as in `region: us-east-1`"),
        Some(region) if !is_region(region) => {
            found.add(path.member("region"), "is not a region of AWS", "write it as in `us-east-1`");
        }
        Some(_) => {}
    }
    if provider.api_key.is_some() && provider.credentials.is_some() {
        found.add(path.member("api_key"), "stands beside `credentials`", "keep one of the two");
    }
    if provider.fips && provider.base_url.is_some() {
        let problem = Problem::new(
            path.member("fips"),
            "stands beside `base_url`, which says where to call",
            "remove it, and name the FIPS endpoint in `base_url`",
        );
        found.add_resting_on(vec![path.member("base_url")], problem);
    }
    async_output(provider, path, found);
    if let Some(role) = &provider.assume_role {
        let path = path.member("assume_role");
        if provider.api_key.is_some() {
            let hint = "use `credentials`, or remove it";
            found.add(path.clone(), "stands beside `api_key`: a Bedrock API key cannot assume a role", hint);
        }
        assume_role(provider, role, &path, found);
    }
}

/// Folders that callers may name: what stands for a name must be a whole word of ours, and nothing may lead elsewhere.
fn async_output(provider: &Provider, path: &Path, found: &mut Findings) {
    for (number, folder) in provider.async_output.iter().enumerate() {
        let path = path.member("async_output").element(number);
        let filled = folder.replace("{team}", "t").replace("{project}", "p");
        if filled.contains(['{', '}']) {
            found.add(path, "has braces around another word", "write `{team}` or `{project}`");
        } else if !is_folder(&filled) {
            let hint = "write `s3://BUCKET` or `s3://BUCKET/PREFIX`, as in `s3://ml-output/{team}/`, without `*`";
            found.add(path, "is not a folder of S3", hint);
        } else if let Some(message) = ambiguous(folder) {
            let hint =
                "give each placeholder a step of its own, the team first, as in `s3://ml-output/{team}/{project}/`";
            found.add(path, message, hint);
        }
    }
}

/// Why two teams or projects could come to the same folder: `a` and `bc` beside `ab` and `c`, or projects of one name.
fn ambiguous(folder: &str) -> Option<&'static str> {
    let mut has_team = false;
    for step in folder.split('/') {
        if step.matches("{team}").count() + step.matches("{project}").count() > 1 {
            return Some("has two placeholders in one step, where two names can come to the same text");
        }
        if step.contains("{project}") && !has_team {
            return Some(
                "has `{project}` without `{team}` in an earlier step, and teams may have projects of one name",
            );
        }
        has_team |= step.contains("{team}");
    }
    None
}

fn is_folder(uri: &str) -> bool {
    let Some(place) = uri.strip_prefix("s3://").filter(|_| uri.len() <= 1024) else { return false };
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let in_bucket = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let in_prefix = |b: u8| b.is_ascii_alphanumeric() || b"!_.'()=+@:,/-".contains(&b);
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    (1..=63).contains(&bucket.len())
        && bucket.bytes().all(in_bucket)
        && prefix.bytes().all(in_prefix)
        && (prefix.is_empty() || prefix.split('/').all(|step| !matches!(step, "" | "." | "..")))
}

fn assume_role(provider: &Provider, role: &AssumeRole, path: &Path, found: &mut Findings) {
    arn(provider, role, path, found);
    let length = |id: &str| (2..=1224).contains(&id.len());
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if role.external_id.as_deref().is_some_and(|id| !length(id) || !id.chars().all(allowed)) {
        let hint = "write 2 to 1224 letters, digits and `_+=,.@:/-`";
        found.add(path.member("external_id"), "is not what STS takes", hint);
    }
    let (least, most) = DURATIONS;
    if !(least..=most).contains(&role.duration) {
        let message = format!("{} is not what STS grants", role.duration);
        found.add(path.member("duration"), message, format!("write {least} to {most}"));
    }
    for (name, value) in &role.tags {
        tag(name, value, &path.member("tags"), found);
    }
    if let Some(url) = &role.sts_url {
        egress::check(provider, url, &path.member("sts_url"), found);
    }
}

fn arn(provider: &Provider, role: &AssumeRole, path: &Path, found: &mut Findings) {
    let path = path.member("role_arn");
    let parts: Vec<&str> = role.role_arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
        not_a_role(path, found);
        return;
    };
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@/-".contains(c);
    let name = resource.strip_prefix("role/").filter(|name| !name.is_empty() && name.chars().all(allowed));
    if !is_account || name.is_none() || role.role_arn.len() > 2048 {
        not_a_role(path, found);
        return;
    }
    let Some(region) = provider.region.as_deref() else { return };
    let wanted = partition_of(region);
    if *partition != wanted {
        let message = format!("is in the partition `{partition}`, and the region in `{wanted}`");
        found.add(path, message, format!("name a role of `arn:{wanted}:iam`"));
    }
}

fn not_a_role(path: Path, found: &mut Findings) {
    found.add(path, "is not the ARN of a role", "write it as in `arn:aws:iam::123456789012:role/tallygate-calls`");
}

fn tag(name: &str, value: &str, path: &Path, found: &mut Findings) {
    let allowed = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    let sound = |text: &str, most: usize| text.chars().count() <= most && text.chars().all(allowed);
    let lower = name.to_ascii_lowercase();
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let path = path.member(&shown);
    if OWN_TAGS.contains(&lower.as_str()) {
        found.add(path, "is a tag that each call's own account sets", "choose another name");
    } else if name.is_empty() || lower.starts_with("aws:") || !sound(name, 128) {
        let hint = "write 1 to 128 letters, digits, spaces and `_.:/=+-@`, not beginning with `aws:`";
        found.add(path, "is not a name of a tag that STS takes", hint);
    } else if !sound(value, 256) {
        let hint = "write at most 256 letters, digits, spaces and `_.:/=+-@`";
        found.add(path, "has a value that STS does not take", hint);
    }
}

// The region becomes part of a host name.
pub(super) fn is_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let (letters, number) = parts.split_at(parts.len().saturating_sub(1));
    region.len() <= 32
        && letters.len() >= 2
        && letters.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
        && number.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}
