//! A finished call: one row of the ledger.

use crate::clock::Timestamp;
use crate::decided::Decided;
use crate::dialect::{Dialect, Operation};
use crate::guarded::Guarded;
use crate::ids::CallId;
use crate::principal::Attribution;
use crate::units::Money;
use crate::usage::{ServiceTier, Usage, UsageSource};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The whole answer reached the caller.
    Ok,
    /// The gateway refused the call; it never reached a provider.
    Refused,
    /// The provider answered with an error, or could not be reached.
    ProviderError,
    /// The answer was cut off, by the provider, by a limit, or by the gateway's end; the caller was told so.
    Truncated,
    /// The caller left before the end.
    ClientGone,
    /// The gateway died during the call, settled afterwards from the journal; or it ended and cut the caller off.
    Interrupted,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::Refused, Self::ProviderError, Self::Truncated, Self::ClientGone, Self::Interrupted];

    /// The name in stores, metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::ProviderError => "provider_error",
            Self::Truncated => "truncated",
            Self::ClientGone => "client_gone",
            Self::Interrupted => "interrupted",
        }
    }

    /// Reads what [`Ending::as_str`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.as_str() == name)
    }
}

/// Whether a cost could be computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pricing {
    /// Nothing was used, so nothing is owed.
    #[default]
    Nothing,
    /// The catalogue has a price for everything that was used.
    Priced,
    /// The catalogue has no price; policy charged the stated ceiling.
    Ceiling,
    /// The catalogue has no price; policy let the call pass, flagged. The cost reads zero and is *not* known.
    Unpriced,
}

impl Pricing {
    /// The name in stores and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Priced => "priced",
            Self::Ceiling => "ceiling",
            Self::Unpriced => "unpriced",
        }
    }

    /// Reads what [`Pricing::as_str`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Nothing, Self::Priced, Self::Ceiling, Self::Unpriced].into_iter().find(|p| p.as_str() == name)
    }
}

/// What a call cost, and by which price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenCost")]
pub struct Cost {
    /// The amount: what is charged, after negotiated discounts.
    pub amount: Money,
    /// What it would have been at list price.
    pub list: Money,
    /// Whether it could be computed.
    pub pricing: Pricing,
    /// Version of the price catalogue and the row that priced it (`2026-11-23/anthropic.claude-opus-5-5/us`); empty if none.
    pub price: Arc<str>,
    /// The unit prices ([`crate::rates::RateSheet::to_text`]), shared by all calls of the same price; `None` where there
    /// were none, and in rows from before they were kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Arc<str>>,
}

/// A cost as it is kept in JSON, also by versions that knew no list prices: theirs was the amount.
#[derive(Deserialize)]
struct WrittenCost {
    amount: Money,
    list: Option<Money>,
    pricing: Pricing,
    price: Arc<str>,
    rates: Option<Arc<str>>,
}

impl From<WrittenCost> for Cost {
    fn from(written: WrittenCost) -> Self {
        let WrittenCost { amount, list, pricing, price, rates } = written;
        Self { amount, list: list.unwrap_or(amount), pricing, price, rates }
    }
}

impl Pricing {
    /// How much is known of a sum that has such a part: the least known decides.
    const fn doubt(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Priced => 1,
            Self::Ceiling => 2,
            Self::Unpriced => 3,
        }
    }
}

impl Cost {
    /// An amount at list price, without unit prices.
    #[must_use]
    pub fn at_list(amount: Money, pricing: Pricing, price: impl Into<Arc<str>>) -> Self {
        Self { amount, list: amount, pricing, price: price.into(), rates: None }
    }

    /// The sum, as certain as the less certain part. The price named is that of `self`, as are the unit prices.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let pricing = if other.pricing.doubt() > self.pricing.doubt() { other.pricing } else { self.pricing };
        let (amount, list) = (self.amount.plus(other.amount), self.list.plus(other.list));
        Self { amount, list, pricing, price: Arc::clone(&self.price), rates: self.rates.clone() }
    }
}

/// One finished call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The call.
    pub id: CallId,
    /// When it arrived.
    pub started_at: Timestamp,
    /// To whom it is booked.
    pub attribution: Attribution,
    /// What was asked, in which dialect, of which model.
    pub asked: Asked,
    /// Who served it, if it reached a provider: the last target that was tried.
    pub served: Option<Served>,
    /// The tries before that one, in their order. Their cost is not in `cost`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Attempt>,
    /// How it ended.
    pub ending: Ending,
    /// The HTTP status sent to the caller (499 where the caller left before one was sent).
    pub status: u16,
    /// The fault's code, where there was one.
    pub fault: Option<String>,
    /// The counts.
    pub usage: Usage,
    /// How far to trust the counts.
    pub usage_source: UsageSource,
    /// The cost.
    pub cost: Cost,
    /// What the target's dialect could not express.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
    /// What content checks did; `None` where none ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarded: Option<Box<Guarded>>,
    /// What the gateway itself decided about the call; `None` where that was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Box<Decided>>,
    /// How long things took.
    pub timing: Timing,
}

impl Record {
    /// What the tries before the last one may have cost: always an estimate.
    #[must_use]
    pub fn earlier_cost(&self) -> Cost {
        self.earlier.iter().fold(Cost::default(), |sum, attempt| sum.plus(&attempt.cost))
    }

    /// What the call cost with all its tries.
    #[must_use]
    pub fn total_cost(&self) -> Cost {
        self.cost.plus(&self.earlier_cost())
    }
}

/// A try that failed before another target was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Who was asked.
    pub served: Served,
    /// The fault's code.
    pub fault: String,
    /// What it may have used, estimated; nothing where it cannot be billed.
    pub usage: Usage,
    /// What that may have cost.
    pub cost: Cost,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The caller's dialect.
    pub dialect: Dialect,
    /// The operation.
    pub operation: Operation,
    /// The model that the caller named; truncated to 256 bytes.
    pub model: Arc<str>,
    /// Whether a stream was asked for.
    pub stream: bool,
}

/// Who served a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The provider's name in the configuration.
    pub provider: Arc<str>,
    /// The model's id as sent to the provider; where a profile was named in its place, the model behind that, if known.
    pub model: Arc<str>,
    /// The ARN of the application inference profile that was named to the provider in the model's place, or the id of the
    /// project of Bedrock's mantle endpoint to which the call counts: what AWS's bill groups it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Arc<str>>,
    /// The dialect spoken to it.
    pub dialect: Dialect,
    /// The provider's request id, for support and reconciliation.
    pub request_id: Option<String>,
    /// The name of the AWS role's session that signed, as it stands on the bill; none where no role is assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Arc<str>>,
    /// The tier at which it was served (as reported, else as asked).
    pub tier: ServiceTier,
    /// Tries made, this one included.
    pub attempts: u16,
    /// Why the answer ended (`StopReason::as_str`), where the provider said.
    pub stop: Option<String>,
}

/// How long things took, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// From the request's head to the end of the answer.
    pub total_us: u64,
    /// From the request's head to the first byte of the answer's body.
    pub first_token_us: Option<u64>,
    /// The gateway's own share before the call left: total time up to sending, less time waiting for the caller's body.
    pub overhead_us: u64,
}

#[cfg(test)]
mod tests {
    use super::{Cost, Money, Pricing};

    #[test]
    fn a_cost_from_before_list_prices_were_kept_is_at_list_price() {
        let read = |text: &str| serde_json::from_str::<Cost>(text).unwrap();
        let old = read(r#"{"amount":5,"pricing":"priced","price":"v/x"}"#);
        assert_eq!(old, Cost::at_list(Money::from_nanos(5), Pricing::Priced, "v/x"));
        let new = Cost { list: Money::from_nanos(7), rates: Some(r#"{"input":1}"#.into()), ..old };
        assert_eq!(read(&serde_json::to_string(&new).unwrap()), new);
    }

    #[test]
    fn a_sum_is_as_certain_as_its_less_certain_part() {
        let cost = |nanos, pricing, price: &str| Cost::at_list(Money::from_nanos(nanos), pricing, price);
        for (own, other, sum) in [
            (Pricing::Nothing, Pricing::Nothing, Pricing::Nothing),
            (Pricing::Nothing, Pricing::Priced, Pricing::Priced),
            (Pricing::Priced, Pricing::Nothing, Pricing::Priced),
            (Pricing::Priced, Pricing::Ceiling, Pricing::Ceiling),
            (Pricing::Unpriced, Pricing::Ceiling, Pricing::Unpriced),
            (Pricing::Priced, Pricing::Unpriced, Pricing::Unpriced),
        ] {
            let summed = cost(2, own, "mine").plus(&cost(3, other, "other"));
            assert_eq!(summed, cost(5, sum, "mine"), "{own:?} {other:?}");
        }
    }
}
