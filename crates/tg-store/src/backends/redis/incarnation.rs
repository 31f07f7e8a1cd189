//! The names under which this process holds what its calls have taken: a new one each time the last was given up.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::ids::CallId;
use tokio::time::Instant;

/// Most earlier names that are kept alive, and most that are given up.
const EARLIER_MAX: usize = 16;

/// For how long an earlier name is kept alive: no call holds anything longer.
const EARLIER_LIFE: Duration = Duration::from_secs(24 * 3600);

/// For how long servers are told that a name is given up: one that was not told forgets it by itself then.
const GONE_LIFE: Duration = Duration::from_secs(15 * 60);

/// A process goes on under another name where it was silent for half a minute, as it was thought dead; where the server is
/// another than before, which may have missed that calls ended; and where it could not say so much that it lost count. Its
/// calls are then said under the new name, one by one. When none is left that holds by an old one, and nobody asks by it
/// any more, that is given up: whatever it holds yet is of calls that are over.
///
/// Whoever holds something by a name, or asks by it, has a clone of it: that keeps it alive.
#[derive(Debug)]
pub(super) struct Incarnations {
    process: String,
    made: u64,
    current: Arc<str>,
    earlier: Names,
    gone: Names,
    /// Processes before this one, each as what all of its names begin with.
    dead: Names,
}

type Names = VecDeque<(Arc<str>, Instant)>;

/// What a server is told of names.
#[derive(Debug)]
pub(super) struct Told {
    /// That in use.
    pub(super) current: Arc<str>,
    /// Those by which calls may still hold something.
    pub(super) earlier: Vec<Arc<str>>,
    /// Those that are given up; one that ends with a point is all names of a process.
    pub(super) gone: Vec<Arc<str>>,
}

impl Incarnations {
    pub(super) fn new() -> Self {
        let process = fresh();
        let current = named(&process, 0);
        Self { process, made: 0, current, earlier: Names::new(), gone: Names::new(), dead: Names::new() }
    }

    /// The process, by whatever name it holds.
    pub(super) fn process(&self) -> &str {
        &self.process
    }

    pub(super) fn current(&self) -> Arc<str> {
        Arc::clone(&self.current)
    }

    /// Another name instead of this one, unless somebody else has made one already; and that name.
    pub(super) fn renew(&mut self, old: &str) -> Arc<str> {
        if &*self.current == old {
            self.made += 1;
            let old = std::mem::replace(&mut self.current, named(&self.process, self.made));
            self.sweep();
            push(&mut self.earlier, old).into_iter().for_each(|name| drop(push(&mut self.gone, name)));
        }
        self.current()
    }

    /// What is to be told; names that nobody holds anything by are given up with it.
    pub(super) fn told(&mut self) -> Told {
        self.sweep();
        for names in [&mut self.gone, &mut self.dead] {
            names.retain(|(_, since)| since.elapsed() < GONE_LIFE);
        }
        let all = |names: &Names| names.iter().map(|(name, _)| Arc::clone(name)).collect();
        let mut gone: Vec<Arc<str>> = all(&self.gone);
        gone.extend(self.dead.iter().map(|(name, _)| Arc::clone(name)));
        Told { current: self.current(), earlier: all(&self.earlier), gone }
    }

    /// These processes are dead, and nothing waits to be said of their calls any more.
    pub(super) fn bury(&mut self, processes: impl IntoIterator<Item = String>) {
        let others = processes.into_iter().filter(|process| *process != self.process);
        for name in others.map(|process| format!("{process}.").into()).collect::<Vec<Arc<str>>>() {
            push(&mut self.dead, name);
        }
    }

    /// Gives up the names that nobody holds anything by.
    fn sweep(&mut self) {
        let stays = |(name, since): &(Arc<str>, Instant)| Arc::strong_count(name) > 1 && since.elapsed() < EARLIER_LIFE;
        let (earlier, gone): (Names, Names) = std::mem::take(&mut self.earlier).into_iter().partition(stays);
        self.earlier = earlier;
        gone.into_iter().for_each(|(name, _)| drop(push(&mut self.gone, name)));
    }
}

/// Adds a name; answers the one that there is no room for any more.
fn push(names: &mut Names, name: Arc<str>) -> Option<Arc<str>> {
    names.push_back((name, Instant::now()));
    let pushed_out = if names.len() > EARLIER_MAX { names.pop_front() } else { None };
    pushed_out.map(|(name, _)| name)
}

fn named(process: &str, number: u64) -> Arc<str> {
    format!("{process}.{number}").into()
}

/// A name that no process has had.
fn fresh() -> String {
    let mut name = String::with_capacity(32);
    for byte in CallId::fresh().as_bytes() {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{EARLIER_MAX, Incarnations};

    #[test]
    fn a_name_is_kept_as_long_as_somebody_holds_by_it_and_then_given_up() {
        let mut names = Incarnations::new();
        let first = names.current();
        let second = names.renew(&first);
        assert_ne!(first, second);
        assert_eq!(names.renew(&first), second, "another thread heard of it, too");
        drop(second);
        let told = names.told();
        assert_eq!((told.earlier, told.gone.len()), (vec![first.clone()], 0));
        let name = first.to_string();
        drop(first);
        for _ in 0..2 {
            let told = names.told();
            assert_eq!((told.earlier.len(), &*told.gone[0], told.gone.len()), (0, &*name, 1), "and said so again");
        }
        let mut held = Vec::new();
        for _ in 0..EARLIER_MAX + 3 {
            held.push(names.current());
            let _ = names.renew(&held[held.len() - 1]);
        }
        let told = names.told();
        assert_eq!(told.earlier.len(), EARLIER_MAX);
        assert!(held.iter().take(3).all(|name| told.gone.contains(name)), "none is forgotten");
        assert!(held.iter().all(|name| name.starts_with(names.process())));
    }
}
