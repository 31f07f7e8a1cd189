//! Opening a store: what is made, and how failures read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;
use tg_store::{Store, StoreError};

#[test]
fn what_is_missing_is_made_for_its_owner_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a/b/store.db");
    let store = Store::open(&path).unwrap();
    store.ledger_writer().unwrap().append(&[crate::fixture::record()]).unwrap();
    let mode = |p: &std::path::Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    assert_eq!(Store::open(&path).unwrap().ledger().unwrap().report(&Default::default()).unwrap().totals.calls, 1);
}

#[test]
fn many_may_open_a_new_store_at_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    std::thread::scope(|scope| {
        for opener in (0..8).map(|_| scope.spawn(|| Store::open(&path).map(drop))).collect::<Vec<_>>() {
            opener.join().unwrap().unwrap();
        }
    });
}

#[test]
fn what_is_no_store_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a database, but long enough to be read as the head of one: ".repeat(40)).unwrap();
    let refused = Store::open(&text).unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused}");
    assert!(fs::read_to_string(&text).unwrap().starts_with("not a database"));

    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let refused = Store::open(&other).unwrap_err().to_string();
    assert!(refused.contains("a database of something else"), "{refused}");
}

#[test]
fn a_store_of_the_first_schema_keeps_its_keys() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let first = include_str!("../../src/backends/sqlite/migrations/0001_first.sql");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(first).unwrap();
    old.execute_batch(
        "INSERT INTO teams VALUES ('search', 'store', 'active', '{}', NULL, 0, 0);
         INSERT INTO keys VALUES ('Kq3x9ZbV1mWc', zeroblob(32), 'search', NULL, NULL, '[]', '[]', '', 0, NULL, NULL, NULL);
         PRAGMA application_id = 0x74677374; PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let key = Store::open(&path).unwrap().directory().unwrap().key("Kq3x9ZbV1mWc").unwrap();
    assert_eq!(key.kind, tg_store::KeyKind::Bearer);
}

#[test]
fn a_newer_schema_is_not_touched() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    drop(Store::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 9999).unwrap();
    let refused = Store::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::NewerSchema { found: 9999, .. }), "{refused}");
}

#[test]
fn a_folder_or_an_impossible_path_is_named_in_the_error() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [folder.path().to_owned(), file.join("store.db")] {
        let refused = Store::open(&path).unwrap_err().to_string();
        assert!(refused.contains(&*path.to_string_lossy()), "{refused}");
    }
}

#[test]
fn a_damaged_store_is_reported_as_such() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path).unwrap();
    let all: Vec<_> = (0..500).map(|_| crate::fixture::record()).collect();
    store.ledger_writer().unwrap().append(&all).unwrap();
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let from = 4096 * 3;
    bytes[from..].fill(0xAB);
    fs::write(&path, bytes).unwrap();
    let report = |path| Store::open(path)?.ledger()?.report(&Default::default());
    let damaged = report(&path).unwrap_err();
    assert!(matches!(damaged, StoreError::Corrupt { .. }), "{damaged}");
}
