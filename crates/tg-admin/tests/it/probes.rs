//! Health, readiness, metrics, configuration, and paths that are not there.

use crate::bed::Bed;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn probes_tell_health_and_readiness_apart() {
    let bed = Bed::open();
    assert_eq!(bed.get("/readyz").await.status, 200);
    bed.ready.store(false, Ordering::Release);
    assert_eq!(bed.get("/readyz").await.status, 503);
    assert_eq!(bed.get("/healthz").await.text, "ok\n");
    let head = bed.send("HEAD", "/healthz", &[], "").await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn metrics_and_configuration_are_passed_on() {
    let bed = Bed::open();
    let metrics = bed.get("/metrics").await;
    assert_eq!(metrics.text, "# HELP x y\nx 1\n");
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let config = bed.get("/admin/v1/config").await;
    assert_eq!(config.headers["cache-control"], "no-store");
    assert_eq!(config.expect(200)["listen"]["address"], "127.0.0.1:8080");
}

#[tokio::test]
async fn what_is_not_there_is_told_apart_from_other_methods() {
    let bed = Bed::open();
    for path in ["/", "/admin", "/admin/v1", "/admin/v1/teams/", "/admin/v1/teams/a/b", "/admin/v1/teams/a/b/c"] {
        let answer = bed.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "no_such_path"), "{path}");
    }
    for (method, path, allow) in [
        ("DELETE", "/admin/v1/teams", "GET, POST"),
        ("POST", "/admin/v1/teams/a", "GET, PUT"),
        ("GET", "/admin/v1/keys/a/revoke", "POST"),
        ("POST", "/metrics", "GET"),
    ] {
        let answer = bed.send(method, path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (405, "method_not_allowed"), "{path}");
        assert_eq!(answer.headers["allow"], allow);
    }
}

#[tokio::test]
async fn it_ends_by_drain() {
    let bed = Bed::open();
    assert_eq!(bed.get("/healthz").await.status, 200);
    bed.drain.begin(Duration::from_secs(20));
    assert_eq!(bed.ended.await.unwrap().unwrap().cut, 0);
}
