//! The ways in which a provider fails, and what has to come of each.

use super::seen::Saw;
use crate::wire::dialect::Delivery;

/// The provider that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// OpenAI, by Chat Completions or Responses.
    Openai,
    /// Amazon Bedrock, by Converse or InvokeModel.
    Bedrock,
}

impl Failing {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Openai, Self::Bedrock];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "OpenAI",
            Self::Bedrock => "Bedrock",
        }
    }

    /// Its model.
    pub const fn model(self) -> &'static str {
        match self {
            Self::Openai => "gpt-5-mini",
            Self::Bedrock => "us.anthropic.claude-sonnet-4-6",
        }
    }

    /// The directive that makes its model do this, and no other.
    pub fn directive(self, script: &str) -> String {
        if script.is_empty() { String::new() } else { format!("[[sim@{}: {script}]]", self.model()) }
    }
}

/// Where the failing target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the simulated provider.
    Simulated,
    /// At an address where nobody is.
    Nowhere,
    /// At the simulated provider, which does not have the model.
    Unknown,
}

/// Of which calls a way to fail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All.
    All,
    /// Those that are answered whole.
    Plain,
    /// Streams.
    Streamed,
}

impl Calls {
    /// The deliveries that they have.
    pub const fn deliveries(self) -> &'static [Delivery] {
        match self {
            Self::All => &[Delivery::Plain, Delivery::Streamed],
            Self::Plain => &[Delivery::Plain],
            Self::Streamed => &[Delivery::Streamed],
        }
    }
}

/// One way to fail.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// The name in tables.
    pub name: &'static str,
    /// Who fails.
    pub failing: Failing,
    /// What the simulated provider is told to do.
    pub script: &'static str,
    /// Where the target is.
    pub place: Place,
    /// Of which calls.
    pub calls: Calls,
    /// What callers have to see.
    pub saw: Saw,
    /// Who has to be passed over after it has happened often enough.
    pub blamed: &'static str,
    /// Whether the failed try may be on the provider's bill.
    pub is_billed: bool,
}

impl Trouble {
    /// How many tries there have to be.
    pub fn tries(&self) -> &'static str {
        if self.saw == Saw::Whole { "2" } else { "1" }
    }

    /// The directive that makes the failing target fail, and no other.
    pub fn directive(&self) -> String {
        self.failing.directive(self.script)
    }
}

/// A way to fail that another target mends.
const fn mended(name: &'static str, script: &'static str, blamed: &'static str) -> Trouble {
    Trouble {
        name,
        failing: Failing::Openai,
        script,
        place: Place::Simulated,
        calls: Calls::All,
        saw: Saw::Whole,
        blamed,
        is_billed: false,
    }
}

/// One after which the provider may bill the try.
const fn billed(name: &'static str, script: &'static str) -> Trouble {
    Trouble { is_billed: true, ..mended(name, script, "model") }
}

const fn plain(name: &'static str, script: &'static str) -> Trouble {
    Trouble { calls: Calls::Plain, ..billed(name, script) }
}

const fn streamed(name: &'static str, script: &'static str) -> Trouble {
    Trouble { calls: Calls::Streamed, ..billed(name, script) }
}

/// A stream that fails after its beginning.
const fn cut(name: &'static str, script: &'static str) -> Trouble {
    Trouble { saw: Saw::Cut, blamed: "", ..streamed(name, script) }
}

/// One that is the request's own fault.
const fn wrong(name: &'static str, script: &'static str, status: u16) -> Trouble {
    Trouble { saw: Saw::Refused(status), ..mended(name, script, "") }
}

/// What any provider may do.
const ANY: [Trouble; 22] = [
    Trouble { place: Place::Nowhere, ..mended("connection refused", "", "provider") },
    billed("connection reset before the head", "reset"),
    billed("silence before the head", "hang_before_head"),
    billed("slower than the provider's first_byte", "ttft=5s"),
    billed("silence after the head", "hang_after_head"),
    billed("200 with bytes that are no answer", "garbage"),
    mended("502 from a proxy, in HTML", "html", "model"),
    plain("a body that breaks off", "die_after=0"),
    plain("a body that ends halfway", "truncate_after=0"),
    plain("a body that falls silent halfway", "hang_after=0"),
    streamed("a stream that breaks off before its first word", "die_after=0"),
    streamed("a stream that ends before its first word", "truncate_after=0"),
    streamed("a stream with garbage before its first word", "garbage_after=0"),
    streamed("a stream that falls silent before its first word", "hang_after=0"),
    cut("a stream that breaks off later", "die_after=3"),
    cut("a stream that ends too early", "truncate_after=3"),
    cut("a stream with garbage later", "garbage_after=3"),
    cut("a stream that falls silent later", "hang_after=3"),
    cut("a stream that reports an error later", "fail_after=3"),
    wrong("413", "status=413", 413),
    mended("502", "status=502", "model"),
    Trouble { place: Place::Unknown, ..mended("a model that is not there", "", "absent") },
];

/// What OpenAI does in its own words.
const OPENAI: [Trouble; 11] = [
    wrong("400", "status=400", 400),
    mended("401", "status=401", "credential"),
    mended("403", "status=403", "credential"),
    mended("404 of something else", "status=404", ""),
    mended("408", "status=408", "model"),
    mended("429", "status=429", "quota"),
    mended("429 with retry-after", "status=429 retry_after=20", "quota"),
    mended("500", "status=500", "model"),
    mended("503", "status=503", "model"),
    mended("529", "status=529", "model"),
    streamed("an error before the first word", "fail_after=0"),
];

/// What Amazon Bedrock does in its own words.
const BEDROCK: [Trouble; 18] = [
    wrong("400 ValidationException", "status=400", 400),
    mended("400 ServiceQuotaExceededException", "status=400 error=ServiceQuotaExceededException", "credential"),
    mended("403 AccessDeniedException", "status=403", "credential"),
    mended("403 ExpiredTokenException", "status=403 error=ExpiredTokenException", "credential"),
    mended("404 ResourceNotFoundException of something else", "status=404", ""),
    mended("408 ModelTimeoutException", "status=408", "model"),
    mended("424 ModelErrorException", "status=424", "model"),
    mended("429 ThrottlingException", "status=429", "quota"),
    mended("429 ThrottlingException with retry-after", "status=429 retry_after=20", "quota"),
    mended("429 ModelNotReadyException", "status=429 error=ModelNotReadyException", "quota"),
    mended("500 InternalServerException", "status=500", "model"),
    mended("503 ServiceUnavailableException", "status=503", "model"),
    streamed("serviceUnavailableException before the first word", "fail_after=0"),
    Trouble {
        blamed: "quota",
        ..streamed("throttlingException before the first word", "fail_after=0 fail_as=throttlingException")
    },
    streamed("internalServerException before the first word", "fail_after=0 fail_as=internalServerException"),
    streamed("modelStreamErrorException before the first word", "fail_after=0 fail_as=modelStreamErrorException"),
    streamed("an error frame before the first word", "fail_after=0 fail_as=error"),
    Trouble {
        saw: Saw::Said,
        blamed: "",
        ..streamed("validationException before the first word", "fail_after=0 fail_as=validationException")
    },
];

/// Every way to fail, of both.
pub fn all() -> Vec<Trouble> {
    let of = |failing: Failing, own: &[Trouble]| -> Vec<Trouble> {
        ANY.iter().chain(own).map(|trouble| Trouble { failing, ..*trouble }).collect()
    };
    let mut all = of(Failing::Openai, &OPENAI);
    all.extend(of(Failing::Bedrock, &BEDROCK));
    all
}
