//! Single values: what is written is read again, and bad ones are refused with a mend.

use proptest::prelude::*;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use tg_config::grammar::{
    Address, Age, Allowance, BaseUrl, Dimension, HeaderText, Keepalive, Name, Pattern, Period, Refused, SecretRef,
    Size, TokenPrice,
};

fn check<T: FromStr<Err = Refused> + Display + Debug>(good: &[(&str, &str)], bad: &[&str]) {
    for (text, written) in good {
        let value: T = text.parse().unwrap_or_else(|e: Refused| panic!("{text}: {e}"));
        assert_eq!(value.to_string(), *written);
    }
    for text in bad {
        let refused = text.parse::<T>().expect_err(text);
        assert!(!refused.message.is_empty() && !refused.hint.is_empty());
    }
}

#[test]
fn durations() {
    check::<Period>(
        &[("30s", "30s"), ("60s", "1m"), ("1500ms", "1500ms"), ("24h", "1d"), ("365d", "365d")],
        &["", "30", "s", "0s", "-1s", "1.5s", "30 s", "366d", "99999999999999999999s", "1w", "30S", "１s"],
    );
    check::<Age>(
        &[("1d", "1d"), ("400d", "400d"), ("730d", "2y"), ("7y", "7y"), ("100y", "100y")],
        &["", "0d", "7", "12h", "101y", "36501d", "-1d", "1.5y", "99999999999999999999d"],
    );
    check::<Keepalive>(&[("off", "off"), ("15s", "15s")], &["on", "", "0s", "never"]);
}

#[test]
fn allowances_and_what_limits_count_by() {
    check::<Allowance>(
        &[("600/m", "600/m"), ("2000000/h", "2M/h"), ("60/60s", "60/m"), ("5/10s", "5/10s"), ("1k/d", "1k/d")],
        &["", "600", "600/", "/m", "0/m", "1/0s", "1/32d", "1.5/s", "1/w", "1K/m", "9999999B/s", "-1/m", "1 /m", "1/1"],
    );
    check::<Dimension>(
        &[("team", "team"), ("provider", "provider"), ("tag:user", "tag:user")],
        &["", "user", "tag", "tag:", "tag:a=b", "tag:a,b", "Team"],
    );
}

#[test]
fn sizes() {
    check::<Size>(
        &[("32 MiB", "32 MiB"), ("32MiB", "32 MiB"), ("1024 KiB", "1 MiB"), ("1 B", "1 B"), ("1024 GiB", "1024 GiB")],
        &["", "32", "32 MB", "0 B", "1.5 MiB", "1025 GiB", "18446744073709551615 GiB", "-1 B"],
    );
}

#[test]
fn token_prices() {
    check::<TokenPrice>(
        &[
            ("20.00 USD per 1M tokens", "20.00 USD per 1M tokens"),
            ("20 USD per 1M tokens", "20.00 USD per 1M tokens"),
            ("0.075 USD per 1M tokens", "0.075 USD per 1M tokens"),
            ("0 USD per 1M tokens", "0.00 USD per 1M tokens"),
        ],
        &[
            "20",
            "20 EUR per 1M tokens",
            ".5 USD per 1M tokens",
            "1. USD per 1M tokens",
            "-1 USD per 1M tokens",
            "0.0000001 USD per 1M tokens",
            "10000001 USD per 1M tokens",
            "99999999999999999999 USD per 1M tokens",
        ],
    );
    assert_eq!("20 USD per 1M tokens".parse::<TokenPrice>().unwrap().picos_per_token(), 20_000_000);
}

#[test]
fn names_and_patterns() {
    let long = "a".repeat(65);
    check::<Name>(&[("search", "search"), ("a-b_9", "a-b_9")], &["", "Search", "a b", "a.b", "é", "a\n", &long]);
    check::<Pattern>(
        &[("*", "*"), ("claude-*", "claude-*"), ("*-mini", "*-mini"), ("*x*", "*x*"), ("a/b:c.d", "a/b:c.d")],
        &["", "a*b", "**", "*a*b", "a b", "é", "***", "a**"],
    );
    for (pattern, text, matches) in [
        ("*", "", true),
        ("*", "x", true),
        ("claude-*", "claude-", true),
        ("claude-*", "Claude-1", false),
        ("*-mini", "gpt-5-mini", true),
        ("*-mini", "gpt-5-mini-2", false),
        ("*x*", "axb", true),
        ("*x*", "ab", false),
        ("a", "a", true),
        ("a", "ab", false),
    ] {
        assert_eq!(pattern.parse::<Pattern>().unwrap().matches(text), matches, "{pattern} {text}");
    }
}

#[test]
fn addresses() {
    check::<Address>(
        &[("127.0.0.1:8080", "127.0.0.1:8080"), ("[::]:0", "[::]:0")],
        &["localhost:80", "127.0.0.1", ":80", ""],
    );
    check::<BaseUrl>(
        &[
            ("https://api.example.com/v1/", "https://api.example.com/v1"),
            ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
            ("http://[::1]:8000", "http://[::1]:8000"),
            ("https://a_b.example", "https://a_b.example"),
        ],
        &[
            "api.example.com",
            "ftp://x",
            "https://",
            "https://u:p@x",
            "https://x?y",
            "https://x#y",
            "https://x:0",
            "https://x:99999",
            "https://x:",
            "https://-x",
            "https://a..b",
            "http://127.1",
            "http://2130706433",
            "http://0x7f.0.0.1",
            "https://x y",
            "https://[::1",
            "https://[::1]x",
            "https://x\\@y",
            "HTTPS://x",
            "https://é.example",
        ],
    );
    for (url, loopback) in [
        ("http://localhost/v1", true),
        ("http://LOCALHOST", true),
        ("http://127.0.0.2:1", true),
        ("http://[::1]:1", true),
        ("http://[::ffff:127.0.0.1]", true),
        ("http://localhost.example.com", false),
        ("http://10.0.0.1", false),
    ] {
        assert_eq!(url.parse::<BaseUrl>().unwrap().host().is_loopback(), loopback, "{url}");
    }
}

#[test]
fn secrets_by_reference_only() {
    check::<SecretRef>(
        &[("env:A_1", "env:A_1"), ("file:/run/x y", "file:/run/x y")],
        &["env:", "env:A-B", "file:", "file:a\nb", "A"],
    );
    check::<HeaderText>(&[("eu team", "eu team"), ("env:A", "env:A")], &["a\nb", " a", "é", "env:A B", "file:"]);
    for literal in ["sk-ant-api03-hunter2", "env:sk-hunter2 x", "file:\nhunter2"] {
        let refused = literal.parse::<SecretRef>().unwrap_err();
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }
    assert!(!format!("{:?}", HeaderText::Literal("hunter2".to_owned())).contains("hunter2"));
}

proptest! {
    #[test]
    fn durations_round_trip(millis in 1u64..=365 * 86_400_000) {
        let period = Period::millis(millis);
        prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
        prop_assert_eq!(period.get().as_millis(), u128::from(millis));
    }

    #[test]
    fn sizes_round_trip(bytes in 1u64..=1 << 40) {
        let size: Size = format!("{bytes} B").parse().unwrap();
        prop_assert_eq!(size.to_string().parse::<Size>().unwrap(), size);
        prop_assert_eq!(size.bytes(), bytes);
    }

    #[test]
    fn token_prices_round_trip(micros in 0u64..=10_000_000_000_000) {
        let text = format!("{}.{:06} USD per 1M tokens", micros / 1_000_000, micros % 1_000_000);
        let price: TokenPrice = text.parse().unwrap();
        prop_assert_eq!(price.picos_per_token(), micros);
        prop_assert_eq!(price.to_string().parse::<TokenPrice>().unwrap(), price);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = text.parse::<Period>();
        let _ = text.parse::<Size>();
        let _ = text.parse::<TokenPrice>();
        let _ = text.parse::<HeaderText>();
        if let Ok(pattern) = text.parse::<Pattern>() {
            prop_assert_eq!(pattern.to_string(), text.clone());
        }
        if let Ok(url) = format!("https://{text}").parse::<BaseUrl>() {
            prop_assert_eq!(url.to_string().parse::<BaseUrl>().unwrap(), url);
        }
    }

    /// What one pattern covers it overlaps, and no text escapes either claim.
    #[test]
    fn covers_and_overlaps_agree_with_matches(a in "\\*?[ab]{0,3}\\*?", b in "\\*?[ab]{0,3}\\*?", text in "[ab]{0,4}") {
        if let (Ok(a), Ok(b)) = (a.parse::<Pattern>(), b.parse::<Pattern>()) {
            prop_assert!(!a.covers(&b) || !b.matches(&text) || a.matches(&text), "{} covers {}", a, b);
            prop_assert!(a.overlaps(&b) || !(a.matches(&text) && b.matches(&text)), "{} overlaps {}", a, b);
        }
    }
}
