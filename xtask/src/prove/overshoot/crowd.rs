//! Callers who stream until there is no money left, each coming again at once.

use super::mode::Mode;
use super::{CAP_NANOS, STREAMS};
use crate::prove::kill::dice::Dice;
use crate::wire::Client;
use crate::wire::client::{ERROR_CODE, word};
use crate::wire::dialect::{Ask, Delivery, Dialect};
use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use http::HeaderMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The most output that a call asks for.
const OUTPUT_MAX: u64 = 1_000;

/// A refusal is for good where nothing has been under way for so long.
const STILL: Duration = Duration::from_millis(600);

/// How long a refused caller waits at most before it comes again; it comes at once where a call ends meanwhile.
const AGAIN: Duration = Duration::from_millis(60);

/// How long all of it may take.
const RUN_MAX: Duration = Duration::from_secs(150);

/// Models, and the dialects in which they are called.
const MODELS: [&str; 2] = ["us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"];

/// What callers have seen together.
#[derive(Debug)]
pub struct Crowd {
    mode: Mode,
    under_way: AtomicU64,
    last_end: Mutex<Instant>,
    ends: tokio::sync::watch::Sender<u64>,
    calls: AtomicU64,
    refused: AtomicU64,
    odd: Mutex<Vec<String>>,
}

/// What came of all calls.
#[derive(Debug)]
pub struct Outcome {
    /// Calls that were let through.
    pub calls: u64,
    /// Calls that were refused for want of money.
    pub refused: u64,
    /// What must not be: answers that are neither, with what they said.
    pub odd: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// Where a gateway is.
#[derive(Clone, Debug)]
pub struct Place {
    /// For callers.
    pub base: String,
    /// For who looks at budgets.
    pub admin: String,
    /// The key.
    pub key: String,
}

impl Crowd {
    /// Lets everybody call, in turn at these gateways, until all are refused for good.
    ///
    /// # Errors
    /// When it does not end, or budgets cannot be looked at.
    pub async fn run(mode: Mode, places: &[Place], dice: &mut Dice) -> Result<Outcome> {
        let begun = Instant::now();
        let crowd = Self {
            mode,
            under_way: AtomicU64::new(0),
            last_end: Mutex::new(begun),
            ends: tokio::sync::watch::Sender::new(0),
            calls: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            odd: Mutex::default(),
        };
        let callers = places.iter().cycle().take(STREAMS).map(|place| crowd.caller(place, dice.split()));
        let all = tokio::time::timeout(RUN_MAX, try_join_all(callers)).await;
        all.with_context(|| format!("callers are still served or refused after {RUN_MAX:?}"))??;
        Ok(Outcome {
            calls: crowd.calls.into_inner(),
            refused: crowd.refused.into_inner(),
            odd: crowd.odd.into_inner().unwrap_or_default(),
            took: begun.elapsed(),
        })
    }

    async fn caller(&self, place: &Place, mut dice: Dice) -> Result<()> {
        let client = Client::new(&place.base, &place.key);
        let mut ends = self.ends.subscribe();
        loop {
            ends.mark_unchanged();
            if self.mode == Mode::CountAfter && spent(&client, place).await? >= CAP_NANOS {
                return Ok(());
            }
            if self.call(&client, &mut dice).await {
                continue;
            }
            if self.under_way.load(Ordering::Acquire) == 0 && self.still_for() > STILL {
                return Ok(());
            }
            // The sender lives as long as this.
            drop(tokio::time::timeout(AGAIN, ends.changed()).await);
        }
    }

    /// Makes one call. False if it was refused for want of money.
    async fn call(&self, client: &Client, dice: &mut Dice) -> bool {
        let case = Case::thrown(dice);
        self.under_way.fetch_add(1, Ordering::AcqRel);
        let said = case.hear(client).await;
        self.under_way.fetch_sub(1, Ordering::AcqRel);
        match said {
            Ok((_, Some(code))) if code == "budget_exhausted" => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            Ok((200, _)) => {}
            Ok(_) | Err(_) if case.fails => {}
            Ok((status, code)) => self.odd(format!("{status} {code:?} for {case:?}")),
            Err(error) => self.odd(format!("{error:#} for {case:?}")),
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut last) = self.last_end.lock() {
            *last = Instant::now();
        }
        self.ends.send_modify(|ends| *ends += 1);
        true
    }

    fn odd(&self, what: String) {
        if let Ok(mut odd) = self.odd.lock() {
            odd.push(what);
        }
    }

    fn still_for(&self) -> Duration {
        self.last_end.lock().map_or(Duration::ZERO, |last| last.elapsed())
    }
}

/// What the gateway says is booked, in nano-dollars.
async fn spent(client: &Client, place: &Place) -> Result<i128> {
    let page = client.get(&format!("{}/admin/v1/budgets", place.admin)).await?;
    let purses = page["budgets"].as_array().context("no budgets")?;
    let nanos = purses.iter().find(|purse| purse["name"] == "cap").and_then(|purse| purse.pointer("/spent/nanos"));
    // A purse of which nothing was ever held is not there.
    Ok(nanos.and_then(serde_json::Value::as_i64).map_or(0, i128::from))
}

/// One call.
#[derive(Debug)]
struct Case {
    ask: Ask,
    /// After how many events its caller leaves.
    leaves_after: Option<u64>,
    /// Whether its provider fails.
    fails: bool,
}

impl Case {
    /// Most are heard to the end, whose length nobody knows before.
    fn thrown(dice: &mut Dice) -> Self {
        let tokens = match dice.below(4) {
            0 => 10 + dice.below(100),
            1 | 2 => 100 + dice.below(500),
            // Up to the bound, and beyond.
            _ => 600 + dice.below(600),
        };
        let dialect = dice.pick(&[Dialect::Chat, Dialect::Messages, Dialect::Converse, Dialect::Responses]);
        let fate = dice.below(20);
        let script = match fate {
            0 => "status=500".to_owned(),
            1 => format!("tokens={tokens} chunk=4 delay=2ms die_after={}", dice.below(80)),
            _ => format!("tokens={tokens} chunk=4 delay=2ms"),
        };
        let words = "What is this about? ".repeat(1 + usize::try_from(dice.below(40)).unwrap_or_default());
        let ask = Ask {
            dialect: dialect.unwrap_or(Dialect::Chat),
            model: dice.pick(&MODELS).unwrap_or(MODELS[0]).to_owned(),
            prompt: format!("{words}[[sim: {script}]]"),
            // What does not stream cannot be cut.
            delivery: if fate == 2 { Delivery::Plain } else { Delivery::Streamed },
            output_max: OUTPUT_MAX,
        };
        Self { ask, leaves_after: matches!(fate, 3 | 4).then(|| dice.below(60)), fails: fate < 2 }
    }

    /// Calls, and answers status and the gateway's word for what is wrong.
    async fn hear(&self, client: &Client) -> Result<(u16, Option<String>)> {
        let Some(events) = self.leaves_after else {
            let heard = client.call(&self.ask).await?;
            return Ok((heard.status, code(&heard.headers)));
        };
        let mut hearing = client.stream(&self.ask).await?;
        for _ in 0..events {
            if hearing.next().await.is_none() {
                break;
            }
        }
        Ok((hearing.status, code(&hearing.headers)))
    }
}

fn code(headers: &HeaderMap) -> Option<String> {
    word(headers, ERROR_CODE).map(str::to_owned)
}
