//! Simulated providers for tests and demos: Bedrock, Anthropic, OpenAI and a compatible server, strict and scripted.
//!
//! The wire formats are written here from their descriptions, apart from the gateway's own code, so that one is a check
//! on the other. What a call answers follows from its text alone; `[[sim: …]]` in the last text changes it
//! (see `README.md`).

mod ask;
mod books;
mod chats;
mod counts;
mod directive;
mod eventstream;
mod exchange;
mod hook;
mod media;
mod oidc;
mod options;
mod personalities;
mod places;
mod play;
mod presigned;
mod refusal;
mod reply;
mod row;
mod sample;
mod server;
mod shape;
mod signature;
mod sigv4;
mod sts;
mod vector;
mod web_identity;
mod witness;

#[cfg(test)]
mod tests;

pub use books::{Books, Detail, Ending, Entry, Operation, Personality, Total, TotalKey};
pub use counts::{CACHE_MINIMUM_TOKENS, Counts, IMAGE_TOKENS, tokens_of};
pub use hook::{HOOK_SECRET, Hook, HookQuestion};
pub use oidc::{Oidc, TokenAlgorithm};
pub use options::{
    AwsKey, DEFAULT_ACCESS_KEY_ID, DEFAULT_KEY, DEFAULT_REGION, DEFAULT_SECRET_ACCESS_KEY, SimOptions, Urls,
};
pub use personalities::bedrock::{ControlPlane, Invocation, Invocations, Profile};
pub use places::{CONTAINER_TOKEN, Places, SSO_TOKEN};
pub use reply::{DEFAULT_TOKENS, THINKING_TOKENS};
pub use sigv4::{SignatureFlaw, SignedRequest, verify};
pub use sts::{Assumed, Sts};
pub use web_identity::WEB_IDENTITY_TOKEN;
pub use witness::{Witness, Witnessed};

use personalities::bedrock::PREFIX;
use server::{Shared, accept, connection};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use tg_kernel::clock::SystemClock;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Why the simulators could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A port could not be bound, or the thread could not be started.
    #[error("the simulators could not start: {0}")]
    Io(#[from] std::io::Error),
}

/// Running simulators. They stop when this is dropped, and open connections are cut.
#[derive(Debug)]
pub struct Sim {
    /// Where each personality listens.
    pub urls: Urls,
    /// What was served.
    pub books: Books,
    /// What its STS granted.
    pub sts: Sts,
    /// The application inference profiles of the simulated AWS account.
    pub control: ControlPlane,
    /// The asynchronous invocations of the simulated AWS account.
    pub invocations: Invocations,
    /// What the simulated machine gave.
    pub places: Places,
    /// Signed requests, where [`SimOptions::keep_signed`] has them kept.
    pub witness: Witness,
    /// The issuer of the simulated account's web-identity tokens.
    pub oidc: Oidc,
    /// A webhook that judges texts.
    pub hook: Hook,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sim {
    /// Starts all five personalities, STS, the machine's places and the webhook on one thread of their own. They accept calls when this
    /// returns.
    ///
    /// # Errors
    /// If a port cannot be bound or the thread not started.
    pub fn start(options: SimOptions) -> Result<Self, SimError> {
        let books = Books::new(options.entries_max, options.details_max);
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for port in options.ports.into_iter().chain([0; 4]) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
            listener.set_nonblocking(true)?;
            addresses.push(format!("http://{}", listener.local_addr()?));
            listeners.push(listener);
        }
        let mut next = addresses.into_iter();
        let mut url = || next.next().unwrap_or_default();
        let bedrock = url();
        let bedrock_control = format!("{bedrock}{PREFIX}");
        let (anthropic, openai, compatible, bedrock_mantle) = (url(), url(), url(), url());
        let (sts, places, hook) = (url(), url(), url());
        let urls = Urls { bedrock, bedrock_control, bedrock_mantle, anthropic, openai, compatible, sts, places, hook };
        let (sts, control, clock) = (Sts::default(), ControlPlane::default(), SystemClock::new());
        let oidc = Oidc::new(&urls.sts);
        let (places, witness) = (Places::default(), Witness::new(options.keep_signed));
        let (invocations, hook) = (Invocations::default(), Hook::default());
        let shared = Arc::new(Shared {
            options,
            books: books.clone(),
            sts: sts.clone(),
            clock,
            control: control.clone(),
            invocations: invocations.clone(),
            places: places.clone(),
            witness: witness.clone(),
            oidc: oidc.clone(),
            hook: hook.clone(),
            chats: chats::Chats::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("tg-sim".to_owned()).spawn(move || {
            runtime.block_on(serve(listeners, shared, stopped));
        })?;
        let stop = Some(stop);
        let thread = Some(thread);
        Ok(Self { urls, books, sts, control, invocations, places, witness, oidc, hook, stop, thread })
    }
}

async fn serve(listeners: Vec<TcpListener>, shared: Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let personalities = [
        Personality::Bedrock,
        Personality::Anthropic,
        Personality::Openai,
        Personality::Compatible,
        Personality::Mantle,
    ];
    let mut doors = JoinSet::new();
    let mut listeners = listeners.into_iter();
    for (personality, listener) in personalities.into_iter().zip(listeners.by_ref()) {
        // The listener was bound and made non-blocking, so the runtime takes it unless it is out of descriptors.
        if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
            let shared = Arc::clone(&shared);
            doors.spawn(accept(listener, move |stream| connection(stream, personality, Arc::clone(&shared))));
        }
    }
    if let Some(Ok(listener)) = listeners.next().map(tokio::net::TcpListener::from_std) {
        let shared = Arc::clone(&shared);
        doors.spawn(accept(listener, move |stream| crate::sts::connection(stream, Arc::clone(&shared))));
    }
    if let Some(Ok(listener)) = listeners.next().map(tokio::net::TcpListener::from_std) {
        let shared = Arc::clone(&shared);
        doors.spawn(accept(listener, move |stream| crate::places::connection(stream, Arc::clone(&shared))));
    }
    if let Some(Ok(listener)) = listeners.next().map(tokio::net::TcpListener::from_std) {
        doors.spawn(accept(listener, move |stream| crate::hook::connection(stream, Arc::clone(&shared))));
    }
    // An error means that the handle is gone, which stops the simulators as well.
    let _ = stopped.await;
}

impl Drop for Sim {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
