//! Notices of budgets and of rules that have switched themselves off: to the log, to the store, which knows whether they
//! were told before, and to webhooks.
//!
//! A thread of its own does it. Each notice is tried several times at each address, and again after a restart if it is no
//! older than a day: so it comes at least once, unless an address fails all that time; a receiver knows doubles by their id.

use crate::place;
use crate::source::Loaded;
use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tg_kernel::clock::{Clock, SystemClock, Timestamp};
use tg_kernel::record::Record;
use tg_kernel::secret::Secret;
use tg_kernel::trace::TraceContext;
use tg_net::client::{Client, ClientOptions};
use tg_net::egress::EgressPolicy;
use tg_net::resolve::Resolver;
use tg_net::tls::TrustedRoots;
use tg_policy::admit::budget::{Notice, NoticeKind};
use tg_policy::route::quality::SwitchedOff;
use tg_proxy::meter::Sink;
use tg_store::notices::{Notices, Owed};
use tg_upstream::signature;
use tokio::sync::{Semaphore, mpsc};

/// Most notices that wait to be kept, and most that wait for an address. Beyond the one they are only in the log, beyond the
/// other they are told after a restart.
const WAITING_MAX: usize = 4_096;

/// Most deliveries at a time; others wait their turn.
const DELIVERIES_MAX: usize = 32;

/// How often a notice is tried at an address.
const TRIES_MAX: u32 = 6;

/// The wait before the second try; it doubles with each.
const PAUSE: Duration = Duration::from_secs(1);

/// Longest wait for an address to take a notice.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How old a notice may be that is tried again after a restart.
const OWED_FOR: Duration = Duration::from_secs(86_400);

/// Longest wait for deliveries at the end.
const END_MAX: Duration = Duration::from_secs(5);

/// An address that is told.
struct Hook {
    /// Whole: what stands in its path may be a secret, and is never shown.
    url: String,
    /// What of it is shown: where it stands in the file, and its host.
    shown: String,
    secret: Option<Secret>,
    client: Client,
}

/// A running notifier.
pub struct Notifier {
    queue: mpsc::Sender<News>,
    hooks: Arc<ArcSwap<Vec<Hook>>>,
    roots: TrustedRoots,
    thread: thread::JoinHandle<()>,
}

/// Addresses that are ready to be told.
pub struct Hooks(Vec<Hook>);

impl Notifier {
    /// Starts the notifier's thread.
    ///
    /// # Errors
    /// When the store cannot be used, or the system gives no thread.
    pub fn start(loaded: &Loaded, roots: &TrustedRoots) -> Result<Self> {
        let declared = &loaded.document.store;
        let password = declared.password.as_ref().and_then(|reference| loaded.secrets.get(reference));
        let notices = place::open(declared, password, || Ok(roots.clone()))?.notices()?;
        let hooks = Arc::new(ArcSwap::from_pointee(hooks(loaded, roots)?));
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let post = Arc::new(Post { hooks: Arc::clone(&hooks), clock: SystemClock::new() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || runtime.block_on(run(notices, post, waiting));
        let thread = thread::Builder::new().name("notifier".to_owned()).spawn(run)?;
        Ok(Self { queue, hooks, roots: roots.clone(), thread })
    }

    /// What the meter tells of notices.
    #[must_use]
    pub fn sink(&self) -> Box<dyn Sink> {
        Box::new(Told(self.queue.clone()))
    }

    /// The addresses of a reload, which are not in force before they are [adopted](Self::adopt).
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn prepare(&self, loaded: &Loaded) -> Result<Hooks> {
        hooks(loaded, &self.roots).map(Hooks)
    }

    /// Takes over the addresses of a reload.
    pub fn adopt(&self, Hooks(hooks): Hooks) {
        self.hooks.store(Arc::new(hooks));
    }

    /// Ends the thread: what waits is kept, and deliveries have a moment. Call it when the meter has ended.
    pub fn stop(self) {
        drop(self.queue);
        if self.thread.join().is_err() {
            tracing::error!("the notifier panicked");
        }
    }
}

fn hooks(loaded: &Loaded, roots: &TrustedRoots) -> Result<Vec<Hook>> {
    let resolver = Resolver::new();
    let declared = loaded.document.notify.webhooks.iter();
    declared
        .enumerate()
        .map(|(number, hook)| {
            let loopback = hook.url.host().is_loopback();
            let egress = EgressPolicy {
                allow_http: hook.egress.allow_http || loopback,
                allow_private: hook.egress.allow_private,
                allow_loopback: loopback,
            };
            let client = Client::new(&ClientOptions { egress, ..ClientOptions::default() }, roots, &resolver)
                .context("notify.webhooks")?;
            let secret = hook.secret.as_ref().and_then(|reference| loaded.secrets.get(reference)).cloned();
            let shown = format!("notify.webhooks[{number}] at {}", hook.url.host());
            Ok(Hook { url: hook.url.as_str().to_owned(), shown, secret, client })
        })
        .collect()
}

/// What somebody is told of.
enum News {
    Budget(Notice),
    Rule(SwitchedOff),
}

struct Told(mpsc::Sender<News>);

impl Sink for Told {
    fn observe(&mut self, _record: &Record, _trace: &TraceContext) {}

    fn observe_late(&mut self, _record: &Record) {}

    fn notice(&mut self, notice: &Notice) {
        if self.0.try_send(News::Budget(notice.clone())).is_err() {
            tracing::warn!(budget = %notice.budget, kind = notice.kind.name(), "a notice could not be kept");
        }
    }

    fn switched_off(&mut self, off: &SwitchedOff) {
        if self.0.try_send(News::Rule(off.clone())).is_err() {
            tracing::warn!(rule = %off.rule, "that it has switched itself off is told after a restart");
        }
    }
}

async fn run(mut notices: Notices, post: Arc<Post>, mut waiting: mpsc::Receiver<News>) {
    let turns = Arc::new(Semaphore::new(DELIVERIES_MAX));
    let (done, mut ended) = mpsc::channel::<Owed>(DELIVERIES_MAX);
    let now = post.clock.now();
    let earlier = notices.forget_old(now).and_then(|()| {
        let since = i64::try_from(OWED_FOR.as_micros()).unwrap_or(i64::MAX);
        notices.owed(Timestamp::from_micros(now.micros().saturating_sub(since)))
    });
    let mut owed: std::collections::VecDeque<Owed> = earlier
        .unwrap_or_else(|error| {
            tracing::error!(%error, "earlier notices cannot be read");
            Vec::new()
        })
        .into();
    // The rest is told after the next start.
    owed.truncate(WAITING_MAX);
    loop {
        tokio::select! {
            turn = Arc::clone(&turns).acquire_owned(), if !owed.is_empty() => {
                let (Ok(turn), Some(one)) = (turn, owed.pop_front()) else { break };
                let (post, done) = (Arc::clone(&post), done.clone());
                drop(tg_net::tasks::spawn("notice", async move {
                    if post.deliver(&one).await {
                        drop(done.send(one).await);
                    }
                    drop(turn);
                }));
            }
            news = waiting.recv() => match news {
                Some(news) => {
                    let kept = keep(&mut notices, &news, post.clock.now());
                    if owed.len() < WAITING_MAX {
                        owed.extend(kept);
                    } else if let Some(kept) = kept {
                        tracing::warn!(of = kept.purse, "too many notices wait; this one comes after a restart");
                    }
                }
                None => break,
            },
            one = ended.recv() => mark(&mut notices, &post, one),
        }
    }
    drop(done);
    let rest = async {
        while let Some(one) = ended.recv().await {
            mark(&mut notices, &post, Some(one));
        }
    };
    // What is not delivered by then is owed at the next start.
    drop(tokio::time::timeout(END_MAX, rest).await);
}

/// Notes a notice and says it in the log, unless it was said before.
fn keep(notices: &mut Notices, news: &News, now: Timestamp) -> Option<Owed> {
    let (owed, at) = match news {
        News::Budget(notice) => {
            let notice_of = shown(notice).to_string();
            (Owed { purse: notice.purse.clone(), kind: notice.kind.name(), notice: notice_of }, notice.at)
        }
        // A rule may have been off for long when it becomes known here: what is owed is owed from now on.
        News::Rule(off) => {
            let (purse, kind) = (format!("rule {}", off.rule), format!("off {}", off.at));
            (Owed { purse, kind, notice: shown_rule(off).to_string() }, now)
        }
    };
    match notices.add(&owed, at) {
        Ok(false) => return None,
        Ok(true) => {}
        Err(error) => tracing::error!(%error, "a notice cannot be kept; it may be told twice"),
    }
    if let News::Budget(notice) = news {
        log(notice, owed.kind.as_str());
    }
    Some(owed)
}

/// Says it in the log. Of a rule it was said when it was switched off.
fn log(notice: &Notice, kind: &str) {
    let of: Vec<String> = notice.of.iter().map(|(noun, value)| format!("{noun}={value}")).collect();
    tracing::warn!(
        budget = %notice.budget,
        of = of.join(", "),
        kind,
        amount_usd = %notice.amount,
        spent_usd = %notice.spent,
        "a budget is spent in part, or exhausted"
    );
}

fn mark(notices: &mut Notices, post: &Post, delivered: Option<Owed>) {
    if let Some(owed) = delivered
        && let Err(error) = notices.delivered(&owed, post.clock.now())
    {
        tracing::error!(%error, "that a notice was told cannot be kept; it may be told twice");
    }
}

/// A notice as it is posted.
fn shown(notice: &Notice) -> Value {
    let (event, share) = match notice.kind {
        NoticeKind::Spent(share) => ("budget.spent", Some(share)),
        NoticeKind::Exhausted => ("budget.exhausted", None),
    };
    let of: Map<String, Value> = notice.of.iter().map(|(noun, value)| (noun.clone(), json!(value))).collect();
    json!({
        "id": format!("{}#{}", notice.purse, notice.kind.name()),
        "event": event,
        "budget": &*notice.budget,
        "of": of,
        "share_percent": share,
        "amount_usd": notice.amount.to_string(),
        "spent_usd": notice.spent.to_string(),
        "held_usd": notice.held.to_string(),
        "since": notice.since.to_string(),
        "resets_at": notice.until.map(|until| until.to_string()),
        "at": notice.at.to_string(),
    })
}

/// The same of a rule that has switched itself off. Shares are from 0 to 1.
fn shown_rule(off: &SwitchedOff) -> Value {
    let (low, high) = off.known.interval();
    json!({
        "id": format!("{}#off#{}", off.rule, off.at),
        "event": "routing.switched_off",
        "route": off.route(),
        "rule": &*off.rule,
        "task": &*off.task,
        "samples": off.known.of,
        "kept": off.known.kept,
        "low": low,
        "high": high,
        "floor": off.floor(),
        "at": off.at.to_string(),
    })
}

/// Where notices go.
struct Post {
    hooks: Arc<ArcSwap<Vec<Hook>>>,
    clock: SystemClock,
}

impl Post {
    /// Whether each address has taken it.
    async fn deliver(&self, owed: &Owed) -> bool {
        let hooks = self.hooks.load_full();
        let mut taken = 0;
        for hook in hooks.iter() {
            let mut pause = PAUSE;
            for number in 1..=TRIES_MAX {
                let failed = match tokio::time::timeout(ANSWER_MAX, self.post(hook, owed)).await {
                    Ok(Ok(())) => {
                        taken += 1;
                        break;
                    }
                    Ok(Err(error)) => error,
                    Err(_) => "no answer in time".to_owned(),
                };
                tracing::warn!(
                    webhook = hook.shown,
                    number,
                    of = TRIES_MAX,
                    error = failed,
                    "a webhook did not take a notice"
                );
                if number < TRIES_MAX {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        taken == hooks.len()
    }

    async fn post(&self, hook: &Hook, owed: &Owed) -> Result<(), String> {
        let mut request = Request::new(Bytes::from(owed.notice.clone()).into());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = hook.url.parse().map_err(|_| "the address cannot be called".to_owned())?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(secret) = &hook.secret {
            headers.insert(signature::HEADER, signature::signature(secret, self.clock.now(), owed.notice.as_bytes()));
        }
        let answer = hook.client.send(request).await.map_err(|error| error.to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answers {}", answer.status())) }
    }
}
