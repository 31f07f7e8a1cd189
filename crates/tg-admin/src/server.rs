//! The admin listener: from a request to an answer. What blocks runs on threads of its own.

use crate::access::Access;
use crate::api::{
    BudgetPage, Calls, NewKey, NewTeam, Policy, ReportRequest, Rotation, RoutingPage, RoutingRule, SavingsRequest,
    SwitchError, TargetPage,
};
use crate::control::{Commitments, Control};
use crate::query::Parameters;
use crate::refusal::{ErrorBody, Refusal};
use crate::routes::{Found, Operation, Route, find, routes};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::Clock;
use tg_kernel::secret::Secret;
use tg_net::BoxError;
use tg_net::body::{BodyError, BodyLimits, OutBody};
use tg_net::drain::{Drained, Draining};
use tg_net::listener::{Bound, Listener, ListenerOptions};
use tg_net::tls::ServerTls;
use tg_store::{Directory, Ledger};
use tokio::sync::Semaphore;

/// Most bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 1 << 20;

const BODY_LIMITS: BodyLimits = BodyLimits {
    bytes_max: BODY_BYTES_MAX,
    idle_timeout: Duration::from_secs(15),
    whole_timeout: Some(Duration::from_secs(60)),
};

/// Administration has few callers; what they may hold is bounded.
const LISTENER: ListenerOptions = ListenerOptions {
    connections_max: 256,
    header_timeout: Duration::from_secs(15),
    idle_timeout: Duration::from_secs(120),
    head_bytes_max: 32 << 10,
    streams_max: 16,
};

/// Most requests that work on the store at once; others wait their turn.
const JOBS_MAX: usize = 8;

/// Longest wait for forecasts of budgets. Then those made before are shown, if there are any.
const FORESEE_MAX: Duration = Duration::from_secs(1);

/// Switches a rule by tasks on, by its name or that of its route, and answers how it stands then.
pub type SwitchOn = Arc<dyn Fn(&str) -> Result<RoutingRule, SwitchError> + Send + Sync>;

/// What the admin interface works on and tells about.
pub struct Parts {
    /// Teams and keys. Edits are in force on this node when the answer leaves.
    pub directory: Arc<Directory>,
    /// Finished calls.
    pub ledger: Arc<Ledger>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The metrics, in the Prometheus text format. Must hold no secret: reading them takes no token.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether calls are taken.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
    /// The configuration in force, without secrets.
    pub document: Arc<dyn Fn() -> serde_json::Value + Send + Sync>,
    /// What is spent and held of budgets.
    pub budgets: Arc<dyn Fn() -> BudgetPage + Send + Sync>,
    /// Makes the forecasts anew that [`Parts::budgets`] shows, where they are old. Reads the ledger, so it may block; where it
    /// is under way already, it returns at once.
    pub foresee: Arc<dyn Fn() + Send + Sync>,
    /// How targets fare, and how full pools are.
    pub targets: Arc<dyn Fn() -> TargetPage + Send + Sync>,
    /// The rules by tasks in force.
    pub routing: Arc<dyn Fn() -> RoutingPage + Send + Sync>,
    /// Switches a rule on that has switched itself off. Writes to the store, so it may block.
    pub switch_on: SwitchOn,
    /// The commitments in force.
    pub commitments: Commitments,
    /// What callers of `/admin/v1` present as bearer. Without it, only callers on this machine are answered, and no
    /// one where the listener is not on a loopback address.
    pub token: Option<Secret>,
}

/// Serves until the drain is over. Only the first socket of `bound` is used: administration needs no second worker.
///
/// # Errors
/// When there is no socket, or it cannot be given to the runtime.
pub async fn serve(parts: Parts, bound: Bound, tls: Option<ServerTls>, draining: Draining) -> std::io::Result<Drained> {
    let Some(socket) = bound.sockets.into_iter().next() else {
        return Err(std::io::Error::other("the admin listener has no socket"));
    };
    let server = Arc::new(Server::new(parts, bound.addr));
    let handler = move |request, _peer| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.answer(request).await) }
    };
    Listener::new(LISTENER, tls).serve(socket, draining, handler).await
}

struct Server {
    control: Arc<Control>,
    access: Access,
    routes: Vec<Route>,
    jobs: Semaphore,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
    document: Arc<dyn Fn() -> serde_json::Value + Send + Sync>,
    budgets: Arc<dyn Fn() -> BudgetPage + Send + Sync>,
    foresee: Arc<dyn Fn() + Send + Sync>,
    targets: Arc<dyn Fn() -> TargetPage + Send + Sync>,
    routing: Arc<dyn Fn() -> RoutingPage + Send + Sync>,
    switch_on: SwitchOn,
}

impl Server {
    fn new(parts: Parts, addr: SocketAddr) -> Self {
        Self {
            access: Access::new(parts.token.as_ref(), addr),
            control: Arc::new(
                Control::new(parts.directory, parts.ledger, parts.clock).with_commitments(parts.commitments),
            ),
            routes: routes(),
            jobs: Semaphore::new(JOBS_MAX),
            metrics: parts.metrics,
            ready: parts.ready,
            document: parts.document,
            budgets: parts.budgets,
            foresee: parts.foresee,
            targets: parts.targets,
            routing: parts.routing,
            switch_on: parts.switch_on,
        }
    }

    async fn answer<B>(&self, request: Request<B>) -> Response<OutBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let path = request.uri().path();
        // Who may not call learns nothing about which paths there are.
        if path.starts_with("/admin")
            && let Err(refusal) = self.access.check(&request)
        {
            return refused(refusal);
        }
        match find(&self.routes, request.method(), path) {
            Found::Route(operation, argument) => match self.run(operation, argument, request).await {
                Ok(response) => response,
                Err(refusal) => refused(refusal),
            },
            Found::OtherMethods(methods) => other_methods(&methods),
            Found::Nothing => refused(Refusal::new(
                StatusCode::NOT_FOUND,
                "no_such_path",
                "there is no such path; docs/admin-api.md lists them all",
            )),
        }
    }

    async fn run<B>(
        &self,
        operation: Operation,
        argument: String,
        request: Request<B>,
    ) -> Result<Response<OutBody>, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let query = request.uri().query().unwrap_or_default().to_owned();
        match operation {
            Operation::Health => Ok(text(StatusCode::OK, "ok\n")),
            Operation::Ready if (self.ready)() => Ok(text(StatusCode::OK, "ready\n")),
            Operation::Ready => Ok(text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n")),
            Operation::Metrics => {
                self.access.check_metrics(&request)?;
                Ok(metrics((self.metrics)()))
            }
            Operation::ListTeams => self.work(|control| Ok(control.teams())).await,
            Operation::CreateTeam => {
                let new: NewTeam = body(request).await?;
                self.make(move |control| control.create_team(&new)).await
            }
            Operation::ShowTeam => self.work(move |control| control.team(&argument)).await,
            Operation::SetPolicy => {
                let policy: Policy = body(request).await?;
                self.work(move |control| control.set_policy(&argument, &policy)).await
            }
            Operation::ActOnTeam(action) => self.work(move |control| control.act_on_team(&argument, action)).await,
            Operation::ListKeys => self.keys(&query).await,
            Operation::CreateKey => {
                let new: NewKey = body(request).await?;
                self.make(move |control| control.create_key(&new)).await
            }
            Operation::ShowKey => self.work(move |control| control.key(&argument)).await,
            Operation::RotateKey => {
                let rotation: Rotation = body(request).await?;
                self.make(move |control| control.rotate_key(&argument, &rotation)).await
            }
            Operation::RevokeKey => self.work(move |control| control.revoke_key(&argument)).await,
            Operation::Report => {
                let wanted = ReportRequest::from_query(&query).map_err(Refusal::invalid)?;
                self.work(move |control| control.report(&wanted)).await
            }
            Operation::ListCalls => {
                let wanted = Calls::from_query(&query).map_err(Refusal::invalid)?;
                self.work(move |control| control.calls(&wanted)).await
            }
            Operation::ShowCall => self.work(move |control| control.call(&argument)).await,
            Operation::ListBudgets => self.purses().await,
            Operation::ListTargets => json(StatusCode::OK, &(self.targets)()),
            Operation::ListRouting => json(StatusCode::OK, &(self.routing)()),
            Operation::SwitchRuleOn => {
                let switch_on = Arc::clone(&self.switch_on);
                self.work(move |_| Ok(switch_on(&argument)?)).await
            }
            Operation::ShowSavings => {
                let wanted = SavingsRequest::from_query(&query).map_err(Refusal::invalid)?;
                self.work(move |control| control.savings(&wanted)).await
            }
            Operation::ShowStore => self.work(Control::store).await,
            Operation::ShowConfig => json(StatusCode::OK, &(self.document)()),
        }
    }

    async fn keys(&self, query: &str) -> Result<Response<OutBody>, Refusal> {
        let mut parameters = Parameters::read(query, &["team"]);
        let team = parameters.one("team");
        let team = parameters.finish(team).map_err(Refusal::invalid)?;
        self.work(move |control| Ok(control.keys(team.as_deref()))).await
    }

    async fn purses(&self) -> Result<Response<OutBody>, Refusal> {
        self.foresee().await;
        json(StatusCode::OK, &(self.budgets)())
    }

    /// Waits a moment for newer forecasts. What is spent and held is known without the ledger, so nobody waits longer.
    async fn foresee(&self) {
        let foresee = Arc::clone(&self.foresee);
        let made = tokio::task::spawn_blocking(move || foresee());
        drop(tokio::time::timeout(FORESEE_MAX, made).await);
    }

    async fn work<T, F>(&self, verb: F) -> Result<Response<OutBody>, Refusal>
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&Control) -> Result<T, Refusal> + Send + 'static,
    {
        self.job(StatusCode::OK, verb).await
    }

    async fn make<T, F>(&self, verb: F) -> Result<Response<OutBody>, Refusal>
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&Control) -> Result<T, Refusal> + Send + 'static,
    {
        self.job(StatusCode::CREATED, verb).await
    }

    /// Runs a verb, which may block, and writes its outcome, which may be long, off the listener's thread.
    async fn job<T, F>(&self, status: StatusCode, verb: F) -> Result<Response<OutBody>, Refusal>
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&Control) -> Result<T, Refusal> + Send + 'static,
    {
        let broken = |_| internal("the gateway failed to handle this request; its log says more");
        let _turn = self.jobs.acquire().await.map_err(|_| internal("the admin interface is ending"))?;
        let control = Arc::clone(&self.control);
        tokio::task::spawn_blocking(move || json(status, &verb(&control)?)).await.map_err(broken)?
    }
}

fn internal(message: &'static str) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
}

/// The request's body, as this type.
async fn body<T, B>(request: Request<B>) -> Result<T, Refusal>
where
    T: DeserializeOwned + JsonSchema,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let bytes = tg_net::body::read(request.into_body(), BODY_LIMITS).await.map_err(|error| {
        let (status, code) = match error {
            BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            BodyError::TimedOut(_) | BodyError::TooSlow(_) => (StatusCode::REQUEST_TIMEOUT, "body_timed_out"),
            BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
        };
        Refusal::new(status, code, error.to_string())
    })?;
    Ok(tg_config::request::from_json("the body", &bytes)?)
}

fn refused(refusal: Refusal) -> Response<OutBody> {
    let status = refusal.status;
    if status.is_server_error() {
        tracing::error!(code = refusal.code, message = refusal.message, "an admin request failed");
    }
    let mut response = json(status, &ErrorBody::from(refusal)).unwrap_or_else(|_| text(status, "error\n"));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tallygate admin\""));
    }
    response
}

fn other_methods(methods: &[Method]) -> Response<OutBody> {
    let list: Vec<&str> = methods.iter().map(Method::as_str).collect();
    let list = list.join(", ");
    let message = format!("this path takes {list}");
    let mut response = refused(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message));
    if let Ok(value) = HeaderValue::try_from(list) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

fn json(status: StatusCode, value: &impl Serialize) -> Result<Response<OutBody>, Refusal> {
    let mut bytes = serde_json::to_vec(value).map_err(|_| internal("the answer cannot be written as JSON"))?;
    bytes.push(b'\n');
    Ok(response(status, "application/json", Bytes::from(bytes)))
}

fn text(status: StatusCode, text: &'static str) -> Response<OutBody> {
    response(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn metrics(text: String) -> Response<OutBody> {
    response(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", Bytes::from(text))
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<OutBody> {
    let mut response = Response::new(OutBody::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
