//! Calls that show how a gateway decides now.

use crate::wire::Client;
use crate::wire::client::word;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::Result;
use std::time::{Duration, Instant};

/// The header of an answer that was decided without the shared counters.
const COUNTERS: &str = "x-tallygate-counters";

/// What a limit does while its counters are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Refuses.
    Closed,
    /// Lets the gateway's own share through.
    Local,
    /// Lets everything through.
    Shadow,
}

impl Manner {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Local, Self::Shadow];

    /// The model that the limit is for; also its name.
    pub const fn model(self) -> &'static str {
        match self {
            Self::Closed => "probe-closed",
            Self::Local => "probe-local",
            Self::Shadow => "probe-shadow",
        }
    }

    /// The word for it in the configuration.
    pub const fn when_away(self) -> &'static str {
        match self {
            Self::Closed => "fail_closed",
            Self::Local => "fail_open_local",
            Self::Shadow => "shadow",
        }
    }

    /// What its calls get: status, and what the answer says of the counters.
    pub const fn expected(self, counts_alone: bool) -> (u16, Option<&'static str>) {
        match (self, counts_alone) {
            (_, false) => (200, None),
            (Self::Closed, true) => (503, None),
            (Self::Local, true) => (200, Some("local")),
            (Self::Shadow, true) => (200, Some("shadow")),
        }
    }
}

/// What a probe got.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The status.
    pub status: u16,
    /// What the answer says of the counters.
    pub counters: Option<String>,
    /// Whether it says when to come again.
    pub has_retry_after: bool,
    /// How long it took.
    pub took: Duration,
}

impl Seen {
    /// Whether it is what was expected.
    pub fn is(&self, (status, counters): (u16, Option<&str>)) -> bool {
        let word = if status == 503 { self.has_retry_after } else { self.counters.as_deref() == counters };
        self.status == status && word
    }

    /// Whether a limit refused it, and said when to come again.
    pub const fn is_refused(&self) -> bool {
        self.status == 429 && self.has_retry_after
    }
}

/// Asks.
///
/// # Errors
/// When no answer comes.
pub async fn ask(client: &Client, manner: Manner) -> Result<Seen> {
    let ask = Ask {
        dialect: Dialect::Chat,
        model: manner.model().to_owned(),
        prompt: "Are you there? [[sim: tokens=2]]".to_owned(),
        delivery: Delivery::Plain,
        output_max: OUTPUT_MAX,
    };
    let begun = Instant::now();
    let heard = client.call(&ask).await?;
    Ok(Seen {
        status: heard.status,
        counters: word(&heard.headers, COUNTERS).map(str::to_owned),
        has_retry_after: word(&heard.headers, "retry-after").is_some(),
        took: begun.elapsed(),
    })
}
