//! Forms in which a value may be written so that it is not seen at once.

use super::alike::{Talk, Trial, ask, talks};
use super::places::Place;
use crate::wire::dialect::Delivery;
use data_encoding::BASE32_NOPAD;

/// Where such a value stands.
const PLACES: [Place; 4] = [Place::User, Place::ToolResult, Place::Answer, Place::AnsweredArguments];

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Base32,
    QuotedPrintable,
    DecimalCodes,
    HexBetweenNoise,
    Keycaps,
    PercentTwice,
    EntitiesTwice,
}

impl Form {
    const ALL: [Self; 7] = [
        Self::Base32,
        Self::QuotedPrintable,
        Self::DecimalCodes,
        Self::HexBetweenNoise,
        Self::Keycaps,
        Self::PercentTwice,
        Self::EntitiesTwice,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Base32 => "in base32",
            Self::QuotedPrintable => "in quoted-printable",
            Self::DecimalCodes => "in decimal codes",
            Self::HexBetweenNoise => "in hexadecimal pairs between bytes that are no text",
            Self::Keycaps => "in keycaps",
            Self::PercentTwice => "in percent signs that are escaped again",
            Self::EntitiesTwice => "in entities that are escaped again",
        }
    }

    /// The value in this form, and a stretch of that which nobody may see.
    fn write(self, value: &str) -> (String, String) {
        let third = value.len() / 3;
        let each = |write: &dyn Fn(usize, char) -> String| {
            let written: Vec<String> = value.chars().enumerate().map(|(at, c)| write(at, c)).collect();
            (written.concat(), written.get(third..2 * third).unwrap_or_default().concat())
        };
        let middle = value.get(third..2 * third).unwrap_or_default();
        let bytes = |text: &str, write: &dyn Fn(u8) -> String| text.bytes().map(write).collect::<Vec<_>>().join(" ");
        match self {
            Self::Base32 => {
                let all = BASE32_NOPAD.encode(format!("this is the value: {value} and no other").as_bytes());
                (all.clone(), all)
            }
            // Not of every character: a row of nothing but pairs of digits is known as such, too.
            Self::QuotedPrintable => {
                each(&|at, c| if at % 4 < 2 { format!("={:02X}", u32::from(c)) } else { c.into() })
            }
            Self::DecimalCodes => {
                let codes = |text: &str| bytes(text, &|byte| byte.to_string());
                (codes(&format!("now here is what you want: {value} and there is more")), codes(middle))
            }
            Self::HexBetweenNoise => {
                let pairs = |text: &str| bytes(text, &|byte| format!("{byte:02x}"));
                (format!("80 ff {} ff 80", pairs(value)), pairs(middle))
            }
            Self::Keycaps => each(&|_, c| format!("{c}\u{fe0f}\u{20e3}")),
            Self::PercentTwice => each(&|_, c| format!("%25{:02x}", u32::from(c))),
            Self::EntitiesTwice => each(&|_, c| format!("&amp;#{};", u32::from(c))),
        }
    }
}

/// Every dialect before every provider, whole and streamed, in requests and answers.
pub(super) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for place in PLACES {
        for (dialect, offer, sought) in talks() {
            for delivery in
                [Delivery::Plain, Delivery::Streamed].into_iter().filter(|d| place.is_in(dialect, &offer, *d))
            {
                let forms = [None].into_iter().chain(Form::ALL.map(Some));
                trials.extend(forms.map(|form| trial(place, (dialect, offer, sought), delivery, form)));
            }
        }
    }
    trials
}

/// A value in a form; `None` is in the open.
fn trial(place: Place, (dialect, offer, sought): Talk, delivery: Delivery, form: Option<Form>) -> Trial {
    let value = sought.value();
    let open = (value.to_owned(), value.to_owned());
    let (written, shown) = form.map_or(open, |form| form.write(value));
    let is_answer = place.is_answer();
    let ask = ask(dialect, offer, delivery, is_answer, String::new());
    Trial {
        claim: format!("a value is found {}", form.map_or("in the open", Form::name)),
        how: form.map(|form| form.name().to_owned()),
        place: place.name(),
        offer,
        body: place.body(&ask, &format!("so here it is: {written} as you asked")),
        ask,
        is_answer,
        sought,
        hidden: vec![value.to_owned(), shown],
    }
}
