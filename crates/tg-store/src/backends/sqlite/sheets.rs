//! Texts of unit prices: each is stored once, and known by its id from then on.

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// Most ids that a writer remembers. Beyond it they are looked up again.
const REMEMBERED_MAX: usize = 4096;

/// The ids that one writer knows.
#[derive(Debug, Default)]
pub(super) struct Sheets {
    ids: HashMap<Arc<str>, i64>,
}

impl Sheets {
    /// The id of a text, which is stored if it is new. Forget all of them where the transaction comes to nothing.
    pub(super) fn id(&mut self, connection: &Connection, text: Option<&Arc<str>>) -> rusqlite::Result<Option<i64>> {
        let Some(text) = text else { return Ok(None) };
        if let Some(id) = self.ids.get(text) {
            return Ok(Some(*id));
        }
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        connection
            .prepare_cached("INSERT OR IGNORE INTO rate_sheets (digest, text) VALUES (?, ?)")?
            .execute((&digest, &**text))?;
        let id = connection
            .prepare_cached("SELECT id FROM rate_sheets WHERE digest = ?")?
            .query_row([&digest], |row| row.get(0))?;
        if self.ids.len() < REMEMBERED_MAX {
            self.ids.insert(Arc::clone(text), id);
        }
        Ok(Some(id))
    }
}
