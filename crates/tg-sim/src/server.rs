//! The HTTP side: one listener for each personality, all on one thread.

use crate::ask::Ask;
use crate::books::{Books, Detail, Ending, Personality, Ticket, shown_headers};
use crate::chats::Chats;
use crate::directive::{Break, Head};
use crate::exchange::{Outcome, Received};
use crate::hook::Hook;
use crate::oidc::Oidc;
use crate::options::SimOptions;
use crate::personalities::{self, Voice, bedrock::ControlPlane, bedrock::Invocations};
use crate::places::Places;
use crate::play::{Play, Served, Stub, Torn, Wire};
use crate::refusal::Refusal;
use crate::reply;
use crate::sts::Sts;
use crate::witness::Witness;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::json;
use std::sync::Arc;
use tg_kernel::clock::{Clock as _, SystemClock};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
const PROXY_PAGE: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad \
                          Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

type Body = BoxBody<Bytes, Torn>;

/// What every connection shares.
pub(crate) struct Shared {
    pub options: SimOptions,
    pub books: Books,
    pub sts: Sts,
    pub clock: SystemClock,
    pub control: ControlPlane,
    pub invocations: Invocations,
    pub places: Places,
    pub witness: Witness,
    pub oidc: Oidc,
    pub hook: Hook,
    pub chats: Chats,
}

/// Accepts connections until the thread's runtime ends, and serves each in a task of its own.
pub(crate) async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // A failed accept concerns one connection only.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        connections.spawn(serve(stream));
    }
}

pub(crate) async fn connection(stream: TcpStream, personality: Personality, shared: Arc<Shared>) {
    // Without this, small stream events wait for acknowledgements. A socket that refuses is already closed.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, personality, Arc::clone(&shared)));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(10_000);
    // A connection ends by error whenever a script tears it; nobody needs to hear of it.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

async fn answer(
    request: Request<Incoming>,
    personality: Personality,
    shared: Arc<Shared>,
) -> Result<Response<Body>, Torn> {
    let (parts, body) = request.into_parts();
    if let Some(page) = own_page(&parts, &shared) {
        return Ok(page);
    }
    let mut ticket = shared.books.open_ticket(personality, &parts);
    let Ok(collected) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return Ok(refuse(&mut ticket, &Refusal::new(413, "Request exceeds the maximum size")));
    };
    let received = Received::new(parts, collected.to_bytes());
    let outcome = decide(&received, personality, &shared);
    note(&mut ticket, &received, &shared);
    drop(received);
    match outcome {
        Err(refusal) => Ok(refuse(&mut ticket, &refusal)),
        Ok(Outcome::Done { status, model, counts, body, headers, delay }) => {
            tokio::time::sleep(delay).await;
            let mut response = json_response(status, &body);
            ticket.note(|entry| {
                entry.status = status;
                entry.model = model;
                entry.counts = counts;
            });
            set_headers(&mut response, personalities::headers(personality, ticket.number()));
            set_headers(&mut response, headers);
            ticket.finish(Ending::Complete);
            Ok(response)
        }
        Ok(Outcome::Chat(ask, wire)) => chat(*ask, wire, ticket, &shared).await,
    }
}

/// Pages of the simulator itself.
fn own_page(parts: &http::request::Parts, shared: &Shared) -> Option<Response<Body>> {
    match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/__sim/books") => Some(json_response(200, &shared.books.to_json())),
        ("POST", "/__sim/reset") => {
            shared.books.reset();
            Some(json_response(200, &json!({})))
        }
        ("HEAD", "/") => Some(Response::new(full(Bytes::new()))),
        _ => None,
    }
}

fn decide(received: &Received, personality: Personality, shared: &Shared) -> Result<Outcome, Refusal> {
    personalities::authenticate(personality, received, shared)?;
    personalities::answer(personality, received, shared)
}

fn note(ticket: &mut Ticket, received: &Received, shared: &Shared) {
    let keep = received.body.len().min(shared.options.body_bytes_kept);
    let session = shared.sts.session_of(received.header("authorization"));
    let detail = Detail {
        headers: shown_headers(&received.parts.headers),
        path: received.parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        body: String::from_utf8_lossy(&received.body[..keep]).into_owned(),
        metadata: serde_json::Value::Null,
    };
    ticket.note(|entry| {
        entry.operation = received.operation();
        entry.model = received.model();
        entry.aws_session = session;
        entry.detail = Some(Box::new(detail));
    });
}

fn refuse(ticket: &mut Ticket, refusal: &Refusal) -> Response<Body> {
    let number = ticket.number();
    let voice = if refusal.at_the_door { Voice::Aws } else { ticket.voice() };
    let mut response = json_response(refusal.status, &voice.error(refusal, number));
    set_headers(&mut response, personalities::headers(ticket.personality(), number));
    set_headers(&mut response, voice.error_headers(refusal));
    if let Some(seconds) = refusal.retry_after {
        set_headers(&mut response, vec![("retry-after", seconds.to_string())]);
    }
    ticket.note(|entry| entry.status = refusal.status);
    ticket.finish(Ending::Refused);
    response
}

fn json_response(status: u16, body: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn set_headers(response: &mut Response<Body>, headers: Vec<(&'static str, String)>) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}

async fn chat(mut ask: Ask, wire: Box<dyn Wire>, mut ticket: Ticket, shared: &Shared) -> Result<Response<Body>, Torn> {
    let personality = ticket.personality();
    ticket.note(|entry| {
        entry.model.clone_from(&ask.model);
        entry.streamed = ask.streamed;
        if let Some(detail) = &mut entry.detail {
            detail.metadata = ask.metadata.clone();
        }
    });
    let Some(chat) = shared.chats.begin(personality, shared.options.chats_max) else {
        return Ok(refuse(&mut ticket, &Refusal::new(429, "Too many chats at a time")));
    };
    ticket.keep(chat);
    if !ask.directive.ttft.is_zero() {
        tokio::time::sleep(ask.directive.ttft).await;
    }
    let spoilt = ask.directive.times.is_none_or(|times| shared.books.attempt(&ask.prompt) <= times);
    if !spoilt {
        ask.directive.broken = None;
    } else if ask.directive.head == Head::Mute {
        return Ok(mute(&ask, &*wire, ticket));
    } else if ask.directive.spoils_head()
        && let Some(response) = spoil(&ask, &mut ticket).await?
    {
        return Ok(response);
    }
    let number = ticket.number();
    let mut counts = shared.books.with_cache(|cache| ask.meter.settle(&ask.model, cache));
    let reply = reply::compose(&ask, number);
    counts.output = reply.output;
    counts.reasoning = reply.reasoning;
    counts.add(&ask.directive.added);
    ticket.note(|entry| {
        entry.counts = counts;
        entry.status = 200;
    });
    let created = shared.clock.now().seconds();
    let (unmetered, fail_as) = (ask.directive.unmetered, ask.directive.fail_as.clone());
    let served = Served { number, model: ask.model.clone(), created, reply, counts, unmetered, fail_as };
    let headers = personalities::headers(personality, number);
    let mut response = if ask.streamed {
        let kind = wire.stream_type();
        let mut response = Response::new(Play::new(wire, served, ask.directive, ticket).boxed());
        response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    } else {
        plain(&*wire, &served, &ask, ticket)
    };
    set_headers(&mut response, headers);
    Ok(response)
}

fn plain(wire: &dyn Wire, served: &Served, ask: &Ask, mut ticket: Ticket) -> Response<Body> {
    let whole = wire.plain(served);
    let Some((then, _)) = ask.directive.broken else {
        let mut response = json_response(200, &whole);
        set_headers(&mut response, wire.headers(served));
        ticket.note(|entry| entry.output_emitted = served.counts.output);
        ticket.finish(Ending::Complete);
        return response;
    };
    let text = whole.to_string();
    let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let mut response = json_response(200, &serde_json::Value::Null);
    *response.body_mut() = Stub { bytes: Some(half), then, flushed: then == Break::Hang, ticket }.boxed();
    response
}

/// The head of an answer, and nothing after it.
fn mute(ask: &Ask, wire: &dyn Wire, mut ticket: Ticket) -> Response<Body> {
    let kind = if ask.streamed { wire.stream_type() } else { "application/json" };
    let mut response = json_response(200, &serde_json::Value::Null);
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    ticket.note(|entry| entry.status = 200);
    *response.body_mut() = Stub { bytes: None, then: Break::Hang, flushed: true, ticket }.boxed();
    response
}

/// What comes instead of an answer, if the script wants something else.
async fn spoil(ask: &Ask, ticket: &mut Ticket) -> Result<Option<Response<Body>>, Torn> {
    if let Some(scripted) = &ask.directive.refusal {
        let mut refusal = Refusal::new(scripted.status, format!("scripted refusal with status {}", scripted.status));
        refusal.name.clone_from(&scripted.name);
        refusal.retry_after = scripted.retry_after;
        return Ok(Some(refuse(ticket, &refusal)));
    }
    let (status, kind, text) = match ask.directive.head {
        Head::Normal | Head::Mute => return Ok(None),
        Head::Hang => {
            std::future::pending::<()>().await;
            return Ok(None);
        }
        Head::Reset => {
            ticket.finish(Ending::Broken);
            return Err(Torn);
        }
        Head::Garbage => (200, "application/json", "{\"this is\": not JSON at all"),
        Head::Html => (502, "text/html", PROXY_PAGE),
    };
    let mut response = json_response(status, &serde_json::Value::Null);
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    *response.body_mut() = full(text);
    ticket.note(|entry| entry.status = status);
    ticket.finish(Ending::Broken);
    Ok(Some(response))
}
