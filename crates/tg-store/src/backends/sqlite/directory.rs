//! Rows of teams and keys.

use super::{Database, Place};
use crate::directory::{Change, Contents, DirectoryError};
use crate::error::StoreError;
use crate::key::{KeyDigest, KeyKind, KeyRecord, Proof, StoredKey};
use crate::seal::Sealed;
use crate::team::{Owner, TeamRecord, TeamState};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;

/// The one connection through which this process reads and edits the directory.
#[derive(Debug)]
pub(crate) struct DirectoryTables {
    connection: Connection,
    place: Place,
    /// What `PRAGMA data_version` answered when last asked: moves when another connection commits anything.
    data_version: i64,
    /// Which edit of the directory was last read.
    generation: i64,
}

impl DirectoryTables {
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        let connection = database.writer()?;
        Ok(Self { connection, place: database.place.clone(), data_version: -1, generation: -1 })
    }

    /// Everything.
    pub(crate) fn load(&mut self) -> Result<Contents, StoreError> {
        let sql = |e| self.place.error(e);
        let transaction = self.connection.transaction().map_err(sql)?;
        let loaded = read(&transaction).map_err(sql)?;
        drop(transaction);
        self.generation = loaded.generation;
        Ok(loaded.contents)
    }

    /// Whether another process has edited the directory since it was last read.
    pub(crate) fn changed(&mut self) -> Result<bool, StoreError> {
        let sql = |e| self.place.error(e);
        let version: i64 = self.connection.pragma_query_value(None, "data_version", |r| r.get(0)).map_err(sql)?;
        if version == self.data_version {
            return Ok(false);
        }
        // The ledger lives in the same file and commits all the time; only the generation tells an edit from a call.
        let generation = generation(&self.connection).map_err(sql)?;
        if generation != self.generation {
            // Not noted yet: a load that fails now must be tried again.
            return Ok(true);
        }
        self.data_version = version;
        Ok(false)
    }

    /// Shows the present contents to `decide` and writes what it wants changed, in one transaction.
    pub(crate) fn edit<T>(
        &mut self,
        decide: impl FnOnce(&mut Contents) -> Result<(Vec<Change>, T), DirectoryError>,
    ) -> Result<(Contents, T), DirectoryError> {
        let sql = |e| DirectoryError::Store(self.place.error(e));
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let mut loaded = read(&transaction).map_err(sql)?;
        let (changes, value) = decide(&mut loaded.contents)?;
        if !changes.is_empty() {
            for change in &changes {
                write(&transaction, change).map_err(sql)?;
            }
            loaded.generation += 1;
            transaction.execute("UPDATE directory_state SET generation = ?1", [loaded.generation]).map_err(sql)?;
            transaction.commit().map_err(sql)?;
        }
        self.generation = loaded.generation;
        Ok((loaded.contents, value))
    }
}

struct Loaded {
    contents: Contents,
    generation: i64,
}

fn generation(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT generation FROM directory_state")?.query_row([], |row| row.get(0))
}

fn read(connection: &Connection) -> rusqlite::Result<Loaded> {
    let mut contents = Contents::default();
    let mut teams =
        connection.prepare_cached("SELECT name, owner, state, policy, displaced, created_at, updated_at FROM teams")?;
    for team in teams.query_map([], team)? {
        let team = team?;
        contents.teams.insert(team.name.clone(), team);
    }
    let mut keys = connection.prepare_cached(
        "SELECT id, digest, team, project, environment, models, networks, label, created_at, expires_at, revoked_at, \
         rotated_from, sealed FROM keys",
    )?;
    for key in keys.query_map([], key)? {
        let key = key?;
        contents.keys.insert(key.record.id.clone(), key);
    }
    Ok(Loaded { contents, generation: generation(connection)? })
}

fn team(row: &Row<'_>) -> rusqlite::Result<TeamRecord> {
    let displaced: Option<String> = row.get(4)?;
    Ok(TeamRecord {
        name: row.get(0)?,
        owner: one_of(row, 1, &[Owner::File, Owner::Store], |o| o.as_str())?,
        state: one_of(row, 2, &[TeamState::Active, TeamState::Disabled, TeamState::Undeclared], |s| s.as_str())?,
        policy: json(row, 3)?,
        displaced: if displaced.is_some() { Some(json(row, 4)?) } else { None },
        created_at: Timestamp::from_micros(row.get(5)?),
        updated_at: Timestamp::from_micros(row.get(6)?),
    })
}

fn key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    let sealed: Option<Vec<u8>> = row.get(12)?;
    let (kind, proof) = match sealed {
        None => (KeyKind::Bearer, Proof::Digest(KeyDigest::from_bytes(row.get(1)?))),
        Some(sealed) => (KeyKind::Aws, Proof::Sealed(Sealed::from_bytes(sealed))),
    };
    Ok(StoredKey {
        proof,
        record: KeyRecord {
            id: row.get(0)?,
            kind,
            team: row.get(2)?,
            project: row.get(3)?,
            environment: row.get(4)?,
            models: json::<Vec<String>>(row, 5)?.into(),
            networks: json(row, 6)?,
            label: row.get(7)?,
            created_at: Timestamp::from_micros(row.get(8)?),
            expires_at: row.get::<_, Option<i64>>(9)?.map(Timestamp::from_micros),
            revoked_at: row.get::<_, Option<i64>>(10)?.map(Timestamp::from_micros),
            rotated_from: row.get::<_, Option<Arc<str>>>(11)?,
        },
    })
}

fn write(connection: &Connection, change: &Change) -> rusqlite::Result<usize> {
    match change {
        Change::Team(team) => connection
            .prepare_cached(
                "INSERT INTO teams VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name) DO UPDATE SET \
                 owner = ?2, state = ?3, policy = ?4, displaced = ?5, created_at = ?6, updated_at = ?7",
            )?
            .execute(params![
                team.name,
                team.owner.as_str(),
                team.state.as_str(),
                to_json(&team.policy)?,
                team.displaced.as_ref().map(to_json).transpose()?,
                team.created_at.micros(),
                team.updated_at.micros(),
            ]),
        Change::Key(StoredKey { record, proof }) => connection
            .prepare_cached(
                "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT (id) \
                 DO UPDATE SET label = ?8, expires_at = ?10, revoked_at = ?11",
            )?
            .execute(params![
                record.id,
                proof.digest().map_or(&[][..], |digest| digest.as_bytes()),
                record.team,
                record.project,
                record.environment,
                to_json(&record.models)?,
                to_json(&record.networks)?,
                record.label,
                record.created_at.micros(),
                record.expires_at.map(Timestamp::micros),
                record.revoked_at.map(Timestamp::micros),
                record.rotated_from,
                proof.sealed().map(Sealed::as_bytes),
            ]),
    }
}

fn one_of<T: Copy>(row: &Row<'_>, column: usize, all: &[T], name: fn(T) -> &'static str) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    all.iter().copied().find(|value| name(*value) == text).ok_or(rusqlite::Error::InvalidQuery)
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e)))
}

fn to_json<T: Serialize + ?Sized>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}
