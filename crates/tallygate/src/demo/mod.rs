//! `tallygate demo`: the whole product against simulated providers, and a proof that no call and no cent is lost.

mod agreement;
mod scenario;
mod traffic;

use crate::commands::report_text;
use crate::commands::terminal::say;
use crate::gateway::Gateway;
use crate::paste::word;
use crate::signals::Signals;
use crate::source::Loaded;
use crate::surroundings::Surroundings;
use anyhow::{Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use scenario::TeamKey;
use std::fmt::Write as _;
use std::time::Duration;
use tg_config::secrets::resolve_secrets;
use tg_net::tls::TrustedRoots;
use tg_sim::{Sim, SimOptions};

/// How long connections may take to finish when the demo ends.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Runs the gateway against simulated providers, sends traffic of eight teams, and shows the report.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End after the report; the exit status is 0 only if report, ledger and providers agree exactly
    #[arg(long)]
    exit: bool,
    /// How long to send traffic
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    seconds: u64,
    /// Where to listen, when the gateway keeps running
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
}

impl Demo {
    pub(crate) fn run(self) -> Result<()> {
        let folder = tempfile::Builder::new().prefix("tallygate-demo-").tempdir()?;
        let sim = Sim::start(SimOptions::default())?;
        let text = scenario::document(&sim.urls, folder.path(), self.port);
        let document = tg_config::load::from_text("the demo's configuration", &text)?;
        let secrets = resolve_secrets(&document, &scenario::secret)?;
        let loaded = Loaded::compile(document, secrets)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.play(&sim, &loaded))
    }

    /// Ends at a signal, at any time; the gateway is drained and the store removed however it ends.
    async fn play(self, sim: &Sim, loaded: &Loaded) -> Result<()> {
        let mut signals = Signals::listen()?;
        let gateway = Gateway::start(loaded, &Surroundings::here(TrustedRoots::none()), Vec::new())?;
        let shown = tokio::select! {
            shown = self.show(sim, &gateway, loaded) => Some(shown),
            _ = signals.next() => None,
        };
        if !self.exit && matches!(shown, Some(Ok(_))) {
            signals.next().await;
        }
        end(gateway).await?;
        match shown {
            Some(Ok(true)) => Ok(()),
            Some(Ok(false)) => bail!("report, ledger and providers do not agree"),
            Some(Err(error)) => Err(error),
            None if self.exit => bail!("a signal came before the comparison"),
            None => Ok(()),
        }
    }

    /// Sends the traffic and shows what came of it; whether all books agree.
    async fn show(&self, sim: &Sim, gateway: &Gateway, loaded: &Loaded) -> Result<bool> {
        let keys = scenario::keys(&gateway.living.directory, gateway.living.clock.now())?;
        say(format_args!(
            "Tallygate demo. The providers are SIMULATED, on this machine; no call leaves it and nothing is billed.\n\
             gateway:   http://{}\nproviders: {}\n",
            gateway.address,
            scenario::PROVIDERS.join(", ")
        ))?;
        self.send(gateway, &keys).await?;
        let agreement = agreement::reach(sim, gateway, loaded).await?;
        say(report_text(&gateway.store.ledger()?, &scenario::question())?)?;
        say(&agreement)?;
        if !self.exit {
            say(invitation(gateway, &keys)?)?;
        }
        Ok(agreement.holds())
    }

    async fn send(&self, gateway: &Gateway, keys: &[TeamKey]) -> Result<()> {
        let bar = ProgressBar::new(self.seconds.saturating_mul(10)).with_style(style()?);
        let duration = Duration::from_secs(self.seconds);
        let sent = traffic::run(gateway.address, keys, duration, |passed, calls| {
            bar.set_position(u64::try_from(passed.as_millis() / 100).unwrap_or(u64::MAX));
            bar.set_message(format!("{calls} calls"));
        })
        .await?;
        bar.finish_and_clear();
        say(&sent)
    }
}

fn style() -> Result<ProgressStyle> {
    Ok(ProgressStyle::with_template("{bar:40.cyan/blue} {msg}")?)
}

/// What to try while the gateway keeps running.
fn invitation(gateway: &Gateway, keys: &[TeamKey]) -> Result<String> {
    let mut text = String::new();
    let Some(key) = keys.first() else { return Ok(text) };
    let address = gateway.address;
    writeln!(text, "\nThe gateway keeps running; Ctrl-C ends it. A key of team '{}':\n", key.team)?;
    writeln!(text, "  export KEY={}\n", key.secret.expose())?;
    writeln!(
        text,
        "  curl -s http://{address}/v1/chat/completions -H \"authorization: Bearer $KEY\" \\\n    \
         -d '{{\"model\":\"gpt-5-mini\",\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}' -i\n"
    )?;
    writeln!(
        text,
        "  curl -sN http://{address}/v1/messages -H \"x-api-key: $KEY\" -H 'anthropic-version: 2023-06-01' \\\n    \
         -d '{{\"model\":\"claude-haiku-4-5\",\"max_tokens\":200,\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'\n"
    )?;
    writeln!(
        text,
        "What guardrails make of it: the model sees neither the address nor the key, and the answer has the address again.\n"
    )?;
    writeln!(
        text,
        "  curl -s http://{address}/v1/chat/completions -H \"authorization: Bearer $KEY\" \\\n    \
         -d '{{\"model\":\"gpt-5-mini\",\"messages\":[{{\"role\":\"user\",\"content\":\"Write to ann@example.com, my key is AKIAQYLPMN5HJX3TZ7QB.\"}}]}}' -i\n"
    )?;
    write!(text, "  tallygate report --store {} --by team,model", word(gateway.store.place()))?;
    Ok(text)
}

/// Ends the gateway without blocking the runtime that its connections may still need.
async fn end(gateway: Gateway) -> Result<()> {
    let handle = tokio::runtime::Handle::current();
    let drained = tokio::task::spawn_blocking(move || {
        let _inside = handle.enter();
        gateway.drain(DRAIN_MAX)
    });
    drained.await?;
    Ok(())
}
