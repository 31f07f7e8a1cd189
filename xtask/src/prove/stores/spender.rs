//! Callers who spend what a budget has, whatever happens to the stores.

use super::Place;
use crate::prove::kill::dice::Dice;
use crate::wire::Client;
use crate::wire::dialect::{Ask, Delivery, Dialect};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// The most output that a call asks for.
const OUTPUT_MAX: u64 = 600;

/// Longest wait for one call.
const CALL_MAX: Duration = Duration::from_secs(30);

/// One of them, until all is over. The budget is that of the model, of which there is one for each scene.
pub async fn spend(place: &Place, mut model: watch::Receiver<Option<String>>, over: &AtomicBool, mut dice: Dice) {
    let client = Client::new(&place.base, &place.key);
    while !over.load(Ordering::Acquire) {
        let named = tokio::time::timeout(Duration::from_millis(200), model.wait_for(Option::is_some)).await;
        let Ok(Ok(model)) = named.map(|named| named.map(|model| model.clone().unwrap_or_default())) else { continue };
        let ask = Ask {
            dialect: dice.pick(&[Dialect::Chat, Dialect::Messages]).unwrap_or(Dialect::Chat),
            model,
            prompt: format!("Spend. [[sim: tokens={} chunk=4 delay=5ms]]", 20 + dice.below(700)),
            delivery: Delivery::Streamed,
            output_max: OUTPUT_MAX,
        };
        let heard = tokio::time::timeout(CALL_MAX, client.call(&ask)).await;
        if !matches!(heard, Ok(Ok(heard)) if heard.status == 200) {
            tokio::time::sleep(dice.millis(20, 80)).await;
        }
    }
}
