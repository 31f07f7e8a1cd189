//! Providers that are asked whether they are there: who is passed over before a call meets it, and who is tried all the same.

use crate::speak::{Manner, ask};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, put_in_force, until};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use tg_kernel::dialect::Dialect;
use tg_policy::health::ProbeFigures;
use tg_proxy::living::Living;

/// A server of a provider's: how it says that it is, is up to the test, and calls are answered in any case.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    /// Heads of what was asked.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, status: Arc::new(AtomicU16::new(status)), heard: Arc::default() };
        let own = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let own = own.clone();
                thread::spawn(move || own.serve(stream));
            }
        });
        server
    }

    /// One request on each connection. Whoever leaves early is not waited for.
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(&stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        let (status, said) = if head.starts_with("GET ") {
            (self.status.load(Ordering::SeqCst), "as it is".to_owned())
        } else {
            reader.read_exact(&mut body).unwrap();
            let choice =
                json!({"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"});
            let usage = json!({"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2});
            let said = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage});
            (200, said.to_string())
        };
        self.heard.lock().unwrap().push(head);
        let length = said.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{said}"
        );
        let _ = (&stream).write_all(answer.as_bytes());
    }

    fn set(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Heads that begin so.
    fn heard(&self, begin: &str) -> Vec<String> {
        self.heard.lock().unwrap().iter().filter(|head| head.starts_with(begin)).cloned().collect()
    }

    fn setup(&self, probe: &str) -> Setup {
        let models = "- { name: both, targets: [{ provider: own, model: m }, { provider: local, model: local-chat }] }\n\
                      - { name: alone, targets: [{ provider: own, model: m }] }\n";
        let provider = format!(
            "- {{ name: own, kind: openai_compatible, base_url: 'http://{}/v1', api_key: 'env:SIM_KEY'{probe} }}\n",
            self.address
        );
        Setup { models: models.to_owned(), providers: provider, ..Setup::default() }
    }
}

const PROBE: &str = ", probe: { path: '/health?deep=1', every: 1s, timeout: 1s, failures: 1, auth: true }";

fn say(world: &World, model: &str) -> Answer {
    world.send(&ask(Dialect::OpenaiChat, Manner::Plain, model, "hi"))
}

/// Who answered, after how many tries.
fn by(answer: &Answer) -> (u16, &str, &str) {
    (answer.status, answer.header("x-tallygate-provider"), answer.header("x-tallygate-attempts"))
}

fn figures(living: &Living) -> Vec<ProbeFigures> {
    living.health.probe_figures(living.clock.monotonic())
}

fn until_up(world: &World, is_up: bool) {
    until(&format!("up: {is_up}"), || {
        figures(&world.gateway().living).iter().any(|of| &*of.provider == "own" && of.is_up == is_up).then_some(())
    });
}

#[test]
fn a_provider_that_fails_its_probe_is_passed_over_before_a_call_meets_it() {
    let server = Server::start(204);
    let world = World::with(server.setup(PROBE));
    until_up(&world, true);
    assert_eq!(by(&say(&world, "both")), (200, "own", "1"));
    server.set(503);
    until_up(&world, false);
    let met = server.heard("POST ").len();
    assert_eq!(by(&say(&world, "both")), (200, "local", "1"));
    assert_eq!((met, server.heard("POST ").len()), (1, 1), "nobody had to find out");
    assert_eq!(by(&say(&world, "alone")), (200, "own", "1"), "where there is no other it is tried all the same");
    server.set(200);
    until_up(&world, true);
    assert_eq!(by(&say(&world, "both")), (200, "own", "1"));
    let probes = server.heard("GET /health?deep=1 ");
    assert!(probes.len() >= 3 && server.heard("GET ").len() == probes.len(), "from the root of the host: {probes:?}");
    assert!(probes.iter().all(|head| head.to_lowercase().contains("authorization: bearer ")), "{probes:?}");
    assert_eq!(world.finish().len(), 4, "probes are no calls");
}

#[test]
fn probes_begin_and_end_with_the_configuration() {
    let server = Server::start(500);
    let world = World::with(server.setup(""));
    let without = world.config.clone();
    assert_eq!(by(&say(&world, "both")), (200, "own", "1"));
    assert!(server.heard("GET ").is_empty(), "off where nobody asks for it");
    let quiet = PROBE.replace(", auth: true", "");
    let with =
        without.replacen("/v1', api_key: 'env:SIM_KEY' }", &format!("/v1', api_key: 'env:SIM_KEY'{quiet} }}"), 1);
    put_in_force(world.gateway(), &with);
    until_up(&world, false);
    assert_eq!(by(&say(&world, "both")), (200, "local", "1"));
    assert!(!server.heard("GET ")[0].to_lowercase().contains("authorization"), "nobody is told a secret");
    put_in_force(world.gateway(), &without);
    let living = Arc::clone(&world.gateway().living);
    until("nobody is probed", || figures(&living).is_empty().then_some(()));
    assert!(living.health.passed_over(living.clock.monotonic()).is_empty());
    assert_eq!(by(&say(&world, "both")), (200, "own", "1"));
    put_in_force(world.gateway(), &with);
    until_up(&world, false);
    assert_eq!(by(&say(&world, "both")), (200, "local", "1"));
}

#[test]
fn what_another_probe_saw_counts_for_nothing() {
    let server = Server::start(500);
    let world = World::with(server.setup(PROBE));
    until_up(&world, false);
    assert_eq!(by(&say(&world, "both")), (200, "local", "1"));
    let patient = world.config.replacen("failures: 1,", "failures: 100,", 1);
    put_in_force(world.gateway(), &patient);
    until_up(&world, true);
    let first = figures(&world.gateway().living).remove(0);
    assert!(first.streak >= 1 && first.well == 0, "it fails, and not often enough yet: {first:?}");
    assert_eq!(by(&say(&world, "both")), (200, "own", "1"));
}

#[test]
fn a_provider_that_lets_no_probe_through_is_neither_well_nor_away() {
    let server = Server::start(429);
    let world = World::with(server.setup(PROBE));
    until("it was asked twice", || (server.heard("GET ").len() >= 2).then_some(()));
    assert!(figures(&world.gateway().living).is_empty());
    assert_eq!(by(&say(&world, "both")), (200, "own", "1"));
}

#[test]
fn a_running_gateway_says_whose_probes_fail() {
    let server = Server::start(503);
    let (folder, _sim) = crate::process::prepared(&Setup {
        teams: String::new(),
        more: "teams: [{ name: red }]\n".to_owned(),
        ..server.setup(PROBE)
    });
    let gateway = crate::process::Process::start(folder.path());
    let page = until("the probe has failed", || {
        let page = Call::new("GET", "/admin/v1/targets").send(gateway.admin).json();
        (page["probes"][0]["up"] == json!(false)).then_some(page)
    });
    let state = &page["probes"][0];
    assert!(state["provider"] == "own" && state["failures"].as_u64() >= Some(1), "{page}");
    let over = &page["passed_over"][0];
    assert_eq!(
        (&over["provider"], &over["model"], &over["why"]),
        (&json!("own"), &Value::Null, &json!("probe")),
        "{page}"
    );
    let metrics = Call::new("GET", "/metrics").send(gateway.admin).text();
    for line in ["tallygate_probe_up{provider=\"own\"} 0", "tallygate_target_benches_total{culprit=\"probe\"} 1"] {
        assert!(metrics.lines().any(|shown| shown.starts_with(line)), "{line}\n{metrics}");
    }
    let request = json!({"model": "both", "messages": [{"role": "user", "content": "hi"}]});
    std::fs::write(folder.path().join("request.json"), request.to_string()).unwrap();
    let admin = format!("http://{}", gateway.admin);
    let explain = ["explain", "request.json", "--config", "tallygate.yaml", "--team", "red", "--admin", &admin];
    let told = crate::process::command(folder.path(), &explain).output().unwrap();
    let table = String::from_utf8(told.stdout).unwrap();
    assert!(table.contains("passed over now: its provider fails its probe"), "{table}");
}
