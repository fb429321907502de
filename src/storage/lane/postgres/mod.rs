//! PostgreSQL: arrays in, one statement whatever their length, on a connection that is held.

mod statements;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use sea_orm::{
    QueryResult,
    sqlx::{
        self, Connection, Encode, PgConnection, Postgres, Row, Type,
        postgres::{PgConnectOptions, PgRow},
    },
};
use tokio::time::timeout;
use uuid::Uuid;

use self::statements::{
    ANSWERED, CLAIMS, ENROLLMENTS, FOUND, FOUND_ONE, INSERT, INSERT_ONE, SET_LIVE, UPDATE, VOID,
};
use super::{Found, FoundRow, LookStatements, Place, changes::Rows};
use crate::{
    domain::person::PersonKey,
    storage::{Error, claim::Claim, request::Request},
};

/// How long a write may take on a connection that says nothing: longer than the server itself allows it.
const WRITE: Duration = Duration::from_secs(35);

/// How long a connection that was held may keep a statement waiting: it may have gone without a word.
const HELD: Duration = Duration::from_secs(2);

/// How long a statement that reads may take on a new connection.
const LOOK: Duration = Duration::from_secs(5);

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection that is kept while it works, and replaced when it does not.
pub struct PostgresLane {
    options: Arc<PgConnectOptions>,
    connection: Option<PgConnection>,
}

impl fmt::Debug for PostgresLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresLane")
    }
}

impl PostgresLane {
    pub(super) fn new(options: Arc<PgConnectOptions>) -> Self {
        Self {
            options,
            connection: None,
        }
    }

    pub(super) async fn answered(
        &mut self,
        requests: &[&Request],
    ) -> Result<Vec<QueryResult>, Error> {
        let callers = column(requests, |request| request.caller.as_str());
        let ids = column(requests, |request| request.id.0);
        let rows = self
            .read(|| sqlx::query(ANSWERED).bind(&callers).bind(&ids))
            .await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    /// Writes and commits.
    pub(super) async fn write(&mut self, rows: &Rows) -> Result<(), Error> {
        let mut connection = self.take().await?;
        let written = within(WRITE, write(&mut connection, rows)).await;
        let written = written.unwrap_or(Err(Error::OutcomeUnknown));
        // What the server refused, or others were faster with, says nothing against the connection.
        if !matches!(written, Err(Error::OutcomeUnknown | Error::Unavailable)) {
            self.connection = Some(connection);
        }
        written
    }

    /// Runs a statement that reads. A connection that was lost while nobody used it, or that says
    /// nothing, is noticed here, and replaced once.
    async fn read<'q>(
        &mut self,
        statement: impl Fn() -> Statement<'q>,
    ) -> Result<Vec<PgRow>, Error> {
        if self.connection.is_some() {
            match within(HELD, self.read_once(statement())).await {
                Ok(Err(Error::Unavailable)) | Err(_) => {}
                Ok(read) => return read,
            }
        }
        within(LOOK, self.read_once(statement())).await?
    }

    async fn read_once(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Error> {
        let mut connection = self.take().await?;
        let rows = statement.fetch_all(&mut connection).await;
        let rows = rows.map_err(|error| Error::from(&error))?;
        self.connection = Some(connection);
        Ok(rows)
    }

    /// Takes the connection out: whoever fails, is cut off or panics does not put it back.
    async fn take(&mut self) -> Result<PgConnection, Error> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let connecting = PgConnection::connect_with(&self.options);
        let connected = within(CONNECT, connecting).await?;
        connected.map_err(|error| Error::from(&error))
    }
}

impl LookStatements for PostgresLane {
    async fn found(&mut self, offer_id: i64, places: &[Place]) -> Result<Found, Error> {
        let found = if let [place] = places {
            let one = || {
                let statement = sqlx::query(FOUND_ONE).bind(offer_id);
                statement.bind(place.digest).bind(place.load_id)
            };
            to_found_one(&self.read(one).await?, place)
        } else {
            let digests = column(places, |place| place.digest);
            let lists = column(places, |place| place.load_id);
            let all = || {
                sqlx::query(FOUND)
                    .bind(offer_id)
                    .bind(&digests)
                    .bind(&lists)
            };
            to_found(&self.read(all).await?)
        };
        let found = found.map_err(|error| Error::from(&error))?;
        found.ok_or_else(|| Error::affected("find"))
    }

    async fn claims(&mut self, offer_id: i64, ids: &[Uuid]) -> Result<Vec<Claim>, Error> {
        let rows = self
            .read(|| sqlx::query(CLAIMS).bind(offer_id).bind(ids))
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Claim {
                    person: PersonKey(row.try_get::<Uuid, _>(0)?.into_bytes()),
                    enrollment: row.try_get(1)?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(|error| Error::from(&error))
    }

    async fn enrollments(&mut self, ids: &[Uuid]) -> Result<Vec<QueryResult>, Error> {
        let rows = self.read(|| sqlx::query(ENROLLMENTS).bind(ids)).await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

/// `None`: not even the version.
fn to_found(rows: &[PgRow]) -> Result<Option<Found>, sqlx::Error> {
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let digests = row.try_get::<Option<Vec<Uuid>>, _>(1)?.unwrap_or_default();
    let loads = row.try_get::<Option<Vec<i64>>, _>(2)?.unwrap_or_default();
    let people = row.try_get::<Option<Vec<Uuid>>, _>(3)?.unwrap_or_default();
    let enrollments = row.try_get::<Option<Vec<Option<Uuid>>>, _>(4)?;
    let columns = digests
        .into_iter()
        .zip(loads)
        .zip(people)
        .zip(enrollments.unwrap_or_default());
    Ok(Some(Found {
        version: row.try_get(0)?,
        rows: columns
            .map(|(((digest, load_id), person), enrollment)| FoundRow {
                digest,
                load_id,
                person,
                enrollment,
            })
            .collect(),
    }))
}

/// `None`: not even the version.
fn to_found_one(rows: &[PgRow], place: &Place) -> Result<Option<Found>, sqlx::Error> {
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let listed = rows.iter().map(|row| {
        let Some(person) = row.try_get(1)? else {
            return Ok(None);
        };
        Ok(Some(FoundRow {
            digest: place.digest,
            load_id: place.load_id,
            person,
            enrollment: row.try_get(2)?,
        }))
    });
    Ok(Some(Found {
        version: row.try_get(0)?,
        rows: listed
            .filter_map(Result::transpose)
            .collect::<Result<_, sqlx::Error>>()?,
    }))
}

type Statement<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

async fn within<T>(bound: Duration, work: impl Future<Output = T>) -> Result<T, Error> {
    timeout(bound, work).await.map_err(|_| Error::Unavailable)
}

async fn write(connection: &mut PgConnection, rows: &Rows) -> Result<(), Error> {
    if rows.changed.is_empty() {
        // One statement is a transaction of its own.
        let inserted = insert(rows).execute(connection).await;
        return inserted.map(drop).map_err(|error| Error::of_commit(&error));
    }
    let mut transaction = connection.begin().await.map_err(|e| Error::from(&e))?;
    match change(&mut transaction, rows).await {
        Ok(()) => {
            let committed = transaction.commit().await;
            committed.map_err(|error| Error::of_commit(&error))
        }
        Err(error) => {
            // If the connection is gone, so is the transaction.
            let _ = transaction.rollback().await;
            Err(error)
        }
    }
}

/// Ends before it begins: whoever is freed in this turn can be claimed in it.
async fn change(connection: &mut PgConnection, rows: &Rows) -> Result<(), Error> {
    let updated = update(rows).execute(&mut *connection).await;
    let updated = updated.map_err(|error| Error::from(&error))?;
    if usize::try_from(updated.rows_affected()) != Ok(rows.changed.len()) {
        return Err(Error::Contention);
    }
    for live in [false, true] {
        let changed = rows.changed.iter().filter(|changed| changed.live == live);
        let ids = changed.map(|changed| changed.row.id).collect::<Vec<_>>();
        let set = sqlx::query(SET_LIVE).bind(live).bind(ids);
        let set = set.execute(&mut *connection).await;
        set.map_err(|error| Error::from(&error))?;
    }
    if !rows.void.is_empty() {
        let void = sqlx::query(VOID)
            .bind(column(&rows.void, |(enrollment, _)| *enrollment))
            .bind(column(&rows.void, |(_, time)| *time));
        let void = void.execute(&mut *connection).await;
        void.map_err(|error| Error::from(&error))?;
    }
    let inserted = insert(rows).execute(connection).await;
    inserted.map(drop).map_err(|error| Error::from(&error))
}

fn update(rows: &Rows) -> Statement<'static> {
    let changed = &rows.changed;
    sqlx::query(UPDATE)
        .bind(column(changed, |changed| changed.row.id))
        .bind(column(changed, |changed| changed.seen))
        .bind(column(changed, |changed| changed.row.state.clone()))
        .bind(column(changed, |changed| changed.row.activate_by_date))
        .bind(column(changed, |changed| changed.row.activate_time))
        .bind(column(changed, |changed| changed.row.term_start_date))
        .bind(column(changed, |changed| changed.row.term_end_date))
        .bind(column(changed, |changed| changed.row.cancel_time))
        .bind(column(changed, |changed| changed.row.cancel_reason.clone()))
        .bind(column(changed, |changed| changed.row.reinstate_by_date))
        .bind(column(changed, |changed| changed.row.end_time))
        .bind(column(changed, |changed| changed.row.end_reason.clone()))
        .bind(column(changed, |changed| changed.row.revision))
        .bind(column(changed, |changed| changed.row.update_time))
}

fn insert(rows: &Rows) -> Statement<'_> {
    let statement = sqlx::query(if rows.are_of_one() {
        INSERT_ONE
    } else {
        INSERT
    });
    let insert = Insert {
        one: rows.are_of_one(),
        statement: statement.bind(rows.offer_id),
    };
    let insert = insert
        .column(&rows.enrollments, |row| row.id)
        .column(&rows.enrollments, |row| row.state.as_str())
        .column(&rows.enrollments, |row| row.enroll_time)
        .column(&rows.enrollments, |row| row.activate_by_date)
        .column(&rows.enrollments, |row| row.activate_time)
        .column(&rows.enrollments, |row| row.term_start_date)
        .column(&rows.enrollments, |row| row.term_end_date)
        .column(&rows.enrollments, |row| row.terms_version.as_str())
        .column(&rows.enrollments, |row| &row.exposed)
        .column(&rows.enrollments, |row| row.contact.as_deref())
        .column(&rows.enrollments, |row| row.revision)
        .column(&rows.enrollments, |row| row.update_time)
        .column(&rows.cohorts, |row| row.enrollment_id)
        .column(&rows.cohorts, |row| row.cohort_id)
        .column(&rows.claims, |row| row.enrollment_id)
        .column(&rows.claims, |row| row.person)
        .column(&rows.codes, |row| row.digest)
        .column(&rows.codes, |row| row.enrollment_id)
        .column(&rows.codes, |row| row.sealed.as_slice())
        .column(&rows.codes, |row| row.assign_time)
        .column(&rows.codes, |row| row.void_time)
        .column(&rows.events, |row| row.id)
        .column(&rows.events, |row| row.time)
        .column(&rows.events, |row| row.event_type.as_str())
        .column(&rows.events, |row| row.actor.as_str())
        .column(&rows.events, |row| row.resource.as_str())
        .column(&rows.events, |row| row.reason.as_deref())
        .column(&rows.events, |row| row.request_id)
        .column(&rows.events, |row| row.details.as_ref())
        .column(&rows.requests, |row| row.caller.as_str())
        .column(&rows.requests, |row| row.request_id)
        .column(&rows.requests, |row| row.fingerprint.as_slice())
        .column(&rows.requests, |row| row.result.as_ref())
        .column(&rows.requests, |row| row.create_time);
    insert.statement
}

/// The statement that adds rows, as it gets its columns.
struct Insert<'r> {
    one: bool,
    statement: Statement<'r>,
}

impl<'r> Insert<'r> {
    fn column<R, T>(mut self, rows: &'r [R], value: impl Fn(&'r R) -> T) -> Self
    where
        T: Type<Postgres> + Encode<'r, Postgres>,
        Vec<T>: Type<Postgres> + Encode<'r, Postgres>,
    {
        self.statement = match rows.first() {
            Some(row) if self.one => self.statement.bind(value(row)),
            Some(_) | None => self.statement.bind(column(rows, value)),
        };
        self
    }
}

fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
