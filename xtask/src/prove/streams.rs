//! Streams: whole and in order, ended when their caller leaves, and light.

use super::Length;
use super::findings::Findings;
use super::house::{House, OFFERS};
use crate::suite::Tally;
use crate::wire::Client;
use crate::wire::client::Hearing;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tg_sim::Ending;

/// How long a provider may wait for the news that the caller has left.
const CANCELLED_MAX: Duration = Duration::from_secs(1);

/// How long a gateway is left alone before its memory at rest is read.
const REST: Duration = Duration::from_secs(1);

/// How often the providers' books are looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Events from the end of a stream within which it may be over before the provider hears of a caller's leaving.
const NEARLY_OVER: usize = 8;

/// Proves the claim.
///
/// # Errors
/// When it cannot be run.
pub async fn prove(program: &Path, length: Length) -> Result<Tally> {
    let mut findings = Findings::new();
    let house = House::start(program)?;
    tokio::time::sleep(REST).await;
    let idle = house.gateway.memory()?.resident;
    findings.tell("memory at rest (goal: 20 MiB)", format_args!("{idle} KiB"));
    let mut calls = slow(&mut findings, &house, length).await?;
    calls += many(&mut findings, &house, length).await?;
    leaving(&mut findings, &house, calls, length).await?;
    for (dialect, provider) in [(Dialect::Chat, "openai"), (Dialect::Messages, "bedrock")] {
        weight(&mut findings, &house, (dialect, provider), length).await?;
    }
    let tally = findings.show();
    house.gateway.end()?;
    Ok(tally)
}

/// Every dialect with every provider.
fn ways() -> Vec<(Dialect, usize)> {
    Dialect::TALKING.iter().flat_map(|dialect| (0..OFFERS.len()).map(move |offer| (*dialect, offer))).collect()
}

fn ask((dialect, offer): (Dialect, usize), prompt: String) -> Ask {
    Ask { dialect, model: OFFERS[offer].model.to_owned(), prompt, delivery: Delivery::Streamed, output_max: OUTPUT_MAX }
}

/// What a simulated provider answers: its prompt, again and again, to an exact number of tokens of four bytes.
fn answer(prompt: &str, tokens: usize) -> String {
    format!("echo: {prompt} ").chars().cycle().take(tokens * 4).collect()
}

/// Streams that take long, one of each way. Answers how many.
async fn slow(findings: &mut Findings, house: &House, length: Length) -> Result<usize> {
    let seconds = length.pick(10, 60);
    let tokens = seconds * 20;
    let begun = Instant::now();
    let flaws =
        whole(house, ways(), |number| (format!("Slow {number}"), format!("tokens={tokens} delay=50ms"), tokens)).await;
    ensure!(begun.elapsed() >= Duration::from_secs(seconds as u64), "the slow streams were too fast");
    findings.none(format_args!("streams of {seconds} seconds arrive whole and in order"), ways().len(), &flaws);
    Ok(ways().len())
}

/// Streams that are open at the same time. Answers how many.
async fn many(findings: &mut Findings, house: &House, length: Length) -> Result<usize> {
    let count = length.pick(200, 1000);
    let all: Vec<_> = ways().into_iter().cycle().take(count).collect();
    let flaws = whole(house, all, |number| {
        let tokens = 60 + number % 17;
        (format!("Stream number {number} of many"), format!("tokens={tokens} delay=30ms"), tokens)
    })
    .await;
    findings.none(format_args!("{count} concurrent streams arrive whole and in order"), count, &flaws);
    Ok(count)
}

/// Hears streams at the same time and answers which were not as asked. `script` gives prompt, directive and tokens.
async fn whole(
    house: &House,
    ways: Vec<(Dialect, usize)>,
    script: impl Fn(usize) -> (String, String, usize),
) -> Vec<String> {
    let client = house.client();
    let streams = ways.into_iter().enumerate().map(|(number, way)| {
        let (prompt, directive, tokens) = script(number);
        let (client, ask) = (client.clone(), ask(way, format!("{prompt} [[sim: {directive}]]")));
        async move {
            let place = format!("{} on {}", ask.dialect.name(), OFFERS[way.1].provider);
            match client.call(&ask).await {
                Ok(heard) if heard.complete && heard.text == answer(&prompt, tokens) => None,
                Ok(heard) => Some(format!("{place}: {heard:?}")),
                Err(error) => Some(format!("{place}: {error:#}")),
            }
        }
    });
    join_all(streams).await.into_iter().flatten().collect()
}

/// A caller that left.
struct Left {
    place: String,
    id: Option<String>,
    /// How many events it had heard, and how many there are.
    heard: (usize, usize),
    at: Instant,
}

/// Callers that leave at every event, after so many earlier calls.
async fn leaving(findings: &mut Findings, house: &House, earlier: usize, length: Length) -> Result<()> {
    let client = house.client();
    let ways = length.pick(
        vec![
            (Dialect::Chat, 2),
            (Dialect::Responses, 1),
            (Dialect::Messages, 1),
            (Dialect::Converse, 0),
            (Dialect::Invoke, 0),
        ],
        ways(),
    );
    let mut calls = earlier;
    let (mut flaws, mut left, mut slowest) = (Vec::new(), 0, Duration::ZERO);
    for way in ways {
        let script = ask(way, "Leave me [[sim: tokens=30 delay=20ms]]".to_owned());
        let events = count_events(&client, &script).await?;
        let leaves = (0..=events).map(|at| leave(client.clone(), script.clone(), (at, events)));
        let (gone, endings) = watched(house, leaves).await?;
        calls += gone.len() + 1;
        left += gone.len();
        flaws.extend(gone.iter().filter_map(|left| cancellation(left, &endings, &mut slowest)));
        let rows = house.rows(&client, calls).await?;
        flaws.extend(gone.iter().filter_map(|left| booking(left, &rows)));
        if rows.len() != calls {
            flaws.push(format!("{}: {} rows for {calls} calls", way.0.name(), rows.len()));
        }
    }
    findings.none("a caller that leaves at any event leaves one row, and the provider knows", left, &flaws);
    let seen = format_args!("{} ms at most", slowest.as_millis());
    findings.note("the provider's stream is cancelled within a second", seen, slowest <= CANCELLED_MAX && left > 0);
    Ok(())
}

async fn count_events(client: &Client, ask: &Ask) -> Result<usize> {
    let mut hearing = client.stream(ask).await?;
    let mut events = 0;
    while hearing.next().await.is_some() {
        events += 1;
    }
    ensure!(events > NEARLY_OVER, "a stream of {events} events in {}", ask.dialect.name());
    Ok(events)
}

async fn leave(client: Client, ask: Ask, (at, events): (usize, usize)) -> Result<Left> {
    let mut hearing = client.stream(&ask).await?;
    for event in 0..at {
        hearing.next().await.with_context(|| format!("{} ended at event {event}", ask.dialect.name()))?;
    }
    let place = format!("{} at event {at} of {events}", ask.dialect.name());
    Ok(Left { place, id: hearing.id.clone(), heard: (at, events), at: Instant::now() })
}

/// How and when the provider's side of a call ended, by the gateway's id.
type Endings = HashMap<String, (Ending, Instant)>;

/// Lets callers leave, and watches the providers' books meanwhile, until they know of all or were given up.
async fn watched(
    house: &House,
    leaves: impl Iterator<Item = impl Future<Output = Result<Left>>>,
) -> Result<(Vec<Left>, Endings)> {
    house.quiet().await?;
    house.sim.books.reset();
    let endings = RefCell::new(Endings::new());
    let look = async {
        loop {
            for entry in house.sim.books.entries() {
                let Some(id) = entry.gateway_request_id else { continue };
                endings.borrow_mut().entry(id).or_insert_with(|| (entry.ending, Instant::now()));
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let all = async {
        let gone: Vec<Left> = join_all(leaves).await.into_iter().collect::<Result<_>>()?;
        let limit = Instant::now() + 3 * CANCELLED_MAX;
        while endings.borrow().len() < gone.len() && Instant::now() < limit {
            tokio::time::sleep(LOOK).await;
        }
        Ok(gone)
    };
    let gone: Result<Vec<Left>> = tokio::select! {
        gone = all => gone,
        () = look => Ok(Vec::new()),
    };
    Ok((gone?, endings.into_inner()))
}

/// What is wrong with what the provider knows of a caller that left.
fn cancellation(left: &Left, endings: &Endings, slowest: &mut Duration) -> Option<String> {
    let nearly_over = left.heard.0 + NEARLY_OVER > left.heard.1;
    match left.id.as_ref().and_then(|id| endings.get(id)) {
        None => Some(format!("{}: the provider was never told", left.place)),
        Some((Ending::CallerGone, at)) => {
            *slowest = (*slowest).max(at.saturating_duration_since(left.at));
            None
        }
        Some((Ending::Complete, _)) if nearly_over => None,
        Some((ending, _)) => Some(format!("{}: the provider saw {ending:?}", left.place)),
    }
}

/// What is wrong with the ledger's rows of a caller that left.
fn booking(left: &Left, rows: &[Value]) -> Option<String> {
    let own: Vec<&Value> = rows.iter().filter(|row| row["request_id"].as_str() == left.id.as_deref()).collect();
    match own.as_slice() {
        [row] if row["ending"] == "client_gone" && row["usage_source"] != "none" => None,
        [row] if row["ending"] == "ok" && left.heard.0 + NEARLY_OVER > left.heard.1 => None,
        other => Some(format!("{}: rows {other:?}", left.place)),
    }
}

/// Memory of open streams, in a gateway of its own.
async fn weight(
    findings: &mut Findings,
    house: &House,
    (dialect, provider): (Dialect, &str),
    length: Length,
) -> Result<()> {
    let count = length.pick(200, 1000);
    let gateway = house.beside("")?;
    let client = Client::new(gateway.base(), gateway.key());
    let offer = OFFERS.iter().position(|offer| offer.provider == provider).context("no such provider")?;
    let script = ask((dialect, offer), "Hold on [[sim: tokens=50 hang_after=2]]".to_owned());
    let first = open(&client, &script, 10).await?;
    drop(first);
    house.quiet().await?;
    let before = gateway.memory()?.resident;
    let streams = open(&client, &script, count).await?;
    let after = gateway.memory()?.resident;
    let each = after.saturating_sub(before) / count as u64;
    findings.tell(
        format_args!("memory of an open stream, {} on {provider} (goal: 24 KiB)", dialect.name()),
        format_args!("{each} KiB ({count} streams; {before} KiB before, {after} KiB with them)"),
    );
    drop(streams);
    house.quiet().await?;
    gateway.end()
}

/// Opens streams and hears the first events of each.
async fn open(client: &Client, ask: &Ask, count: usize) -> Result<Vec<Hearing>> {
    let streams = (0..count).map(|_| async {
        let mut hearing = client.stream(ask).await?;
        hearing.next().await.with_context(|| format!("status {} and no event", hearing.status))?;
        Ok(hearing)
    });
    join_all(streams).await.into_iter().collect()
}
