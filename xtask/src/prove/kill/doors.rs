//! Doors before the simulated providers: shut, a provider is dead to the gateway, though its books go on.

use anyhow::{Context as _, Result};
use std::net::{Ipv4Addr, SocketAddr, TcpListener as Socket};
use std::thread::{self, JoinHandle};
use tg_sim::Urls;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Doors on a thread of their own. Dropping this shuts them for good.
#[derive(Debug)]
pub struct Doors {
    /// Where callers of the providers go now.
    pub urls: Urls,
    open: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl Doors {
    /// Puts a door before Bedrock, Anthropic, OpenAI and the compatible server.
    ///
    /// # Errors
    /// When the system gives no port or thread.
    pub fn before(urls: &Urls) -> Result<Self> {
        let mut moved = urls.clone();
        let mut doors = Vec::new();
        for url in [&mut moved.bedrock, &mut moved.anthropic, &mut moved.openai, &mut moved.compatible] {
            let behind: SocketAddr = url.trim_start_matches("http://").parse().context("a provider's address")?;
            let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.set_nonblocking(true)?;
            *url = format!("http://{}", socket.local_addr()?);
            doors.push((socket, behind));
        }
        moved.bedrock_control = urls.bedrock_control.replace(&urls.bedrock, &moved.bedrock);
        let (open, seen) = watch::channel(true);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("doors".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let mut all = JoinSet::new();
                for (socket, behind) in doors {
                    all.spawn(door(socket, behind, seen.clone()));
                }
                // Until nobody is left who could open or shut them.
                let mut seen = seen;
                while seen.changed().await.is_ok() {}
            });
        })?;
        Ok(Self { urls: moved, open: Some(open), thread: Some(thread) })
    }

    /// Opens or shuts all of them. Whatever passes when they are shut is cut.
    pub fn set(&self, open: bool) {
        if let Some(sender) = &self.open {
            sender.send_replace(open);
        }
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        drop(self.open.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn door(socket: Socket, behind: SocketAddr, open: watch::Receiver<bool>) {
    let Ok(listener) = TcpListener::from_std(socket) else { return };
    let mut passing = JoinSet::new();
    loop {
        while passing.try_join_next().is_some() {}
        let Ok((caller, _)) = listener.accept().await else { return };
        if *open.borrow() {
            passing.spawn(pass(caller, behind, open.clone()));
        }
    }
}

/// Carries bytes both ways. When one side ends, both are over: a call whose caller has left must not go on.
async fn pass(mut caller: TcpStream, behind: SocketAddr, mut open: watch::Receiver<bool>) {
    let Ok(mut provider) = TcpStream::connect(behind).await else { return };
    // A socket that refuses is closed already.
    drop(caller.set_nodelay(true));
    drop(provider.set_nodelay(true));
    let (mut from_caller, mut to_caller) = caller.split();
    let (mut from_provider, mut to_provider) = provider.split();
    tokio::select! {
        _ = tokio::io::copy(&mut from_caller, &mut to_provider) => {}
        _ = tokio::io::copy(&mut from_provider, &mut to_caller) => {}
        _ = open.wait_for(|open| !open) => {}
    }
}
