//! `tallygate schema`

use super::terminal::say;
use anyhow::Result;

pub(super) fn run() -> Result<()> {
    say(serde_json::to_string_pretty(tg_config::schema::json_schema())?)
}
