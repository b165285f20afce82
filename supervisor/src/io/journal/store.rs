//! The journal's file: its tables, its version, its bounds.

use std::path::{Path, PathBuf};

use protocol::{NodeName, Seconds, Standing, Term};
use rusqlite::{Connection, OptionalExtension, params};

use super::super::clock::Timestamp;
use super::Entry;
use crate::core::{Kept, KeptBudget, KnownNode, Record};

/// The version of the tables, kept as `SQLite`'s `user_version`.
const TABLES_VERSION: i64 = 1;

/// Old rows are removed after so many new ones, not with each: a removal is a write, too.
const PRUNE_EVERY: u32 = 256;

/// No one answer is longer than this.
const READ_MAX: u32 = 10_000;

const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE node (name TEXT PRIMARY KEY, known TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE record (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time_ms INTEGER NOT NULL,
        node TEXT,
        record TEXT NOT NULL
    );
    CREATE INDEX record_node ON record (node, id);
";

/// Came after the others and stands beside them: an older program does not miss it, and leaves it as it is.
const LEARNED: &str =
    "CREATE TABLE IF NOT EXISTS supply (name TEXT PRIMARY KEY, learned TEXT NOT NULL) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS standing (node TEXT PRIMARY KEY, time_ms INTEGER NOT NULL, standing TEXT NOT NULL)
        WITHOUT ROWID;";

/// Why the journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was written by a newer version of this program.
    #[error("{path}: written by a newer heliostat (tables version {found}, this one knows {known})", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file, its folder or the disk does not allow it.
    #[error("{path}: {why}", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// In the words of who refused.
        why: String,
    },
    /// There is no thread to be had for it.
    #[error("no thread for the journal: {why}")]
    Thread {
        /// In the kernel's words.
        why: String,
    },
}

impl OpenError {
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        Self::Unusable { path: path.to_owned(), why: error.to_string() }
    }
}

/// Which records are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Only those with a greater number.
    pub after: Option<i64>,
    /// Only those not before this time of day.
    pub since: Option<Timestamp>,
    /// Only those about this node.
    pub node: Option<NodeName>,
    /// Only the newest so many.
    pub limit: Option<u32>,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    rows_max: u32,
    unpruned: u32,
}

impl Store {
    /// Opens or makes the file. A file that is damaged is put aside, and a new one begun.
    pub(super) fn open(path: &Path, rows_max: u32) -> Result<Self, OpenError> {
        let unusable = |why: String| OpenError::Unusable { path: path.to_owned(), why };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| unusable(error.to_string()))?;
        }
        match Self::try_open(path, rows_max) {
            Err(Attempt::Damaged(why)) => {
                let aside = path.with_extension(format!("damaged-{}", Timestamp::now().as_millis()));
                tracing::error!("{}: {why}: put aside as {}", path.display(), aside.display());
                std::fs::rename(path, &aside).map_err(|error| unusable(error.to_string()))?;
                for side in ["-wal", "-shm"] {
                    let mut name = path.as_os_str().to_owned();
                    name.push(side);
                    // Not there is as good as removed.
                    let _ = std::fs::remove_file(PathBuf::from(name));
                }
                Self::try_open(path, rows_max).map_err(|attempt| attempt.into_error(path))
            }
            other => other.map_err(|attempt| attempt.into_error(path)),
        }
    }

    fn try_open(path: &Path, rows_max: u32) -> Result<Self, Attempt> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // The write-ahead log itself stays below this, in bytes.
        connection.pragma_update(None, "journal_size_limit", 1 << 20)?;
        let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match found {
            TABLES_VERSION => {}
            0 => {
                let begin = format!("BEGIN; {TABLES} PRAGMA user_version = {TABLES_VERSION}; COMMIT;");
                connection.execute_batch(&begin)?;
            }
            _ => return Err(Attempt::Newer(found)),
        }
        connection.execute_batch(LEARNED)?;
        Ok(Self { connection, rows_max, unpruned: PRUNE_EVERY })
    }

    /// What an earlier life left behind. A node whose row cannot be read is forgotten: it will call again. A supply whose
    /// row cannot be read is learned anew.
    pub(super) fn kept(&self) -> rusqlite::Result<Kept> {
        let term: Option<i64> = self
            .connection
            .query_row("SELECT value FROM meta WHERE key = 'term'", [], |row| row.get(0))
            .optional()?;
        let mut rows = self.connection.prepare("SELECT known FROM node ORDER BY name")?;
        let nodes = rows
            .query_map([], |row| row.get::<_, String>(0))?
            .filter_map(|row| row.ok().and_then(|text| serde_json::from_str(&text).ok()))
            .collect();
        let term = term.and_then(|term| u64::try_from(term).ok()).unwrap_or(0);
        let mut rows = self.connection.prepare("SELECT learned FROM supply ORDER BY name")?;
        let budgets = rows
            .query_map([], |row| row.get::<_, String>(0))?
            .filter_map(|row| row.ok().and_then(|text| serde_json::from_str(&text).ok()))
            .collect();
        Ok(Kept { term: Term(term), nodes, budgets, standings: self.standings()? })
    }

    /// What persons asked, less the time since, as far as this machine's clock knows it. One whose time is over is left
    /// out; one whose row cannot be read is forgotten here, and told by agents if another supervisor knows it.
    fn standings(&self) -> rusqlite::Result<Vec<Standing>> {
        let now = Timestamp::now().as_millis();
        let mut rows = self.connection.prepare("SELECT time_ms, standing FROM standing ORDER BY node")?;
        let aged = |row: rusqlite::Result<(i64, String)>| {
            let (time, text) = row.ok()?;
            let standing: Standing = serde_json::from_str(&text).ok()?;
            let Some(left) = standing.left else { return Some(standing) };
            let passed = u32::try_from(now.saturating_sub(time) / 1000).unwrap_or_default();
            let left = Seconds(left.0.checked_sub(passed).filter(|left| *left > 0)?);
            Some(Standing { left: Some(left), ..standing })
        };
        let found = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.filter_map(aged).collect())
    }

    pub(super) fn keep_standing(&mut self, time: Timestamp, standing: &Standing) -> rusqlite::Result<()> {
        self.connection
            .execute(
                "INSERT OR REPLACE INTO standing (node, time_ms, standing) VALUES (?1, ?2, ?3)",
                params![standing.node.as_str(), time.as_millis(), json(standing)?],
            )
            .map(drop)
    }

    pub(super) fn forget_standing(&mut self, node: &NodeName) -> rusqlite::Result<()> {
        self.connection.execute("DELETE FROM standing WHERE node = ?1", params![node.as_str()]).map(drop)
    }

    pub(super) fn keep(&mut self, budget: &KeptBudget) -> rusqlite::Result<()> {
        self.connection
            .execute(
                "INSERT OR REPLACE INTO supply (name, learned) VALUES (?1, ?2)",
                params![budget.supply.as_str(), json(budget)?],
            )
            .map(drop)
    }

    pub(super) fn save_term(&mut self, term: Term) -> rusqlite::Result<()> {
        let term = i64::try_from(term.0).unwrap_or(i64::MAX);
        self.connection
            .execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('term', ?1)", params![term])
            .map(drop)
    }

    pub(super) fn remember(&mut self, node: &KnownNode) -> rusqlite::Result<()> {
        self.connection
            .execute(
                "INSERT OR REPLACE INTO node (name, known) VALUES (?1, ?2)",
                params![node.name.as_str(), json(node)?],
            )
            .map(drop)
    }

    /// Appends a record and returns its number.
    pub(super) fn append(&mut self, time: Timestamp, record: &Record) -> rusqlite::Result<i64> {
        self.connection.execute(
            "INSERT INTO record (time_ms, node, record) VALUES (?1, ?2, ?3)",
            params![time.as_millis(), record.node.as_ref().map(NodeName::as_str), json(record)?],
        )?;
        let id = self.connection.last_insert_rowid();
        self.unpruned += 1;
        if self.unpruned >= PRUNE_EVERY {
            self.unpruned = 0;
            let oldest = id.saturating_sub(i64::from(self.rows_max));
            self.connection.execute("DELETE FROM record WHERE id <= ?1", params![oldest])?;
        }
        Ok(id)
    }

    /// The newest records that fit, oldest first.
    pub(super) fn read(&self, query: &Query) -> rusqlite::Result<Vec<Entry>> {
        let mut rows = self.connection.prepare_cached(
            "SELECT id, time_ms, record FROM record
             WHERE id > ?1 AND time_ms >= ?2 AND (?3 IS NULL OR node = ?3)
             ORDER BY id DESC LIMIT ?4",
        )?;
        let node = query.node.as_ref().map(NodeName::as_str);
        let since = query.since.map_or(i64::MIN, Timestamp::as_millis);
        let limit = query.limit.unwrap_or(READ_MAX).min(READ_MAX);
        let found = rows.query_map(params![query.after.unwrap_or(0), since, node, limit], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })?;
        let mut entries = Vec::new();
        for row in found {
            let (id, millis, text) = row?;
            // A record that a later version wrote differently is left out, not guessed at.
            if let Ok(record) = serde_json::from_str(&text) {
                entries.push(Entry { number: Some(id), time: Timestamp::from_millis(millis), record });
            }
        }
        entries.reverse();
        Ok(entries)
    }

    /// Stands for a full disk: the file may not grow any more.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) {
        self.connection.pragma_update(None, "max_page_count", pages).unwrap();
    }

    /// How many records there are.
    #[cfg(test)]
    pub(super) fn rows(&self) -> i64 {
        self.connection.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap()
    }
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// How an attempt to open went wrong.
enum Attempt {
    Newer(i64),
    Damaged(String),
    Other(rusqlite::Error),
}

impl From<rusqlite::Error> for Attempt {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged(error.to_string()),
            _ => Self::Other(error),
        }
    }
}

impl Attempt {
    fn into_error(self, path: &Path) -> OpenError {
        match self {
            Self::Newer(found) => OpenError::Newer { path: path.to_owned(), found, known: TABLES_VERSION },
            Self::Damaged(why) => OpenError::Unusable { path: path.to_owned(), why },
            Self::Other(error) => OpenError::sqlite(path, &error),
        }
    }
}
