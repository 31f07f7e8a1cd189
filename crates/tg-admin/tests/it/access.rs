//! Who may call, with a token and without.

use crate::bed::Bed;

const TEAMS: &str = "/admin/v1/teams";

#[tokio::test]
async fn a_token_is_asked_for_and_compared() {
    let bed = Bed::with(Some("s3cret-token"), "127.0.0.1:0");
    for (value, status) in [
        (None, 401),
        (Some(""), 401),
        (Some("Bearer"), 401),
        (Some("Bearer "), 401),
        (Some("Bearer s3cret-toke"), 401),
        (Some("Bearer s3cret-token2"), 401),
        (Some("Basic s3cret-token"), 401),
        (Some("s3cret-token"), 401),
        (Some("Bearer s3cret-token"), 200),
        (Some("bearer s3cret-token"), 200),
    ] {
        let headers: Vec<_> = value.into_iter().map(|v| ("authorization", v)).collect();
        let answer = bed.send("GET", TEAMS, &headers, "").await;
        assert_eq!(answer.status, status, "{value:?}");
        assert!(!answer.text.contains("s3cret"), "{}", answer.text);
        if status == 401 {
            assert_eq!(answer.code(), "unauthenticated");
            assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        }
    }
}

#[tokio::test]
async fn every_admin_path_is_closed_without_the_token_and_no_probe_is() {
    let bed = Bed::with(Some("t"), "127.0.0.1:0");
    let paths: Vec<_> = tg_admin::reference::openapi()["paths"].as_object().unwrap().keys().cloned().collect();
    let admin: Vec<_> = paths.iter().filter(|path| path.starts_with("/admin")).collect();
    assert!(admin.len() >= 12, "{paths:?}");
    for path in admin {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            assert_eq!(bed.send(method, path, &[], "").await.status, 401, "{method} {path}");
        }
    }
    assert_eq!(bed.get("/admin/v1/no-such-thing").await.status, 401);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(bed.send("GET", path, &[("host", "gateway.example")], "").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn without_a_token_only_this_machine_is_answered() {
    let bed = Bed::open();
    let port = bed.addr.port();
    let own = format!("localhost:{port}");
    let own_origin = format!("http://{own}");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], ""),
        (&[("host", &own)], ""),
        (&[("host", &own), ("origin", &own_origin)], ""),
        (&[("sec-fetch-site", "none")], ""),
        (&[("sec-fetch-site", "same-origin")], ""),
        (&[("host", "evil.example")], "not_local"),
        (&[("host", "localhost.evil.example")], "not_local"),
        (&[("host", "10.0.0.1")], "not_local"),
        (&[("host", &own), ("host", "evil.example")], "not_local"),
        (&[("origin", "https://evil.example")], "cross_site"),
        (&[("origin", "http://localhost:1")], "cross_site"),
        (&[("origin", "null")], "cross_site"),
        (&[("sec-fetch-site", "cross-site")], "cross_site"),
        (&[("sec-fetch-site", "same-site")], "cross_site"),
    ];
    for (headers, code) in cases {
        for path in [TEAMS, "/metrics"] {
            let answer = bed.send("GET", path, headers, "").await;
            if code.is_empty() {
                assert_eq!(answer.status, 200, "{path} {headers:?}: {}", answer.text);
            } else if answer.status != 400 {
                // Two `Host` headers may be refused by the connection itself.
                assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, *code), "{path} {headers:?}");
            }
        }
        assert_eq!(bed.send("GET", "/healthz", &[("sec-fetch-site", "cross-site")], "").await.status, 200);
    }
}

#[tokio::test]
async fn without_a_token_an_address_that_others_reach_answers_nobody() {
    let bed = Bed::with(None, "0.0.0.0:0");
    let answer = bed.get(TEAMS).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "token_required"));
    assert_eq!(bed.get("/metrics").await.status, 200);
}
