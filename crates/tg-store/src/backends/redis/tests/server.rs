//! Servers of the tests' own, and what they are asked.

#[expect(dead_code, reason = "what only other tests need")]
#[path = "../../../../tests/servers/redis.rs"]
mod kept;
#[path = "../../../../tests/servers/premises.rs"]
mod premises;

pub(super) use kept::{Redis as Server, free_port};

use crate::backends::redis::Place;
use std::time::{Duration, Instant};

/// How long a server may take for what it is asked to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until the answer is yes.
pub(super) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Server {
    pub(super) fn place(&self) -> Place {
        Place::parse(&self.url()).unwrap()
    }

    /// Asks it something, on a connection of its own; words are kept apart by spaces.
    pub(super) fn says(&self, words: &str) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().unwrap_or_default());
        words.for_each(|word| {
            command.arg(word);
        });
        command.query(&mut connection)
    }

    pub(super) fn text(&self, words: &str) -> String {
        redis::from_redis_value(self.says(words).unwrap()).unwrap()
    }

    /// Waits until a replica has all that was written so far. (`WAIT` knows only what its own connection wrote.)
    pub(super) fn is_followed_by(&self, replica: &Self) {
        let offset = |server: &Self, name: &str| -> Option<u64> {
            let info = server.text("INFO replication");
            info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok())
        };
        let written = offset(self, "master_repl_offset").unwrap();
        until("the replica has it all", || offset(replica, "slave_repl_offset").is_some_and(|at| at >= written));
    }

    pub(super) fn number(&self, words: &str) -> i64 {
        redis::from_redis_value(self.says(words).unwrap()).unwrap()
    }
}
