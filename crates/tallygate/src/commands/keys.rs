//! `tallygate keys`

use super::access::{AccessArgs, MissingStore};
use super::table::{Listing, or_dash, pretty, printable};
use super::teams::{Output, text_of};
use super::terminal::say;
use anyhow::Result;
use clap::{Args, Subcommand};
use tg_admin::api::{IssuedKey, Key, KeyKind, NewKey, Rotation};
use tg_config::grammar::Pattern;

/// A key is what an application presents to the gateway, in the place of a provider's key. It belongs to a team.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the keys, oldest first; ended ones too
    List {
        /// Only keys of this team
        #[arg(long)]
        team: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Make a key and print it, this once
    Create(Create),
    /// Show one key, without its secret
    Show {
        /// The key's public id
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Make a successor with the same binding and length of life, and print it, this once
    Rotate {
        /// The key's public id
        id: String,
        /// How long the old key goes on working, as in `24h`; `0s` ends it at once
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
        overlap: String,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a key at once, for good
    Revoke {
        /// The key's public id
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// The team that owns it
    #[arg(long)]
    team: String,
    /// Bind it to one of the team's projects
    #[arg(long)]
    project: Option<String>,
    /// Bind it to one of the team's environments
    #[arg(long)]
    environment: Option<String>,
    /// A model that it may use, or a pattern; may be repeated [default: those of the team]
    #[arg(long = "model", value_name = "PATTERN", value_parser = text_of::<Pattern>)]
    models: Vec<String>,
    /// A network from which it is accepted, as in `10.0.0.0/8`; may be repeated [default: any]
    #[arg(long = "network", value_name = "NETWORK")]
    networks: Vec<String>,
    /// When it ends: after a duration (`90d`), on a date (`2027-01-31`), or RFC 3339 [default: never]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// What it is for
    #[arg(long, default_value = "", hide_default_value = true)]
    label: String,
    /// Make an access key (an id and a secret) for AWS SDKs that can only sign. Needs `identity.secrets_key` in the
    /// configuration
    #[arg(long)]
    aws: bool,
    #[command(flatten)]
    output: Output,
}

fn duration(text: &str) -> Result<String, String> {
    tg_admin::api::time::duration(text).map(|_| text.to_owned())
}

impl Keys {
    pub(super) fn run(self) -> Result<()> {
        let access = self.access.open_directory(MissingStore::Refuse)?;
        match self.verb {
            Verb::List { team, output } => {
                let page = access.keys(team.as_deref())?;
                if output.json { say(pretty(&page)?) } else { say(list(&page.keys)) }
            }
            Verb::Create(create) => {
                let output = create.output;
                show_issued(&access.create_key(&create.into())?, output)
            }
            Verb::Show { id, output } => show(&access.key(&id)?, output),
            Verb::Rotate { id, overlap, output } => {
                show_issued(&access.rotate_key(&id, &Rotation { overlap: Some(overlap) })?, output)
            }
            Verb::Revoke { id, output } => show(&access.revoke_key(&id)?, output),
        }
    }
}

impl From<Create> for NewKey {
    fn from(create: Create) -> Self {
        let Create { team, project, environment, models, networks, expires, label, aws, .. } = create;
        Self { team, project, environment, models, networks, expires, label, aws }
    }
}

fn list(keys: &[Key]) -> String {
    if keys.is_empty() {
        return "there are no keys; make one by `tallygate keys create --team NAME`".to_owned();
    }
    let mut listing =
        Listing::new(&["id", "kind", "state", "team", "project", "environment", "created", "expires", "label"]);
    for key in keys {
        listing.row([
            key.id.clone(),
            key.kind.as_str().to_owned(),
            key.state.as_str().to_owned(),
            key.team.clone(),
            or_dash(key.project.as_deref().unwrap_or_default()),
            or_dash(key.environment.as_deref().unwrap_or_default()),
            day(Some(key.created_at)),
            day(key.expires_at),
            or_dash(&key.label),
        ]);
    }
    listing.finish()
}

/// A point in time, short enough for a column.
fn day(at: Option<tg_admin::api::Time>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string().chars().take("2026-11-24".len()).collect())
}

fn show(key: &Key, output: Output) -> Result<()> {
    if output.json { say(pretty(key)?) } else { say(sheet(key)) }
}

fn sheet(key: &Key) -> String {
    let time = |at: Option<tg_admin::api::Time>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let of_team = |list: &[String], all: &str| if list.is_empty() { all.to_owned() } else { list.join(", ") };
    let mut listing = Listing::sheet();
    listing.row(["key".to_owned(), key.id.clone()]);
    listing.row(["kind".to_owned(), key.kind.as_str().to_owned()]);
    listing.row(["state".to_owned(), key.state.as_str().to_owned()]);
    listing.row(["team".to_owned(), key.team.clone()]);
    listing.row(["project".to_owned(), or_dash(key.project.as_deref().unwrap_or_default())]);
    listing.row(["environment".to_owned(), or_dash(key.environment.as_deref().unwrap_or_default())]);
    listing.row(["models".to_owned(), of_team(&key.models, "those of the team")]);
    listing.row(["networks".to_owned(), of_team(&key.networks, "any")]);
    listing.row(["label".to_owned(), or_dash(&key.label)]);
    listing.row(["created".to_owned(), key.created_at.to_string()]);
    listing.row(["expires".to_owned(), time(key.expires_at)]);
    listing.row(["revoked".to_owned(), time(key.revoked_at)]);
    listing.row(["replaces".to_owned(), or_dash(key.rotated_from.as_deref().unwrap_or_default())]);
    listing.finish()
}

fn show_issued(issued: &IssuedKey, output: Output) -> Result<()> {
    if output.json { say(pretty(issued)?) } else { say(instructions(issued)) }
}

/// The key and how to use it, in the words of each SDK.
fn instructions(issued: &IssuedKey) -> String {
    let IssuedKey { key, secret } = issued;
    let ends = key.expires_at.map_or_else(String::new, |at| format!(", ends {at}"));
    let replaces = key.rotated_from.as_ref().map_or_else(String::new, |old| format!(", replaces {old}"));
    let made = format!("key {} of team {}{ends}{replaces}; shown this once:", key.id, printable(&key.team));
    let (secret, id) = (secret.expose(), &key.id);
    let use_it = match key.kind {
        KeyKind::Bearer => format!(
            "  export TALLYGATE_KEY={secret}\n\n\
             in the place of a provider's key, with GATEWAY the address of `listen` (https:// where it has TLS):\n\
             \x20 OpenAI SDKs     OPENAI_API_KEY=$TALLYGATE_KEY OPENAI_BASE_URL=http://GATEWAY/v1\n\
             \x20 Anthropic SDKs  ANTHROPIC_API_KEY=$TALLYGATE_KEY ANTHROPIC_BASE_URL=http://GATEWAY\n\
             \x20 AWS SDKs        AWS_BEARER_TOKEN_BEDROCK=$TALLYGATE_KEY \
             AWS_ENDPOINT_URL_BEDROCK_RUNTIME=https://GATEWAY\n\
             \x20                 (AWS SDKs send it over https only; see `tallygate certs`)"
        ),
        KeyKind::Aws => format!(
            "  export AWS_ACCESS_KEY_ID={id}\n  export AWS_SECRET_ACCESS_KEY={secret}\n\n\
             for AWS SDKs and the AWS CLI, with GATEWAY the address of `listen` (https:// where it has TLS):\n\
             \x20 AWS_REGION=us-east-1 AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://GATEWAY\n\
             \x20 (any region will do; unset AWS_SESSION_TOKEN and AWS_BEARER_TOKEN_BEDROCK)"
        ),
    };
    format!("{made}\n\n{use_it}")
}

#[cfg(test)]
mod tests;
