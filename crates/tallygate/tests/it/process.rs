//! The binary as a process: start, signals, kill, and what its ledger says afterwards.

use crate::speak::{CHAT, Manner, ask, echo, hear, streamed};
use crate::wire::{Call, Exchange};
use crate::world::{DEADLINE, Setup, document, nobody, rows, until};
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Ending;
use tg_kernel::usage::UsageSource;
use tg_sim::{DEFAULT_ACCESS_KEY_ID, DEFAULT_KEY, DEFAULT_SECRET_ACCESS_KEY, Sim};
use tg_store::Store;
use tg_store::team::{TeamPolicy, TeamState};

/// A command that runs, and what it says. Killed when dropped.
struct Running {
    child: Child,
    told: Arc<Mutex<String>>,
    log: Arc<Mutex<String>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (told, log) = (kept(child.stdout.take().unwrap()), kept(child.stderr.take().unwrap()));
        Self { child, told, log }
    }

    /// Waits until it says this, and answers the word that follows.
    fn word_after(&self, marker: &str) -> String {
        until(&format!("'{marker}' is said; the log: {}", self.log.lock().unwrap()), || {
            let told = self.told.lock().unwrap();
            let line = told.split_once(marker)?.1.split_once('\n')?.0;
            Some(line.split(' ').next()?.to_owned())
        })
    }

    /// Sends a signal by its name.
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn ended(&mut self) -> ExitStatus {
        until("it ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What comes from a stream. What was written at once is there at once: whoever sees the first line of a greeting sees the
/// last one, too.
fn kept(mut stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text: Arc<Mutex<String>> = Arc::default();
    let kept = Arc::clone(&text);
    std::thread::spawn(move || {
        let (mut bytes, mut piece) = (Vec::new(), [0; 64 << 10]);
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            bytes.extend_from_slice(&piece[..count]);
            *kept.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
        }
    });
    text
}

/// A gateway as a process of its own. Killed when dropped.
pub(crate) struct Process {
    running: Running,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// The first key, where one was made.
    pub(crate) key: Option<String>,
    /// From the start of the process to the answer of its readiness probe.
    pub(crate) started_in: Duration,
}

/// The command, with the secrets of the configurations here and nothing else of this environment that matters.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    command.args(arguments).current_dir(folder).env_clear();
    command.env("SIM_KEY", DEFAULT_KEY).env("SIM_ID", DEFAULT_ACCESS_KEY_ID);
    command.env("SIM_SECRET", DEFAULT_SECRET_ACCESS_KEY).env("BAD_KEY", "a-key-that-no-provider-knows");
    command
}

/// What became of a process that ends by itself.
pub(crate) fn outcome(mut command: Command) -> Output {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + DEADLINE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("it did not end by itself: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

impl Process {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_among(folder, &[])
    }

    /// Starts with more variables in its environment.
    pub(crate) fn start_among(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let began = Instant::now();
        let mut command = command(folder, &["serve", "--config", "tallygate.yaml"]);
        command.envs(variables.iter().copied());
        let running = Running::start(command);
        let find = |marker: &str| running.word_after(marker).parse().unwrap();
        let (address, admin) = (find("is up on http://"), find("admin:     http://"));
        until("it is ready", || (Call::new("GET", "/readyz").send(address).status == 200).then_some(()));
        let started_in = began.elapsed();
        let key = running.told.lock().unwrap().split_once("TALLYGATE_KEY=").and_then(|(_, rest)| {
            let key: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
            (!key.is_empty()).then_some(key)
        });
        Self { running, address, admin, key, started_in }
    }

    pub(crate) fn log(&self) -> String {
        self.running.log.lock().unwrap().clone()
    }

    /// What it has told who started it.
    pub(crate) fn told(&self) -> String {
        self.running.told.lock().unwrap().clone()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        self.running.signal(name);
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.running.ended()
    }

    pub(crate) fn kill(mut self) {
        self.running.child.kill().unwrap();
        self.running.child.wait().unwrap();
    }
}

/// A folder with a configuration before simulated providers. No team is declared, so that a first key is made.
pub(crate) fn prepared(setup: &Setup) -> (TempDir, Sim) {
    let folder = TempDir::new().unwrap();
    let sim = Sim::start(setup.sim.clone()).unwrap();
    let text = document(setup, &sim, folder.path()).replace("teams:\n", "");
    std::fs::write(folder.path().join("tallygate.yaml"), text).unwrap();
    (folder, sim)
}

pub(crate) fn undeclared() -> Setup {
    Setup { teams: String::new(), ..Setup::default() }
}

/// A stream of which this much text has come.
fn under_way(process: &Process, key: &str, dialect: Dialect, model: &str, script: &str, tokens: usize) -> Exchange {
    let call = ask(dialect, Manner::Streamed, model, &format!("[[sim: {script}]] running")).bearer(key);
    let mut exchange = call.open(process.address);
    assert_eq!(exchange.status, 200);
    let mut got = Vec::new();
    while streamed(dialect, &got).text.len() < 4 * tokens {
        got.extend(exchange.piece().unwrap());
    }
    exchange
}

#[test]
fn no_call_is_lost_when_the_process_is_killed() {
    let (folder, sim) = prepared(&undeclared());
    let process = Process::start(folder.path());
    println!("from start to ready: {:?}", process.started_in);
    let key = process.key.clone().unwrap();
    let mut finished = Vec::new();
    for dialect in CHAT {
        let answer = ask(dialect, Manner::Plain, "on-bedrock", "done").bearer(&key).send(process.address);
        assert_eq!(answer.status, 200, "{}", answer.text());
        finished.push(answer.header("x-tallygate-request-id").to_owned());
    }
    let mut running = Vec::new();
    for dialect in CHAT {
        for model in ["on-bedrock", "on-openai"] {
            let exchange = under_way(&process, &key, dialect, model, "tokens=50 hang_after=3", 3);
            running.push((exchange.headers["x-tallygate-request-id"].to_str().unwrap().to_owned(), exchange));
        }
    }
    let waiting = ask(Dialect::OpenaiChat, Manner::Plain, "on-anthropic", "[[sim: hang_before_head]] x").bearer(&key);
    let _waiting = waiting.launch(process.address);
    until("all calls are at their providers", || (sim.books.open() as usize == running.len() + 1).then_some(()));
    process.kill();

    let again = Process::start(folder.path());
    println!("from start to ready, with a journal: {:?}", again.started_in);
    assert_eq!(again.key, None, "a key is made once");
    let answer = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "again").bearer(&key).send(again.address);
    assert_eq!(answer.status, 200, "keys survive");
    finished.push(answer.header("x-tallygate-request-id").to_owned());
    let store = folder.path().join("tallygate.db");
    let all = finished.len() + running.len() + 1;
    let rows = until("every call has its row", || {
        let rows = rows(&store);
        (rows.len() >= all).then_some(rows)
    });
    assert_eq!(rows.len(), all, "and only one");
    for row in &rows {
        let id = row.id.to_string();
        if finished.contains(&id) {
            assert_eq!((row.ending, row.usage_source), (Ending::Ok, UsageSource::Reported), "{row:?}");
        } else {
            assert_eq!((row.ending, row.usage_source), (Ending::Interrupted, UsageSource::Estimated), "{row:?}");
            assert!(row.usage.input_tokens > 0 && row.cost.amount.nanos() > 0, "{row:?}");
            assert_eq!(&*row.attribution.team, "default");
        }
    }
    let interrupted = rows.iter().filter(|row| row.ending == Ending::Interrupted).count();
    assert_eq!(interrupted, running.len() + 1);
    for (id, _) in &running {
        assert!(rows.iter().any(|row| row.id.to_string() == *id), "{id} is missing");
    }
    again.kill();
    let third = Process::start(folder.path());
    assert_eq!(crate::world::rows(&store).len(), all, "a second recovery adds nothing");
    drop(third);
}

#[test]
fn a_call_that_is_killed_at_its_second_target_is_booked_there() {
    let models = "- { name: dead-first, targets: [{ provider: dead, model: gpt-5 }, { provider: openai, model: gpt-5-mini }] }\n";
    let (folder, sim) = prepared(&Setup { models: models.to_owned(), ..undeclared() });
    let process = Process::start(folder.path());
    let key = process.key.clone().unwrap();
    let call = ask(Dialect::OpenaiChat, Manner::Plain, "dead-first", "[[sim: hang_before_head]] x").bearer(&key);
    let _waiting = call.launch(process.address);
    until("the call is at its second provider", || (sim.books.open() == 1).then_some(()));
    process.kill();
    let _again = Process::start(folder.path());
    let rows = rows(&folder.path().join("tallygate.db"));
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.ending, row.usage_source), (Ending::Interrupted, UsageSource::Estimated));
    let served = row.served.as_ref().unwrap();
    assert_eq!((&*served.provider, &*served.model, served.attempts), ("openai", "gpt-5-mini", 2));
    assert!(row.cost.price.contains("gpt-5-mini"), "{}", row.cost.price);
    let [first] = row.earlier.as_slice() else { panic!("{row:?}") };
    assert_eq!((&*first.served.provider, first.fault.as_str()), ("dead", "upstream_unreachable"));
}

#[test]
fn a_term_signal_lets_streams_finish() {
    let (folder, _sim) = prepared(&undeclared());
    let mut process = Process::start(folder.path());
    let key = process.key.clone().unwrap();
    let call = ask(Dialect::BedrockConverse, Manner::Streamed, "on-bedrock", "[[sim: tokens=40 delay=20ms]] running");
    let mut running = call.bearer(&key).open(process.address);
    let first = running.piece().unwrap();
    process.signal("TERM");
    let (address, admin) = (process.address, process.admin);
    until("no new connections are taken", || std::net::TcpStream::connect(address).is_err().then_some(()));
    let ready = Call::new("GET", "/readyz").send(admin);
    assert_eq!(ready.status, 503, "{}", ready.text());
    let mut answer = running.whole();
    answer.body.splice(0..0, first);
    let heard = hear(Dialect::BedrockConverse, Manner::Streamed, &answer);
    assert_eq!((heard.text, heard.ended), (echo("running", 40), true));
    assert!(process.ended().success(), "{}", process.log());
    let rows = rows(&folder.path().join("tallygate.db"));
    assert_eq!((rows.len(), rows[0].ending, rows[0].usage_source), (1, Ending::Ok, UsageSource::Reported));
}

#[test]
fn a_hang_up_signal_or_a_changed_file_reloads_and_a_bad_file_does_not() {
    let before = "- { name: moving, targets: [{ provider: openai, model: gpt-5-mini }] }\n".to_owned();
    let (folder, _sim) = prepared(&Setup { models: before, ..undeclared() });
    let process = Process::start(folder.path());
    let key = process.key.clone().unwrap();
    let file = folder.path().join("tallygate.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    let provider = || {
        let call = ask(Dialect::OpenaiChat, Manner::Plain, "moving", "hi").bearer(&key);
        call.send(process.address).header("x-tallygate-provider").to_owned()
    };
    assert_eq!(provider(), "openai");
    std::fs::write(&file, good.replace("kind: bedrock", "kind: badrock")).unwrap();
    process.signal("HUP");
    until("the bad file is told", || process.log().contains("did you mean `bedrock`?").then_some(()));
    assert_eq!(provider(), "openai");
    let moved = |to: &str| good.replace("provider: openai, model: gpt-5-mini }] }\n- { name: on-bedrock", to);
    std::fs::write(&file, moved("provider: local, model: local-chat }] }\n- { name: on-bedrock")).unwrap();
    process.signal("HUP");
    until("SIGHUP is obeyed", || (provider() == "local").then_some(()));
    std::fs::write(&file, moved("provider: anthropic, model: claude-haiku-4-5 }] }\n- { name: on-bedrock")).unwrap();
    until("the change is seen", || (provider() == "anthropic").then_some(()));
}

#[test]
fn check_tells_all_problems_and_touches_nothing() {
    let (folder, _sim) = prepared(&undeclared());
    let file = folder.path().join("tallygate.yaml");
    let check = || outcome(command(folder.path(), &["check", "--config", "tallygate.yaml"]));
    let output = check();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bad = std::fs::read_to_string(&file).unwrap().replace("kind: anthropic", "kind: antropic");
    let bad = bad.replace("name: on-nova", "nmae: on-nova").replace("provider: local,", "provider: lokal,");
    let other = std::fs::read_to_string(&file).unwrap().replace("provider: local,", "provider: lokal,");
    for (text, parts) in [
        (bad, vec!["did you mean `anthropic`?", "nmae", "providers[1].kind", "providers[4].kind", "tallygate.yaml"]),
        (other, vec!["lokal", "did you mean `local`?"]),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = check();
        assert!(!output.status.success());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        for part in parts {
            assert!(told.contains(part), "'{part}' is missing: {told}");
        }
    }
    assert!(!folder.path().join("tallygate.db").exists(), "a check opens no store");
}

#[test]
fn check_names_each_certificate_and_each_price_that_looks_wrong() {
    let folder = TempDir::new().unwrap();
    let check = |listen: &str| {
        let provider = "{ name: a, kind: openai, api_key: env:SIM_KEY }";
        let file = format!("{listen}providers: [{provider}]\npricing: {{ overrides: prices.yaml }}\n");
        std::fs::write(folder.path().join("tallygate.yaml"), file).unwrap();
        let output = outcome(command(folder.path(), &["check"]));
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let prices = "rows:\n  - { provider: openai, id: gpt-4o, rates: [{ in: 1, out: 1 }] }  # dollars?\n";
    std::fs::write(folder.path().join("prices.yaml"), prices).unwrap();
    let (good, told) = check("");
    assert!(good && told.contains("note: pricing.overrides: openai/gpt-4o: `in` goes from"), "{told}");
    assert!(told.contains("fine (1 provider, ") && told.contains(" 0 teams)"), "{told}");
    let tls = "tls: { certificate: none.pem, key: none.pem }";
    let (good, told) = check(&format!("listen: {{ {tls} }}\nadmin: {{ {tls} }}\n"));
    assert!(!good && told.contains("listen.tls: ") && told.contains("admin.tls: "), "{told}");
    std::fs::write(folder.path().join("prices.yaml"), "rows:\n  - { provider: openai, id: gpt-4o, price: 1 }\n")
        .unwrap();
    let (good, told) = check("");
    assert!(!good && told.contains("prices.yaml:\n  rows[0]: unknown field `price`"), "{told}");
}

#[test]
fn a_start_that_cannot_succeed_says_why_and_fails() {
    for (from, to, word) in [
        ("'env:SIM_KEY'", "'env:NOT_SET_ANYWHERE'", "NOT_SET_ANYWHERE"),
        ("/tallygate.db", "/tallygate.yaml/store.db", "tallygate.yaml/store.db"),
    ] {
        let (folder, _sim) = prepared(&undeclared());
        let file = folder.path().join("tallygate.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(from, to)).unwrap();
        let output = outcome(command(folder.path(), &["serve", "--config", "tallygate.yaml"]));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(word), "{to}: {told}");
    }
    let (folder, _sim) = prepared(&undeclared());
    let taken = std::net::TcpListener::bind(nobody()).unwrap();
    let file = folder.path().join("tallygate.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let address = taken.local_addr().unwrap();
    std::fs::write(&file, text.replacen("127.0.0.1:0", &address.to_string(), 1)).unwrap();
    let began = Instant::now();
    let output = outcome(command(folder.path(), &["serve", "--config", "tallygate.yaml"]));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains(&address.to_string()), "{told}");
    assert!(began.elapsed() < DEADLINE);
}

#[test]
fn without_any_provider_the_start_points_to_the_demo() {
    let folder = TempDir::new().unwrap();
    let mut bare = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    bare.arg("serve").current_dir(folder.path()).env_clear().env("HOME", folder.path());
    let output = outcome(bare);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("demo"), "{told}");
}

/// The call in a greeting: path and body.
fn pasted(told: &str) -> (String, String) {
    let (_, call) = told.split_once("  curl ").unwrap();
    let path = call.split_once("http://").and_then(|(_, url)| url.split_once('/')).unwrap().1;
    let body = call.split_once("-d '").and_then(|(_, body)| body.split_once("'\n")).unwrap().0;
    (format!("/{}", path.split(' ').next().unwrap()), body.to_owned())
}

#[test]
fn the_first_key_comes_with_a_call_that_works() {
    let exact = "- { name: a-vectors, targets: [{ provider: openai, model: text-embedding-3-small }] }\n\
                 - { name: own-chat, targets: [{ provider: local, model: local-chat }] }\n";
    for (allowed, path) in [
        (vec![], "/model/us.anthropic.claude-haiku-4-5-20251001-v1:0/converse"),
        (vec!["claude-*"], "/v1/messages"),
        (vec!["gpt-*"], "/v1/chat/completions"),
        (vec!["a-vectors", "own-chat"], "/v1/chat/completions"),
    ] {
        let (folder, _sim) = prepared(&Setup { models: exact.to_owned(), ..undeclared() });
        let policy = TeamPolicy { models: allowed.iter().map(ToString::to_string).collect(), ..TeamPolicy::default() };
        let store = Store::open(folder.path().join("tallygate.db")).unwrap();
        store.directory().unwrap().create_team("default", policy, SystemClock::new().now()).unwrap();
        let process = Process::start(folder.path());
        process.running.word_after("    -d ");
        let told = process.running.told.lock().unwrap().clone();
        let (there, body) = pasted(&told);
        assert_eq!(there, path, "{told}");
        let call = Call::post(there, body).header("anthropic-version", "2023-06-01");
        let answer = call.bearer(process.key.as_ref().unwrap()).send(process.address);
        assert_eq!(answer.status, 200, "{told}{}", answer.text());
    }
}

#[test]
fn a_team_that_is_switched_off_stays_off_and_the_start_says_how_to_get_a_key() {
    let (folder, _sim) = prepared(&undeclared());
    let now = SystemClock::new().now();
    let directory = Store::open(folder.path().join("tallygate.db")).unwrap().directory().unwrap();
    directory.create_team("default", TeamPolicy::default(), now).unwrap();
    directory.set_team_state("default", TeamState::Disabled, now).unwrap();
    let process = Process::start(folder.path());
    assert_eq!(process.key, None);
    process.running.word_after("tallygate keys create --team ");
    let told = process.running.told.lock().unwrap().clone();
    let commands: Vec<Vec<&str>> = told
        .lines()
        .filter_map(|line| line.strip_prefix("  tallygate "))
        .map(|line| line.split(' ').collect())
        .collect();
    assert_eq!(commands.len(), 2, "{told}");
    let outputs = commands.iter().map(|arguments| outcome(command(folder.path(), arguments)));
    let key = outputs.fold(String::new(), |_, output| {
        assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    });
    let key = key.split_once("TALLYGATE_KEY=").unwrap().1.split_whitespace().next().unwrap();
    until("the new key is seen", || {
        let answer = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi").bearer(key).send(process.address);
        (answer.status == 200).then_some(())
    });
}

#[test]
fn the_greeting_names_addresses_that_can_be_called() {
    let folder = TempDir::new().unwrap();
    let certs = outcome(command(folder.path(), &["certs"]));
    assert!(certs.status.success());
    let tls = "tls: { certificate: certs/server.pem, key: certs/server-key.pem }";
    let file = format!(
        "listen: {{ address: '0.0.0.0:0', workers: 1, {tls} }}\nadmin: {{ address: '127.0.0.1:0', {tls} }}\n\
         providers: [{{ name: local, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1' }}]\n"
    );
    std::fs::write(folder.path().join("tallygate.yaml"), file).unwrap();
    let running = Running::start(command(folder.path(), &["serve"]));
    let address: SocketAddr = running.word_after("is up on https://").parse().unwrap();
    assert!(address.ip().is_loopback(), "{address}");
    let admin: SocketAddr = running.word_after("admin:     https://").parse().unwrap();
    assert!(std::net::TcpStream::connect(address).is_ok() && std::net::TcpStream::connect(admin).is_ok());
    assert_eq!(running.word_after("  curl --cacert "), "certs/ca.pem");
    let told = running.told.lock().unwrap().clone();
    assert!(told.contains(&format!(" https://{address}/v1/chat/completions ")), "{told}");
    assert!(told.contains("0.0.0.0"), "{told}");
}

#[test]
fn the_demo_ends_cleanly_at_any_signal() {
    for (arguments, marker, signal, succeeds) in [
        (&["demo", "--seconds", "1"][..], "gateway keeps running", "TERM", true),
        (&["demo", "--seconds", "1"], "gateway keeps running", "INT", true),
        (&["demo", "--seconds", "600"], "gateway:", "TERM", true),
        (&["demo", "--seconds", "600", "--exit"], "gateway:", "HUP", false),
    ] {
        let folder = TempDir::new().unwrap();
        let mut demo = command(folder.path(), arguments);
        demo.env("TMPDIR", folder.path());
        let mut running = Running::start(demo);
        running.word_after(marker);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{arguments:?}");
        running.signal(signal);
        let status = running.ended();
        assert_eq!(status.code(), Some(i32::from(!succeeds)), "{arguments:?}: {}", running.log.lock().unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?}: its store is removed");
    }
}
