//! All credentials of the process: one per settings and session, on a thread of their own, kept over reloads.

use super::fetch::{self, Base, Chain};
use super::name::{Caller, Per};
use super::slot::{Reason, Slot};
use super::{Identity, Proof, Role, Settings, Source};
use aws_credential_types::Credentials;
use aws_sdk_sts::config::SharedHttpClient;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tg_kernel::clock::Clock;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How often sessions that nobody uses are looked for while there is no room for more.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// The process's AWS credentials. Starts nothing before the first call that needs it.
pub struct Wallet {
    clock: Arc<dyn Clock>,
    crew: OnceLock<Crew>,
    held: Mutex<Vec<Arc<Held>>>,
}

/// The thread on which credentials are fetched.
struct Crew {
    runtime: Handle,
    http: SharedHttpClient,
    /// Its end ends the thread.
    _stop: Option<oneshot::Sender<()>>,
}

/// What is held for one configured identity.
pub(super) struct Held {
    settings: Settings,
    base: Option<Base>,
    sessions: Mutex<Sessions>,
}

/// The sessions of a role.
#[derive(Default)]
struct Sessions {
    /// Those of projects and keys: at most `sessions_max`.
    fine: HashMap<Caller, Session>,
    /// Those of whole teams: as many as there are teams.
    teams: HashMap<Caller, Session>,
    swept: Option<Duration>,
}

#[derive(Clone)]
struct Session {
    name: Arc<str>,
    slot: Arc<Slot>,
}

impl Wallet {
    /// A wallet that holds nothing.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, crew: OnceLock::new(), held: Mutex::default() }
    }

    /// What the gateway's own questions are authorised with: its own identity, also where a role signs the calls.
    ///
    /// # Errors
    /// As [`Wallet::proof`].
    pub async fn own_proof(&self, identity: Option<&Identity>) -> Result<Proof, Fault> {
        let Some(identity) = identity else { return Ok(Proof::Standing) };
        let own = Identity::new(Settings { role: None, ..identity.settings.clone() });
        let nobody =
            || Caller { team: Arc::from(""), project: None, environment: None, key_id: None, cost_centre: None };
        self.proof(&own, nobody).await
    }

    /// What the next call is authorised with. Returns at once where fresh credentials are at hand; else waits for them,
    /// not for ever. `caller` is asked where it matters who calls.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` (`aws_credentials_unavailable`) when there are none.
    pub async fn proof(&self, identity: &Identity, caller: impl FnOnce() -> Caller) -> Result<Proof, Fault> {
        let settings = &identity.settings;
        match (&settings.source, &settings.role) {
            (Source::ApiKey(key), _) => return Ok(Proof::Bearer(key.clone())),
            (Source::Keys(keys), None) => return Ok(Proof::Keys { credentials: keys.clone(), session: None }),
            _ => {}
        }
        let crew = self.crew()?;
        let held = self.held(identity, crew);
        let (session, found) = match (&settings.role, &held.base) {
            (Some(role), Some(base)) => {
                let session = held.session(role, base, caller(), crew, &self.clock);
                (Some(session.name), session.slot.credentials(&crew.runtime).await)
            }
            (None, Some(Base::Slot(slot))) => (None, slot.credentials(&crew.runtime).await),
            (None, Some(Base::Keys(keys))) => (None, Ok(keys.clone())),
            (_, None) => (None, Err("the settings hold no credentials".into())),
        };
        let credentials: Credentials = found.map_err(|reason| unavailable(&reason))?;
        Ok(Proof::Keys { credentials, session })
    }

    fn crew(&self) -> Result<&Crew, Fault> {
        if self.crew.get().is_none() {
            // Who comes second finds the first one's; the other thread ends at once.
            drop(self.crew.set(Crew::start().map_err(Fault::internal)?));
        }
        self.crew.get().ok_or_else(|| Fault::internal("the thread for AWS credentials is not there"))
    }

    /// What is held for these settings: by this snapshot, by an earlier one, or from now on.
    fn held<'a>(&self, identity: &'a Identity, crew: &Crew) -> &'a Held {
        identity.held.get_or_init(|| {
            let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(held) = all.iter().find(|held| held.settings == identity.settings) {
                return Arc::clone(held);
            }
            // What no configuration refers to and nobody asks for.
            all.retain(|held| Arc::strong_count(held) > 1 || held.is_tended());
            let held = Arc::new(Held::new(&identity.settings, crew, &self.clock));
            all.push(Arc::clone(&held));
            held
        })
    }
}

impl Crew {
    fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new().name("aws-credentials".to_owned()).spawn(move || {
            // An error means that the wallet is gone, which is what is waited for.
            let _ = runtime.block_on(stopped);
            // A look-up of a name or a program that hangs must not hold up the process's end.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, http: fetch::http_client(), _stop: Some(stop) })
    }
}

impl Held {
    fn new(settings: &Settings, crew: &Crew, clock: &Arc<dyn Clock>) -> Self {
        let base = match &settings.source {
            Source::ApiKey(_) => None,
            Source::Keys(keys) => Some(Base::Keys(keys.clone())),
            Source::Chain { profile } => {
                let chain = Chain {
                    profile: profile.clone(),
                    region: Arc::clone(&settings.region),
                    fips: settings.fips,
                    http: crew.http.clone(),
                };
                Some(Base::Slot(Slot::new(Box::new(chain), Arc::clone(clock))))
            }
        };
        Self { settings: settings.clone(), base, sessions: Mutex::default() }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_tended(&self) -> bool {
        let sessions = self.sessions();
        let mut slots = sessions.fine.values().chain(sessions.teams.values()).map(|session| &session.slot);
        slots.any(|slot| slot.is_tended()) || matches!(&self.base, Some(Base::Slot(slot)) if slot.is_tended())
    }

    /// The session for a caller: its own where there is room, else its team's.
    fn session(&self, role: &Role, base: &Base, caller: Caller, crew: &Crew, clock: &Arc<dyn Clock>) -> Session {
        let make = |caller: &Caller| {
            let name = caller.session_name();
            let session = fetch::Session {
                base: base.clone(),
                role: role.clone(),
                settings: self.settings.clone(),
                name: Arc::clone(&name),
                tags: caller.session_tags(role),
                http: crew.http.clone(),
            };
            Session { name, slot: Slot::new(Box::new(session), Arc::clone(clock)) }
        };
        self.sessions().of(&caller, role, clock.monotonic(), make)
    }
}

impl Sessions {
    fn of(&mut self, caller: &Caller, role: &Role, now: Duration, make: impl Fn(&Caller) -> Session) -> Session {
        let (own, team) = (caller.seen_as(role.per), caller.seen_as(Per::Team));
        if let Some(session) = self.fine.get(&own) {
            return session.clone();
        }
        if own != team && self.has_room(role.sessions_max, now) {
            return self.fine.entry(own).or_insert_with_key(make).clone();
        }
        if let Some(session) = self.teams.get(&team) {
            return session.clone();
        }
        self.teams.retain(|_, session| session.slot.is_tended());
        self.teams.entry(team).or_insert_with_key(make).clone()
    }

    /// Whether one more finds room, once those that nobody uses are gone.
    fn has_room(&mut self, most: usize, now: Duration) -> bool {
        let due = self.swept.is_none_or(|swept| now.saturating_sub(swept) >= SWEEP_EVERY);
        if self.fine.len() >= most && due {
            self.swept = Some(now);
            self.fine.retain(|_, session| session.slot.is_tended());
            if self.fine.len() >= most {
                tracing::warn!(most, "no room for more sessions of an AWS role: further callers get their team's");
            }
        }
        self.fine.len() < most
    }
}

fn unavailable(reason: &Reason) -> Fault {
    let message = "The gateway has no AWS credentials for this provider now; its operator must mend that.";
    Fault::new(Class::UpstreamFailed, Origin::Gateway, "aws_credentials_unavailable", message)
        .retry(Retry::Elsewhere)
        .caused_by(reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::slot::{Fetch, Fetched};
    use std::collections::BTreeMap;
    use std::future::Future;
    use std::pin::Pin;
    use tg_kernel::clock::SystemClock;

    struct Never;

    impl Fetch for Never {
        fn fetch(&self) -> Pin<Box<dyn Future<Output = Fetched> + Send + '_>> {
            Box::pin(std::future::pending())
        }

        fn what(&self) -> &str {
            "nothing"
        }
    }

    fn caller(team: &str, project: &str) -> Caller {
        Caller { team: team.into(), project: Some(project.into()), environment: None, key_id: None, cost_centre: None }
    }

    #[tokio::test]
    async fn beyond_the_ceiling_a_caller_gets_its_teams_session_until_one_is_free() {
        let role = Role {
            arn: "arn:aws:iam::123456789012:role/calls".to_owned(),
            per: Per::Project,
            external_id: None,
            duration: Duration::from_secs(3600),
            tags: BTreeMap::new(),
            sessions_max: 2,
            sts_url: None,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let make = |caller: &Caller| Session {
            name: caller.session_name(),
            slot: Slot::new(Box::new(Never), Arc::clone(&clock)),
        };
        let mut sessions = Sessions::default();
        let mut name = |team: &str, project: &str, used: bool, second: u64| {
            let session = sessions.of(&caller(team, project), &role, Duration::from_secs(second), make);
            if used {
                // What asks is not waited for: that it asked is enough.
                let slot = Arc::clone(&session.slot);
                drop(tokio::spawn(async move { slot.credentials(&Handle::current()).await }));
            }
            session.name.to_string()
        };
        assert_eq!(name("red", "a", true, 0), "tg-red.a");
        assert_eq!(name("red", "b", false, 0), "tg-red.b");
        tokio::task::yield_now().await;
        assert_eq!(name("red", "c", false, 0), "tg-red.c", "nobody uses b: it makes room");
        assert_eq!(name("red", "d", false, 1), "tg-red", "not looked for again at once");
        assert_eq!(name("blue", "d", false, 1), "tg-blue");
        assert_eq!(name("red", "a", false, 1), "tg-red.a");
        assert_eq!(name("red", "d", false, 61), "tg-red.d");
    }
}
