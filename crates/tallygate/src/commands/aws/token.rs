//! `tallygate aws token`: a proof of the own IAM identity, in a key's place.

use crate::commands::terminal::say;
use anyhow::{Result, bail};
use clap::Args;
use tg_config::document::sts_url;
use tg_config::grammar::BaseUrl;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_policy::iam::caller_identity;
use tg_upstream::aws::OwnToken;

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// The gateway's name: its `identity.aws.caller_identity.server_id`
    #[arg(long, value_name = "NAME")]
    server_id: String,
    /// The region whose STS the gateway shall ask: one of its `caller_identity.regions` [default: AWS_DEFAULT_REGION]
    #[arg(long, value_name = "REGION", env = "AWS_REGION")]
    region: Option<String>,
    /// A profile of ~/.aws/config or ~/.aws/credentials [default: AWS_PROFILE, else the usual search]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The gateway's `caller_identity.sts_url`, where it has one
    #[arg(long, value_name = "URL")]
    sts_url: Option<String>,
}

impl Token {
    pub(super) fn run(self) -> Result<()> {
        let region = self.region.or_else(|| std::env::var("AWS_DEFAULT_REGION").ok()).filter(|name| !name.is_empty());
        let Some(region) = region else { bail!("no region is stated; give --region, as in `--region us-east-1`") };
        let sts = self.sts_url.unwrap_or_else(|| sts_url(&region));
        if let Err(refused) = sts.parse::<BaseUrl>() {
            bail!("--sts-url or --region: {refused}");
        }
        let own = OwnToken {
            server_id: &self.server_id,
            region: &region,
            sts: sts.trim_end_matches('/'),
            profile: self.profile.as_deref(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let url = runtime.block_on(own.presigned(SystemClock::new().now()))?;
        say(caller_identity::encode(&url).expose())
    }
}
