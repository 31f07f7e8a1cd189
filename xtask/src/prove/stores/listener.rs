//! Streams that are heard from before a trouble begins until it is over: none waits for a store, and none breaks off.

use super::Place;
use super::probe::Manner;
use crate::wire::Client;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::{Result, ensure};
use futures_util::future::join_all;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A stream of a second and a half, so that in any trouble some are under way as it begins, and some begin in it.
const SCRIPT: &str = "Go on. [[sim: tokens=60 chunk=1 delay=25ms]]";

/// Longest wait for a word. That one is waited for at all would be a flaw long before.
const WORD_MAX: Duration = Duration::from_secs(30);

/// What was heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// Streams that began.
    pub streams: usize,
    /// Those that broke off.
    pub flaws: Vec<String>,
    /// The longest wait for a first word, or for a refusal.
    pub first: Duration,
    /// The longest silence within one.
    pub silence: Duration,
}

impl Heard {
    fn add(mut self, other: Self) -> Self {
        self.streams += other.streams;
        self.flaws.extend(other.flaws);
        (self.first, self.silence) = (self.first.max(other.first), self.silence.max(other.silence));
        self
    }
}

/// Hears one stream after the other of each kind at each of these gateways, until it is over.
pub async fn listen(places: &[Place], over: &AtomicBool) -> Heard {
    let all = places.iter().flat_map(|place| Manner::ALL.map(|manner| (place, manner)));
    let all = join_all(all.map(|(place, manner)| listen_to(place, manner, over))).await;
    all.into_iter().fold(Heard::default(), Heard::add)
}

async fn listen_to(place: &Place, manner: Manner, over: &AtomicBool) -> Heard {
    let client = Client::new(&place.base, &place.key);
    let ask = Ask {
        dialect: Dialect::Chat,
        model: manner.model().to_owned(),
        prompt: SCRIPT.to_owned(),
        delivery: Delivery::Streamed,
        output_max: OUTPUT_MAX,
    };
    let mut heard = Heard::default();
    while !over.load(Ordering::Acquire) {
        if let Err(error) = heard.hear(&client, &ask).await {
            heard.flaws.push(format!("{}, {manner:?}: {error:#}", place.base));
        }
    }
    heard
}

impl Heard {
    /// Hears one stream.
    async fn hear(&mut self, client: &Client, ask: &Ask) -> Result<()> {
        let mut since = Instant::now();
        let mut hearing = client.stream(ask).await?;
        if hearing.status != 200 {
            self.first = self.first.max(since.elapsed());
            tokio::time::sleep(Duration::from_millis(25)).await;
            return Ok(());
        }
        self.streams += 1;
        let (mut words, mut is_whole) = (0, false);
        while let Some(event) = tokio::time::timeout(WORD_MAX, hearing.next()).await? {
            let waited = std::mem::replace(&mut since, Instant::now()).elapsed();
            let longest = if words == 0 { &mut self.first } else { &mut self.silence };
            *longest = waited.max(*longest);
            words += 1;
            is_whole |= ask.dialect.is_end(&event);
        }
        ensure!(is_whole, "a stream broke off after {words} words");
        Ok(())
    }
}
