//! Asking services about pictures: each by itself, within the same bounds as texts, and remembered by what its bytes are.

use super::opinion::{Failure, Hearing};
use super::picture::{Picture, Sight};
use super::pieces::Piece;
use super::{Asker, Guard, Said, Service, Sum};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

impl Guard {
    /// Which pictures the service takes; `None`: it looks at none.
    #[must_use]
    pub const fn sight(&self) -> Option<Sight> {
        match &self.service {
            Service::AppliedGuardrail(guardrail) => Some(guardrail.sight()),
            Service::Moderation(moderation) => moderation.sight(),
            Service::Checks(_) | Service::Judge(_) | Service::Webhook(_) => None,
        }
    }

    /// Asks what the service thinks of pictures on their way to a model, in the way of [`Guard::ask`]. They must be such as
    /// it takes.
    pub async fn look(&self, asker: &Asker<'_>, pictures: &[&Picture], began: Instant) -> Hearing {
        let mut sum = Sum::default();
        let mut unknown = Vec::new();
        for (of, picture) in pictures.iter().enumerate() {
            // Nothing is taken out of it, whatever is said.
            let piece = Piece { of, text: "", is_whole: false };
            let known = self.memory.as_ref().and_then(|memory| memory.find(&picture.key, asker.clock.monotonic()));
            match known {
                Some(answer) => {
                    sum.remembered += 1;
                    self.tally.remembered();
                    sum.add(&piece, answer);
                }
                None => unknown.push((piece, *picture)),
            }
        }
        let deadline = began + self.bounds.timeout;
        let (mut waiting, mut open) = (unknown.into_iter(), FuturesUnordered::new());
        loop {
            while !sum.is_decided()
                && open.len() < self.at_once()
                && let Some((piece, picture)) = waiting.next()
            {
                open.push(async move { (piece, self.look_at(asker, picture, deadline).await) });
            }
            if sum.is_decided() {
                break;
            }
            let Some((piece, said)) = open.next().await else { break };
            sum.hear(&piece, said);
        }
        drop(open);
        sum.into_hearing()
    }

    async fn look_at(&self, asker: &Asker<'_>, picture: &Picture, deadline: Instant) -> Result<Said, Failure> {
        let began = asker.clock.monotonic();
        let said = self.put(asker, self.service.look(asker, picture), deadline).await;
        self.tally.asked(asker.clock.monotonic().saturating_sub(began), said.as_ref().err());
        if let (Some(memory), Ok(said)) = (&self.memory, &said) {
            memory.learn(picture.key, &said.answer, asker.clock.monotonic());
        }
        said
    }
}

impl Service {
    async fn look(&self, asker: &Asker<'_>, picture: &Picture) -> Result<Said, Failure> {
        match self {
            Self::AppliedGuardrail(guardrail) => guardrail.look(asker, picture).await.map(Said::from),
            Self::Moderation(moderation) => moderation.look(asker, picture).await.map(Said::from),
            Self::Checks(_) | Self::Judge(_) | Self::Webhook(_) => Err(Failure::unreadable("it looks at no pictures")),
        }
    }
}
