//! PostgreSQL and Redis stop, stand still, are out of reach, slow, full, replaced and fail over, under load over two gateways:
//! each limit does what it says, calls go on, and afterwards nothing is lost, doubled, held or overspent.

mod director;
mod listener;
mod probe;
mod spender;
mod stage;
mod trouble;
mod verdict;

use super::Length;
use super::block_on;
use super::findings::Findings;
use super::house::all_rows;
use super::kill::callers::Crowd;
use super::kill::dice::Dice;
use super::kill::{self, books};
use crate::running::{Gateway, Premises};
use crate::suite::Tally;
use crate::terminal::say;
use crate::wire::Client;
use anyhow::Result;
use director::{Director, Played};
use futures_util::future::{join, join_all};
use stage::Stage;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tg_sim::{Sim, SimOptions};
use tokio::sync::watch;
use trouble::Scene;

pub use super::kill::callers::Place;

/// Callers at each gateway who call in every dialect.
const CALLERS: u64 = 6;

/// Callers at each gateway who spend a scene's budget.
const SPENDERS: u64 = 6;

/// Calls that a limit lets through at once over both gateways: far more than there are callers.
const CONCURRENT: usize = 64;

/// What a scene's budget has, in dollars.
const CAP: &str = "0.040000000";

/// The same in nano-dollars.
const CAP_NANOS: i128 = 40_000_000;

/// How long a call waits for an answer of the shared counters.
const TIMEOUT: Duration = Duration::from_millis(300);

/// How long a trouble lasts, in the short form and in the long one.
const LASTS: [Duration; 2] = [Duration::from_millis(2_500), Duration::from_secs(12)];

/// Proves the claim.
///
/// # Errors
/// When it cannot be run.
pub fn prove(program: &Path, length: Length) -> Result<Tally> {
    let mut dice = Dice::fresh();
    say(format_args!("chance begins with {:016x}", dice.seed()));
    let lasts = length.pick(LASTS[0], LASTS[1]);
    let mut findings = Findings::new();
    for has_heirs in [false, true] {
        let premises = Premises::take()?;
        let sim = Sim::start(SimOptions::default())?;
        let (stage, scenes) = if has_heirs {
            (Stage::with_heirs(program, &premises, &sim.urls)?, &Scene::FAILING_OVER[..])
        } else {
            (Stage::set(program, &premises, &sim.urls)?, &Scene::ALL[..])
        };
        play(&mut findings, stage, &sim, (scenes, lasts), &mut dice)?;
    }
    Ok(findings.show())
}

/// Plays scenes on a stage, and notes what is to be said of them and of what they leave behind.
fn play(
    findings: &mut Findings,
    mut stage: Stage<'_>,
    sim: &Sim,
    (scenes, lasts): (&[Scene], Duration),
    dice: &mut Dice,
) -> Result<()> {
    let scenes: Vec<Scene> = scenes.iter().copied().filter(|scene| stage.can(*scene)).collect();
    let (crowds, played) = act(&mut stage, &scenes, lasts, dice)?;
    verdict::scenes(findings, &played);
    let told: Vec<_> = crowds.into_iter().flat_map(|crowd| crowd.told.into_inner().unwrap_or_default()).collect();
    let Some(first) = stage.gateways.first() else { return Ok(()) };
    block_on(async {
        let client = Client::new(first.base(), first.key());
        kill::holds(findings, &client).await?;
        for gateway in &stage.gateways {
            kill::rest(findings, gateway, sim).await?;
            kill::held(findings, &client, gateway.admin()).await?;
        }
        let rows = all_rows(&client, first.admin()).await?;
        let entries = sim.books.entries();
        books::compare(findings, &entries, &rows, &told);
        verdict::caps(findings, &played, &entries, &rows);
        Ok(())
    })?;
    std::mem::take(&mut stage.gateways).into_iter().try_for_each(Gateway::end)
}

/// Plays the scenes while callers call and spend.
fn act(stage: &mut Stage<'_>, scenes: &[Scene], lasts: Duration, dice: &mut Dice) -> Result<(Vec<Crowd>, Vec<Played>)> {
    let places: Vec<Place> = stage.gateways.iter().map(place).collect();
    let crowds: Vec<Crowd> = places.iter().map(crowd).collect();
    let (tell, told) = watch::channel(None);
    let over = AtomicBool::new(false);
    let mut director = Director::new(stage, tell, lasts);
    thread::scope(|scope| {
        let directing = scope.spawn(|| {
            let played = director.run(scenes);
            over.store(true, Ordering::Release);
            crowds.iter().for_each(|crowd| crowd.over.store(true, Ordering::Release));
            played
        });
        block_on(async {
            let callers: Vec<_> = crowds
                .iter()
                .flat_map(|crowd| (0..CALLERS).map(move |number| (crowd, number)))
                .map(|(crowd, number)| crowd.caller(number, dice.split()))
                .collect();
            let spenders: Vec<_> = places
                .iter()
                .flat_map(|place| (0..SPENDERS).map(move |_| place))
                .map(|place| spender::spend(place, told.clone(), &over, dice.split()))
                .collect();
            join(join_all(callers), join_all(spenders)).await;
            Ok(())
        })?;
        directing.join().map_err(|_| anyhow::anyhow!("a thread of the proof panicked"))?
    })
    .map(|played| (crowds, played))
}

fn place(gateway: &Gateway) -> Place {
    Place { base: gateway.base().to_owned(), key: gateway.key().to_owned() }
}

fn crowd(place: &Place) -> Crowd {
    // Gateways stay where they are.
    let (_, seen) = watch::channel(Some(place.clone()));
    Crowd { place: seen, over: AtomicBool::new(false), told: Mutex::default() }
}
