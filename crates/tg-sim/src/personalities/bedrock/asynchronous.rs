//! Asynchronous invocations: started, tagged, looked at, listed.

use super::control::{ACCOUNT, tags};
use crate::books::Operation;
use crate::directive;
use crate::exchange::{Outcome, Received};
use crate::refusal::Refusal;
use crate::server::Shared;
use crate::shape::{Flaw, Node, sole_member};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tg_kernel::clock::{Clock as _, Timestamp};

const PATH: &str = "/async-invoke";

/// Models that can be invoked so, by how their ids begin.
const MODELS: [&str; 4] = ["amazon.nova-reel-", "amazon.nova-2-multimodal-embeddings-", "luma.ray-", "twelvelabs."];

/// Where the models have the text that they are to do something with.
const PROMPTS: [&str; 3] = ["/textToVideoParams/text", "/prompt", "/inputText"];

/// Pages are short, so that nobody forgets that there are pages.
const PAGE: usize = 2;

/// An asynchronous invocation.
#[derive(Clone, Debug, Serialize)]
pub struct Invocation {
    /// Its ARN.
    pub arn: String,
    /// The model's id.
    pub model: String,
    /// Where its output goes.
    pub output: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The caller's token, by which a repetition is known.
    pub token: Option<String>,
    #[serde(skip)]
    config: Value,
    #[serde(skip)]
    body: Value,
    #[serde(skip)]
    submitted: Timestamp,
    /// How often it was looked at: the first time it is in progress, then it has ended.
    #[serde(skip)]
    looks: u32,
    #[serde(skip)]
    fails: bool,
}

/// The invocations of the simulated account.
#[derive(Clone, Debug, Default)]
pub struct Invocations(Arc<Mutex<Vec<Invocation>>>);

impl Invocations {
    /// All of them, the oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Invocation> {
        self.lock().clone()
    }

    /// Changes a tag, as an operator may.
    pub fn tag(&self, arn: &str, key: &str, value: &str) {
        if let Some(found) = self.lock().iter_mut().find(|invocation| invocation.arn == arn) {
            found.tags.insert(key.to_owned(), value.to_owned());
        }
    }

    pub(super) fn tags_of(&self, arn: &str) -> Option<BTreeMap<String, String>> {
        self.lock().iter().find(|invocation| invocation.arn == arn).map(|invocation| invocation.tags.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Invocation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers a path of asynchronous invocations; `None` for another one.
pub(super) fn answer(received: &Received, shared: &Shared) -> Option<Result<Outcome, Refusal>> {
    let rest = received.path().strip_prefix(PATH)?;
    received.note(Operation::AsyncInvoke);
    let wrong = || Refusal::named(405, "UnknownOperationException", "this method is not served here");
    let done = |body| Outcome::done(String::new(), body);
    Some(match (received.method(), rest.strip_prefix('/')) {
        ("POST", None) if rest.is_empty() => start(received, shared),
        ("GET", None) if rest.is_empty() => list(received, &shared.invocations).map(done),
        ("GET", Some(arn)) if !arn.contains('/') => get(&super::decode(arn), &shared.invocations).map(done),
        (_, Some(_)) | (_, None) if rest.is_empty() || rest.starts_with('/') => Err(wrong()),
        _ => return None,
    })
}

fn start(received: &Received, shared: &Shared) -> Result<Outcome, Refusal> {
    let body = received.json()?;
    let root = Node::root(&body);
    root.only(&["clientRequestToken", "modelId", "modelInput", "outputDataConfig", "tags"])?;
    let model = root.need("modelId")?.named(256, "_.-/:")?.to_owned();
    received.note_model(&model);
    let base = super::base_model(&model)?;
    if !MODELS.iter().any(|served| base.starts_with(served)) {
        return Err(Refusal::new(400, "The provided model doesn't support asynchronous invocation."));
    }
    let fails = input(&root.need("modelInput")?)?;
    let output = output(&root.need("outputDataConfig")?)?;
    let tags = root.get("tags").map_or(Ok(BTreeMap::new()), |list| once(&list).and_then(|()| tags(&list)))?;
    let token = root.get("clientRequestToken").map(|token| visible(&token)).transpose()?;
    let arn = {
        let mut all = shared.invocations.lock();
        let again = all.iter().find(|known| known.token.is_some() && known.token == token);
        match again {
            Some(known) if known.body == body => known.arn.clone(),
            Some(_) => {
                let message = "The clientRequestToken was used before, with other parameters.";
                return Err(Refusal::named(400, "ConflictException", message));
            }
            None => {
                let (number, region) = (all.len() + 1, &shared.options.region);
                let arn = format!("arn:aws:bedrock:{region}:{ACCOUNT}:async-invoke/sim{number:09}");
                let (config, submitted) = (body["outputDataConfig"].clone(), shared.clock.now());
                let (arn_kept, model) = (arn.clone(), model.clone());
                all.push(Invocation {
                    arn: arn_kept,
                    model,
                    output,
                    tags,
                    token,
                    config,
                    body,
                    submitted,
                    looks: 0,
                    fails,
                });
                arn
            }
        }
    };
    Ok(Outcome::done(model, json!({ "invocationArn": arn })))
}

/// Whether the invocation shall fail. What the script wants instead of an answer is refused at once.
fn input(input: &Node<'_>) -> Result<bool, Refusal> {
    input.object()?;
    let prompt = PROMPTS.iter().find_map(|place| input.value.pointer(place)?.as_str()).unwrap_or_default();
    let (_, directive) = directive::read(prompt).map_err(|message| Refusal::new(400, message))?;
    match directive.refusal {
        Some(scripted) => Err(Refusal {
            name: scripted.name,
            retry_after: scripted.retry_after,
            ..Refusal::new(scripted.status, format!("scripted refusal with status {}", scripted.status))
        }),
        None => Ok(directive.job_fails),
    }
}

fn output(config: &Node<'_>) -> Result<String, Refusal> {
    let ("s3OutputDataConfig", place) = sole_member(config)? else {
        return Err(config.flaw("only s3OutputDataConfig is known").into());
    };
    place.only(&["s3Uri", "kmsKeyId", "bucketOwner"])?;
    let uri = place.need("s3Uri")?;
    let text = uri.text()?;
    let rest = text.strip_prefix("s3://").unwrap_or_default();
    let bucket = rest.split('/').next().unwrap_or_default();
    let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let legal = bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    let bytes = bucket.as_bytes();
    if text.len() > 1024 || !(3..=63).contains(&bytes.len()) || !legal || !edge(bytes.first()) || !edge(bytes.last()) {
        return Err(uri.flaw("Member must satisfy s3://[a-z0-9][\\.\\-a-z0-9]{1,61}[a-z0-9](/.*)?").into());
    }
    if let Some(owner) = place.get("bucketOwner")
        && (owner.text()?.len() != 12 || !owner.text()?.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(owner.flaw("Member must satisfy [0-9]{12}").into());
    }
    Ok(text.to_owned())
}

/// A key may stand once only.
fn once(list: &Node<'_>) -> Result<(), Refusal> {
    let mut seen = Vec::new();
    for item in list.items()? {
        let key = item.need("key")?.text()?;
        if seen.contains(&key) {
            return Err(Refusal::new(400, format!("Duplicate tag keys found: {key}")));
        }
        seen.push(key);
    }
    Ok(())
}

fn visible(token: &Node<'_>) -> Result<String, Flaw> {
    let text = token.text()?;
    if (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(token.flaw("Member must satisfy [!-~]{1,256}"))
}

fn get(arn: &str, invocations: &Invocations) -> Result<Value, Refusal> {
    let mut all = invocations.lock();
    let found = all.iter_mut().find(|invocation| invocation.arn == arn);
    let found = found.ok_or_else(|| Refusal::new(400, "The provided invocation ARN is not valid."))?;
    found.looks += 1;
    Ok(shown(found))
}

fn status(invocation: &Invocation) -> &'static str {
    match (invocation.looks, invocation.fails) {
        (0 | 1, _) => "InProgress",
        (_, true) => "Failed",
        (_, false) => "Completed",
    }
}

fn shown(invocation: &Invocation) -> Value {
    let region = invocation.arn.split(':').nth(3).unwrap_or_default();
    let at = invocation.submitted.to_string();
    let mut shown = json!({
        "invocationArn": invocation.arn,
        "modelArn": format!("arn:aws:bedrock:{region}::foundation-model/{}", invocation.model),
        "status": status(invocation),
        "submitTime": at,
        "lastModifiedTime": at,
        "outputDataConfig": invocation.config,
    });
    if let Some(token) = &invocation.token {
        shown["clientRequestToken"] = token.as_str().into();
    }
    if status(invocation) != "InProgress" {
        shown["endTime"] = at.into();
    }
    if status(invocation) == "Failed" {
        shown["failureMessage"] = "The script wants this invocation to fail.".into();
    }
    shown
}

fn list(received: &Received, invocations: &Invocations) -> Result<Value, Refusal> {
    let (mut from, mut length, mut ascending) = (0, PAGE, false);
    let mut found = invocations.all();
    for pair in received.parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = super::decode(value);
        let wrong = || Refusal::new(400, format!("{name}={value} is not valid"));
        match name {
            "maxResults" => {
                let number = value.parse().ok().filter(|number| (1..=1000).contains(number));
                length = number.ok_or_else(wrong)?;
            }
            "nextToken" => from = value.strip_prefix("page-").and_then(|at| at.parse().ok()).ok_or_else(wrong)?,
            "statusEquals" if ["InProgress", "Completed", "Failed"].contains(&value.as_str()) => {
                found.retain(|invocation| status(invocation) == value);
            }
            "submitTimeAfter" => {
                let at = Timestamp::parse(&value).ok_or_else(wrong)?;
                found.retain(|invocation| invocation.submitted > at);
            }
            "submitTimeBefore" => {
                let at = Timestamp::parse(&value).ok_or_else(wrong)?;
                found.retain(|invocation| invocation.submitted < at);
            }
            "sortBy" if value == "SubmissionTime" => {}
            "sortOrder" if value == "Ascending" => ascending = true,
            "sortOrder" if value == "Descending" => ascending = false,
            _ => return Err(wrong()),
        }
    }
    if !ascending {
        found.reverse();
    }
    let page: Value = found.iter().skip(from).take(length).map(shown).collect();
    let mut body = json!({ "asyncInvokeSummaries": page });
    if found.len() > from + length {
        body["nextToken"] = format!("page-{}", from + length).into();
    }
    Ok(body)
}
