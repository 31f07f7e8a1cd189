//! A provider that keeps every byte that it is sent and answers with the bytes that a test gives it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The values of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_owned()).collect()
    }

    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// The recording provider. Its threads end with their connections.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Recorder {
    /// Answers every request with these pieces, written one by one, and closes the connection. The head should say so, or
    /// else the next request may be sent on it.
    pub(crate) fn answering(pieces: Vec<Vec<u8>>) -> Self {
        Self::until(pieces, false)
    }

    /// Answers every request with the beginning of a streamed body, and leaves it open until the other side hangs up.
    pub(crate) fn holding(content_type: &str, body: &[u8]) -> Self {
        Self::until(vec![streamed_head(content_type), chunk(body)], true)
    }

    fn until(pieces: Vec<Vec<u8>>, holds: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let recorder = Self { address, seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (seen, pieces) = (Arc::clone(&seen), pieces.clone());
                let Ok(socket) = socket else { return };
                thread::spawn(move || serve(socket, &seen, &pieces, holds));
            }
        });
        recorder
    }

    /// Answers with a whole body.
    pub(crate) fn whole(content_type: &str, headers: &str, body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        Self::answering(vec![[head.as_bytes(), body].concat()])
    }

    /// Answers with a streamed body, one chunk for each piece.
    pub(crate) fn chunked(content_type: &str, pieces: &[Vec<u8>]) -> Self {
        let mut all = vec![streamed_head(content_type)];
        all.extend(pieces.iter().map(|piece| chunk(piece)));
        all.push(b"0\r\n\r\n".to_vec());
        Self::answering(all)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().unwrap()
    }
}

fn streamed_head(content_type: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes()
}

fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

fn serve(mut socket: TcpStream, seen: &Mutex<Vec<Seen>>, pieces: &[Vec<u8>], holds: bool) -> Option<()> {
    socket.set_nodelay(true).ok()?;
    let mut buffer = Vec::new();
    let mut piece = [0; 16 * 1024];
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        match socket.read(&mut piece).ok()? {
            0 => return None,
            count => buffer.extend_from_slice(&piece[..count]),
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).ok()?;
    let mut body = buffer.split_off(end);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while body.len() < length.unwrap_or(0) {
        match socket.read(&mut piece).ok()? {
            0 => return None,
            count => body.extend_from_slice(&piece[..count]),
        }
    }
    seen.lock().unwrap().push(Seen { head, body });
    pieces.iter().try_for_each(|piece| socket.write_all(piece).and_then(|()| socket.flush())).ok()?;
    while holds && socket.read(&mut piece).is_ok_and(|count| count > 0) {}
    Some(())
}
