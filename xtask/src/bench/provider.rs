//! The provider behind the contenders: as little work as possible for answers of the usual size.

use super::{CORE_AROUND, pinned};
use crate::terminal::say;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Chunks of a stream that carry content.
pub const CHUNKS: u64 = 100;

/// Time between two chunks: a model of 200 tokens a second.
const PACE: Duration = Duration::from_millis(5);

/// What a caller says who wants a stream that stays open after its first chunk.
pub const HOLD: &str = "hold this stream open";

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The provider as a process.
#[derive(Debug)]
pub struct Provider {
    child: Child,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
}

impl Provider {
    /// Starts it.
    ///
    /// # Errors
    /// When it says no port.
    pub fn start(program: &Path) -> Result<Self> {
        let mut command = pinned(program, CORE_AROUND);
        command.args(["bench-part", "provider"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the provider")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let port = line.trim().parse().with_context(|| format!("the provider says {line:?}"))?;
        Ok(Self { child, port })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It has nothing to lose.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Serves until the process is ended.
///
/// # Errors
/// When no port can be had.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream));
    }
}

async fn connection(stream: TcpStream) {
    // A connection that fails shows at its caller.
    drop(stream.set_nodelay(true));
    let service = service_fn(answer);
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let asked = request.into_body().collect().await?.to_bytes();
    let says = |text: &str| asked.windows(text.len()).any(|window| window == text.as_bytes());
    let (kind, body) = if says("\"stream\":true") {
        let play = Play { held: says(HOLD), usage: says("\"include_usage\":true") };
        ("text/event-stream", StreamBody::new(play.chunks()).boxed_unsync())
    } else {
        ("application/json", Full::new(Bytes::from_static(ANSWER)).boxed_unsync())
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    Ok(response)
}

#[derive(Clone, Copy)]
struct Play {
    held: bool,
    usage: bool,
}

impl Play {
    fn chunks(self) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
        stream::unfold(0, move |number| async move {
            if number > 0 {
                tokio::time::sleep(PACE).await;
            }
            if self.held && number > 0 {
                std::future::pending::<()>().await;
            }
            let piece = match number {
                0..CHUNKS => CHUNK,
                CHUNKS if self.usage => LAST_WITH_USAGE,
                CHUNKS => LAST,
                _ => return None,
            };
            Some((Ok(Frame::data(Bytes::from_static(piece))), number + 1))
        })
    }
}

/// 0.8 KB, as OpenAI writes it.
const ANSWER: &[u8] = br#"{
  "id": "chatcmpl-CfnQ2bV0mYx6Yk1uT7c4aP9sD3eRz",
  "object": "chat.completion",
  "created": 1793500000,
  "model": "gpt-5-mini",
  "choices": [
    {
      "index": 0,
      "message": {
        "role": "assistant",
        "content": "A reverse proxy accepts requests on behalf of servers behind it, chooses one of them, forwards the request and relays the answer.",
        "refusal": null,
        "annotations": []
      },
      "finish_reason": "stop"
    }
  ],
  "usage": {
    "prompt_tokens": 231,
    "completion_tokens": 27,
    "total_tokens": 258,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}
  },
  "service_tier": "default",
  "system_fingerprint": null
}
"#;

const CHUNK: &[u8] = b"data: {\"id\":\"chatcmpl-CfnQ2bV0mYx6Yk1uT7c4aP9sD3eRz\",\"object\":\"chat.completion.chunk\",\
\"created\":1793500000,\"model\":\"gpt-5-mini\",\"service_tier\":\"default\",\"system_fingerprint\":null,\
\"choices\":[{\"index\":0,\"delta\":{\"content\":\" proxy\"},\"finish_reason\":null}],\"obfuscation\":\"q1\"}\n\n";

const LAST: &[u8] = b"data: {\"id\":\"chatcmpl-CfnQ2bV0mYx6Yk1uT7c4aP9sD3eRz\",\"object\":\"chat.completion.chunk\",\
\"created\":1793500000,\"model\":\"gpt-5-mini\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
data: [DONE]\n\n";

const LAST_WITH_USAGE: &[u8] = b"data: {\"id\":\"chatcmpl-CfnQ2bV0mYx6Yk1uT7c4aP9sD3eRz\",\"object\":\"chat.completion.chunk\",\
\"created\":1793500000,\"model\":\"gpt-5-mini\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
data: {\"id\":\"chatcmpl-CfnQ2bV0mYx6Yk1uT7c4aP9sD3eRz\",\"object\":\"chat.completion.chunk\",\"created\":1793500000,\
\"model\":\"gpt-5-mini\",\"choices\":[],\"usage\":{\"prompt_tokens\":231,\"completion_tokens\":100,\"total_tokens\":331}}\n\n\
data: [DONE]\n\n";
