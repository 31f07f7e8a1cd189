//! Forms in which a value may be written so that it is not seen at once.

use super::super::house::OFFERS;
use super::alike::{Sought, Trial, ask};
use super::places::Place;
use crate::wire::dialect::{Delivery, Dialect};

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
        let middle: String = value.chars().skip(value.len() / 3).take(value.len() / 3).collect();
        let each = |write: &dyn Fn(char) -> String| {
            let all = |text: &str| text.chars().map(write).collect::<String>();
            (all(value), all(&middle))
        };
        let bytes = |text: &str, write: &dyn Fn(u8) -> String| text.bytes().map(write).collect::<Vec<_>>().join(" ");
        match self {
            Self::Base32 => {
                let all = base32(&format!("this is the value: {value} and no other"));
                (all.clone(), all)
            }
            Self::QuotedPrintable => each(&|c| format!("={:02X}", u32::from(c))),
            Self::DecimalCodes => {
                let codes = |text: &str| bytes(text, &|byte| byte.to_string());
                (codes(&format!("now here is what you want: {value} and there is more")), codes(&middle))
            }
            Self::HexBetweenNoise => {
                let pairs = |text: &str| bytes(text, &|byte| format!("{byte:02x}"));
                (format!("80 ff {} ff 80", pairs(value)), pairs(&middle))
            }
            Self::Keycaps => each(&|c| format!("{c}\u{fe0f}\u{20e3}")),
            Self::PercentTwice => each(&|c| format!("%25{:02x}", u32::from(c))),
            Self::EntitiesTwice => each(&|c| format!("&amp;#{};", u32::from(c))),
        }
    }
}

/// RFC 4648, without padding.
fn base32(text: &str) -> String {
    let bits: Vec<u8> = text.bytes().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digit = |bits: &[u8]| {
        let value = bits.iter().chain(&[0; 5]).take(5).fold(0, |value, bit| value << 1 | bit);
        char::from(if value < 26 { b'A' + value } else { b'2' + value - 26 })
    };
    bits.chunks(5).map(digit).collect()
}

/// Every dialect before every provider, whole and streamed, in requests and answers.
pub(super) fn trials() -> Vec<Trial> {
    let forms = || [None].into_iter().chain(Form::ALL.map(Some));
    let mut trials = Vec::new();
    for place in PLACES {
        for sought in Sought::ALL {
            for dialect in Dialect::TALKING {
                for offer in OFFERS {
                    for delivery in [Delivery::Plain, Delivery::Streamed] {
                        for form in forms().filter(|_| place.is_in(dialect, &offer, delivery)) {
                            let value = sought.value();
                            let open = (value.to_owned(), value.to_owned());
                            let (written, shown) = form.map_or(open, |form| form.write(value));
                            let is_answer = place.is_answer();
                            let ask = ask(dialect, offer, delivery, is_answer, String::new());
                            let body = place.body(&ask, &format!("so here it is: {written} as you asked"));
                            trials.push(Trial {
                                claim: format!("a value is found {}", form.map_or("in the open", Form::name)),
                                how: form.map(|form| form.name().to_owned()),
                                place: place.name(),
                                offer,
                                ask,
                                body,
                                is_answer,
                                sought,
                                hidden: vec![value.to_owned(), shown],
                            });
                        }
                    }
                }
            }
        }
    }
    trials
}
