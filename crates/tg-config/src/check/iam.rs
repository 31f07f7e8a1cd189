//! Callers known by their own IAM role: whom to believe, and which team each role belongs to.

use super::Findings;
use super::aws::is_region;
use super::egress::{Reach, reach};
use super::served::Served;
use crate::document::{AwsIdentity, AwsRole, CallerIdentity, Document, WebIdentity};
use crate::grammar::{BaseUrl, Host, Name};
use crate::problem::{Path, Problem};

const FORM: &str =
    "write it as in `arn:aws:iam::123456789012:role/search-*`, with the account's number and without a path";

pub(super) fn check(document: &Document, served: &Served, found: &mut Findings) {
    let Some(aws) = &document.identity.aws else { return };
    let path = Path::root().member("identity").member("aws");
    purpose(aws, &path, found);
    let list = path.member("roles");
    for (number, role) in aws.roles.iter().enumerate() {
        let path = list.element(number);
        arn(&role.arn, &path.member("arn"), found);
        reached(aws.roles.get(..number).unwrap_or_default(), role, &path, found);
        booking(document, role, &path, found);
        models(served, role, &path, found);
    }
    if let Some(web) = &aws.web_identity {
        web_identity(web, aws.allow_private, &path.member("web_identity"), found);
    }
    if let Some(calls) = &aws.caller_identity {
        caller_identity(calls, aws.allow_private, &path.member("caller_identity"), found);
    }
}

/// Half of it would do nothing.
fn purpose(aws: &AwsIdentity, path: &Path, found: &mut Findings) {
    let (web, calls, roles) = (path.member("web_identity"), path.member("caller_identity"), path.member("roles"));
    if aws.web_identity.is_none() && aws.caller_identity.is_none() {
        let hint = "add `web_identity` or `caller_identity`, or remove `aws`";
        let problem = Problem::new(path.clone(), "takes no proof of a role, so nobody can use it", hint);
        found.add_resting_on(vec![web, calls], problem);
    } else if aws.roles.is_empty() {
        let hint = "add them, as in `roles: [{arn: 'arn:aws:iam::123456789012:role/search-*', team: search}]`";
        let problem = Problem::new(roles.clone(), "there are none, so every caller is refused", hint);
        found.add_resting_on(vec![roles], problem);
    }
}

/// The account must be stated: anybody can have a role of any name in an account of his own.
fn arn(text: &str, path: &Path, found: &mut Findings) {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
        found.add(path.clone(), "is not the ARN of a role or user of IAM", FORM);
        return;
    };
    let is_partition = partition.starts_with("aws") && partition.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    if !is_partition || !is_account {
        found.add(path.clone(), "does not state partition and account", FORM);
        return;
    }
    let name = resource.strip_prefix("role/").or_else(|| resource.strip_prefix("user/"));
    let is_name = |name: &str| {
        let fixed = name.strip_suffix('*').unwrap_or(name);
        !name.is_empty() && fixed.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
    };
    if name.is_some_and(|name| name.contains('/')) {
        let hint = "leave the path out: AWS does not tell it of a session, and names are unique within an account";
        found.add(path.clone(), "has a path", hint);
    } else if *resource != "*" && !name.is_some_and(is_name) {
        found.add(path.clone(), "is not the ARN of a role or user of IAM", FORM);
    }
}

fn reached(earlier: &[AwsRole], role: &AwsRole, path: &Path, found: &mut Findings) {
    let hides = |other: &AwsRole| match other.arn.strip_suffix('*') {
        Some(start) => role.arn.starts_with(start),
        None => role.arn == other.arn,
    };
    if let Some(number) = earlier.iter().position(hides) {
        let message = format!("is never reached: entry {number} matches all of it");
        found.add(path.member("arn"), message, "put it before that entry, or remove it");
    }
}

/// What the file says of the team; teams of the store are not known here.
fn booking(document: &Document, role: &AwsRole, path: &Path, found: &mut Findings) {
    let Some((number, team)) = document.teams.iter().enumerate().find(|(_, team)| team.name == role.team) else {
        return;
    };
    let default = team.default_project.as_ref().or(document.identity.default_project.as_ref());
    let team_path = Path::root().member("teams").element(number);
    let mut lacks = |member: &str, wanted: &Option<Name>, names: &[Name], list: &str, hint: &str| {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| !names.contains(wanted)) {
            let message = format!("`{wanted}` is not one of the {list} of team `{}`", team.name);
            let problem = Problem::new(path.member(member), message, hint);
            found.add_resting_on(vec![team_path.member(list)], problem);
        }
    };
    let hint = "add it to the team, or name one that the team has";
    let project = role.project.clone().filter(|project| Some(project) != default);
    lacks("project", &project, &team.projects, "projects", hint);
    lacks("environment", &role.environment, &team.environments, "environments", hint);
}

fn models(served: &Served, role: &AwsRole, path: &Path, found: &mut Findings) {
    for (number, pattern) in role.models.iter().flatten().enumerate() {
        let path = path.member("models").element(number);
        served.check(pattern, path, "add the model, or remove the name here", found);
    }
}

fn web_identity(web: &WebIdentity, allow_private: bool, path: &Path, found: &mut Findings) {
    if !web.audience.bytes().all(|b| b.is_ascii_graphic()) {
        let hint = "write visible ASCII characters without spaces, as in `https://tallygate.example`";
        found.add(path.member("audience"), "is not what STS takes", hint);
    }
    for (number, issuer) in web.issuers.iter().enumerate() {
        let path = path.member("issuers").element(number);
        address(issuer, allow_private, &path, found);
        if web.issuers.iter().take(number).any(|other| other == issuer) {
            found.add(path, "stands there twice", "remove one of the two");
        }
    }
}

fn caller_identity(calls: &CallerIdentity, allow_private: bool, path: &Path, found: &mut Findings) {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:/-".contains(&b);
    if !calls.server_id.bytes().all(allowed) {
        let hint = "write letters, digits and `._:/-`, as in `tallygate.example`";
        found.add(path.member("server_id"), "has characters that not every signer signs alike", hint);
    }
    let regions = path.member("regions");
    match (&calls.sts_url, calls.regions.is_empty()) {
        (None, true) => {
            let problem =
                Problem::new(regions.clone(), "is missing", "name those of your callers: `regions: [us-east-1]`");
            found.add_resting_on(vec![regions.clone(), path.member("sts_url")], problem);
        }
        (Some(_), false) => {
            let hint = "keep one of the two";
            found.add(path.member("sts_url"), "stands beside `regions`", hint);
        }
        _ => {}
    }
    for (number, region) in calls.regions.iter().enumerate().filter(|(_, region)| !is_region(region)) {
        let shown: String = region.chars().filter(|c| !c.is_control()).take(40).collect();
        found.add(regions.element(number), format!("`{shown}` is not a region of AWS"), "write it as in `us-east-1`");
    }
    if let Some(url) = &calls.sts_url {
        let url_path = path.member("sts_url");
        address(url, allow_private, &url_path, found);
        if url.as_str().splitn(4, '/').nth(3).is_some() {
            found.add(url_path, "has a path, and STS has none", "write scheme and host alone");
        }
    }
}

/// Whoever answers there says who callers are: encrypted always, but on this machine.
fn address(url: &BaseUrl, allow_private: bool, path: &Path, found: &mut Findings) {
    if let Host::Ip(ip) = url.host() {
        match reach(ip.to_canonical()) {
            Reach::Never => {
                found.add(path.clone(), format!("{ip} is an address that is never dialled"), "name another");
                return;
            }
            Reach::Private if !allow_private => {
                let hint = "set `identity.aws.allow_private: true` if this is meant";
                found.add(path.clone(), format!("{ip} is a private address"), hint);
            }
            Reach::Private | Reach::Loopback | Reach::Public => {}
        }
    }
    if !url.is_https() && !url.host().is_loopback() {
        let message = "is not encrypted: whoever stands between could be any caller";
        found.add(path.clone(), message, "write `https://`");
    }
}
