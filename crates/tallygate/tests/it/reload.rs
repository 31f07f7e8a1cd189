//! Another configuration while calls go on, and the end of a gateway that has calls to finish.

use crate::speak::{CHAT, Manner, ask, echo, hear, streamed};
use crate::wire::{Call, raw};
use crate::world::{DEADLINE, Setup, World, document, load, put_in_force, until};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Ending;

const BEFORE: &str = "- { name: moving, targets: [{ provider: openai, model: gpt-5-mini }] }\n";
const AFTER: &str = "- { name: moving, targets: [{ provider: local, model: local-chat }] }\n";

#[test]
fn new_calls_follow_the_new_configuration_and_running_ones_the_old() {
    let world = World::with(Setup { models: BEFORE.to_owned(), ..Setup::default() });
    let prompt = "[[sim: tokens=60 delay=15ms]] running";
    let mut running = world.keyed(&ask(Dialect::OpenaiChat, Manner::Streamed, "moving", prompt)).open(world.address);
    let first = running.piece().unwrap();
    let call = ask(Dialect::OpenaiChat, Manner::Plain, "moving", "hi");
    assert_eq!(world.send(&call).header("x-tallygate-provider"), "openai");

    let teams = "- { name: red, projects: [alpha, beta], environments: [prod, dev], models: [moving] }\n".to_owned();
    let setup = Setup { models: AFTER.to_owned(), teams, ..Setup::default() };
    put_in_force(world.gateway(), &document(&setup, &world.sim, world.folder.path()));
    assert_eq!(world.send(&call).header("x-tallygate-provider"), "local");
    let forbidden = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi"));
    assert_eq!(forbidden.status, 403, "the team's new policy is in force: {}", forbidden.text());

    assert_eq!(world.sim.books.open(), 1, "the stream still runs");
    let mut answer = running.whole();
    answer.body.splice(0..0, first);
    let heard = hear(Dialect::OpenaiChat, Manner::Streamed, &answer);
    assert_eq!((heard.text, heard.ended), (echo("running", 60), true));
    let row = world.row(&answer);
    assert_eq!((&*row.served.as_ref().unwrap().provider, row.ending), ("openai", Ending::Ok));
}

#[test]
fn a_bad_configuration_never_replaces_a_good_one() {
    let world = World::with(Setup { models: BEFORE.to_owned(), ..Setup::default() });
    for (from, to) in [
        ("provider: openai, model: gpt-5-mini", "provider: nobody"),
        ("kind: anthropic", "kind: antropic"),
        ("env:SIM_KEY", "env:NOT_SET"),
        ("pricing: {}", "pricing: { overrides: '/nonexistent/prices.json' }"),
        ("teams:", "teams: [ {"),
    ] {
        let bad = world.config.replacen(from, to, 1);
        assert_ne!(bad, world.config, "{from}");
        let refused = load(&bad).err().map(|e| format!("{e:#}"));
        assert!(refused.is_some_and(|text| !text.is_empty()), "{to} was taken");
        let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "moving", "hi"));
        assert_eq!(answer.header("x-tallygate-provider"), "openai");
    }
}

#[test]
fn a_drain_lets_running_streams_finish_and_takes_no_new_calls() {
    let mut world = World::start();
    let prompt = "[[sim: tokens=40 delay=15ms]] running";
    let call = world.keyed(&ask(Dialect::AnthropicMessages, Manner::Streamed, "on-anthropic", prompt));
    let mut running = call.open(world.address);
    let first = running.piece().unwrap();
    let idle = TcpStream::connect(world.address).unwrap();
    let ready = Call::new("GET", "/readyz").send(world.address);
    assert_eq!(ready.status, 200);

    let address = world.address;
    let living = std::sync::Arc::clone(&world.gateway().living);
    let gateway = world.gateway.take().unwrap();
    let drain = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        gateway.drain(DEADLINE)
    });
    until("no new connections are taken", || TcpStream::connect(address).is_err().then_some(()));
    assert!(!living.ready.load(std::sync::atomic::Ordering::Acquire), "not ready any more");
    drop(idle);
    let mut answer = running.whole();
    answer.body.splice(0..0, first);
    let heard = hear(Dialect::AnthropicMessages, Manner::Streamed, &answer);
    assert_eq!((heard.text, heard.ended), (echo("running", 40), true));
    let drained = drain.join().unwrap();
    assert_eq!(drained.cut, 0);
    let rows = world.rows();
    assert_eq!((rows.len(), rows[0].ending), (1, Ending::Ok));
}

#[test]
fn streams_that_outlast_a_drain_end_with_an_error_in_their_dialect() {
    let streams = "{ keepalive: 100ms }".to_owned();
    let mut world = World::with(Setup { streams, ..Setup::default() });
    let mut running = Vec::new();
    // Under way by each of the lanes, and not begun by the provider at all.
    for dialect in CHAT {
        for (model, script, seen) in [
            ("on-bedrock", "hang_after=2", 2),
            ("on-openai", "hang_after=2", 2),
            ("on-anthropic", "hang_after=2", 2),
            ("on-openai", "hang_before_head", 0),
        ] {
            // Only dialects that have a comment are answered before the provider does.
            if seen == 0 && tg_dialect::dialects::inbound(dialect).keepalive().is_empty() {
                continue;
            }
            let prompt = format!("[[sim: tokens=40 {script}]] running");
            let mut exchange = world.keyed(&ask(dialect, Manner::Streamed, model, &prompt)).open(world.address);
            let mut got = Vec::new();
            while got.is_empty() || streamed(dialect, &got).text.len() < 4 * seen {
                got.extend(exchange.piece().unwrap());
            }
            running.push((format!("{dialect:?} {model} {script}"), dialect, got, exchange));
        }
    }
    let calls = running.len();
    let began = Instant::now();
    world.drain(Duration::from_millis(300));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for (place, dialect, got, exchange) in running {
        let mut answer = exchange.whole();
        answer.body.splice(0..0, got);
        let heard = hear(dialect, Manner::Streamed, &answer);
        assert!(heard.error.is_some() && !heard.ended, "{place}: {}", answer.text());
        assert!(answer.clean, "{place}: the connection closes after the answer's end");
    }
    let rows = world.rows();
    assert_eq!(rows.len(), calls, "a call that is cut has its row");
    for row in &rows {
        assert!(matches!(row.ending, Ending::Truncated | Ending::Interrupted), "{row:?}");
        assert_eq!(row.fault.as_deref(), Some("gateway_draining"), "{row:?}");
        assert!(row.usage.total_input_tokens() > 0 && row.cost.amount.nanos() > 0, "{row:?}");
    }
}

#[test]
fn a_plain_call_that_outlasts_a_drain_is_not_booked_as_its_callers_leaving() {
    let mut world = World::start();
    let call = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "[[sim: hang_before_head]] hi");
    let waiting = world.keyed(&call).launch(world.address);
    until("the call has reached the provider", || (world.sim.books.open() == 1).then_some(()));
    let began = Instant::now();
    world.drain(Duration::ZERO);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(waiting);
    let rows = world.rows();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.ending, row.status, row.fault.as_deref()), (Ending::Interrupted, 0, Some("gateway_draining")));
    assert!(row.usage.input_tokens > 0, "{row:?}");
}

#[test]
fn keep_alive_connections_serve_one_call_after_the_other() {
    let world = World::start();
    let body = r#"{"model":"on-openai","messages":[{"role":"user","content":"hi"}]}"#;
    let one = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{body}",
        world.secret().expose(),
        body.len()
    );
    let mut exchange = raw(world.address, one.repeat(3).as_bytes(), false);
    for _ in 0..3 {
        exchange.read_head();
        assert_eq!(exchange.status, 200);
        while exchange.piece().is_some() {}
    }
    drop(exchange);
    assert_eq!(world.finish().len(), 3);
}
