//! `tallygate certs`

use super::terminal::say;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use tg_kernel::clock::{Clock as _, SystemClock};

/// Makes a certificate authority (kept if it is there) and a certificate for localhost and the names given.
#[derive(Debug, Args)]
pub(crate) struct Certs {
    /// The folder to write to
    #[arg(long, default_value = "certs")]
    dir: PathBuf,
    /// A further name or address of this machine; may be repeated
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
}

impl Certs {
    pub(super) fn run(self) -> Result<()> {
        let made = tg_net::certs::make_local_ca(&self.dir, &self.names, SystemClock::new().now())?;
        let (ca, server, key) = (made.ca.display(), made.server.display(), made.server_key.display());
        let kept = if made.ca_kept { " (kept)" } else { "" };
        say(format_args!(
            "authority:   {ca}{kept}\ncertificate: {server}\nkey:         {key}\n\n\
             in tallygate.yaml:\n  listen:\n    tls:\n      certificate: {server}\n      key: {key}\n\n\
             for callers:\n  export AWS_CA_BUNDLE={ca}          # boto3, AWS CLI\n  \
             export NODE_EXTRA_CA_CERTS={ca}    # Node\n  export SSL_CERT_FILE={ca}          # Python httpx, most others"
        ))
    }
}
