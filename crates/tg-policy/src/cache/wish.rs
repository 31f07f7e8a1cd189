//! What a caller wants of the cache for one call: `x-tallygate-cache`, `cache-control`, and the names that other gateways use.

use http::{HeaderMap, HeaderName};
use std::time::Duration;

/// The gateway's own header: `off`, `refresh`, `exact`, `ttl=SECONDS`; several with commas between.
pub const HEADER: HeaderName = HeaderName::from_static("x-tallygate-cache");

/// What a caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// An answer that was kept will do.
    pub take: bool,
    /// The answer may be kept.
    pub keep: bool,
    /// So will that to a like question, where a rule allows it.
    pub alike: bool,
    /// Only one that is no older.
    pub age_max: Option<Duration>,
    /// The answer is to be kept no longer.
    pub ttl: Option<Duration>,
}

impl Default for Wish {
    fn default() -> Self {
        Self { take: true, keep: true, alike: true, age_max: None, ttl: None }
    }
}

impl Wish {
    /// What these headers say. A word that nobody knows says nothing: whoever mistypes one gets what the configuration says.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut wish = Self::default();
        for word in words(headers, HEADER.as_str()) {
            match word.as_str() {
                "off" => (wish.take, wish.keep) = (false, false),
                "refresh" => wish.take = false,
                "exact" => wish.alike = false,
                other => wish.ttl = seconds(other, "ttl").or(wish.ttl),
            }
        }
        for word in words(headers, "cache-control") {
            match word.as_str() {
                "no-store" => (wish.take, wish.keep) = (false, false),
                "no-cache" => wish.take = false,
                other => wish.age_max = seconds(other, "max-age").or(wish.age_max),
            }
        }
        if is_true(headers, "cf-aig-skip-cache") {
            (wish.take, wish.keep) = (false, false);
        }
        if is_true(headers, "x-portkey-cache-force-refresh") {
            wish.take = false;
        }
        let theirs = words(headers, "cf-aig-cache-ttl").find_map(|word| word.parse().ok());
        wish.ttl = wish.ttl.or(theirs.map(Duration::from_secs));
        wish
    }

    /// How long an answer is kept where the rule says so long; `None`: not at all.
    #[must_use]
    pub fn life(&self, ttl: Duration) -> Option<Duration> {
        let life = self.ttl.map_or(ttl, |own| own.min(ttl));
        (self.keep && !life.is_zero()).then_some(life)
    }
}

fn words<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|word| word.trim().to_ascii_lowercase())
}

fn seconds(word: &str, name: &str) -> Option<Duration> {
    let number = word.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim();
    number.parse().ok().map(Duration::from_secs)
}

fn is_true(headers: &HeaderMap, name: &str) -> bool {
    words(headers, name).any(|word| word == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(headers: &[(&'static str, &'static str)]) -> Wish {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), http::HeaderValue::from_static(value));
        }
        Wish::of(&map)
    }

    #[test]
    fn each_header_says_what_its_users_expect() {
        let usual = Wish::default();
        let (off, fresh) = (Wish { take: false, keep: false, ..usual }, Wish { take: false, ..usual });
        let minute = Some(Duration::from_secs(60));
        for (headers, expected) in [
            (&[][..], usual),
            (&[("x-tallygate-cache", "off")], off),
            (&[("x-tallygate-cache", "Refresh")], fresh),
            (&[("x-tallygate-cache", "ttl=60")], Wish { ttl: minute, ..usual }),
            (&[("x-tallygate-cache", "refresh, ttl=60")], Wish { ttl: minute, ..fresh }),
            (&[("x-tallygate-cache", "of")], usual),
            (&[("x-tallygate-cache", "exact")], Wish { alike: false, ..usual }),
            (&[("cache-control", "no-store")], off),
            (&[("cache-control", "no-cache")], fresh),
            (&[("cache-control", "max-age=60, private")], Wish { age_max: minute, ..usual }),
            (&[("cache-control", "max-age=x")], usual),
            (&[("cf-aig-skip-cache", "true")], off),
            (&[("cf-aig-skip-cache", "false")], usual),
            (&[("cf-aig-cache-ttl", "60")], Wish { ttl: minute, ..usual }),
            (&[("x-portkey-cache-force-refresh", "true")], fresh),
        ] {
            assert_eq!(wish(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_caller_can_only_shorten_the_life_of_an_answer() {
        let hour = Duration::from_secs(3600);
        for (headers, life) in [
            (&[][..], Some(hour)),
            (&[("x-tallygate-cache", "ttl=60")], Some(Duration::from_secs(60))),
            (&[("x-tallygate-cache", "ttl=999999")], Some(hour)),
            (&[("x-tallygate-cache", "ttl=0")], None),
            (&[("x-tallygate-cache", "off")], None),
            (&[("x-tallygate-cache", "refresh")], Some(hour)),
        ] {
            assert_eq!(wish(headers).life(hour), life, "{headers:?}");
        }
    }
}
