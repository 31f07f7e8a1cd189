//! One scene after the other: what is brought, what is seen meanwhile, how long it takes until all is well again.

use super::Place;
use super::listener::{self, Heard};
use super::probe::{self, Manner, Seen};
use super::stage::Stage;
use super::trouble::{LONELY, Scene, Server};
use crate::prove::block_on;
use crate::wire::Client;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long callers have before each scene.
const BEFORE: Duration = Duration::from_millis(700);

/// How long a gateway may take to know that its counters are away.
const GRACE: Duration = Duration::from_millis(1_200);

/// How long it may take until all is well again.
const RECOVERY_MAX: Duration = Duration::from_secs(30);

/// What was seen of a scene.
#[derive(Debug)]
pub struct Played {
    /// Which.
    pub scene: Scene,
    /// The model that had the scene's budget.
    pub model: String,
    /// Probes while it lasted.
    pub probes: usize,
    /// Those that were not as they must be.
    pub flaws: Vec<String>,
    /// The longest wait for one.
    pub slowest: Duration,
    /// Streams from before it until it was over.
    pub heard: Heard,
    /// How long it took until every gateway decided as before; `None`: for too long.
    pub recovered: Option<Duration>,
    /// What became of the key that was to be revoked; for PostgreSQL alone.
    pub revocation: Option<Revocation>,
}

/// What became of a key.
#[derive(Debug)]
pub struct Revocation {
    /// What the admin interface said meanwhile.
    pub meanwhile: String,
    /// Whether that was as it must be.
    pub as_stated: bool,
    /// After what time the other gateway refused it, from the moment on at which it could know; `None`: for too long.
    pub refused_after: Option<Duration>,
}

/// What was seen while a trouble lasted.
#[derive(Debug, Default)]
struct Watched {
    probes: usize,
    flaws: Vec<String>,
    slowest: Duration,
}

/// What was seen of a trouble, what became of the key, and how long it took until all was well again.
type Acted = (Watched, Option<Revocation>, Option<Duration>);

/// Plays scenes.
#[derive(Debug)]
pub struct Director<'a, 'b> {
    stage: &'a mut Stage<'b>,
    budget: watch::Sender<Option<String>>,
    lasts: Duration,
}

impl<'a, 'b> Director<'a, 'b> {
    /// Tells spenders through `budget` which model to call. Each trouble lasts so long.
    pub const fn new(stage: &'a mut Stage<'b>, budget: watch::Sender<Option<String>>, lasts: Duration) -> Self {
        Self { stage, budget, lasts }
    }

    /// Plays them.
    ///
    /// # Errors
    /// When what is to happen cannot be done.
    pub fn run(&mut self, scenes: &[Scene]) -> Result<Vec<Played>> {
        let play = |(number, scene): (usize, &Scene)| self.play(number, *scene).with_context(|| scene.to_string());
        scenes.iter().enumerate().map(play).collect()
    }

    fn play(&mut self, number: usize, scene: Scene) -> Result<Played> {
        let model = format!("cap-{number}");
        self.budget.send_replace(Some(model.clone()));
        let key = (scene.server == Server::Postgres).then(|| block_on(self.new_key())).transpose()?;
        let places: Vec<Place> = self.stage.gateways.iter().map(super::place).collect();
        let over = AtomicBool::new(false);
        let (acted, heard) = thread::scope(|scope| {
            let listening = scope.spawn(|| block_on(async { Ok(listener::listen(&places, &over).await) }));
            let acted = self.act(scene, key.as_ref(), &over);
            // Whatever failed, all must end.
            over.store(true, Ordering::Release);
            (acted, listening.join())
        });
        let (Watched { probes, flaws, slowest }, revocation, recovered) = acted?;
        let heard = heard.map_err(|_| anyhow::anyhow!("a thread of the proof panicked"))??;
        self.budget.send_replace(None);
        Ok(Played { scene, model, probes, flaws, slowest, heard, recovered, revocation })
    }

    /// Brings it, watches, mends it, and waits until all is well again; says when the trouble is over.
    fn act(&mut self, scene: Scene, key: Option<&Key>, over: &AtomicBool) -> Result<Acted> {
        thread::sleep(BEFORE);
        self.stage.bring(scene)?;
        let (seen, said) = block_on(async {
            let revoking = async {
                match key {
                    Some(key) => self.revoke(&key.id).await.map(Some),
                    None => Ok(None),
                }
            };
            futures_util::future::try_join(self.watch(scene), revoking).await
        })?;
        self.stage.mend(scene)?;
        let mended = Instant::now();
        over.store(true, Ordering::Release);
        let revocation = key.zip(said).map(|(key, said)| self.revocation(scene, key, said, mended)).transpose()?;
        Ok((seen, revocation, self.recovered(mended)?))
    }

    /// Asks again and again while it lasts.
    async fn watch(&self, scene: Scene) -> Result<Watched> {
        let (begun, mut watched) = (Instant::now(), Watched::default());
        while begun.elapsed() < self.lasts {
            for (gateway, manner, seen) in self.look().await? {
                watched.probes += 1;
                watched.slowest = watched.slowest.max(seen.took);
                let as_stated = seen.is(manner.expected(scene.counts_alone(gateway)))
                    || scene.passes() && (seen.is(manner.expected(true)) || seen.is_refused());
                if begun.elapsed() > GRACE && !as_stated {
                    watched.flaws.push(format!("{scene}, gateway {gateway}, {manner:?}: {seen:?}"));
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(watched)
    }

    fn client(&self, gateway: usize) -> Result<(Client, String)> {
        let gateway = self.stage.gateways.get(gateway).context("no such gateway")?;
        Ok((Client::new(gateway.base(), gateway.key()), format!("{}/admin/v1", gateway.admin())))
    }

    /// One probe of each kind at each gateway.
    async fn look(&self) -> Result<Vec<(usize, Manner, Seen)>> {
        let mut all = Vec::new();
        for gateway in 0..self.stage.gateways.len() {
            let (client, _) = self.client(gateway)?;
            for manner in Manner::ALL {
                all.push((gateway, manner, probe::ask(&client, manner).await?));
            }
        }
        Ok(all)
    }

    /// Waits until every gateway decides as if nothing had been.
    fn recovered(&self, since: Instant) -> Result<Option<Duration>> {
        while since.elapsed() < RECOVERY_MAX {
            let after = since.elapsed();
            if block_on(self.look())?.iter().all(|(_, manner, seen)| seen.is(manner.expected(false))) {
                return Ok(Some(after));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(None)
    }

    /// Makes a key, and waits until every gateway knows it.
    async fn new_key(&self) -> Result<Key> {
        let (client, admin) = self.client(0)?;
        let issued = client.post(&format!("{admin}/keys"), &json!({ "team": "default" })).await?;
        let text = |at: &str| issued.pointer(at).and_then(Value::as_str).map(str::to_owned).context("no key");
        let key = Key { id: text("/key/id")?, secret: text("/secret")? };
        let limit = Instant::now() + RECOVERY_MAX;
        for gateway in 0..self.stage.gateways.len() {
            while self.status(gateway, &key).await? != 200 {
                anyhow::ensure!(Instant::now() < limit, "gateway {gateway} does not know a new key");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(key)
    }

    async fn status(&self, gateway: usize, key: &Key) -> Result<u16> {
        let client = self.client(gateway)?.0.with_key(&key.secret);
        Ok(probe::ask(&client, Manner::Shadow).await?.status)
    }

    /// Revokes a key at the first gateway; what that said, where it was no success.
    async fn revoke(&self, id: &str) -> Result<Option<String>> {
        let (client, admin) = self.client(0)?;
        let done = client.post(&format!("{admin}/keys/{id}/revoke"), &json!({})).await;
        // What stands behind the address is what was said.
        let said = |text: String| text.split_once("/revoke: ").map_or(text.clone(), |(_, said)| said.to_owned());
        Ok(done.err().map(|error| said(format!("{error:#}"))))
    }

    /// Sees to it that the key is revoked at the first gateway, and waits until the other refuses it.
    fn revocation(&self, scene: Scene, key: &Key, said: Option<String>, mended: Instant) -> Result<Revocation> {
        block_on(async {
            let (mut since, mut refusal) = (mended, said.clone());
            while refusal.is_some() && mended.elapsed() < RECOVERY_MAX {
                refusal = self.revoke(&key.id).await?;
                since = Instant::now();
            }
            let mut refused_after = None;
            while since.elapsed() < RECOVERY_MAX && refused_after.is_none() {
                let status = self.status(LONELY, key).await?;
                refused_after = (status == 401).then(|| since.elapsed());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let as_stated = said.is_some() || !scene.forbids_changes();
            Ok(Revocation { meanwhile: said.unwrap_or_else(|| "done".to_owned()), as_stated, refused_after })
        })
    }
}

/// A key that is to be revoked.
struct Key {
    id: String,
    secret: String,
}
