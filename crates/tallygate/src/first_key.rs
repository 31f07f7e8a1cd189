//! The first key: made where a store has none, so that a new gateway can be tried at once.

use crate::gateway::Gateway;
use crate::source::Loaded;
use anyhow::Result;
use std::fmt::Write as _;
use tg_config::document::ProviderKind;
use tg_store::key::NewKey;
use tg_store::team::{TeamPolicy, TeamState};

/// The team of the first key, where the configuration declares none.
const TEAM: &str = "default";

/// Makes a key if there is none and no team is declared by the file; answers what to paste. `None` if there are keys.
///
/// # Errors
/// When the store cannot be written.
pub fn issue(gateway: &Gateway, loaded: &Loaded) -> Result<Option<String>> {
    let directory = &gateway.living.directory;
    let now = gateway.living.clock.now();
    if !directory.keys().is_empty() || !loaded.teams.is_empty() {
        return Ok(None);
    }
    if directory.team(TEAM).is_none_or(|team| team.state != TeamState::Active) {
        directory.create_team(TEAM, TeamPolicy::default(), now)?;
    }
    let new = NewKey { team: TEAM.to_owned(), label: "first key".to_owned(), ..NewKey::default() };
    let issued = directory.issue(&new, now)?;
    let scheme = if loaded.document.listen.tls.is_some() { "https" } else { "http" };
    let base = format!("{scheme}://{}", gateway.address);
    let mut text = String::new();
    writeln!(
        text,
        "The first key, shown this once (team '{TEAM}'):\n\n  export TALLYGATE_KEY={}\n",
        issued.secret.expose()
    )?;
    writeln!(text, "Try it:\n")?;
    writeln!(text, "{}", curl(&base, loaded))?;
    Ok(Some(text))
}

/// A call that works with the first provider of the configuration.
fn curl(base: &str, loaded: &Loaded) -> String {
    let kind = loaded.document.providers.first().map(|provider| provider.kind);
    let ask = r#""messages":[{"role":"user","content":"Say hello in five words."}]"#;
    match kind {
        Some(ProviderKind::Bedrock) => format!(
            "  curl {base}/model/us.anthropic.claude-haiku-4-5-20251001-v1:0/converse \\\n    -H \"authorization: Bearer $TALLYGATE_KEY\" \\\n    \
             -d '{{\"messages\":[{{\"role\":\"user\",\"content\":[{{\"text\":\"Say hello in five words.\"}}]}}]}}'"
        ),
        Some(ProviderKind::Anthropic) => format!(
            "  curl {base}/v1/messages \\\n    -H \"x-api-key: $TALLYGATE_KEY\" -H 'anthropic-version: 2023-06-01' \\\n    \
             -d '{{\"model\":\"claude-haiku-4-5\",\"max_tokens\":100,{ask}}}'"
        ),
        Some(ProviderKind::Openai) => format!(
            "  curl {base}/v1/chat/completions \\\n    -H \"authorization: Bearer $TALLYGATE_KEY\" \\\n    \
             -d '{{\"model\":\"gpt-5-mini\",{ask}}}'"
        ),
        Some(ProviderKind::OpenaiCompatible) | None => format!(
            "  curl {base}/v1/chat/completions \\\n    -H \"authorization: Bearer $TALLYGATE_KEY\" \\\n    \
             -d '{{\"model\":\"YOUR-MODEL\",{ask}}}'"
        ),
    }
}
