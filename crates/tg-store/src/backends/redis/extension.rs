//! More for a call that goes on: asked for under the name of what it holds, beside it.

use super::pledges::Side;
use super::wire::Answer;
use super::{SharedCounters, SharedLink, item, lock, stand};
use crate::counters::{Ask, Away, Hold, HoldId, Known, Standing};

impl SharedLink {
    /// Takes more for a call that goes on, all or nothing. The asks are of counts that the call holds, or of others, which
    /// are settled by their place after the first ones. Leases are not used.
    ///
    /// # Errors
    /// As [`SharedLink::reserve`]; the hold stays as it was, though the server may hold more until it is settled.
    pub async fn extend(&self, hold: &mut Hold, asks: &[Ask]) -> Result<Extended, Away> {
        let extension = Extension::of(hold, asks.to_vec());
        let answer = self.ask_for(&extension).await;
        self.extended(hold, &extension, answer)
    }

    /// Asks for an extension, of a hold that need not be at hand meanwhile. What comes of it is for [`Self::extended`].
    pub async fn ask_for(&self, extension: &Extension) -> Extending {
        let Extension { id, number, asks } = extension;
        let all: Vec<&Ask> = asks.iter().collect();
        let said = match self.check(asks) {
            Ok(()) => self.ask(id, *number, &all).await.map(|(answer, name)| {
                let by = self.link.server().map(|server| Side { server, name });
                (answer, by)
            }),
            Err(away) => Err(away),
        };
        Extending(said)
    }

    /// Adds to a hold what came of asking for more. A hold that is settled before this is heard of owes nothing more: of
    /// purses its settlement says what stays held, and buckets fill by themselves.
    ///
    /// # Errors
    /// As [`SharedLink::extend`].
    pub fn extended(&self, hold: &mut Hold, extension: &Extension, said: Extending) -> Result<Extended, Away> {
        let asks = &extension.asks;
        let (answer, by) = said.0?;
        let looks = match answer {
            Answer::Taken(looks) => looks,
            Answer::Full(looks) => {
                return Ok(Extended::Full(stand(asks, &vec![None; asks.len()], &looks)));
            }
            Answer::Unseeded(purses) => return Ok(Extended::Unseeded(purses)),
            Answer::Gone | Answer::Ended => return Ok(Extended::Ended),
        };
        hold.known = Known::Yes;
        let mut next = hold.items.iter().map(|item| item.ask + 1).max().unwrap_or(0);
        for (ask, look) in asks.iter().zip(&looks).filter(|(_, look)| !look.full) {
            self.keep_ahead(ask, *look);
            let more = item(next, ask, false);
            match hold.items.iter_mut().find(|item| item.key == more.key && !item.leased) {
                Some(item) => item.taken = item.taken.saturating_add(ask.needed()),
                None => {
                    hold.items.push(more);
                    next += 1;
                }
            }
        }
        lock(&self.shared.pledges).grows(&hold.id, &hold.items, by.as_ref());
        hold.stands(stand(asks, &vec![None; asks.len()], &looks));
        Ok(Extended::Held)
    }
}

impl SharedCounters {
    /// A call holds so much more of what it took of the asks at these places of its first list, though the server was not
    /// asked: it was away. It is told when it is back. Waits for nothing.
    pub fn grew(&self, hold: &mut Hold, places: &[usize], more: u64) {
        for item in hold.items.iter_mut().filter(|item| places.contains(&item.ask)) {
            item.taken = item.taken.saturating_add(more);
        }
        lock(&self.0.pledges).grows(&hold.id, &hold.items, None);
        self.0.bell.notify_one();
    }
}

/// More that is asked for a hold.
#[derive(Clone, Debug)]
pub struct Extension {
    id: HoldId,
    number: u32,
    asks: Vec<Ask>,
}

impl Extension {
    /// Of this hold, which remembers that it was asked for.
    #[must_use]
    pub fn of(hold: &mut Hold, asks: Vec<Ask>) -> Self {
        if hold.known == Known::Yes {
            // An ask whose answer is lost may have been heard: its number is not used again.
            hold.extensions = hold.extensions.saturating_add(1);
        } else {
            // What was had from leases alone the server does not know: it is asked as if for a call that comes, and where
            // it has no room, or is not heard, next time under another name.
            hold.id = hold.id.again();
            hold.known = Known::Perhaps;
        }
        Self { id: hold.id.clone(), number: hold.extensions, asks }
    }

    /// What is asked for.
    #[must_use]
    pub fn asks(&self) -> &[Ask] {
        &self.asks
    }
}

/// What the server said to an extension.
#[derive(Debug)]
pub struct Extending(Result<(Answer, Option<Side>), Away>);

/// How an extension ends.
#[derive(Debug)]
#[must_use]
pub enum Extended {
    /// All was taken.
    Held,
    /// Nothing was: how each count stands.
    Full(Vec<Standing>),
    /// Nothing was: these purses must be filled first.
    Unseeded(Vec<crate::counters::Unseeded>),
    /// Nothing was: what the call held was given up, or is settled.
    Ended,
}
