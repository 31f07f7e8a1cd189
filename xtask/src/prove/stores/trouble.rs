//! What may happen to a store, and what is then to be seen of it.

use std::fmt;
use std::time::Duration;

/// A store that gateways share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Teams, keys and the ledger.
    Postgres,
    /// Limits and budgets.
    Redis,
}

impl Server {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
        }
    }
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is ended, and started again later.
    Stopped,
    /// It stands still: connections stay, nothing is answered.
    Paused,
    /// One gateway cannot reach it, the other can.
    Apart,
    /// Each answer takes so long.
    Slow(Duration),
    /// It takes no more writes.
    Full,
    /// It dies and is there again at once; what was in memory only is gone.
    Replaced,
    /// It dies for good, and the one that followed it takes its place.
    FailsOver,
}

/// One thing that happens to one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// To which.
    pub server: Server,
    /// What.
    pub trouble: Trouble,
}

/// The gateway that is cut off where one is.
pub const LONELY: usize = 1;

impl Scene {
    /// Everything that may happen.
    pub const ALL: [Self; 12] = [
        Self::of(Server::Postgres, Trouble::Stopped),
        Self::of(Server::Redis, Trouble::Stopped),
        Self::of(Server::Postgres, Trouble::Paused),
        Self::of(Server::Redis, Trouble::Paused),
        Self::of(Server::Postgres, Trouble::Apart),
        Self::of(Server::Redis, Trouble::Apart),
        Self::of(Server::Postgres, Trouble::Slow(Duration::from_millis(250))),
        Self::of(Server::Redis, Trouble::Slow(Duration::from_secs(1))),
        Self::of(Server::Postgres, Trouble::Full),
        Self::of(Server::Redis, Trouble::Full),
        Self::of(Server::Postgres, Trouble::Replaced),
        Self::of(Server::Redis, Trouble::Replaced),
    ];

    /// What may happen where each server has another one that follows it.
    pub const FAILING_OVER: [Self; 2] =
        [Self::of(Server::Postgres, Trouble::FailsOver), Self::of(Server::Redis, Trouble::FailsOver)];

    const fn of(server: Server, trouble: Trouble) -> Self {
        Self { server, trouble }
    }

    /// Whether the gateway of this number cannot count with the others meanwhile.
    pub fn counts_alone(self, gateway: usize) -> bool {
        match (self.server, self.trouble) {
            (Server::Postgres, _) | (_, Trouble::Replaced | Trouble::FailsOver) => false,
            (_, Trouble::Apart) => gateway == LONELY,
            _ => true,
        }
    }

    /// Whether it is over for each gateway at another moment of its own: until then it may count alone; and after that, ends of
    /// calls are said a little later than new calls are counted, so that a limit on calls at a time may refuse.
    pub fn passes(self) -> bool {
        self.server == Server::Redis && self.trouble == Trouble::FailsOver
    }

    /// Whether teams and keys cannot be changed meanwhile.
    pub fn forbids_changes(self) -> bool {
        self.server == Server::Postgres && matches!(self.trouble, Trouble::Stopped | Trouble::Paused)
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.server.name();
        match self.trouble {
            Trouble::Stopped => write!(f, "{name} stopped"),
            Trouble::Paused => write!(f, "{name} paused"),
            Trouble::Apart => write!(f, "{name} out of reach of one gateway"),
            Trouble::Slow(delay) => write!(f, "{name} slow by {} ms", delay.as_millis()),
            Trouble::Full => write!(f, "{name} full"),
            Trouble::Replaced => write!(f, "{name} killed, there again at once"),
            Trouble::FailsOver => write!(f, "{name} dead, its follower in its place"),
        }
    }
}
