//! The thread that looks for new revisions, and what the process makes of them.

use super::copy::LocalCopy;
use super::standing::Standing;
use super::{load, name};
use crate::keeper::Keeper;
use crate::source::Loaded;
use anyhow::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_config::start::StartFile;
use tg_store::revision::{Revision, Revisions};
use tokio::sync::Notify;

/// How often it is looked whether there is a new revision: a notification of the database is seen then.
const TICK: Duration = Duration::from_millis(250);

/// How often a revision that could not be put into force is tried again: what it refers to may have come by then.
const RETRY: Duration = Duration::from_secs(5);

/// What follows the revisions of a store.
pub struct Following {
    standing: Arc<Standing>,
    copy: LocalCopy,
    /// The revision that was loaded last and is not kept yet.
    tried: Mutex<Option<Revision>>,
    came: Arc<Notify>,
    keeper: Keeper,
}

impl Following {
    pub(super) fn start(mut revisions: Revisions, standing: Standing, copy: LocalCopy) -> Result<Self> {
        let (standing, came) = (Arc::new(standing), Arc::new(Notify::new()));
        let (seen, told) = (Arc::clone(&standing), Arc::clone(&came));
        let keeper = Keeper::start("revisions", move || {
            look(&mut revisions, &seen, &told);
            TICK
        })?;
        let tried = Mutex::new((standing.refused() == 0).then(|| standing.newest()));
        Ok(Self { standing, copy, tried, came, keeper })
    }

    /// Notes that the start is done: keeps a copy for a later one, or says why the newest revision is not in force.
    pub(crate) fn began(&self) {
        if self.standing.refused() == 0 {
            return self.keep_copy();
        }
        let page = self.standing.page();
        tracing::error!(in_force = self.standing.number(), refused = %page["refused"], "the newest revision cannot be used here");
    }

    /// How this process stands to them.
    #[must_use]
    pub const fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Waits until there is a reason to load: a new revision, or one that could not be put into force is due again.
    pub(crate) async fn changed(&self) {
        if self.standing.refused() == 0 {
            return self.came.notified().await;
        }
        // Too early or not, the newest is tried. Not while the store is away: nothing takes effect without its teams.
        while tokio::time::timeout(RETRY, self.came.notified()).await.is_err() && self.standing.is_blind() {}
    }

    /// The newest revision that was seen, with the local file, ready to take effect. Asks nobody.
    ///
    /// # Errors
    /// Every problem at once, as far as one step can see them.
    pub(crate) fn load(&self, start: &StartFile) -> Result<Loaded> {
        let newest = self.standing.newest();
        let loaded = load(start, &newest)?;
        *self.tried() = Some(newest);
        Ok(loaded)
    }

    /// Notes that a configuration is in force.
    pub(crate) fn took(&self, loaded: &Loaded) {
        let head = loaded.revision.as_ref().map(|taken| taken.head.clone());
        if let Some(head) = head.as_ref().filter(|head| head.number != self.standing.number()) {
            tracing::info!(
                revision = head.number,
                sha256 = head.digest,
                author = head.author,
                "a revision of the configuration is in force"
            );
        }
        self.standing.took(head);
        self.keep_copy();
    }

    /// Notes that a configuration was not put into force, and says so unless it was `said` before.
    pub(crate) fn refuse(&self, error: &anyhow::Error, said: bool) {
        let why = format!("{error:#}");
        if self.standing.refuse(why.clone()) && !said {
            let (in_force, newest) = (self.standing.number(), self.standing.newest().head);
            tracing::error!(
                in_force,
                newest = newest.number,
                "the new configuration is not used, the old one stays in force: {why}"
            );
        }
    }

    fn keep_copy(&self) {
        let Some(tried) = self.tried().take() else { return };
        if let Err(error) = self.copy.keep(&tried) {
            let name = name(&tried.head);
            tracing::warn!("no copy of {name} is kept for a start that cannot use a later one: {error:#}");
        }
    }

    fn tried(&self) -> MutexGuard<'_, Option<Revision>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the thread.
    pub(crate) fn stop(self) {
        self.keeper.stop();
    }
}

fn look(revisions: &mut Revisions, standing: &Standing, came: &Notify) {
    match revisions.other_than(Some(&standing.newest().head)) {
        Ok(found) => {
            if standing.set_blind(false) {
                tracing::info!("the store can be asked for revisions of the configuration again");
            }
            if let Some(revision) = found {
                standing.saw(revision);
                came.notify_one();
            }
        }
        Err(error) => {
            if standing.set_blind(true) {
                tracing::warn!(%error, "the store cannot be asked for revisions; the configuration stays as it is");
            }
        }
    }
}
