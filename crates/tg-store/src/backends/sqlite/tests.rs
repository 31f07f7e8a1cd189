//! What the engine and the system report, in our words.

use super::Place;
use crate::error::StoreError;
use rusqlite::ffi;
use std::io::ErrorKind;

#[test]
fn failures_of_the_engine_are_told_apart() {
    let place = Place("the store".into());
    let kind = |code| place.error(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
    assert!(matches!(kind(ffi::SQLITE_BUSY), StoreError::Locked { .. }));
    assert!(matches!(kind(ffi::SQLITE_BUSY_SNAPSHOT), StoreError::Locked { .. }));
    assert!(matches!(kind(ffi::SQLITE_READONLY_DIRECTORY), StoreError::ReadOnly { .. }));
    assert!(matches!(kind(ffi::SQLITE_FULL), StoreError::Full { .. }));
    assert!(matches!(kind(ffi::SQLITE_CORRUPT), StoreError::Corrupt { .. }));
    assert!(matches!(kind(ffi::SQLITE_NOTADB), StoreError::Corrupt { .. }));
    assert!(matches!(kind(ffi::SQLITE_IOERR_WRITE), StoreError::Engine { .. }));
}

#[test]
fn failures_of_the_system_are_told_apart() {
    let place = Place("the store".into());
    let kind = |kind: ErrorKind| place.io("creating the file", kind.into());
    assert!(matches!(kind(ErrorKind::StorageFull), StoreError::Full { .. }));
    assert!(matches!(kind(ErrorKind::ReadOnlyFilesystem), StoreError::ReadOnly { .. }));
    let refused = kind(ErrorKind::PermissionDenied).to_string();
    assert_eq!(refused, "the store: creating the file: permission denied");
}
