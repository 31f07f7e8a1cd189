//! Which revision may decide about teams.

use super::is_outdated;
use tg_kernel::clock::Timestamp;
use tg_store::revision::NewRevision;
use tg_store::store::Store;

#[test]
fn a_revision_that_is_not_the_newest_decides_about_no_team() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store.db")).unwrap();
    let mut revisions = store.revisions().unwrap();
    for text in ["teams: [{ name: a }]", "teams: [{ name: a }, { name: b }]"] {
        let new = NewRevision { author: "ann".into(), note: String::new(), text: text.into(), restores: None };
        revisions.add(&new, None, Timestamp::from_seconds(1)).unwrap();
    }
    assert!(is_outdated(&store, 1).unwrap());
    assert!(!is_outdated(&store, 2).unwrap());
}
