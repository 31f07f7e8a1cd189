//! Pictures that go with a request: put to the services that can see them, where a set says so.
//!
//! A picture is let through only if each rule in force that is to see it can: of those sets that ask, no service may be blind
//! to it. It is asked about as it came, and nothing is put in its place.

use super::Guarding;
use super::outside::{Outside, Premises, Told};
use futures_util::future::{Either, join_all, select};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tg_dialect::passages::{MediumKind, Passages};
use tg_kernel::passage::Channel;
use tg_policy::guard::{ExternalRule, Guard, Opinion, Unseen, Way};
use tg_upstream::guard::{Picture, Sight, Unseen as Why};
use tokio::time::Instant;

/// Most different pictures of a request that are asked about: as many as models take.
const PICTURES_MAX: usize = 100;

/// The rules that have services look at the pictures of a call, and the sets that want it.
pub(super) struct Eyes {
    sets: Vec<Arc<str>>,
    rules: Vec<(ExternalRule, Sight)>,
}

/// What is asked about at once: all pictures of a channel that a rule is to see.
struct Question {
    rule: ExternalRule,
    channel: Channel,
    pictures: Vec<Arc<Picture>>,
    /// There are others that its service cannot see; it is not in force.
    is_short: bool,
}

/// What services are to be asked about pictures.
#[derive(Default)]
pub(super) struct Pictures(Vec<Question>);

impl Eyes {
    /// Those of a guard; `None` where no set asks about pictures.
    pub(super) fn of(guard: &Guard, outside: Option<&Outside>) -> Option<Self> {
        if guard.asking().is_empty() {
            return None;
        }
        let mut rules = guard.externals(Way::Input);
        rules.retain(|rule| rule.asks_about_images);
        let seeing = |rule: ExternalRule| outside?.sight(&rule.service).map(|sight| (rule, sight));
        Some(Self { sets: guard.asking().to_vec(), rules: rules.into_iter().filter_map(seeing).collect() })
    }

    /// Reads the pictures of a request.
    ///
    /// # Errors
    /// Of the first that is not to be seen by all who must: why.
    pub(super) fn read(&self, passages: &Passages<'_>, body: &[u8]) -> Result<Pictures, Unseen> {
        let Some(first) = self.sets.first() else { return Ok(Pictures::default()) };
        let unseen = |set: &Arc<str>, name, told| Unseen { set: Arc::clone(set), name, told };
        let mut all: Vec<(Channel, Arc<Picture>)> = Vec::new();
        for medium in passages.media.iter().filter(|medium| medium.kind == MediumKind::Image) {
            let read = medium.bytes(body).ok_or(Why::Damaged).and_then(|bytes| Picture::read(&bytes));
            let picture = read.map_err(|why| unseen(first, why.as_str(), why.told()))?;
            self.is_seen(medium.channel, &picture)?;
            if !all.iter().any(|(channel, known)| *channel == medium.channel && **known == picture) {
                all.push((medium.channel, Arc::new(picture)));
            }
            if all.len() > PICTURES_MAX {
                return Err(unseen(first, "too_many", "there are too many to be looked at"));
            }
        }
        Ok(self.questions(&all))
    }

    /// Whether each set has it seen, by all its rules that are in force there.
    fn is_seen(&self, channel: Channel, picture: &Picture) -> Result<(), Unseen> {
        for set in &self.sets {
            let own = |(rule, _): &&(ExternalRule, Sight)| rule.set == *set && rule.is_enforced;
            let mut rules = self.rules.iter().filter(own).filter(|(rule, _)| rule.channels.has(channel)).peekable();
            if rules.peek().is_none() {
                let (name, told) = ("not_asked", "no rule asks about pictures there");
                return Err(Unseen { set: Arc::clone(set), name, told });
            }
            for (_, sight) in rules {
                sight.takes(picture).map_err(|why| Unseen {
                    set: Arc::clone(set),
                    name: why.as_str(),
                    told: why.told(),
                })?;
            }
        }
        Ok(())
    }

    fn questions(&self, all: &[(Channel, Arc<Picture>)]) -> Pictures {
        let mut questions = Vec::new();
        for (rule, sight) in &self.rules {
            for channel in Channel::ALL.into_iter().filter(|channel| rule.channels.has(*channel)) {
                let there: Vec<_> = all.iter().filter(|(own, _)| *own == channel).map(|(_, picture)| picture).collect();
                let pictures: Vec<_> =
                    there.iter().filter(|picture| sight.takes(picture).is_ok()).map(|seen| Arc::clone(seen)).collect();
                let is_short = pictures.len() < there.len();
                if !there.is_empty() {
                    questions.push(Question { rule: rule.clone(), channel, pictures, is_short });
                }
            }
        }
        Pictures(questions)
    }
}

impl Pictures {
    /// Whether there is nothing to ask.
    pub(super) const fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks about them, while texts are asked about. Answers what came of the texts, what was heard of the pictures, and how
    /// much longer than the former the latter took. Where texts have stopped the call, no picture does any more.
    pub(super) async fn ask_beside<T>(
        &self,
        texts: impl Future<Output = (T, bool)>,
        premises: Option<&Premises>,
    ) -> (T, Vec<Told>, Duration) {
        let Some(premises) = premises.filter(|_| !self.are_none()) else {
            return (texts.await.0, Vec::new(), Duration::ZERO);
        };
        let clock = premises.clock();
        let timed = async {
            let (said, is_stopped) = texts.await;
            ((said, clock.monotonic()), is_stopped)
        };
        let ((said, at), heard) = beside(timed, self.hear(premises)).await;
        let longer = if heard.is_some() { clock.monotonic().saturating_sub(at) } else { Duration::ZERO };
        (said, heard.unwrap_or_default(), longer)
    }

    async fn hear(&self, premises: &Premises) -> Vec<Told> {
        let began = Instant::now();
        let one = |question: &Question| {
            let (rule, pictures) = (question.rule.clone(), question.pictures.clone());
            let (channel, is_short) = (question.channel, question.is_short);
            async move {
                let pictures: Vec<&Picture> = pictures.iter().map(|picture| &**picture).collect();
                let (opinion, effort) = premises.see(&rule, &pictures, began).await;
                // What it was not asked about is not known.
                let opinion = if is_short && opinion == Opinion::Clear { Opinion::Failed } else { opinion };
                Told { rule: rule.rule, service: rule.service, channel, opinion, effort }
            }
        };
        join_all(self.0.iter().map(one)).await
    }
}

/// Both, or the first alone, if it is that which stops the call: then the other is given up.
async fn beside<T, U>(texts: impl Future<Output = (T, bool)>, pictures: impl Future<Output = U>) -> (T, Option<U>) {
    match select(pin!(texts), pin!(pictures)).await {
        Either::Left(((said, true), _)) => (said, None),
        Either::Left(((said, false), pictures)) => (said, Some(pictures.await)),
        Either::Right((seen, texts)) => (texts.await.0, Some(seen)),
    }
}

impl Guarding {
    /// What follows from what was heard of pictures.
    pub(super) fn hears_of_pictures(&mut self, heard: Vec<Told>) {
        for Told { rule, service, channel, opinion, effort } in heard {
            if self.block.is_some() {
                return;
            }
            self.inquiry.took(&service, Way::Input, effort);
            let verdict = self.guard.hear_of_images(rule, channel, opinion, &mut self.inquiry);
            self.note(&verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::beside;
    use futures_util::FutureExt as _;
    use std::future::{pending, ready};

    #[test]
    fn who_is_stopped_for_what_he_says_waits_for_no_picture() {
        let all = |stops: bool| beside(ready(("said", stops)), ready("seen")).now_or_never();
        assert_eq!((all(true), all(false)), (Some(("said", None)), Some(("said", Some("seen")))));
        let unseen = |stops: bool| beside(ready(("said", stops)), pending::<()>()).now_or_never();
        assert_eq!((unseen(true), unseen(false)), (Some(("said", None)), None));
        assert_eq!(beside(pending::<((), bool)>(), ready("seen")).now_or_never(), None);
    }
}
