//! `tallygate aws`

mod policy;
mod profiles;
mod token;

use super::ConfigArg;
use super::table::pretty;
use super::terminal::say;
use crate::source::Source;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use tg_config::document::ProviderKind;

/// What a configuration needs of AWS, and what AWS says of this machine.
#[derive(Debug, Args)]
pub(crate) struct Aws {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the least IAM policies for each Bedrock provider, as JSON
    ///
    /// `permissions` belongs to whoever signs: the role of `assume_role`, else the gateway's own identity. With
    /// `assume_role` there are also `gateway`, which belongs to the gateway's own identity, and `trust`, the role's trust
    /// policy. The account of inference profiles is not known here and stands as `*`.
    Policy(Policy),
    /// Plan and make application inference profiles: a team's or project's own names for models, which show on AWS's bill
    Profiles(profiles::Profiles),
    /// Print a proof of this machine's IAM identity, to be sent to a gateway in a key's place
    ///
    /// The proof is a presigned `GetCallerIdentity`, made with the credentials that the AWS SDKs find here. It lives for
    /// 15 minutes, and is of use with the named gateway only. Nothing is sent. No configuration is needed.
    Token(token::Token),
}

#[derive(Debug, Args)]
struct Policy {
    /// Only this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The gateway's own identity, for the trust policy: the ARN of a role or user. Without it a placeholder stands
    /// there, which AWS refuses until it is replaced
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    #[command(flatten)]
    config: ConfigArg,
}

impl Aws {
    pub(super) fn run(self) -> Result<()> {
        match self.verb {
            Verb::Policy(policy) => policy.run(),
            Verb::Profiles(profiles) => profiles.run(),
            Verb::Token(token) => token.run(),
        }
    }
}

impl Policy {
    fn run(self) -> Result<()> {
        let wanted = self;
        let document = Source::choose(wanted.config.config).document()?;
        let providers = document.providers.iter().filter(|p| p.kind == ProviderKind::Bedrock);
        let asked = |name: &str| wanted.provider.as_deref().is_none_or(|asked| asked == name);
        let all: Map<String, Value> = providers
            .filter(|provider| asked(provider.name.as_str()))
            .map(|provider| {
                let policies = policy::policies(&document, provider, wanted.principal.as_deref());
                (provider.name.as_str().to_owned(), policies)
            })
            .collect();
        match (&wanted.provider, all.is_empty()) {
            (Some(name), true) => bail!("there is no provider '{name}' of the kind bedrock"),
            (None, true) => bail!("there is no provider of the kind bedrock"),
            _ => say(pretty(&all)?),
        }
    }
}
