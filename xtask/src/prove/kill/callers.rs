//! Callers in every dialect, some of whom vanish, who go on whatever dies.

use super::dice::Dice;
use crate::prove::house::OFFERS;
use crate::wire::Client;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::Result;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Longest wait for one call; a gateway that leaves a caller hanging for so long shows in the figures.
const CALL_MAX: Duration = Duration::from_secs(30);

/// Where the gateway is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub base: String,
    pub key: String,
}

/// What callers share.
#[derive(Debug)]
pub struct Crowd {
    /// Where the gateway is; nowhere while it is dead.
    pub place: watch::Receiver<Option<Place>>,
    /// When to stop.
    pub over: AtomicBool,
    /// Calls of which a caller heard something.
    pub told: Mutex<Vec<Told>>,
}

/// What a caller knows of a call.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: String,
    pub status: u16,
    /// Whether all of the answer was heard.
    pub whole: bool,
}

/// What a caller does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Hears,
    LeavesWithin,
    LeavesBefore,
}

impl Crowd {
    /// One caller, who calls until all is over.
    pub async fn caller(&self, number: u64, mut dice: Dice) {
        let mut place = self.place.clone();
        let mut client: Option<(Place, Client)> = None;
        for call in 0u64.. {
            let found = match tokio::time::timeout(Duration::from_millis(200), place.wait_for(Option::is_some)).await {
                Ok(Ok(found)) => found.clone(),
                Ok(Err(_)) => return,
                Err(_) => None,
            };
            if self.over.load(Ordering::Acquire) {
                return;
            }
            let Some(found) = found else { continue };
            if client.as_ref().is_none_or(|(known, _)| *known != found) {
                client = Some((found.clone(), Client::new(&found.base, &found.key)));
            }
            let Some((_, client)) = &client else { continue };
            let (ask, manner) = case(number, call, &mut dice);
            let calling = tokio::time::timeout(CALL_MAX, self.call(client, &ask, manner, &mut dice));
            if !matches!(calling.await, Ok(Ok(()))) {
                // The gateway is being killed, or its disk is full: nobody hammers at a closed door.
                tokio::time::sleep(dice.millis(2, 20)).await;
            }
        }
    }

    async fn call(&self, client: &Client, ask: &Ask, manner: Manner, dice: &mut Dice) -> Result<()> {
        match manner {
            Manner::Hears => {
                let heard = client.call(ask).await?;
                self.tell(heard.id, heard.status, heard.complete);
                anyhow::ensure!(heard.status == 200, "status {}", heard.status);
            }
            Manner::LeavesWithin => {
                let mut hearing = client.stream(ask).await?;
                self.tell(hearing.id.clone(), hearing.status, false);
                for _ in 0..dice.below(8) {
                    if hearing.next().await.is_none() {
                        break;
                    }
                }
            }
            Manner::LeavesBefore => {
                drop(tokio::time::timeout(dice.millis(0, 40), client.call(ask)).await);
            }
        }
        Ok(())
    }

    fn tell(&self, id: Option<String>, status: u16, whole: bool) {
        if let (Some(id), Ok(mut told)) = (id, self.told.lock()) {
            told.push(Told { id, status, whole });
        }
    }
}

fn case(caller: u64, call: u64, dice: &mut Dice) -> (Ask, Manner) {
    let manner = match dice.below(20) {
        0..=2 => Manner::LeavesWithin,
        3 => Manner::LeavesBefore,
        _ => Manner::Hears,
    };
    let offer = dice.pick(&OFFERS).unwrap_or(OFFERS[0]);
    let streamed = manner == Manner::LeavesWithin || dice.below(2) == 0;
    let mut ask = Ask {
        dialect: dice.pick(&Dialect::TALKING).unwrap_or(Dialect::Chat),
        model: offer.model.to_owned(),
        prompt: String::new(),
        delivery: if streamed { Delivery::Streamed } else { Delivery::Plain },
        output_max: OUTPUT_MAX,
    };
    let text = format!("Call {call} of caller {caller}. {}", "More words. ".repeat(call as usize % 13));
    ask.prompt = match (dice.below(20), offer.embedding) {
        (0, Some(model)) if manner == Manner::Hears => {
            ask = Ask { dialect: Dialect::Embeddings, model: model.to_owned(), delivery: Delivery::Plain, ..ask };
            text
        }
        (1, _) => format!("{text} [[sim: status={}]]", [400, 429, 500, 503][call as usize % 4]),
        (2, _) if streamed => format!("{text} [[sim: tokens=50 die_after={}]]", dice.below(20)),
        (3, _) => format!("{text} [[sim: tokens=9 ttft={}ms]]", dice.below(120)),
        (4..=12, _) if streamed => format!("{text} [[sim: tokens={} delay=2ms]]", 10 + dice.below(60)),
        (_, _) => format!("{text} [[sim: tokens={}]]", 1 + dice.below(90)),
    };
    (ask, manner)
}
