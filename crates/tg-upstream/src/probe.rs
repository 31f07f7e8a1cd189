//! A question that costs nothing: whether a provider answers as it does when it is well.

use crate::aws::Proof;
use crate::pools::Pools;
use crate::provider::{Pass, Upstream};
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::fault::Fault;
use tg_net::client::SendError;

/// Who asks, for those who read the provider's logs.
const AGENT: HeaderValue = HeaderValue::from_static("tallygate-probe");

/// What is asked of a provider, how often, and what shows that it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is asked for, with `GET`.
    pub address: Uri,
    /// How often.
    pub every: Duration,
    /// How long until the head of an answer must be there.
    pub timeout: Duration,
    /// After so many that failed in a row it is passed over.
    pub failures: u32,
    /// The status that it must have; `None`: any from 200 to 399.
    pub status: Option<StatusCode>,
    /// Whether the provider's credentials and headers are sent.
    pub has_credentials: bool,
}

impl Probe {
    fn accepts(&self, status: StatusCode) -> bool {
        match self.status {
            Some(wanted) => status == wanted,
            None => status.is_success() || status.is_redirection(),
        }
    }
}

/// What an answer to a probe shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The provider is well.
    Well,
    /// It is there, and lets no more questions through for now: neither well nor not.
    Busy,
}

/// Why a provider does not count as well. For logs.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    /// It says something else than it ought to.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// It does not answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// It cannot be asked, or the connection broke.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The request cannot be made.
    #[error("the request cannot be made: {0}")]
    Setup(#[from] Fault),
}

/// Asks once, by a connection of its own, under what the provider's calls may dial. Follows no redirect, and reads no more than the head of the answer.
///
/// # Errors
/// When the provider does not answer as it does when it is well.
pub async fn look(upstream: &Upstream, probe: &Probe, pools: &Pools, now: Timestamp) -> Result<Seen, Unwell> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = probe.address.clone();
    request.headers_mut().insert(USER_AGENT, AGENT);
    if probe.has_credentials {
        for (name, value) in &upstream.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        upstream.provider.authorize(&mut request, &Pass { proof: &Proof::Standing, surface: None, now })?;
    }
    let client = pools.probes(upstream)?;
    let asking = client.send(request.map(Full::new));
    let answer =
        tokio::time::timeout(probe.timeout, asking).await.map_err(|_elapsed| Unwell::TimedOut(probe.timeout))??;
    match answer.status() {
        status if probe.accepts(status) => Ok(Seen::Well),
        StatusCode::TOO_MANY_REQUESTS => Ok(Seen::Busy),
        status => Err(Unwell::Status(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{PriceScope, Timeouts};
    use crate::providers::openai::{Abilities, Credential, OpenAi};
    use http::HeaderMap;
    use http::header::{AUTHORIZATION, COOKIE};
    use tg_dialect::dialects::openai_chat::OpenaiChat;
    use tg_kernel::secret::Secret;
    use tg_net::egress::EgressPolicy;
    use tg_net::resolve::Resolver;
    use tg_net::tls::TrustedRoots;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    fn upstream(egress: EgressPolicy) -> Upstream {
        let abilities = Abilities { responses: false, embeddings: false, chat: &OpenaiChat::COMPATIBLE };
        let wait = Duration::from_secs(30);
        let credential = Credential::Bearer(Secret::new("key-of-ours"));
        Upstream {
            name: "p".into(),
            price: PriceScope { vendor: "p".into(), region: None },
            telemetry_name: "openai",
            provider: Box::new(OpenAi::new("http://127.0.0.1:1/v1", credential, abilities).unwrap()),
            identity: None,
            headers: HeaderMap::from_iter([(COOKIE, HeaderValue::from_static("door=open"))]),
            timeouts: Timeouts { connect: wait, first_byte: wait, idle: wait },
            egress,
            probe: None,
        }
    }

    fn probe(address: &str) -> Probe {
        Probe {
            address: address.parse().unwrap(),
            every: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            failures: 2,
            status: None,
            has_credentials: false,
        }
    }

    /// Answers one request with this head; what was asked.
    async fn answered(listener: TcpListener, head: &'static str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(head.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    }

    async fn seen(probe: &Probe, egress: EgressPolicy) -> Result<Seen, Unwell> {
        look(&upstream(egress), probe, &Pools::new(TrustedRoots::none(), Resolver::new()), Timestamp::from_seconds(0))
            .await
    }

    #[tokio::test]
    async fn only_the_status_counts_and_credentials_are_sent_where_it_is_said() {
        let (ok, moved) = (
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n",
            "HTTP/1.1 302 F\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
        );
        let no = "HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n";
        let busy = "HTTP/1.1 429 No\r\ncontent-length: 0\r\n\r\n";
        for (head, status, has_credentials, expected) in [
            (ok, None, false, Ok(Seen::Well)),
            (moved, None, true, Ok(Seen::Well)),
            (no, None, true, Err("it answered 401 Unauthorized")),
            (no, Some(StatusCode::UNAUTHORIZED), false, Ok(Seen::Well)),
            (busy, None, false, Ok(Seen::Busy)),
            (busy, Some(StatusCode::OK), true, Ok(Seen::Busy)),
            (busy, Some(StatusCode::TOO_MANY_REQUESTS), false, Ok(Seen::Well)),
            (ok, Some(StatusCode::NO_CONTENT), false, Err("it answered 200 OK")),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}/health?deep=1", listener.local_addr().unwrap());
            let probe = Probe { status, has_credentials, ..probe(&address) };
            let (asked, seen) = tokio::join!(answered(listener, head), seen(&probe, EgressPolicy::LOCAL));
            assert_eq!(seen.map_err(|unwell| unwell.to_string()), expected.map_err(str::to_owned), "{head}");
            assert!(asked.starts_with("GET /health?deep=1 HTTP/1.1") && asked.contains("tallygate-probe"), "{asked}");
            let names = [AUTHORIZATION, COOKIE].map(|name| asked.contains(&format!("\r\n{name}: ")));
            assert_eq!((names, asked.contains("key-of-ours")), ([has_credentials; 2], has_credentials), "{asked}");
        }
    }

    /// A server that closes each connection right after its answer without saying so: one that was kept for the next probe would be
    /// a second one to it, or reset.
    #[tokio::test]
    async fn each_probe_has_a_connection_of_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let probe = probe(&format!("http://{}/health", listener.local_addr().unwrap()));
        let (upstream, pools) = (upstream(EgressPolicy::LOCAL), Pools::new(TrustedRoots::none(), Resolver::new()));
        for number in 0..20 {
            let serve = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    asked.push(stream.read_u8().await.unwrap());
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                // Kept open, it is for the other side to close it: a pool would ask by it once more.
                if number % 2 == 0 { Some(stream) } else { None }
            };
            let both = async { tokio::join!(serve, look(&upstream, &probe, &pools, Timestamp::from_seconds(0))) };
            let (stream, seen) = tokio::time::timeout(Duration::from_secs(10), both).await.unwrap();
            assert_eq!(seen.map_err(|unwell| unwell.to_string()), Ok(Seen::Well), "{number}");
            if let Some(mut stream) = stream {
                let after = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut [0])).await.unwrap();
                assert_eq!(after.unwrap(), 0, "nobody keeps it");
            }
        }
    }

    #[tokio::test]
    async fn who_says_nothing_is_not_there_or_may_not_be_dialled_is_not_well() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = |listener: &TcpListener| format!("http://{}/health", listener.local_addr().unwrap());
        let short = Probe { timeout: Duration::from_millis(20), ..probe(&at(&silent)) };
        assert!(matches!(seen(&short, EgressPolicy::LOCAL).await, Err(Unwell::TimedOut(_))));
        let refused = seen(&probe(&at(&silent)), EgressPolicy { allow_loopback: false, ..EgressPolicy::LOCAL })
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("egress_refused"), "probes go where calls may: {refused}");
        let gone = at(&silent);
        drop(silent);
        let gone = seen(&probe(&gone), EgressPolicy::LOCAL).await.unwrap_err();
        assert!(gone.to_string().contains("connect_failed"), "{gone}");
    }
}
