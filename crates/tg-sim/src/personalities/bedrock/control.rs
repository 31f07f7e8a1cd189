//! Bedrock's control plane, under the path `/control`: application inference profiles and their tags.

use crate::books::Operation;
use crate::counts::Counts;
use crate::exchange::{Outcome, Received};
use crate::refusal::Refusal;
use crate::server::Shared;
use crate::shape::Node;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where the control plane begins: on AWS it is a host of its own.
pub(crate) const PREFIX: &str = "/control";

/// The account of the simulated AWS.
pub(super) const ACCOUNT: &str = "123456789012";
const PAGE: usize = 2;
const TAG_ALSO: &str = " \t._:/=+@-";
const TAGS_MAX: usize = 200;

/// An application inference profile.
#[derive(Clone, Debug, Serialize)]
pub struct Profile {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The ARNs of its models.
    pub models: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The caller's token, by which a repeated creation is known.
    #[serde(skip)]
    token: Option<String>,
}

/// The profiles of the simulated account.
#[derive(Clone, Debug, Default)]
pub struct ControlPlane(Arc<Mutex<Vec<Profile>>>);

impl ControlPlane {
    /// All profiles, the oldest first.
    #[must_use]
    pub fn profiles(&self) -> Vec<Profile> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Profile>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, arn: &str) -> Result<Profile, Refusal> {
        self.lock().iter().find(|profile| profile.arn == arn).cloned().ok_or_else(missing)
    }

    /// The model behind a profile, with its geography.
    pub(super) fn base_of(&self, arn: &str) -> Option<String> {
        let model = self.find(arn).ok()?.models.first()?.clone();
        model.rsplit_once('/').map(|(_, id)| id.to_owned())
    }
}

fn missing() -> Refusal {
    Refusal::new(404, "The specified resource does not exist.")
}

/// Answers a request whose path, after [`PREFIX`], is `path`.
pub(super) fn answer(received: &Received, path: &str, shared: &Shared) -> Result<Outcome, Refusal> {
    let (plane, region) = (&shared.control, shared.options.region.as_str());
    received.note(Operation::Control);
    let done = |body| Ok(Outcome::done(String::new(), body));
    match (received.method(), path) {
        ("GET", "/inference-profiles") => done(list(received, plane)?),
        ("POST", "/inference-profiles") => {
            let body = create(&received.json()?, plane, region)?;
            Ok(Outcome::Done {
                status: 201,
                model: String::new(),
                counts: Counts::default(),
                body,
                headers: Vec::new(),
                delay: Duration::ZERO,
            })
        }
        ("POST", "/tagResource") => {
            let body = received.json()?;
            let root = Node::root(&body);
            root.only(&["resourceARN", "tags"])?;
            let (arn, tags) = (root.need("resourceARN")?.text()?, tags(&root.need("tags")?)?);
            let mut profiles = plane.lock();
            let profile = profiles.iter_mut().find(|profile| profile.arn == arn).ok_or_else(missing)?;
            profile.tags.extend(tags);
            done(json!({}))
        }
        ("POST", "/listTagsForResource") => {
            let body = received.json()?;
            let root = Node::root(&body);
            root.only(&["resourceARN"])?;
            let arn = root.need("resourceARN")?.text()?;
            let tags = if arn.contains(":async-invoke/") { shared.invocations.tags_of(arn) } else { None };
            let tags = tags.map_or_else(|| plane.find(arn).map(|profile| profile.tags), Ok)?;
            let tags = tags.iter().map(|(key, value)| json!({ "key": key, "value": value }));
            done(json!({ "tags": tags.collect::<Value>() }))
        }
        ("GET", path) => match path.strip_prefix("/inference-profiles/") {
            Some(name) if !name.contains('/') => done(get(&super::decode(name), plane, region)?),
            _ => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}

fn unknown() -> Refusal {
    Refusal::named(404, "UnknownOperationException", "Unknown operation")
}

fn summary(profile: &Profile, kind: &str) -> Value {
    let models: Value = profile.models.iter().map(|arn| json!({ "modelArn": arn })).collect();
    json!({
        "inferenceProfileName": profile.name, "inferenceProfileArn": profile.arn, "models": models,
        "inferenceProfileId": profile.arn.rsplit('/').next(), "status": "ACTIVE", "type": kind,
    })
}

/// Pages are short, so that nobody forgets that there are pages.
fn list(received: &Received, plane: &ControlPlane) -> Result<Value, Refusal> {
    let mut from = 0;
    let mut application = false;
    for pair in received.parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("type", "APPLICATION") => application = true,
            ("type", "SYSTEM_DEFINED") => {}
            ("maxResults", number) if number.parse::<u16>().is_ok_and(|n| (1..=1000).contains(&n)) => {}
            ("nextToken", token) => {
                let at = token.strip_prefix("page-").and_then(|at| at.parse().ok());
                from = at.ok_or_else(|| Refusal::new(400, "The nextToken is invalid."))?;
            }
            (name, value) => return Err(Refusal::new(400, format!("{name}={value} is not valid"))),
        }
    }
    let profiles = if application { plane.profiles() } else { Vec::new() };
    let page: Value = profiles.iter().skip(from).take(PAGE).map(|profile| summary(profile, "APPLICATION")).collect();
    let mut body = json!({ "inferenceProfileSummaries": page });
    if profiles.len() > from + PAGE {
        body["nextToken"] = format!("page-{}", from + PAGE).into();
    }
    Ok(body)
}

fn get(name: &str, plane: &ControlPlane, region: &str) -> Result<Value, Refusal> {
    if name.starts_with("arn:") && name.contains(":application-inference-profile/") {
        return Ok(summary(&plane.find(name)?, "APPLICATION"));
    }
    let models = models_of(&format!("arn:aws:bedrock:{region}:{ACCOUNT}:inference-profile/{name}"), region)?;
    let arn = format!("arn:aws:bedrock:{region}:{ACCOUNT}:inference-profile/{name}");
    let system = Profile { arn, name: "system".to_owned(), models, tags: BTreeMap::new(), token: None };
    Ok(summary(&system, "SYSTEM_DEFINED"))
}

/// The models of a source: one, or the same in two Regions where the source is a profile.
fn models_of(source: &str, region: &str) -> Result<Vec<String>, Refusal> {
    let invalid = || Refusal::new(400, "The provided model identifier is invalid.");
    let parts: Vec<&str> = source.splitn(6, ':').collect();
    let ["arn", "aws", "bedrock", place, account, resource] = parts[..] else { return Err(invalid()) };
    let base = super::base_model(source)?;
    let at = |region: &str| format!("arn:aws:bedrock:{region}::foundation-model/{base}");
    match resource.split_once('/') {
        Some(("foundation-model", id)) if place == region && account.is_empty() && id == base => Ok(vec![at(region)]),
        Some(("inference-profile", id)) if place == region && account == ACCOUNT && id != base => {
            Ok(vec![at(region), at("us-west-2")])
        }
        _ => Err(invalid()),
    }
}

fn create(body: &Value, plane: &ControlPlane, region: &str) -> Result<Value, Refusal> {
    let root = Node::root(body);
    root.only(&["inferenceProfileName", "description", "clientRequestToken", "modelSource", "tags"])?;
    let name = root.need("inferenceProfileName")?.named(64, " _-")?;
    if name.split([' ', '_', '-']).rev().skip(1).any(str::is_empty) {
        return Err(Refusal::new(400, format!("inferenceProfileName {name:?} must match ([0-9a-zA-Z][ _-]?)+")));
    }
    let source = root.need("modelSource")?;
    source.only(&["copyFrom"])?;
    let models = models_of(source.need("copyFrom")?.text()?, region)?;
    let tags = root.get("tags").map_or(Ok(BTreeMap::new()), |list| tags(&list))?;
    let token = root.get("clientRequestToken").map(|token| token.named(256, "-").map(str::to_owned)).transpose()?;
    let mut profiles = plane.lock();
    let again = profiles.iter().find(|profile| profile.token.is_some() && profile.token == token);
    let arn = match again {
        Some(profile) => profile.arn.clone(),
        None => {
            let number = profiles.len() + 1;
            let arn = format!("arn:aws:bedrock:{region}:{ACCOUNT}:application-inference-profile/sim{number:09}");
            profiles.push(Profile { arn: arn.clone(), name: name.to_owned(), models, tags, token });
            arn
        }
    };
    Ok(json!({ "inferenceProfileArn": arn, "status": "ACTIVE" }))
}

pub(super) fn tags(list: &Node<'_>) -> Result<BTreeMap<String, String>, Refusal> {
    let items = list.items()?;
    if items.len() > TAGS_MAX {
        return Err(list.flaw("Member must have length less than or equal to 200").into());
    }
    let mut tags = BTreeMap::new();
    for item in items {
        item.only(&["key", "value"])?;
        let value = item.need("value")?;
        let text = value.text()?;
        let legal = text.chars().all(|c| c.is_ascii_alphanumeric() || TAG_ALSO.contains(c));
        if text.len() > 256 || !legal {
            return Err(value.flaw("Member must satisfy [a-zA-Z0-9\\s._:/=+@-]*").into());
        }
        tags.insert(item.need("key")?.named(128, TAG_ALSO)?.to_owned(), text.to_owned());
    }
    Ok(tags)
}
