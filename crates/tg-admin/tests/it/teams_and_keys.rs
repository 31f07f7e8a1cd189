//! Teams and keys: made, changed, and in force at once.

use crate::bed::{Bed, NOW};
use serde_json::{Value, json};
use std::net::IpAddr;
use tg_kernel::clock::Timestamp;
use tg_store::KeyRefusal;

const TEAMS: &str = "/admin/v1/teams";
const KEYS: &str = "/admin/v1/keys";
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

async fn team(bed: &Bed, name: &str) -> Value {
    let policy = json!({"projects": ["ranking"], "environments": ["production"], "models": ["claude-*"]});
    bed.post(TEAMS, json!({"name": name, "policy": policy})).await.expect(201)
}

/// Whether the key opens anything now.
fn find(bed: &Bed, secret: &Value, at: i64) -> Result<(), KeyRefusal> {
    bed.directory.find(secret.as_str().unwrap(), HERE, Timestamp::from_seconds(at)).map(drop)
}

#[tokio::test]
async fn a_team_is_made_shown_changed_and_switched() {
    let bed = Bed::open();
    let made = team(&bed, "search").await;
    assert_eq!((&made["owner"], &made["state"]), (&json!("store"), &json!("active")));
    assert_eq!(made["policy"]["tags"], json!({"allow": ["*"], "max": 10, "sources": ["header", "body"]}));
    assert_eq!(made["created_at"], "2027-01-15T08:00:00Z");
    assert_eq!(bed.get("/admin/v1/teams/search").await.expect(200), made);
    assert_eq!(bed.get(TEAMS).await.expect(200)["teams"], json!([made]));

    bed.advance(60);
    let mut policy = made["policy"].clone();
    policy["projects"] = json!(["ranking", "answers"]);
    policy["models"] = json!([]);
    let changed = bed.put("/admin/v1/teams/search", policy.clone()).await.expect(200);
    assert_eq!(changed["policy"], policy);
    assert_eq!(changed["updated_at"], "2027-01-15T08:01:00Z");
    let models = bed.directory.team("search").unwrap().policy.models.clone();
    assert_eq!(models, [""], "no model at all, and not every model");

    let issued = bed.post(KEYS, json!({"team": "search"})).await.expect(201);
    let act = async |action: &str| bed.post(&format!("/admin/v1/teams/search/{action}"), json!({})).await;
    assert_eq!(act("disable").await.expect(200)["state"], "disabled");
    assert_eq!(find(&bed, &issued["secret"], NOW), Err(KeyRefusal::TeamNotActive));
    let refused = bed.post(KEYS, json!({"team": "search"})).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "team_not_active"));
    assert_eq!(act("enable").await.expect(200)["state"], "active");
    assert_eq!(find(&bed, &issued["secret"], NOW), Ok(()));
    let adopted = act("adopt").await;
    assert_eq!((adopted.status.as_u16(), adopted.code().as_str()), (409, "team_exists"));
}

#[tokio::test]
async fn a_team_of_the_file_cannot_be_changed_here() {
    let bed = Bed::open();
    bed.declare("billing");
    let name = "/admin/v1/teams/billing";
    assert_eq!(bed.get(name).await.expect(200)["owner"], "file");
    for answer in [
        bed.put(name, json!({})).await,
        bed.post(&format!("{name}/disable"), json!({})).await,
        bed.post(&format!("{name}/enable"), json!({})).await,
        bed.post(&format!("{name}/adopt"), json!({})).await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "owned_by_file"), "{}", answer.text);
        assert!(answer.message().contains("configuration file"), "{}", answer.text);
    }
    let taken = bed.post(TEAMS, json!({"name": "billing"})).await;
    assert_eq!((taken.status.as_u16(), taken.code().as_str()), (409, "team_exists"));
    // Keys are never the file's.
    bed.post(KEYS, json!({"team": "billing"})).await.expect(201);

    bed.directory.sync_declared(&[], Timestamp::from_seconds(NOW)).unwrap();
    assert_eq!(bed.get(name).await.expect(200)["state"], "undeclared");
    let adopted = bed.post(&format!("{name}/adopt"), json!({})).await.expect(200);
    assert_eq!((&adopted["owner"], &adopted["state"]), (&json!("store"), &json!("active")));
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let bed = Bed::open();
    for (method, path, code) in [
        ("GET", "/admin/v1/teams/none", "team_not_found"),
        ("PUT", "/admin/v1/teams/none", "team_not_found"),
        ("POST", "/admin/v1/teams/none/disable", "team_not_found"),
        ("GET", "/admin/v1/keys/none", "key_not_found"),
        ("POST", "/admin/v1/keys/none/rotate", "key_not_found"),
        ("POST", "/admin/v1/keys/none/revoke", "key_not_found"),
        ("GET", "/admin/v1/calls/none", "call_not_found"),
        ("GET", "/admin/v1/calls/req_00000000000000000000000000000000", "call_not_found"),
    ] {
        let answer = bed.send(method, path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, code), "{method} {path}");
    }
    let answer = bed.post(KEYS, json!({"team": "none"})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "team_not_found"));
}

#[tokio::test]
async fn a_key_is_shown_once_rotated_and_revoked() {
    let bed = Bed::open();
    team(&bed, "search").await;
    let new = json!({
        "team": "search", "project": "ranking", "environment": "production", "models": ["claude-opus-*"],
        "networks": ["127.0.0.0/8"], "expires": "90d", "label": "nightly job",
    });
    let issued = bed.post(KEYS, new).await.expect(201);
    let (id, secret) = (issued["key"]["id"].as_str().unwrap().to_owned(), issued["secret"].clone());
    assert_eq!(issued["key"]["expires_at"], "2027-04-15T08:00:00Z");
    assert_eq!(find(&bed, &secret, NOW), Ok(()));
    let shown = bed.get(&format!("{KEYS}/{id}")).await;
    assert!(!shown.text.contains(secret.as_str().unwrap()));
    assert_eq!(shown.json(), issued["key"]);

    let rotated = bed.post(&format!("{KEYS}/{id}/rotate"), json!({"overlap": "1h"})).await.expect(201);
    assert_eq!(rotated["key"]["rotated_from"], id.as_str());
    assert_eq!(rotated["key"]["project"], "ranking");
    assert_eq!((find(&bed, &secret, NOW + 3599), find(&bed, &rotated["secret"], NOW)), (Ok(()), Ok(())));
    assert_eq!(find(&bed, &secret, NOW + 3600), Err(KeyRefusal::Expired));
    bed.advance(3600);
    assert_eq!(bed.get(&format!("{KEYS}/{id}")).await.expect(200)["state"], "expired");
    let again = bed.post(&format!("{KEYS}/{id}/rotate"), json!({})).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "key_ended"));

    let successor = format!("{KEYS}/{}", rotated["key"]["id"].as_str().unwrap());
    assert_eq!(bed.send("POST", &format!("{successor}/revoke"), &[], "").await.expect(200)["state"], "revoked");
    assert_eq!(find(&bed, &rotated["secret"], NOW), Err(KeyRefusal::Revoked));
    let list = bed.get("/admin/v1/keys?team=search").await;
    assert!(!list.text.contains("sk-tg-"), "{}", list.text);
    assert_eq!(list.expect(200)["keys"].as_array().unwrap().len(), 2);
    assert_eq!(bed.get("/admin/v1/keys?team=other").await.expect(200)["keys"], json!([]));
}

#[tokio::test]
async fn an_access_key_is_made_and_rotated_where_its_secret_can_be_kept() {
    let bed = Bed::open();
    team(&bed, "search").await;
    let issued = bed.post(KEYS, json!({"team": "search", "project": "ranking", "aws": true})).await.expect(201);
    let (id, secret) = (issued["key"]["id"].as_str().unwrap(), issued["secret"].as_str().unwrap());
    assert_eq!(issued["key"]["kind"], "aws");
    assert!(id.starts_with("TGKA") && secret.len() == 40, "{id}");
    assert_eq!(bed.directory.signer(id).unwrap().signing_secret().unwrap().expose(), secret);
    let rotated = bed.post(&format!("{KEYS}/{id}/rotate"), json!({})).await.expect(201);
    assert_eq!((&rotated["key"]["kind"], &rotated["key"]["project"]), (&json!("aws"), &json!("ranking")));
    bed.post(KEYS, json!({"team": "search"})).await.expect(201);
    let list = bed.get(KEYS).await;
    assert!(!list.text.contains(secret), "{}", list.text);
    let kinds: Vec<_> = list.json()["keys"].as_array().unwrap().iter().map(|key| key["kind"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "aws").count(), 2, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "bearer").count(), 1, "{kinds:?}");

    let bed = Bed::sealing_with(None, None, "127.0.0.1:0");
    team(&bed, "search").await;
    let refused = bed.post(KEYS, json!({"team": "search", "aws": true})).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "no_secrets_key"));
    assert!(refused.message().contains("identity.secrets_key"), "{}", refused.text);
}

#[tokio::test]
async fn an_overlap_of_nothing_ends_the_old_key_at_once() {
    let bed = Bed::open();
    team(&bed, "search").await;
    let issued = bed.post(KEYS, json!({"team": "search"})).await.expect(201);
    let id = issued["key"]["id"].as_str().unwrap();
    bed.post(&format!("{KEYS}/{id}/rotate"), json!({"overlap": "0s"})).await.expect(201);
    assert_eq!(find(&bed, &issued["secret"], NOW), Err(KeyRefusal::Expired));
}

#[tokio::test]
async fn keys_that_cannot_be_are_refused() {
    let bed = Bed::open();
    team(&bed, "search").await;
    for (new, code) in [
        (json!({"team": "search", "project": "x"}), "not_of_team"),
        (json!({"team": "search", "environment": "x"}), "not_of_team"),
        (json!({"team": "search", "expires": "2020-01-01"}), "invalid_request"),
        (json!({"team": "search", "expires": "soon", "networks": ["x"]}), "invalid_request"),
        (json!({"team": "search", "models": ["a*b*c"]}), "invalid_request"),
        (json!({"team": "search", "label": "x".repeat(129)}), "invalid_request"),
        (json!({"project": "x"}), "invalid_request"),
    ] {
        let answer = bed.post(KEYS, new.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code), "{new}: {}", answer.text);
    }
    let policy = json!({"default_project": "x"});
    assert_eq!(bed.put("/admin/v1/teams/search", policy).await.code(), "invalid_request");
}

#[tokio::test]
async fn what_another_process_has_changed_is_seen_at_once() {
    let bed = Bed::open();
    let other = bed.store.directory().unwrap();
    other.create_team("late", tg_store::TeamPolicy::default(), Timestamp::from_seconds(NOW)).unwrap();
    assert_eq!(bed.get("/admin/v1/teams/late").await.expect(200)["owner"], "store");
}

#[tokio::test]
async fn a_store_that_fails_is_told_and_nothing_changes() {
    let bed = Bed::open();
    team(&bed, "search").await;
    // Another process that does not let go.
    let place = bed.store.place().to_owned();
    let other = rusqlite_lock(&place);
    let answer = bed.post(TEAMS, json!({"name": "late"})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "store_failed"), "{}", answer.text);
    drop(other);
    assert_eq!(bed.get(TEAMS).await.expect(200)["teams"].as_array().unwrap().len(), 1);
}

fn rusqlite_lock(place: &str) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(place).unwrap();
    connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    connection
}
