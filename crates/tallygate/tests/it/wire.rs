//! An HTTP/1.1 client of its own over a plain socket: it sends what it is told, and keeps what comes, frame by frame.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// No answer of a test takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A request to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(method: &str, path: impl Into<String>) -> Self {
        Self { method: method.to_owned(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn post(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new("POST", path) }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without the headers of this name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self
    }

    pub(crate) fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    fn head(&self, to: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {to}\r\n", self.method, self.path);
        let framed = self.headers.iter().any(|(name, _)| name == "transfer-encoding" || name == "content-length");
        if !framed && (self.method != "GET" && self.method != "HEAD") {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        head.into_bytes()
    }

    /// Sends the request, and reads the whole answer.
    pub(crate) fn send(&self, to: SocketAddr) -> Answer {
        self.open(to).whole()
    }

    /// Sends the request, and reads the answer's head.
    pub(crate) fn open(&self, to: SocketAddr) -> Exchange {
        let mut exchange = self.launch(to);
        exchange.read_head();
        exchange
    }

    /// Sends the request, and reads nothing.
    pub(crate) fn launch(&self, to: SocketAddr) -> Exchange {
        let mut bytes = self.head(to);
        bytes.extend_from_slice(&self.body);
        raw(to, &bytes, self.method == "HEAD")
    }
}

/// Sends bytes as they are.
pub(crate) fn raw(to: SocketAddr, bytes: &[u8], is_head: bool) -> Exchange {
    let mut socket = TcpStream::connect(to).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // A gateway that refuses early may have closed already: what it answered is still to be read.
    let _ = socket.write_all(bytes);
    Exchange {
        socket,
        buffer: Vec::new(),
        status: 0,
        headers: HeaderMap::new(),
        left: Left::Unknown,
        is_head,
        trailers: HeaderMap::new(),
    }
}

/// How much of an answer's body is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Unknown,
    Bytes(usize),
    Chunks,
    UntilClosed,
    Nothing,
    /// It broke off.
    Broken,
}

/// A request under way.
pub(crate) struct Exchange {
    pub(crate) socket: TcpStream,
    buffer: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    left: Left,
    is_head: bool,
    trailers: HeaderMap,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
    /// The body came to the end that its framing announced.
    pub(crate) clean: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Exchange {
    /// More bytes; false when the far end has closed.
    fn fill(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        match self.socket.read(&mut piece) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&piece[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no bytes within {PATIENCE:?}"),
            Err(_) => false,
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.drain(..end + 2);
                return Some(line);
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn fields(&mut self) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Some(headers);
            }
            let (name, value) = line.split_once(':').unwrap();
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value.trim()).unwrap());
        }
    }

    /// Reads the head. Status 0: the connection was closed without one.
    pub(crate) fn read_head(&mut self) {
        let Some(line) = self.line() else {
            self.left = Left::Broken;
            return;
        };
        self.status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("{line}"));
        let Some(headers) = self.fields() else {
            self.left = Left::Broken;
            return;
        };
        let value = |name: &str| headers.get(name).map(|v| v.to_str().unwrap());
        self.left = match (value("transfer-encoding"), value("content-length")) {
            _ if self.is_head || self.status == 204 => Left::Nothing,
            (Some("chunked"), _) => Left::Chunks,
            (_, Some(length)) => Left::Bytes(length.parse().unwrap()),
            _ => Left::UntilClosed,
        };
        self.headers = headers;
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) fn piece(&mut self) -> Option<Vec<u8>> {
        match self.left {
            Left::Nothing | Left::Broken | Left::Bytes(0) => None,
            Left::Unknown => panic!("the head comes first"),
            Left::Chunks => self.chunk(),
            Left::UntilClosed | Left::Bytes(_) => {
                if self.buffer.is_empty() && !self.fill() {
                    self.left = if self.left == Left::UntilClosed { Left::Nothing } else { Left::Broken };
                    return None;
                }
                let mut piece = std::mem::take(&mut self.buffer);
                if let Left::Bytes(left) = self.left {
                    self.buffer = piece.split_off(left.min(piece.len()));
                    self.left = Left::Bytes(left - piece.len());
                }
                Some(piece)
            }
        }
    }

    fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.line();
        let Some(size) = size.and_then(|line| usize::from_str_radix(line.trim(), 16).ok()) else {
            self.left = Left::Broken;
            return None;
        };
        if size == 0 {
            match self.fields() {
                Some(trailers) => (self.trailers, self.left) = (trailers, Left::Nothing),
                None => self.left = Left::Broken,
            }
            return None;
        }
        while self.buffer.len() < size + 2 {
            if !self.fill() {
                self.left = Left::Broken;
                return None;
            }
        }
        let piece = self.buffer[..size].to_vec();
        self.buffer.drain(..size + 2);
        Some(piece)
    }

    /// The rest of the answer.
    pub(crate) fn whole(mut self) -> Answer {
        if self.left == Left::Unknown {
            self.read_head();
        }
        let mut body = Vec::new();
        while let Some(piece) = self.piece() {
            body.extend_from_slice(&piece);
        }
        let clean = matches!(self.left, Left::Nothing | Left::Bytes(0));
        Answer { status: self.status, headers: self.headers, body, trailers: self.trailers, clean }
    }

    /// Hangs up.
    pub(crate) fn leave(self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}
