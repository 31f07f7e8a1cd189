//! External guards: services outside the gateway that are asked what they think of texts and pictures, through one seam.
//!
//! A service is asked within a time, by a bounded number of questions at once, and not at all while it keeps failing; what
//! it said of a text is remembered. Whatever goes wrong is a [`Failure`]: whoever asks decides what that means.

mod apply;
mod breaker;
mod checks;
mod figures;
mod judge;
mod looking;
mod memory;
mod moderation;
mod opinion;
mod picture;
mod pieces;
mod post;
mod webhook;

#[cfg(test)]
mod tests;

pub use apply::AppliedGuardrail;
pub use checks::Checks;
pub use figures::Figures;
pub use judge::{Judge, Template};
pub use memory::Remembering;
pub use moderation::Moderation;
pub use opinion::{Failure, FailureKind, Hearing, Opinion, Way};
pub use picture::{Picture, Sight, Unseen};
pub use webhook::Webhook;

use crate::aws::{Caller, Wallet};
use crate::pools::Pools;
use breaker::Breaker;
use figures::Tally;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use memory::{Key, Memory, key_of};
use opinion::Answer;
use pieces::{Piece, cut};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::Clock;
use tg_kernel::usage::Usage;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Most questions that one call's texts may come to.
pub const PIECES_MAX: usize = 2_048;

/// Which part of the questions at a time one call may have.
const SHARE_OF_A_CALL: usize = 4;

/// A service that can be asked.
pub enum Service {
    /// A guardrail of an AWS account.
    AppliedGuardrail(AppliedGuardrail),
    /// Bedrock's checks, which need no guardrail of the account.
    Checks(Checks),
    /// OpenAI's moderation, or a server that speaks its API.
    Moderation(Moderation),
    /// A chat model.
    Judge(Judge),
    /// A service of the operator's own.
    Webhook(Webhook),
}

/// Bounds on asking a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Longest wait for an opinion on all texts together.
    pub timeout: Duration,
    /// Most questions at a time, of all calls together.
    pub questions_max: usize,
    /// Most characters of one question; longer texts are asked about in pieces that overlap.
    pub characters_max: usize,
    /// What is remembered; `None`: nothing.
    pub remembering: Option<Remembering>,
}

/// One configured service, with what is known of it. Shared by all workers.
pub struct Guard {
    name: Arc<str>,
    service: Service,
    bounds: Bounds,
    turns: Semaphore,
    breaker: Breaker,
    memory: Option<Memory>,
    tally: Tally,
}

/// With what a service is asked.
pub struct Asker<'a> {
    /// The connections of the worker that asks.
    pub pools: &'a Pools,
    /// AWS credentials.
    pub wallet: &'a Wallet,
    /// Time.
    pub clock: &'a dyn Clock,
    /// On whose account AWS shall see the questions.
    pub caller: &'a (dyn Fn() -> Caller + Sync),
    /// Is told what each answer of a judge has used, when it comes.
    pub used: &'a (dyn Fn(Usage) + Sync),
}

/// What one question is about.
#[derive(Clone, Copy)]
enum Subject<'a> {
    /// A piece of a text, and whose words it is.
    Text(Way, &'a str),
    /// A picture on its way to a model.
    Picture(&'a Picture),
}

/// One question.
struct Question<'a> {
    /// Which of all that is asked about it belongs to.
    of: usize,
    /// It is about the whole of it, in whose place something else can stand.
    is_whole: bool,
    subject: Subject<'a>,
    /// What an answer is remembered by.
    key: Key,
}

/// What came of one question.
struct Said {
    answer: Answer,
    used: Option<Usage>,
}

impl From<Answer> for Said {
    fn from(answer: Answer) -> Self {
        Self { answer, used: None }
    }
}

/// What has been heard of all texts or pictures so far.
#[derive(Default)]
struct Sum {
    categories: BTreeSet<Arc<str>>,
    redacted: Vec<(usize, String)>,
    is_flagged: bool,
    /// Something is wrong with a text, and it is not taken out.
    stays: bool,
    failure: Option<Failure>,
    asked: usize,
    remembered: usize,
}

impl Guard {
    /// Nothing is known of the service yet.
    #[must_use]
    pub fn new(name: Arc<str>, service: Service, bounds: Bounds) -> Self {
        let turns = Semaphore::new(bounds.questions_max);
        let (breaker, tally) = (Breaker::default(), Tally::default());
        Self { name, service, bounds, turns, breaker, memory: bounds.remembering.map(Memory::new), tally }
    }

    /// What has come of asking it so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.tally.figures(&self.name)
    }

    /// The name in the configuration.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The provider and the model that are paid by tokens for each question, where the service is one.
    #[must_use]
    pub fn model(&self) -> Option<(&Arc<str>, &Arc<str>)> {
        match &self.service {
            Service::Judge(judge) => Some(judge.model()),
            _ => None,
        }
    }

    /// Asks what the service thinks of `texts`. Answers within the time given, counted from `began`; dropping the future gives
    /// the questions up.
    pub async fn ask(&self, asker: &Asker<'_>, way: Way, texts: &[&str], began: Instant) -> Hearing {
        let Some(pieces) = cut(texts, self.bounds.characters_max, PIECES_MAX) else {
            let detail = format!("more than {PIECES_MAX} pieces of {} characters", self.bounds.characters_max);
            let failure = Failure::new(FailureKind::TooLong, detail);
            self.tally.asked(Duration::ZERO, Some(&failure));
            return Hearing::failed(failure);
        };
        let mut questions = Vec::with_capacity(pieces.len());
        for Piece { of, text, is_whole } in pieces {
            questions.push(Question { of, is_whole, subject: Subject::Text(way, text), key: key_of(way, text) });
        }
        self.hear_all(asker, questions, began).await
    }

    /// What is known of all this from before, or is answered within the time given, counted from `began`.
    async fn hear_all(&self, asker: &Asker<'_>, questions: Vec<Question<'_>>, began: Instant) -> Hearing {
        let mut sum = Sum::default();
        let mut unknown = Vec::new();
        for question in questions {
            let known = self.memory.as_ref().and_then(|memory| memory.find(&question.key, asker.clock.monotonic()));
            match known {
                Some(answer) => {
                    sum.remembered += 1;
                    self.tally.remembered();
                    sum.add(&question, answer);
                }
                None => unknown.push(question),
            }
        }
        let deadline = began + self.bounds.timeout;
        let (mut waiting, mut open) = (unknown.into_iter(), FuturesUnordered::new());
        loop {
            // What cannot become better is not asked further.
            while !sum.is_decided()
                && open.len() < self.at_once()
                && let Some(question) = waiting.next()
            {
                open.push(self.question(asker, question, deadline));
            }
            // What a judge is at is paid, and is heard therefore.
            if sum.is_decided() && self.model().is_none() {
                break;
            }
            let Some((question, said)) = open.next().await else { break };
            sum.hear(&question, said);
        }
        drop(open);
        sum.into_hearing()
    }

    /// Most questions of one call at a time: the others' turns are not all behind them.
    fn at_once(&self) -> usize {
        (self.bounds.questions_max / SHARE_OF_A_CALL).max(1)
    }

    async fn question<'a>(
        &self,
        asker: &Asker<'_>,
        question: Question<'a>,
        deadline: Instant,
    ) -> (Question<'a>, Result<Said, Failure>) {
        let began = asker.clock.monotonic();
        let said = match question.subject {
            Subject::Text(way, text) => self.put(asker, self.service.ask(&self.name, asker, way, text), deadline).await,
            Subject::Picture(picture) => self.put(asker, self.service.look(asker, picture), deadline).await,
        };
        self.tally.asked(asker.clock.monotonic().saturating_sub(began), said.as_ref().err());
        if let Some(used) = said.as_ref().ok().and_then(|said| said.used) {
            (asker.used)(used);
        }
        if let (Some(memory), Ok(said)) = (&self.memory, &said) {
            memory.learn(question.key, &said.answer, asker.clock.monotonic());
        }
        (question, said)
    }

    async fn put(
        &self,
        asker: &Asker<'_>,
        question: impl Future<Output = Result<Said, Failure>>,
        deadline: Instant,
    ) -> Result<Said, Failure> {
        let turn = timeout_at(deadline, self.turns.acquire()).await;
        let _turn = turn.map_err(|_late| Failure::new(FailureKind::Crowded, ""))?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::new(FailureKind::Crowded, ""));
        }
        let entry = self.breaker.enter(asker.clock.monotonic());
        let entry = entry.ok_or_else(|| Failure::new(FailureKind::Resting, ""))?;
        let said = timeout_at(deadline, question).await;
        let said = said.unwrap_or_else(|_late| Err(Failure::new(FailureKind::TimedOut, "")));
        // What had its turn when its time was nearly over says nothing of the service.
        let is_short = left < self.bounds.timeout / 4 * 3;
        let said = said.map_err(|failure| match failure.kind {
            FailureKind::TimedOut if is_short => Failure::new(FailureKind::Crowded, "too little time was left for it"),
            _ => failure,
        });
        match &said {
            // How long a judge thinks is up to what it reads, too.
            Err(failure) if failure.kind == FailureKind::TimedOut && self.model().is_some() => entry.was_slow(),
            Err(failure) if failure.kind.is_outage() => entry.failed(asker.clock.monotonic()),
            Ok(_) => entry.worked(),
            // It shows nothing: the service may have refused this text alone.
            Err(_) => {}
        }
        said
    }
}

impl Service {
    async fn ask(&self, name: &Arc<str>, asker: &Asker<'_>, way: Way, text: &str) -> Result<Said, Failure> {
        match self {
            Self::AppliedGuardrail(guardrail) => guardrail.ask(asker, way, text).await.map(Said::from),
            Self::Checks(checks) => checks.ask(asker, way, text).await.map(Said::from),
            Self::Moderation(moderation) => moderation.ask(asker, text).await.map(Said::from),
            Self::Judge(judge) => judge.ask(asker, way, text).await,
            Self::Webhook(webhook) => webhook.ask(name, asker, way, text).await.map(Said::from),
        }
    }
}

impl Sum {
    fn hear(&mut self, question: &Question<'_>, said: Result<Said, Failure>) {
        self.asked += 1;
        match said {
            Ok(said) => self.add(question, said.answer),
            Err(failure) => self.failure = Some(failure),
        }
    }

    fn add(&mut self, question: &Question<'_>, answer: Answer) {
        let Answer::Flagged { categories, text } = answer else { return };
        self.is_flagged = true;
        self.categories.extend(categories);
        match text.filter(|_| question.is_whole) {
            Some(text) => self.redacted.push((question.of, text.as_ref().to_owned())),
            // Pieces overlap: what is taken out of one stands in its neighbour.
            None => self.stays = true,
        }
    }

    /// Whether no further answer changes what is thought.
    fn is_decided(&self) -> bool {
        self.stays || self.failure.is_some()
    }

    fn into_hearing(mut self) -> Hearing {
        let opinion = match self.failure {
            Some(failure) if !self.is_flagged => Opinion::Failed(failure),
            None if !self.is_flagged => Opinion::Clear,
            failure => {
                self.redacted.sort();
                // What was not asked about to the end cannot be made good by taking something out.
                let redacted = (!self.stays && failure.is_none()).then_some(self.redacted);
                Opinion::Flagged { categories: self.categories.into_iter().collect(), redacted }
            }
        };
        Hearing { opinion, asked: self.asked, remembered: self.remembered }
    }
}

impl Hearing {
    fn failed(failure: Failure) -> Self {
        Self { opinion: Opinion::Failed(failure), asked: 0, remembered: 0 }
    }
}
