//! Counters in Redis or Valkey: every call's asks in one step at the server, settlements behind its back.
//!
//! A [`SharedCounters`] is one for a process, a [`SharedLink`] one for each thread. `reserve` and `extend` are waited for,
//! one round trip each; `settle` and `book` only put down what is to be said, which [`SharedCounters::drive`] says in
//! batches and, after an outage, in order. Every step is idempotent by the call's id: an answer that is lost changes
//! nothing.
//!
//! All keys are in one slot (`{tag}:…`), so that a cluster takes a call's asks in one step, too. All have a life: what a
//! process holds is dropped when it has not been heard of for 30 s (calls at a time) or 10 min (money); buckets fill by
//! themselves. Time is the server's. A purse remembers at which run of the server it was filled: after a restart or a
//! failover, which may have lost the last moments, it is filled from the ledger anew.

mod answers;
mod asking;
mod breaker;
mod drive;
mod extension;
mod filling;
mod forebears;
mod incarnation;
mod lease;
mod link;
mod outbox;
mod place;
mod pledges;
mod script;
mod skew;
mod tally;
mod wire;

pub use answers::AnswersLink;
pub use drive::Seen;
pub use extension::{Extended, Extending, Extension};
pub use filling::Seeding;
pub use link::Patience;
pub use place::{BadPlace, Login, Place};
pub use tally::Figures as TallyFigures;

use crate::counters::{
    ASKS_MAX, Ask, Away, BadAsks, CounterKey, Hold, HoldId, Item, Kind, Known, Reason, Reserved, Standing,
};
use asking::Asking;
use incarnation::Incarnations;
use lease::Leases;
use link::Link;
use outbox::{Entry, Outbox};
use pledges::{Pledges, Side};
use script::{Invocation, Script, Speech};
use skew::Skew;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tally::Tally;
use tg_kernel::clock::{Clock, SystemClock, Timestamp};
use tg_kernel::ids::CallId;
use tokio::sync::Notify;
use tokio::time::Instant;
use wire::{Answer, Look};

/// How counters are kept and asked.
#[derive(Clone)]
pub struct Options {
    /// Where.
    pub place: Place,
    /// What keeps all keys together, and apart from those of others: `{tag}:…`. Braces are dropped.
    pub tag: String,
    /// How long is waited.
    pub patience: Patience,
    /// Another clock than the server's, which all replicas must then have: for tests.
    pub clock: Option<Arc<dyn Clock>>,
    /// This process's clock, which is compared with the server's.
    pub own: Arc<dyn Clock>,
}

impl Options {
    /// The usual ones for a place.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self {
            place,
            tag: "tallygate".to_owned(),
            patience: Patience::default(),
            clock: None,
            own: Arc::new(SystemClock::new()),
        }
    }
}

/// Shared counters, as one process sees them.
#[derive(Clone)]
pub struct SharedCounters(Arc<Shared>);

struct Shared {
    place: Arc<Place>,
    speech: Arc<Speech>,
    patience: Patience,
    incarnations: Mutex<Incarnations>,
    /// Dead processes, of whose calls there is something to say yet.
    forebears: Mutex<Vec<String>>,
    outbox: Mutex<Outbox>,
    /// Held by who says what is in the outbox: what was heard is taken from its front.
    turn: tokio::sync::Mutex<()>,
    /// Rings when something is put into the outbox.
    bell: Notify,
    leases: Mutex<Leases>,
    pledges: Mutex<Pledges>,
    /// Held by who tells a server what calls hold.
    telling: tokio::sync::Mutex<()>,
    /// Processes that live, as the server counted them last; zero: it was never asked.
    replicas: AtomicU32,
    /// How many they were at the server before this one, and which run of a server counted last.
    before: AtomicU32,
    counted_by: Mutex<Option<Arc<str>>>,
    tally: Arc<Tally>,
    skew: Skew,
    born: Instant,
}

/// What is seen of shared counters from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Processes that count together, this one included; zero before the first beat.
    pub replicas: u32,
    /// Settlements and bookings that wait to be heard.
    pub waiting: usize,
    /// Those that were given up, as too many waited.
    pub lost: u64,
    /// Those that the server answered with an error of its own: keys that another program has changed, or a server that
    /// is none of those that are supported.
    pub refused: u64,
    /// How far this process's clock and the server's are apart.
    pub skew: Duration,
    /// What became of what was asked.
    pub tally: TallyFigures,
}

/// One thread's connection to shared counters.
pub struct SharedLink {
    shared: Arc<Shared>,
    link: Link,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole steps only.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SharedCounters {
    /// Asks nobody yet. Whoever makes one owes [`SharedCounters::drive`].
    #[must_use]
    pub fn new(options: Options) -> Self {
        let tag = options.tag.replace(['{', '}'], "");
        Self(Arc::new(Shared {
            place: Arc::new(options.place),
            speech: Arc::new(Speech { tag, clock: options.clock, born: Instant::now() }),
            patience: options.patience,
            incarnations: Mutex::new(Incarnations::new()),
            forebears: Mutex::default(),
            outbox: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            bell: Notify::new(),
            leases: Mutex::default(),
            pledges: Mutex::default(),
            telling: tokio::sync::Mutex::default(),
            replicas: AtomicU32::new(0),
            before: AtomicU32::new(0),
            counted_by: Mutex::default(),
            tally: Arc::default(),
            skew: Skew::new(options.own),
            born: Instant::now(),
        }))
    }

    /// A connection of its own, for one thread. Whoever makes one owes [`SharedLink::keep`].
    #[must_use]
    pub fn link(&self) -> SharedLink {
        let shared = Arc::clone(&self.0);
        let tally = Arc::clone(&shared.tally);
        let link = Link::new(Arc::clone(&shared.place), Arc::clone(&shared.speech), shared.patience, tally);
        SharedLink { shared, link }
    }

    /// Ends what a call has taken: `used` says how much of the ask at a place was used, given what was taken. Of a bucket
    /// the rest comes back, or what is missing is owed; of a gauge all comes back; of a purse so much stays held until it
    /// is booked. Waits for nothing.
    pub fn settle(&self, hold: Hold, mut used: impl FnMut(usize, u64) -> u64) {
        let Hold { id, items, known, .. } = hold;
        let all: Vec<(Item, u64)> = items
            .into_iter()
            .map(|item| {
                let used = used(item.ask, item.taken);
                (item, used)
            })
            .collect();
        self.0.give_leased(all.iter().filter(|(item, _)| item.leased));
        if known != Known::Not {
            let of = |key: &CounterKey| all.iter().find(|(item, _)| item.key == *key).map_or(0, |(_, used)| *used);
            lock(&self.0.pledges).ends(&id, of);
            let settled = all.iter().filter(|(item, _)| !item.leased).map(|(item, used)| (item, *used));
            self.0.push(wire::settle(&id, settled));
        }
    }

    /// What a call cost is spent of these purses: its row was just appended to the ledger. What it held of any purse ends.
    /// Also for calls that held nothing. Waits for nothing.
    pub fn book(&self, call: CallId, nanos: u64, purses: &[CounterKey]) {
        let purses: Vec<String> = purses.iter().map(wire::purse).collect();
        let (id, name) = lock(&self.0.pledges).booked(call);
        let mut keys = vec![wire::record(&id)];
        keys.extend(purses.iter().cloned());
        let invocation = Invocation { script: Script::Book, keys, arguments: vec![nanos.to_string()] };
        let appended = Some(self.0.speech.elapsed());
        self.0.say(Entry { invocation, appended, purses, _name: name });
    }

    /// These purses may lack bookings: once all that waits is said, they are filled from the ledger anew. Waits for nothing.
    pub fn mistrust(&self, purses: &[CounterKey]) {
        lock(&self.0.outbox).put_spoiled(purses.iter().map(wire::purse));
        self.0.bell.notify_one();
    }

    /// This purse lacks bookings if less than so much is spent of it: then it is filled from the ledger anew. Waits for the
    /// server.
    ///
    /// # Errors
    /// When no answer comes in time.
    pub async fn doubt(&self, link: &SharedLink, purse: &CounterKey, nanos: u64) -> Result<(), Away> {
        let keep = crate::counters::PERIOD_MAX.as_millis().to_string();
        let arguments = vec![String::new(), nanos.to_string(), keep];
        let invocation = Invocation { script: Script::Seed, keys: vec![wire::purse(purse)], arguments };
        link.link.run(&invocation).await.map(drop)
    }

    /// Whether the server has heard all that this process had to say of what was used and booked until now.
    #[must_use]
    pub fn has_said_all(&self) -> bool {
        lock(&self.0.outbox).is_said()
    }

    /// How it stands.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let outbox = lock(&self.0.outbox);
        let replicas = self.0.replicas.load(Ordering::Relaxed);
        let tally = self.0.tally.read();
        let skew = self.0.skew.apart();
        Figures { replicas, waiting: outbox.len(), lost: outbox.lost(), refused: outbox.refused(), skew, tally }
    }
}

impl Shared {
    /// Says something that is no booking.
    fn push(&self, invocation: Invocation) {
        self.say(Entry { invocation, appended: None, purses: Vec::new(), _name: None });
    }

    fn say(&self, entry: Entry) {
        lock(&self.outbox).push(entry);
        self.bell.notify_one();
    }

    fn give_leased<'a>(&self, items: impl Iterator<Item = &'a (Item, u64)>) {
        let mut items = items.peekable();
        if items.peek().is_none() {
            return;
        }
        let (mut leases, now) = (lock(&self.leases), self.born.elapsed());
        for (item, used) in items {
            if let Kind::Bucket(rate) = item.kind {
                leases.give(&item.key, rate, wire::back(item.taken, *used), now);
            }
        }
    }

    /// Says that this process lives; under another name if it was thought dead, or if the server is another than the last.
    async fn beat(&self, link: &Link, how: &str) -> Result<(), Away> {
        let mut how = how;
        // At another server, the new name is heard with the second.
        for _ in 0..3 {
            let names = lock(&self.incarnations).told();
            let (asked, began) = (self.skew.now(), Instant::now());
            let redis::Value::Array(said) = link.run(&wire::beat(&names, how)).await? else { return Ok(()) };
            let numbers: Vec<i128> = said.iter().filter_map(wire::number).collect();
            let [living, replicas, time] = numbers[..] else { return Ok(()) };
            let server = Timestamp::from_micros(i64::try_from(time).unwrap_or(i64::MAX));
            self.skew.seen(&self.place.shown(), (asked, began.elapsed()), server);
            let is_other = self.counted(link.server(), u32::try_from(replicas).unwrap_or(u32::MAX));
            if how == "leave" || (living != 0 && !is_other) {
                return Ok(());
            }
            lock(&self.incarnations).renew(&names.current);
            how = "new";
        }
        Ok(())
    }

    /// So many processes live, says this run of a server. Whether another one said so last: then this one may have missed
    /// that calls ended, and what they hold is given up with the name by which they hold it.
    fn counted(&self, server: Option<Arc<str>>, replicas: u32) -> bool {
        let mut counted_by = lock(&self.counted_by);
        let is_other = *counted_by != server;
        let was_counted = counted_by.is_some();
        if is_other {
            self.before.store(self.replicas.load(Ordering::Relaxed), Ordering::Relaxed);
            *counted_by = server;
        }
        self.replicas.store(replicas, Ordering::Relaxed);
        is_other && was_counted
    }

    /// This run of the server, as it knows this process now.
    fn side(&self, server: Option<Arc<str>>) -> Option<Side> {
        Some(Side { server: server?, name: lock(&self.incarnations).current() })
    }
}

impl SharedLink {
    /// Takes all that is asked for, or nothing, in at most one round trip (two where this process was not heard of for
    /// half a minute). The same id twice takes once.
    ///
    /// # Errors
    /// When no answer comes in time; whatever was taken nevertheless is given back as soon as the server can be told.
    pub async fn reserve(&self, id: HoldId, asks: &[Ask]) -> Result<Reserved, Away> {
        self.check(asks)?;
        let leased = self.had_from_leases(asks);
        let remote: Vec<&Ask> = asks.iter().zip(&leased).filter(|(_, had)| had.is_none()).map(|(ask, _)| ask).collect();
        if remote.is_empty() {
            let standings = leased.into_iter().flatten().collect::<Vec<_>>();
            let items = asks.iter().enumerate().map(|(place, ask)| item(place, ask, true)).collect();
            return Ok(Reserved::Held(Hold::new(id, items, Known::Not, standings)));
        }
        let leaving = Asking::of(|| self.undo_leases(asks, &leased));
        let said = self.ask(&id, 0, &remote).await;
        leaving.answered();
        match said {
            Ok((Answer::Taken(looks), name)) => Ok(Reserved::Held(self.held((id, name), asks, &leased, &looks))),
            other => {
                self.undo_leases(asks, &leased);
                Ok(match other?.0 {
                    Answer::Full(looks) => Reserved::Full(stand(asks, &leased, &looks)),
                    Answer::Unseeded(purses) => Reserved::Unseeded(purses),
                    _ => Reserved::Ended,
                })
            }
        }
    }

    /// Whether the server failed several times in a row and is not asked for a moment.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.link.rests()
    }

    fn check(&self, asks: &[Ask]) -> Result<(), Away> {
        let bad = |bad: BadAsks| Away { place: self.shared.place.shown(), reason: Reason::Asks(bad) };
        if asks.len() > ASKS_MAX {
            return Err(bad(BadAsks::TooMany(asks.len())));
        }
        let twice = asks.iter().enumerate().find(|(place, ask)| asks.iter().take(*place).any(|one| one.key == ask.key));
        twice.map_or(Ok(()), |(_, ask)| Err(bad(BadAsks::Twice(ask.key.clone()))))
    }

    fn strange(&self) -> Away {
        let reason = Reason::Server("something that is no answer; is another program using these keys?".to_owned());
        Away { place: self.shared.place.shown(), reason }
    }

    /// Asks the server; under another name if it thought this process dead. Answers by which name it asked, too.
    async fn ask(&self, id: &HoldId, extension: u32, asks: &[&Ask]) -> Result<(Answer, Arc<str>), Away> {
        let mut incarnation = lock(&self.shared.incarnations).current();
        for last in [false, true] {
            let asking = Asking::of(|| self.give_up(id, extension, asks, &Reason::Late));
            let said = self.link.run(&wire::reserve(id, &incarnation, extension, asks)).await;
            asking.answered();
            let said = said.inspect_err(|away| self.give_up(id, extension, asks, &away.reason))?;
            match wire::answer(said, asks).ok_or_else(|| self.strange())? {
                Answer::Gone if !last => {
                    lock(&self.shared.incarnations).renew(&incarnation);
                    self.shared.beat(&self.link, "new").await?;
                    incarnation = lock(&self.shared.incarnations).current();
                }
                // It does not know yet what the call holds: it may have lost it.
                Answer::Ended if extension > 0 && !self.knows(id) => return Err(self.late()),
                answer => return Ok((answer, incarnation)),
            }
        }
        Ok((Answer::Gone, incarnation))
    }

    fn knows(&self, id: &HoldId) -> bool {
        let side = self.shared.side(self.link.server());
        lock(&self.shared.pledges).is_known(id, side.as_ref())
    }

    fn late(&self) -> Away {
        Away { place: self.shared.place.shown(), reason: Reason::Late }
    }

    /// Whatever came of asks without an answer is to be undone; if the server hears them only later, it takes nothing.
    fn give_up(&self, id: &HoldId, extension: u32, asks: &[&Ask], reason: &Reason) {
        // Never sent; or part of a call that will be settled.
        if *reason == Reason::Resting || extension > 0 {
            return;
        }
        let items: Vec<Item> = asks.iter().enumerate().map(|(place, ask)| item(place, ask, false)).collect();
        self.shared.push(wire::settle(id, items.iter().map(|item| (item, 0))));
    }

    /// What leases have of these asks.
    fn had_from_leases(&self, asks: &[Ask]) -> Vec<Option<Standing>> {
        if asks.iter().all(|ask| ask.lease == 0) {
            return vec![None; asks.len()];
        }
        let mut leases = lock(&self.shared.leases);
        let had = asks.iter().map(|ask| match ask.kind {
            Kind::Bucket(rate) if ask.lease > 0 => leases.take(&ask.key, rate, ask.needed()),
            _ => None,
        });
        had.collect()
    }

    fn undo_leases(&self, asks: &[Ask], leased: &[Option<Standing>]) {
        let had = asks.iter().zip(leased).filter(|(_, had)| had.is_some());
        let items: Vec<(Item, u64)> = had.map(|(ask, _)| (item(0, ask, true), 0)).collect();
        self.shared.give_leased(items.iter());
    }

    fn held(&self, (id, name): (HoldId, Arc<str>), asks: &[Ask], leased: &[Option<Standing>], looks: &[Look]) -> Hold {
        let mut items = Vec::with_capacity(asks.len());
        let mut remote = looks.iter();
        for (place, (ask, had)) in asks.iter().zip(leased).enumerate() {
            if had.is_some() {
                items.push(item(place, ask, true));
            } else if let Some(look) = remote.next().filter(|look| !look.full) {
                self.keep_ahead(ask, *look);
                items.push(item(place, ask, false));
            }
        }
        let side = self.link.server().map(|server| Side { server, name });
        lock(&self.shared.pledges).take(&id, &items, side.as_ref());
        Hold::new(id, items, Known::Yes, stand(asks, leased, looks))
    }

    /// Keeps what was taken ahead with an ask.
    fn keep_ahead(&self, ask: &Ask, look: Look) {
        if let Kind::Bucket(rate) = ask.kind
            && look.extra > 0
        {
            let now = self.shared.born.elapsed();
            let kept = lock(&self.shared.leases).keep(&ask.key, rate, look.extra, wire::level(look), now);
            if !kept {
                let units = i64::try_from(look.extra).unwrap_or(0);
                self.shared.push(wire::give(&ask.key, rate, units));
            }
        }
    }
}

fn item(place: usize, ask: &Ask, leased: bool) -> Item {
    Item { ask: place, key: ask.key.of_holds(), kind: ask.kind, taken: ask.needed(), leased }
}

/// How each count stands, in the order of the asks.
fn stand(asks: &[Ask], leased: &[Option<Standing>], looks: &[Look]) -> Vec<Standing> {
    let mut remote = looks.iter();
    let stand =
        |(ask, had): (&Ask, &Option<Standing>)| had.or_else(|| remote.next().map(|look| wire::standing(ask, *look)));
    asks.iter().zip(leased).filter_map(stand).collect()
}

#[cfg(test)]
mod tests;
