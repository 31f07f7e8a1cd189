//! Answers of which something cannot be read: pictures, sound and files, and all of one that goes where nobody looks at it.

use super::Block;
use super::files::unreadable;
use super::inquiry::Inquiry;
use super::judge::Guard;
use super::rule::Ready;
use super::set::Medium;
use std::borrow::Cow;

/// What there is of it in answers. What stands elsewhere is told by its address, and that is a text.
const IN_ANSWERS: [Medium; 4] = [Medium::Image, Medium::Audio, Medium::Video, Medium::Document];

impl Guard {
    /// The first rule that changes or ends answers, if there is any.
    pub(super) fn looks_at_answers(&self) -> Option<&Ready> {
        self.rules().iter().map(|ready| &**ready).find(|ready| ready.is_in_force_on_answers())
    }

    /// Why an answer with this in it must not go on, if so.
    pub(super) fn withheld(&self, media: &[Medium], inquiry: &mut Inquiry) -> Option<Block> {
        let set = self.withholding().first()?;
        let medium = media.iter().find(|medium| IN_ANSWERS.contains(medium))?;
        let block = unreadable(set, Cow::Borrowed(medium.as_str()), medium.as_str());
        inquiry.note_withheld(&block);
        Some(block)
    }

    /// Why an answer must not go on of which a rule has taken something out that is spoken as well.
    pub(super) fn silenced(&self, taken: &Block, inquiry: &mut Inquiry) -> Block {
        stopped(taken, "It was found in what is spoken, and sound is not changed.", inquiry)
    }

    /// The same where the service outside of this rule has taken it out.
    pub fn silences(&self, rule: usize, inquiry: &mut Inquiry) -> Option<Block> {
        let ready = self.rules().get(rule)?;
        inquiry.begin(self);
        Some(self.silenced(&ready.block(Cow::Borrowed(ready.check)), inquiry))
    }

    /// Why an answer must not go on of which the service outside of this rule would take something out that the caller has.
    /// What else was taken out of the same piece reaches nobody.
    pub fn comes_late(&self, rule: usize, inquiry: &mut Inquiry) -> Option<Block> {
        let ready = self.rules().get(rule)?;
        inquiry.begin(self);
        inquiry.takes_nothing_out();
        let taken = ready.block(Cow::Borrowed(ready.check));
        Some(stopped(&taken, "It was found in what had been told in part, and that is not taken back.", inquiry))
    }

    /// Why a call is refused whose answer goes where nobody looks at it, if rules would look.
    pub(super) fn refusal_of_unseen(&self, inquiry: &Inquiry) -> Option<Block> {
        let ready = self.looks_at_answers().filter(|_| inquiry.is_unseen)?;
        let (set, rule, check) = (ready.set.clone(), ready.name.clone(), ready.check);
        let message = format!(
            "Refused: the guardrail `{set}/{rule}` looks at answers, and the output of an asynchronous invocation is written \
             where no guardrail sees it."
        );
        Some(Block { set, rule, check, found: Cow::Borrowed("unseen_output"), message: message.into() })
    }

    /// The rules that look at answers, as `SET/RULE`: calls that they are for are refused where their answers go unseen.
    #[must_use]
    pub fn names_on_answers(&self) -> Vec<String> {
        let all = self.rules().iter().filter(|ready| ready.is_in_force_on_answers());
        all.map(|ready| format!("{}/{}", ready.set, ready.name)).collect()
    }
}

/// What a rule would take out stops the answer: why, in words for its caller.
fn stopped(taken: &Block, why: &str, inquiry: &mut Inquiry) -> Block {
    let message = format!("{} {why}", taken.message);
    let block = Block { message: message.into(), ..taken.clone() };
    inquiry.note_withheld(&block);
    block
}
