//! How single values are written in the file: each is a type that reads and writes its own text.

mod address;
mod age;
mod allowance;
mod counters_url;
mod moment;
mod money;
mod name;
mod network;
mod patience;
mod percent;
mod quantity;
mod sample;
mod secret_ref;
mod store_url;

pub use address::{Address, BaseUrl, Host};
pub use age::Age;
pub use allowance::{Allowance, Dimension};
pub use counters_url::CountersUrl;
pub use moment::Moment;
pub use money::{LocalMoment, Money, Share, TimeZone};
pub use name::{Name, Pattern};
pub use network::Network;
pub use patience::Patience;
pub use percent::Percent;
pub use quantity::{Keepalive, Period, Ratio, Size, TokenPrice};
pub use sample::Sample;
pub use secret_ref::{HeaderText, SecretRef};
pub use store_url::StoreUrl;

/// Why a text is not in a grammar, and how to mend it. Never holds what may be a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl Refused {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.message, self.hint)
    }
}

/// The texts that the schema marks with their grammar, so that the loader can explain a bad one.
pub(crate) const GRAMMAR_KEY: &str = "x-grammar";

/// Reads `text` by the grammar of that name, only to learn whether it is well formed. An unknown grammar refuses nothing.
pub(crate) fn refusal(grammar: &str, text: &str) -> Option<Refused> {
    fn of<T: std::str::FromStr<Err = Refused>>(text: &str) -> Option<Refused> {
        text.parse::<T>().err()
    }
    match grammar {
        "allowance" => of::<Allowance>(text),
        "dimension" => of::<Dimension>(text),
        "money" => of::<Money>(text),
        "share" => of::<Share>(text),
        "time_zone" => of::<TimeZone>(text),
        "local_moment" => of::<LocalMoment>(text),
        "address" => of::<Address>(text),
        "age" => of::<Age>(text),
        "base_url" => of::<BaseUrl>(text),
        "name" => of::<Name>(text),
        "pattern" => of::<Pattern>(text),
        "moment" => of::<Moment>(text),
        "patience" => of::<Patience>(text),
        "percent" => of::<Percent>(text),
        "sample" => of::<Sample>(text),
        "network" => of::<Network>(text),
        "duration" => of::<Period>(text),
        "duration_or_off" => of::<Keepalive>(text),
        "size" => of::<Size>(text),
        "token_price" => of::<TokenPrice>(text),
        "secret" => of::<SecretRef>(text),
        "store_url" => of::<StoreUrl>(text),
        "counters_url" => of::<CountersUrl>(text),
        "header" => of::<HeaderText>(text),
        _ => None,
    }
}

/// A text as an error message may show it: short, and without control characters.
fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(40).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(40).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Gives a type with `FromStr` and `Display` its form in files (a string) and in the JSON Schema.
macro_rules! written_as_text {
    ($type:ty, $grammar:literal, $schema_name:literal, $description:literal, [$($example:literal),+]) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $schema_name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": $description,
                    "examples": [$($example),+],
                    (crate::grammar::GRAMMAR_KEY): $grammar,
                })
            }
        }
    };
}
use written_as_text;
