//! AWS's STS: AssumeRole, also with a web identity, and GetCallerIdentity; strict, on a listener of its own; its sessions
//! sign calls to Bedrock.

use crate::options::AwsKey;
use crate::presigned::{House, answer as answer_presigned};
use crate::server::Shared;
use crate::sigv4::{SignatureFlaw, SignedRequest, verify};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::clock::Clock as _;
use tokio::net::TcpStream;

const BODY_BYTES_MAX: usize = 64 * 1024;
const TAGS_MAX: usize = 50;

/// A role that was assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumed {
    /// The role.
    pub role_arn: String,
    /// The session's name.
    pub session: String,
    /// How long it lasts, in seconds.
    pub seconds: u32,
    /// The external id, if one was given.
    pub external_id: Option<String>,
    /// The session's tags.
    pub tags: BTreeMap<String, String>,
    /// With whose keys it was asked for.
    pub caller: String,
}

/// What STS has granted. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Sts(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    granted: Vec<(Assumed, AwsKey)>,
    /// Credentials that others gave, by a name.
    admitted: Vec<(String, AwsKey)>,
    external_id: Option<String>,
    refusing: bool,
    refused: u64,
    delay: Duration,
    /// Keys whose owners only say who they are.
    identities: Vec<(AwsKey, String)>,
    identified: u64,
}

impl Sts {
    /// Every role that was assumed, in order.
    #[must_use]
    pub fn assumed(&self) -> Vec<Assumed> {
        self.lock().granted.iter().map(|(assumed, _)| assumed.clone()).collect()
    }

    /// How many requests were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// From now on every request is refused, or not.
    pub fn refuse(&self, refusing: bool) {
        self.lock().refusing = refusing;
    }

    /// From now on the role's trust policy demands this external id.
    pub fn demand_external_id(&self, id: &str) {
        self.lock().external_id = Some(id.to_owned());
    }

    /// From now on answers take this long.
    pub fn delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// From now on Bedrock takes these credentials, which others gave; the books show them as this session.
    pub fn admit(&self, session: &str, key: AwsKey) {
        self.lock().admitted.push((session.to_owned(), key));
    }

    pub(crate) fn is_refusing(&self) -> bool {
        self.lock().refusing
    }

    /// A key with a session token, whose owner is this by STS's account.
    #[must_use]
    pub fn key_of(&self, arn: &str) -> AwsKey {
        let mut state = self.lock();
        let number = state.identities.len() + 1;
        let key = AwsKey {
            access_key_id: format!("ASIAIDENTITY{number:08}"),
            secret_access_key: format!("simulated-identity-secret-{number}"),
            // As real ones, it has characters that must be encoded.
            session_token: Some(format!("simulated/identity+token/{number}==")),
        };
        state.identities.push((key.clone(), arn.to_owned()));
        key
    }

    /// How often it said who somebody is.
    #[must_use]
    pub fn identified(&self) -> u64 {
        self.lock().identified
    }

    pub(crate) fn has_identified(&self) {
        self.lock().identified += 1;
    }

    /// The keys that have owners by STS's account: those that were registered, and those of roles' sessions.
    pub(crate) fn identities(&self) -> Vec<(AwsKey, String)> {
        let state = self.lock();
        let sessions = state.granted.iter().map(|(assumed, key)| {
            let role = assumed.role_arn.rsplit('/').next().unwrap_or_default();
            let account = assumed.role_arn.split(':').nth(4).unwrap_or_default();
            (key.clone(), format!("arn:aws:sts::{account}:assumed-role/{role}/{}", assumed.session))
        });
        sessions.chain(state.identities.iter().cloned()).collect()
    }

    /// The keys of all sessions.
    pub(crate) fn keys(&self) -> Vec<AwsKey> {
        let state = self.lock();
        let granted = state.granted.iter().map(|(_, key)| key);
        granted.chain(state.admitted.iter().map(|(_, key)| key)).cloned().collect()
    }

    /// Notes a role that was assumed; answers its keys.
    pub(crate) fn grant(&self, assumed: Assumed) -> AwsKey {
        let mut state = self.lock();
        let number = state.granted.len() + 1;
        let key = AwsKey {
            access_key_id: format!("ASIASIMULATED{number:07}"),
            secret_access_key: format!("simulated-session-secret-{number}"),
            session_token: Some(format!("simulated-session-token-{number}")),
        };
        state.granted.push((assumed, key.clone()));
        key
    }

    /// The session that signed, by the `authorization` header.
    pub(crate) fn session_of(&self, authorization: &str) -> Option<String> {
        let id = authorization.split_once("Credential=")?.1.split('/').next()?;
        let state = self.lock();
        let mut granted = state.granted.iter().map(|(assumed, key)| (&assumed.session, key));
        let mut admitted = state.admitted.iter().map(|(session, key)| (session, key));
        let signed = |(_, key): &(&String, &AwsKey)| key.access_key_id == id;
        granted.find(signed).or_else(|| admitted.find(signed)).map(|(session, _)| session.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal: the HTTP status, the code and the words.
pub(crate) type Refused = (u16, &'static str, String);

/// Serves one connection.
pub(crate) async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let builder = auto::Builder::new(TokioExecutor::new());
    // A caller that hangs up is nobody's concern.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map(|all| all.to_bytes()).unwrap_or_default();
    let delay = shared.sts.lock().delay;
    tokio::time::sleep(delay).await;
    if let Some((status, text)) = shared.oidc.answer(parts.uri.path()) {
        return Ok(respond(status, "application/json", text));
    }
    let outcome = if parts.method == Method::GET {
        identify(&parts, &shared)
    } else if crate::web_identity::is_asked(&body) {
        crate::web_identity::assume(&body, &shared)
    } else {
        authenticate(&parts, &body, &shared).and_then(|caller| assume(&body, caller, &shared))
    };
    let (status, text) = match outcome {
        Ok(text) => (200, text),
        Err((status, code, message)) => {
            shared.sts.lock().refused += 1;
            (status, error(code, &message))
        }
    };
    Ok(respond(status, "text/xml", text))
}

fn respond(status: u16, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn identify(parts: &http::request::Parts, shared: &Shared) -> Result<String, Refused> {
    if shared.sts.lock().refusing {
        return Err((503, "ServiceUnavailable", "Service is unavailable".to_owned()));
    }
    let (options, sts, now) = (&shared.options, &shared.sts, shared.clock.now());
    answer_presigned(parts, &House { keys: &options.aws_keys, region: &options.region, sts, now })
}

fn authenticate(parts: &http::request::Parts, body: &Bytes, shared: &Shared) -> Result<String, Refused> {
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let signed = SignedRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        host: parts.uri.authority().map_or_else(|| header("host"), |a| a.as_str()),
        headers: &parts.headers,
        body,
    };
    let options = &shared.options;
    // Keys of other places assume roles, those of its own sessions do not: nobody here chains roles.
    let keys = [options.aws_keys.clone(), shared.sts.lock().admitted.iter().map(|(_, key)| key.clone()).collect()];
    let keys = keys.concat();
    let verdict = verify(&signed, &keys, &options.region, "sts", shared.clock.now());
    shared.witness.saw(&signed, &keys, verdict.is_ok());
    verdict.map_err(|flaw| {
        let code = match flaw {
            SignatureFlaw::UnknownKey => "InvalidClientTokenId",
            SignatureFlaw::Incomplete(_) => "IncompleteSignature",
            _ => "SignatureDoesNotMatch",
        };
        (403, code, flaw.to_string())
    })?;
    let id = header("authorization").split_once("Credential=").map_or("", |(_, rest)| rest);
    Ok(id.split('/').next().unwrap_or_default().to_owned())
}

fn assume(body: &Bytes, caller: String, shared: &Shared) -> Result<String, Refused> {
    let fields = fields(&String::from_utf8_lossy(body))?;
    let assumed = read(fields, caller)?;
    let state = shared.sts.lock();
    if state.refusing || state.external_id.is_some() && state.external_id != assumed.external_id {
        let message = format!(
            "User: arn:aws:iam::123456789012:user/sim is not authorized to perform: sts:AssumeRole on resource: {}",
            assumed.role_arn
        );
        return Err((403, "AccessDenied", message));
    }
    drop(state);
    let end = shared.clock.now().after(Duration::from_secs(assumed.seconds.into()));
    let key = shared.sts.grant(assumed.clone());
    Ok(granted("AssumeRole", &assumed, &key, &end.to_string()))
}

/// The fields of a form, each once.
pub(crate) fn fields(body: &str) -> Result<BTreeMap<String, String>, Refused> {
    let mut fields = BTreeMap::new();
    for pair in body.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if fields.insert(decoded(name), decoded(value)).is_some() {
            return Err(invalid(format!("{name} is there twice")));
        }
    }
    Ok(fields)
}

pub(crate) fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match byte {
            b'%' => out.push(digit().unwrap_or_default() * 16 + digit().unwrap_or_default()),
            b'+' => out.push(b' '),
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub(crate) fn invalid(message: impl Into<String>) -> Refused {
    (400, "ValidationError", message.into())
}

fn read(mut fields: BTreeMap<String, String>, caller: String) -> Result<Assumed, Refused> {
    let mut take = |name: &str| fields.remove(name);
    let asked = (take("Action"), take("Version"));
    if asked != (Some("AssumeRole".to_owned()), Some("2011-06-15".to_owned())) {
        return Err((400, "InvalidAction", format!("{asked:?} is not known here")));
    }
    let role_arn = take("RoleArn").unwrap_or_default();
    if !role_arn.starts_with("arn:aws:iam::") || !role_arn.contains(":role/") {
        return Err(invalid("RoleArn is invalid"));
    }
    let session = take("RoleSessionName").unwrap_or_default();
    let sound = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&session.len()) || !session.chars().all(sound) {
        return Err(invalid("roleSessionName fails to satisfy: 2 to 64 of [\\w+=,.@-]"));
    }
    let seconds = take("DurationSeconds").map_or(Ok(3600), |text| text.parse::<u32>());
    let seconds = seconds.ok().filter(|s| (900..=43_200).contains(s)).ok_or_else(|| invalid("durationSeconds"))?;
    let external_id = take("ExternalId");
    let tags = tags(&mut fields)?;
    match fields.keys().next() {
        Some(unknown) => Err(invalid(format!("{unknown} is not known here"))),
        None => Ok(Assumed { role_arn, session, seconds, external_id, tags, caller }),
    }
}

fn tags(fields: &mut BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Refused> {
    let allowed = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c));
    let (mut tags, mut seen) = (BTreeMap::new(), Vec::new());
    for number in 1.. {
        let Some(key) = fields.remove(&format!("Tags.member.{number}.Key")) else { break };
        let value =
            fields.remove(&format!("Tags.member.{number}.Value")).ok_or_else(|| invalid("a tag has no value"))?;
        let sound = (1..=128).contains(&key.chars().count()) && allowed(&key) && !key.starts_with("aws:");
        if !sound || value.chars().count() > 256 || !allowed(&value) {
            return Err(invalid(format!("the tag {key} is invalid")));
        }
        if seen.contains(&key.to_lowercase()) {
            return Err(invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive."));
        }
        seen.push(key.to_lowercase());
        tags.insert(key, value);
    }
    if tags.len() > TAGS_MAX { Err(invalid("more than 50 tags")) } else { Ok(tags) }
}

/// The answer to an action that assumes a role.
pub(crate) fn granted(action: &str, assumed: &Assumed, key: &AwsKey, end: &str) -> String {
    let (id, secret) = (&key.access_key_id, &key.secret_access_key);
    let token = key.session_token.as_deref().unwrap_or_default();
    let role = assumed.role_arn.rsplit('/').next().unwrap_or_default();
    let session = &assumed.session;
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
         <AssumedRoleUser><AssumedRoleId>AROASIMULATED:{session}</AssumedRoleId>\
         <Arn>arn:aws:sts::123456789012:assumed-role/{role}/{session}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{end}</Expiration></Credentials>\
         <PackedPolicySize>6</PackedPolicySize></{action}Result>\
         <ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata>\
         </{action}Response>"
    )
}

fn error(code: &str, message: &str) -> String {
    let escaped = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{escaped}</Message></Error>\
         <RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>"
    )
}
