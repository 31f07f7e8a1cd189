//! Where the store is: one place, with what belongs to it.

use super::Findings;
use crate::document::{Document, StoreTlsMode};
use crate::problem::Path;
use std::time::Duration;

pub(super) fn check(document: &Document, found: &mut Findings) {
    let (path, store) = (Path::root().member("store"), &document.store);
    if store.path.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
        found.add(path.member("path"), "is empty", "write the path of a file, as in `tallygate.db`");
    }
    if store.journal.as_ref().is_some_and(|journal| store.url.is_none() && journal == store.path()) {
        found.add(path.member("journal"), "is the path of the store", "write the path of a directory of its own");
    }
    journal(document, &path, found);
    if store.url.is_some() {
        if store.path.is_some() {
            found.add(
                path.member("path"),
                "stands beside `url`, and there is one store",
                "keep `path` for a SQLite file, or `url` for a PostgreSQL database",
            );
        }
        if store.tls.ca.is_some() && store.tls_mode() != StoreTlsMode::VerifyFull {
            found.add(
                path.member("tls").member("ca"),
                "has no meaning where no certificate is verified",
                "write `mode: verify-full`, or remove it",
            );
        }
        return;
    }
    let tls_is_set = store.tls.mode.is_some() || store.tls.ca.is_some();
    for (member, is_set) in [("password", store.password.is_some()), ("tls", tls_is_set)] {
        if is_set {
            let hint = "add `url`, as in `postgres://tallygate@db.example.com:5432/tallygate`, or remove it";
            found.add(path.member(member), "has no meaning for a SQLite file", hint);
        }
    }
}

/// Least room for the journal: two segments.
const JOURNAL_BYTES_MIN: u64 = 16 << 20;

/// Longest time between two syncs of the journal.
const JOURNAL_SYNC_MAX: Duration = Duration::from_secs(60);

fn journal(document: &Document, path: &Path, found: &mut Findings) {
    let (bytes_max, sync) = (document.store.journal_bytes_max, document.store.journal_sync);
    if bytes_max.bytes() < JOURNAL_BYTES_MIN {
        let message = format!("{bytes_max} is less than 16 MiB");
        found.add(path.member("journal_bytes_max"), message, "write at least `16 MiB`");
    }
    if sync.get() > JOURNAL_SYNC_MAX {
        found.add(path.member("journal_sync"), format!("{sync} is longer than a minute"), "write at most `1m`");
    }
}
