//! Texts of unit prices: each is stored once, and known by its id from then on.

use super::row::storable;
use super::session::Session;
use crate::error::StoreError;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::types::Type;

/// Most ids that a writer remembers. Beyond it they are looked up again.
const REMEMBERED_MAX: usize = 4096;

/// The ids that one writer knows. They are stored for good, so they stay right.
#[derive(Debug, Default)]
pub(super) struct Sheets {
    ids: HashMap<Arc<str>, i64>,
}

impl Sheets {
    /// The id of a text that was learned before.
    pub(super) fn id(&self, text: Option<&Arc<str>>) -> Option<i64> {
        self.ids.get(text?).copied()
    }

    /// Stores the texts that are new, and learns the ids of all.
    pub(super) fn learn<'a>(
        &mut self,
        session: &mut Session,
        texts: impl Iterator<Item = &'a Arc<str>>,
    ) -> Result<(), StoreError> {
        if self.ids.len() > REMEMBERED_MAX {
            self.ids.clear();
        }
        let mut new: HashMap<Vec<u8>, &Arc<str>> = HashMap::new();
        for text in texts.filter(|text| !self.ids.contains_key(*text)) {
            new.insert(Sha256::digest(text.as_bytes()).to_vec(), text);
        }
        if new.is_empty() {
            return Ok(());
        }
        let digests: Vec<Vec<u8>> = new.keys().cloned().collect();
        let texts: Vec<String> = new.values().map(|text| storable(text)).collect();
        let found = session.run(async |client| {
            let insert = "INSERT INTO rate_sheets (digest, text) SELECT digest, text FROM unnest($1, $2) \
                          AS new (digest, text) WHERE digest NOT IN (SELECT digest FROM rate_sheets) \
                          ORDER BY digest ON CONFLICT DO NOTHING";
            client.execute_typed(insert, &[(&digests, Type::BYTEA_ARRAY), (&texts, Type::TEXT_ARRAY)]).await?;
            let select = "SELECT digest, id FROM rate_sheets WHERE digest = ANY($1)";
            let rows = client.query_typed(select, &[(&digests, Type::BYTEA_ARRAY)]).await?;
            let mut found = Vec::new();
            for row in rows {
                found.push((row.try_get::<_, Vec<u8>>(0)?, row.try_get::<_, i64>(1)?));
            }
            Ok(found)
        })?;
        for (digest, id) in found {
            if let Some(text) = new.get(&digest) {
                self.ids.insert(Arc::clone(text), id);
            }
        }
        Ok(())
    }
}
