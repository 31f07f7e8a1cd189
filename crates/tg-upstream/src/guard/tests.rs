//! Services that answer, lie, hang and go away, over the real client.

use super::*;
use crate::provider::{PriceScope, Timeouts, Upstream};
use crate::providers::openai::{Abilities, Credential, OpenAi};
use http::HeaderMap;
use std::sync::Mutex;
use tg_dialect::dialects::openai_chat::OpenaiChat;
use tg_kernel::clock::SystemClock;
use tg_kernel::secret::Secret;
use tg_net::egress::EgressPolicy;
use tg_net::resolve::Resolver;
use tg_net::tls::TrustedRoots;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that nobody asks.
pub(super) fn upstream() -> Arc<Upstream> {
    upstream_at("http://127.0.0.1:1")
}

fn upstream_at(base: &str) -> Arc<Upstream> {
    let abilities = Abilities { responses: false, embeddings: false, chat: &OpenaiChat::COMPATIBLE };
    let wait = Duration::from_secs(30);
    Arc::new(Upstream {
        name: "p".into(),
        price: PriceScope { vendor: "p".into(), region: None },
        telemetry_name: "openai",
        provider: Box::new(OpenAi::new(base, Credential::Bearer(Secret::new("k")), abilities).unwrap()),
        identity: None,
        headers: HeaderMap::new(),
        timeouts: Timeouts { connect: wait, first_byte: wait, idle: wait },
        egress: EgressPolicy::LOCAL,
        probe: None,
    })
}

/// What a scripted server does with a request.
#[derive(Clone)]
enum Act {
    /// Answers with this status and body.
    Say(u16, String),
    /// Answers with these bytes.
    Raw(&'static str),
    /// Says nothing, and keeps the connection.
    Hang,
    /// Writes without end.
    Pour,
}

/// Bodies that were posted.
type Heard = Arc<Mutex<Vec<String>>>;

/// A server that treats each request as `act` says, and its address.
async fn server(act: impl Fn(&str) -> Act + Send + 'static) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let heard = Heard::default();
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let body = request_of(&mut stream).await;
            kept.lock().unwrap().push(body.clone());
            let answer = match act(&body) {
                Act::Say(status, body) => format!(
                    "HTTP/1.1 {status} X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                ),
                Act::Raw(bytes) => bytes.to_owned(),
                Act::Hang => {
                    open.push(stream);
                    continue;
                }
                Act::Pour => {
                    drop(
                        stream
                            .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"verdict\":\"allow\",\"x\":\"")
                            .await,
                    );
                    while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
                    continue;
                }
            };
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (address, heard)
}

/// The body of a request, read to its end.
async fn request_of(stream: &mut tokio::net::TcpStream) -> String {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                return body.to_owned();
            }
        }
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.unwrap_or(0);
        if count == 0 {
            return text;
        }
        all.extend_from_slice(&piece[..count]);
    }
}

const BOUNDS: Bounds =
    Bounds { timeout: Duration::from_secs(20), questions_max: 4, characters_max: 1_000, remembering: None };

fn hook(address: &str, bounds: Bounds) -> Guard {
    let service = Webhook::new(address.parse().unwrap(), Secret::new("s"), EgressPolicy::LOCAL);
    Guard::new("hook".into(), Service::Webhook(service), bounds)
}

/// The worker that asks.
struct Desk {
    pools: Pools,
    wallet: Wallet,
    clock: SystemClock,
    /// What judges have used.
    used: Mutex<Vec<Usage>>,
}

impl Desk {
    fn new() -> Self {
        let pools = Pools::new(TrustedRoots::none(), Resolver::new());
        Self {
            pools,
            wallet: Wallet::new(Arc::new(SystemClock::new())),
            clock: SystemClock::new(),
            used: Mutex::default(),
        }
    }

    async fn ask(&self, guard: &Guard, texts: &[&str]) -> Hearing {
        self.ask_since(guard, texts, Instant::now()).await
    }

    /// As part of something that began then.
    async fn ask_since(&self, guard: &Guard, texts: &[&str], began: Instant) -> Hearing {
        let caller =
            || Caller { team: "red".into(), project: None, environment: None, key_id: None, cost_centre: None };
        let used = |used| self.used.lock().unwrap().push(used);
        let asker =
            Asker { pools: &self.pools, wallet: &self.wallet, clock: &self.clock, caller: &caller, used: &used };
        guard.ask(&asker, Way::Input, texts, began).await
    }

    async fn shown(&self, guard: &Guard, texts: &[&str]) -> String {
        Self::told(self.ask(guard, texts).await.opinion)
    }

    /// What it thinks of pictures.
    async fn looks(&self, guard: &Guard, pictures: &[&Picture]) -> String {
        let caller =
            || Caller { team: "red".into(), project: None, environment: None, key_id: None, cost_centre: None };
        let (pools, wallet, clock) = (&self.pools, &self.wallet, &self.clock);
        let asker = Asker { pools, wallet, clock, caller: &caller, used: &|_| {} };
        Self::told(guard.look(&asker, pictures, Instant::now()).await.opinion)
    }

    fn told(opinion: Opinion) -> String {
        match opinion {
            Opinion::Clear => "clear".to_owned(),
            Opinion::Flagged { categories, redacted } => format!("{} {redacted:?}", categories.join(",")),
            Opinion::Failed(failure) => failure.kind.as_str().to_owned(),
        }
    }
}

fn allow() -> Act {
    Act::Say(200, r#"{"verdict":"allow"}"#.to_owned())
}

#[tokio::test]
async fn whatever_a_service_does_instead_of_answering_is_a_failure_of_its_kind() {
    let desk = Desk::new();
    let say = |status, body: &str| Act::Say(status, body.to_owned());
    for (act, expected) in [
        (allow(), "clear"),
        (say(204, ""), "unreadable"),
        (say(200, r#"{"verdict":"allow"} and more"#), "unreadable"),
        (say(302, r#"{"verdict":"allow"}"#), "refused"),
        (say(401, ""), "refused"),
        (say(429, ""), "unable"),
        (say(500, r#"{"verdict":"allow"}"#), "unable"),
        (Act::Raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"verdict\":\"allow\"}"), "unreachable"),
        (Act::Raw("HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n"), "unreadable"),
        (Act::Raw("SSH-2.0-OpenSSH\r\n"), "unreadable"),
        (Act::Raw(""), "unreachable"),
        (Act::Pour, "unreadable"),
    ] {
        let (address, _) = server(move |_| act.clone()).await;
        assert_eq!(desk.shown(&hook(&address, BOUNDS), &["hello"]).await, expected);
    }
    let (address, _) = server(|_| Act::Hang).await;
    let short = Bounds { timeout: Duration::from_millis(50), ..BOUNDS };
    assert_eq!(desk.shown(&hook(&address, short), &["hello"]).await, "timed_out");
    assert_eq!(desk.shown(&hook("http://127.0.0.1:1/", BOUNDS), &["hello"]).await, "unreachable");
    let strict = Webhook::new("http://127.0.0.1:1/".parse().unwrap(), Secret::new("s"), EgressPolicy::default());
    let strict = Guard::new("hook".into(), Service::Webhook(strict), BOUNDS);
    let Opinion::Failed(failure) = desk.ask(&strict, &["hello"]).await.opinion else { panic!() };
    assert_eq!(failure.to_string(), "unreachable: egress_refused");
}

#[tokio::test]
async fn texts_are_judged_each_and_their_opinions_joined() {
    let desk = Desk::new();
    let (address, heard) = server(|body| {
        let verdict = match () {
            () if body.contains("bad") => r#"{"verdict":"block","categories":["bad"]}"#,
            () if body.contains("mail") => r#"{"verdict":"redact","categories":["mail"],"text":"gone"}"#,
            () if body.contains("fail") => return Act::Say(400, String::new()),
            () => r#"{"verdict":"allow"}"#,
        };
        Act::Say(200, verdict.to_owned())
    })
    .await;
    let guard = hook(&address, BOUNDS);
    let long = format!("{}mail", "x ".repeat(700));
    for (texts, expected) in [
        (vec![], "clear"),
        (vec![" \n"], "clear"),
        (vec!["a", "b"], "clear"),
        (vec!["a", "mail 1", "", "mail 2"], r#"mail Some([(1, "gone"), (3, "gone")])"#),
        (vec!["mail", "bad"], "bad,mail None"),
        (vec!["fail", "a"], "refused"),
        // What is known of the others does not make good what is not known of one, and is not forgotten over it.
        (vec!["mail", "fail"], "mail None"),
        (vec![&long], "mail None"),
    ] {
        // One at a time, so that all are asked in order.
        let found = desk.shown(&Guard { turns: Semaphore::new(1), ..hook(&address, BOUNDS) }, &texts).await;
        assert_eq!(found, expected, "{texts:?}");
    }
    let sent = heard.lock().unwrap().len();
    assert_eq!(desk.shown(&guard, &[&"x".repeat(1_000 * PIECES_MAX)]).await, "too_long");
    assert_eq!(heard.lock().unwrap().len(), sent, "what cannot be asked whole is not asked in part");
    assert!(heard.lock().unwrap().contains(&r#"{"guard":"hook","way":"input","text":"a"}"#.to_owned()));
}

#[tokio::test]
async fn what_was_said_is_remembered_and_what_failed_is_not() {
    let desk = Desk::new();
    let remembering = Some(Remembering { period: Duration::from_secs(600), bytes_max: 1 << 20 });
    let (address, heard) = server(|body| match body.contains("fail") {
        true => Act::Say(400, String::new()),
        false => Act::Say(200, r#"{"verdict":"block"}"#.to_owned()),
    })
    .await;
    let guard = hook(&address, Bounds { remembering, ..BOUNDS });
    for (text, asked, remembered) in [("a", 1, 0), ("a", 0, 1), ("fail", 1, 0), ("fail", 1, 0), ("b", 1, 0)] {
        let hearing = desk.ask(&guard, &[text]).await;
        assert_eq!((hearing.asked, hearing.remembered), (asked, remembered), "{text}");
    }
    assert_eq!(heard.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_service_that_is_away_rests_and_a_text_that_it_refuses_makes_it_rest_for_nobody() {
    let desk = Desk::new();
    let (address, heard) = server(|body| match body.contains("odd") {
        true => Act::Say(400, String::new()),
        false => Act::Say(500, String::new()),
    })
    .await;
    let guard = hook(&address, BOUNDS);
    for _ in 0..20 {
        assert_eq!(desk.shown(&guard, &["odd"]).await, "refused");
    }
    let mut kinds = Vec::new();
    for _ in 0..8 {
        kinds.push(desk.shown(&guard, &["hello"]).await);
    }
    assert_eq!(kinds, ["unable", "unable", "unable", "unable", "unable", "resting", "resting", "resting"]);
    assert_eq!(heard.lock().unwrap().len(), 25);
}

#[tokio::test]
async fn no_more_is_asked_at_a_time_than_is_allowed() {
    let desk = Desk::new();
    let (address, _) = server(|_| Act::Hang).await;
    let guard = hook(&address, Bounds { questions_max: 1, timeout: Duration::from_millis(80), ..BOUNDS });
    let (one, other) = tokio::join!(desk.shown(&guard, &["a"]), desk.shown(&guard, &["b"]));
    let mut kinds = [one, other];
    kinds.sort();
    assert_eq!(kinds, ["crowded", "timed_out"]);
}

#[tokio::test]
async fn one_call_with_much_text_does_not_keep_others_from_being_asked() {
    let desk = Desk::new();
    let (address, _) = server(|body| if body.contains("much") { Act::Hang } else { allow() }).await;
    let guard = hook(&address, Bounds { questions_max: 8, timeout: Duration::from_secs(5), ..BOUNDS });
    let many: Vec<String> = (0..100).map(|number| format!("much {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let crowd = desk.shown(&guard, &many);
    let other = async {
        // After the others' questions.
        tokio::task::yield_now().await;
        desk.shown(&guard, &["a word"]).await
    };
    tokio::select! {
        biased;
        _ = crowd => panic!("it hangs"),
        other = other => assert_eq!(other, "clear"),
    }
}

#[tokio::test]
async fn calls_that_had_little_time_left_make_a_service_rest_for_nobody() {
    let desk = Desk::new();
    let (address, _) = server(|body| if body.contains("late") { Act::Hang } else { allow() }).await;
    let guard = hook(&address, Bounds { timeout: Duration::from_secs(10), ..BOUNDS });
    let began = Instant::now() - Duration::from_millis(9_950);
    for _ in 0..8 {
        let Opinion::Failed(failure) = desk.ask_since(&guard, &["late"], began).await.opinion else { panic!() };
        assert_eq!(failure.kind.as_str(), "crowded");
    }
    assert_eq!(desk.shown(&guard, &["hello"]).await, "clear");
}

fn judge_at(address: &str, bounds: Bounds) -> Guard {
    let judge = Judge::new(upstream_at(address), "llama-guard".into(), Template::LlamaGuard);
    Guard::new("judge".into(), Service::Judge(judge), bounds)
}

#[tokio::test]
async fn texts_over_which_a_judge_thinks_long_do_not_switch_it_off_for_others() {
    let desk = Desk::new();
    let (address, _) = server(|_| Act::Hang).await;
    let guard = judge_at(&address, Bounds { timeout: Duration::from_millis(20), ..BOUNDS });
    for _ in 0..8 {
        assert_eq!(desk.shown(&guard, &["a riddle"]).await, "timed_out");
    }
}

#[tokio::test]
async fn a_judge_is_paid_for_each_answer() {
    let desk = Desk::new();
    let (address, heard) = server(|body| {
        let verdict = if body.contains("bomb") { "unsafe\\nS9" } else { "safe" };
        Act::Say(
            200,
            format!(
                r#"{{"id":"c","object":"chat.completion","created":1,"model":"lg","choices":[{{"index":0,"message":{{"role":"assistant","content":"{verdict}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}}}"#
            ),
        )
    })
    .await;
    let guard = judge_at(&address, Bounds { questions_max: 8, ..BOUNDS });
    assert_eq!(desk.shown(&guard, &["hello", "a cake"]).await, "clear");
    let used = || -> Vec<(u64, u64)> {
        desk.used.lock().unwrap().drain(..).map(|used| (used.input_tokens, used.output_tokens)).collect()
    };
    assert_eq!(used(), [(7, 2); 2]);
    // What is decided by the first answer does not make the second, which was asked for, free.
    assert_eq!(desk.shown(&guard, &["a bomb", "hello", "a cake"]).await, "S9 None");
    assert_eq!(used(), [(7, 2); 2]);
    assert_eq!(desk.shown(&guard, &["a bomb"]).await, "S9 None");
    let sent = heard.lock().unwrap().last().unwrap().clone();
    assert!(sent.contains(r#""model":"llama-guard""#) && sent.contains("a bomb") && !sent.contains(r#""stream":true"#));
}

/// A picture of one pixel, and what an editor wrote into it.
fn picture(comment: &str) -> Picture {
    let length = u32::try_from(comment.len()).unwrap().to_be_bytes();
    let header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\0\0\0\0";
    let parts: [&[u8]; 6] = [header, &length, b"tEXt", comment.as_bytes(), &[0; 4], b"\0\0\0\x01IDATx\0\0\0\0"];
    Picture::read(&parts.concat()).unwrap()
}

#[tokio::test]
async fn a_service_that_does_not_say_that_it_has_looked_has_no_opinion_on_a_picture() {
    let desk = Desk::new();
    let answer = |flagged: bool, applied: &str| {
        format!(
            r#"{{"results":[{{"flagged":{flagged},"categories":{{"violence":{flagged}}},"category_scores":{{}}{applied}}}]}}"#
        )
    };
    let applied = |kind: &str| format!(r#","category_applied_input_types":{{"hate":[],"violence":["{kind}"]}}"#);
    for (flagged, applied, expected) in [
        (false, applied("image"), "clear"),
        (false, applied("text"), "unreadable"),
        (false, String::new(), "unreadable"),
        (true, applied("image"), "violence None"),
        (true, String::new(), "violence None"),
    ] {
        let said = answer(flagged, &applied);
        let (address, heard) = server(move |_| Act::Say(200, said.clone())).await;
        let moderation = Moderation::new(upstream_at(&address), "m".into(), [].into()).seeing(true);
        let guard = Guard::new("m".into(), Service::Moderation(moderation), BOUNDS);
        assert!(guard.sight().is_some());
        assert_eq!(desk.looks(&guard, &[&picture("a")]).await, expected, "{applied}");
        assert!(heard.lock().unwrap()[0].contains(r#""url":"data:image/png;base64,iVBOR"#));
    }
    let blind = Moderation::new(upstream(), "m".into(), [].into());
    let blind = Guard::new("m".into(), Service::Moderation(blind), BOUNDS);
    assert!(blind.sight().is_none());
    assert!(hook("http://127.0.0.1:1/", BOUNDS).sight().is_none());
    assert_eq!(desk.looks(&hook("http://127.0.0.1:1/", BOUNDS), &[&picture("a")]).await, "unreadable");
}

#[tokio::test]
async fn what_was_said_of_a_picture_is_remembered_and_what_failed_is_not() {
    let desk = Desk::new();
    let (address, heard) = server(|body| {
        let (flagged, fails) = (body.contains(picture("bad").base64()), body.contains(picture("odd").base64()));
        let body = format!(
            r#"{{"results":[{{"flagged":{flagged},"categories":{{"violence":{flagged}}},"category_scores":{{}},"category_applied_input_types":{{"violence":["image"]}}}}]}}"#
        );
        if fails { Act::Say(400, String::new()) } else { Act::Say(200, body) }
    })
    .await;
    let remembering = Some(Remembering { period: Duration::from_secs(600), bytes_max: 1 << 20 });
    let moderation = Moderation::new(upstream_at(&address), "m".into(), [].into()).seeing(true);
    let guard = Guard::new("m".into(), Service::Moderation(moderation), Bounds { remembering, ..BOUNDS });
    for (comment, expected, asked) in [
        ("fine", "clear", 1),
        ("fine", "clear", 1),
        ("odd", "refused", 2),
        ("odd", "refused", 3),
        ("bad", "violence None", 4),
        ("bad", "violence None", 4),
    ] {
        assert_eq!(desk.looks(&guard, &[&picture(comment)]).await, expected, "{comment}");
        assert_eq!(heard.lock().unwrap().len(), asked, "{comment}");
    }
    assert_eq!(desk.looks(&guard, &[&picture("fine"), &picture("bad")]).await, "violence None");
    assert_eq!(desk.looks(&guard, &[]).await, "clear");
    // A text that says what a picture's bytes say is another thing.
    assert_eq!(desk.ask(&guard, &["fine"]).await.remembered, 0);
}
