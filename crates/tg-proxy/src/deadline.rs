//! How long a caller waits for an answer to begin, as far as its headers say: nothing is worth beginning for who is gone.

use http::{HeaderMap, HeaderName};
use std::time::Duration;
use tg_kernel::fault::Fault;

/// How long the caller wants to wait until its answer begins: `30s`, `500ms`, `2m`, or seconds.
pub const TIMEOUT: HeaderName = HeaderName::from_static("x-tallygate-timeout");

/// What the official SDKs of OpenAI and Anthropic say of themselves, in seconds: how long they wait for the next byte
/// (Python, Java), and for the head (TypeScript) or for all of it (Go, Java).
const OF_SDKS: [&str; 2] = ["x-stainless-read-timeout", "x-stainless-timeout"];

/// Longest wait that a header can ask for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// So much of an SDK's wait, as its twentieth, is left for the way back,
const MARGIN_PART: u32 = 20;

/// and at most so much.
const MARGIN_MAX: Duration = Duration::from_secs(1);

/// How long after its arrival a call's answer must have begun for its caller's sake; `None` where it does not say. A caller
/// that gets a sign of life every `company` does not wait for the first word as its SDK would: only what is meant for the
/// gateway counts then.
///
/// # Errors
/// `Class::Malformed` where [`TIMEOUT`] is there and no span of time. An SDK's own word that cannot be read says nothing.
pub(crate) fn of_caller(headers: &HeaderMap, company: Option<Duration>) -> Result<Option<Duration>, Fault> {
    let asked = headers.get(&TIMEOUT).map(|value| value.to_str().ok().and_then(span).ok_or_else(wrong));
    let own = OF_SDKS.iter().filter_map(|name| seconds(headers.get(*name)?.to_str().ok()?)).min();
    let own = own.filter(|own| company.is_none_or(|every| *own <= every));
    let own = own.map(|own| own.saturating_sub((own / MARGIN_PART).min(MARGIN_MAX)));
    Ok(asked.transpose()?.into_iter().chain(own).min())
}

/// A span with its unit, or in seconds.
fn span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let whole = |number: &str| number.parse::<u32>().ok();
    let span = if let Some(number) = text.strip_suffix("ms") {
        Duration::from_millis(u64::from(whole(number)?))
    } else if let Some(number) = text.strip_suffix('s') {
        Duration::from_secs(u64::from(whole(number)?))
    } else if let Some(number) = text.strip_suffix('m') {
        Duration::from_secs(u64::from(whole(number)?) * 60)
    } else {
        return seconds(text);
    };
    Some(span).filter(|span| !span.is_zero() && *span <= LONGEST)
}

/// Seconds, whole or not.
fn seconds(text: &str) -> Option<Duration> {
    let span = Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()?;
    Some(span).filter(|span| !span.is_zero() && *span <= LONGEST)
}

fn wrong() -> Fault {
    let message = format!(
        "The header {TIMEOUT} must say how long to wait until the answer begins: '30s', '500ms', '2m' or seconds, at \
         most a day."
    );
    Fault::malformed_at(TIMEOUT.as_str(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &'static str)], company: Option<u64>) -> Result<Option<u128>, &'static str> {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let headers: HeaderMap = headers.collect();
        let found = of_caller(&headers, company.map(Duration::from_secs)).map_err(|fault| fault.code)?;
        Ok(found.map(|span| span.as_millis()))
    }

    #[test]
    fn the_shortest_wait_counts_and_an_sdks_leaves_time_for_the_way_back() {
        for (headers, expected) in [
            (&[][..], None),
            (&[("x-tallygate-timeout", "30s")], Some(30_000)),
            (&[("x-tallygate-timeout", "250ms")], Some(250)),
            (&[("x-tallygate-timeout", " 2m ")], Some(120_000)),
            (&[("x-tallygate-timeout", "1.5")], Some(1_500)),
            (&[("x-stainless-read-timeout", "600.0")], Some(599_000)),
            (&[("x-stainless-timeout", "2")], Some(1_900)),
            (&[("x-stainless-read-timeout", "60"), ("x-stainless-timeout", "20")], Some(19_000)),
            (&[("x-stainless-timeout", "20"), ("x-tallygate-timeout", "40s")], Some(19_000)),
            (&[("x-stainless-timeout", "None")], None),
            (&[("x-stainless-timeout", "NaN")], None),
            (&[("x-stainless-timeout", "0")], None),
            (&[("x-stainless-timeout", "1e300")], None),
        ] {
            assert_eq!(of(headers, None), Ok(expected), "{headers:?}");
        }
        for text in ["soon", "0s", "-1", "2h", "s", "", "99999999m"] {
            assert_eq!(of(&[("x-tallygate-timeout", text)], None), Err("invalid_request"), "{text}");
        }
    }

    #[test]
    fn who_is_kept_company_is_not_cut_off_by_its_sdk() {
        assert_eq!(of(&[("x-stainless-timeout", "60")], Some(15)), Ok(None));
        assert_eq!(of(&[("x-stainless-timeout", "10")], Some(15)), Ok(Some(9_500)));
        assert_eq!(of(&[("x-tallygate-timeout", "60")], Some(15)), Ok(Some(60_000)));
    }
}
