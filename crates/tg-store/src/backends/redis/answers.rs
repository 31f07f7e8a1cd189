//! Answers that replicas share: each under its own key, all together within a bound, none waited for longer than a count is.

use super::SharedCounters;
use super::link::Link;
use super::script::{Invocation, Script};
use super::tally::Tally;
use crate::answers::Kept;
use crate::counters::Away;
use crate::seal::SecretsKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tokio::time::sleep;

/// How often it is looked whether a thread's connection is there.
const CONNECT_EVERY: Duration = Duration::from_millis(200);

/// One thread's connection to answers that replicas share. It is another one than that of the counters: no count waits behind
/// a long answer.
pub struct AnswersLink {
    link: Link,
    secrets: Option<SecretsKey>,
}

impl SharedCounters {
    /// A connection for answers, for one thread. They are encrypted where there is a key. Whoever makes one owes
    /// [`AnswersLink::stay`].
    #[must_use]
    pub fn answers(&self, secrets: Option<SecretsKey>) -> AnswersLink {
        let (place, speech) = (Arc::clone(&self.0.place), Arc::clone(&self.0.speech));
        // How the counters fare is told apart.
        let link = Link::new(place, speech, self.0.patience, Arc::<Tally>::default());
        AnswersLink { link, secrets }
    }
}

impl AnswersLink {
    /// Keeps the connection, for as long as it is polled.
    pub async fn stay(&self) {
        loop {
            self.link.connect().await;
            sleep(CONNECT_EVERY).await;
        }
    }

    /// The answer of this key, if its time is not over.
    ///
    /// # Errors
    /// When no answer comes in time; several times in a row, it is not asked for a moment.
    pub async fn get(&self, key: &[u8; 32], now: Timestamp) -> Result<Option<Kept>, Away> {
        let invocation = Invocation { script: Script::Recall, keys: vec![name(key)], arguments: Vec::new() };
        let redis::Value::BulkString(text) = self.link.run(&invocation).await? else { return Ok(None) };
        let kept = STANDARD.decode(text).ok().and_then(|bytes| Kept::read(bytes, key, self.secrets.as_ref()));
        Ok(kept.filter(|kept| kept.origin.until > now))
    }

    /// Keeps an answer in place of an earlier one, where all together then have no more bytes than this; those whose time
    /// ends soonest make room. Whether it is kept.
    ///
    /// # Errors
    /// When no answer comes in time; it may be kept all the same.
    pub async fn put(&self, key: &[u8; 32], kept: &Kept, bytes_max: u64) -> Result<bool, Away> {
        let life = kept.origin.until.since(kept.origin.at).as_millis();
        let Some(written) = kept.write(key, self.secrets.as_ref()).filter(|_| life > 0) else { return Ok(false) };
        let arguments = vec![STANDARD.encode(written), life.to_string(), bytes_max.to_string()];
        let said = self.link.run(&Invocation { script: Script::Keep, keys: vec![name(key)], arguments }).await?;
        Ok(said == redis::Value::Int(1))
    }
}

fn name(key: &[u8; 32]) -> String {
    let mut name = "answer:".to_owned();
    for byte in key {
        let _ = write!(name, "{byte:02x}");
    }
    name
}
