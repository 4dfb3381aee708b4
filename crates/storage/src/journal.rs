//! A journal of things in progress: what an agent must not forget when it is killed.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::sql::{Db, Durability, SqlError, on, to_u64};

const SCHEMA: &str = "
CREATE TABLE entries (
  kind    TEXT NOT NULL,
  id      TEXT NOT NULL,
  state   TEXT NOT NULL,
  data    TEXT NOT NULL,
  updated BIGINT NOT NULL,
  PRIMARY KEY (kind, id)
);
CREATE INDEX entries_state ON entries (kind, state);
";
const SCHEMA_VERSION: i64 = 1;

/// Why a journal operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The database refused; whether the change is on disk is unknown only if it was a commit that failed.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// The entry is not in the state that the caller believed.
    #[error("{kind} {id} is in state {found:?}, not {expected:?}")]
    State {
        /// Kind of the entry.
        kind: String,
        /// Its id.
        id: String,
        /// State that the caller named.
        expected: String,
        /// State in the journal; empty when there is no such entry.
        found: String,
    },
    /// There is an entry of this kind and id already.
    #[error("{kind} {id} is already in the journal")]
    Exists {
        /// Kind of the entry.
        kind: String,
        /// Its id.
        id: String,
    },
}

impl From<sqlx::Error> for JournalError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error.into())
    }
}

/// One thing in progress.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Entry {
    /// What it is: `job`, `l1-tx`, ...
    pub kind: String,
    /// Which one.
    pub id: String,
    /// Where it stands.
    pub state: String,
    /// Everything else, as JSON.
    pub data: String,
    /// Time of the last change, in seconds since 1970; informative only.
    #[sqlx(try_from = "i64")]
    pub updated: Seconds,
}

/// Seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u64);

impl TryFrom<i64> for Seconds {
    type Error = SqlError;

    fn try_from(value: i64) -> Result<Self, SqlError> {
        to_u64(value, "entries").map(Self)
    }
}

/// Durable rows with states. A change is on disk (`synchronous=FULL`) when the call returns.
#[derive(Clone, Debug)]
pub struct Journal {
    db: Db,
}

impl Journal {
    /// Opens or creates a journal at `sqlite:PATH` or `postgres://...`.
    ///
    /// # Errors
    /// [`SqlError`] when the database cannot be opened or has another schema.
    pub async fn open(url: &str) -> Result<Self, SqlError> {
        Ok(Self { db: Db::open(url, Durability::Power, SCHEMA, SCHEMA_VERSION).await? })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`JournalError::Exists`] if there is one of that kind and id.
    pub async fn insert(&self, kind: &str, id: &str, state: &str, data: &str) -> Result<(), JournalError> {
        let rows = on!(&self.db, write, |pool| {
            sqlx::query(
            "INSERT INTO entries (kind, id, state, data, updated) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
        )
        .bind(kind)
        .bind(id)
        .bind(state)
        .bind(data)
        .bind(now())
        .execute(pool)
        .await?
        .rows_affected()
        });
        if rows == 0 {
            return Err(JournalError::Exists { kind: kind.into(), id: id.into() });
        }
        Ok(())
    }

    /// Moves an entry from one state to another and replaces its data, or does nothing at all.
    ///
    /// # Errors
    /// [`JournalError::State`] if the entry is missing or in another state.
    pub async fn transition(
        &self,
        kind: &str,
        id: &str,
        from: &str,
        to: &str,
        data: &str,
    ) -> Result<(), JournalError> {
        let rows = on!(&self.db, write, |pool| {
            sqlx::query(
            "UPDATE entries SET state = $4, data = $5, updated = $6 WHERE kind = $1 AND id = $2 AND state = $3"
        )
        .bind(kind)
        .bind(id)
        .bind(from)
        .bind(to)
        .bind(data)
        .bind(now())
        .execute(pool)
        .await?
        .rows_affected()
        });
        if rows == 0 {
            let found = self.entry(kind, id).await?.map(|entry| entry.state).unwrap_or_default();
            return Err(JournalError::State {
                kind: kind.into(),
                id: id.into(),
                expected: from.into(),
                found,
            });
        }
        Ok(())
    }

    /// The entry, if there is one.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn entry(&self, kind: &str, id: &str) -> Result<Option<Entry>, SqlError> {
        // Read where it is written: a reader of its own could lag behind the caller's last change.
        Ok(on!(&self.db, write, |pool| sqlx::query_as::<_, Entry>(
            "SELECT kind, id, state, data, updated FROM entries WHERE kind = $1 AND id = $2"
        )
        .bind(kind)
        .bind(id)
        .fetch_optional(pool)
        .await?))
    }

    /// All entries of a kind, by id.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn entries(&self, kind: &str) -> Result<Vec<Entry>, SqlError> {
        Ok(on!(&self.db, write, |pool| sqlx::query_as::<_, Entry>(
            "SELECT kind, id, state, data, updated FROM entries WHERE kind = $1 ORDER BY id"
        )
        .bind(kind)
        .fetch_all(pool)
        .await?))
    }

    /// All entries of a kind in a state, by id.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn in_state(&self, kind: &str, state: &str) -> Result<Vec<Entry>, SqlError> {
        Ok(on!(&self.db, write, |pool| sqlx::query_as::<_, Entry>(
            "SELECT kind, id, state, data, updated FROM entries WHERE kind = $1 AND state = $2 ORDER BY id"
        )
        .bind(kind)
        .bind(state)
        .fetch_all(pool)
        .await?))
    }

    /// Forgets an entry that is in `state`.
    ///
    /// # Errors
    /// [`JournalError::State`] if it is missing or in another state.
    pub async fn remove(&self, kind: &str, id: &str, state: &str) -> Result<(), JournalError> {
        let rows = on!(&self.db, write, |pool| sqlx::query(
            "DELETE FROM entries WHERE kind = $1 AND id = $2 AND state = $3"
        )
        .bind(kind)
        .bind(id)
        .bind(state)
        .execute(pool)
        .await?
        .rows_affected());
        if rows == 0 {
            let found = self.entry(kind, id).await?.map(|entry| entry.state).unwrap_or_default();
            return Err(JournalError::State {
                kind: kind.into(),
                id: id.into(),
                expected: state.into(),
                found,
            });
        }
        Ok(())
    }

    /// Closes the connections; later calls fail.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite always, PostgreSQL where there is a server for tests.
    async fn databases(folder: &tempfile::TempDir) -> Vec<String> {
        let lite = format!("sqlite:{}", folder.path().join("journal.sqlite").display());
        [Some(lite), crate::sql::testing::postgres().await].into_iter().flatten().collect()
    }

    #[tokio::test]
    async fn entries_survive_and_move_only_from_the_named_state() {
        let folder = tempfile::tempdir().unwrap();
        for url in databases(&folder).await {
            let log = Journal::open(&url).await.unwrap();
            log.insert("job", "7", "assigned", "{}").await.unwrap();
            let error = log.insert("job", "7", "assigned", "{}").await.unwrap_err();
            assert!(matches!(error, JournalError::Exists { .. }), "{error}");
            log.transition("job", "7", "assigned", "running", r#"{"salt":1}"#).await.unwrap();
            let error = log.transition("job", "7", "assigned", "committed", "{}").await.unwrap_err();
            assert_eq!(error.to_string(), r#"job 7 is in state "running", not "assigned""#);
            let error = log.transition("job", "8", "assigned", "running", "{}").await.unwrap_err();
            assert!(matches!(error, JournalError::State { found, .. } if found.is_empty()));
            log.close().await;

            let log = Journal::open(&url).await.unwrap();
            let entry = log.entry("job", "7").await.unwrap().unwrap();
            assert_eq!((entry.state.as_str(), entry.data.as_str()), ("running", r#"{"salt":1}"#));
            assert_eq!(log.in_state("job", "running").await.unwrap(), vec![entry.clone()]);
            assert_eq!(log.entries("job").await.unwrap(), vec![entry]);
            assert!(log.remove("job", "7", "assigned").await.is_err());
            log.remove("job", "7", "running").await.unwrap();
            assert!(log.entry("job", "7").await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn of_two_racing_changes_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        for url in databases(&folder).await {
            let log = Journal::open(&url).await.unwrap();
            log.insert("job", "1", "a", "").await.unwrap();
            let change = |to: &'static str| {
                let log = log.clone();
                async move { log.transition("job", "1", "a", to, "").await.is_ok() }
            };
            let (left, right) = tokio::join!(change("b"), change("c"));
            assert!(left ^ right);
        }
    }
}
