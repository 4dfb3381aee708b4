//! One SQL text over SQLite and PostgreSQL: an enum of two pools and the macro that runs a body on either.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

/// A failure of an SQL database.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The database refused or is not there.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database was written by another version of the program.
    #[error("database has schema version {found}, this program knows {expected}")]
    SchemaVersion {
        /// Version of this program.
        expected: i64,
        /// Version in the database.
        found: i64,
    },
    /// The URL names neither SQLite nor PostgreSQL.
    #[error("unsupported database URL {0:?}: use sqlite:PATH or postgres://...")]
    Url(String),
    /// A number does not fit the database's 64-bit signed integers.
    #[error("{0} does not fit a signed 64-bit column")]
    Range(u64),
    /// A row does not have the shape that the program writes.
    #[error("bad row in table {table}: {reason}")]
    Row {
        /// Table of the row.
        table: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// How much a SQLite commit promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Survives the process; a power cut may lose the last commits. For what can be rebuilt.
    Process,
    /// Survives a power cut (`synchronous=FULL`).
    Power,
}

#[derive(Clone, Debug)]
pub(crate) enum Db {
    /// One writer, several readers: SQLite allows no more.
    Lite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Pg(PgPool),
}

/// Runs `$body` with `$pool` bound to the concrete pool for `$access` (`read` or `write`).
macro_rules! on {
    ($db:expr, $access:ident, |$pool:ident| $body:expr) => {
        match $db {
            $crate::sql::Db::Lite { $access: $pool, .. } => $body,
            $crate::sql::Db::Pg($pool) => $body,
        }
    };
}
pub(crate) use on;

const READERS_MAX: u32 = 4;
const PG_CONNECTIONS_MAX: u32 = 8;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Db {
    /// Opens the database and applies `schema` (statements separated by `;`) when it is new.
    pub(crate) async fn open(
        url: &str,
        durability: Durability,
        schema: &'static str,
        version: i64,
    ) -> Result<Self, SqlError> {
        let db = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::Pg(PgPoolOptions::new().max_connections(PG_CONNECTIONS_MAX).connect(url).await?)
        } else if url.starts_with("sqlite:") {
            Self::open_sqlite(url, durability).await?
        } else {
            return Err(SqlError::Url(url.to_owned()));
        };
        db.migrate(schema, version).await?;
        Ok(db)
    }

    async fn open_sqlite(url: &str, durability: Durability) -> Result<Self, SqlError> {
        let synchronous = match durability {
            Durability::Process => SqliteSynchronous::Normal,
            Durability::Power => SqliteSynchronous::Full,
        };
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        // Every connection to `:memory:` would be a database of its own.
        if url.contains(":memory:") {
            return Ok(Self::Lite { read: write.clone(), write });
        }
        let read = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self::Lite { write, read })
    }

    async fn migrate(&self, schema: &'static str, version: i64) -> Result<(), SqlError> {
        let lite = matches!(self, Self::Lite { .. });
        on!(self, write, |pool| {
            let mut tx = pool.begin().await?;
            sqlx::query("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
                .execute(&mut *tx)
                .await?;
            let found: Option<i64> =
                sqlx::query_scalar("SELECT version FROM schema_version").fetch_optional(&mut *tx).await?;
            match found {
                Some(found) if found != version => {
                    return Err(SqlError::SchemaVersion { expected: version, found });
                }
                Some(_) => {}
                None => {
                    for statement in schema.split(';').map(str::trim).filter(|text| !text.is_empty()) {
                        let text = dialect(statement, lite);
                        sqlx::query(AssertSqlSafe(text)).execute(&mut *tx).await?;
                    }
                    sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
                        .bind(version)
                        .execute(&mut *tx)
                        .await?;
                }
            }
            tx.commit().await?;
        });
        Ok(())
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Lite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Self::Pg(pool) => pool.close().await,
        }
    }
}

/// Schemas are written for PostgreSQL; SQLite needs other names for two types.
fn dialect(statement: &str, lite: bool) -> String {
    if lite {
        statement.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY").replace("BYTEA", "BLOB")
    } else {
        statement.to_owned()
    }
}

pub(crate) fn to_i64(value: u64) -> Result<i64, SqlError> {
    i64::try_from(value).map_err(|_| SqlError::Range(value))
}

pub(crate) fn to_u64(value: i64, table: &'static str) -> Result<u64, SqlError> {
    u64::try_from(value).map_err(|_| SqlError::Row { table, reason: format!("negative number {value}") })
}

pub(crate) fn fixed<const N: usize>(bytes: &[u8], table: &'static str) -> Result<[u8; N], SqlError> {
    bytes
        .try_into()
        .map_err(|_| SqlError::Row { table, reason: format!("expected {N} bytes, found {}", bytes.len()) })
}

#[cfg(test)]
pub(crate) mod testing {
    use sqlx::{AssertSqlSafe, Connection};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// URL of a new, empty database on the server that `ASSAY_TEST_POSTGRES_URL` names (`postgres://USER@HOST:PORT`);
    /// without it, says that PostgreSQL is skipped.
    pub(crate) async fn postgres() -> Option<String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("ASSAY_TEST_POSTGRES_URL") else {
            eprintln!("skipped PostgreSQL: ASSAY_TEST_POSTGRES_URL is not set (`cargo xtask test` sets it)");
            return None;
        };
        let name = format!("assay_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut admin = sqlx::PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
        for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
        }
        admin.close().await.unwrap();
        Some(format!("{server}/{name}"))
    }
}
