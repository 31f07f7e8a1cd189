//! Rows of teams and keys.

use super::session::{STATEMENT_MAX, Session};
use super::{Place, Server};
use crate::directory::{Change, Contents, DirectoryError};
use crate::error::StoreError;
use crate::key::{KeyDigest, KeyKind, KeyRecord, Proof, StoredKey};
use crate::seal::Sealed;
use crate::team::{Owner, TeamRecord, TeamState};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tg_kernel::clock::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

/// How often the generation is asked for where no notification came: they are lost with a connection, and a pooler may
/// not pass them on.
const POLL: Duration = Duration::from_secs(1);

/// The one connection through which this process reads and edits the directory, and hears of the edits of others.
#[derive(Debug)]
pub(crate) struct DirectoryTables {
    session: Session,
    place: Place,
    /// Which edit of the directory was last read.
    generation: i64,
    /// When the generation is to be asked for at the latest.
    ask_at: Instant,
}

impl DirectoryTables {
    pub(crate) fn open(server: &Server) -> Result<Self, StoreError> {
        let session = Session::new(server, STATEMENT_MAX, "LISTEN tallygate_directory")?;
        Ok(Self { session, place: server.place.clone(), generation: -1, ask_at: Instant::now() })
    }

    /// Everything.
    pub(crate) fn load(&mut self) -> Result<Contents, StoreError> {
        let rows = self.session.run(async |client| {
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let rows = Rows::read(client, "").await?;
            client.batch_execute("COMMIT").await?;
            Ok(rows)
        })?;
        let contents = rows.contents(&self.place)?;
        self.generation = rows.generation;
        Ok(contents)
    }

    /// Whether another process has edited the directory since it was last read.
    pub(crate) fn changed(&mut self) -> Result<bool, StoreError> {
        if !self.session.was_notified() && Instant::now() < self.ask_at {
            return Ok(false);
        }
        // Moved only when the answer is there: a failure is tried again at once.
        let generation = self.session.run(async |client| Ok(generation(client, "").await?))?;
        if generation != self.generation {
            return Ok(true);
        }
        self.ask_at = Instant::now() + POLL;
        Ok(false)
    }

    /// Shows the present contents to `decide` and writes what it wants changed, in one transaction.
    pub(crate) fn edit<T>(
        &mut self,
        decide: impl FnOnce(&mut Contents) -> Result<(Vec<Change>, T), DirectoryError>,
    ) -> Result<(Contents, T), DirectoryError> {
        let rows = self.session.run(async |client| {
            client.batch_execute("BEGIN").await?;
            // Whoever edits at the same time waits here.
            Ok(Rows::read(client, " FOR UPDATE").await?)
        })?;
        let decided = rows.contents(&self.place).map_err(DirectoryError::from).and_then(|mut contents| {
            let (changes, value) = decide(&mut contents)?;
            let written = changes.iter().map(Written::of).collect::<serde_json::Result<Vec<_>>>();
            let written = written.map_err(|e| StoreError::Engine { place: self.place.0.clone(), source: e.into() })?;
            Ok((contents, written, value))
        });
        match decided {
            Ok((contents, written, value)) => {
                let generation = if written.is_empty() { rows.generation } else { rows.generation + 1 };
                self.session.go_on(async |client| Ok(write(client, &written, generation).await?))?;
                self.generation = generation;
                Ok((contents, value))
            }
            Err(refused) => {
                // If this fails, the connection is given up, and the transaction with it.
                self.session.go_on(async |client| Ok(client.batch_execute("ROLLBACK").await?)).ok();
                Err(refused)
            }
        }
    }
}

/// The rows as they came.
struct Rows {
    generation: i64,
    teams: Vec<Row>,
    keys: Vec<Row>,
}

impl Rows {
    async fn read(client: &Client, lock: &str) -> Result<Self, Error> {
        let generation = generation(client, lock).await?;
        let teams = "SELECT name, owner, state, policy, displaced, created_at, updated_at FROM teams";
        let keys = "SELECT id, digest, team, project, environment, models, networks, label, created_at, expires_at, \
                    revoked_at, rotated_from, sealed FROM keys";
        let (teams, keys) = (client.query_typed(teams, &[]).await?, client.query_typed(keys, &[]).await?);
        Ok(Self { generation, teams, keys })
    }

    fn contents(&self, place: &Place) -> Result<Contents, StoreError> {
        let mut contents = Contents::default();
        for row in &self.teams {
            let team = team(row).map_err(|detail| place.corrupt(format!("a team cannot be read: {detail}")))?;
            contents.teams.insert(team.name.clone(), team);
        }
        for row in &self.keys {
            let key = key(row).map_err(|detail| place.corrupt(format!("a key cannot be read: {detail}")))?;
            contents.keys.insert(key.record.id.clone(), key);
        }
        Ok(contents)
    }
}

async fn generation(client: &Client, lock: &str) -> Result<i64, Error> {
    let sql = format!("SELECT generation FROM directory_state{lock}");
    client.query_typed_one(&sql, &[]).await?.try_get(0)
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn team(row: &Row) -> Result<TeamRecord, BoxError> {
    Ok(TeamRecord {
        name: text(row, "name")?,
        owner: one_of(row, "owner", &[Owner::File, Owner::Store], |o| o.as_str())?,
        state: one_of(row, "state", &[TeamState::Active, TeamState::Disabled, TeamState::Undeclared], |s| s.as_str())?,
        policy: json(row, "policy")?,
        displaced: row.try_get::<_, Option<&str>>("displaced")?.map(serde_json::from_str).transpose()?,
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
        updated_at: Timestamp::from_micros(row.try_get("updated_at")?),
    })
}

fn key(row: &Row) -> Result<StoredKey, BoxError> {
    let (kind, proof) = match row.try_get::<_, Option<Vec<u8>>>("sealed")? {
        None => {
            let digest: &[u8] = row.try_get("digest")?;
            (KeyKind::Bearer, Proof::Digest(KeyDigest::from_bytes(digest.try_into()?)))
        }
        Some(sealed) => (KeyKind::Aws, Proof::Sealed(Sealed::from_bytes(sealed))),
    };
    let time = |name: &str| row.try_get::<_, Option<i64>>(name).map(|at| at.map(Timestamp::from_micros));
    Ok(StoredKey {
        proof,
        record: KeyRecord {
            id: text(row, "id")?,
            kind,
            team: text(row, "team")?,
            project: optional(row, "project")?,
            environment: optional(row, "environment")?,
            models: json::<Vec<String>>(row, "models")?.into(),
            networks: json(row, "networks")?,
            label: row.try_get("label")?,
            created_at: Timestamp::from_micros(row.try_get("created_at")?),
            expires_at: time("expires_at")?,
            revoked_at: time("revoked_at")?,
            rotated_from: optional(row, "rotated_from")?,
        },
    })
}

/// A change as the values of its statement.
struct Written {
    sql: &'static str,
    values: Vec<(Box<dyn ToSql + Send + Sync>, Type)>,
}

impl Written {
    fn of(change: &Change) -> serde_json::Result<Self> {
        match change {
            Change::Team(team) => Self::team(team),
            Change::Key(key) => Self::key(key),
        }
    }

    fn team(team: &TeamRecord) -> serde_json::Result<Self> {
        let sql = "INSERT INTO teams (name, owner, state, policy, displaced, created_at, updated_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO UPDATE SET \
                   owner = $2, state = $3, policy = $4, displaced = $5, created_at = $6, updated_at = $7";
        let mut written = Self { sql, values: Vec::new() };
        written.text(Some(&team.name));
        written.text(Some(team.owner.as_str()));
        written.text(Some(team.state.as_str()));
        written.json(&team.policy)?;
        match &team.displaced {
            Some(displaced) => written.json(displaced)?,
            None => written.text(None),
        }
        written.time(Some(team.created_at));
        written.time(Some(team.updated_at));
        Ok(written)
    }

    fn key(StoredKey { record, proof }: &StoredKey) -> serde_json::Result<Self> {
        let sql = "INSERT INTO keys (id, digest, team, project, environment, models, networks, label, created_at, \
                   expires_at, revoked_at, rotated_from, sealed) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
                   ON CONFLICT (id) DO UPDATE SET label = $8, expires_at = $10, revoked_at = $11";
        let mut written = Self { sql, values: Vec::new() };
        written.text(Some(&record.id));
        written.bytes(Some(proof.digest().map_or(&[][..], |digest| digest.as_bytes())));
        written.text(Some(&record.team));
        written.text(record.project.as_deref());
        written.text(record.environment.as_deref());
        written.json(&record.models)?;
        written.json(&record.networks)?;
        written.text(Some(&record.label));
        written.time(Some(record.created_at));
        written.time(record.expires_at);
        written.time(record.revoked_at);
        written.text(record.rotated_from.as_deref());
        written.bytes(proof.sealed().map(Sealed::as_bytes));
        Ok(written)
    }

    fn text(&mut self, text: Option<&str>) {
        self.values.push((Box::new(text.map(str::to_owned)), Type::TEXT));
    }

    fn bytes(&mut self, bytes: Option<&[u8]>) {
        self.values.push((Box::new(bytes.map(<[u8]>::to_vec)), Type::BYTEA));
    }

    fn time(&mut self, at: Option<Timestamp>) {
        self.values.push((Box::new(at.map(Timestamp::micros)), Type::INT8));
    }

    fn json(&mut self, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
        self.text(Some(&serde_json::to_string(value)?));
        Ok(())
    }
}

/// Writes the changes and ends the transaction; others hear of them when it is committed.
async fn write(client: &Client, changes: &[Written], generation: i64) -> Result<(), Error> {
    for change in changes {
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            change.values.iter().map(|(value, of)| (&**value as &(dyn ToSql + Sync), of.clone())).collect();
        client.execute_typed(change.sql, &values).await?;
    }
    if !changes.is_empty() {
        let sql = format!("UPDATE directory_state SET generation = {generation}; NOTIFY tallygate_directory");
        client.batch_execute(&sql).await?;
    }
    client.batch_execute("COMMIT").await
}

fn text(row: &Row, name: &str) -> Result<Arc<str>, Error> {
    row.try_get::<_, &str>(name).map(Arc::from)
}

fn optional(row: &Row, name: &str) -> Result<Option<Arc<str>>, Error> {
    row.try_get::<_, Option<&str>>(name).map(|text| text.map(Arc::from))
}

fn one_of<T: Copy>(row: &Row, column: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, BoxError> {
    let text: &str = row.try_get(column)?;
    let found = all.iter().copied().find(|value| name(*value) == text);
    found.ok_or_else(|| format!("column {column} holds '{text}', which this binary does not know").into())
}

fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, BoxError> {
    Ok(serde_json::from_str(row.try_get::<_, &str>(column)?)?)
}
