//! The history's file: its tables, its roll-ups, its bounds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::super::clock::Timestamp;
use super::gather::Bucket;
use super::{Course, Point, Query, Step};
use crate::core::history::Series;

/// The version of the tables, kept as `SQLite`'s `user_version`.
const TABLES_VERSION: i64 = 1;

/// Rows of the minutes stand together, oldest first, so that a flush touches few pages. A series is a number there: its
/// name stands once.
const TABLES: &str = "
    CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE rollup (
        step INTEGER NOT NULL,
        begins INTEGER NOT NULL,
        series INTEGER NOT NULL,
        min REAL NOT NULL,
        sum REAL NOT NULL,
        max REAL NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (step, begins, series)
    ) WITHOUT ROWID;
";

/// No one answer has more points.
const POINTS_MAX: i64 = 200_000;

/// The open file.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    rows_max: u32,
    known: BTreeMap<Series, i64>,
}

impl Store {
    /// Opens or makes the file. One that is damaged or of another version is put aside, and a new one begun: readings of
    /// the past are worth less than those to come.
    pub(super) fn open(path: &Path, rows_max: u32) -> Result<Self, rusqlite::Error> {
        match Self::try_open(path, rows_max) {
            Ok(Some(store)) => Ok(store),
            Ok(None) => Self::begin_anew(path, rows_max, "it was written by another version"),
            Err(error) if is_damage(&error) => Self::begin_anew(path, rows_max, &error.to_string()),
            Err(error) => Err(error),
        }
    }

    fn begin_anew(path: &Path, rows_max: u32, why: &str) -> Result<Self, rusqlite::Error> {
        let aside = path.with_extension(format!("damaged-{}", Timestamp::now().as_millis()));
        tracing::error!("{}: {why}: put aside as {}", path.display(), aside.display());
        if let Err(error) = std::fs::rename(path, &aside) {
            return Err(rusqlite::Error::ToSqlConversionFailure(Box::new(error)));
        }
        for side in ["-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(side);
            // Not there is as good as removed.
            let _ = std::fs::remove_file(PathBuf::from(name));
        }
        Self::try_open(path, rows_max)?.ok_or(rusqlite::Error::InvalidQuery)
    }

    /// `None` when the file is of another version.
    fn try_open(path: &Path, rows_max: u32) -> Result<Option<Self>, rusqlite::Error> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A cut loses the last flush at most, and never the file: WAL promises that without a sync for each.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "journal_size_limit", 1 << 20)?;
        let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match found {
            TABLES_VERSION => {}
            0 => {
                let begin = format!("BEGIN; {TABLES} PRAGMA user_version = {TABLES_VERSION}; COMMIT;");
                connection.execute_batch(&begin)?;
            }
            _ => return Ok(None),
        }
        // A read now, so that damage is found now.
        connection.query_row("SELECT count(*) FROM series", [], |_| Ok(()))?;
        Ok(Some(Self { connection, rows_max, known: BTreeMap::new() }))
    }

    /// Adds rows to their minutes, rolls hours and days up that are over, and forgets the oldest: all or nothing.
    pub(super) fn write(&mut self, rows: &[(i64, Series, Bucket)]) -> Result<(), rusqlite::Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let Self { connection, rows_max, known } = self;
        let transaction = connection.transaction()?;
        let result = add(&transaction, known, rows).and_then(|()| {
            let newest = rows.iter().map(|(minute, ..)| *minute).max().unwrap_or_default();
            roll_up(&transaction, Step::Minute, Step::Hour, newest)?;
            roll_up(&transaction, Step::Hour, Step::Day, newest)?;
            forget(&transaction, i64::from(*rows_max))
        });
        if result.is_err() {
            // Numbers that were given to new series are rolled back with everything else.
            known.clear();
        }
        result?;
        transaction.commit()
    }

    /// The courses that are asked for, by their names.
    pub(super) fn read(&self, query: &Query) -> Result<Vec<Course>, rusqlite::Error> {
        let mut rows = self.connection.prepare_cached(
            "SELECT series.name, begins, min, sum, max, count FROM rollup JOIN series ON series.id = rollup.series
             WHERE step = ?1 AND begins >= ?2 ORDER BY begins LIMIT ?3",
        )?;
        let step = query.step.seconds();
        let since = query.since.as_millis().div_euclid(1000 * step) * step;
        let mut found: BTreeMap<String, Vec<Point>> = BTreeMap::new();
        let mut rows = rows.query(params![step, since, POINTS_MAX])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            if !query.of.is_empty() && !query.of.iter().any(|of| name.starts_with(of.as_str())) {
                continue;
            }
            let (begins, sum, count): (i64, f64, u32) = (row.get(1)?, row.get(3)?, row.get(5)?);
            let point = Point {
                time: Timestamp::from_millis(begins.saturating_mul(1000)),
                min: row.get(2)?,
                mean: sum / f64::from(count.max(1)),
                max: row.get(4)?,
                count,
            };
            found.entry(name).or_default().push(point);
        }
        // A series that a later version knows and this one does not is left out.
        let course = |(name, points): (String, Vec<Point>)| {
            let series: Series = name.parse().ok()?;
            let unit = series.quantity.unit().to_owned();
            Some(Course { series, unit, points })
        };
        Ok(found.into_iter().filter_map(course).collect())
    }

    /// How many rows there are.
    #[cfg(test)]
    pub(super) fn rows(&self, step: Step) -> i64 {
        let count = "SELECT count(*) FROM rollup WHERE step = ?1";
        self.connection.query_row(count, params![step.seconds()], |row| row.get(0)).unwrap()
    }
}

fn add(
    transaction: &Transaction<'_>,
    known: &mut BTreeMap<Series, i64>,
    rows: &[(i64, Series, Bucket)],
) -> Result<(), rusqlite::Error> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO rollup (step, begins, series, min, sum, max, count) VALUES (60, ?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET
            min = min(min, excluded.min), sum = sum + excluded.sum,
            max = max(max, excluded.max), count = count + excluded.count",
    )?;
    for (minute, series, bucket) in rows {
        let id = number(transaction, known, series)?;
        insert.execute(params![minute, id, bucket.min, bucket.sum, bucket.max, bucket.count])?;
    }
    Ok(())
}

/// A series' number, given when it is new.
fn number(
    transaction: &Transaction<'_>,
    known: &mut BTreeMap<Series, i64>,
    series: &Series,
) -> Result<i64, rusqlite::Error> {
    if let Some(id) = known.get(series) {
        return Ok(*id);
    }
    let name = series.to_string();
    transaction.execute("INSERT OR IGNORE INTO series (name) VALUES (?1)", params![name])?;
    let id =
        transaction.query_row("SELECT id FROM series WHERE name = ?1", params![name], |row| row.get(0))?;
    known.insert(series.clone(), id);
    Ok(id)
}

/// Makes rows of `to` of those of `from`, for every stretch that is over and was not made yet, the newest that was made
/// included: late rows may have come to it.
fn roll_up(transaction: &Transaction<'_>, from: Step, to: Step, newest: i64) -> Result<(), rusqlite::Error> {
    let made: Option<i64> = transaction
        .query_row("SELECT max(begins) FROM rollup WHERE step = ?1", params![to.seconds()], |row| row.get(0))
        .optional()?
        .flatten();
    let over = newest.div_euclid(to.seconds()) * to.seconds();
    let begin = made.unwrap_or(0);
    // Nothing to do, most of the time: the last one that is over was made, and nothing was late.
    if made.is_some_and(|made| made + to.seconds() >= over) {
        return Ok(());
    }
    transaction.execute(
        "INSERT OR REPLACE INTO rollup (step, begins, series, min, sum, max, count)
         SELECT ?1, begins / ?1 * ?1, series, min(min), sum(sum), max(max), sum(count) FROM rollup
         WHERE step = ?2 AND begins >= ?3 AND begins < ?4 GROUP BY begins / ?1, series",
        params![to.seconds(), from.seconds(), begin, over],
    )?;
    Ok(())
}

/// Keeps the rows within their bound: half of it for minutes, the rest for hours, and days go last.
fn forget(transaction: &Transaction<'_>, rows_max: i64) -> Result<(), rusqlite::Error> {
    for (step, share) in [(Step::Minute, 2), (Step::Hour, 4), (Step::Day, 4)] {
        let most = rows_max / share;
        let count: i64 = transaction.query_row(
            "SELECT count(*) FROM rollup WHERE step = ?1",
            params![step.seconds()],
            |row| row.get(0),
        )?;
        if count <= most {
            continue;
        }
        // A tenth more than must go, so that this is not done with every flush.
        let begins: Option<i64> = transaction
            .query_row(
                "SELECT begins FROM rollup WHERE step = ?1 ORDER BY begins LIMIT 1 OFFSET ?2",
                params![step.seconds(), count - most + most / 10],
                |row| row.get(0),
            )
            .optional()?;
        let begins = begins.unwrap_or(i64::MAX);
        transaction.execute(
            "DELETE FROM rollup WHERE step = ?1 AND begins <= ?2",
            params![step.seconds(), begins],
        )?;
    }
    Ok(())
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}
