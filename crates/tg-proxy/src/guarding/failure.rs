//! What providers say of a failure: checked as an answer is, since it may repeat what was asked, or what the model said.

use super::answer::{Seen, look};
use crate::deliver::{Delivery, Refusal};
use crate::settle::Settlement;
use bytes::Bytes;
use serde_json::{Value, json};
use std::borrow::Cow;
use tg_kernel::fault::{Fault, Origin};

/// What stands in place of a provider's words.
const WITHHELD: &str = "The provider gave an error in words that the gateway does not let through.";

/// How a call goes on that a provider has failed or refused: its words as far as the call's guard lets them go, restored
/// where it puts values back, or the fault without them.
pub(crate) async fn checked(end: Result<Delivery, Fault>, settlement: &mut Settlement) -> Result<Delivery, Fault> {
    match end {
        Ok(Delivery::Refused(refusal)) => refused(*refusal, settlement).await,
        Ok(delivery) => Ok(delivery),
        Err(fault) => Err(told(fault, settlement).await),
    }
}

async fn refused(refusal: Refusal, settlement: &mut Settlement) -> Result<Delivery, Fault> {
    let Refusal { mut fault, mut verbatim } = refusal;
    if let Some(verbatim) = &mut verbatim {
        match look(verbatim.body.clone(), settlement).await {
            Seen::Open => {}
            Seen::Changed(body) => {
                verbatim.body = body;
                // It has the words from before.
                fault = told(fault, settlement).await;
            }
            Seen::Blocked(_) | Seen::Unreadable(_) => return Err(wordless(fault)),
        }
    }
    Refusal { fault, verbatim }.into_delivery()
}

/// A fault as far as its caller may be told of it.
pub(crate) async fn told(mut fault: Fault, settlement: &mut Settlement) -> Fault {
    if !has_words(&fault) {
        return fault;
    }
    let words = json!({ "message": fault.message, "detail": fault.param }).to_string();
    match look(Bytes::from(words), settlement).await {
        Seen::Open => fault,
        Seen::Changed(words) => {
            let words: Value = serde_json::from_slice(&words).unwrap_or_default();
            let word = |name: &str| words.get(name).and_then(Value::as_str).map(str::to_owned);
            fault.message = word("message").map_or(Cow::Borrowed(WITHHELD), Cow::Owned);
            fault.param = word("detail");
            fault
        }
        Seen::Blocked(_) | Seen::Unreadable(_) => wordless(fault),
    }
}

/// A fault without what its provider says.
pub(crate) fn wordless(mut fault: Fault) -> Fault {
    if has_words(&fault) {
        fault.message = Cow::Borrowed(WITHHELD);
        fault.param = None;
    }
    fault
}

/// Whether it says what its provider says. Words that are built in are the gateway's own.
fn has_words(fault: &Fault) -> bool {
    fault.origin == Origin::Provider && (matches!(fault.message, Cow::Owned(_)) || fault.param.is_some())
}
