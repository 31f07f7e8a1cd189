//! Asking services about pictures: each by itself, within the same bounds as texts, and remembered by what its bytes are.

use super::opinion::{Failure, Hearing};
use super::picture::{Picture, Sight};
use super::{Asker, Guard, Question, Said, Service, Subject};
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
        let mut questions = Vec::with_capacity(pictures.len());
        for (of, picture) in pictures.iter().enumerate() {
            // Nothing is taken out of it, whatever is said.
            let is_whole = false;
            questions.push(Question { of, is_whole, subject: Subject::Picture(picture), key: picture.key });
        }
        self.hear_all(asker, questions, began).await
    }
}

impl Service {
    /// Asks about one picture.
    pub(super) async fn look(&self, asker: &Asker<'_>, picture: &Picture) -> Result<Said, Failure> {
        match self {
            Self::AppliedGuardrail(guardrail) => guardrail.look(asker, picture).await.map(Said::from),
            Self::Moderation(moderation) => moderation.look(asker, picture).await.map(Said::from),
            Self::Checks(_) | Self::Judge(_) | Self::Webhook(_) => Err(Failure::unreadable("it looks at no pictures")),
        }
    }
}
