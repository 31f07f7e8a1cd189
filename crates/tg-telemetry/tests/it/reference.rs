//! `docs/metrics.md` is what the code says, and the code's own list has no slips.

use std::collections::HashSet;
use std::path::Path;
use tg_telemetry::names::{ATTRIBUTES, Kind, METRICS};

#[test]
fn the_reference_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let expected = tg_telemetry::reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/metrics.md is stale: run the tests of tg-telemetry with UPDATE_DOCS=1");
}

#[test]
fn names_are_unique_and_well_formed() {
    let names: HashSet<_> = METRICS.iter().map(|m| m.name).collect();
    let keys: HashSet<_> = ATTRIBUTES.iter().map(|a| a.key).collect();
    assert_eq!((names.len(), keys.len()), (METRICS.len(), ATTRIBUTES.len()));
    for metric in METRICS {
        assert!(metric.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", metric.name);
        assert!(!metric.name.ends_with("_total"), "{}: the suffix is added", metric.name);
        assert_eq!(metric.kind == Kind::Histogram, !metric.buckets.is_empty(), "{}", metric.name);
        assert!(metric.buckets.is_sorted(), "{}", metric.name);
        assert!(!metric.help.ends_with('.'), "{}: the full stop is added", metric.name);
        if let Some(otel) = metric.otel {
            assert!(metric.name.starts_with(&otel.replace('.', "_")), "{}", metric.name);
        }
    }
}
