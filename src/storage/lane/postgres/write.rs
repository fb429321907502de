//! What a turn writes, in its order, and how it is committed.

use sea_orm::sqlx::{self, Connection, Encode, PgConnection, Postgres, Row, Type, types::Json};
use uuid::Uuid;

use super::{
    Statement, column,
    statements::{ADD_ALIASES, COUNT_UP, INSERT, INSERT_ONE, SET_LIVE, TAKE_CODES, UPDATE, VOID},
};
use crate::{
    domain::code_pool::PoolCounts,
    storage::{
        Error,
        code::SealedCode,
        job::{ADVANCE, DonePiece},
        lane::changes::{Given, Rows, Taken},
        row::at_revision,
    },
};

/// Writes and commits; gives the codes that came out of the pool.
pub(super) async fn write(connection: &mut PgConnection, rows: &mut Rows) -> Result<Given, Error> {
    if rows.add_only() {
        // One statement is a transaction of its own.
        let inserted = insert(rows).execute(connection).await;
        let inserted = inserted.map_err(|error| Error::of_commit(&error));
        return inserted.map(|_| Given::default());
    }
    let mut transaction = connection.begin().await.map_err(|e| Error::from(&e))?;
    // Boxed: most turns come without it.
    match Box::pin(change(&mut transaction, rows)).await {
        Ok(given) => {
            let committed = transaction.commit().await;
            committed.map_err(|error| Error::of_commit(&error))?;
            Ok(given)
        }
        Err(error) => {
            // If the connection is gone, so is the transaction.
            let _ = transaction.rollback().await;
            Err(error)
        }
    }
}

/// Ends before it begins: whoever is freed in this turn can be claimed in it. Codes come last: whoever else wants
/// some waits until this is committed. (When it makes a person's claim live again, and whoever holds the pool waits for
/// that very claim, the server ends one of the two, after a second, and it is taken again.)
async fn change(connection: &mut PgConnection, rows: &mut Rows) -> Result<Given, Error> {
    if let Some(piece) = &rows.piece {
        advance(connection, piece).await?;
    }
    if !rows.turns.is_empty() {
        count_up(connection, rows).await?;
    }
    if !rows.aliases.is_empty() {
        add_aliases(connection, rows).await?;
    }
    if !rows.changed.is_empty() {
        replace(connection, rows).await?;
    }
    let given = match rows.wanted() {
        0 => Given::default(),
        wanted => {
            let taken = take_codes(connection, rows.offer_id, wanted).await;
            rows.give(taken.map_err(|error| Error::from(&error))?)?
        }
    };
    let inserted = insert(rows).execute(connection).await;
    inserted.map_err(|error| Error::from(&error))?;
    Ok(given)
}

/// Moves a job on by a piece, unless somebody else has.
async fn advance(connection: &mut PgConnection, piece: &DonePiece) -> Result<(), Error> {
    let advance = sqlx::query(ADVANCE)
        .bind(piece.job)
        .bind(piece.seen)
        .bind(piece.last)
        .bind(piece.state.name())
        .bind(piece.passed)
        .bind(piece.changed)
        .bind(piece.time);
    let advanced = advance.execute(connection).await;
    let advanced = advanced.map_err(|error| Error::from(&error))?;
    at_revision(advanced.rows_affected())
}

/// Counts people up, unless somebody else has let one of them in since they were looked at.
async fn count_up(connection: &mut PgConnection, rows: &Rows) -> Result<(), Error> {
    let count_up = sqlx::query(COUNT_UP)
        .bind(column(&rows.turns, |(person, _)| *person))
        .bind(column(&rows.turns, |(_, turn)| *turn));
    let counted = count_up.execute(connection).await;
    let counted = counted.map_err(|error| Error::from(&error))?;
    all_of(&rows.turns, counted.rows_affected())
}

async fn add_aliases(connection: &mut PgConnection, rows: &Rows) -> Result<(), Error> {
    let add = sqlx::query(ADD_ALIASES)
        .bind(rows.first_offer_id)
        .bind(column(&rows.aliases, |row| row.person))
        .bind(column(&rows.aliases, |row| row.alias));
    let added = add.execute(connection).await;
    added.map(|_| ()).map_err(|error| Error::from(&error))
}

/// Replaces enrollments by what they have become.
async fn replace(connection: &mut PgConnection, rows: &Rows) -> Result<(), Error> {
    let updated = update(rows).execute(&mut *connection).await;
    let updated = updated.map_err(|error| Error::from(&error))?;
    all_of(&rows.changed, updated.rows_affected())?;
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
    Ok(())
}

/// Takes so many codes out of the pool, or none when it has not as many. Nobody else takes any until the
/// transaction ends.
async fn take_codes(
    connection: &mut PgConnection,
    offer_id: i64,
    wanted: i64,
) -> Result<Taken, sqlx::Error> {
    let take = sqlx::query(TAKE_CODES).bind(offer_id).bind(wanted);
    let rows = take.fetch_all(connection).await?;
    let codes = rows.iter().map(|row| {
        Ok(SealedCode {
            digest: row.try_get::<Uuid, _>(3)?.into_bytes(),
            sealed: row.try_get(4)?,
        })
    });
    let counts = match rows.first() {
        Some(row) => PoolCounts {
            loaded: row.try_get(0)?,
            assigned: row.try_get(1)?,
            low_mark: row.try_get(2)?,
        },
        None => PoolCounts::default(),
    };
    Ok(Taken {
        codes: codes.collect::<Result<_, sqlx::Error>>()?,
        counts,
    })
}

/// Fails when a statement has not met all of them: others were faster with the rest.
fn all_of<R>(rows: &[R], met: u64) -> Result<(), Error> {
    if usize::try_from(met) == Ok(rows.len()) {
        Ok(())
    } else {
        Err(Error::Contention)
    }
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
        .bind(column(changed, |changed| changed.row.code_source.clone()))
        .bind(column(changed, |changed| changed.row.cancel_time))
        .bind(column(changed, |changed| changed.row.cancel_reason.clone()))
        .bind(column(changed, |changed| changed.row.reinstate_by_date))
        .bind(column(changed, |changed| changed.row.end_time))
        .bind(column(changed, |changed| changed.row.end_reason.clone()))
        .bind(column(changed, |changed| changed.row.migrated_to.clone()))
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
        .column(&rows.enrollments, |row| row.term_not_before_date)
        .column(&rows.enrollments, |row| row.code_source.as_str())
        .column(&rows.enrollments, |row| row.terms_version.as_str())
        .column(&rows.enrollments, |row| &row.exposed)
        .column(&rows.enrollments, |row| row.contact.as_deref())
        .column(&rows.enrollments, |row| row.migrated_from.as_deref())
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
        .column(&rows.codes, |row| row.of_pool)
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
        .column(&rows.requests, |row| Json(&*row.result))
        .column(&rows.requests, |row| row.create_time);
    insert.statement.bind(rows.first_offer_id)
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
