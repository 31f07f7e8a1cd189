//! The list of models in a family's own shape, and the answers to probes.

use crate::answer;
use crate::flow::fault_response;
use crate::living::Worker;
use crate::recognise::Recognised;
use crate::snapshot::Snapshot;
use crate::whois;
use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::ids::CallId;
use tg_kernel::pattern;
use tg_net::body::OutBody;
use tg_policy::authenticate::Admitted;

/// Most models in one list.
const MODELS_MAX: usize = 2_000;

/// Answers `GET /v1/models`, `GET /inference-profiles`, and either with an id behind it: the models that this key may use.
/// Names that a pattern serves are listed as far as the catalogue knows them.
pub(crate) async fn answer(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    head: &Parts,
    from: IpAddr,
    (family, id): (Family, Option<String>),
) -> Response<OutBody> {
    let now = worker.living.clock.now();
    let call = CallId::fresh();
    let dialect = match family {
        Family::Anthropic => Dialect::AnthropicMessages,
        Family::Openai => Dialect::OpenaiChat,
        Family::Bedrock => Dialect::BedrockConverse,
    };
    let listed = whois::admit(worker, snapshot, head, from).await.and_then(|caller| match id {
        None => Ok(list(family, &names(snapshot, &caller, now))),
        Some(id) if snapshot.routes.serves(&id, &caller.principal, &caller.team.policy) => Ok(entry(family, &id)),
        Some(_) => Err(Fault::new(Class::NotFound, Origin::Caller, "model_not_found", "No such model.").at("model")),
    });
    match listed {
        Err(fault) => fault_response(dialect, &fault, call),
        Ok(value) => {
            let mut response = Response::new(OutBody::from(Bytes::from(value.to_string())));
            answer::put_content_type(response.headers_mut(), "application/json");
            answer::put_id(response.headers_mut(), family, call);
            response
        }
    }
}

fn names(snapshot: &Snapshot, caller: &Admitted, now: Timestamp) -> BTreeSet<String> {
    let (principal, policy) = (&caller.principal, &caller.team.policy);
    let mut names: BTreeSet<String> = snapshot.routes.names(principal, policy).into_iter().map(str::to_owned).collect();
    for (served, targets) in snapshot.routes.patterns() {
        let through = targets.iter().filter(|t| t.model.is_none());
        for upstream in through.filter_map(|t| snapshot.upstreams.get(&t.provider)) {
            let rows = snapshot.catalogue.rows().iter().filter(|row| upstream.sells(row));
            let current = rows.filter(|row| row.retires().is_none_or(|at| at > now)).map(|row| row.id());
            names.extend(
                current
                    .filter(|id| pattern::matches(served, id) && snapshot.routes.serves(id, principal, policy))
                    .take(MODELS_MAX)
                    .map(str::to_owned),
            );
        }
    }
    names
}

fn list(family: Family, names: &BTreeSet<String>) -> Value {
    let data: Vec<Value> = names.iter().take(MODELS_MAX).map(|id| entry(family, id)).collect();
    match family {
        Family::Anthropic => {
            json!({"data": data, "first_id": names.first(), "last_id": names.last(), "has_more": false})
        }
        Family::Openai => json!({"object": "list", "data": data}),
        Family::Bedrock => json!({"inferenceProfileSummaries": data}),
    }
}

/// One model. Neither date is known to the gateway; where a dialect demands one, it is the epoch. An inference profile
/// has the name as its ARN too: whatever a client sends back is then a name that is served.
fn entry(family: Family, id: &str) -> Value {
    match family {
        Family::Anthropic => {
            json!({"type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z"})
        }
        Family::Openai => json!({"id": id, "object": "model", "created": 0, "owned_by": "tallygate"}),
        Family::Bedrock => {
            let kind = if id.contains(":application-inference-profile/") { "APPLICATION" } else { "SYSTEM_DEFINED" };
            json!({"inferenceProfileId": id, "inferenceProfileArn": id, "inferenceProfileName": id, "status": "ACTIVE",
                "type": kind, "models": [{"modelArn": id}]})
        }
    }
}

/// Answers `HEAD /`, `/healthz` and `/readyz`.
pub(crate) fn probe(worker: &Worker, probe: &Recognised) -> Response<OutBody> {
    let ready = worker.living.ready.load(Ordering::Acquire);
    let (status, text) = match probe {
        Recognised::Ready if !ready => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        Recognised::Ready if !worker.till.takes_calls() => {
            (StatusCode::SERVICE_UNAVAILABLE, "the journal cannot be written\n")
        }
        Recognised::Ready => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::OK, "ok\n"),
    };
    let mut response = Response::new(OutBody::from(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    answer::put_content_type(response.headers_mut(), "text/plain; charset=utf-8");
    response
}
