//! PostgreSQL: arrays in, one statement whatever their length, on a connection that is held.

mod statements;
mod write;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use sea_orm::{
    QueryResult,
    sqlx::{
        self, Connection, PgConnection, Row,
        postgres::{PgConnectOptions, PgRow},
    },
};
use tokio::time::timeout;
use uuid::Uuid;

use self::{
    statements::{ANSWERED, CLAIMS, CODES_LEFT, ENROLLMENTS, FOUND, FOUND_ONE},
    write::write,
};
use super::{
    Found, FoundRow, LookStatements, Place,
    changes::{Given, Rows},
};
use crate::{
    domain::person::PersonKey,
    storage::{
        Error, catalogue::Catalogue, claim::Claim, connect::refuse_standby, request::Request,
    },
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

    pub(super) async fn codes_left(&mut self, offer_id: i64) -> Result<i64, Error> {
        let rows = self.read(|| sqlx::query(CODES_LEFT).bind(offer_id)).await?;
        let row = rows.first().ok_or_else(|| Error::affected("find"))?;
        row.try_get(0).map_err(|error| Error::from(&error))
    }

    /// Writes and commits; gives the codes that came out of the pool.
    pub(super) async fn write(&mut self, rows: &mut Rows) -> Result<Given, Error> {
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
        let connecting = async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            refuse_standby(&mut connection).await?;
            Ok(connection)
        };
        let connected = within(CONNECT, connecting).await?;
        connected.map_err(|error: sqlx::Error| Error::from(&error))
    }
}

impl LookStatements for PostgresLane {
    async fn found(&mut self, catalogue: &Catalogue, places: &[Place]) -> Result<Found, Error> {
        let (offer_id, first_offer_id) = (catalogue.offer.id, catalogue.first_offer_id);
        let found = if let [place] = places {
            let one = || {
                let statement = sqlx::query(FOUND_ONE).bind(offer_id);
                let statement = statement.bind(place.digest).bind(place.load_id);
                statement.bind(first_offer_id).bind(place.lowest)
            };
            to_found_one(&self.read(one).await?, place)
        } else {
            let digests = column(places, |place| place.digest);
            let lists = column(places, |place| place.load_id);
            let lowest = column(places, |place| place.lowest);
            let numbers = (0..).take(places.len()).collect::<Vec<i32>>();
            let all = || {
                sqlx::query(FOUND)
                    .bind(offer_id)
                    .bind(&digests)
                    .bind(&lists)
                    .bind(first_offer_id)
                    .bind(&lowest)
                    .bind(&numbers)
            };
            to_found(&self.read(all).await?, places)
        };
        let found = found.map_err(|error| Error::from(&error))?;
        found.ok_or_else(|| Error::affected("find"))
    }

    async fn claims(&mut self, catalogue: &Catalogue, ids: &[Uuid]) -> Result<Vec<Claim>, Error> {
        let rows = self
            .read(|| sqlx::query(CLAIMS).bind(catalogue.first_offer_id).bind(ids))
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

/// `None`: not even the version, or an answer to what was not asked.
fn to_found(rows: &[PgRow], places: &[Place]) -> Result<Option<Found>, sqlx::Error> {
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let numbers = row.try_get::<Option<Vec<i32>>, _>(1)?.unwrap_or_default();
    let people = row.try_get::<Option<Vec<Uuid>>, _>(2)?.unwrap_or_default();
    let enrollments = row.try_get::<Option<Vec<Option<Uuid>>>, _>(3)?;
    let columns = numbers
        .into_iter()
        .zip(people)
        .zip(enrollments.unwrap_or_default());
    let found = columns.map(|((number, person), enrollment)| {
        let place = usize::try_from(number).ok();
        let place = place.and_then(|place| places.get(place));
        place.map(|place| FoundRow {
            digest: place.digest,
            load_id: place.load_id,
            person,
            enrollment,
        })
    });
    let version = row.try_get(0)?;
    let found = found.collect::<Option<Vec<_>>>();
    Ok(found.map(|rows| Found { version, rows }))
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

fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
