//! Where an AWS machine finds credentials, on a listener of its own: containers (ECS, EKS Pod Identity), instance
//! metadata (IMDSv2 alone), the SSO portal. What they give signs calls to Bedrock.

use crate::options::AwsKey;
use crate::server::Shared;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::clock::Clock as _;
use tokio::net::TcpStream;

/// What a container must send as `authorization`.
pub const CONTAINER_TOKEN: &str = "simulated-container-token";
/// What the SSO portal takes as `x-amz-sso_bearer_token`.
pub const SSO_TOKEN: &str = "simulated-sso-token";
/// The role of the instance.
const ROLE: &str = "simulated-instance-role";
/// What instance metadata demands since its second version.
const METADATA_TOKEN: &str = "simulated-metadata-token";
/// How long credentials last unless a test says otherwise.
const LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// The places of the simulated machine. Clones share them.
#[derive(Clone, Debug)]
pub struct Places(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    lifetime: Duration,
    delay: Duration,
    given: Vec<&'static str>,
    refused: u64,
}

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { lifetime: LIFETIME, delay: Duration::ZERO, given: Vec::new(), refused: 0 })))
    }
}

impl Places {
    /// Which places gave credentials, in order: `container`, `instance`, `sso`.
    #[must_use]
    pub fn given(&self) -> Vec<&'static str> {
        self.lock().given.clone()
    }

    /// How many requests were refused: those without the right token.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// From now on credentials last so long, and take so long to come.
    pub fn give(&self, lifetime: Duration, delay: Duration) {
        let mut state = self.lock();
        (state.lifetime, state.delay) = (lifetime, delay);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let path = request.uri().path();
    let told = header("x-aws-ec2-metadata-token") == METADATA_TOKEN;
    let (status, text) = match (request.method().as_str(), path.strip_prefix("/latest/")) {
        ("PUT", Some("api/token")) if !header("x-aws-ec2-metadata-token-ttl-seconds").is_empty() => {
            (200, METADATA_TOKEN.to_owned())
        }
        ("GET", Some("meta-data/iam/security-credentials/")) if told => (200, ROLE.to_owned()),
        ("GET", Some(rest)) if told && rest.strip_prefix("meta-data/iam/security-credentials/") == Some(ROLE) => {
            (200, instance(&shared).await)
        }
        ("GET", Some(_)) if told => (404, String::new()),
        ("GET", None) if path == "/container" && header("authorization") == CONTAINER_TOKEN => {
            (200, container(&shared).await)
        }
        ("GET", None) if path == "/federation/credentials" && header("x-amz-sso_bearer_token") == SSO_TOKEN => {
            (200, portal(&shared).await)
        }
        _ => (401, String::new()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status == 200 && path == "/latest/api/token" {
        let ttl = http::HeaderValue::from_static("21600");
        response.headers_mut().insert("x-aws-ec2-metadata-token-ttl-seconds", ttl);
    }
    if status == 401 {
        shared.places.lock().refused += 1;
    }
    Ok(response)
}

/// New credentials of a place, and their end.
async fn grant(place: &'static str, shared: &Shared) -> (AwsKey, tg_kernel::clock::Timestamp) {
    let delay = shared.places.lock().delay;
    tokio::time::sleep(delay).await;
    let mut state = shared.places.lock();
    state.given.push(place);
    let number = state.given.len();
    let key = AwsKey {
        access_key_id: format!("ASIAPLACE{number:011}"),
        secret_access_key: format!("simulated-{place}-secret-{number}"),
        session_token: Some(format!("simulated-{place}-token-{number}")),
    };
    shared.sts.admit(place, key.clone());
    (key, shared.clock.now().after(state.lifetime))
}

async fn instance(shared: &Shared) -> String {
    let mut all = keys("instance", shared).await;
    all["Code"] = Value::from("Success");
    all["Type"] = Value::from("AWS-HMAC");
    all["LastUpdated"] = Value::from(shared.clock.now().to_string());
    all.to_string()
}

async fn container(shared: &Shared) -> String {
    keys("container", shared).await.to_string()
}

async fn keys(place: &'static str, shared: &Shared) -> Value {
    let (key, end) = grant(place, shared).await;
    json!({
        "AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret_access_key,
        "Token": key.session_token, "Expiration": end.to_string(),
    })
}

async fn portal(shared: &Shared) -> String {
    let (key, end) = grant("sso", shared).await;
    json!({ "roleCredentials": {
        "accessKeyId": key.access_key_id, "secretAccessKey": key.secret_access_key,
        "sessionToken": key.session_token, "expiration": end.seconds() * 1000,
    } })
    .to_string()
}
