//! Services that are asked while the call is under way: nothing is answered before they have spoken, and what they stop is told
//! as if it had never left, and booked as what it cost.

use crate::guarded::{house, intervened};
use crate::outside::outside;
use crate::speak::{self, CHAT, MANNERS, Manner, echo, error, hear};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, until};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Action as Done, Verdict};
use tg_kernel::record::{Ending, Record};
use tg_kernel::units::Money;
use tg_kernel::usage::UsageSource;
use tg_policy::guard::{Action, Check, On, Rule, WhenAway};
use tg_sim::Books;

pub(crate) const ALLOW: &str = r#"{"verdict":"allow"}"#;
pub(crate) const BLOCK: &str = r#"{"verdict":"block","categories":["house-rules"]}"#;

/// What a service does with a text: the status and the body of its answer, when it is time.
type Judge = Box<dyn Fn(&str) -> (u16, &'static str) + Send + Sync>;

/// A service of the test's own, and what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Service {
    asked: Arc<Mutex<Vec<String>>>,
    judge: Arc<OnceLock<Judge>>,
}

impl Service {
    pub(crate) fn judges(&self, judge: impl Fn(&str) -> (u16, &'static str) + Send + Sync + 'static) {
        assert!(self.judge.set(Box::new(judge)).is_ok());
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let own = self.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (own, socket) = (own.clone(), BufReader::new(socket.unwrap()));
                std::thread::spawn(move || own.serve(socket));
            }
        });
        address
    }

    fn serve(&self, mut socket: BufReader<std::net::TcpStream>) {
        let (mut line, mut length) = (String::new(), 0);
        while socket.read_line(&mut line).unwrap_or(0) > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        if socket.read_exact(&mut body).is_err() || length == 0 {
            return;
        }
        let question: Value = serde_json::from_slice(&body).unwrap();
        let text = question["text"].as_str().unwrap();
        self.asked.lock().unwrap().push(text.to_owned());
        let (status, said) = self.judge.get().unwrap()(text);
        let head = format!("HTTP/1.1 {status} So\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", said.len());
        // The gateway may have left.
        drop(socket.get_mut().write_all(format!("{head}{said}").as_bytes()));
    }
}

/// A rule that asks about what users say while the call is under way.
pub(crate) fn beside(action: Action, when_away: WhenAway) -> Rule {
    let check = Check::External { service: "own".into(), when_away, beside: true };
    Rule { check, ..outside("own", action, On::Input) }
}

/// A gateway whose calls are looked at so by a service of the test's own.
pub(crate) fn world_of(rule: Rule, setup: Setup, timeout: &str) -> (World, Service) {
    let service = Service::default();
    let services = format!(
        "- {{ name: own, kind: webhook, url: 'http://{}/check', secret: 'env:HOOK_SECRET', remember: 'off', timeout: {timeout} }}\n",
        service.listen()
    );
    (World::with(Setup { guards: vec![house(vec![rule])], services, ..setup }), service)
}

fn strict() -> (World, Service) {
    world_of(beside(Action::Block, WhenAway::Block), Setup::default(), "15s")
}

/// A call of which its provider keeps nothing: others are asked about before they leave.
pub(crate) fn ask(dialect: Dialect, manner: Manner, model: &str, prompt: &str) -> Call {
    let call = speak::ask(dialect, manner, model, prompt);
    if dialect == Dialect::OpenaiResponses { storing(call, Some(false)) } else { call }
}

/// A call that says this of whether its answer is to be kept.
fn storing(mut call: Call, store: Option<bool>) -> Call {
    if let Some(store) = store {
        let mut body: Value = serde_json::from_slice(&call.body).unwrap();
        body["store"] = store.into();
        call.body = body.to_string().into();
    }
    call
}

pub(crate) fn is_under_way(books: &Books) {
    until("the call is with its provider", || (books.open() > 0).then_some(()));
}

pub(crate) fn done(row: &Record) -> Vec<(String, Done)> {
    let hits = row.guarded.as_ref().map(|guarded| guarded.hits.clone()).unwrap_or_default();
    hits.into_iter().map(|hit| (hit.found.to_string(), hit.action)).collect()
}

/// That a call is told to be stopped as one that never left.
pub(crate) fn is_refused(dialect: Dialect, manner: Manner, answer: &Answer) {
    let (place, message) = (format!("{dialect:?} {manner:?}"), "Blocked by the guardrail `house/own`.");
    assert_eq!(answer.header("x-tallygate-error-code"), "content_blocked", "{place}: {}", answer.text());
    assert_eq!(answer.header("x-tallygate-guardrail"), "house/own", "{place}");
    if dialect == Dialect::BedrockConverse {
        let (reason, said) = intervened(manner, answer);
        assert_eq!((answer.status, &*reason, &*said), (200, "guardrail_intervened", message), "{place}");
        return;
    }
    let kind = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => "content_filter",
        Dialect::AnthropicMessages => "invalid_request_error",
        _ => "ValidationException",
    };
    assert_eq!((answer.status, error(dialect, answer)), (400, (kind.to_owned(), message.to_owned())), "{place}");
}

/// That a call is booked once, as blocked, with what its provider may bill.
pub(crate) fn is_booked_as_stopped(world: &World, answer: &Answer) -> Record {
    let row = world.row(answer);
    assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("content_blocked")), "{row:?}");
    assert_eq!((row.status, row.guarded.as_ref().unwrap().verdict), (answer.status, Verdict::Blocked), "{row:?}");
    assert!(row.served.is_some() && row.usage.input_tokens > 0 && row.cost.amount > Money::ZERO, "{row:?}");
    assert_eq!(answer.header("x-tallygate-cost-usd"), row.total_cost().amount.to_string());
    row
}

#[test]
fn what_is_stopped_meanwhile_is_given_up_at_once_and_told_as_if_it_had_never_left() {
    let (world, service) = strict();
    let books = world.sim.books.clone();
    service.judges(move |_| {
        is_under_way(&books);
        (200, BLOCK)
    });
    for dialect in CHAT {
        for (manner, script) in [
            (Manner::Plain, "[[sim: hang_before_head]]"),
            (Manner::Streamed, "[[sim: hang_before_head]]"),
            (Manner::Streamed, "[[sim: tokens=60 hang_after=3]]"),
        ] {
            let answer = world.send(&ask(dialect, manner, "on-anthropic", &format!("something {script}")));
            is_refused(dialect, manner, &answer);
            until("the provider's call is given up", || (world.sim.books.open() == 0).then_some(()));
            assert_eq!(world.sim.books.last().unwrap().ending, tg_sim::Ending::CallerGone, "{dialect:?} {manner:?}");
            let row = is_booked_as_stopped(&world, &answer);
            assert_eq!(row.usage_source, UsageSource::Estimated, "{dialect:?} {manner:?}");
            assert_eq!(done(&row), [("house-rules".to_owned(), Done::Blocked)], "{dialect:?} {manner:?}");
        }
    }
    assert_eq!(world.gateway().living.counts.unguarded.load(Ordering::Relaxed), 0);
    assert_eq!(world.finish().len(), 3 * CHAT.len());
}

#[test]
fn nothing_of_an_answer_leaves_before_the_service_has_spoken() {
    let setup = Setup { streams: "{ keepalive: 20ms }".to_owned(), ..Setup::default() };
    let (world, service) = world_of(beside(Action::Block, WhenAway::Block), setup, "15s");
    let (tell, go) = std::sync::mpsc::channel();
    let go = Mutex::new(go);
    service.judges(move |_| (200, go.lock().unwrap().recv().unwrap()));
    for dialect in CHAT {
        for (manner, verdict) in MANNERS.into_iter().flat_map(|manner| [(manner, ALLOW), (manner, BLOCK)]) {
            let place = format!("{dialect:?} {manner:?} {verdict}");
            let before = world.sim.books.entries().len();
            let call = world.keyed(&ask(dialect, manner, "on-openai", &format!("{place} [[sim: tokens=40]]")));
            let exchange = call.launch(world.address);
            let entry = until("the provider has answered", || world.sim.books.entries().into_iter().nth(before));
            assert_eq!(entry.ending, tg_sim::Ending::Complete, "{place}");
            // More than some keepalives would take.
            exchange.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let early = exchange.socket.peek(&mut [0]).map_err(|error| error.kind());
            assert!(matches!(early, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{place}: {early:?}");
            exchange.socket.set_read_timeout(Some(crate::wire::PATIENCE)).unwrap();
            tell.send(verdict).unwrap();
            let answer = exchange.whole();
            let row = world.row(&answer);
            let used = (entry.counts.input, entry.counts.output);
            assert_eq!((row.usage.input_tokens, row.usage.output_tokens), used, "{place}: all of it is paid");
            assert_eq!(row.usage_source, UsageSource::Reported, "{place}");
            if verdict == BLOCK {
                is_refused(dialect, manner, &answer);
                is_booked_as_stopped(&world, &answer);
                continue;
            }
            let heard = hear(dialect, manner, &answer);
            assert_eq!((heard.text, heard.ended, answer.clean), (echo(&place, 40), true, true), "{place}");
            assert_eq!((row.ending, row.guarded.unwrap().verdict), (Ending::Ok, Verdict::Passed), "{place}");
        }
    }
}

#[test]
fn a_service_that_is_away_meanwhile_stops_calls_or_is_told_of() {
    for (when_away, hangs) in
        [(WhenAway::Block, true), (WhenAway::Block, false), (WhenAway::Allow, true), (WhenAway::Allow, false)]
    {
        let (world, service) = world_of(beside(Action::Block, when_away), Setup::default(), "300ms");
        let forever = Mutex::new(std::sync::mpsc::channel::<()>());
        service.judges(move |_| {
            if hangs {
                // Both ends are held here: nothing ever comes.
                let _ = forever.lock().unwrap().1.recv();
            }
            (500, "{}")
        });
        for manner in MANNERS {
            let place = format!("{when_away:?} {hangs} {manner:?}");
            let answer = world.send(&ask(Dialect::AnthropicMessages, manner, "on-anthropic", "hello"));
            let found = "unanswered".to_owned();
            if when_away == WhenAway::Block {
                is_refused(Dialect::AnthropicMessages, manner, &answer);
                assert_eq!(done(&is_booked_as_stopped(&world, &answer)), [(found, Done::Blocked)], "{place}");
            } else {
                assert!(hear(Dialect::AnthropicMessages, manner, &answer).ended, "{place}: {}", answer.text());
                let row = world.row(&answer);
                assert_eq!((row.ending, done(&row)), (Ending::Ok, vec![(found, Done::Unanswered)]), "{place}");
            }
        }
    }
}

#[test]
fn what_is_only_told_is_told_in_the_head_of_every_answer() {
    let setup = Setup { streams: "{ keepalive: 20ms }".to_owned(), ..Setup::default() };
    let (world, service) = world_of(beside(Action::Annotate, WhenAway::Allow), setup, "15s");
    let books = world.sim.books.clone();
    service.judges(move |_| {
        is_under_way(&books);
        (200, BLOCK)
    });
    for dialect in CHAT {
        for manner in MANNERS {
            // The stream's head leaves before its provider's.
            let answer = world.send(&ask(dialect, manner, "on-anthropic", "hello [[sim: ttft=300ms]]"));
            assert_eq!(answer.header("x-tallygate-guardrail"), "house/own", "{dialect:?} {manner:?}");
            assert!(hear(dialect, manner, &answer).ended, "{dialect:?} {manner:?}: {}", answer.text());
            let told = vec![("house-rules".to_owned(), Done::Annotated)];
            assert_eq!(done(&world.row(&answer)), told, "{dialect:?} {manner:?}");
        }
    }
}

#[test]
fn what_outlasts_its_answer_is_asked_about_before_it_leaves() {
    let (world, service) = strict();
    service.judges(|_| (200, BLOCK));
    // Where nothing is said of it, responses are kept.
    for (dialect, store) in
        [(Dialect::OpenaiResponses, None), (Dialect::OpenaiResponses, Some(true)), (Dialect::OpenaiChat, Some(true))]
    {
        let call = storing(speak::ask(dialect, Manner::Plain, "on-openai", "hello"), store);
        let answer = world.send(&call);
        is_refused(dialect, Manner::Plain, &answer);
        let row = world.row(&answer);
        assert_eq!((row.ending, row.cost.amount), (Ending::Refused, Money::ZERO), "{dialect:?} {store:?}: {row:?}");
        assert!(row.served.is_none() && world.sim.books.entries().is_empty(), "{dialect:?} {store:?}");
    }
}

#[test]
fn a_caller_who_leaves_meanwhile_leaves_a_row_that_says_what_nobody_heard() {
    let (world, service) = strict();
    let forever = Mutex::new(std::sync::mpsc::channel::<()>());
    service.judges(move |_| {
        let _ = forever.lock().unwrap().1.recv();
        (200, ALLOW)
    });
    let call: Call = ask(Dialect::OpenaiChat, Manner::Streamed, "on-openai", "[[sim: hang_before_head]] hello");
    let exchange = world.keyed(&call).launch(world.address);
    is_under_way(&world.sim.books);
    until("the service is asked", || (!service.asked().is_empty()).then_some(()));
    exchange.leave();
    let row = until("its row", || world.rows().into_iter().next());
    assert_eq!((row.ending, row.guarded.as_ref().unwrap().verdict), (Ending::ClientGone, Verdict::Passed), "{row:?}");
    assert_eq!(done(&row), [("unanswered".to_owned(), Done::Unanswered)]);
    assert!(row.usage.input_tokens > 0, "{row:?}");
}
