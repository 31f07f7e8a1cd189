//! A guard of the operator's own: a webhook that demands its signature, and judges by words of the text.

use crate::directive;
use crate::server::Shared;
use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tg_kernel::clock::Clock as _;
use tokio::net::TcpStream;

/// What the signature is made with.
pub const HOOK_SECRET: &str = "simulated-hook-secret";

/// Text that is blocked.
const BLOCKED: &str = "forbidden";

/// Text that is taken out.
const MASKED: &str = "mask-me";

/// How old a signature may be, in seconds.
const AGE_MAX: i64 = 300;

const BODY_BYTES_MAX: usize = 1 << 20;

/// What is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookQuestion {
    /// Who asks: the guard's name.
    pub guard: String,
    /// `input` or `output`.
    pub way: String,
    /// The text.
    pub text: String,
}

/// The webhook. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Hook(Arc<Mutex<Vec<HookQuestion>>>);

impl Hook {
    /// What was asked, in order; what was refused is not among it.
    #[must_use]
    pub fn asked(&self) -> Vec<HookQuestion> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<HookQuestion>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves one connection.
pub(crate) async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let builder = auto::Builder::new(TokioExecutor::new());
    // A caller that hangs up is nobody's concern.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let signature = head.headers.get("x-tallygate-signature").and_then(|value| value.to_str().ok());
    let signature = signature.unwrap_or_default().to_owned();
    let (status, answer) = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) if head.method == http::Method::POST => judge(&body.to_bytes(), &signature, &shared),
        Ok(_) => (405, json!({ "error": "only POST is served here" })),
        Err(_) => (413, json!({ "error": "too much text" })),
    };
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(response)
}

fn judge(body: &[u8], signature: &str, shared: &Shared) -> (u16, Value) {
    if !is_signed(body, signature, shared.clock.now().seconds()) {
        return (401, json!({ "error": "the signature is wrong, old or missing" }));
    }
    let question: HookQuestion = match serde_json::from_slice(body) {
        Ok(question) => question,
        Err(error) => return (400, json!({ "error": error.to_string() })),
    };
    if !matches!(question.way.as_str(), "input" | "output") || question.text.is_empty() {
        return (400, json!({ "error": "a way is input or output, and a text says something" }));
    }
    let text = question.text.clone();
    shared.hook.lock().push(question);
    let status = directive::read(&text).ok().and_then(|(_, directive)| Some(directive.refusal?.status));
    match () {
        () if status.is_some() => (status.unwrap_or_default(), json!({ "error": "as the script has it" })),
        () if text.contains(BLOCKED) => (200, json!({ "verdict": "block", "categories": ["house-rules"] })),
        () if text.contains(MASKED) => {
            (200, json!({ "verdict": "redact", "categories": ["masked"], "text": text.replace(MASKED, "[gone]") }))
        }
        () => (200, json!({ "verdict": "allow" })),
    }
}

/// `t=SECONDS,v1=HEX`, the latter of the time, a full stop and the body.
fn is_signed(body: &[u8], signature: &str, now: i64) -> bool {
    let Some((seconds, hash)) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")) else {
        return false;
    };
    let Ok(at) = seconds.parse::<i64>() else { return false };
    let Ok(hash) = hex::decode(hash) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(HOOK_SECRET.as_bytes()) else { return false };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    (now - at).abs() <= AGE_MAX && mac.verify_slice(&hash).is_ok()
}
