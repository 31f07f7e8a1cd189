//! Bodies that are too long, or are not what they should be.

use crate::bed::Bed;
use serde_json::json;

#[tokio::test]
async fn a_long_body_is_refused() {
    let bed = Bed::open();
    let just_fits = format!("{{{}\"name\": \"a\"}}", " ".repeat(tg_admin::BODY_BYTES_MAX - 13));
    assert_eq!(just_fits.len(), tg_admin::BODY_BYTES_MAX);
    assert_eq!(bed.send("POST", "/admin/v1/teams", &[], just_fits.clone()).await.status, 201);
    let answer = bed.send("POST", "/admin/v1/teams", &[], just_fits + " ").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "body_too_large"));
}

#[tokio::test]
async fn every_problem_of_a_body_is_told() {
    let bed = Bed::open();
    let body = json!({
        "name": "Not A Name",
        "polcy": {},
        "policy": {"projects": ["ok", 3, "no no"], "unknown_project": "maybe", "tags": {"max": 51, "colour": "red"}},
    });
    let answer = bed.post("/admin/v1/teams", body).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_request"));
    let problems = answer.json()["error"]["problems"].to_string();
    for place in [
        "name: ",
        "polcy: ",
        "policy.projects[1]",
        "policy.projects[2]",
        "policy.unknown_project",
        "policy.tags.max",
        "policy.tags.colour",
    ] {
        assert!(problems.contains(place), "{place} in {problems}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let bed = Bed::open();
    let deep = "[".repeat(500_000);
    for body in ["", "null", "[]", "{", "{\"name\": \"a\", \"name\": \"b\"}", "\u{0}", &deep] {
        let answer = bed.send("POST", "/admin/v1/teams", &[], body.to_owned()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_request"), "{}", answer.text);
        assert!(answer.text.len() < 2000);
    }
    let not_utf8 = bed.send("POST", "/admin/v1/teams", &[], b"{\"name\": \"\xff\"}".to_vec()).await;
    assert_eq!(not_utf8.status, 400);
}

#[tokio::test]
async fn a_query_is_read_strictly() {
    let bed = Bed::open();
    for (path, problems) in [
        ("/admin/v1/report?by=tame&sinc=1d&since=x", 2),
        ("/admin/v1/report?since=x&until=y", 2),
        ("/admin/v1/report?by=team,team", 1),
        ("/admin/v1/calls?limit=0&before=x&filter=team", 3),
        ("/admin/v1/calls?limit=1001", 1),
        ("/admin/v1/keys?tame=x", 1),
    ] {
        let answer = bed.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_request"), "{path}");
        assert_eq!(answer.json()["error"]["problems"].as_array().unwrap().len(), problems, "{path}: {}", answer.text);
    }
}
