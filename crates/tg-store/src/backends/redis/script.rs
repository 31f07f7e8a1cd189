//! The steps that the server takes as one, and how they are called.

use redis::Cmd;
use std::time::Duration;
use tg_kernel::clock::Clock;
use tokio::time::Instant;

/// One step. Its text is beneath `lua/`, with a prelude that all share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Reserve,
    Settle,
    Book,
    Seed,
    Beat,
    Give,
    Look,
    Restate,
    Declare,
    Keep,
    Recall,
}

macro_rules! with_prelude {
    ($file:literal) => {
        concat!(include_str!("lua/prelude.lua"), "\n", include_str!($file))
    };
}

/// Every script, in the order of [`Script`].
const SOURCES: [&str; 11] = [
    with_prelude!("lua/reserve.lua"),
    with_prelude!("lua/settle.lua"),
    with_prelude!("lua/book.lua"),
    with_prelude!("lua/seed.lua"),
    with_prelude!("lua/beat.lua"),
    with_prelude!("lua/give.lua"),
    with_prelude!("lua/look.lua"),
    with_prelude!("lua/restate.lua"),
    with_prelude!("lua/declare.lua"),
    with_prelude!("lua/keep.lua"),
    with_prelude!("lua/recall.lua"),
];

/// How the scripts are called at one server: by the digests that it answered when they were loaded.
#[derive(Clone, Debug)]
pub(super) struct Digests([String; 11]);

impl Digests {
    /// What loads them all, in one round trip.
    pub(super) fn load() -> redis::Pipeline {
        let mut pipeline = redis::pipe();
        for source in SOURCES {
            pipeline.cmd("SCRIPT").arg("LOAD").arg(source);
        }
        pipeline
    }

    pub(super) const COUNT: usize = SOURCES.len();

    pub(super) const fn new(digests: [String; 11]) -> Self {
        Self(digests)
    }

    fn of(&self, script: Script) -> &str {
        let [reserve, settle, book, seed, beat, give, look, restate, declare, keep, recall] = &self.0;
        match script {
            Script::Reserve => reserve,
            Script::Settle => settle,
            Script::Book => book,
            Script::Seed => seed,
            Script::Beat => beat,
            Script::Give => give,
            Script::Look => look,
            Script::Restate => restate,
            Script::Declare => declare,
            Script::Keep => keep,
            Script::Recall => recall,
        }
    }
}

/// One call of a script. The keys that every script has and the time are added when it is sent.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    pub(super) script: Script,
    /// Keys, with neither tag nor prefix.
    pub(super) keys: Vec<String>,
    pub(super) arguments: Vec<String>,
}

impl Invocation {
    /// Whether it may be sent again where it is not known if it was heard. All but one are counted once by the call's id;
    /// of that one, what is owed may be taken twice rather than not at all.
    pub(super) fn is_repeatable(&self) -> bool {
        self.script != Script::Give || self.arguments.last().is_some_and(|units| units.starts_with('-'))
    }

    /// Whether the script wants to know which server it runs at.
    fn names_server(&self) -> bool {
        matches!(self.script, Script::Reserve | Script::Seed | Script::Look | Script::Declare)
    }

    pub(super) fn command(&self, digests: &Digests, server: &str, speech: &Speech) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(digests.of(self.script)).arg(self.keys.len() + 2);
        command.arg(speech.key("going")).arg(speech.key("money"));
        for key in &self.keys {
            command.arg(speech.key(key));
        }
        command.arg(speech.time());
        if self.names_server() {
            command.arg(server);
        }
        for argument in &self.arguments {
            command.arg(argument);
        }
        command
    }
}

/// What all calls have in common: the tag that keeps all keys on one node of a cluster, and the time.
pub(super) struct Speech {
    pub(super) tag: String,
    /// `None`: the server's own.
    pub(super) clock: Option<std::sync::Arc<dyn Clock>>,
    pub(super) born: Instant,
}

impl Speech {
    fn key(&self, key: &str) -> String {
        format!("{{{}}}:{key}", self.tag)
    }

    /// Time since some moment, as steps at the server see it pass.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.as_ref().map_or_else(|| self.born.elapsed(), |clock| clock.monotonic())
    }

    fn time(&self) -> String {
        self.clock.as_ref().map(|clock| clock.now().micros().max(0).to_string()).unwrap_or_default()
    }
}
