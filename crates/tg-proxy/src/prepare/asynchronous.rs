//! StartAsyncInvoke for a target: its output only where the provider's operator allows it, its tags say whose it is.

use super::Written;
use crate::outcome::may_be_billed;
use crate::send::Outgoing;
use bytes::Bytes;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tg_dialect::dialects::bedrock_invoke::{self, Owner};
use tg_dialect::loss::Encoded;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::target::Target;
use tg_upstream::provider::Upstream;
use tg_upstream::providers::bedrock::Invocations;

/// The caller's token, by which AWS knows a repetition. SDKs send one by themselves.
const TOKEN: &str = "clientRequestToken";

/// An invocation that is being started.
pub(crate) struct Started {
    invocations: Arc<Invocations>,
    /// Whose it is; `None` where AWS may answer with an earlier one, which may be another's.
    owner: Option<Owner>,
}

/// Whether a caller may have its invocation written where it says.
///
/// # Errors
/// `Class::Unsupported` when the provider takes none, `Class::Forbidden` (`output_not_allowed`) when the place is not the
/// caller's; another target may take it.
pub(super) fn admit(outgoing: &Outgoing<'_>, provider: &Upstream) -> Result<Started, Fault> {
    let invocations = provider.provider.invocations().ok_or_else(not_offered)?;
    let (uri, booked) = (bedrock_invoke::output_uri(outgoing.members)?, outgoing.attribution);
    if !invocations.may_write(booked, &uri) {
        return Err(elsewhere(&invocations.folders(booked)));
    }
    let owner = (!has_token(outgoing)).then(|| Owner::of(booked));
    Ok(Started { invocations: Arc::clone(invocations), owner })
}

fn has_token(outgoing: &Outgoing<'_>) -> bool {
    outgoing.members.get(TOKEN).is_some_and(|raw| raw != b"null")
}

/// Whether a start that failed so must not be tried at another target: it may have begun, or a repetition by the caller
/// must find what an earlier try has begun. A target that never takes it hides nothing.
pub(crate) fn stays(outgoing: &Outgoing<'_>, fault: &Fault) -> bool {
    let never_takes_it = matches!(fault.class, Class::Unsupported | Class::Forbidden | Class::NotFound);
    may_be_billed(fault) || (has_token(outgoing) && !never_takes_it)
}

/// The original bytes, with the model by its name at the target, and the gateway's tags.
pub(super) fn write(outgoing: &Outgoing<'_>, target: &Target) -> Result<Written, Fault> {
    let (members, named) = (outgoing.members, &outgoing.peek.model);
    let (body, loss) = bedrock_invoke::start_body(members, &target.model, named, outgoing.attribution)?;
    let written = Written::own(outgoing, Bytes::new());
    Ok(Written { encoded: Encoded { body, losses: loss.into_iter().collect(), ..Encoded::default() }, ..written })
}

impl Started {
    /// Remembers the invocation that an answer names.
    pub(crate) fn remember(&self, answer: &[u8], now: Duration) {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "invocationArn")]
            arn: String,
        }
        if let Ok(Answer { arn }) = serde_json::from_slice(answer) {
            self.invocations.started(&arn, self.owner.clone(), now);
        }
    }
}

/// No provider takes asynchronous invocations, or not this one.
pub(crate) fn not_offered() -> Fault {
    let message = "Asynchronous invocations are not offered here: the gateway's operator has allowed no place for their \
                   output (async_output of a Bedrock provider).";
    Fault::new(Class::Unsupported, Origin::Caller, "operation_unsupported", message).retry(Retry::Elsewhere)
}

fn elsewhere(folders: &[String]) -> Fault {
    let message = if folders.is_empty() {
        "Your team has no place for the output of asynchronous invocations; ask your platform team for one.".to_owned()
    } else {
        format!("Output of asynchronous invocations may be written in these places only: {}.", folders.join(", "))
    };
    Fault::new(Class::Forbidden, Origin::Caller, "output_not_allowed", message)
        .at("outputDataConfig.s3OutputDataConfig.s3Uri")
        .retry(Retry::Elsewhere)
}
