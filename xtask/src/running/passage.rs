//! A passage of this proof's own to a server: it can be shut, silent or slow.

use anyhow::{Context as _, Result};
use std::net::{Ipv4Addr, SocketAddr, TcpListener as Socket};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Bytes that pass at a time.
const PIECE: usize = 16 * 1024;

/// How it is with a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Bytes pass.
    Open,
    /// Each piece passes after this time.
    Slow(Duration),
    /// Nothing passes and nothing is said: connections stay, new ones are taken and never answered.
    Silent,
    /// Connections are cut, and new ones are cut at once.
    Shut,
}

/// A passage on a thread of its own. Dropping this shuts it for good.
#[derive(Debug)]
pub struct Passage {
    port: u16,
    state: Option<watch::Sender<State>>,
    thread: Option<JoinHandle<()>>,
}

impl Passage {
    /// Opens a passage to a port of this machine.
    ///
    /// # Errors
    /// When the system gives no port or thread.
    pub fn to(port: u16) -> Result<Self> {
        let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let own = socket.local_addr()?.port();
        let (state, seen) = watch::channel(State::Open);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let behind = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let thread = thread::Builder::new().name("passage".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let mut over = seen.clone();
                tokio::select! {
                    () = keep(socket, behind, seen) => {}
                    () = async { while over.changed().await.is_ok() {} } => {}
                }
            });
        });
        Ok(Self { port: own, state: Some(state), thread: Some(thread.context("no thread")?) })
    }

    /// Where it begins, on this machine.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Changes how it is, for connections there are and for new ones.
    pub fn set(&self, state: State) {
        if let Some(sender) = &self.state {
            sender.send_replace(state);
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        drop(self.state.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn keep(socket: Socket, behind: SocketAddr, state: watch::Receiver<State>) {
    let Ok(listener) = TcpListener::from_std(socket) else { return };
    let mut passing = JoinSet::new();
    loop {
        while passing.try_join_next().is_some() {}
        let Ok((caller, _)) = listener.accept().await else { return };
        if *state.borrow() != State::Shut {
            passing.spawn(pass(caller, behind, state.clone()));
        }
    }
}

async fn pass(mut caller: TcpStream, behind: SocketAddr, state: watch::Receiver<State>) {
    let mut shut = state.clone();
    let passed = async {
        open(&mut state.clone()).await?;
        let mut server = TcpStream::connect(behind).await.ok()?;
        // A socket that refuses is closed already.
        drop(caller.set_nodelay(true));
        drop(server.set_nodelay(true));
        let (from_caller, to_caller) = caller.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            () = carry(from_caller, to_server, state.clone()) => {}
            () = carry(from_server, to_caller, state.clone()) => {}
        }
        Some(())
    };
    tokio::select! {
        _ = passed => {}
        _ = shut.wait_for(|state| *state == State::Shut) => {}
    }
}

/// Carries bytes one way, as the passage's state lets it.
async fn carry(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut state: watch::Receiver<State>) {
    let mut piece = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let Some(delay) = open(&mut state).await else { return };
        tokio::time::sleep(delay).await;
        if to.write_all(piece.get(..read).unwrap_or_default()).await.is_err() {
            return;
        }
    }
}

/// Waits while nothing passes; answers after which time a piece does.
async fn open(state: &mut watch::Receiver<State>) -> Option<Duration> {
    let passable = |state: &State| matches!(state, State::Open | State::Slow(_));
    match *state.wait_for(passable).await.ok()? {
        State::Slow(delay) => Some(delay),
        _ => Some(Duration::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::{Passage, State};
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    #[test]
    fn a_passage_can_be_silent_slow_and_shut() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let passage = Passage::to(server.local_addr().unwrap().port()).unwrap();
        let mut caller = TcpStream::connect((Ipv4Addr::LOCALHOST, passage.port())).unwrap();
        let (mut served, _) = server.accept().unwrap();
        let mut byte = [0];
        caller.write_all(b"a").unwrap();
        served.read_exact(&mut byte).unwrap();
        passage.set(State::Silent);
        caller.write_all(b"b").unwrap();
        served.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let silence = served.read_exact(&mut byte).unwrap_err().kind();
        assert!(matches!(silence, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence}");
        served.set_read_timeout(None).unwrap();
        passage.set(State::Open);
        served.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"b", "it was kept, not lost");
        let begun = Instant::now();
        passage.set(State::Slow(Duration::from_millis(80)));
        served.write_all(b"c").unwrap();
        caller.read_exact(&mut byte).unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(80));
        passage.set(State::Shut);
        assert_eq!(caller.read(&mut byte).unwrap_or(0), 0, "cut");
    }
}
