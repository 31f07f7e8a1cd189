//! A Redis of the tests' own: on a free port of the loopback, ended with the process that wanted it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Starts the server, and ends it when the test's end of the pipe is closed, however the test ends.
const WATCH: &str = r#""$@" & server=$!; read -r _; kill -KILL "$server"; wait "$server""#;

/// A running server without persistence.
pub(crate) struct Redis {
    watch: Child,
    pub(crate) port: u16,
    _folder: TempDir,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = TempDir::new().unwrap();
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh", "redis-server", "--bind", "127.0.0.1", "--port", &port.to_string()]);
        watch.args(["--save", "", "--appendonly", "no"]);
        watch.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let redis = Self { watch: watch.spawn().unwrap(), port, _folder: folder };
        let begun = Instant::now();
        while !redis.answers() {
            assert!(begun.elapsed() < Duration::from_secs(30), "redis-server does not answer; is it installed?");
            std::thread::sleep(Duration::from_millis(20));
        }
        redis
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut said = [0; 5];
        stream.write_all(b"PING\r\n").is_ok() && stream.read_exact(&mut said).is_ok() && &said == b"+PONG"
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // A closed pipe is what the watch waits for.
        drop(self.watch.stdin.take());
        self.watch.wait().ok();
    }
}
